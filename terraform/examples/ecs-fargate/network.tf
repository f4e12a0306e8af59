resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "Callers of the API"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "api" {
  name        = "${var.name}-api"
  description = "API tasks"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "worker" {
  name        = "${var.name}-worker"
  description = "Workers, and the task that migrates"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "callers" {
  for_each = toset(var.load_balancer.ingress_cidrs)

  security_group_id = aws_security_group.load_balancer.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_api" {
  security_group_id            = aws_security_group.load_balancer.id
  referenced_security_group_id = aws_security_group.api.id
  ip_protocol                  = "tcp"
  from_port                    = local.api_port
  to_port                      = local.api_port
}

resource "aws_vpc_security_group_ingress_rule" "api_from_load_balancer" {
  security_group_id            = aws_security_group.api.id
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.api_port
  to_port                      = local.api_port
}

# SNS, Secrets Manager, the image's registry and the logs; the API itself calls no receiver.
resource "aws_vpc_security_group_egress_rule" "api_to_aws" {
  security_group_id = aws_security_group.api.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# A subscription's URL may name any port. Private addresses are refused by the egress guard, before a connection is made.
resource "aws_vpc_security_group_egress_rule" "worker_to_receivers" {
  security_group_id = aws_security_group.worker.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 1
  to_port           = 65535
}

locals {
  database_clients = { api = aws_security_group.api.id, worker = aws_security_group.worker.id }

  scraped = merge(
    { for cidr in var.metrics_cidrs : "api ${cidr}" => { group = aws_security_group.api.id, port = local.api_port, cidr = cidr } },
    { for cidr in var.metrics_cidrs : "worker ${cidr}" => { group = aws_security_group.worker.id, port = local.metrics_port, cidr = cidr } },
  )
}

resource "aws_vpc_security_group_egress_rule" "to_database" {
  for_each = local.database_clients

  security_group_id            = each.value
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local.database_clients

  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "metrics" {
  for_each = local.scraped

  security_group_id = each.value.group
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}
