from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts import FINDINGS, INSTANCES
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element, Header
from tasks.dicom.reader import read_header
from tasks.errors import ContractError
from tasks.records import Finding
from tasks.tables.rows import (
    Gathered,
    Row,
    compile_extractors,
    extract,
    header_columns,
    instance_row,
    rows_to_table,
)
from tests.builders import buffer, ct_instance
from tests.tables.rows_of import row_of

EXTRACTORS = compile_extractors(INSTANCES)
LATIN_1 = ("iso8859",)


def read_column(keyword: str, VR: str, value: bytes, encodings: tuple[str, ...] = LATIN_1) -> Any:
    tag = tag_of(keyword)
    return extract(DataSet({tag: Element(tag, VR, value)}), encodings, EXTRACTORS).get(keyword)


def read_row(*rows: Row) -> dict[str, Any]:
    """Give the last of some rows as it stands in the table of them all."""
    gathered = Gathered()
    for row in rows:
        gathered.add(row)
    last: dict[str, Any] = gathered.table().to_pylist()[-1]
    return last


def make_row(header: Header, columns: Mapping[str, object] | None = None, **changes: Any) -> Row:
    facts: dict[str, Any] = {
        "source_ref": "a source",
        "batch_id": "a batch",
        "file_path": "a/b.dcm",
        "size_bytes": 1234,
        "sha256": "ab" * 32,
        "transfer_syntax": header.transfer_syntax,
        "header_json": "{}",
        "has_pixel_data": True,
        "pixel_bytes": 512,
        "expected_pixel_bytes": 511,
    }
    found = header_columns(header.dataset, header.encodings) if columns is None else columns
    return instance_row(found, **(facts | changes))


@pytest.fixture(name="header")
def read_ct() -> Header:
    header = read_header(buffer(ct_instance()))
    assert isinstance(header, Header)
    return header


def test_a_row_says_what_the_header_says(header: Header) -> None:
    row = read_row(make_row(header))
    expected = {
        "SOPInstanceUID": "1.2.826.0.1.3680043.10.999.1.1.1",
        "StudyDate": date(2023, 4, 12),
        "StudyTime": "101530",
        "ContentDate": date(2023, 4, 12),
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "InstanceNumber": 1,
        "Rows": 16,
        "PixelSpacing": [0.5, 0.5],
        "RescaleIntercept": -1024.0,
        "ImagePositionPatient": [-120.0, -120.0, 2.5],
        "PatientAge": "062Y",
        "KVP": 120.0,
        "EchoTime": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_a_row_has_each_column_of_the_contract_in_its_type(header: Header) -> None:
    row = make_row(header, findings=[Finding("date-iso", "(0008,0020)", "BAD_DATE_REPAIRED")] * 2)
    gathered = Gathered()
    gathered.add(row)
    assert gathered.table().schema == INSTANCES.arrow_schema()
    assert gathered.table().to_pylist() == [dict.fromkeys(INSTANCES.names) | dict(row)]


def test_findings_are_counted_and_their_codes_listed_once(header: Header) -> None:
    codes = ["BAD_TIME", "BAD_DATE", "BAD_TIME"]
    row = make_row(header, findings=[Finding("rule", "", code) for code in codes])
    assert (row["finding_count"], row["finding_codes"]) == (3, ["BAD_DATE", "BAD_TIME"])


def test_the_expected_length_of_pixels_counts_their_padding(header: Header) -> None:
    assert make_row(header)["expected_pixel_bytes"] == 512
    assert make_row(header, expected_pixel_bytes=512)["expected_pixel_bytes"] == 512
    assert make_row(header, expected_pixel_bytes=None)["expected_pixel_bytes"] is None
    assert make_row(header, expected_pixel_bytes=2**63 - 1)["expected_pixel_bytes"] is None


def test_method_codes_come_out_of_their_sequence_in_order(header: Header) -> None:
    items = tuple(DataSet({0x00080100: Element(0x00080100, "SH", code)}) for code in (b"113107", b"113100"))
    dataset = DataSet(header.dataset | {0x00120064: Element(0x00120064, "SQ", b"", items)})
    row = make_row(header, header_columns(dataset, header.encodings))
    assert row["deidentification_codes"] == ["113100", "113107"]
    assert make_row(header)["deidentification_codes"] == []
    shared = make_row(header, Row({"deidentification_codes": ["113100"]}, {}))
    assert shared["deidentification_codes"] == ["113100"]


@pytest.mark.parametrize(
    ("keyword", "VR", "value", "expected"),
    [
        ("Modality", "CS", b"MR", "MR"),
        ("Modality", "CS", b" MR ", "MR"),
        ("Manufacturer", "LO", b"", None),
        ("Manufacturer", "LO", b"  ", None),
        ("Manufacturer", "LO", b"ACME\\OTHER", "ACME\\OTHER"),
        ("Manufacturer", "LO", "Hänsel".encode("latin-1"), "Hänsel"),
        ("SOPClassUID", "UI", b"1.2.840\0", "1.2.840"),
        ("ImageType", "CS", b"ORIGINAL\\PRIMARY ", ["ORIGINAL", "PRIMARY"]),
        ("ImageType", "CS", b"ORIGINAL\\\\AXIAL", ["ORIGINAL", "", "AXIAL"]),
        ("StudyDate", "DA", b"20240229", date(2024, 2, 29)),
        ("StudyDate", "DA", b"20230229", None),
        ("StudyDate", "DA", b"2026W321", None),
        ("StudyDate", "DA", b"20240229\\20240301", None),
        ("StudyDate", "DA", b"00000000", None),
        ("Rows", "US", b"\x00\x02", 512),
        ("Rows", "US", b"\x00\x02\x00\x02", None),
        ("Rows", "US", b"\x00", None),
        ("Rows", "OB", b"\x00\x02", None),
        ("InstanceNumber", "IS", b"12 ", 12),
        ("InstanceNumber", "IS", b"-12", -12),
        ("InstanceNumber", "IS", b"12.5", None),
        ("InstanceNumber", "IS", b"1\\2 ", None),
        ("InstanceNumber", "IS", b"2147483648", None),
        ("InstanceNumber", "DS", b"3.0 ", 3),
        ("InstanceNumber", "DS", b"inf ", None),
        ("InstanceNumber", "DS", b"nan ", None),
        ("EchoTime", "DS", b"4.25", 4.25),
        ("EchoTime", "DS", b"4,25", None),
        ("EchoTime", "DS", b"1e400 ", None),
        ("EchoTime", "DS", b"nan ", None),
        ("EchoTime", "DS", b"4\\8 ", None),
        ("EchoTime", "IS", b"9" * 400, None),
        ("DiffusionBValue", "FD", struct.pack("<d", 1000.5), 1000.5),
        ("DiffusionBValue", "FD", struct.pack("<d", float("inf")), None),
        ("DiffusionBValue", "FD", b"\0\0\0\0", None),
        ("PixelSpacing", "DS", b"0.5\\0.25 ", [0.5, 0.25]),
        ("PixelSpacing", "DS", b"0.5\\inf ", None),
        ("PixelSpacing", "DS", b"0.5\\", None),
        ("PixelSpacing", "LO", b"0.5\\0.5 ", None),
        ("Modality", "US", b"CT", None),
    ],
)
def test_a_value_fits_its_column_or_is_null(keyword: str, VR: str, value: bytes, expected: Any) -> None:
    assert read_column(keyword, VR, value) == expected


def test_text_is_decoded_in_its_character_set() -> None:
    encodings = ("shift_jis", "iso2022_jp")
    assert read_column("Manufacturer", "LO", b"\x1b$B;3ED\x1b(B", encodings) == "山田"
    assert read_column("Manufacturer", "LO", "医疗".encode("gb18030"), ("gb18030",)) == "医疗"


@settings(deadline=None)
@given(
    st.sampled_from(EXTRACTORS),
    st.sampled_from(["CS", "DA", "DS", "FD", "IS", "LO", "SQ", "UI", "UN", "US"]),
    st.binary(),
)
def test_whatever_the_bytes_the_row_fits_the_contract(column: Any, VR: str, value: bytes) -> None:
    dataset = DataSet({column.tag: Element(column.tag, VR, value)})
    found = extract(dataset, LATIN_1, EXTRACTORS).get(column.column)
    assert pa.array([found], INSTANCES.column(column.column).type).to_pylist() == [found]
    numbers = found if isinstance(found, list) else [found]
    assert all(math.isfinite(number) for number in numbers if isinstance(number, float))


def test_rows_are_sorted_by_the_key() -> None:
    rows = [row_of(FINDINGS, source_ref=ref, path=path) for ref, path in [("b", "1"), ("a", "2"), ("a", "1")]]
    table = rows_to_table(rows, FINDINGS)
    assert [(row["source_ref"], row["path"]) for row in table.to_pylist()] == [
        ("a", "1"),
        ("a", "2"),
        ("b", "1"),
    ]


def test_no_rows_make_an_empty_table() -> None:
    assert rows_to_table([], INSTANCES).schema == INSTANCES.arrow_schema()


@pytest.mark.parametrize("value", [None, 12, "Doerfler\udcff"])
def test_a_row_that_breaks_its_contract_is_a_defect_of_ours(value: object) -> None:
    with pytest.raises(ContractError, match=r"findings\.code") as raised:
        rows_to_table([row_of(FINDINGS, code=value)], FINDINGS)
    assert "Doerfler" not in str(raised.value)
    assert raised.value.__context__ is None


def test_rows_gathered_a_few_at_a_time_make_the_same_table() -> None:
    rows = [row_of(INSTANCES, source_ref=f"{number * 7 % 600:04d}") for number in range(600)]
    gathered = Gathered()
    for row in rows:
        gathered.add(Row({}, row))
    assert gathered.row_count == 600
    assert gathered.table().equals(rows_to_table(rows, INSTANCES))
    assert Gathered().table().equals(rows_to_table([], INSTANCES))


SAMPLE = row_of(INSTANCES)
VARIED = ("Modality", "KVP", "ImageType", "StudyDate")
GATHERED = ("private_creators", "unknown_private_creators", "functional_groups")
COLUMNS = st.fixed_dictionaries(
    {},
    optional={name: st.none() | st.just(SAMPLE[name]) for name in VARIED}
    | {
        f"{kind} creator {tag}": st.sampled_from(["ACME", "BETA"])
        for kind in ("kept", "unknown")
        for tag in (1, 2)
    }
    | {"functional groups shared": st.just(["PixelMeasuresSequence"])},
)
FIXED = {name: SAMPLE[name] for name in SAMPLE.keys() - {*VARIED, *GATHERED}}


@settings(deadline=None)
@given(
    st.lists(COLUMNS, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), COLUMNS), max_size=12),
)
def test_the_table_is_the_same_whatever_its_rows_share(
    commons: list[dict[str, object]], rows: list[tuple[int, dict[str, object]]]
) -> None:
    sharing, alone = Gathered(), Gathered()
    for number, (place, columns) in enumerate(rows):
        common = commons[place % len(commons)]
        own = FIXED | columns | {"source_ref": f"{number:02d}"}
        sharing.add(Row(common, own))
        alone.add(Row({}, {**common, **own}))
        assert Row(common, own) == Row({}, {**common, **own})
    assert sharing.table().equals(alone.table())


@pytest.mark.parametrize("place", ["common", "own"])
@pytest.mark.parametrize("value", [12, "Doerfler\udcff"])
def test_a_shared_value_of_another_type_is_a_defect_of_ours_too(place: str, value: object) -> None:
    mine = row_of(INSTANCES)
    del mine["Modality"]
    wrong = {"Modality": value}
    gathered = Gathered()
    gathered.add(Row(wrong, mine) if place == "common" else Row({}, mine | wrong))
    with pytest.raises(ContractError, match=r"instances\.Modality") as raised:
        gathered.table()
    assert "Doerfler" not in str(raised.value)
    assert raised.value.__context__ is None
