locals {
  buckets = {
    source = var.source_bucket
    target = var.target_bucket
  }
}

# Both hold data of patients, the target pseudonymous ones: a plan that would destroy them is refused.
resource "aws_s3_bucket" "this" {
  for_each = local.buckets
  bucket   = each.value

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    # One call to KMS for many objects instead of one for each: at 100 million objects, that is the bill.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this[each.key].arn
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  policy = templatefile("${path.module}/../iam/bucket.json", {
    bucket  = each.value.id
    key_arn = aws_kms_key.this[each.key].arn
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = var.log_bucket == "" ? {} : aws_s3_bucket.this
  bucket        = each.value.id
  target_bucket = var.log_bucket
  target_prefix = "s3/${each.value.id}/"
}

resource "aws_s3_bucket_lifecycle_configuration" "source" {
  bucket = aws_s3_bucket.this["source"].id

  rule {
    id     = "end-unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.source_noncurrent_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# No rule reaches the tables below published/ and restricted/: Delta decides there which files are still needed, and
# a file that a lifecycle rule takes away breaks the table. `dicomflow maintain` vacuums those.
resource "aws_s3_bucket_lifecycle_configuration" "target" {
  bucket = aws_s3_bucket.this["target"].id

  rule {
    id     = "end-unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }

  # What is staged lies in two places, and what names objects of the source in the restricted one. Records of dead
  # runs go with it, so that nobody tries to finish a run whose parts are gone.
  dynamic "rule" {
    for_each = { sweep-staging = "staging/", sweep-restricted-staging = "restricted/staging/" }

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = "${var.target_prefix}${rule.value}"
      }

      expiration {
        days = var.staging_days
      }

      # What is staged is published or worthless a day later; its old versions are paid for twice.
      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  rule {
    id     = "end-docs-retention"
    status = "Enabled"

    filter {
      prefix = "${var.target_prefix}docs/runs/"
    }

    expiration {
      days = var.docs_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
