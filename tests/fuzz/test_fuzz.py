from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.laws import LAWS
from tests.fuzz.seeds import FOUND, seeds, write_seeds

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("path", sorted(FOUND.iterdir()), ids=lambda path: path.name)
def test_what_fuzzing_once_found_breaks_no_law(law: str, path: Path) -> None:
    LAWS[law](path.read_bytes())


@pytest.mark.parametrize("law", LAWS)
def test_no_seed_breaks_a_law(law: str) -> None:
    for data in seeds()[::5]:
        LAWS[law](data)


def fuzz(law: str, folder: Path, seconds: int, every: int = 1) -> None:
    if importlib.util.find_spec("atheris") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("atheris is not installed")
    write_seeds(folder / "seeds", every)
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
    fuzz("every", tmp_path, 8, every=8)


@pytest.mark.long
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("law", LAWS)
def test_a_long_search_finds_nothing(law: str, tmp_path: Path) -> None:
    fuzz(law, tmp_path, 600)
