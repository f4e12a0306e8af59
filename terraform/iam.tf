# What each process calls, and nothing else. Batches need the same actions: PublishBatch is sns:Publish, DeleteMessageBatch
# sqs:DeleteMessage.
locals {
  # To publish to an encrypted topic: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  publish_statements = [
    {
      Sid      = "Publish"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = [aws_sns_topic.events.arn]
    },
    {
      Sid       = "EncryptForTheTopic"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [aws_kms_key.events.arn]
      Condition = { StringEquals = { "kms:ViaService" = "sns.${local.region}.${local.dns_suffix}" } }
    },
  ]

  consume_statements = [
    {
      Sid    = "Consume"
      Effect = "Allow"
      Action = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = concat(
        [for queue in values(aws_sqs_queue.lane) : queue.arn],
        [for queue in values(aws_sqs_queue.dead_letters) : queue.arn],
      )
    },
    {
      Sid       = "DecryptFromTheQueues"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = [aws_kms_key.events.arn]
      Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.${local.dns_suffix}" } }
    },
  ]

  read_statements = [
    {
      Sid      = "ReadTheTopic"
      Effect   = "Allow"
      Action   = ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"]
      Resource = [aws_sns_topic.events.arn] # SNS judges by the topic, also for what is asked of a subscription
    },
    {
      Sid    = "ReadTheQueues"
      Effect = "Allow"
      Action = ["sqs:GetQueueAttributes"]
      Resource = concat(
        [for queue in values(aws_sqs_queue.lane) : queue.arn],
        [for queue in values(aws_sqs_queue.dead_letters) : queue.arn],
      )
    },
  ]

  policies = {
    # Publishes events directly, without the API.
    producer = local.publish_statements
    # Publishes accepted events, and dead letters that are redriven. It never receives.
    api = local.publish_statements
    # Receives from lanes, drains dead-letter queues, and publishes operational events.
    worker = concat(local.consume_statements, local.publish_statements)
    # For whoever runs `postrider doctor`: it reads attributes, and nothing else.
    operator = local.read_statements
  }
}

resource "aws_iam_policy" "role" {
  for_each = local.policies

  # IAM is the same in all regions: the region keeps two deployments of one name apart.
  name        = "${var.name}-${local.region}-${each.key}"
  description = "What Postrider's ${each.key} needs of ${local.topic}"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
  tags        = var.tags
}
