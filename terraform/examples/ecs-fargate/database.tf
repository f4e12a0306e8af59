resource "aws_db_subnet_group" "postrider" {
  name       = var.name
  subnet_ids = var.database_subnet_ids
}

resource "aws_db_parameter_group" "postrider" {
  name_prefix = "${var.name}-17-"
  family      = "postgres17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "postrider" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = var.database.instance_class

  db_name             = "postrider"
  username            = "postrider"
  password_wo         = var.database_password
  password_wo_version = var.secrets_version

  allocated_storage     = var.database.storage_gb
  max_allocated_storage = var.database.max_storage_gb
  storage_type          = "gp3"
  storage_encrypted     = true

  multi_az               = var.database.multi_az
  db_subnet_group_name   = aws_db_subnet_group.postrider.name
  vpc_security_group_ids = [aws_security_group.database.id]
  parameter_group_name   = aws_db_parameter_group.postrider.name
  publicly_accessible    = false

  backup_retention_period      = var.database.backup_days
  copy_tags_to_snapshot        = true
  deletion_protection          = var.database.deletion_protection
  final_snapshot_identifier    = "${var.name}-final"
  performance_insights_enabled = true
}
