"""What the local cluster needs of the machine it starts on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flows import workers
from tasks.errors import ConfigurationError

START = """
import multiprocessing.forkserver as forkserver, os
forkserver.ensure_running()
print(os.path.getsize(forkserver._forkserver._forkserver_address))
"""


def test_a_temporary_folder_too_long_for_a_socket_is_refused_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 30)))
    with pytest.raises(ConfigurationError, match="Set TMPDIR to a folder whose path has at most 75"):
        workers.start_ancestor()


@pytest.mark.parametrize(("length", "starts"), [(75, True), (76, False)])
def test_the_longest_folder_that_is_taken_is_the_longest_that_holds_a_socket(
    length: int, *, starts: bool
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        folder = Path(root) / ("x" * (length - len(root) - 1))
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", START], env={"TMPDIR": str(folder)}, capture_output=True, check=False
        )
    assert (done.returncode == 0) == starts
