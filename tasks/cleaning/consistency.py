"""Values that are valid each and impossible together."""

from __future__ import annotations

from tasks.cleaning.rules import Rule
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet

BIRTH_DATE = tag_of("PatientBirthDate")
EXAMINATION_DATES = tuple(map(tag_of, ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")))

BIRTH_AFTER_STUDY = Rule(
    "birth-after-study",
    "BIRTH_AFTER_STUDY",
    "A birth date later than the study (or series, acquisition, content) is emptied: a person typed it, a clock "
    "wrote the other.",
)


def is_born_after_study(dataset: DataSet) -> bool:
    """Tell whether the birth date is later than the first known date of the examination; both must be repaired."""
    birth = dataset.get(BIRTH_DATE)
    if birth is None or not birth.value.strip():
        return False
    for tag in EXAMINATION_DATES:
        element = dataset.get(tag)
        if element is not None and element.value.strip():
            return birth.value[:8] > element.value[:8]
    return False
