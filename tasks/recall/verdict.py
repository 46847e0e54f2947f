"""What the instance as a whole decides, from the few elements that decide it.

The same checks as on the careful way are made of them, once for all instances in which they are the
same. An element they ask for and that is not in `JUDGED` would be missed, so asking for one is an error.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from tasks.cleaning.consistency import EXAMINATION_DATES, age_between, is_born_after_study
from tasks.cleaning.pixel_module import check_pixel_module
from tasks.cleaning.required import check_required
from tasks.deid.classes import needs_pixel_review, refuse_class
from tasks.dicom.codestream import Shape
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Payload
from tasks.dicom.locate import Unusual
from tasks.dicom.pixels import expected_pixel_bytes, shape_of
from tasks.recall.treated import Treated
from tasks.records import Finding, Reject

JUDGED = frozenset(EXAMINATION_DATES) | frozenset(
    map(
        tag_of,
        (
            *("SOPClassUID", "ImageType", "Modality", "BurnedInAnnotation", "SpecimenLabelInImage"),
            *("PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
            *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PlanarConfiguration"),
            *("ImageOrientationPatient", "SharedFunctionalGroupsSequence", "PatientBirthDate"),
            "PatientAge",
        ),
    )
)
"""Attributes by which an instance as a whole is judged."""


class Verdict(NamedTuple):
    """What is decided.

    Attributes
    ----------
    refused
        Why the instance is refused, if it is.
    review
        Whether somebody has to look at its pixels.
    doubts
        What contradicts itself in the description of the pixels.
    expected_pixel_bytes
        Length of native pixel data; None where compressed or unknown.
    shape
        What the header says of a frame.
    """

    refused: Reject | None
    review: bool
    doubts: tuple[Finding, ...]
    expected_pixel_bytes: int | None
    shape: Shape


class _Judged(DataSet):
    """The elements an instance is judged by, and no others."""

    __slots__ = ()

    def get(self, tag: int, default: Any = None) -> Any:
        return super().get(tag, default) if tag in JUDGED else _refuse_unknown(tag)

    def __contains__(self, tag: object) -> bool:
        return super().__contains__(tag) if tag in JUDGED else _refuse_unknown(tag)


def _refuse_unknown(tag: object) -> NoReturn:
    raise AssertionError(f"{tag} must be among the attributes an instance is judged by")


def judge(treated: dict[int, Treated], payload: Payload | None, cleans_content: bool) -> Verdict:
    """Judge an instance.

    Parameters
    ----------
    treated
        Its `JUDGED` elements, by tag.
    cleans_content
        Whether the profile cleans structured reports.

    Raises
    ------
    Unusual
        If its dates contradict each other or the age, which cleaning has to mend.
    """
    original = _Judged((tag, one.original) for tag, one in treated.items())
    repaired = _Judged((tag, one.repaired) for tag, one in treated.items())
    if is_born_after_study(repaired) or age_between(repaired):
        raise Unusual
    has_pixels = payload is not None
    compressed = payload is not None and payload.encapsulated
    return Verdict(
        check_required(original, has_pixels) or refuse_class(repaired, cleans_content=cleans_content),
        needs_pixel_review(original),
        check_pixel_module(repaired, has_pixels),
        None if compressed else expected_pixel_bytes(original),
        shape_of(original),
    )
