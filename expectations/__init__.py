"""What good data is: table contracts, quality rules, and the suites compiled from them. Imports nothing of ours."""
