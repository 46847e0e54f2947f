"""Names of the places where checks look, so that one page can lead to a line of another."""

from __future__ import annotations

WHOLE_TABLE = "Table-level expectations"


def name_anchor(columns: str | None) -> str:
    """Make the name of a place within its page of Data Docs.

    Parameters
    ----------
    columns
        Column a check judges, two joined by a comma, or None for the table as a whole.
    """
    return (columns or WHOLE_TABLE).replace(", ", "-").replace(" ", "-")
