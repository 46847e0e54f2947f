"""Values that are valid each and impossible together."""

from __future__ import annotations

from datetime import date

from tasks.cleaning.ages import OLDEST_YEARS
from tasks.cleaning.rules import Rule
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet

BIRTH_DATE = tag_of("PatientBirthDate")
AGE = tag_of("PatientAge")
EXAMINATION_DATES = tuple(map(tag_of, ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")))

BIRTH_AFTER_STUDY = Rule(
    "birth-after-study",
    "BIRTH_AFTER_STUDY",
    "A birth date later than the study (or series, acquisition, content) is emptied: a person typed it, a clock "
    "wrote the other.",
)

AGE_CONTRADICTED = Rule(
    "age-contradicted",
    "AGE_CONTRADICTED",
    "An age more than a year (in days, weeks or months: more than a month) off what lies between birth and study "
    "(or series, acquisition, content) is computed anew: the dates are two witnesses, the age is one.",
)
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
_SLACK = {"D": 31, "W": 31, "M": 31, "Y": 366}
"""Days by which an age of a unit may be off beside the unit itself, which is cut off."""
_IN_DAYS, _IN_MONTHS = 90, 730
"""Days up to which we write an age in days, and in months."""


def is_born_after_study(dataset: DataSet) -> bool:
    """Tell whether the birth date is later than the first known date of the examination; both must be repaired."""
    birth, examined = _value(dataset, BIRTH_DATE)[:8], _examination(dataset)
    return bool(birth and examined) and birth > examined


def age_between(dataset: DataSet) -> bytes | None:
    """Give the age by birth date and examination where Patient Age contradicts it; all must be repaired.

    Returns
    -------
    bytes or None
        The age as an AS value; None where there is no contradiction, or one of the three is missing: an age
        that nobody stated is not made up.
    """
    stated, birth, examined = _value(dataset, AGE), _value(dataset, BIRTH_DATE), _examination(dataset)
    if not (stated and birth and examined):
        return None
    try:
        born, seen = _date(birth), _date(examined)
        number, unit = int(stated[:3]), stated[3:4].decode("ascii")
    except ValueError:
        return None
    lived = (seen - born).days
    if unit not in _DAYS or lived < 0:
        return None
    least, most = number * _DAYS[unit], (number + 1) * _DAYS[unit]
    if least - _SLACK[unit] <= lived <= most + _SLACK[unit]:
        return None
    return _age(born, seen, lived)


def _age(born: date, seen: date, lived: int) -> bytes | None:
    if lived <= _IN_DAYS:
        return b"%03dD" % lived
    months = (seen.year - born.year) * 12 + seen.month - born.month - (seen.day < born.day)
    if lived <= _IN_MONTHS:
        return b"%03dM" % months
    years = months // 12
    return b"%03dY" % years if years <= OLDEST_YEARS else None


def _examination(dataset: DataSet) -> bytes:
    """Give the first known date of the examination."""
    return next((value[:8] for tag in EXAMINATION_DATES if (value := _value(dataset, tag))), b"")


def _value(dataset: DataSet, tag: int) -> bytes:
    element = dataset.get(tag)
    return b"" if element is None else element.value.strip()


def _date(value: bytes) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))
