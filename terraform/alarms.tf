# What AWS sees. How many webhooks fail is known to the workers alone: alert on their Prometheus metrics.

resource "aws_cloudwatch_metric_alarm" "oldest_message" {
  for_each = local.lanes

  alarm_name          = "${local.named[each.value.queue]}-oldest-message"
  alarm_description   = "Events of lane ${each.key} wait too long: workers are down, too few, or cannot reach Postgres."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.lane[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = lookup(var.oldest_message_alarm_seconds, each.key, 300)
  treat_missing_data  = "notBreaching" # SQS tells nothing of a queue that was idle for 6 hours
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# Workers drain dead-letter queues into Postgres within seconds, so these are empty: what stays there, nobody drains. That
# something became a dead letter at all is told by the event dead_letter.created.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = local.lanes

  alarm_name          = "${local.named[each.value.deadLetterQueue]}-depth"
  alarm_description   = "Dead letters of lane ${each.key} are not drained: no worker runs with this queue, or it cannot reach Postgres. They are lost after ${each.value.deadLetterRetentionSeconds / 86400} days."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters[each.key].name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# For queues SNS counts a failure when it has given up, so each is an event that is lost.
resource "aws_cloudwatch_metric_alarm" "failed_notifications" {
  alarm_name          = "${local.topic}-failed-notifications"
  alarm_description   = "SNS could not put events into a lane's queue, and has given up: look at the queue's policy and the key's."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  dimensions          = { TopicName = aws_sns_topic.events.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# With several lanes SNS matches a message without any attribute with none of them.
resource "aws_cloudwatch_metric_alarm" "no_lane" {
  alarm_name          = "${local.topic}-no-lane"
  alarm_description   = "A direct producer publishes without message attributes: no lane takes such an event, and it is lost. Set the attribute lane."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFilteredOut-NoMessageAttributes"
  dimensions          = { TopicName = aws_sns_topic.events.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
