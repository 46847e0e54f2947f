"""Code strings (VR CS): lower case becomes upper; what still is no code is emptied, never respelt.

Replacing the characters a code may not have would coin codes nobody defined (`A/P` is not `A_P`).
Patient's Sex has three values only, so there words that mean one of them are understood, too.
"""

from __future__ import annotations

import re

from tasks.cleaning.rules import RepairRule, ValueFormat, empty, spellings, strip_padding, upper_ascii

LONGEST_CODE = 16
"""Characters (PS3.5 section 6.2)."""

_CS = re.compile(r"[A-Z0-9 _]*")

_SEXES = ("M", "F", "O")
"""Enumerated values of Patient's Sex (PS3.3 C.7.1.1); an unknown sex is an empty value."""

_SEX_OF_WORD = spellings(
    {
        "M": ("M", "MALE", "MAN", "男", "男性"),
        "F": ("F", "FEMALE", "WOMAN", "女", "女性"),
        "O": ("O", "OTHER", "DIVERSE", "其他"),
    }
)


def _is_code(text: str) -> bool:
    return len(text) <= LONGEST_CODE and _CS.fullmatch(text) is not None


def _to_upper(text: str) -> str | None:
    upper = upper_ascii(text)
    return upper if upper != text and _CS.fullmatch(upper) else None


_PADDING = strip_padding("code-padding", "BAD_CODE_REPAIRED")
_CASE = RepairRule(
    "code-string-case", "BAD_CODE_REPAIRED", "A code in lower case becomes upper case.", _to_upper
)

CODE = ValueFormat(
    "[A-Z0-9 _]{0,16}+",
    _is_code,
    (
        _PADDING,
        _CASE,
        RepairRule(
            "code-too-long",
            "VALUE_TOO_LONG",
            f"A code of more than {LONGEST_CODE} characters is kept and recorded.",
            lambda text: text if _CS.fullmatch(text) else None,
        ),
        empty(
            "code-illegal",
            "BAD_CODE_REPAIRED",
            "A code with other characters than letters, digits, blank and underscore is emptied.",
        ),
    ),
)

SEX = ValueFormat(
    " *+[MFO] *+",
    lambda text: text.strip(" ") in _SEXES,
    (
        _PADDING,
        RepairRule(
            "sex-word",
            "BAD_CODE_REPAIRED",
            "Patient's Sex in lower case or as a word (male, female, other, 男, 女, 其他) becomes M, F or O.",
            lambda text: _SEX_OF_WORD.get(upper_ascii(text)),
        ),
        empty("sex-unknown", "BAD_CODE_REPAIRED", "Any other Patient's Sex is emptied: unknown is empty."),
    ),
)
