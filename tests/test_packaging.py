from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("package", ["flows", "tasks", "expectations"])
def test_the_flat_packages_are_ours(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).is_relative_to(ROOT)


def test_data_files_are_part_of_the_packages() -> None:
    assert files("expectations").joinpath("rules.yaml").is_file()
    assert files("tasks.deid").joinpath("data").is_dir()


def test_help_does_not_wait_for_prefect_dask_or_great_expectations() -> None:
    code = (
        "import sys; from flows.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'prefect', 'distributed', 'great_expectations', 'pandas'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip().endswith("[]")


def test_the_constraints_pin_every_package_and_name_no_host() -> None:
    lines = (ROOT / "infra" / "constraints.txt").read_text().splitlines()
    assert len(lines) > 100
    assert all("==" in line and "://" not in line for line in lines)
