resource "aws_ecs_cluster" "postrider" {
  name = var.name

  # RunningTaskCount, which the backlog is divided by, is one of its metrics.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_service" "api" {
  name                              = "api"
  cluster                           = aws_ecs_cluster.postrider.id
  task_definition                   = aws_ecs_task_definition.process["api"].arn
  launch_type                       = "FARGATE"
  desired_count                     = var.api.count
  health_check_grace_period_seconds = 120 # migrations run before a process is ready

  # New tasks first, and old ones go when those are healthy.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.task_subnet_ids
    security_groups = [aws_security_group.api.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = "api"
    container_port   = local.api_port
  }

  depends_on = [
    aws_lb_listener.https,
    aws_iam_role_policy_attachment.task,
    aws_iam_role_policy_attachment.execution,
    aws_iam_role_policy.read_secrets,
  ]
}

resource "aws_ecs_service" "worker" {
  name            = "worker"
  cluster         = aws_ecs_cluster.postrider.id
  task_definition = aws_ecs_task_definition.process["worker"].arn
  launch_type     = "FARGATE"
  desired_count   = var.worker.min

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.task_subnet_ids
    security_groups = [aws_security_group.worker.id]
  }

  lifecycle {
    ignore_changes = [desired_count] # autoscaling's
  }

  depends_on = [
    aws_iam_role_policy_attachment.task,
    aws_iam_role_policy_attachment.execution,
    aws_iam_role_policy.read_secrets,
  ]
}
