"""What the fuzzer starts from: small files of every kind there is, real, hostile and made."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

from tests.builders import ct_instance, part10
from tests.corpus import SHARED, bundled_files

LARGEST = 20_000
FOUND = Path(__file__).with_name("found")
"""What fuzzing has found: kept, and tried every time."""


def seeds() -> list[bytes]:
    """Give the contents of small files, each once."""
    paths = bundled_files() + (sorted(SHARED.rglob("*")) if SHARED.is_dir() else [])
    files = [path.read_bytes() for path in paths if path.is_file() and path.stat().st_size <= LARGEST]
    made = [part10(ct_instance(), implicit=implicit) for implicit in (False, True)]
    return list({sha256(data).digest(): data for data in (*made, *files)}.values())


def write_seeds(folder: Path, every: int = 1) -> None:
    """Write each `every`-th seed as a file, as libFuzzer wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in seeds()[::every]:
        (folder / sha256(data).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
