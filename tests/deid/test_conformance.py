"""An independent judge, dciodvfy of dicom3tools: no output has an error that its input did not have."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tasks.clean import clean_instance
from tasks.deid.actions import OPTIONS
from tasks.deid.deidentify import Deidentifier
from tasks.deid.profile import load_profile
from tasks.deid.rules import make_profile
from tasks.dicom.buffer import Buffer
from tasks.records import Reject
from tests.corpus import SHARED, bundled_files
from tests.deid.builders import KEY
from tests.programs import need

PROFILES = {name: load_profile(name) for name in ("research", "basic", "strict")} | {
    "reports": make_profile(
        "reports",
        "",
        tuple(OPTIONS[name] for name in ("clean-structured-content", "clean-graphics", "retain-full-dates")),
    )
}
SAMPLED, LARGEST = 12, 200_000
_VALUES = re.compile(r"=? *<[^<>]*>(?= - )|<[0-9.]*>|UID [0-9.]+$|\[\d+\]")
"""What an error tells of a value: a UID of ours is another one, and no other error."""
_NO_PIXELS = "Error - Missing attribute Type 1C Conditional Element=<PixelData> Module=<ImagePixel>"
_UNREADABLE = "Error - Dicom dataset read failed"


def errors_of(file: Path) -> set[str] | None:
    """Give the errors of a file, without the values they tell of; None where the program cannot read it."""
    done = subprocess.run(["dciodvfy", str(file)], capture_output=True, timeout=60, check=False)
    lines = (done.stderr + done.stdout).decode("utf-8", "replace").splitlines()
    found = {line for line in lines if line.startswith("Error")}
    if done.returncode < 0 or _UNREADABLE in found:
        return None
    return {_VALUES.sub("", line) for line in found}


def check(file: Path, deidentifier: Deidentifier, folder: Path) -> set[str] | None:
    """Give the errors that cleaning brought into a file; None where nothing leaves or nothing can be said."""
    before = errors_of(file)
    cleaned = clean_instance(Buffer(file.read_bytes()), deidentifier, pixels=True)
    if before is None or isinstance(cleaned, Reject):
        return None
    output = folder / f"{file.name}-{abs(hash(file))}.dcm"
    output.write_bytes(b"".join(bytes(piece) for piece in cleaned.pieces()))
    after = errors_of(output)
    output.unlink()
    if after is None:
        return {_UNREADABLE}
    # Pixels that cannot be decoded stay behind, which the object says of itself; the header leaves.
    return after - before - ({_NO_PIXELS} if cleaned.payload is None else set())


def sample(name: str) -> list[Path]:
    """Choose bundled files, and as many of the shared corpus as can be had, but those that are broken on purpose."""
    made = ("hostile", "malformed")
    shared = [
        path
        for path in (sorted(SHARED.rglob("*")) if SHARED.is_dir() else ())
        if path.is_file() and not any(part in made for part in path.parts)
    ]
    chosen = []
    for files in (bundled_files(), shared):
        small = [path for path in files if path.stat().st_size <= LARGEST]
        chosen += Random(name).sample(small, min(SAMPLED, len(small)))  # noqa: S311
    return chosen


def brought(name: str, files: list[Path], folder: Path) -> tuple[int, dict[str, set[str]]]:
    need("dciodvfy")
    deidentifier = Deidentifier(KEY, PROFILES[name])
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda file: check(file, deidentifier, folder), files))
    new = {file.name: errors for file, errors in zip(files, found, strict=True) if errors}
    return sum(errors is not None for errors in found), new


@pytest.mark.parametrize("name", PROFILES)
def test_cleaning_brings_no_error_into_an_object(name: str, tmp_path: Path) -> None:
    checked, new = brought(name, sample(name), tmp_path)
    assert checked > 10
    assert new == {}
