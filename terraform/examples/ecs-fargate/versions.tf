terraform {
  required_version = ">= 1.11" # secrets are write-only arguments

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags { tags = { service = var.name } }
}
