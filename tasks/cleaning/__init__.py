"""Repairs values by named rules, records each repair as a finding, and empties what no rule can repair."""
