locals {
  secrets = {
    DATABASE_URL    = "PostgreSQL connection URL, with its password"
    ADMIN_API_KEY   = "Key with the scope admin"
    ENCRYPTION_KEYS = "Key ring of the secrets at rest"
  }
}

resource "aws_secretsmanager_secret" "setting" {
  for_each = local.secrets

  name                    = "${var.name}/${each.key}"
  description             = each.value
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "database_url" {
  secret_id                = aws_secretsmanager_secret.setting["DATABASE_URL"].id
  secret_string_wo         = "postgresql://${aws_db_instance.postrider.username}:${var.database_password}@${aws_db_instance.postrider.endpoint}/${aws_db_instance.postrider.db_name}?sslmode=verify-full&sslrootcert=${local.ca_file}"
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "admin_api_key" {
  secret_id                = aws_secretsmanager_secret.setting["ADMIN_API_KEY"].id
  secret_string_wo         = var.admin_api_key
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "encryption_keys" {
  secret_id                = aws_secretsmanager_secret.setting["ENCRYPTION_KEYS"].id
  secret_string_wo         = var.encryption_keys
  secret_string_wo_version = var.secrets_version
}
