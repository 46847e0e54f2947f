"""Words of the standard, so that a patient called Head does not cost an image its Body Part Examined."""

from __future__ import annotations

from functools import cache

from tasks.deid.data import read_rows
from tasks.dicom.dictionary import tag_of


@cache
def defined_terms() -> dict[int, frozenset[bytes]]:
    """Give the defined terms, as encoded without padding, of the attributes an image cannot do without."""
    return {
        tag_of(row["keyword"]): frozenset(term.encode("ascii") for term in row["terms"].split("|"))
        for row in read_rows("defined_terms.csv")
    }


@cache
def closed_terms() -> frozenset[int]:
    """Give the attributes that have enumerated values: anything else in them is a mistake, or somebody's name."""
    return frozenset(tag_of(row["keyword"]) for row in read_rows("defined_terms.csv") if row["closed"])


def beyond_standard(tag: int, value: bytes) -> bytes:
    """Give what of a value is no defined term of its attribute: all of it where the attribute is not listed."""
    terms = defined_terms().get(tag)
    if terms is None:
        return value
    parts = [part for raw in value.split(b"\\") if (part := raw.strip(b" \0")) and part not in terms]
    return b"\\".join(parts)
