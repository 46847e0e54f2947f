"""Which format the values of an element must have: by its VR, and for a few elements by what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

from expectations.repairs import Repair, parse_repairs
from tasks.cleaning.ages import AGE
from tasks.cleaning.charset import is_defined
from tasks.cleaning.codes import CODE, SEX
from tasks.cleaning.dates import LATEST_DATE, date_format
from tasks.cleaning.datetimes import datetime_format
from tasks.cleaning.declared import declare_formats
from tasks.cleaning.numbers import DECIMAL, FRAME_COUNT, INTEGER, RESCALE_SLOPE, SPACING, binary_check
from tasks.cleaning.rules import ValueFormat
from tasks.cleaning.text import PLAIN_TEXT_VRS, text_pattern
from tasks.cleaning.times import TIME
from tasks.cleaning.uids import UID
from tasks.cleaning.wrong_vr import BYTE_VRS, has_wrong_vr
from tasks.dicom.dictionary import ALL_VRS, tag_of
from tasks.dicom.values import BINARY_NUMBER_VRS, SINGLE_VALUE_VRS, SPECIFIC_CHARACTER_SET, TEXT_VRS

Check = Callable[[bytes], object] | None
"""Truthy for a value that needs no repair; None where there is nothing to check."""

ELEMENT_FORMATS: dict[int, tuple[str, ValueFormat]] = {
    tag_of("PatientSex"): ("CS", SEX),
    tag_of("NumberOfFrames"): ("IS", FRAME_COUNT),
    tag_of("RescaleSlope"): ("DS", RESCALE_SLOPE),
    tag_of("PixelSpacing"): ("DS", SPACING),
    tag_of("ImagerPixelSpacing"): ("DS", SPACING),
    tag_of("NominalScannedPixelSpacing"): ("DS", SPACING),
    tag_of("ImagePositionPatient"): ("DS", DECIMAL.of_count(3)),
    tag_of("ImageOrientationPatient"): ("DS", DECIMAL.of_count(6)),
}
"""Elements whose values must be more than their VR asks, with the VR the format is for."""


def refuse(_: bytes) -> bool:
    """Send a value to the exact way: the check of sequences, and of VRs an element must not have."""
    return False


def _compile(pattern: str, count: int, padding: str = " ", *, single: bool = False) -> Check:
    """Compile the expression of a whole element: values, the delimiters between them, the padding to even length."""
    value = f"(?:{pattern})" if "|" in pattern else pattern
    more = "" if single else rf"(?:\\{value})" + (f"{{{count - 1}}}" if count else "*+")
    return re.compile(f"{value}{more}{padding}?".encode("ascii")).fullmatch


class Formats(dict[int, Mapping[str, Check]]):
    """Gives the quick check for an element by tag, then VR; fills itself from the dictionary.

    Private and unknown tags are checked by their VR alone and not remembered: an object can hold any
    number of them, and a worker reads millions of objects.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]  # one of each is made, so it is told by being that one

    def __init__(self, latest: date, repairs: tuple[Repair, ...] = ()) -> None:
        super().__init__()
        self.by_VR: dict[str, ValueFormat] = {
            "AS": AGE,
            "CS": CODE,
            "DA": date_format(latest),
            "DS": DECIMAL,
            "DT": datetime_format(latest),
            "IS": INTEGER,
            "TM": TIME,
            "UI": UID,
        }
        self.checks: dict[str, Check] = {VR: self._check_of(VR) for VR in ALL_VRS}
        self._of_elements = ELEMENT_FORMATS
        self._of_elements = ELEMENT_FORMATS | declare_formats(repairs, self.format_of)

    def format_of(self, tag: int, VR: str) -> ValueFormat | None:
        """Give the format of an element's values; None for text, numbers in binary and bytes."""
        element_VR, element_format = self._of_elements.get(tag, ("", None))
        return element_format if element_VR == VR else self.by_VR.get(VR)

    def __missing__(self, tag: int) -> Mapping[str, Check]:
        """Work out the checks of a tag met for the first time."""
        checks = {VR: check for VR, check in self.checks.items() if not has_wrong_vr(tag, VR)}
        if len(checks) == len(self.checks):
            return self.checks
        if tag in self._of_elements:
            VR, element_format = self._of_elements[tag]
            checks[VR] = _compile(element_format.pattern, element_format.count)
        if tag == SPECIFIC_CHARACTER_SET:
            checks["CS"] = is_defined
        self[tag] = checks
        return checks

    def _check_of(self, VR: str) -> Check:
        if VR in TEXT_VRS | PLAIN_TEXT_VRS:
            return _compile(text_pattern(VR), 0, single=VR in SINGLE_VALUE_VRS)
        if VR in BINARY_NUMBER_VRS:
            return binary_check(VR)
        if VR in BYTE_VRS:
            return None
        if VR == "SQ":
            return refuse
        return _compile(self.by_VR[VR].pattern, 0, r"\0" if VR == "UI" else " ")


@lru_cache(maxsize=8)
def formats_until(latest: date = LATEST_DATE, repairs: str = "") -> Formats:
    """Give the formats in force when dates after `latest` are in the future.

    Parameters
    ----------
    repairs
        Those that the table of rules declares, as `expectations.repairs.dump_repairs` writes them.
    """
    return Formats(latest, parse_repairs(repairs))


FORMATS = formats_until()
"""The formats in force where nobody says otherwise."""
