# A customer key, because the policy of AWS' own keys for SQS does not let SNS use them: an encrypted topic could not
# deliver into an encrypted queue.
resource "aws_kms_key" "events" {
  description             = "Events of ${var.name} in SNS and SQS"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # In a key's policy "*" is this key. Without this statement nobody could change the key any more; with it IAM decides.
        Sid       = "iam-decides"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "topic-sends-into-encrypted-queues"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { ArnEquals = { "aws:SourceArn" = local.topic_arn } }
      },
    ]
  })
}

resource "aws_kms_alias" "events" {
  name          = "alias/${local.topic}"
  target_key_id = aws_kms_key.events.key_id
}
