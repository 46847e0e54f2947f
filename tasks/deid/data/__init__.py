"""What this package decides by, as files: read through the import system, so that a wheel or a zip has them too."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files

TABLES = (
    "allowed.csv",
    "coding_schemes.csv",
    "content_items.csv",
    "defined_terms.csv",
    "iod_modules.csv",
    "item_types.csv",
    "module_types.csv",
    "ps3_15_e1_1.csv",
    "safe_private.csv",
    "sop_classes.csv",
)


def text_tables() -> tuple[str, ...]:
    """Name the word lists by which texts are cleaned."""
    return tuple(
        sorted(
            f"text/{entry.name}" for entry in files(__name__).joinpath("text").iterdir() if entry.is_file()
        )
    )


def read_data(name: str) -> bytes:
    """Read a data file of this package."""
    return files(__name__).joinpath(name).read_bytes()


def read_rows(name: str) -> Iterator[dict[str, str]]:
    """Read a CSV file of this package by its column names; lines that start with # are its comments."""
    lines = (line for line in read_data(name).decode("utf-8").splitlines() if not line.startswith("#"))
    yield from csv.DictReader(lines)


def shipped_profiles() -> tuple[str, ...]:
    """Name the profiles that come with the program."""
    names = (entry.name for entry in files(__name__).joinpath("profiles").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))
