# Postrider on ECS Fargate with RDS, in an existing VPC. From outside this repository the module's source is
# git::https://…/postrider.git//terraform?ref=<tag>.
module "postrider" {
  source = "../.."

  name          = var.name
  alarm_actions = var.alarm_actions
}

locals {
  api_port     = 8080
  metrics_port = 9464
  ca_file      = "/ca/rds.pem"

  # Both processes get the same: a worker that signs with other keys than the API encrypts with would be no use.
  environment = merge(module.postrider.environment, var.settings, {
    HOST           = "0.0.0.0" # the container's; security groups decide who reaches it
    PORT           = tostring(local.api_port)
    METRICS_PORT   = tostring(local.metrics_port)
    SHUTDOWN_GRACE = "${var.shutdown_grace_seconds}s"
  })
}
