"""A child process that reads what is not plain: whatever an object does to its reader, it costs itself alone."""
