"""A measure of de-identification that knows no cleaner: plants identifiers by a seed, and looks for them afterwards."""
