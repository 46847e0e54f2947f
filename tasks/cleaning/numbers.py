"""Numbers: in text (VRs DS and IS) rewritten where they have one reading; impossible ones are emptied.

Numbers of one element belong together: half a position points nowhere. So one value that cannot be
read empties the element, and whoever reads numbers after cleaning meets none that do not parse.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import replace

from tasks.cleaning.rules import RepairRule, Rule, ValueFormat, empty, strip_padding
from tasks.dicom.values import NUMBER_FORMATS

LONGEST_DECIMAL, LONGEST_INTEGER = 16, 12
"""Characters (PS3.5 section 6.2), not counting the blanks around a number."""

_DECIMAL = r"[+-]?(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+"
_SHORT_DECIMAL = r"(?![^\\]{17})"
_SMALL_EXPONENT = r"(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]{1,2})?+ *+"
"""Sixteen characters with an exponent of two digits are always finite; three digits take the exact way."""
_NOT_ZERO = r"(?=[0.]*[1-9])"

_ANY_DECIMAL = re.compile(rf" *+{_DECIMAL} *+")
_ANY_INTEGER = re.compile(r" *+[+-]?[0-9]{1,11} *+")

_COMMA = re.compile(r"([+-]?)([0-9]*),([0-9]+(?:[eE][+-]?[0-9]+)?)")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_WHOLE = re.compile(r"([+-]?[0-9]{1,11})\.0*")
_LEADING_ZEROS = re.compile(r"([+-]?)0+([0-9]{1,11})")


def _is_decimal_string(text: str) -> bool:
    return (
        len(text.strip(" ")) <= LONGEST_DECIMAL
        and _ANY_DECIMAL.fullmatch(text) is not None
        and math.isfinite(float(text))
    )


def _is_integer_string(text: str) -> bool:
    if len(text.strip(" ")) > LONGEST_INTEGER or _ANY_INTEGER.fullmatch(text) is None:
        return False
    return -(1 << 31) <= int(text) < 1 << 31


def _read_decimal_comma(text: str) -> str | None:
    """Read `0,5`, but not `1,024`, which is a thousand or one."""
    match = _COMMA.fullmatch(text)
    if match is None or _THOUSANDS.fullmatch(text):
        return None
    return f"{match[1]}{match[2] or '0'}.{match[3]}"


def _shorten(text: str) -> str | None:
    """Shorten a decimal to what reads as the same double, or keep it: a rounded position is another position."""
    if not _ANY_DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        return None
    shortest = repr(float(text)).removesuffix(".0")
    return shortest if len(shortest) <= LONGEST_DECIMAL else text


def _read_whole(text: str) -> str | None:
    match = _WHOLE.fullmatch(text)
    return match[1] if match else None


def _drop_leading_zeros(text: str) -> str | None:
    match = _LEADING_ZEROS.fullmatch(text)
    return match[1] + match[2] if match and len(text) > LONGEST_INTEGER else None


_PADDING = strip_padding("number-padding", "BAD_NUMBER")
_DECIMAL_COMMA = RepairRule(
    "decimal-comma",
    "BAD_NUMBER",
    "A decimal comma becomes a decimal point, unless the comma may part thousands (1,024).",
    _read_decimal_comma,
)
_TOO_LONG = RepairRule(
    "decimal-too-long",
    "VALUE_TOO_LONG",
    f"A decimal of more than {LONGEST_DECIMAL} characters is written shorter if that is the same number in double "
    "precision; else it is kept and recorded.",
    _shorten,
)
_UNREADABLE = empty(
    "number-unreadable",
    "BAD_NUMBER",
    "Numbers that cannot be read, are not finite, or are not whole where they must be empty their element.",
)

DECIMAL = ValueFormat(
    rf"{_SHORT_DECIMAL} *+[+-]?{_SMALL_EXPONENT}",
    _is_decimal_string,
    (_PADDING, _DECIMAL_COMMA, _TOO_LONG, _UNREADABLE),
    whole=True,
)

INTEGER = ValueFormat(
    " *+[+-]?[0-9]{1,9} *+",
    _is_integer_string,
    (
        _PADDING,
        RepairRule(
            "integer-as-decimal",
            "BAD_NUMBER",
            "A whole number written as a decimal (12.0) becomes an integer (12).",
            _read_whole,
        ),
        RepairRule(
            "integer-too-long",
            "VALUE_TOO_LONG",
            f"Leading zeros that make an integer longer than {LONGEST_INTEGER} characters are dropped.",
            _drop_leading_zeros,
        ),
        _UNREADABLE,
    ),
    whole=True,
)


def _restrict(
    pattern: str, accepts: Callable[[float], bool], refused: RepairRule, count: int = 0
) -> ValueFormat:
    """Narrow decimals to those that make sense in an element."""

    def is_valid(text: str) -> bool:
        return _is_decimal_string(text) and accepts(float(text))

    def refuse(text: str) -> str | None:
        return "" if _ANY_DECIMAL.fullmatch(text) and not accepts(float(text)) else None

    rules = (replace(refused, repair=refuse), *DECIMAL.rules)
    return replace(DECIMAL, pattern=pattern, is_valid=is_valid, rules=rules, count=count)


SPACING = _restrict(
    rf"{_SHORT_DECIMAL} *+\+?{_NOT_ZERO}{_SMALL_EXPONENT}",
    lambda number: number > 0,
    empty("spacing-not-positive", "BAD_NUMBER", "Pixel spacings of zero or less empty their element."),
    count=2,
)
RESCALE_SLOPE = _restrict(
    rf"{_SHORT_DECIMAL} *+[+-]?{_NOT_ZERO}{_SMALL_EXPONENT}",
    lambda number: number != 0,
    empty(
        "rescale-slope-zero", "BAD_RESCALE", "A rescale slope of zero is emptied: it makes all pixels equal."
    ),
)

FRAME_COUNT = ValueFormat(
    " *+[+]?[1-9][0-9]{0,8} *+",
    lambda text: _is_integer_string(text) and int(text) > 0,
    (
        strip_padding("frame-count-padding", "BAD_FRAME_COUNT"),
        RepairRule(
            "frame-count-as-decimal",
            "BAD_FRAME_COUNT",
            "A number of frames written as a decimal (2.0) becomes an integer (2).",
            _read_whole,
        ),
        empty(
            "frame-count",
            "BAD_FRAME_COUNT",
            "A number of frames that is not a whole number above zero is emptied.",
        ),
    ),
    whole=True,
)

NUMBER_COUNT = Rule(
    "number-count",
    "BAD_NUMBER",
    "A spacing without two numbers, a position without three and an orientation without six are emptied.",
)
NUMBER_MISSING = Rule(
    "number-missing",
    "BAD_NUMBER",
    "Numbers of which one is empty empty their element: the others lost their place.",
)
NUMBER_LENGTH = Rule(
    "number-length", "BAD_NUMBER", "A binary value that is not a whole number of its VR's numbers is emptied."
)
NUMBER_NOT_FINITE = Rule(
    "number-not-finite",
    "BAD_NUMBER",
    "Floating-point numbers of which one is infinite or not a number are emptied.",
)

_FINITE = {
    "FL": re.compile(rb"(?:[\s\S]{3}[^\x7f\xff]|[\s\S]{2}[\0-\x7f][\x7f\xff])*+"),
    "FD": re.compile(rb"(?:[\s\S]{7}[^\x7f\xff]|[\s\S]{6}[\0-\xef][\x7f\xff])*+"),
}
"""Numbers whose exponent bits are not all ones (IEEE 754), quicker than to unpack them."""


def binary_check(VR: str) -> Callable[[bytes], object]:
    """Give the check that a binary value is a whole number of numbers, all finite."""
    if VR in _FINITE:
        return _FINITE[VR].fullmatch
    size = 4 if VR == "AT" else struct.calcsize("<" + NUMBER_FORMATS[VR])
    return lambda value: not len(value) % size


def binary_fault(VR: str, value: bytes) -> Rule | None:
    """Find what is wrong with a binary value, if anything."""
    code = "L" if VR == "AT" else NUMBER_FORMATS[VR]
    count, rest = divmod(len(value), struct.calcsize("<" + code))
    if rest:
        return NUMBER_LENGTH
    if VR in _FINITE and not all(map(math.isfinite, struct.unpack(f"<{count}{code}", value))):
        return NUMBER_NOT_FINITE
    return None
