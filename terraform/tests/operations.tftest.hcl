mock_provider "aws" {
  source = "./tests/mocks"
}

run "alarms_watch_every_lane" {
  variables {
    alarm_actions = ["arn:aws:sns:eu-central-1:111122223333:on-call"]
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.oldest_message["live"].dimensions.QueueName == "postrider-events-live" &&
      aws_cloudwatch_metric_alarm.oldest_message["live"].metric_name == "ApproximateAgeOfOldestMessage" &&
      aws_cloudwatch_metric_alarm.oldest_message["live"].threshold == 120 &&
      aws_cloudwatch_metric_alarm.oldest_message["bulk"].threshold == 3600
    )
    error_message = "the age of the oldest message"
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.dead_letters["bulk"].dimensions.QueueName == "postrider-events-bulk-dlq" &&
      aws_cloudwatch_metric_alarm.dead_letters["bulk"].threshold == 0
    )
    error_message = "the depth of the dead-letter queues"
  }
  assert {
    condition = alltrue([for alarm in [aws_cloudwatch_metric_alarm.failed_notifications, aws_cloudwatch_metric_alarm.no_lane] : (
      alarm.dimensions.TopicName == "postrider-events" && alarm.namespace == "AWS/SNS" && alarm.statistic == "Sum" && alarm.threshold == 0
    )])
    error_message = "what SNS loses"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.no_lane.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:on-call"])
    error_message = "somebody is told"
  }
  assert {
    condition     = length(output.alarm_arns) == 6
    error_message = "two alarms a lane, two for the topic"
  }
}

run "environment_is_what_the_processes_read" {
  assert {
    condition = output.environment == tomap({
      AWS_REGION            = "eu-central-1"
      EVENTS_TOPIC_ARN      = "arn:aws:sns:eu-central-1:111122223333:postrider-events"
      EVENTS_QUEUE_URL      = "https://sqs/live"
      EVENTS_DLQ_URL        = "https://sqs/live-dlq"
      EVENTS_BULK_QUEUE_URL = "https://sqs/bulk"
      EVENTS_BULK_DLQ_URL   = "https://sqs/bulk-dlq"
    })
    error_message = "EVENTS_… as in .env.example"
  }
}
