mock_provider "aws" {
  source = "./tests/mocks"
}

run "is_what_topology_json_says" {
  assert {
    condition     = aws_sns_topic.events.name == jsondecode(file("../topology.json")).topic
    error_message = "the topic's name"
  }
  assert {
    condition     = sort(keys(aws_sqs_queue.lane)) == sort([for lane in jsondecode(file("../topology.json")).lanes : lane.lane])
    error_message = "the lanes"
  }
  assert {
    condition = alltrue([for lane in jsondecode(file("../topology.json")).lanes : (
      aws_sqs_queue.lane[lane.lane].name == lane.queue &&
      aws_sqs_queue.lane[lane.lane].visibility_timeout_seconds == lane.visibilitySeconds &&
      aws_sqs_queue.lane[lane.lane].receive_wait_time_seconds == lane.waitSeconds &&
      aws_sqs_queue.lane[lane.lane].message_retention_seconds == lane.retentionSeconds &&
      aws_sqs_queue.dead_letters[lane.lane].name == lane.deadLetterQueue &&
      aws_sqs_queue.dead_letters[lane.lane].message_retention_seconds == lane.deadLetterRetentionSeconds
    )])
    error_message = "names and times of the queues"
  }
  assert {
    condition = alltrue([for lane in jsondecode(file("../topology.json")).lanes :
      jsondecode(aws_sqs_queue.lane[lane.lane].redrive_policy) == {
        deadLetterTargetArn = aws_sqs_queue.dead_letters[lane.lane].arn
        maxReceiveCount     = lane.maxReceiveCount
      }
    ])
    error_message = "redrive into the lane's own dead-letter queue, after as many receives"
  }
  assert {
    condition = alltrue([for lane in jsondecode(file("../topology.json")).lanes : (
      aws_sns_topic_subscription.lane[lane.lane].raw_message_delivery == lane.rawMessageDelivery &&
      aws_sns_topic_subscription.lane[lane.lane].filter_policy_scope == lane.filterPolicyScope &&
      jsonencode(jsondecode(aws_sns_topic_subscription.lane[lane.lane].filter_policy)) == jsonencode(lane.filterPolicy)
    )])
    error_message = "raw delivery and filter policy"
  }
}

# Once in plain values, so that a mistake in topology.json does not hide in the comparison.
run "plain_values_of_the_live_lane" {
  assert {
    condition     = aws_sqs_queue.lane["live"].name == "postrider-events-live" && aws_sqs_queue.dead_letters["live"].name == "postrider-events-live-dlq"
    error_message = "names"
  }
  assert {
    condition     = aws_sqs_queue.lane["live"].visibility_timeout_seconds == 30 && jsondecode(aws_sqs_queue.lane["live"].redrive_policy).maxReceiveCount == 10
    error_message = "visibility and receive count"
  }
  assert {
    condition     = aws_sns_topic_subscription.lane["live"].filter_policy == "{\"lane\":[\"live\",{\"exists\":false}]}"
    error_message = "live takes what names no lane"
  }
  assert {
    condition     = aws_sns_topic_subscription.lane["bulk"].filter_policy == "{\"lane\":[\"bulk\"]}"
    error_message = "bulk takes its own only"
  }
  assert {
    condition     = aws_sns_topic_subscription.lane["live"].endpoint == aws_sqs_queue.lane["live"].arn && aws_sns_topic_subscription.lane["live"].protocol == "sqs"
    error_message = "the lane's queue is subscribed"
  }
}

run "only_the_topic_sends_and_only_the_lane_redrives" {
  assert {
    condition = alltrue([for lane in ["live", "bulk"] : jsondecode(aws_sqs_queue_policy.lane[lane].policy).Statement == [{
      Sid       = "topic-sends"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.lane[lane].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.events.arn } }
    }]])
    error_message = "the queue's policy lets the topic send, and nobody else"
  }
  assert {
    condition = alltrue([for lane in ["live", "bulk"] : jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letters[lane].redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = [aws_sqs_queue.lane[lane].arn]
    }])
    error_message = "only the lane's own queue may use its dead-letter queue"
  }
}

run "another_name_is_in_every_name" {
  variables {
    name = "hooks-staging"
  }
  assert {
    condition = (
      aws_sns_topic.events.name == "hooks-staging-events" &&
      aws_sqs_queue.lane["bulk"].name == "hooks-staging-events-bulk" &&
      aws_sqs_queue.dead_letters["bulk"].name == "hooks-staging-events-bulk-dlq" &&
      aws_kms_alias.events.name == "alias/hooks-staging-events" &&
      strcontains(aws_kms_key.events.policy, ":hooks-staging-events\"")
    )
    error_message = "names begin with the name given"
  }
}

run "a_single_lane_takes_everything" {
  variables {
    topology_json = <<-EOT
      {"name":"postrider","topic":"postrider-events","lanes":[{"lane":"live","queue":"postrider-events-live",
      "deadLetterQueue":"postrider-events-live-dlq","visibilitySeconds":30,"waitSeconds":20,"retentionSeconds":1209600,
      "deadLetterRetentionSeconds":1209600,"maxReceiveCount":5,"rawMessageDelivery":true,
      "filterPolicyScope":"MessageAttributes","filterPolicy":null}]}
    EOT
  }
  command = plan
  assert {
    condition     = aws_sns_topic_subscription.lane["live"].filter_policy == null && length(aws_sqs_queue.lane) == 1
    error_message = "without a filter policy"
  }
}

run "faulty_settings_are_refused" {
  command = plan
  variables {
    name                         = "9 lives"
    topology_json                = "{\"lanes\":[{\"lane\":\"BULK-1\"}]}"
    oldest_message_alarm_seconds = { live = 10 }
    alarm_actions                = ["on-call"]
    kms_deletion_window_days     = 3
  }
  expect_failures = [
    var.name, var.topology_json, var.oldest_message_alarm_seconds, var.alarm_actions, var.kms_deletion_window_days,
  ]
}
