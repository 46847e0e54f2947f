"""Where bytes come from and go to: a folder or an S3 prefix behind one surface, nothing half-written visible."""
