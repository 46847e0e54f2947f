from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deid.identifiers import Identifiers, Kept
from tasks.dicom.element import DataSet
from tasks.dicom.values import encodings_of
from tests.deid.builders import ROOT, dataset, element, instance, nest


def collect(original: DataSet) -> Identifiers:
    return Identifiers.collect(original, encodings_of(original))


def named(name: str) -> Identifiers:
    return collect(dataset(PatientName=name))


@pytest.mark.parametrize(
    "text",
    [
        b"Doerfler",
        b"JANETTE",
        b"janette doerfler",
        b"Doerfler,J.",
        b"xDOERFLERx",
        b"Doerfler^Janette",
        b"tumour of Janette",
    ],
)
def test_a_name_is_found_in_any_order_and_case(text: bytes) -> None:
    assert named("Doerfler^Janette").are_in_text(text)


@pytest.mark.parametrize("text", [b"", b"Doer", b"Jane", b"door^flair", b"ACME", b"123"])
def test_less_than_a_name_is_not_found(text: bytes) -> None:
    assert not named("Doerfler^Janette").are_in_text(text)


@pytest.mark.parametrize("text", [b"Lee", b"of LEE.", b"lee^ann", b"_lee_", b"LEE2"])
def test_a_short_name_is_found_standing_alone(text: bytes) -> None:
    assert named("Lee^Jo").are_in_text(text)


@pytest.mark.parametrize("text", [b"SLEEVE", b"leeway", b"Jo", b"fleet"])
def test_a_short_name_is_not_found_inside_words(text: bytes) -> None:
    assert not named("Lee^Jo").are_in_text(text)


def test_initials_mean_somebody_only_side_by_side() -> None:
    identifiers = named("Ng^Jo")
    assert identifiers.are_in_text(b"ng jo")
    assert identifiers.are_in_text(b"JO^NG")
    assert not identifiers.are_in_text(b"jo at ng/ml")


@pytest.mark.parametrize(
    ("charset", "codec", "name", "text"),
    [
        ("ISO_IR 100", "latin-1", "Müller^Jörg", "mit MÜLLER"),
        ("ISO_IR 192", "utf-8", "Wang^XiaoDong=王^小东", "小东"),
        ("GB18030", "gb18030", "Wang^XiaoDong=王^小东", "王小东"),
        ("ISO_IR 144", "iso8859_5", "Люкceмбypг", "люкceмбypг"),
        ("ISO_IR 192", "utf-8", "王^东", "王东"),
        ("GB18030", "gb18030", "王^东", "东王"),
        ("ISO_IR 192", "utf-8", "홍^길동", "길동"),
    ],
)
def test_a_name_is_found_in_its_own_character_set_and_in_utf_8(
    charset: str, codec: str, name: str, text: str
) -> None:
    original = dataset(SpecificCharacterSet=charset, PatientName=name.encode(codec))
    assert collect(original).are_in_text(text.encode(codec))
    assert collect(original).are_in_text(text.encode())


def test_an_escaped_name_is_found_by_its_bytes() -> None:
    yamada = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    original = dataset(SpecificCharacterSet="\\ISO 2022 IR 87", PatientName=yamada)
    assert collect(original).are_in_text("山田".encode())
    assert collect(original).are_in_text(b"\x1b$B;3ED\x1b(B")
    assert collect(original).are_in_text(b"\x1b$B;3EDBB@O:\x1b(B")


def test_an_item_in_its_own_character_set_is_read_in_it() -> None:
    item = dataset(SpecificCharacterSet="ISO_IR 126", PatientName="Διονυσιος".encode("iso8859_7"))
    original = dataset(SpecificCharacterSet="ISO_IR 100", ReferencedSeriesSequence=[item])
    assert collect(original).are_in_text("διονυσιος".encode())


@pytest.mark.parametrize("text", [b"0012345", b"no. 0012345"])
def test_a_number_in_the_place_of_a_name_is_an_identifier(text: bytes) -> None:
    assert named("0012345^Study").are_in_text(text)


def test_a_name_in_a_wrong_character_set_is_found_by_its_bytes() -> None:
    original = dataset(SpecificCharacterSet="ISO_IR 100", PatientName="张三丰".encode("gbk"))
    assert collect(original).are_in_text(b"of " + "张三丰".encode("gbk"))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ReferringPhysicianName", "Quincy^Amelia"),
        ("OperatorsName", "Other^One\\Quincy^Amelia"),
        ("PatientID", "QUINCY-4711"),
        ("OtherPatientIDs", "1\\quincy"),
        ("AccessionNumber", "Quincy1"),
        ("InstitutionName", "Quincy Hospital"),
        ("InstitutionAddress", "1 Main Street\r\nQuincy Hospital"),
        ("PatientAddress", "Quincy Hospital"),
        ("DeviceSerialNumber", "QUINCY-4711"),
    ],
)
def test_identifiers_are_collected_by_tag_at_every_depth_whatever_the_vr(keyword: str, value: str) -> None:
    text = b"xx " + value.replace("\r\n", "\\").split("\\")[-1].lower().encode() + b" xx"
    for VR in (None, "UN", "LO", "OB"):
        for depth in (0, 1, 5):
            assert collect(dataset(nest(element(keyword, value, VR), depth))).are_in_text(text)


def test_private_names_and_uids_are_collected_by_their_vr() -> None:
    private = [element(0x00091001, "Quincy^Amelia", "PN"), element(0x00091002, f"{ROOT}.7", "UI")]
    assert collect(dataset(*private)).are_in_text(b"amelia")
    assert collect(dataset(*private)).are_in_text(f"{ROOT}.7".encode())


def test_a_uid_is_found_as_a_whole() -> None:
    identifiers = collect(instance())
    assert identifiers.are_in_text(f"uid {ROOT}.1.2 ".encode())
    assert identifiers.are_in_text(f"uid {ROOT}.1.2.".encode())
    assert not identifiers.are_in_text(f"{ROOT}.1.25".encode())
    assert not identifiers.are_in_text(b"1.2.840.10008.5.1.4.1.1.2")


def test_a_malformed_uid_is_an_identifier_too() -> None:
    assert collect(dataset(StudyInstanceUID="../../etc/passwd")).are_in_text(b"../../ETC/passwd")


def test_a_number_is_found_as_a_whole_run_of_digits() -> None:
    identifiers = collect(dataset(PatientID="4711000"))
    assert identifiers.are_in_text(b"id=4711000;")
    assert identifiers.are_in_numbers(b"1\\4711000\\2")
    assert not identifiers.are_in_text(b"14711000")
    assert not identifiers.are_in_numbers(b"0.4711000\\4711000.5")


def test_a_short_number_is_an_identifier_in_text_only() -> None:
    identifiers = collect(dataset(PatientID="4711"))
    assert identifiers.are_in_text(b"Model 4711")
    assert not identifiers.are_in_numbers(b"4711")
    assert not identifiers.count(b"4711")


def test_a_tiny_number_is_none() -> None:
    assert not collect(dataset(PatientID="12")).are_in_text(b"12")


@pytest.mark.parametrize("date", ["19570313", "1957.03.13", "1957-03-13", "19570313101112"])
def test_a_date_is_found_however_the_input_wrote_it(date: str) -> None:
    identifiers = collect(dataset(element("PatientBirthDate", date)))
    assert identifiers.are_in_text(b"born 19570313")
    assert identifiers.are_in_numbers(b"19570313101112.5")
    assert not identifiers.are_in_numbers(b"119570313")


def test_a_date_that_was_never_filled_in_is_none() -> None:
    assert not collect(dataset(StudyDate="00000000")).are_in_numbers(b"00000000")


def test_a_long_identifier_spelled_in_numbers_is_found() -> None:
    assert named("Doerfler^Janette").are_in_bytes(b"\1\2doerfler\3")
    assert not named("Lee^Jo").are_in_bytes(b"\1\2lee\3")
    assert collect(dataset(PatientID="4711000")).are_in_bytes(b"\1\0004711000\0\2")


def test_thousands_of_references_are_searched_as_well_as_few() -> None:
    items = [dataset(ReferencedSOPInstanceUID=f"{ROOT}.9.{number}") for number in range(3000)]
    identifiers = collect(dataset(ReferencedImageSequence=items))
    assert identifiers.are_in_text(f"{ROOT}.9.2999".encode())
    assert not identifiers.are_in_text(f"{ROOT}.9.3000".encode())


_HINTS = [
    b"doerfler",
    b"JANETTE",
    b"19570313",
    b"1957-3-13",
    b"4711000",
    b"4711",
    b"Ng",
    b"\xef\xbc\xae\xef\xbd\x87",
]
_values = st.lists(
    st.lists(st.sampled_from([*_HINTS, b" ", b"x", b".", b"\0", b"7"])).map(b"".join), max_size=3
)


@given(texts=_values, numbers=_values, raw=_values, name=st.sampled_from(["Doerfler^Janette", "Ng^Jo", ""]))
def test_what_is_prepared_for_many_searches_is_found_as_in_each_by_itself(
    texts: list[bytes], numbers: list[bytes], raw: list[bytes], name: str
) -> None:
    identifiers = collect(
        dataset(PatientName=name, PatientID="4711000", StudyID="4711", StudyDate="19570313")
    )
    joined = [b"\\".join(values) for values in (texts, numbers, raw)]
    assert identifiers.are_in(Kept(texts, numbers, raw)) == (
        identifiers.are_in_text(joined[0])
        or identifiers.are_in_numbers(joined[1])
        or identifiers.are_in_bytes(joined[2])
    )
    assert identifiers.are_written_in(joined[0]) == bool(identifiers.count(joined[0]))


def test_identifiers_show_and_pickle_nothing() -> None:
    identifiers = named("Doerfler^Janette")
    assert "oerfler" not in repr(identifiers)
    with pytest.raises(TypeError, match="stay in the process"):
        pickle.dumps(identifiers)
