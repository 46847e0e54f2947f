"""No value and no name of a file becomes markup, a terminal's command or a line of its own, wherever it is shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element
from tests.e2e.runs import Place, command
from tests.reasons.damage import edited, good

ATTACKS = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe",
    "line\nERROR forged",
    "{{ 7 * 7 }}",
    "[bold red]markup[/]",
)
TRACES = ("<script", "\x1b", "\u202e", "\x07", "ERROR forged", "forged", "[bold red]")
SHOWN = (
    "StudyDescription",
    "SeriesDescription",
    "Manufacturer",
    "PatientName",
    "Modality",
    "BodyPartExamined",
)


def hostile(number: int, attack: str) -> bytes:
    data = edited(good(), 0x00080005, Element(0x00080005, "CS", b"ISO_IR 192"))
    uid = f"1.2.826.0.1.3680043.10.999.7.{number}".encode()
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        value = uid + b".%d" % len(keyword)
        data = edited(data, tag_of(keyword), Element(tag_of(keyword), "UI", value + b"\0" * (len(value) % 2)))
    for keyword in SHOWN:
        raw = attack.encode()
        VR = {"PatientName": "PN", "Modality": "CS", "BodyPartExamined": "CS"}.get(keyword, "LO")
        data = edited(data, tag_of(keyword), Element(tag_of(keyword), VR, raw + b" " * (len(raw) % 2)))
    return data


@pytest.mark.e2e
def test_what_a_value_or_a_file_name_says_is_obeyed_nowhere(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.source.mkdir()
    for number, attack in enumerate(ATTACKS):
        (place.source / f"{number}{attack.replace('/', '_')}.dcm").write_bytes(hostile(number, attack))
        (place.source / f"{number}{attack.replace('/', '_')}.txt").write_bytes(attack.encode())
    target = tmp_path / "target"
    said = ""
    for arguments in (["clean", str(place.source), str(target)], ["show", str(target)]):
        done = subprocess.run(
            command(*arguments),
            env=place.environment(),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode in (0, 3), done.stderr
        said += done.stdout + done.stderr
    assert not [trace for trace in TRACES if trace in said]
    pages = [path for path in (target / "docs").rglob("*") if path.suffix in (".html", ".json", ".svg")]
    pages += (target / "lineage").rglob("*.ndjson")
    assert len(pages) > 5
    for path in pages:
        text = path.read_text("utf-8")
        assert not [trace for trace in TRACES if trace in text], path.name
        if path.suffix == ".html":
            assert "default-src 'none'" in text
