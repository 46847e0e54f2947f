"""`dicomflow replay` as it is used: by a person, and by Prefect with typed parameters."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ct_instance, part10, write_study
from tests.e2e.runs import Place, clean, command, files_of, states_of

pytestmark = pytest.mark.e2e


def run_command(place: Place, *arguments: str) -> tuple[dict[str, Any], int]:
    done = subprocess.run(
        command(*arguments, "--json"),
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.returncode


def test_what_was_mended_is_published_by_a_replay_and_shown_as_one(
    prefect_server: str, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    write_study(place.source, instances=2)
    (place.source / "mended.dcm").write_bytes(b"cut off")
    (place.source / "text.txt").write_bytes(b"not DICOM, and will never be")
    assert clean(place, "--workers", "1")["exit_code"] == 3
    before = files_of(place.target)
    (place.source / "mended.dcm").write_bytes(part10(ct_instance(instance=3)))
    target = str(place.target)

    counted, code = run_command(place, "replay", target, "--reason", "NOT_DICOM", "--dry-run")
    assert (counted["pending"], code) == (2, 0)
    report, code = run_command(place, "replay", target, "--workers", "1")
    assert (report["kind"], report["listed"], report["published"], code) == ("replay", 2, 1, 3)
    assert files_of(place.target).items() > before.items()
    assert states_of(place.target) == {"published": 3, "quarantined": 3}
    nothing, code = run_command(place, "replay", target, "--reason", "PIXEL_REVIEW")
    assert (nothing["outcome"], code) == ("nothing new", 0)
    shown, _ = run_command(place, "show", target)
    assert [run["kind"] for run in shown["runs"]] == ["clean", "replay"]
    assert sum(entry["count"] for entry in shown["objects"]) == 5
