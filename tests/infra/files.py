"""The files below infra/, as the tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"

_REQUIRED = re.compile(r"\$\{(\w+)(?::[?-]([^}]*))?\}")


def read(name: str) -> str:
    return (INFRA / name).read_text()


def load(name: str) -> Any:
    return yaml.safe_load(read(name))


def load_all(name: str) -> list[Any]:
    return list(yaml.safe_load_all(read(name)))


def policy(name: str, **names: str) -> dict[str, Any]:
    """One of iam/, with its placeholders filled in as terraform and compose do; none may be left."""
    filled: dict[str, Any] = json.loads(Template(read(f"iam/{name}.json")).substitute(names))
    return filled


def compose_variables(text: str) -> Iterator[tuple[str, str]]:
    """The variables that Compose puts in, each with what stands behind its name."""
    for found in _REQUIRED.finditer(text.replace("$$", "")):
        yield found[1], found[0][len(found[1]) + 2 : -1]


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load("compose.yaml")["services"]
    return found
