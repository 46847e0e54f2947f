"""What an object with pixels cannot do without; an object that lacks it is refused, not repaired.

Rows, Columns and Bits Allocated give the size of a frame. Without them nobody can tell where one
frame ends, and a made-up number would turn one patient's image into noise that looks like an image.
"""

from __future__ import annotations

import math

from tasks.cleaning.rules import Rule
from tasks.dicom.dictionary import format_tag, tag_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import numbers_of
from tasks.records import Reject

REQUIRED_TAGS = tuple(map(tag_of, ("Rows", "Columns", "BitsAllocated")))

_INTEGER_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV"})
_LARGEST = 0xFFFF

REQUIRED_MISSING = Rule(
    "required-missing",
    "MISSING_REQUIRED",
    "An object with pixels but without Rows, Columns or Bits Allocated is quarantined.",
)
REQUIRED_VALUE = Rule(
    "required-value",
    "BAD_REQUIRED_VALUE",
    "An object with pixels whose Rows, Columns or Bits Allocated is not one number from 0 to 65535 is quarantined.",
)
REQUIRED_RULES = (REQUIRED_MISSING, REQUIRED_VALUE)


def check_required(dataset: DataSet, has_pixels: bool) -> Reject | None:
    """Refuse an object with pixels that does not say how large a frame is.

    Parameters
    ----------
    dataset
        As read, before `repair`, which empties what cannot be read: here the two codes part.
    """
    if not has_pixels:
        return None
    for tag in REQUIRED_TAGS:
        element = dataset.get(tag)
        if element is None or not element.value:
            return Reject(REQUIRED_MISSING.code, format_tag(tag))
        if not 0 <= _number_of(element) <= _LARGEST:
            return Reject(REQUIRED_VALUE.code, format_tag(tag))
    return None


def _number_of(element: Element) -> float:
    """Read the one whole number an element holds; NaN for anything else."""
    if element.VR not in _INTEGER_VRS:
        return math.nan
    try:
        numbers = numbers_of(element)
    except ValueError:
        return math.nan
    return numbers[0] if len(numbers) == 1 else math.nan
