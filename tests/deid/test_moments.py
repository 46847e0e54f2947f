from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deid.moments import tells_moment

MOMENTS = st.integers(15 * 365 * 86_400, 2_800_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
FEW_BITS = 4


@given(MOMENTS, st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_a_clock_is_told_by_its_value(moment: datetime, unit: int) -> None:
    seconds = int(moment.timestamp())
    assert tells_moment(seconds * unit) or (seconds * unit).bit_count() < FEW_BITS


@given(MOMENTS, st.sampled_from(["%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"]))
def test_a_date_is_told_by_its_digits(moment: datetime, form: str) -> None:
    digits = moment.strftime(form)
    assert tells_moment(int(digits))
    assert tells_moment(float(digits) + 0.25)


@pytest.mark.parametrize(
    "number",
    [0, -1, 1000, 63_870_000, 19_921_332, 0x44000000, 2**31 - 1, 2**32 - 1, 2**31, 1.7e38, float("nan")],
)
def test_measurements_and_flags_are_no_moment(number: float) -> None:
    assert not tells_moment(number)
