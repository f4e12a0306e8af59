mock_provider "aws" {
  source = "./tests/mocks"
}

run "everything_is_encrypted_with_a_key_that_sns_may_use" {
  assert {
    condition = alltrue([for key in concat(
      [aws_sns_topic.events.kms_master_key_id],
      [for queue in values(aws_sqs_queue.lane) : queue.kms_master_key_id],
      [for queue in values(aws_sqs_queue.dead_letters) : queue.kms_master_key_id],
    ) : key == aws_kms_key.events.arn])
    error_message = "topic and queues are encrypted with the key"
  }
  assert {
    condition     = aws_kms_key.events.enable_key_rotation
    error_message = "the key rotates"
  }
  assert {
    condition = [for statement in jsondecode(aws_kms_key.events.policy).Statement : statement if try(statement.Principal.Service, null) == "sns.amazonaws.com"] == [{
      Sid       = "topic-sends-into-encrypted-queues"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-central-1:111122223333:postrider-events" } }
    }]
    error_message = "SNS uses the key for this topic only"
  }
  assert {
    condition     = local.topic_arn == aws_sns_topic.events.arn
    error_message = "the ARN in the key's policy is the topic's"
  }
}

run "policies_are_least_privilege" {
  assert {
    condition     = sort(keys(output.policy_documents)) == tolist(["api", "operator", "producer", "worker"])
    error_message = "a policy for each role"
  }
  assert {
    condition = alltrue(flatten([for document in values(output.policy_documents) : [
      for statement in jsondecode(document).Statement : [
        statement.Effect == "Allow",
        [for action in statement.Action : !strcontains(action, "*")],
        [for resource in statement.Resource : startswith(resource, "arn:aws:") && !strcontains(resource, "*")],
        [for key in statement.Resource : try(statement.Condition.StringEquals["kms:ViaService"] != "", false) if strcontains(key, ":kms:")],
      ]
    ]]))
    error_message = "no wildcard in any action or resource, and the key only by way of SNS or SQS"
  }
  assert {
    condition = sort(flatten([for statement in jsondecode(output.policy_documents["operator"]).Statement : statement.Action])) == tolist([
      "sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sqs:GetQueueAttributes",
    ])
    error_message = "operators read"
  }
  assert {
    condition = alltrue([for role in ["producer", "api"] :
      sort(flatten([for statement in jsondecode(output.policy_documents[role]).Statement : statement.Action])) == tolist(["kms:Decrypt", "kms:GenerateDataKey", "sns:Publish"])
    ])
    error_message = "producer and API publish, and cannot receive"
  }
  assert {
    condition = sort(distinct(flatten([for statement in jsondecode(output.policy_documents["worker"]).Statement : statement.Action]))) == tolist([
      "kms:Decrypt", "kms:GenerateDataKey", "sns:Publish",
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
    ])
    error_message = "workers receive, and publish operational events"
  }
  assert {
    condition = sort(flatten([for statement in jsondecode(output.policy_documents["worker"]).Statement : statement.Resource if statement.Sid == "Consume"])) == sort([
      for queue in ["live", "bulk", "live-dlq", "bulk-dlq"] : "arn:aws:sqs:eu-central-1:111122223333:${queue}"
    ])
    error_message = "workers receive from every lane and its dead-letter queue"
  }
  assert {
    condition = { for statement in jsondecode(output.policy_documents["worker"]).Statement : statement.Sid => statement.Condition.StringEquals["kms:ViaService"] if can(statement.Condition) } == {
      DecryptFromTheQueues = "sqs.eu-central-1.amazonaws.com"
      EncryptForTheTopic   = "sns.eu-central-1.amazonaws.com"
    }
    error_message = "the key is used by way of the service that it is for"
  }
  assert {
    condition     = aws_iam_policy.role["worker"].name == "postrider-eu-central-1-worker"
    error_message = "the region is in the name"
  }
}
