"""Clean Structured Content (PS3.15 E.3.4): the content items of a report, one by one.

Most of an item is cleaned by what it is, like any other element: text word by word, names to pseudonyms,
dates moved, UIDs mapped, codes kept where they are public. What is left is what an item means by its
concept name: the number of an age is no other number than that of a diameter. So items that tell what the
table removes elsewhere are found by name, and go with all they contain.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from tasks.deid.codes import CODE_VALUE, DESIGNATOR, LONG_CODE_VALUE
from tasks.deid.data import read_rows
from tasks.deid.keep import Treatment, walk_sequence
from tasks.deid.work import Work
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import encode_text

CONTENT_SEQUENCES = frozenset(
    map(
        tag_of,
        (
            "AcquisitionContextSequence",
            "ContentSequence",
            "SpecimenPreparationSequence",
            "SpecimenPreparationStepContentItemSequence",
        ),
    )
)
"""Sequences whose items are content items, or hold them."""
_CONCEPT_NAME, _MEASURED, _UNITS = map(
    tag_of, ("ConceptNameCodeSequence", "MeasuredValueSequence", "MeasurementUnitsCodeSequence")
)
_NUMERIC_VALUE = tag_of("NumericValue")
_PER_YEAR = {"a": 1.0, "mo": 12.0, "wk": 52.1775, "d": 365.2425}
"""UCUM units of an age."""
_OLDEST_TOLD = 90


class Kind(StrEnum):
    """What `data/content_items.csv` says of a concept name."""

    CHARACTERISTIC = "characteristic"
    AGE = "age"


@cache
def kinds() -> dict[tuple[str, str], Kind]:
    """Read the listed concept names, by scheme and code."""
    return {(row["scheme"], row["code"]): Kind(row["kind"]) for row in read_rows("content_items.csv")}


def clean_content(*, keeps_characteristics: bool) -> Treatment:
    """Make the treatment of a sequence of content items.

    Parameters
    ----------
    keeps_characteristics
        Whether sex, age, size and weight of the patient stay.
    """

    def treat(work: Work, element: Element, path: str) -> Element | None:
        if element.items is None:
            return walk_sequence(work, element, path) or Element(element.tag, "SQ", b"", ())
        kept = [_keep_item(item, keeps_characteristics=keeps_characteristics) for item in element.items]
        items = tuple(item for item in kept if item is not None)
        return walk_sequence(work, element._replace(items=items), path)

    return treat


def _keep_item(item: DataSet, *, keeps_characteristics: bool) -> DataSet | None:
    """Give what of an item is to be cleaned, None if all of it goes."""
    kind = _kind_of(item)
    if kind is None:
        return item
    if not keeps_characteristics:
        return None
    return item if kind is Kind.CHARACTERISTIC else _generalise_age(item)


def _kind_of(item: DataSet) -> Kind | None:
    names = item.get(_CONCEPT_NAME)
    found = (_code_of(name) for name in names.items or ()) if names is not None else ()
    return next((kind for code in found if (kind := kinds().get(code)) is not None), None)


def _generalise_age(item: DataSet) -> DataSet | None:
    """Tell an age above 89 years as 90; what cannot be told to be one is removed."""
    measured = item.get(_MEASURED)
    values = () if measured is None else measured.items or ()
    told = [_tell_age(value) for value in values]
    kept = tuple(value for value in told if value is not None)
    if measured is None or len(kept) != len(values):
        return None
    return DataSet({**item, _MEASURED: measured._replace(items=kept)})


def _tell_age(value: DataSet) -> DataSet | None:
    number, units = value.get(_NUMERIC_VALUE), value.get(_UNITS)
    unit = next((_code_of(one)[1] for one in (units.items or ())), "") if units is not None else ""
    if number is None or units is None or unit not in _PER_YEAR:
        return None
    try:
        age = float(number.value.decode("ascii").strip(" \0"))
    except ValueError:
        return None
    most = _OLDEST_TOLD * _PER_YEAR[unit]
    if not age >= 0:  # not a number either
        return None
    if age < most:
        # Nothing but these two: a fraction or a double beside them would say the same.
        return DataSet({_UNITS: units, _NUMERIC_VALUE: number})
    told = Element(_NUMERIC_VALUE, "DS", encode_text("DS", f"{most:.0f}"))
    return DataSet({_UNITS: units, _NUMERIC_VALUE: told})


def _code_of(item: DataSet) -> tuple[str, str]:
    texts = {
        tag: item[tag].value.decode("latin-1").strip(" \0")
        for tag in (DESIGNATOR, CODE_VALUE, LONG_CODE_VALUE)
        if tag in item
    }
    return texts.get(DESIGNATOR, ""), texts.get(CODE_VALUE) or texts.get(LONG_CODE_VALUE, "")
