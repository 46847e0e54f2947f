from __future__ import annotations

import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.forms import (
    is_age,
    is_code,
    is_orthonormal,
    is_time,
    is_uid,
    is_uid_made_here,
    parse_numbers,
    split_values,
)

ANGLES = st.floats(-math.pi, math.pi)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", "2.25.0", "0.0", "1." + "9" * 62])
def test_well_formed_uids_are_uids(uid: str) -> None:
    assert is_uid(uid)


@pytest.mark.parametrize(
    "uid", ["", "1", "1.", ".1", "1..2", "1.02", "3.1", "1.a", "1.2\n", "1." + "9" * 63, "1.２"]
)
def test_malformed_uids_are_none(uid: str) -> None:
    assert not is_uid(uid)


@given(st.integers(0, 2**128 - 1))
def test_uids_of_version_8_are_ours(number: int) -> None:
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    assert is_uid_made_here(f"2.25.{number}")
    assert is_uid(f"2.25.{number}")


@given(st.integers(0, 2**128 - 1).map(lambda number: uuid.UUID(int=number, version=4)))
def test_uids_that_scanners_make_of_uuids_are_not_ours(scanner: uuid.UUID) -> None:
    assert not is_uid_made_here(f"2.25.{scanner.int}")


@pytest.mark.parametrize(
    "uid",
    ["", "2.25.", "2.25.0", "2.25.1.1", "1.2.840.10008.1.2", f"2.25.{(1 << 128) + (8 << 76) + (2 << 62)}"],
)
def test_other_uids_are_not_ours(uid: str) -> None:
    assert not is_uid_made_here(uid)


@pytest.mark.parametrize(
    ("age", "holds"),
    [("061Y", True), ("003D", True), ("61Y", False), ("061y", False), ("061", False), ("061Y ", False)],
)
def test_ages_have_three_digits_and_a_unit(age: str, holds: bool) -> None:
    assert is_age(age) is holds


@pytest.mark.parametrize(
    ("code", "holds"),
    [
        ("CT", True),
        ("PALETTE COLOR", True),
        ("A_1", True),
        ("ct", False),
        ("A-B", False),
        ("A" * 17, False),
        ("", False),
    ],
)
def test_codes_are_short_and_upper_case(code: str, holds: bool) -> None:
    assert is_code(code) is holds


@pytest.mark.parametrize("time", ["10", "1015", "101500", "235960", "101500.1", "101500.123456"])
def test_times_may_be_as_short_as_hours(time: str) -> None:
    assert is_time(time)


@pytest.mark.parametrize(
    "time", ["", "24", "1060", "101561", "10:15:00", "101500.", "101500.1234567", "1", "10150"]
)
def test_other_times_are_none(time: str) -> None:
    assert not is_time(time)


@given(ANGLES, ANGLES)
def test_turned_axes_stay_orthonormal(first: float, second: float) -> None:
    cos, sin, tilt, lift = math.cos(first), math.sin(first), math.cos(second), math.sin(second)
    assert is_orthonormal([cos, sin, 0, -sin * tilt, cos * tilt, lift], 1e-9)


@given(ANGLES, st.floats(0.01, 0.5))
def test_sheared_or_stretched_axes_are_not_orthonormal(angle: float, error: float) -> None:
    cos, sin = math.cos(angle), math.sin(angle)
    assert not is_orthonormal([cos, sin, 0, -sin + error * cos, cos + error * sin, 0], 1e-3)
    assert not is_orthonormal([cos * (1 + error), sin * (1 + error), 0, -sin, cos, 0], 1e-3)


@pytest.mark.parametrize(
    "cosines", [[], [1, 0, 0, 0, 1], [math.nan, 0, 0, 0, 1, 0], [0.0] * 6, [1, 0, 0, 0, math.inf, 0]]
)
def test_what_is_no_orientation_is_not_orthonormal(cosines: list[float]) -> None:
    assert not is_orthonormal(cosines, 1e-3)


def test_no_text_has_no_values() -> None:
    assert split_values("") == []
    assert split_values("A\\\\B") == ["A", "", "B"]


def test_a_value_that_is_no_number_is_within_no_bounds() -> None:
    first, lacking, last = parse_numbers("0.5\\\\2e1")
    assert (first, last) == (0.5, 20.0)
    assert math.isnan(lacking)
