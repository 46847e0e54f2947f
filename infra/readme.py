"""Writes the parts of the README that the program knows better: what is removed, repaired and checked.

python infra/readme.py          rewrite README.md
python infra/readme.py --check  tell whether it is up to date (exit code 1 if not)
"""

from __future__ import annotations

import sys
from pathlib import Path

from flows.cli import EXIT_CODES_HELP
from tasks.describe import Line, default_rules, describe

README = Path(__file__).resolve().parent.parent / "README.md"


def list_actions(lines: tuple[Line, ...]) -> str:
    """Write de-identification as a list: subject, then what is done."""
    return "\n".join(f"- **{line.subject}**: {line.sentence}" for line in lines)


def tabulate(lines: tuple[Line, ...], headings: tuple[str, ...]) -> str:
    """Write rules as a table."""
    rows = [headings, ("---",) * len(headings)]
    rows += [tuple(part.replace("|", "\\|") for part in line if part != "cleaning") for line in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def sections() -> dict[str, str]:
    """Give the generated parts by the name of their marker."""
    described = describe("research", default_rules(), whole=False)
    return {
        "removed": list_actions(described.deidentification),
        "repaired": tabulate(described.cleaning, ("rule", "what it does")),
        "checked": tabulate(described.quality, ("rule", "severity, scope", "what it checks")),
        "exit-codes": EXIT_CODES_HELP,
    }


def fill(text: str) -> str:
    """Put the generated parts between their markers.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    for name, content in sections().items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, middle, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not middle or not found:
            raise ValueError(f"README.md lacks the markers of {name}")
        text = f"{before}{begin}{content}\n{end}{after}"
    return text


def main() -> int:
    """Write, or only compare."""
    text = README.read_text(encoding="utf-8")
    filled = fill(text)
    if "--check" in sys.argv[1:]:
        return int(filled != text)
    README.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
