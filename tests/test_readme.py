from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from typer.main import get_command

from flows.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_is_removed_repaired_and_checked_is_what_the_program_does() -> None:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "infra" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    assert readme.fill(README) == README, "run: python infra/readme.py"


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in get_command(app).commands if f"dicomflow {name}" not in README] == []  # type: ignore[attr-defined]


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
