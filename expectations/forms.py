"""The forms DICOM gives its values, as plain predicates, so that they can be read and tested without an engine.

They judge what cleaning and de-identification left behind, hence they are strict: a value that a tolerant
reader would still understand is a defect here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

SEPARATOR = "\\"
"""What stands between the values of one element (PS3.5 6.4)."""

_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_AGE = re.compile(r"[0-9]{3}[DWMY]")
_CODE = re.compile(r"[A-Z0-9 _]{1,16}")
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?")
_OUR_UID = re.compile(r"2\.25\.([1-9][0-9]{0,38})")
_UUID_VERSION = 8
_UUID_VARIANT = 0b10
_UID_LENGTH = 64
_COSINES = 6


def split_values(text: str) -> list[str]:
    """Split text into the values of an element; empty text has none."""
    return text.split(SEPARATOR) if text else []


def is_uid(text: str) -> bool:
    """Whether `text` is a UI: at most 64 characters, numbers without leading zeros between dots (PS3.5 9.1)."""
    return len(text) <= _UID_LENGTH and _UID.fullmatch(text) is not None


def is_uid_made_here(text: str) -> bool:
    """Whether `text` is a pseudonymous UID as de-identification makes them.

    That is ``2.25.`` and a UUID as a decimal number (PS3.5 annex B.2), of version 8, which RFC 9562
    reserves for UUIDs made by a rule of one's own. Scanners write version 1 or 4 there, so an original
    UID that happens to start with 2.25. is still told apart.
    """
    match = _OUR_UID.fullmatch(text)
    if match is None:
        return False
    number = int(match[1])
    return number >> 128 == 0 and number >> 76 & 0xF == _UUID_VERSION and number >> 62 & 0b11 == _UUID_VARIANT


def is_age(text: str) -> bool:
    """Whether `text` is an AS: three digits and D, W, M or Y (PS3.5 6.2)."""
    return _AGE.fullmatch(text) is not None


def is_code(text: str) -> bool:
    """Whether `text` is a CS: at most 16 upper-case letters, digits, spaces and underscores (PS3.5 6.2)."""
    return _CODE.fullmatch(text) is not None


def is_time(text: str) -> bool:
    """Whether `text` is a TM: HH, HHMM or HHMMSS with up to six decimals; 60 is a leap second (PS3.5 6.2)."""
    return _TIME.fullmatch(text) is not None


def parse_numbers(text: str) -> list[float]:
    """Read the values of an element as numbers; one that is none is NaN, which no bound and no equality holds for."""
    return [float(value) if value else math.nan for value in split_values(text)]


def is_orthonormal(cosines: Sequence[float], tolerance: float) -> bool:
    """Whether six direction cosines are two unit vectors at a right angle (PS3.3 section C.7.6.2.1.1).

    Parameters
    ----------
    tolerance
        Largest deviation allowed of a squared length from 1, and of the scalar product from 0.
    """
    if len(cosines) != _COSINES or not all(map(math.isfinite, cosines)):
        return False
    row, column = cosines[:3], cosines[3:]
    errors = _multiply(row, row) - 1, _multiply(column, column) - 1, _multiply(row, column)
    return all(abs(error) <= tolerance for error in errors)


def is_usual(change: float, deviations: float, most: float, spreads: float, direction: str) -> bool:
    """Whether a metric is as usual: it changed by no more than `most`, or by no more than so many spreads.

    Parameters
    ----------
    direction
        ``up`` or ``down`` where a change the other way is welcome, else ``both``.
    """
    signs = {"up": (1,), "down": (-1,), "both": (1, -1)}[direction]
    return all(sign * change <= most or sign * deviations <= spreads for sign in signs)


def _multiply(first: Sequence[float], second: Sequence[float]) -> float:
    """Compute the scalar product of two vectors."""
    return sum(a * b for a, b in zip(first, second, strict=True))


FORMS: Mapping[str, Callable[[str], bool]] = {"AS": is_age, "CS": is_code, "TM": is_time, "UI": is_uid}
"""Predicate by VR, for the string VRs that are strings in our tables; DA is a date there, which says more."""
