"""PS3.15 Table E.1-1 as rows: by tag, since part of its attributes is newer than any dictionary we carry."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from tasks.deid.actions import Action
from tasks.deid.data import read_rows

EDITION = "2025c"
_NOT_OPTIONS = frozenset({"tag", "keyword", "VR", "basic", "edition"})
_ODD_GROUPS = "odd"


class Row(NamedTuple):
    """One row of the table.

    Attributes
    ----------
    tag
        Eight hex digits; `x` stands for any digit, and `odd` for all odd groups.
    VR
        Empty where the row has no single one.
    options
        Codes by option column, only where the table has one.
    edition
        Edition the row is known from.
    """

    tag: str
    keyword: str
    VR: str
    basic: Action
    options: dict[str, Action]
    edition: str

    @property
    def number(self) -> int | None:
        """The tag as a number; None for a pattern."""
        return None if self.tag == _ODD_GROUPS or "x" in self.tag else int(self.tag, 16)

    def matches(self, tag: int) -> bool:
        """Tell whether the row speaks of `tag`; repeating groups are even ones (PS3.5 section 7.6)."""
        odd = bool(tag >> 16 & 1)
        if self.tag == _ODD_GROUPS:
            return odd
        digits = f"{tag:08X}"
        return not odd and all(mine in ("x", its) for mine, its in zip(self.tag, digits, strict=True))


@cache
def read_table() -> tuple[Row, ...]:
    """Read the whole table, in the order of its tags."""
    return tuple(
        Row(
            cells["tag"],
            cells["keyword"],
            cells["VR"],
            Action(cells["basic"]),
            {name: Action(code) for name, code in cells.items() if code and name not in _NOT_OPTIONS},
            cells["edition"],
        )
        for cells in read_rows("ps3_15_e1_1.csv")
    )
