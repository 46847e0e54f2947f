"""Figures are written so that they can be read and never say more than is known."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.site import formats


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.00 kB"),
        (12_345, "12.3 kB"),
        (999_500, "1.00 MB"),
        (529_431_220, "529 MB"),
        (1_500_000_000, "1.50 GB"),
        (7e18, "7000 PB"),
    ],
)
def test_sizes_have_three_digits_and_a_decimal_unit(size: float, expected: str) -> None:
    assert plain(formats.format_bytes(size)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0.00 s"),
        (0.424, "0.42 s"),
        (9.996, "10.0 s"),
        (41.72, "41.7 s"),
        (59.96, "1 min 00 s"),
        (83.4, "1 min 23 s"),
        (3599.6, "1 h 00 min"),
        (7512, "2 h 05 min"),
        (None, "–"),
    ],
)
def test_durations_carry_over_where_they_are_rounded(seconds: float | None, expected: str) -> None:
    assert plain(formats.format_seconds(seconds)) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (1, 10_000, "< 0.1 %"),
        (9_999, 10_000, "> 99.9 %"),
        (1, 8, "12.5 %"),
        (0, 0, "–"),
    ],
)
def test_a_share_is_none_or_all_only_if_it_is(part: int, whole: int, expected: str) -> None:
    assert plain(formats.format_share(part, whole)) == expected


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_no_share_of_some_is_written_as_none_or_all(part: int, whole: int) -> None:
    written = plain(formats.format_share(min(part, whole), whole))
    assert (written == "0 %") == (part == 0)
    assert (written == "100 %") == (part >= whole)


@given(st.floats(0, 1e7, allow_nan=False))
def test_no_duration_has_sixty_seconds_or_minutes(seconds: float) -> None:
    written = plain(formats.format_seconds(seconds))
    assert not re.search(r"(?<![0-9.])60(?:\.0)? (?:s|min)", written)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-21T22:00:03+00:00", "21 Nov 2026, 22:00 UTC"),
        ("2026-11-22T00:30:00+02:30", "21 Nov 2026, 22:00 UTC"),
        ("2026-01-05T06:07:08Z", "5 Jan 2026, 06:07 UTC"),
        ("2026-01-05T06:07:08", "5 Jan 2026, 06:07 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_written_in_utc(moment: str, expected: str) -> None:
    assert formats.format_moment(moment) == expected


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (1, "study", "1 study"),
        (2, "study", "2 studies"),
        (1, "series", "1 series"),
        (0, "series", "0 series"),
        (1051, "object", "1,051 objects"),
    ],
)
def test_nouns_agree_with_their_number(count: int, noun: str, expected: str) -> None:
    assert plain(formats.format_number_of(count, noun)) == expected


@pytest.mark.parametrize(
    ("amount", "seconds", "expected"),
    [(1029, 41.7, "24.7"), (5000, 2, "2,500"), (1, 300, "0.00333"), (0, 3, "–"), (3, 0, "–")],
)
def test_rates_have_three_digits(amount: float, seconds: float, expected: str) -> None:
    assert formats.format_rate(amount, seconds) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.string(), "string"),
        (pa.list_(pa.float64()), "list of double"),
        (pa.date32(), "date32"),
        (pa.timestamp("us", tz="UTC"), "timestamp (UTC)"),
    ],
)
def test_types_are_written_in_words(kind: pa.DataType, expected: str) -> None:
    assert formats.format_type(kind) == expected


def test_seconds_between_times_of_two_zones() -> None:
    assert formats.seconds_between("2026-01-01T00:00:00+00:00", "2026-01-01T01:00:30+01:00") == 30
    assert formats.seconds_between("2026-01-01T00:00:00+00:00", "soon") is None
