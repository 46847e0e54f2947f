"""The shape of a value that could not be read: enough to write a rule for it, too little to say whose it was.

A digit is a 9, a run of letters is one A whatever its length, everything outside ASCII is a question mark.
So 31/12/1999 is 99/99/9999, and a name in the place of a date is A^A.
"""

from __future__ import annotations

import re

LONGEST = 24
"""Signs of a shape, at most: what is longer is no notation of anything."""

_LETTERS = re.compile(r"[A-Za-z]+")
_DIGIT = re.compile(r"[0-9]")
_OTHER = re.compile(r"[^ -~]+")


def shape_of(value: bytes) -> str:
    """Give the shape of a value of a string VR, of several values that of the first."""
    text = value.split(b"\\")[0].strip(b" \0").decode("latin-1")
    shape = _OTHER.sub("?", _DIGIT.sub("9", _LETTERS.sub("A", text[: 2 * LONGEST])))
    return shape if len(shape) <= LONGEST else f"{shape[:LONGEST]}+"
