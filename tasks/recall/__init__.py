"""The quick way through: what becomes of an element is worked out once, and recalled by its bytes."""
