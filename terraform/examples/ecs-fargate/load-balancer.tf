resource "aws_lb" "api" {
  name                       = "${var.name}-api"
  internal                   = var.load_balancer.internal
  load_balancer_type         = "application"
  subnets                    = var.load_balancer.subnet_ids
  security_groups            = [aws_security_group.load_balancer.id]
  drop_invalid_header_fields = true
  idle_timeout               = 60 # seconds; a poll of a feed waits up to 20
}

resource "aws_lb_target_group" "api" {
  name                 = "${var.name}-api"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = local.api_port
  deregistration_delay = 30 # seconds, for calls under way: the longest is a poll of 20

  # /ready says no while Postgres is away, when the API goes on taking events of partners and keys that it knows. ECS would
  # replace tasks that are "unhealthy" then by ones that know nobody: so 5 minutes pass before it does, more than a failover
  # takes. A process that hangs is found by the container's own health check within 90 s.
  health_check {
    path                = "/ready"
    matcher             = "200"
    interval            = 30
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 10
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.api.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.load_balancer.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}

# /metrics is for Prometheus (with an admin key), which asks the tasks themselves.
resource "aws_lb_listener_rule" "no_metrics" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1

  condition {
    path_pattern {
      values = ["/metrics", "/metrics/*"]
    }
  }

  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}
