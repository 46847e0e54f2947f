"""Guess how a source writes a value whose shape alone is known: as good a guess as a shape allows, and no better.

99/99/9999 has the day first in most of the world and the month first in some of it. So a guess is a proposal, and
whoever applies it says that it is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from expectations.repairs import compile_reading, fits_form

FIRST_YEAR = 1950
"""From which years of two digits are proposed to count."""

_WHOLE: Mapping[str, Mapping[str, str]] = {
    "DA": {"99999999": "DDMMYYYY", "999999": "YYMMDD"},
    "TM": {"9999999": "HMMSSF", "999": "HMM", "99999": "HMMSS"},
}
_PARTS: Mapping[str, tuple[str, ...]] = {"DA": ("D", "M", "Y"), "TM": ("H", "M", "S", "F")}
_YEAR = 4


def guess_reading(VR: str, form: str) -> str:
    """Guess the notation of a shape; empty where there is no guess that could be read."""
    reading = _WHOLE.get(VR, {}).get(form) or _guess(VR, form)
    try:
        compile_reading(VR, reading)
    except (KeyError, ValueError):
        return ""
    return reading if fits_form(VR, reading, form) else ""


def _guess(VR: str, form: str) -> str:
    if VR not in _PARTS:
        return "N" if VR == "AS" and set(form) == {"9"} else ""
    runs = ["".join(signs) for _, signs in groupby(form, lambda sign: sign == "9")]
    widths = [len(run) for run in runs if run.startswith("9")]
    names = iter(("Y", "M", "D") if VR == "DA" and widths[:1] == [_YEAR] else _PARTS[VR])
    return "".join(_name(VR, next(names, "9"), len(run)) if run.startswith("9") else run for run in runs)


def _name(VR: str, letter: str, width: int) -> str:
    """Write a field of some digits: a fraction is F however long, and a year has two or four."""
    if letter == "F" or (width == 1 and not (VR == "TM" and letter != "H")):
        return letter
    return letter * width


def make_repair(VR: str, keyword: str, reads: str) -> dict[str, Any]:
    """Make the declaration of a reading, as a person writes it."""
    repair: dict[str, Any] = {"id": _name_repair(keyword, reads)}
    repair |= {"VR": VR, "attributes": [keyword], "reads": reads}
    if VR == "DA" and "YYYY" not in reads:
        repair["first_year"] = FIRST_YEAR
    if VR == "AS":
        repair["unit"] = "Y"
    return repair


def guess_meaning(word: str, known: Iterator[str]) -> str:
    """Give the one known word that another begins with, as R of RIGHT; empty where none or several do."""
    found = [one for one in known if one and word.startswith(one) and word != one]
    return found[0] if len(found) == 1 else ""


def make_word_repair(keyword: str, word: str, meaning: str) -> dict[str, Any]:
    """Make the declaration that a word means another."""
    named = _name_repair(keyword, word)
    return {"id": named, "VR": "CS", "attributes": [keyword], "values": {word: meaning}}


def _name_repair(keyword: str, said: str) -> str:
    apart = re.sub("(?<=[a-z])(?=[A-Z])", "-", keyword)
    return "x-" + re.sub("[^a-z0-9]+", "-", f"{apart}-{said}".lower()).strip("-")[:60].rstrip("-")
