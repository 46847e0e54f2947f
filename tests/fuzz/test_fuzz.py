from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian

from tests.builders import ct_instance, part10
from tests.fuzz.laws import LAWS, every
from tests.fuzz.seeds import FOUND, seeds, write_seeds
from tests.reasons.damage import RLE, rle_frame, with_frames

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("path", sorted(FOUND.iterdir()), ids=lambda path: path.name)
def test_what_fuzzing_once_found_breaks_no_law(law: str, path: Path) -> None:
    LAWS[law](path.read_bytes())


@pytest.mark.parametrize("law", LAWS)
def test_no_seed_breaks_a_law(law: str) -> None:
    for data in seeds()[::5]:
        LAWS[law](data)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["explicit", "implicit", "big endian", "frames"])
def test_no_cut_and_no_flipped_bit_breaks_a_law(kind: str) -> None:
    data = small_file(kind)
    start = data.index(b"DICM")
    for place in range(len(data)):
        every(data[:place])
    for place in range(start, len(data)):
        for bit in range(8):
            every(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])


def small_file(kind: str) -> bytes:
    if kind == "frames":
        return with_frames(RLE, b"", rle_frame())
    if kind != "big endian":
        return part10(ct_instance(), implicit=kind == "implicit")
    ds = ct_instance()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def fuzz(law: str, folder: Path, seconds: int, each: int = 1) -> None:
    if importlib.util.find_spec("atheris") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("atheris is not installed")
    write_seeds(folder / "seeds", each)
    command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.fuzz", law, str(folder / "seeds")]
    options = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=3000", "-max_len=20000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*command, *options, f"-artifact_prefix={folder}/"],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    found = [path.name for path in folder.glob("*-*")]
    assert ended.returncode == 0, (found, ended.stdout[-3000:], ended.stderr[-3000:])


@pytest.mark.e2e
def test_a_short_search_finds_nothing(tmp_path: Path) -> None:
    fuzz("every", tmp_path, 8, each=8)


@pytest.mark.long
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("law", LAWS)
def test_a_long_search_finds_nothing(law: str, tmp_path: Path) -> None:
    fuzz(law, tmp_path, 600)
