"""Everything a change must pass before it is committed: one command, the same here and in CI.

python infra/check.py          format, lint, types, import contracts, fast tests
python infra/check.py --fix    format and repair what can be repaired, then check
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ("flows", "tasks", "expectations", "tests", "infra")

FIXES = (("ruff", "format", *CODE), ("ruff", "check", "--fix", "--quiet", *CODE))
CHECKS = (
    ("ruff", "format", "--check", "--quiet", *CODE),
    ("ruff", "check", "--quiet", *CODE),
    ("mypy",),
    ("lint-imports", "--no-logo"),
    ("pytest", "-m", "not e2e and not long"),
)


def run(command: tuple[str, ...]) -> bool:
    """Run one tool of this interpreter's environment; tells whether it is content."""
    started = time.monotonic()
    program = Path(sys.executable).parent / command[0]
    result = subprocess.run([str(program), *command[1:]], cwd=ROOT, check=False)
    word = "ok" if result.returncode == 0 else "FAILED"
    print(f"{word:>6}  {time.monotonic() - started:5.1f} s  {' '.join(command[:2])}", flush=True)
    return result.returncode == 0


def main() -> int:
    """Run all checks, also after one has failed, so that one round shows everything."""
    if "--fix" in sys.argv[1:]:
        for command in FIXES:
            run(command)
    results = [run(command) for command in CHECKS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
