resource "aws_sns_topic" "events" {
  name              = local.topic
  kms_master_key_id = aws_kms_key.events.arn
  tags              = var.tags
}

resource "aws_sns_topic_subscription" "lane" {
  for_each = local.lanes

  topic_arn            = aws_sns_topic.events.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.lane[each.key].arn
  raw_message_delivery = each.value.rawMessageDelivery
  filter_policy_scope  = each.value.filterPolicy == null ? null : each.value.filterPolicyScope
  filter_policy        = each.value.filterPolicy == null ? null : jsonencode(each.value.filterPolicy)

  # What SNS cannot deliver for lack of permission is lost.
  depends_on = [aws_sqs_queue_policy.lane]
}
