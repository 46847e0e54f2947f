"""`dicomflow describe`: what is removed, repaired and checked, as tables or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from tasks.describe import Description, Line, default_rules, describe
from tasks.errors import ConfigurationError


def print_description(profile: str, rules: str | None, *, as_json: bool) -> None:
    """Print everything in force under a profile and a rule table."""
    described = describe(profile, _read(rules))
    if as_json:
        document = {
            name: [line._asdict() for line in lines]
            for name, lines in zip(Description._fields, described, strict=True)
        }
        sys.stdout.write(orjson.dumps(document).decode() + "\n")
        return
    console = Console()
    console.print(_table("De-identification", ("what", "by", "done"), described.deidentification))
    console.print(_table("Cleaning", ("rule", "", "what it does"), described.cleaning))
    console.print(_table("Quality rules", ("rule", "severity, scope", "what it checks"), described.quality))


def _read(rules: str | None) -> bytes:
    if rules is None:
        return default_rules()
    try:
        return Path(rules).read_bytes()
    except OSError:
        raise ConfigurationError(
            "The rule table cannot be read. Give --rules the path of a YAML file."
        ) from None


def _table(title: str, headings: tuple[str, str, str], lines: tuple[Line, ...]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*line)
    return table
