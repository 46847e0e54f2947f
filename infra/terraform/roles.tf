locals {
  names = {
    source_bucket = var.source_bucket
    source_prefix = var.source_prefix
    target_bucket = var.target_bucket
    target_prefix = var.target_prefix
  }

  readers = { for name, principals in var.readers : name => principals if length(principals) > 0 }

  services = {
    pipeline    = var.pipeline_subjects
    maintenance = var.maintenance_subjects
  }

  roles = merge(
    { for name, principals in local.readers : name => data.aws_iam_policy_document.reader_trust[name].json },
    { for name, subjects in local.services : name => data.aws_iam_policy_document.service_trust[name].json },
  )

  # Which key each role may use, and how.
  keys = merge(
    # Data protection forgets patients, which is to write a file again without them.
    { for name, principals in local.readers : "${name}-target" => {
      role = name, file = name == "data-protection" ? "kms-write" : "kms-read", key = "target"
    } },
    {
      pipeline-source    = { role = "pipeline", file = "kms-read", key = "source" }
      pipeline-target    = { role = "pipeline", file = "kms-write", key = "target" }
      maintenance-target = { role = "maintenance", file = "kms-write", key = "target" }
    },
  )
}

data "aws_iam_policy_document" "reader_trust" {
  for_each = local.readers

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = each.value
    }

    # People: a second factor, and their name in the trail.
    condition {
      test     = "Bool"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["true"]
    }
  }
}

data "aws_iam_policy_document" "service_trust" {
  for_each = local.services

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:sub"
      values   = each.value
    }

    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each             = local.roles
  name                 = "dicomflow-${each.key}"
  assume_role_policy   = each.value
  max_session_duration = contains(keys(local.services), each.key) ? 43200 : 3600
}

resource "aws_iam_role_policy" "s3" {
  for_each = aws_iam_role.this
  name     = "s3"
  role     = each.value.id
  policy   = templatefile("${path.module}/../iam/${each.key}.json", local.names)
}

resource "aws_iam_role_policy" "kms" {
  for_each = local.keys
  name     = "kms-${each.value.key}"
  role     = aws_iam_role.this[each.value.role].id

  policy = templatefile("${path.module}/../iam/${each.value.file}.json", {
    key_arn = aws_kms_key.this[each.value.key].arn
    region  = var.region
  })
}
