"""Free text made free of identity: what is not provably harmless is cut out, the clinical words around it stay."""
