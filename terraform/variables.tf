variable "name" {
  description = "Prefix of every name: topic <name>-events, queues <name>-events-<lane> and <name>-events-<lane>-dlq."
  type        = string
  default     = "postrider"

  validation {
    # 80 characters are SQS's limit, of which "-events-", the lane (at most 20) and "-dlq" take 32; alarms and policies have room for more.
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,39}$", var.name))
    error_message = "name must be 1 to 40 letters, digits, hyphens and underscores, and begin with a letter."
  }
}

variable "topology_json" {
  description = <<-EOT
    Topology as JSON, as `npm run -s topology:json -- <name> <lane>…` prints it, for other lanes than Postrider's own.
    Null: topology.json of this repository. Names in it are used with `name` in front.
  EOT
  type        = string
  default     = null

  validation {
    condition = var.topology_json == null || try(length([
      for lane in jsondecode(var.topology_json).lanes : lane if can(regex("^[a-z0-9_]{1,20}$", lane.lane))
    ]) == length(jsondecode(var.topology_json).lanes), false)
    error_message = "topology_json must be JSON with lanes, each named by 1 to 20 lower-case letters, digits and underscores: the names become part of environment variables."
  }

  validation {
    condition     = var.topology_json == null || try(jsondecode(var.topology_json).lanes[0].lane == "live", false)
    error_message = "topology_json must have the lane live first: it takes what names no lane, and EVENTS_QUEUE_URL is its queue."
  }
}

variable "oldest_message_alarm_seconds" {
  description = "By lane: the age of the oldest waiting message, in seconds, above which the lane's alarm goes off. Lanes that are not named: 300."
  type        = map(number)
  default     = { live = 120, bulk = 3600 }

  validation {
    condition     = alltrue([for seconds in values(var.oldest_message_alarm_seconds) : seconds >= 60 && seconds <= 1209600])
    error_message = "Each age must be from 60 (visibility is 30 s: below that, one crash of a worker is an alarm) to 1209600 (14 days: messages are gone then)."
  }
}

variable "alarm_actions" {
  description = "ARNs told when an alarm goes off and when it is over, for instance an SNS topic. Not the events topic."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_actions : startswith(arn, "arn:")])
    error_message = "alarm_actions must be ARNs."
  }
}

variable "kms_deletion_window_days" {
  description = "Days between the destruction of the key and its end. What is still encrypted with it is lost then."
  type        = number
  default     = 30

  validation {
    condition     = var.kms_deletion_window_days >= 7 && var.kms_deletion_window_days <= 30
    error_message = "kms_deletion_window_days must be from 7 to 30."
  }
}

variable "tags" {
  description = "Tags of everything that takes tags."
  type        = map(string)
  default     = {}
}
