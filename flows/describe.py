"""`dicomflow describe`: what is removed, repaired and checked, as tables or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap

import orjson

from tasks.describe import Description, default_rules, describe
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
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    for title, headings, lines in (
        ("De-identification", ("what", "by", "done"), described.deidentification),
        ("Found in texts", ("detector", "", "what it finds"), described.detectors),
        ("Cleaning", ("rule", "", "what it does"), described.cleaning),
        ("Quality rules", ("rule", "severity, scope", "what it checks"), described.quality),
    ):
        sys.stdout.writelines(f"{line}\n" for line in lay_out(title, headings, lines, width))


def lay_out(
    title: str, headings: Sequence[str], lines: Sequence[Sequence[str]], width: int | None
) -> Iterator[str]:
    """Lay lines out in columns, plainly: there are thousands, and a library's table takes seconds for them.

    Parameters
    ----------
    width
        Characters a line may have, to fold longer ones; None folds nothing, so that a pipe gets a line a line.
    """
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    if width is not None:
        widths = _fit(widths, width - 2 * (len(widths) - 1))
    yield title
    for cells in (headings, ["─" * wide for wide in widths], *lines):
        folded = [_fold(cell, wide) for cell, wide in zip(cells, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            row = (part.ljust(wide) for part, wide in zip(parts, widths, strict=True))
            yield "  ".join(row).rstrip()
    yield ""


def _fit(widths: Sequence[int], room: int) -> list[int]:
    """Give columns their width while there is room, the narrow ones first; none less than 8 characters."""
    fitted = dict.fromkeys(range(len(widths)), 0)
    left = sorted(fitted, key=lambda column: widths[column])
    while left:
        column = left.pop(0)
        fitted[column] = max(min(widths[column], room // (len(left) + 1)), 8)
        room -= fitted[column]
    return list(fitted.values())


def _fold(cell: str, width: int) -> list[str]:
    return [cell] if len(cell) <= width else wrap(cell, width)


def _read(rules: str | None) -> bytes:
    if rules is None:
        return default_rules()
    try:
        return Path(rules).read_bytes()
    except OSError:
        raise ConfigurationError(
            "The rule table cannot be read. Give --rules the path of a YAML file."
        ) from None
