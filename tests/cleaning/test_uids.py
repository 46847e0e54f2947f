from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import generate_uid

from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired


@pytest.mark.parametrize(
    "value",
    [
        b"1.2.abc\0",
        b"1.2.03",
        b"1." * 31 + b"1234",
        b"../../../../tmp/x\0",
        b"/etc/cron.d/x\0",
        b"..\\..\\x\0",
        b"1.2.3\0/../x\0",
        b"1.2.3 .4",
        b".\0",
        b"1..2",
        b"1.2.",
        b"\xff\xfe",
    ],
)
def test_a_malformed_uid_is_recorded_and_its_bytes_are_kept(value: bytes) -> None:
    assert repaired("SOPInstanceUID", value) == value
    assert findings("SOPInstanceUID", value) == [("uid-form", "BAD_UID")]


@pytest.mark.parametrize("value", [b"1.2.3 ", b" 1.2.3\0\0", b"1.2.3\0\0\0", b"1.2.3\r\n\0"])
def test_one_uid_padded_in_two_ways_stays_one(value: bytes) -> None:
    assert repaired("SOPInstanceUID", value) == b"1.2.3\0"
    assert findings("SOPInstanceUID", value) == [("uid-padding", "BAD_UID")]


@given(values=st.lists(st.builds(generate_uid), min_size=1, max_size=3))
def test_valid_uids_are_untouched(values: list[str]) -> None:
    text = "\\".join(values).encode()
    original = dataset(element("RelatedFrameOfReferenceUID", text + b"\0" * (len(text) % 2), VR="UI"))
    assert repair(original) == (original, ())
