# The lab of plans/do4ds-lab.yaml (its cloud half) as one writes it for Terraform, for scripts/bench.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "public_key" { type = string }
variable "instance_type" { default = "t3.micro" }

locals {
  name   = "do4ds-lab"
  domain = "do4ds-lab.shop"
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  endpoints {
    ec2     = var.endpoint
    iam     = var.endpoint
    route53 = var.endpoint
    s3      = var.endpoint
    sts     = var.endpoint
  }

  default_tags {
    tags = { project = "penguins", lab = local.name }
  }
}

data "aws_ami" "ubuntu" {
  most_recent = true
  owners      = ["099720109477"]
  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]
  }
}

resource "aws_key_pair" "lab" {
  key_name   = local.name
  public_key = var.public_key
}

resource "aws_security_group" "lab" {
  name        = local.name
  description = "SSH and web"

  ingress {
    description = "SSH"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = ["203.0.113.7/32"]
  }
  ingress {
    protocol         = "tcp"
    from_port        = 443
    to_port          = 443
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  ingress {
    protocol         = "tcp"
    from_port        = 80
    to_port          = 80
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_iam_role" "lab" {
  name = "${local.name}-us-east-1"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "bucket" {
  name = "bucket"
  role = aws_iam_role.lab.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [aws_s3_bucket.lab.arn] },
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = ["${aws_s3_bucket.lab.arn}/*"] },
    ]
  })
}

resource "aws_iam_instance_profile" "lab" {
  name = aws_iam_role.lab.name
  role = aws_iam_role.lab.name
}

resource "aws_instance" "lab" {
  ami                    = data.aws_ami.ubuntu.id
  instance_type          = var.instance_type
  key_name               = aws_key_pair.lab.key_name
  vpc_security_group_ids = [aws_security_group.lab.id]
  iam_instance_profile   = aws_iam_instance_profile.lab.name

  root_block_device {
    volume_size = 30
    volume_type = "gp3"
    encrypted   = true
  }
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
  lifecycle {
    ignore_changes = [ami]
  }
}

resource "aws_eip" "lab" {
  domain = "vpc"
}

resource "aws_eip_association" "lab" {
  allocation_id = aws_eip.lab.id
  instance_id   = aws_instance.lab.id
}

resource "aws_s3_bucket" "lab" {
  bucket        = "do4ds-lab-terraform"
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "lab" {
  bucket = aws_s3_bucket.lab.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lab" {
  bucket = aws_s3_bucket.lab.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}

resource "aws_s3_bucket_public_access_block" "lab" {
  bucket                  = aws_s3_bucket.lab.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_route53_zone" "lab" {
  name = local.domain
}

resource "aws_route53_record" "apex" {
  zone_id = aws_route53_zone.lab.id
  name    = local.domain
  type    = "A"
  ttl     = 300
  records = [aws_eip.lab.public_ip]
}

resource "aws_route53_record" "wildcard" {
  zone_id = aws_route53_zone.lab.id
  name    = "*.${local.domain}"
  type    = "A"
  ttl     = 300
  records = [aws_eip.lab.public_ip]
}

resource "aws_route53_record" "www" {
  zone_id = aws_route53_zone.lab.id
  name    = "www.${local.domain}"
  type    = "CNAME"
  ttl     = 300
  records = [local.domain]
}
