"""The pages a reviewer opens: the history of a target's runs, a report for each, and the data dictionary."""
