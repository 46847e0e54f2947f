"""Real DICOM that nobody here wrote: the files inside the pydicom package, and `../shared/data` where it is there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pydicom

BUNDLED = Path(pydicom.__file__).parent / "data"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def bundled_files() -> list[Path]:
    """DICOM files that come with pydicom."""
    return sorted(
        path
        for folder in ("test_files", "charset_files")
        for path in (BUNDLED / folder).rglob("*")
        if path.is_file()
        and path.name != "README"
        and path.suffix not in {".txt", ".json", ".dump", ".gz", ".icc", ".py"}
    )


@cache
def expected_rows() -> tuple[dict[str, str], ...]:
    """Rows of EXPECTED.csv: what DCMTK and GDCM read from each file of the shared corpus."""
    if not SHARED.is_dir():
        return ()
    with (SHARED / "EXPECTED.csv").open(encoding="utf-8-sig", newline="") as file:
        return tuple(csv.DictReader(file))


def agreed_files(every: int = 1) -> Iterator[tuple[Path, dict[str, str]]]:
    """Shared files on which DCMTK and GDCM agree, each `every`-th of them."""
    agreed = [row for row in expected_rows() if row["expected_class"].startswith("readable_agreed")]
    for row in agreed[::every]:
        yield SHARED / row["file"], row


def hostile_groups() -> Iterator[tuple[Path, dict[str, str]]]:
    """Folders of the hostile corpus whose files make a case together, with their manifest rows."""
    if not SHARED.is_dir():
        return
    with (SHARED / "hostile" / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "group":
                yield (SHARED / "hostile" / row["path"]).parent, row


def hostile_cases() -> Iterator[tuple[Path, dict[str, str]]]:
    """Single-file cases of the hostile corpus with their manifest rows."""
    if not SHARED.is_dir():
        return
    with (SHARED / "hostile" / "manifest.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            path = SHARED / "hostile" / row["path"]
            if row["kind"] == "file" and path.is_file():
                yield path, row
