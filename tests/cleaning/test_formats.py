from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning.dates import LATEST_DATE
from tasks.cleaning.formats import ELEMENT_FORMATS, Formats, formats_until
from tasks.cleaning.strings import repair_values
from tasks.dicom.dictionary import ALL_VRS, keyword_of
from tasks.dicom.values import SPECIFIC_CHARACTER_SET

FORMATS = {**formats_until().by_VR, **{keyword_of(tag): each for tag, (_, each) in ELEMENT_FORMATS.items()}}
CHECKS = {
    **formats_until().checks,
    **{keyword_of(tag): formats_until()[tag][VR] for tag, (VR, _) in ELEMENT_FORMATS.items()},
}
ALL = pytest.mark.parametrize("name", FORMATS)


@ALL
@settings(max_examples=40)
@given(data=st.data())
def test_what_the_quick_check_accepts_is_valid(name: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.from_regex(f"(?:{FORMATS[name].pattern})\\Z"), min_size=1, max_size=7))
    value = "\\".join(values).encode()
    check = CHECKS[name]
    assert check is not None
    if check(value):
        assert repair_values(value, "DS", FORMATS[name]) == (value, ())


@ALL
@settings(max_examples=60)
@given(text=st.text(st.characters(max_codepoint=255), max_size=30))
def test_what_a_rule_makes_is_valid_or_empty_or_kept_as_it_is(name: str, text: str) -> None:
    repaired, rules = FORMATS[name].repair(text)
    kept = bool(rules) and rules[-1].repair(repaired) == repaired
    assert FORMATS[name].is_valid(repaired) or not repaired.strip(" ") or kept


@ALL
@settings(max_examples=60)
@given(text=st.text("0123456789 .,:/-+TZeEYMDamp\0\\", max_size=24))
def test_repairing_a_value_twice_is_repairing_it_once(name: str, text: str) -> None:
    once, _ = FORMATS[name].repair(text)
    assert FORMATS[name].repair(once)[0] == once


@pytest.mark.parametrize(
    "latest", [LATEST_DATE, date(2024, 6, 30), date(2000, 1, 1), date(1999, 12, 31), date(2100, 1, 1)]
)
def test_the_quick_check_knows_no_date_beyond_the_bound(latest: date) -> None:
    check = Formats(latest).checks["DA"]
    assert check is not None
    assert not check(f"{latest.year + 1}0101".encode())
    assert check(f"{latest.year // 10 * 10 - 1}0101".encode())


def test_private_and_unknown_tags_are_not_remembered() -> None:
    formats = Formats(LATEST_DATE)
    for tag in (0x00091001, 0x00090010, 0x0008FFFE):
        assert formats[tag] is formats.checks
    assert not formats


def test_every_vr_has_a_check_or_a_reason_for_none() -> None:
    assert set(formats_until().checks) == ALL_VRS
    unchecked = {VR for VR, check in formats_until().checks.items() if check is None}
    assert unchecked == {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}


def test_the_character_set_is_checked_by_its_terms() -> None:
    check = formats_until()[SPECIFIC_CHARACTER_SET]["CS"]
    assert check is not None
    assert check(b"\\ISO 2022 IR 87")
    assert not check(b"ISO_IR 999")
