from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.repairs import Repair, dump_repairs
from tasks.cleaning.formats import Formats, formats_until
from tasks.cleaning.repair import is_valid, repair
from tasks.dicom.dictionary import tag_of
from tests.cleaning.elements import dataset, element


def declare(VR: str, keyword: str, **how: Any) -> Formats:
    given = {"id": "x-one", "VR": VR, "attributes": [keyword], **how}
    return formats_until(repairs=dump_repairs([Repair.model_validate(given)]))


def read(formats: Formats, keyword: str, value: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    clean, found = repair(dataset(element(keyword, value)), formats=formats)
    return clean[tag_of(keyword)].value, [(one.rule, one.code) for one in found]


@pytest.mark.parametrize(
    ("VR", "keyword", "how", "value", "expected", "code"),
    [
        ("DA", "StudyDate", {"reads": "DD/MM/YYYY"}, b"05/06/2023", b"20230605", "BAD_DATE_REPAIRED"),
        (
            "DA",
            "StudyDate",
            {"reads": "D.M.YY", "first_year": 1950},
            b"5.6.49",
            b"20490605",
            "BAD_DATE_REPAIRED",
        ),
        (
            "DA",
            "StudyDate",
            {"reads": "D.M.YY", "first_year": 1950},
            b"5.6.50",
            b"19500605",
            "BAD_DATE_REPAIRED",
        ),
        (
            "DA",
            "StudyDate",
            {"reads": "YYYY?MM?DD?"},
            "2023年05月06日".encode("gb18030"),
            b"20230506",
            "BAD_DATE_REPAIRED",
        ),
        ("TM", "StudyTime", {"reads": "HH-MM-SS.F"}, b"12-30-15.5 ", b"123015.5", "BAD_TIME_REPAIRED"),
        ("AS", "PatientAge", {"reads": "N", "unit": "Y"}, b"45", b"045Y", "BAD_AGE"),
        ("DS", "SliceThickness", {"reads": "N 'mm'"}, b"2.5 mm", b"2.5 ", "BAD_NUMBER"),
        ("CS", "Laterality", {"values": {"RIGHT": "R"}}, b"RIGHT ", b"R ", "BAD_CODE_REPAIRED"),
        ("CS", "Laterality", {"values": {"A/P": "AP"}}, b"A/P ", b"AP", "BAD_CODE_REPAIRED"),
        (
            "CS",
            "ImageType",
            {"values": {"ORIG": "ORIGINAL"}},
            b"ORIG\\X",
            b"ORIGINAL\\X",
            "BAD_CODE_REPAIRED",
        ),
        (
            "CS",
            "PatientSex",
            {"values": {"Herr": "M"}},
            b"Herr",
            b"M ",
            "BAD_CODE_REPAIRED",
        ),
    ],
)
def test_a_declared_repair_reads_what_its_attribute_holds(
    VR: str, keyword: str, how: dict[str, Any], value: bytes, expected: bytes, code: str
) -> None:
    formats = declare(VR, keyword, **how)
    assert not is_valid(element(keyword, value), formats)
    clean, found = read(formats, keyword, value)
    assert clean == expected
    assert ("x-one", code) in found
    assert repair(dataset(element(keyword, clean)), formats=formats)[1] == ()


def test_it_reads_no_other_attribute() -> None:
    formats = declare("DA", "AcquisitionDate", reads="DD/MM/YYYY")
    assert read(formats, "StudyDate", b"05/06/2023")[0] == b""


@pytest.mark.parametrize("value", [b"31/31/2023", b"05/06/2077", b"05-06-2023", b"AM "])
def test_what_it_cannot_read_is_emptied_as_ever(value: bytes) -> None:
    formats = declare("DA", "StudyDate", reads="DD/MM/YYYY")
    assert read(formats, "StudyDate", value) == (b"", [("date-unreadable", "BAD_DATE")])


@given(st.binary(max_size=12))
def test_a_valid_value_is_never_read_otherwise(value: bytes) -> None:
    for reads in ("DDMMYYYY", "MMDDYYYY", "D.M.YYYY"):
        formats = declare("DA", "StudyDate", reads=reads)
        if is_valid(element("StudyDate", value)):
            assert read(formats, "StudyDate", value) == (value, [])
        once = repair(dataset(element("StudyDate", value)), formats=formats)[0]
        assert repair(once, formats=formats) == (once, ())


@given(st.text("0123456789", min_size=4, max_size=6).map(str.encode))
def test_readings_that_turn_a_value_round_come_to_an_end(value: bytes) -> None:
    both = [
        Repair.model_validate({"id": f"x-{name}", "VR": "TM", "attributes": "StudyTime", "reads": reads})
        for name, reads in (("a", "HHMMSS"), ("b", "SSMMHH"), ("c", "MMHH"))
    ]
    clean, _ = read(formats_until(repairs=dump_repairs(both)), "StudyTime", value)
    assert is_valid(element("StudyTime", clean))
