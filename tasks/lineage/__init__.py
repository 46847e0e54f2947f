"""Says in OpenLineage's words where the published data came from, and what was checked on the way."""
