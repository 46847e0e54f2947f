"""What is put down for a plain UID of an instance is held to what the whole way makes of any element."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.deid.actions import OPTIONS
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.deid.rules import make_profile
from tasks.deid.work import NOBODY
from tasks.dicom.element import Element
from tasks.dicom.encode import encode_element
from tasks.dicom.locate import Unusual
from tasks.recall.treated import Syntax, Treated, treat_span
from tests.builders import KEY_TEXT

ENTITIES = (0x00080018, 0x0020000D, 0x0020000E)
REFERENCED = 0x00081155
numbers = st.integers(0, 10**12).map(str)
uids = st.lists(numbers, min_size=1, max_size=9).map(".".join)
values = st.one_of(
    uids.map(str.encode),
    uids.map(lambda uid: uid.encode() + b"\0"),
    st.sampled_from((b"1.2.840.10008.5.1.4.1.1.2\0", b"1.02.3", b"1.2\\3.4 ", b"", b" ", b"1.2.3.4.5.6.7 ")),
    st.binary(max_size=20),
)


KEY = load_key(text=KEY_TEXT)
QUICK, WHOLE = (Deidentifier(KEY, load_profile("research")) for _ in range(2))
WHOLE.mapped_entities = frozenset()


def treat(span: bytes, explicit: bool, by: Deidentifier) -> tuple[Treated, bool] | None:
    try:
        return treat_span(span, Syntax(explicit, False, ("iso8859",)), NOBODY, by)
    except Unusual:
        return None


@given(st.sampled_from((*ENTITIES, REFERENCED)), values, st.booleans(), st.sampled_from(("UI", "LO", "UN")))
@example(0x00080018, b"1.2.826.0.1.3680043.10.999.1.1", True, "UI")
@example(0x00080018, b"1.2.826.0.1.3680043.10.999.1.12", False, "UI")
def test_a_uid_is_treated_as_any_element_is(tag: int, value: bytes, explicit: bool, VR: str) -> None:
    span = encode_element(Element(tag, VR, value), explicit=explicit)
    assert treat(span, explicit, QUICK) == treat(span, explicit, WHOLE)


@given(st.binary(min_size=8, max_size=40), st.booleans())
def test_damaged_spans_are_treated_as_any_element_is(tail: bytes, explicit: bool) -> None:
    span = b"\x08\x00\x18\x00" + tail
    assert treat(span, explicit, QUICK) == treat(span, explicit, WHOLE)


@pytest.mark.parametrize("explicit", [True, False])
def test_a_plain_uid_is_mapped(explicit: bool) -> None:
    span = encode_element(Element(0x00080018, "UI", b"1.2.826.0.1.3680043.10.999"), explicit=explicit)
    treated = treat(span, explicit, QUICK)
    assert treated is not None
    assert b"2.25." in treated[0].encoded
    assert treated[0].notes is not None
    assert treated[0].notes.tokens[0].numbers == (b"1.2.826.0.1.3680043.10.999",)


def test_a_profile_that_retains_uids_maps_none_by_itself() -> None:
    assert QUICK.mapped_entities == frozenset(ENTITIES)
    retaining = make_profile("retaining", "", (OPTIONS["retain-uids"],), strict=True)
    assert not Deidentifier(KEY, retaining).mapped_entities
