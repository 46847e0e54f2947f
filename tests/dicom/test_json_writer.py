from __future__ import annotations

import io
from typing import Any

import orjson
import pydicom
import pytest

from tasks.dicom.buffer import Buffer
from tasks.dicom.json_model import header_json
from tasks.dicom.json_writer import JsonWriter
from tasks.dicom.reader import read_header
from tasks.records import Reject
from tests.builders import ct_instance, part10
from tests.corpus import bundled_files
from tests.dicom.test_scan import FILES, LARGEST

PARTS, SAMPLED = 3, 3


@pytest.mark.parametrize("part", range(PARTS))
def test_both_ways_write_the_same_of_every_real_file(part: int) -> None:
    writer, written = JsonWriter(), 0
    for path in FILES[part :: PARTS * SAMPLED]:
        if path.stat().st_size > LARGEST:
            continue
        source = Buffer(path.read_bytes())
        header, found = read_header(source, pixels=False), writer.write(source)
        if isinstance(header, Reject) or isinstance(found, Reject):
            assert found == header
            continue
        assert found.decode() == header_json(header.dataset, header.encodings)
        written += 1
    assert written > 50


def without_bulk(attributes: dict[str, Any]) -> dict[str, Any]:
    """Leave out binary values, of which the two keep different ones, and what JSON has two ways to write."""
    kept: dict[str, Any] = {}
    for tag, attribute in attributes.items():
        if attribute["vr"] == "SQ":
            kept[tag] = [without_bulk(item) for item in attribute.get("Value", [])]
        elif "InlineBinary" not in attribute and attribute["vr"] not in ("OB", "OW", "UN", "OF", "OD"):
            # Of several values an empty one is null (PS3.18 F.2.5), where pydicom writes an empty string.
            kept[tag] = [None if value == "" else value for value in attribute.get("Value") or []]
    return {tag: value for tag, value in kept.items() if tag != "7FE00010"}


@pytest.mark.filterwarnings("ignore")
def test_it_says_what_pydicoms_json_says() -> None:
    compared = 0
    for path in bundled_files()[::2]:
        data = path.read_bytes()
        found = JsonWriter().write(Buffer(data))
        if isinstance(found, Reject):
            continue
        try:
            theirs = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True).to_json_dict()
        except Exception:  # noqa: BLE001, S112 - values that pydicom cannot write
            continue
        ours = without_bulk(orjson.loads(found))
        for tag, value in without_bulk(theirs).items():
            if int(tag[:4], 16) % 2 or tag.endswith("0000"):
                continue
            compared += ours[tag] == value
            assert ours[tag] == value or str(ours[tag]).replace(" ", "") == str(value).replace(" ", ""), (
                path.name,
                tag,
            )
    assert compared > 1000


def test_pixels_and_file_meta_information_are_left_out() -> None:
    found = JsonWriter().write(Buffer(part10(ct_instance())))
    assert isinstance(found, bytes)
    assert not {"7FE00010", "00020010"} & set(orjson.loads(found))
