"""One file that kills its reader, one that never ends and one that eats memory, among a thousand good ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.builders import ct_instance, part10
from tests.e2e.runs import Place, clean, rows_of
from tests.reasons.damage import BIG_ENDIAN, RLE, with_frames, with_meta
from tests.sandbox import fragile

ROOT = Path(__file__).resolve().parents[2]
GOOD, STUDY = 1000, 50
LIMITS = {"DICOMFLOW_PARSER__CPU_SECONDS": "2", "DICOMFLOW_PARSER__MEMORY_BYTES": str(400 << 20)}
DECODING = {
    "DICOMFLOW_CHECK_PIXELS": "decode",
    "DICOMFLOW_PARSER__PLUGINS": '["tests.sandbox.fragile"]',
    "PYTHONPATH": str(ROOT),
}
ONE_BATCH = {"DICOMFLOW_BATCH_OBJECTS": "2000", "DICOMFLOW_BATCH_BYTES": str(4 << 30)}


def write_good(source: Path) -> None:
    source.mkdir()
    for number in range(GOOD):
        study, instance = divmod(number, STUDY)
        ds = ct_instance(study=study + 1, patient=study + 1, instance=instance + 1)
        (source / f"{number:04d}.dcm").write_bytes(part10(ds))


def write_poison(source: Path) -> None:
    (source / "0100-crash.dcm").write_bytes(with_frames(RLE, b"", fragile.frame_that_does(fragile.CRASH)))
    (source / "0500-hang.dcm").write_bytes(with_frames(RLE, b"", fragile.frame_that_does(fragile.HANG)))
    head = with_meta(BIG_ENDIAN) + b"\0\x08\0\x60CS\0\x02CT" + b"\x7f\xe0\0\x10OW\0\0\xff\xff\xff\xf0"
    (source / "0900-grow.dcm").write_bytes(head)
    os.truncate(source / "0900-grow.dcm", 2 << 30)


@pytest.mark.e2e
def test_files_that_take_their_reader_along_cost_no_other_file_and_no_worker(tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_good(place.source)
    write_poison(place.source)
    report = clean(place, **LIMITS, **DECODING, **ONE_BATCH)
    assert (report["listed"], report["published"], report["quarantined"]) == (GOOD + 3, GOOD, 3), report
    assert report["reasons"] == {"PARSER_CRASH": 1, "PARSER_MEMORY": 1, "PARSER_TIMEOUT": 1}
    ends = {row["source_uri"].rsplit("/", 1)[-1]: row for row in rows_of(place.target, "restricted/ledger")}
    assert ends["0100-crash.dcm"]["reason"] == "PARSER_CRASH"
    assert ends["0500-hang.dcm"]["reason"] == "PARSER_TIMEOUT"
    assert ends["0900-grow.dcm"]["reason"] == "PARSER_MEMORY"
    # A batch that loses its worker is halved and tried again; this one was done in one go.
    assert len({row["batch_id"] for row in ends.values()}) == 1
