"""Of which type an attribute is in its IOD (PS3.3): by that a compound code of Table E.1-1 is settled.

Removing an attribute that an IOD requires makes an object that others refuse; leaving a dummy where none
is required tells that there was something. In the main data set the modules of the SOP Class decide; an
attribute of none of them is an extension, which is of type 3 (PS3.2 section 3.11.3). In an item the
sequence decides, and where nobody told us of the two together the type is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from tasks.deid.data import read_rows
from tasks.dicom.dictionary import tag_of


@dataclass(frozen=True, slots=True, eq=False)
class Iod:
    """Types of attributes in one IOD's main data set; the same object for equal types.

    Attributes
    ----------
    types
        1, 2 or 3, by tag, of the attributes with a compound code; None where the IOD is unknown.
    """

    types: Mapping[int, str] | None

    def type_of(self, tag: int, path: str) -> str | None:
        """Give the type of an attribute.

        Parameters
        ----------
        path
            Path of its data set: empty for the main one, else it ends with the sequence and the item.

        Returns
        -------
        str or None
            1, 2 or 3, those that are conditional among them; None where it is unknown.
        """
        if path:
            return _item_types().get((_sequence_of(path), tag))
        return None if self.types is None else self.types.get(tag, "3")


UNKNOWN_IOD = Iod(None)


@lru_cache(1 << 10)
def iod_of(sop_class: str) -> Iod:
    """Give the IOD of a SOP Class, by UID."""
    modules = _modules().get(sop_class)
    return UNKNOWN_IOD if modules is None else _iod(modules)


@cache
def _iod(modules: frozenset[str]) -> Iod:
    types: dict[int, str] = {}
    for module, tag, attribute_type in _module_types():
        if module in modules:
            types[tag] = min(types.get(tag, attribute_type), attribute_type)
    return _shared(frozenset(types.items()))


@cache
def _shared(types: frozenset[tuple[int, str]]) -> Iod:
    return Iod(dict(types))


@cache
def _modules() -> dict[str, frozenset[str]]:
    return {row["UID"]: frozenset(row["modules"].split()) for row in read_rows("iod_modules.csv")}


@cache
def _module_types() -> tuple[tuple[str, int, str], ...]:
    rows = read_rows("module_types.csv")
    return tuple((row["module"], tag_of(row["keyword"]), row["type"]) for row in rows)


@cache
def _item_types() -> dict[tuple[int, int], str]:
    return {
        (tag_of(row["sequence"]), tag_of(row["keyword"])): row["type"] for row in read_rows("item_types.csv")
    }


def _sequence_of(path: str) -> int:
    """Read the innermost sequence's tag off a path such as (0040,A730)[2].(0008,1199)[0]. and the like."""
    start = path.rfind("(")
    return int(path[start + 1 : start + 5] + path[start + 6 : start + 10], 16)
