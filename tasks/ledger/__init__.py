"""What was seen before, what is left to do, and in which batches it is done."""
