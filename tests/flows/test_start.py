from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "{'prefect', 'distributed', 'great_expectations', 'pandas', 'openlineage'}"


@pytest.mark.parametrize("arguments", [["keygen"], ["describe", "--json"], ["show", "no-such-target"]])
def test_small_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from flows.cli import app\n"
        f"try:\n    app({arguments})\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip().splitlines()[-1] == "[]"


def test_the_runner_of_a_command_starts_the_server_before_it_imports_prefect() -> None:
    code = f"import sys, flows.local_run, flows.summary; print(sorted({HEAVY} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
