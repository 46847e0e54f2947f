variable "region" {
  description = "AWS region of both buckets."
  type        = string
}

variable "source_bucket" {
  description = "Name of the bucket that DICOM is delivered to."
  type        = string
}

variable "target_bucket" {
  description = "Name of the bucket that the pipeline publishes to; nothing but targets of dicomflow is in it."
  type        = string
}

variable "source_prefix" {
  description = "Part of the source bucket that the pipeline may read: empty, or ending in a slash."
  type        = string
  default     = ""

  validation {
    condition     = var.source_prefix == "" || endswith(var.source_prefix, "/")
    error_message = "The prefix must be empty or end in a slash, or it would match its neighbours too."
  }
}

variable "target_prefix" {
  description = "The target below the target bucket: empty, or ending in a slash."
  type        = string
  default     = ""

  validation {
    condition     = var.target_prefix == "" || endswith(var.target_prefix, "/")
    error_message = "The prefix must be empty or end in a slash, or it would match its neighbours too."
  }
}

variable "readers" {
  description = "ARNs of the principals that may take each reader's role; a role that nobody may take is not made."
  type = object({
    researcher      = optional(list(string), [])
    reviewer        = optional(list(string), [])
    engineer        = optional(list(string), [])
    data-protection = optional(list(string), [])
  })
  default = {}
}

variable "oidc_provider_arn" {
  description = "OIDC provider of the Kubernetes cluster that runs the pipeline."
  type        = string
}

variable "oidc_issuer" {
  description = "The same provider's issuer, without https://."
  type        = string
}

variable "pipeline_subjects" {
  description = "Service accounts that run the pipeline: the flow's and the Dask workers'."
  type        = list(string)
  default = [
    "system:serviceaccount:dicomflow:dicomflow-flow",
    "system:serviceaccount:dicomflow:dicomflow-dask",
  ]
}

variable "maintenance_subjects" {
  description = "Service accounts that maintain the target."
  type        = list(string)
  default     = ["system:serviceaccount:dicomflow:dicomflow-maintenance"]
}

variable "staging_days" {
  description = "Days after which what a dead run staged is removed; longer than any run and its resumption."
  type        = number
  default     = 14

  validation {
    condition     = var.staging_days >= 7
    error_message = "A run that died on Friday is resumed on Monday: keep staging for a week at least."
  }
}

variable "docs_days" {
  description = "Days that the reports of a run are kept."
  type        = number
  default     = 3650
}

variable "noncurrent_days" {
  description = "Days that replaced and deleted versions of objects are kept in the target."
  type        = number
  default     = 30
}

variable "source_noncurrent_days" {
  description = "Days that replaced and deleted versions of objects are kept in the source."
  type        = number
  default     = 90
}

variable "log_bucket" {
  description = "Existing bucket for access logs; empty for none. Names of source objects may name patients: it is as restricted as the source."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = { project = "dicomflow" }
}
