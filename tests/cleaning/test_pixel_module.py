from __future__ import annotations

import pytest

from tasks.cleaning.pixel_module import SAMPLES_OF, check_pixel_module
from tasks.dicom.dictionary import format_tag, tag_of
from tasks.dicom.element import DataSet
from tests.cleaning.elements import dataset, element

GREY: dict[str, int | str | None] = {
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2 ",
    "Rows": 8,
    "Columns": 8,
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
}


def image(**changes: int | str | None) -> DataSet:
    values = {keyword: value for keyword, value in {**GREY, **changes}.items() if value is not None}
    return dataset(
        *(
            element(keyword, value.encode() if isinstance(value, str) else value.to_bytes(2, "little"))
            for keyword, value in values.items()
        )
    )


def faults(**changes: int | str | None) -> set[tuple[str, str]]:
    return {(finding.path, finding.code) for finding in check_pixel_module(image(**changes), has_pixels=True)}


def bad(*keywords: str, code: str = "BAD_PIXEL_MODULE") -> set[tuple[str, str]]:
    return {(format_tag(tag_of(keyword)), code) for keyword in keywords}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0},
        {"PixelRepresentation": 1},
        {"BitsAllocated": 32, "BitsStored": None, "HighBit": None, "PixelRepresentation": None},
    ],
)
def test_a_description_without_contradiction_has_no_finding(changes: dict[str, int | None]) -> None:
    assert faults(**changes) == set()


@pytest.mark.parametrize(("photometric", "samples"), SAMPLES_OF.items())
def test_every_photometric_interpretation_has_its_samples(photometric: str, samples: int) -> None:
    planar = 0 if samples > 1 else None
    right = {"PhotometricInterpretation": photometric, "PlanarConfiguration": planar}
    assert faults(SamplesPerPixel=samples, **right) == set()
    assert faults(SamplesPerPixel=2, **{**right, "PlanarConfiguration": 0}) == bad("SamplesPerPixel")


@pytest.mark.parametrize(
    ("changes", "keywords"),
    [
        ({"BitsAllocated": 13}, ["BitsAllocated"]),
        ({"BitsAllocated": 0}, ["BitsAllocated", "BitsStored"]),
        ({"BitsStored": 17, "HighBit": 16}, ["BitsStored"]),
        ({"HighBit": 15}, ["HighBit"]),
        ({"PixelRepresentation": 7}, ["PixelRepresentation"]),
        ({"PixelRepresentation": None}, ["PixelRepresentation"]),
        ({"SamplesPerPixel": 3}, ["SamplesPerPixel", "PlanarConfiguration"]),
        ({"SamplesPerPixel": None}, ["SamplesPerPixel"]),
        ({"PhotometricInterpretation": "PURPLE"}, ["PhotometricInterpretation"]),
        ({"PhotometricInterpretation": None}, ["PhotometricInterpretation"]),
        (
            {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB ", "PlanarConfiguration": 2},
            ["PlanarConfiguration"],
        ),
    ],
)
def test_a_contradiction_is_recorded_where_it_shows(
    changes: dict[str, int | str | None], keywords: list[str]
) -> None:
    assert faults(**changes) == bad(*keywords)


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_a_dimension_of_zero_is_recorded(keyword: str) -> None:
    assert faults(**{keyword: 0}) == bad(keyword, code="BAD_DIMENSIONS")


def test_without_pixels_nothing_is_asked_of_their_description() -> None:
    assert check_pixel_module(DataSet(), has_pixels=False) == ()
