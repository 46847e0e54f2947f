"""What dicomflow does: verbs (`discover.py`, `process.py`, …) that touch the world, nouns (packages) that think."""
