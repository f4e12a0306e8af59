# Nothing is asked of AWS: what only AWS could know is made up here.
mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}
mock_data "aws_region" {
  defaults = { name = "eu-central-1" }
}
mock_data "aws_caller_identity" {
  defaults = { account_id = "111122223333" }
}
mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/events" }
}
mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:postrider-events" }
}
override_resource {
  target = aws_sqs_queue.lane["live"]
  values = { arn = "arn:aws:sqs:eu-central-1:111122223333:live", url = "https://sqs/live" }
}
override_resource {
  target = aws_sqs_queue.lane["bulk"]
  values = { arn = "arn:aws:sqs:eu-central-1:111122223333:bulk", url = "https://sqs/bulk" }
}
override_resource {
  target = aws_sqs_queue.dead_letters["live"]
  values = { arn = "arn:aws:sqs:eu-central-1:111122223333:live-dlq", url = "https://sqs/live-dlq" }
}
override_resource {
  target = aws_sqs_queue.dead_letters["bulk"]
  values = { arn = "arn:aws:sqs:eu-central-1:111122223333:bulk-dlq", url = "https://sqs/bulk-dlq" }
}
