output "role_arns" {
  description = "Roles to annotate service accounts with, or to give to people."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "target_key_arn" {
  description = "For the setting s3.sse_kms_key_id; the bucket encrypts with it anyway."
  value       = aws_kms_key.this["target"].arn
}
