locals {
  # By process: its command, size, port, and the settings it needs.
  processes = {
    api = {
      command     = ["api"], cpu = var.api.cpu, memory = var.api.memory, port = local.api_port
      environment = local.environment, secrets = keys(local.secrets)
    }
    worker = {
      command     = ["worker"], cpu = var.worker.cpu, memory = var.worker.memory, port = local.metrics_port
      environment = local.environment, secrets = keys(local.secrets)
    }
    migrate = {
      command     = ["migrate"], cpu = 512, memory = 1024, port = null
      environment = {}, secrets = ["DATABASE_URL"]
    }
  }

  # Fargate gives a container a volume that belongs to root: this one, which ends before the process starts, runs as root.
  write_certificates = {
    name        = "certificates"
    image       = var.image
    essential   = false
    user        = "0"
    entryPoint  = ["node", "-e"]
    command     = ["require('node:fs').writeFileSync('${local.ca_file}', process.env.RDS_CA)"]
    environment = [{ name = "RDS_CA", value = var.database_ca_pem }]
    mountPoints = [{ sourceVolume = "ca", containerPath = "/ca", readOnly = false }]
  }

  # /health, not /ready: a process waits for what is away by itself, and a restart brings nothing back sooner.
  listening = { for process, it in local.processes : process => {
    portMappings = [{ containerPort = it.port, protocol = "tcp" }]
    healthCheck = {
      command = [
        "CMD", "node", "-e",
        "fetch('http://127.0.0.1:${it.port}/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))",
      ]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }
  } if it.port != null }
}

resource "aws_cloudwatch_log_group" "process" {
  for_each = local.processes

  name              = "/postrider/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_task_definition" "process" {
  for_each = local.processes

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = each.key == "migrate" ? null : aws_iam_role.task[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  volume {
    name = "ca"
  }

  container_definitions = jsonencode([
    merge(local.write_certificates, { logConfiguration = local.log[each.key] }),
    merge(
      {
        name             = each.key
        image            = var.image
        essential        = true
        command          = each.value.command
        environment      = [for name, value in each.value.environment : { name = name, value = value }]
        secrets          = [for name in each.value.secrets : { name = name, valueFrom = aws_secretsmanager_secret.setting[name].arn }]
        mountPoints      = [{ sourceVolume = "ca", containerPath = "/ca", readOnly = true }]
        dependsOn        = [{ containerName = "certificates", condition = "SUCCESS" }]
        stopTimeout      = var.shutdown_grace_seconds + 5 # the process ends by itself within its grace
        logConfiguration = local.log[each.key]
        # ECS reads secrets when a task starts: new ones make a new revision, and so a rollout.
        dockerLabels = { "postrider.secrets-version" = tostring(var.secrets_version) }
      },
      try(local.listening[each.key], {}),
    ),
  ])

  # A task that starts before its secrets have values fails.
  depends_on = [
    aws_secretsmanager_secret_version.database_url,
    aws_secretsmanager_secret_version.admin_api_key,
    aws_secretsmanager_secret_version.encryption_keys,
  ]
}

locals {
  log = { for process, group in aws_cloudwatch_log_group.process : process => {
    logDriver = "awslogs"
    options = {
      awslogs-group         = group.name
      awslogs-region        = var.region
      awslogs-stream-prefix = "ecs"
    }
  } }
}
