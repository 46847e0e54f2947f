"""The plan for 100 million objects: its sums are right, and its limits are those of the code."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tasks.ledger.batching import MAX_BATCHES
from tasks.ledger.ledger import _ROW, Marks
from tasks.ledger.objects import DIGEST_TYPE
from tasks.ledger.sorting import RUN_OBJECTS
from tasks.move import SHARE
from tasks.storage import s3_listing, s3_source
from tasks.storage.kept_listing import PART_OBJECTS
from tasks.storage.s3_budget import MOST_AT_ONCE
from tasks.tables.file_format import FILE_BYTES
from tests.infra.files import read

PLAN = read("scale.md")
MILLION = 1_000_000
SHARES = MAX_BATCHES // 2 - 1


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _rows(heading: str) -> list[list[str]]:
    """Cells of the table that follows a line, without its head."""
    block = PLAN.split(heading, 1)[1].lstrip("\n").split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]


@pytest.mark.parametrize(
    "heading",
    ["Cleaned files:\n", "Metadata only (one in ten headers does not fit into the first window):\n"],
)
def test_requests_times_prices_are_the_sums(heading: str) -> None:
    *classes, total = _rows(heading)
    for _, requests, price, cost in classes:
        assert _number(cost) == pytest.approx(_number(requests) * _number(price) / 1000, abs=0.005001)
    assert _number(total[1]) == sum(_number(row[1]) for row in classes)
    exact = sum(_number(row[1]) * _number(row[2]) / 1000 for row in classes)
    assert _number(total[3]) == pytest.approx(exact, abs=0.005001)
    assert f"{round(exact * 100 + 1e-6):,} USD" in PLAN


def test_listings_are_pages_and_studies() -> None:
    requests = {row[0]: _number(row[1]) for row in _rows("Cleaned files:\n")}
    assert requests["LIST"] == MILLION // 1000 + MILLION // 1000 + MILLION // 300


def test_every_quotient_and_product_is_right() -> None:
    found = re.findall(
        r"([\d,]+) / \(64 × ([\d,]+)(?: MB/s)?\) = ([\d,]+) s, ([\d.]+) h", PLAN.replace(" MB /", " /")
    )
    assert len(found) == 3
    for total, rate, seconds, hours in found:
        exact = _number(total) / (64 * _number(rate))
        assert _number(seconds) == pytest.approx(exact, abs=0.51)
        assert float(hours) == pytest.approx(exact / 3600, abs=0.051)
    for exact, quoted in (
        (100 * MILLION * 0.03 / MOST_AT_ONCE, 93_750),
        (93_750 / 3600, 26.0),
        (100 * MILLION * 0.03 / (64 * MOST_AT_ONCE), 1465),
        (1465 / 3600, 0.41),
        (100_000 * 0.15, 15_000),
        (100 * MILLION / 3500, 28_571),
        (100_000 * 0.15 / 3600, 4.2),
        (4 * MILLION * 0.03 / 10_000, 12),
        (50_000 * 0.023, 1150),
        (100_000 * 0.045, 4500),
        (1150 / 30, 38),
    ):
        assert f"{quoted:,}" in PLAN
        assert exact == pytest.approx(quoted, rel=0.01)


@pytest.mark.parametrize(
    "row",
    _rows("was ever settled, 45 while it reads the ledger **c**.\n"),
)
def test_memory_is_what_a_record_takes_times_how_many(row: list[str]) -> None:
    millions = float(row[0].split()[0])
    files, pending, settled, reading = (float(cell.removesuffix(" GB")) for cell in row[1:])
    assert files == pytest.approx(2 * millions * 180 / 1000)
    assert pending == pytest.approx(millions * 16 / 1000, abs=0.0501)
    assert settled == pytest.approx(100 * _settled_bytes() / 1000)
    newest = 1
    assert reading == pytest.approx(100 * (_ROW.itemsize + newest + _settled_bytes()) / 1000)
    assert pytest.approx(MILLION / 4, rel=0.05) == RUN_OBJECTS, "a quarter of a million"


def _settled_bytes() -> int:
    (mark,) = (kind for kind in (np.uint16,) if Marks == np.typing.NDArray[np.uint16])
    return DIGEST_TYPE.itemsize + np.dtype(mark).itemsize


@pytest.mark.parametrize("row", _rows("The two limits on objects and bytes give each half of them:\n"))
def test_batches_are_as_large_as_the_code_makes_them(row: list[str]) -> None:
    objects = float(row[0].split()[0]) * MILLION
    assert _number(row[1]) == -(-objects // SHARES)
    assert float(row[2].removesuffix(" GB")) == pytest.approx(objects * 0.0005 / SHARES, abs=0.051)


def test_tables_are_as_large_as_their_rows() -> None:
    rows = _rows("## Tables: optimize and vacuum\n")
    for name, count, each, size in rows:
        exact = _number(count) * _number(each.split()[0]) / 1e9
        assert float(size.removesuffix(" GB")) == pytest.approx(exact, abs=0.051), name
    assert sum(float(row[3].removesuffix(" GB")) for row in rows) == pytest.approx(120, abs=0.5)


def test_the_limits_are_those_of_the_code() -> None:
    assert f"at most {MAX_BATCHES:,} of them" in PLAN
    assert FILE_BYTES == 128 << 20
    assert round(100 * MILLION * 114 / FILE_BYTES) == 85
    assert f"copies, {MOST_AT_ONCE} in flight" in PLAN
    assert f"{SHARE:,} to a task" in PLAN
    assert f"in {s3_listing._SHARDS} shards" in PLAN
    assert f"every {PART_OBJECTS:,} objects a part" in PLAN
    assert "of up to 16 MiB" in PLAN
    assert s3_source._BLOCK_BYTES == 16 << 20
