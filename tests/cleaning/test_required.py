from __future__ import annotations

import struct

import pytest

from tasks.cleaning.required import check_required
from tasks.dicom.dictionary import format_tag, tag_of
from tasks.dicom.element import DataSet
from tasks.records import Reject
from tests.cleaning.elements import dataset, element

KEYWORDS = ("Rows", "Columns", "BitsAllocated")


def image(**values: tuple[str, bytes] | None) -> DataSet:
    elements: dict[str, tuple[str, bytes] | None] = dict.fromkeys(KEYWORDS, ("US", b"\x10\x00"))
    elements.update(values)
    return dataset(
        *(element(keyword, each[1], each[0]) for keyword, each in elements.items() if each is not None)
    )


def test_an_image_that_says_how_large_it_is_passes() -> None:
    assert check_required(image(), has_pixels=True) is None


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize("lacking", [None, ("US", b"")])
def test_an_image_without_its_size_is_refused(keyword: str, lacking: tuple[str, bytes] | None) -> None:
    refused = check_required(image(**{keyword: lacking}), has_pixels=True)
    assert refused == Reject("MISSING_REQUIRED", format_tag(tag_of(keyword)))


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize(
    ("VR", "value"),
    [
        ("DS", b"abc "),
        ("SS", struct.pack("<h", -5)),
        ("US", b"\1\0\1"),
        ("US", b"\1\0\1\0"),
        ("UL", struct.pack("<L", 70000)),
        ("FD", struct.pack("<d", 16)),
    ],
)
def test_an_image_whose_size_is_no_number_is_refused(keyword: str, VR: str, value: bytes) -> None:
    refused = check_required(image(**{keyword: (VR, value)}), has_pixels=True)
    assert refused == Reject("BAD_REQUIRED_VALUE", format_tag(tag_of(keyword)))


@pytest.mark.parametrize("value", [b"\0\0", b"  ", b"\n\n"])
def test_any_unsigned_number_is_a_number(value: bytes) -> None:
    assert check_required(image(Rows=("US", value)), has_pixels=True) is None


def test_an_object_without_pixels_needs_no_size() -> None:
    assert check_required(DataSet(), has_pixels=False) is None
