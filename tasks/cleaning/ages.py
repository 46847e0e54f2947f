"""Ages (VR AS): a number with its unit becomes three digits and a letter; an age without a unit is emptied.

Forty-five what? A patient of 45 is most often one of years, but neonatal units write days and weeks,
and there a guess would make an infant middle-aged.
"""

from __future__ import annotations

import re

from tasks.cleaning.rules import RepairRule, ValueFormat, empty, spellings, strip_padding, upper_ascii

OLDEST_YEARS = 150
"""Nobody lived longer than 122 years; ages beyond this are typing slips."""

_FORM = re.compile(r"([0-9]{1,4}) ?([^0-9 ].*)")
_UNITS = spellings(
    {
        "D": ("D", "DAY", "DAYS", "天", "日"),
        "W": ("W", "WK", "WKS", "WEEK", "WEEKS", "周"),
        "M": ("M", "MO", "MOS", "MONTH", "MONTHS", "月", "个月"),
        "Y": ("Y", "YR", "YRS", "YEAR", "YEARS", "岁"),
    }
)
_AS = re.compile(r"[0-9]{3}[DWMY]")


def _is_age(text: str) -> bool:
    return _AS.fullmatch(text) is not None and not (text[3] == "Y" and int(text[:3]) > OLDEST_YEARS)


def _read_age(text: str) -> str | None:
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    age = f"{int(match[1]):03d}{_UNITS.get(upper_ascii(match[2]), '')}"
    return age if _is_age(age) else None


AGE = ValueFormat(
    "(?:0[0-9]{2}|1[0-4][0-9])Y|[0-9]{3}[DWM]",
    _is_age,
    (
        strip_padding("age-padding", "BAD_AGE"),
        RepairRule(
            "age-form",
            "BAD_AGE",
            "A whole number with its unit (45Y, 45 y, 45 years, 45岁) becomes three digits and a letter (045Y).",
            _read_age,
        ),
        empty(
            "age-unreadable",
            "BAD_AGE",
            f"An age without a unit, beyond {OLDEST_YEARS} years or in any other form is emptied.",
        ),
    ),
)
