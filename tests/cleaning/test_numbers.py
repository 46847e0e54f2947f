from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.valuerep import format_number_as_ds

from tasks.cleaning.numbers import binary_check, binary_fault
from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired


@pytest.mark.parametrize(
    ("keyword", "foreign", "expected", "rule"),
    [
        ("SliceThickness", b"0,5 ", b"0.5 ", "decimal-comma"),
        ("SliceThickness", b",5", b"0.5 ", "decimal-comma"),
        ("SliceThickness", b"12,25", b"12.25 ", "decimal-comma"),
        ("SliceThickness", b"0,500 ", b"0.500 ", "decimal-comma"),
        ("PixelSpacing", b"0,5\\0,5 ", b"0.5\\0.5 ", "decimal-comma"),
        ("SliceThickness", b"2.5\0", b"2.5 ", "number-padding"),
        ("InstanceNumber", b"12.0", b"12", "integer-as-decimal"),
        ("InstanceNumber", b"12.", b"12", "integer-as-decimal"),
    ],
)
def test_a_number_with_one_reading_is_rewritten(
    keyword: str, foreign: bytes, expected: bytes, rule: str
) -> None:
    assert repaired(keyword, foreign) == expected
    assert findings(keyword, foreign) == [(rule, "BAD_NUMBER")]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("InstanceNumber", b"12.5"),
        ("InstanceNumber", b"abc "),
        ("InstanceNumber", b"0x10"),
        ("InstanceNumber", b"1_0 "),
        ("InstanceNumber", b"2147483648"),
        ("InstanceNumber", b"9" * 5000),
        ("InstanceNumber", b"\xb2 "),
        ("SliceThickness", b"NaN "),
        ("SliceThickness", b"inf "),
        ("SliceThickness", b"1e400 "),
        ("SliceThickness", b"2.5 mm"),
        ("SliceThickness", b"1,024 "),
        ("SliceThickness", b"1,0,0 "),
        ("SliceThickness", b"--1 "),
        ("WindowCenter", b"40\\abc"),
    ],
)
def test_a_number_with_no_reading_empties_its_element(keyword: str, value: bytes) -> None:
    assert repaired(keyword, value) == b""
    assert findings(keyword, value) == [("number-unreadable", "BAD_NUMBER")]


@pytest.mark.parametrize(
    ("keyword", "value", "rule"),
    [
        ("InstanceNumber", b"\\\\", "number-missing"),
        ("WindowCenter", b"40\\", "number-missing"),
        ("PixelSpacing", b"0.5 ", "number-count"),
        ("PixelSpacing", b"0.5\\0.5\\0.5 ", "number-count"),
        ("ImagePositionPatient", b"1\\2 ", "number-count"),
        ("ImageOrientationPatient", b"1\\0\\0 ", "number-count"),
        ("PixelSpacing", b"0\\0 ", "spacing-not-positive"),
        ("PixelSpacing", b"-0.5\\-0.5 ", "spacing-not-positive"),
        ("ImagerPixelSpacing", b"0.5\\0.0 ", "spacing-not-positive"),
    ],
)
def test_numbers_mean_something_together_or_not_at_all(keyword: str, value: bytes, rule: str) -> None:
    assert repaired(keyword, value) == b""
    assert set(findings(keyword, value)) == {(rule, "BAD_NUMBER")}


@pytest.mark.parametrize("value", [b"0 ", b"0.0 ", b"-0", b"0e5 "])
def test_a_rescale_slope_of_zero_is_emptied(value: bytes) -> None:
    assert repaired("RescaleSlope", value) == b""
    assert findings("RescaleSlope", value) == [("rescale-slope-zero", "BAD_RESCALE")]


@pytest.mark.parametrize("value", [b"0 ", b"-1", b"abc ", b"1.5 "])
def test_a_frame_count_that_counts_nothing_is_emptied(value: bytes) -> None:
    assert repaired("NumberOfFrames", value) == b""
    assert findings("NumberOfFrames", value) == [("frame-count", "BAD_FRAME_COUNT")]


def test_a_frame_count_written_as_a_decimal_is_rewritten() -> None:
    assert repaired("NumberOfFrames", b"2.0 ") == b"2 "
    assert findings("NumberOfFrames", b"2.0 ") == [("frame-count-as-decimal", "BAD_FRAME_COUNT")]


def test_a_decimal_too_long_is_shortened_where_it_stays_the_same_double() -> None:
    assert repaired("SliceThickness", b"0.50000000000000000000") == b"0.5 "
    assert findings("SliceThickness", b"0.50000000000000000000") == [("decimal-too-long", "VALUE_TOO_LONG")]


def test_a_decimal_that_would_change_is_kept_and_recorded() -> None:
    value = b"-94.0931613431547\\1 "
    assert repaired("WindowCenter", value) == value
    assert findings("WindowCenter", value) == [("decimal-too-long", "VALUE_TOO_LONG")]


def test_leading_zeros_beyond_the_length_are_dropped() -> None:
    assert repaired("InstanceNumber", b"00000000000012") == b"12"
    assert findings("InstanceNumber", b"00000000000012") == [("integer-too-long", "VALUE_TOO_LONG")]


@given(number=st.floats(-1e300, 1e300))
def test_every_decimal_pydicom_writes_is_untouched(number: float) -> None:
    text = format_number_as_ds(number).encode()
    original = dataset(element("SliceThickness", text + b" " * (len(text) % 2)))
    assert repair(original) == (original, ())


@given(number=st.integers(-(1 << 31), (1 << 31) - 1))
def test_every_integer_of_32_bits_is_untouched(number: int) -> None:
    text = str(number).encode()
    original = dataset(element("InstanceNumber", text + b" " * (len(text) % 2)))
    assert repair(original) == (original, ())


@given(whole=st.integers(0, 9999), decimals=st.text("0123456789", min_size=1, max_size=8))
def test_a_decimal_comma_never_makes_a_number_a_thousand_times_larger(whole: int, decimals: str) -> None:
    clean = repaired("SliceThickness", f"{whole},{decimals}".encode()).strip()
    assert not clean or float(clean) == float(f"{whole}.{decimals}")


@given(VR=st.sampled_from(["FL", "FD"]), value=st.binary(max_size=48))
def test_the_quick_check_of_floats_agrees_with_unpacking_them(VR: str, value: bytes) -> None:
    assert bool(binary_check(VR)(value)) == (binary_fault(VR, value) is None)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_floats_that_are_not_finite_empty_their_element(number: float) -> None:
    value = struct.pack("<2d", 1.0, number)
    assert repaired("RealWorldValueLUTData", value) == b""
    assert findings("RealWorldValueLUTData", value) == [("number-not-finite", "BAD_NUMBER")]


@pytest.mark.parametrize(
    ("keyword", "size"), [("BitsStored", 3), ("FrameIncrementPointer", 6), ("SimpleFrameList", 2)]
)
def test_a_binary_value_with_a_half_number_is_emptied(keyword: str, size: int) -> None:
    assert repaired(keyword, b"\1" * size) == b""
    assert findings(keyword, b"\1" * size) == [("number-length", "BAD_NUMBER")]
