resource "aws_sqs_queue" "dead_letters" {
  for_each = local.lanes

  name                      = local.named[each.value.deadLetterQueue]
  message_retention_seconds = each.value.deadLetterRetentionSeconds
  kms_master_key_id         = aws_kms_key.events.arn
  tags                      = var.tags
}

resource "aws_sqs_queue" "lane" {
  for_each = local.lanes

  name                       = local.named[each.value.queue]
  visibility_timeout_seconds = each.value.visibilitySeconds
  receive_wait_time_seconds  = each.value.waitSeconds
  message_retention_seconds  = each.value.retentionSeconds
  kms_master_key_id          = aws_kms_key.events.arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.value.maxReceiveCount
  })
}

# Of its own, because the queue names its dead-letter queue already: they cannot both come first.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  for_each = local.lanes

  queue_url = aws_sqs_queue.dead_letters[each.key].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.lane[each.key].arn]
  })
}

resource "aws_sqs_queue_policy" "lane" {
  for_each = local.lanes

  queue_url = aws_sqs_queue.lane[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "topic-sends"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.lane[each.key].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.events.arn } }
    }]
  })
}
