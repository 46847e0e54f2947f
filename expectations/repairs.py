"""Repairs that a person declares in the table of rules: how one source writes what no rule of ours can read.

Our own rules read a value only where it has one reading. A person who knows the source knows more: that its dates
begin with the day, or that it says RIGHT for R. A declaration is a pattern or a list of words and never code, is
about named attributes, and is tried on values that are wrong as they stand; whatever it makes of one is checked
like any other value.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from expectations.forms import is_code

DIGITS = r"[0-9]"
_TWO, _ONE_OR_TWO = r"[0-9]{2}", r"[0-9]{1,2}"

FIELDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "DA": {
        "YYYY": ("year", r"[0-9]{4}"),
        "YY": ("short_year", _TWO),
        "MM": ("month", _TWO),
        "M": ("month", _ONE_OR_TWO),
        "DD": ("day", _TWO),
        "D": ("day", _ONE_OR_TWO),
    },
    "TM": {
        "HH": ("hour", _TWO),
        "H": ("hour", _ONE_OR_TWO),
        "MM": ("minute", _TWO),
        "SS": ("second", _TWO),
        "F": ("fraction", r"[0-9]+"),
    },
    "AS": {"N": ("number", r"[0-9]{1,4}")},
    "DS": {"N": ("number", r"[+-]?[0-9]+(?:\.[0-9]+)?")},
    "IS": {"N": ("number", r"[+-]?[0-9]+")},
}
"""What the signs of a reading stand for, by VR: the field, and the digits it may have."""

_FILLING = {
    "A": r"(?!(?i:[ap]\.?m?\b))[A-Za-z]+",
    "?": r"[^ -~]+",
}
"""Signs for what is passed over: a run of letters (never AM or PM, which say something), one outside ASCII."""

_NEEDED: Mapping[str, tuple[frozenset[str], ...]] = {
    "DA": (frozenset({"year", "short_year"}), frozenset({"month"}), frozenset({"day"})),
    "TM": (frozenset({"hour"}), frozenset({"minute"})),
    **{VR: (frozenset({"number"}),) for VR in ("AS", "DS", "IS")},
}
_SAID_TOGETHER = {"fraction": "second"}
_WITH_UNITS = frozenset({"AS", "DS", "IS"})
"""VRs of numbers, in which letters may be a unit: nobody passes over one, it has to be named."""
_TOKEN = re.compile(r"'[^']*'|YYYY|YY|MM|DD|HH|SS|.", re.DOTALL)
_NOT_REPAIRED = frozenset({"SpecificCharacterSet"})
"""Decides how everything else is read, so nobody declares it."""

Problem = tuple[tuple[str | int, ...], str]


def _sort_words(value: object) -> object:
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


def _make_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Repair(BaseModel):
    """How some attributes are to be read where their values are not what their VR asks for.

    Attributes
    ----------
    id
        As in findings; told apart from our own rules by its first two characters.
    attributes
        Keywords of PS3.6, at any depth of an object.
    reads
        Notation of one value: YYYY, YY, MM, M, DD and D in a date; HH, H, MM, SS and F (a fraction) in a time; N
        (a number) in an age, a decimal or an integer. A is any run of letters and ? any run of characters
        outside ASCII, but in numbers no letter is passed over; every other sign, and what stands between single
        quotes, stands for itself.
    values
        In the place of `reads`: words of code strings, with the word that each means.
    unit
        Of an age: D, W, M or Y.
    first_year
        The year from which YY counts on, for a hundred years.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^x-[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    description: str = ""
    VR: Literal["AS", "CS", "DA", "DS", "IS", "TM"]
    attributes: Annotated[tuple[str, ...], BeforeValidator(_make_tuple), Field(min_length=1)]
    reads: Annotated[str, Field(max_length=64)] = ""
    values: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_sort_words)] = ()
    unit: Literal["", "D", "W", "M", "Y"] = ""
    first_year: Annotated[int, Field(ge=1800, le=1999)] | None = None
    owner: str = ""
    version: Annotated[int, Field(ge=1)] = 1

    @property
    def sentence(self) -> str:
        """What it does, in words."""
        said = (
            "; ".join(f"{word} means {meaning}" for word, meaning in self.values)
            if self.values
            else f"{self.reads} is read" + (f" as {self.unit}" if self.unit else "")
        )
        return f"{', '.join(self.attributes)}: {said}. {self.description}".strip()


def parse_repairs(text: str) -> tuple[Repair, ...]:
    """Read repairs as `dump_repairs` writes them."""
    return tuple(Repair.model_validate(one) for one in json.loads(text)) if text else ()


def dump_repairs(repairs: Iterable[Repair]) -> str:
    """Write repairs as one text, the same for the same repairs; empty for none."""
    dumped = [repair.model_dump(mode="json") for repair in repairs]
    return json.dumps(dumped, sort_keys=True, separators=(",", ":")) if dumped else ""


def compile_reading(VR: str, reads: str) -> re.Pattern[str]:
    """Compile a reading to an expression of one value, its fields by name.

    Raises
    ------
    ValueError
        If a sign means nothing in this VR, a field is missing or given twice, or it cannot be told where one ends.
    """
    pattern, seen, open_ended = "", set[str](), False
    for token in _TOKEN.findall(reads):
        field, digits = FIELDS[VR].get(token, ("", ""))
        if field and field in seen:
            raise ValueError(f"has {token} twice")
        if field and open_ended:
            raise ValueError(f"does not say where what stands before {token} ends")
        if field:
            seen.add(field)
            pattern += f"(?P<{field}>{digits})"
        else:
            pattern += _compile_filling(VR, token)
        open_ended = (bool(field) and "," in digits) or "+" in digits
    if missing := [needed for needed in _NEEDED[VR] if not needed & seen]:
        raise ValueError(f"lacks a field for the {min(missing[0], key=len)}")
    if any(field in seen and other not in seen for field, other in _SAID_TOGETHER.items()):
        raise ValueError("has a fraction without seconds")
    return re.compile(pattern)


def _compile_filling(VR: str, sign: str) -> str:
    if sign in _FILLING and not (sign == "A" and VR in _WITH_UNITS):
        return _FILLING[sign]
    if sign.startswith("'") and len(sign) > 1:
        return re.escape(sign[1:-1])
    if sign.isalpha() or sign.isdigit() or sign == "'":
        raise ValueError(
            f"has {sign}, which is no field of {VR} ({', '.join(FIELDS[VR])}); quote what stands for itself"
        )
    return re.escape(sign)


def fits_form(VR: str, reads: str, form: str) -> bool:
    """Tell whether a value of some shape (a digit is a 9, a run of letters an A) may be read by a reading."""
    pattern = ""
    for token in _TOKEN.findall(reads):
        field, digits = FIELDS[VR].get(token, ("", ""))
        if field:
            pattern += digits.replace(DIGITS, "9")
        elif token in _FILLING:
            pattern += re.escape(token)
        else:
            pattern += re.escape(re.sub("[A-Za-z]+", "A", re.sub("[0-9]", "9", token.strip("'"))))
    return re.fullmatch(pattern, form) is not None


def check_repairs(repairs: Iterable[Repair]) -> Iterator[Problem]:
    """Find what does not fit within repairs and between them, as place and message."""
    seen: set[str] = set()
    said: dict[str, set[str]] = defaultdict(set)
    for number, repair in enumerate(repairs):
        if repair.id in seen:
            yield (number, "id"), f"{repair.id} is given twice"
        seen.add(repair.id)
        for place, message in _check_repair(repair):
            yield (number, *place), message
        words = {word for pair in repair.values for word in pair}
        for keyword in repair.attributes:
            if common := said[keyword] & words:
                yield (number, "values"), f"{min(common)} of {keyword} is in another repair, too"
            said[keyword] |= words


def _check_repair(repair: Repair) -> Iterator[Problem]:
    yield from _check_attributes(repair)
    if bool(repair.reads) == bool(repair.values):
        yield ("id",), "needs either `reads` or `values`"
    elif repair.VR == "CS":
        yield from _check_words(repair)
    elif repair.values:
        yield ("values",), "are for code strings (CS)"
    else:
        yield from _check_reading(repair)


def _check_attributes(repair: Repair) -> Iterator[Problem]:
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    for number, keyword in enumerate(repair.attributes):
        tag = tag_for_keyword(keyword)
        if tag is None or keyword in _NOT_REPAIRED:
            yield ("attributes", number), f"{keyword} is no attribute that can be repaired"
        elif dictionary_VR(tag) != repair.VR:
            yield ("attributes", number), f"{keyword} has the VR {dictionary_VR(tag)}"
        elif keyword in repair.attributes[:number]:
            yield ("attributes", number), f"{keyword} is given twice"


def _check_reading(repair: Repair) -> Iterator[Problem]:
    try:
        pattern = compile_reading(repair.VR, repair.reads)
    except ValueError as problem:
        yield ("reads",), str(problem)
        return
    if ("short_year" in pattern.groupindex) != (repair.first_year is not None):
        yield ("first_year",), "says what YY means: give both or neither"
    if (repair.VR == "AS") != bool(repair.unit):
        yield ("unit",), "is of ages, and every age needs one: D, W, M or Y"


def _check_words(repair: Repair) -> Iterator[Problem]:
    if repair.reads:
        yield ("reads",), "is for numbers, dates and times; give the `values` of a code string"
    words = {word for word, _ in repair.values}
    for word, meaning in repair.values:
        if not is_code(meaning):
            yield ("values", word), "must mean a code string: 1 to 16 of A-Z, 0-9, blank and underscore"
        elif meaning in words:
            yield ("values", word), f"means {meaning}, which means something else"
        if not word or word != word.strip() or "\\" in word:
            yield ("values", word), "is no word: it is empty, has blanks around it or holds a backslash"


def describe_schema(schema: dict[str, Any]) -> None:
    """Say in a JSON Schema of `Repair` what a person may write."""
    properties = schema["properties"]
    words = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "minProperties": 1,
        "title": "Values",
    }
    properties["values"] = words
    properties["attributes"] = {
        "anyOf": [{"type": "string"}, properties["attributes"]],
        "title": "Attributes",
    }
