"""Records become rows, rows become Delta tables, instances add up to series and studies."""
