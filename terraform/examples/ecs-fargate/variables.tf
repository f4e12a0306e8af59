variable "region" {
  description = "AWS region."
  type        = string
}

variable "name" {
  description = "Prefix of every name."
  type        = string
  default     = "postrider"

  validation {
    # 32 characters are a load balancer's limit, of which "-api" takes 4.
    condition     = can(regex("^[a-z][a-z0-9-]{0,25}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must be 2 to 27 lower-case letters, digits and single hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "image" {
  description = "Container image, with tag or digest. Its entry point is postrider; the commands api, worker and migrate are given to it."
  type        = string

  validation {
    condition     = can(regex("(:[^/]+|@sha256:[0-9a-f]{64})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "image must name a version by tag or digest: with latest a task that is replaced at night would be another version."
  }
}

variable "cpu_architecture" {
  description = "What the image was built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64."
  }
}

# --- Network: an existing VPC

variable "vpc_id" {
  description = "VPC of everything."
  type        = string
}

variable "task_subnet_ids" {
  description = "Subnets of the tasks, in two zones or more: private ones with a NAT gateway, through which webhooks leave."
  type        = list(string)

  validation {
    condition     = length(var.task_subnet_ids) >= 2
    error_message = "task_subnet_ids must be two subnets or more."
  }
}

variable "database_subnet_ids" {
  description = "Subnets of the database, in two zones or more; they need no way out."
  type        = list(string)

  validation {
    condition     = length(var.database_subnet_ids) >= 2
    error_message = "database_subnet_ids must be two subnets or more."
  }
}

variable "load_balancer" {
  description = "Where the API listens: subnets (two zones or more), whether only the VPC sees it, who may call, and the ACM certificate of its name."
  type = object({
    subnet_ids      = list(string)
    internal        = optional(bool, true)
    ingress_cidrs   = list(string)
    certificate_arn = string
  })

  validation {
    condition     = length(var.load_balancer.subnet_ids) >= 2 && alltrue([for cidr in var.load_balancer.ingress_cidrs : can(cidrhost(cidr, 0))])
    error_message = "load_balancer needs two subnets or more, and ingress_cidrs such as 10.0.0.0/8."
  }
}

variable "metrics_cidrs" {
  description = "Where Prometheus scrapes from: API tasks on 8080, workers on 9464, both at /metrics. The load balancer does not answer there."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.metrics_cidrs : can(cidrhost(cidr, 0))])
    error_message = "metrics_cidrs must be ranges such as 10.0.0.0/8."
  }
}

# --- Secrets: ephemeral, so they are neither in the state nor in a plan. Write them anew by raising secrets_version.

variable "database_password" {
  description = "Password of the database's user: 16 characters or more that a URL takes as they are (openssl rand -hex 24)."
  type        = string
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{16,128}$", var.database_password))
    error_message = "database_password must be 16 to 128 letters, digits, hyphens and underscores."
  }
}

variable "admin_api_key" {
  description = "ADMIN_API_KEY (openssl rand -hex 24)."
  type        = string
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^[!-~]{20,}$", var.admin_api_key))
    error_message = "admin_api_key must be 20 or more printable characters without spaces."
  }
}

variable "encryption_keys" {
  description = "ENCRYPTION_KEYS, newest first, with commas (openssl rand -base64 32). Keep a copy: without it the partners' secrets are lost."
  type        = string
  sensitive   = true
  ephemeral   = true

  validation {
    # base64 of 32 bytes is 43 characters and one =.
    condition     = can(regex("^[A-Za-z0-9+/]{43}=(,[A-Za-z0-9+/]{43}=)*$", var.encryption_keys))
    error_message = "encryption_keys must be base64 of exactly 32 bytes each, with commas."
  }
}

variable "secrets_version" {
  description = "Raise it to have the three secrets written anew; until then the values given are not used."
  type        = number
  default     = 1
}

# --- Database

variable "database" {
  description = "Size of the database: instance class, gigabytes at first and at most, a standby in another zone, days of backups, whether it may be destroyed."
  type = object({
    instance_class      = optional(string, "db.m7g.large")
    storage_gb          = optional(number, 100)
    max_storage_gb      = optional(number, 1000)
    multi_az            = optional(bool, true)
    backup_days         = optional(number, 7)
    deletion_protection = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.database.max_storage_gb > var.database.storage_gb && var.database.backup_days >= 1
    error_message = "database.max_storage_gb must exceed storage_gb, and backup_days be 1 or more."
  }
}

variable "database_ca_pem" {
  description = "The region's RDS certificates, https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem: Node does not know them."
  type        = string

  validation {
    # The bundle of all regions is 160 kB; a task definition holds 64.
    condition     = strcontains(var.database_ca_pem, "BEGIN CERTIFICATE") && length(var.database_ca_pem) < 30000
    error_message = "database_ca_pem must be one region's bundle in PEM, not the global one."
  }
}

# --- Processes

variable "api" {
  description = "API tasks: how many, CPU units (1024: one vCPU) and MiB of memory each."
  type = object({
    count  = optional(number, 2)
    cpu    = optional(number, 1024)
    memory = optional(number, 2048)
  })
  default = {}

  validation {
    condition     = var.api.count >= 2
    error_message = "api.count must be 2 or more: one would be a gap at its every restart."
  }
}

variable "worker" {
  description = "Worker tasks: fewest and most, CPU units (1024: one vCPU) and MiB of memory each, and the backlog for which another one is started, in waiting messages a task."
  type = object({
    min              = optional(number, 2)
    max              = optional(number, 10)
    cpu              = optional(number, 1024)
    memory           = optional(number, 2048)
    backlog_per_task = optional(number, 1000)
  })
  default = {}

  validation {
    condition     = var.worker.min >= 1 && var.worker.max >= var.worker.min && var.worker.backlog_per_task >= 1
    error_message = "worker.min must be 1 or more (none: nobody counts the backlog per task), and max no less than min."
  }
}

variable "shutdown_grace_seconds" {
  description = "SHUTDOWN_GRACE: how long a stopping process may finish what is in flight. ECS kills it 5 s later."
  type        = number
  default     = 25

  validation {
    condition     = var.shutdown_grace_seconds >= 1 && var.shutdown_grace_seconds <= 115
    error_message = "shutdown_grace_seconds must be from 1 to 115: Fargate kills after 120 s at the latest."
  }
}

variable "settings" {
  description = "Further settings of API and workers, by name, as in .env.example. Not for secrets."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !contains([
      "DATABASE_URL", "ADMIN_API_KEY", "ENCRYPTION_KEYS", "SHUTDOWN_GRACE", "PORT", "HOST", "METRICS_PORT",
    ], name)])
    error_message = "settings must be environment variables that are not set here already."
  }
}

variable "alarm_actions" {
  description = "ARNs told of alarms, for instance an SNS topic of the people on call."
  type        = list(string)
  default     = []
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}
