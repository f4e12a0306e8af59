data "aws_partition" "current" {}

locals {
  tasks_assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# What ECS itself needs to start a task: pull the image, read the secrets, write the logs.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-${var.region}-execution"
  assume_role_policy = local.tasks_assume
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "read_secrets" {
  name = "read-secrets"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [for secret in values(aws_secretsmanager_secret.setting) : secret.arn]
    }]
  })
}

# What the processes may do. The task that migrates needs nothing of AWS, and has no role.
resource "aws_iam_role" "task" {
  for_each = toset(["api", "worker"])

  name               = "${var.name}-${var.region}-${each.key}-task"
  assume_role_policy = local.tasks_assume
}

resource "aws_iam_role_policy_attachment" "task" {
  for_each = aws_iam_role.task

  role       = each.value.name
  policy_arn = module.postrider.policy_arns[each.key]
}
