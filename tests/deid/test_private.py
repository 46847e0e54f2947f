from __future__ import annotations

from pathlib import Path

import pytest

from tasks.clean import CleanInstance, clean_instance
from tasks.deid.data import read_rows
from tasks.deid.deidentify import Deidentifier
from tasks.deid.private import (
    KEPT_VRS,
    UNLISTED,
    creator_tag,
    list_candidates,
    name_unknown_creator,
    safe_elements,
)
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.dictionary import format_tag
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import encode_numbers
from tasks.recall.cleaner import Cleaner
from tasks.records import Finding
from tests.builders import ct_instance, part10
from tests.deid.builders import KEY, deidentify, element, instance, nest

CREATOR = Element(0x00190010, "LO", b"SIEMENS MR HEADER ")
B_VALUE = Element(0x0019100C, "IS", b"1000")


def private_of(treated: DataSet) -> DataSet:
    return DataSet((tag, one) for tag, one in treated.items() if tag >> 16 & 1)


def test_a_known_element_is_kept_with_its_creator(research: Deidentifier) -> None:
    treated = deidentify(research, instance(CREATOR, B_VALUE)).dataset
    assert private_of(treated) == {CREATOR.tag: CREATOR, B_VALUE.tag: B_VALUE}


def test_a_basic_profile_keeps_nothing_private(basic: Deidentifier) -> None:
    assert not private_of(deidentify(basic, instance(CREATOR, B_VALUE)).dataset)


@pytest.mark.parametrize(
    "elements",
    [
        (B_VALUE,),
        (Element(0x00190011, "LO", CREATOR.value), B_VALUE),
        (Element(0x00190010, "LO", b"SOMEBODY ELSE "), B_VALUE),
        (CREATOR, Element(0x001910FE, "IS", b"1000")),
        (CREATOR, Element(0x0019100C, "IS", b"Doerfler^Janette")),
        (CREATOR, Element(0x0019100C, "OB", b"1000")),
        (CREATOR,),
    ],
    ids=[
        "no creator",
        "another block",
        "another creator",
        "unknown",
        "no number",
        "another VR",
        "nothing to own",
    ],
)
def test_what_is_not_known_to_be_safe_goes_with_its_creator(
    elements: tuple[Element, ...], research: Deidentifier
) -> None:
    assert not private_of(deidentify(research, instance(*elements)).dataset)


@pytest.mark.parametrize(
    ("number", "value", "VR"),
    [(0x0019100C, b"1000", "IS"), (0x0019100C, b"\xe8\3", "US"), (0x0019100A, b"\x30\x31", "US")],
)
def test_an_element_under_un_is_read_as_it_is_known(
    number: int, value: bytes, VR: str, research: Deidentifier
) -> None:
    treated = deidentify(research, instance(CREATOR, Element(number, "UN", value))).dataset
    assert treated[number] == Element(number, VR, value)


@pytest.mark.parametrize("VR", ["UN", "SS"])
@pytest.mark.parametrize(
    "value",
    [b"Lee^", b"Voznesenskaya^Olga", "郑伟".encode("gb18030"), b"\0\1\0\1" + b"Khabibullin "],
    ids=["four letters", "a name", "two characters", "a name behind numbers"],
)
def test_letters_among_whole_numbers_are_no_measurement(
    value: bytes, VR: str, research: Deidentifier
) -> None:
    owner = Element(0x00430010, "LO", b"GEMS_PARM_01")
    assert not private_of(deidentify(research, instance(owner, Element(0x00431014, VR, value))).dataset)


def test_whole_numbers_stay(research: Deidentifier) -> None:
    owner = Element(0x00430010, "LO", b"GEMS_PARM_01")
    numbers = Element(0x00431014, "SS", encode_numbers("SS", 1, -1, 255, 4096))
    assert numbers in private_of(deidentify(research, instance(owner, numbers)).dataset).values()


def test_an_element_that_could_be_two_things_is_removed(research: Deidentifier) -> None:
    several = Element(0x00191012, "UN", b"\1\0\0\0")
    assert not private_of(deidentify(research, instance(CREATOR, several)).dataset)


def test_a_safe_number_that_is_the_patients_id_is_emptied(research: Deidentifier) -> None:
    number = B_VALUE._replace(value=b"4711000 ")
    treated = deidentify(research, instance(CREATOR, number, PatientID="4711000")).dataset
    assert not treated[B_VALUE.tag].value


@pytest.mark.parametrize("depth", [1, 3])
def test_it_is_the_same_inside_of_sequences(depth: int, research: Deidentifier) -> None:
    kept = element("PixelMeasuresSequence", [DataSet({one.tag: one for one in (CREATOR, B_VALUE)})])
    treated = deidentify(research, instance(nest(kept, depth - 1))).dataset
    (around,) = [one for one in treated.values() if one.items and (one.tag >> 16 != 0x0012)]
    item = around.items or ()
    while depth > 1:
        item, depth = next(iter(item[0].values())).items or (), depth - 1
    assert private_of(item[0]) == {CREATOR.tag: CREATOR, B_VALUE.tag: B_VALUE}


def test_an_output_says_that_safe_private_elements_were_kept(research: Deidentifier) -> None:
    codes = deidentify(research, instance()).dataset[0x00120064].items or ()
    assert b"113111" in {code[0x00080100].value for code in codes}


def test_every_listed_element_can_be_checked() -> None:
    rows = list(read_rows("safe_private.csv"))
    assert len(rows) > 1000
    assert {VR for row in rows for VR in row["VRs"].split()} <= {
        "US",
        "SS",
        "UL",
        "SL",
        "FL",
        "FD",
        "UV",
        "SV",
        "DS",
        "IS",
        "CS",
    }
    assert all(int(row["group"], 16) % 2 for row in rows)
    assert sum(map(len, safe_elements().values())) == len(rows)


def test_a_block_is_owned_by_the_creator_of_its_number() -> None:
    assert creator_tag(0x0019100C) == 0x00190010
    assert creator_tag(0x0019FF0C) == 0x001900FF
    assert creator_tag(0x00190010) is creator_tag(0x0018100C) is None


def test_binary_numbers_are_kept_by_size(research: Deidentifier) -> None:
    owner = Element(0x00090010, "LO", b"FDMS 1.0")
    whole, cut = Element(0x00091008, "UL", encode_numbers("UL", 7)), Element(0x00091009, "UL", b"\1\2\3")
    assert set(private_of(deidentify(research, instance(owner, whole, cut)).dataset)) == {
        owner.tag,
        whole.tag,
    }


GE_ACQUISITION = Element(0x00190010, "LO", b"GEMS_ACQU_01")


@pytest.mark.parametrize(
    ("creator", "number", "VR", "value"),
    [
        (CREATOR, 0x0019100C, "IS", b"1614850000"),
        (CREATOR, 0x0019100C, "IS", b"0\\1614850000"),
        (CREATOR, 0x0019100C, "UN", b"20210304"),
        (CREATOR, 0x0019100C, "IS", b"19570313"),
        (GE_ACQUISITION, 0x00191093, "DS", b"1614850000.25 "),
        (GE_ACQUISITION, 0x0019105A, "FL", encode_numbers("FL", 1614850000.0)),
    ],
    ids=["seconds", "beside a number", "digits under UN", "a birth date", "fractions", "a float"],
)
def test_a_private_number_that_may_be_a_moment_is_removed_and_reported(
    creator: Element, number: int, VR: str, value: bytes, research: Deidentifier
) -> None:
    result = deidentify(research, instance(creator, Element(number, VR, value)))
    assert not private_of(result.dataset)
    assert Finding("private-moment", format_tag(number), "BAD_DATE") in result.findings


@pytest.mark.parametrize(
    ("creator", "number", "value"),
    [(b"GEMS_PARM_01", 0x00431039, b"1000000800\\8\\\\0"), (b"GEMS_ACQU_01", 0x00191093, b"1276967490")],
    ids=["a b-value", "a frequency"],
)
def test_large_numbers_known_to_measure_stay(
    creator: bytes, number: int, value: bytes, research: Deidentifier
) -> None:
    owner = Element(number & 0xFFFF0000 | 0x10, "LO", creator)
    VR = "IS" if number >> 16 == 0x0043 else "DS"
    treated = deidentify(research, instance(owner, Element(number, VR, value))).dataset
    assert treated[number].value == value


ACME = Element(0x00190010, "LO", b"ACME_PHYSICS")
ACME_NUMBER = Element(0x0019100A, "DS", b"12.5")


def reviewing(tmp_path: Path, keep: str) -> Deidentifier:
    file = tmp_path / "reviewed.yaml"
    file.write_text(
        "name: reviewed\noptions: [retain-safe-private]\n"
        f"private_creators:\n- {{creator: ACME_PHYSICS, group: '0019', keep: {keep}}}\n"
    )
    return Deidentifier(KEY, load_profile(file))


def test_an_element_that_somebody_found_safe_is_kept_and_judged_like_the_others(tmp_path: Path) -> None:
    reviewed = reviewing(tmp_path, "{'0A': [DS]}")
    both = (ACME, ACME_NUMBER, Element(0x0019100B, "DS", b"1.5 "))
    treated = deidentify(reviewed, instance(*both)).dataset
    assert private_of(treated) == {ACME.tag: ACME, ACME_NUMBER.tag: ACME_NUMBER}
    moment = ACME_NUMBER._replace(value=b"1614850000")
    assert not private_of(deidentify(reviewed, instance(ACME, moment)).dataset)
    known = deidentify(reviewed, instance(CREATOR, B_VALUE)).dataset
    assert private_of(known) == {CREATOR.tag: CREATOR, B_VALUE.tag: B_VALUE}


def test_a_creator_that_was_reviewed_is_unknown_no_more(research: Deidentifier, tmp_path: Path) -> None:
    assert name_unknown_creator(ACME, research.safe_private) == UNLISTED
    for keep in ("{}", "{'0A': [DS]}"):
        assert name_unknown_creator(ACME, reviewing(tmp_path, keep).safe_private) == ""


def test_what_was_reviewed_is_part_of_the_digest(tmp_path: Path) -> None:
    digests = set()
    for keep in ("{}", "{'0A': [DS]}", "{'0A': [IS]}"):
        reviewing(tmp_path, keep)
        digests.add(load_profile(tmp_path / "reviewed.yaml").digest)
    assert len(digests) == 3


def test_both_ways_keep_what_was_reviewed(tmp_path: Path) -> None:
    reviewed = reviewing(tmp_path, "{'0A': [DS]}")
    image = ct_instance()
    image.private_block(0x0019, "ACME_PHYSICS", create=True).add_new(0x0A, "DS", "12.5")
    source = Buffer(part10(image))
    quick, careful = (
        Cleaner(reviewed).clean_plain(source, pixels=True),
        clean_instance(source, reviewed, pixels=True),
    )
    assert quick == careful
    assert isinstance(quick, CleanInstance)
    assert b"ACME_PHYSICS" in quick.head
    assert "unknown creator 1638416" not in quick.columns


def test_the_elements_that_may_be_reviewed_are_those_of_the_public_dictionary() -> None:
    listed = list_candidates("SIEMENS MR HEADER")
    assert {"0019", "0051"} <= set(listed)
    assert all(one.VR in KEPT_VRS for found in listed.values() for one in found)
    assert list_candidates(UNLISTED) == {}
