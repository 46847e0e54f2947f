"""What PS3.15 Annex E asks, as data and small functions: which elements leave, changed how, and proof of it."""
