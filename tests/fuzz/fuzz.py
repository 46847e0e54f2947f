"""Lets libFuzzer, by way of Atheris, look for bytes that break a law.

python -m tests.fuzz.fuzz cleaner SEEDS -max_total_time=600

What stands behind the law's name goes to libFuzzer. `python -m tests.fuzz.seeds SEEDS` writes the seeds. What it
finds is written to the current folder as `crash-…`: mend the cause, and keep the bytes in `tests/fuzz/found`.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["tasks.dicom", "tasks.clean", "tasks.cleaning", "tasks.recall"]):
    from tests.fuzz.laws import LAWS, every


def main() -> None:
    """Fuzz one law, or every one, until libFuzzer stops."""
    law = {**LAWS, "every": every}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, law)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
