from __future__ import annotations

import orjson
import pytest

from tasks.deid.cohort import tokens_of_patient
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms
from tasks.deid.sensitivity import SAMPLED, Sensitivity
from tasks.deid.trace import Trace
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tasks.records import ElementSensitivity
from tests.builders import KEY_TEXT

NUMBER = Pseudonyms(load_key(text=KEY_TEXT)).token
PROFILE = load_profile("research")
NAME = Element(0x00100010, "PN", b"Doerfler^Janette")
OF_PATIENT = tokens_of_patient(NAME, ("ascii",))


def look(elements: list[tuple[Element, Element | None]]) -> Sensitivity:
    seen = Sensitivity()
    for original, written in elements:
        seen.add([Trace(original, written, ("ascii",))], OF_PATIENT, NUMBER)
    return seen


def rate(elements: list[tuple[Element, Element | None]]) -> ElementSensitivity:
    (one,) = look(elements).conclude(PROFILE)
    return one


def kept(keyword: str, VR: str, values: list[str]) -> list[tuple[Element, Element | None]]:
    elements = [Element(tag_of(keyword), VR, value.encode()) for value in values]
    return [(element, element) for element in elements]


@pytest.mark.parametrize("text", ["call 555-123-4567", "a@hospital.example", "Janette", "Dr. Quincy"])
def test_identity_in_what_is_kept_is_suspicious(text: str) -> None:
    one = rate(kept("WindowCenterWidthExplanation", "LO", [text]))
    assert one.suspicious
    assert (one.prior, one.hit_rate, one.actions) == ("", 1.0, {"kept": 1})


def test_what_is_removed_is_sensitive_and_not_suspicious() -> None:
    element = Element(tag_of("PatientComments"), "LT", b"call Janette at 555-123-4567")
    one = rate([(element, None)])
    assert one.score > 0.9
    assert one.prior == "X"
    assert not one.suspicious


def test_free_text_that_tells_instances_apart_is_suspicious_without_a_hit() -> None:
    texts = [
        f"the lesion in region {'abcdefghijklmnopqrstuvwxyz'[number]} is large and round"
        for number in range(26)
    ]
    many = rate(kept("WindowCenterWidthExplanation", "LO", texts))
    assert many.distinct_share == 1.0
    assert many.suspicious
    assert not rate(kept("WindowCenterWidthExplanation", "LO", texts[:1] * 26)).suspicious


@pytest.mark.parametrize("keyword", ["Modality", "PatientPosition", "PhotometricInterpretation"])
def test_codes_that_repeat_are_not_suspicious(keyword: str) -> None:
    one = rate(kept(keyword, "CS", ["HFS", "FFS"] * 20))
    assert not one.suspicious
    assert one.distinct_share == 0.05


def test_items_are_taken_together() -> None:
    inner = Element(0x00081155, "UI", b"1.2.3")
    items = (DataSet({inner.tag: inner}), DataSet({inner.tag: inner}))
    sequence = Element(0x00081140, "SQ", b"", items)
    one = rate([(sequence, None)])
    assert (one.path, one.seen, one.keyword) == ("(0008,1140)[].(0008,1155)", 2, "ReferencedSOPInstanceUID")


def test_batches_merge_to_the_same_in_any_order() -> None:
    elements = kept("SeriesDescription", "LO", [f"series {number}" for number in range(3 * SAMPLED)])
    parts = [orjson.loads(orjson.dumps(look(elements[start::5]).dump())) for start in range(5)]
    merged = []
    for order in (parts, parts[::-1]):
        whole = Sensitivity()
        for part in order:
            whole.merge(part)
        merged.append(whole.dump())
    assert merged[0] == merged[1]
    assert len(merged[0]["(0008,103E)"][2]) == SAMPLED


def test_distinct_values_are_estimated_beyond_the_sample() -> None:
    one = rate(kept("SeriesDescription", "LO", [f"series {number % 1000}" for number in range(4000)]))
    assert 0.15 < one.distinct_share < 0.4


def test_what_is_told_holds_no_value() -> None:
    told = orjson.dumps(look(kept("WindowCenterWidthExplanation", "LO", ["Janette", "Doerfler"])).dump())
    assert b"Janette" not in told
    assert b"Doerfler" not in told
