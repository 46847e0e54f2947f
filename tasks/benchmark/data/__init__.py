"""What the benchmark writes, as files."""
