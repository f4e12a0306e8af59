output "api_dns_name" {
  description = "Name of the load balancer: point your own, the certificate's, at it."
  value       = aws_lb.api.dns_name
}

output "topic_arn" {
  description = "For producers that publish directly."
  value       = module.postrider.topic_arn
}

output "producer_policy_arn" {
  description = "To attach to the roles of producers that publish directly."
  value       = module.postrider.policy_arns.producer
}

output "migrate_command" {
  description = "Migrates the database once. API and workers do so when they start, too; this way a migration that fails is seen before a rollout."
  value = join(" ", [
    "aws ecs run-task --region ${var.region} --cluster ${aws_ecs_cluster.postrider.name} --launch-type FARGATE",
    "--task-definition ${aws_ecs_task_definition.process["migrate"].family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.task_subnet_ids)}],securityGroups=[${aws_security_group.worker.id}]}'",
  ])
}

output "log_groups" {
  description = "CloudWatch log groups by process."
  value       = { for process, group in aws_cloudwatch_log_group.process : process => group.name }
}
