locals {
  # The lane live has no infix: EVENTS_QUEUE_URL, but EVENTS_BULK_QUEUE_URL.
  infix = { for lane in keys(local.lanes) : lane => lane == "live" ? "" : "${upper(lane)}_" }
}

output "environment" {
  description = "Environment variables of API and worker that say where the topology is. Not secret."
  value = tomap(merge(
    { AWS_REGION = local.region, EVENTS_TOPIC_ARN = aws_sns_topic.events.arn },
    { for lane, infix in local.infix : "EVENTS_${infix}QUEUE_URL" => aws_sqs_queue.lane[lane].url },
    { for lane, infix in local.infix : "EVENTS_${infix}DLQ_URL" => aws_sqs_queue.dead_letters[lane].url },
  ))
}

output "topic_arn" {
  description = "The topic that producers publish to."
  value       = aws_sns_topic.events.arn
}

output "lanes" {
  description = "By lane: its queue and dead-letter queue, with name, ARN and URL."
  value = { for lane in keys(local.lanes) : lane => {
    queue             = { for key in ["name", "arn", "url"] : key => aws_sqs_queue.lane[lane][key] }
    dead_letter_queue = { for key in ["name", "arn", "url"] : key => aws_sqs_queue.dead_letters[lane][key] }
  } }
}

output "kms_key_arn" {
  description = "The key of topic and queues."
  value       = aws_kms_key.events.arn
}

output "policy_arns" {
  description = "ARNs of the managed policies to attach to roles: producer, api, worker, operator."
  value       = { for role, policy in aws_iam_policy.role : role => policy.arn }
}

output "policy_documents" {
  description = "The same policies as JSON, for roles that take inline policies: producer, api, worker, operator."
  value       = { for role, policy in aws_iam_policy.role : role => policy.policy }
}

output "alarm_arns" {
  description = "ARNs of all alarms, for a dashboard or a composite alarm."
  value = concat(
    [for alarm in values(aws_cloudwatch_metric_alarm.oldest_message) : alarm.arn],
    [for alarm in values(aws_cloudwatch_metric_alarm.dead_letters) : alarm.arn],
    [aws_cloudwatch_metric_alarm.failed_notifications.arn, aws_cloudwatch_metric_alarm.no_lane.arn],
  )
}
