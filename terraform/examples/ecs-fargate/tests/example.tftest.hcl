mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region              = "eu-central-1"
  image               = "registry.example/postrider:1.2.3"
  vpc_id              = "vpc-1"
  task_subnet_ids     = ["subnet-1", "subnet-2"]
  database_subnet_ids = ["subnet-3", "subnet-4"]
  load_balancer = {
    subnet_ids      = ["subnet-1", "subnet-2"]
    ingress_cidrs   = ["10.0.0.0/8"]
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1"
  }
  metrics_cidrs     = ["10.1.0.0/16"]
  database_password = "0123456789abcdef-test"
  admin_api_key     = "admin-key-of-this-test-run"
  encryption_keys   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  database_ca_pem   = "-----BEGIN CERTIFICATE-----"
}

run "processes_run_the_image_with_their_command" {
  assert {
    condition = alltrue([for process in ["api", "worker", "migrate"] : (
      jsondecode(aws_ecs_task_definition.process[process].container_definitions)[1].image == "registry.example/postrider:1.2.3" &&
      jsondecode(aws_ecs_task_definition.process[process].container_definitions)[1].command == [process] &&
      aws_ecs_task_definition.process[process].family == "postrider-${process}"
    )])
    error_message = "api, worker and migrate are commands of one image"
  }
  assert {
    condition = alltrue([for process in ["api", "worker"] : alltrue([for name, value in {
      HOST             = "0.0.0.0", PORT = "8080", METRICS_PORT = "9464", SHUTDOWN_GRACE = "25s", AWS_REGION = "eu-central-1"
      EVENTS_TOPIC_ARN = "arn:aws:sns:eu-central-1:111122223333:postrider-events", EVENTS_BULK_QUEUE_URL = "https://sqs/queue"
    } : contains(jsondecode(aws_ecs_task_definition.process[process].container_definitions)[1].environment, { name = name, value = value })])])
    error_message = "settings of API and worker"
  }
  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.process["api"].container_definitions)[1].portMappings[0].containerPort == 8080 &&
      jsondecode(aws_ecs_task_definition.process["worker"].container_definitions)[1].portMappings[0].containerPort == 9464
    )
    error_message = "ports"
  }
}

run "secrets_are_references_only" {
  assert {
    condition = alltrue([for process in ["api", "worker"] :
      toset(jsondecode(aws_ecs_task_definition.process[process].container_definitions)[1].secrets[*].name) == toset(["DATABASE_URL", "ADMIN_API_KEY", "ENCRYPTION_KEYS"])
    ])
    error_message = "API and worker are given the three secrets"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.process["migrate"].container_definitions)[1].secrets[*].name == ["DATABASE_URL"] && aws_ecs_task_definition.process["migrate"].task_role_arn == null
    error_message = "the migration is given the database, and nothing else"
  }
  assert {
    condition = alltrue([for process in ["api", "worker", "migrate"] : alltrue([for secret in ["0123456789abcdef-test", "admin-key-of-this-test-run", "AAAAAAAAAA"] :
      !strcontains(aws_ecs_task_definition.process[process].container_definitions, secret)
    ])])
    error_message = "no secret stands in a task definition"
  }
  assert {
    condition = (
      aws_db_instance.postrider.password_wo == null && aws_db_instance.postrider.password_wo_version == 1 &&
      aws_secretsmanager_secret_version.database_url.secret_string_wo == null
    )
    error_message = "secrets are write-only: not in the state"
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.read_secrets.policy).Statement == [{
      Effect   = "Allow", Action = ["secretsmanager:GetSecretValue"]
      Resource = [for name in ["ADMIN_API_KEY", "DATABASE_URL", "ENCRYPTION_KEYS"] : aws_secretsmanager_secret.setting[name].arn]
    }]
    error_message = "ECS may read these secrets and no others"
  }
}

run "new_secrets_roll_the_tasks" {
  variables {
    secrets_version = 2
  }
  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.process["api"].container_definitions)[1].dockerLabels["postrider.secrets-version"] == "2" &&
      aws_db_instance.postrider.password_wo_version == 2 &&
      aws_secretsmanager_secret_version.encryption_keys.secret_string_wo_version == 2
    )
    error_message = "a new version is written, and makes a new revision of the tasks"
  }
}

run "stops_are_graceful" {
  variables {
    shutdown_grace_seconds = 60
  }
  assert {
    condition = alltrue([for process in ["api", "worker"] :
      jsondecode(aws_ecs_task_definition.process[process].container_definitions)[1].stopTimeout == 65 &&
      contains(jsondecode(aws_ecs_task_definition.process[process].container_definitions)[1].environment, { name = "SHUTDOWN_GRACE", value = "60s" })
    ])
    error_message = "ECS kills later than the process gives up"
  }
  assert {
    condition     = aws_ecs_service.api.deployment_minimum_healthy_percent == 100 && aws_ecs_service.worker.deployment_minimum_healthy_percent == 100
    error_message = "old tasks go when new ones are there"
  }
}

run "health_is_asked_where_it_is_told" {
  assert {
    condition     = aws_lb_target_group.api.health_check[0].path == "/ready" && aws_lb_target_group.api.port == 8080
    error_message = "the load balancer asks /ready"
  }
  assert {
    # A failover of the database takes 1 to 2 minutes, and must not have ECS replace every API task.
    condition     = aws_lb_target_group.api.health_check[0].interval * aws_lb_target_group.api.health_check[0].unhealthy_threshold >= 300
    error_message = "a database failover replaces no task"
  }
  assert {
    condition = (
      strcontains(jsondecode(aws_ecs_task_definition.process["api"].container_definitions)[1].healthCheck.command[3], "127.0.0.1:8080/health") &&
      strcontains(jsondecode(aws_ecs_task_definition.process["worker"].container_definitions)[1].healthCheck.command[3], "127.0.0.1:9464/health")
    )
    error_message = "containers are asked /health"
  }
  assert {
    condition     = aws_lb_listener_rule.no_metrics.action[0].fixed_response[0].status_code == "404" && contains(tolist(aws_lb_listener_rule.no_metrics.condition)[0].path_pattern[0].values, "/metrics")
    error_message = "metrics are not for callers of the API"
  }
}

run "workers_scale_on_backlog_per_task" {
  variables {
    worker = { min = 3, max = 20, backlog_per_task = 400 }
  }
  assert {
    condition     = aws_appautoscaling_target.worker.min_capacity == 3 && aws_appautoscaling_target.worker.max_capacity == 20
    error_message = "bounds"
  }
  assert {
    condition     = aws_appautoscaling_target.worker.resource_id == "service/postrider/worker"
    error_message = "the worker service is scaled"
  }
  assert {
    condition     = aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].target_value == 400
    error_message = "the target"
  }
  assert {
    condition = [for metric in aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics :
      metric.expression if metric.return_data
    ] == ["(FILL(waiting_bulk, 0) + FILL(waiting_live, 0)) / tasks"]
    error_message = "waiting messages of all lanes, divided by running tasks"
  }
  assert {
    condition = toset(flatten([for metric in aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics :
      [for stat in metric.metric_stat : [for m in stat.metric : [for dimension in m.dimensions : "${m.metric_name} ${dimension.name}=${dimension.value}"]]]
      ])) == toset([
      "ApproximateNumberOfMessagesVisible QueueName=postrider-events-live",
      "ApproximateNumberOfMessagesVisible QueueName=postrider-events-bulk",
      "RunningTaskCount ClusterName=postrider",
      "RunningTaskCount ServiceName=worker",
    ])
    error_message = "the metrics are those of these queues and this service"
  }
  assert {
    condition     = contains([for setting in aws_ecs_cluster.postrider.setting : "${setting.name}=${setting.value}"], "containerInsights=enabled")
    error_message = "RunningTaskCount exists with Container Insights only"
  }
}

run "the_database_is_private_encrypted_and_kept" {
  assert {
    condition = (
      aws_db_instance.postrider.engine == "postgres" && aws_db_instance.postrider.engine_version == "17" &&
      aws_db_instance.postrider.storage_encrypted && aws_db_instance.postrider.multi_az && aws_db_instance.postrider.deletion_protection &&
      !aws_db_instance.postrider.publicly_accessible && !coalesce(aws_db_instance.postrider.skip_final_snapshot, false)
    )
    error_message = "PostgreSQL 17, encrypted, with a standby"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.database) == 2 && alltrue([for rule in values(aws_vpc_security_group_ingress_rule.database) : rule.cidr_ipv4 == null && rule.from_port == 5432])
    error_message = "reached by API and workers only"
  }
  assert {
    condition     = contains([for parameter in aws_db_parameter_group.postrider.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "TLS is asked for"
  }
}

run "metrics_are_reached_from_where_prometheus_is" {
  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.metrics : name => rule.from_port } == { "api 10.1.0.0/16" = 8080, "worker 10.1.0.0/16" = 9464 }
    error_message = "API on 8080, workers on 9464"
  }
}

run "faulty_settings_are_refused" {
  command = plan
  variables {
    image                  = "registry.example/postrider:latest"
    database_password      = "with/slash@and:colon"
    encryption_keys        = "short"
    shutdown_grace_seconds = 120
    task_subnet_ids        = ["subnet-1"]
    worker                 = { min = 0 }
    settings               = { DATABASE_URL = "postgresql://user:password@host/db" }
  }
  expect_failures = [
    var.image, var.database_password, var.encryption_keys, var.shutdown_grace_seconds, var.task_subnet_ids, var.worker, var.settings,
  ]
}
