data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# A key for each bucket: who may decrypt what is published need not be able to decrypt the source.
resource "aws_kms_key" "this" {
  for_each                = local.buckets
  description             = "dicomflow: bucket ${each.value}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  for_each      = aws_kms_key.this
  name          = "alias/dicomflow-${each.key}"
  target_key_id = each.value.key_id
}

# The account's own IAM policies decide, which are the ones in ../iam.
data "aws_iam_policy_document" "key" {
  statement {
    sid       = "AccountDecides"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}
