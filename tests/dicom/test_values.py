from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import charset

from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import (
    SPECIFIC_CHARACTER_SET,
    codec_of,
    decode,
    decodes,
    encode_text,
    encodings_of,
    numbers_of,
    texts_of,
)

TERMS = sorted(term for term in charset.python_encoding if term)


def with_charset(value: str) -> DataSet:
    return DataSet({SPECIFIC_CHARACTER_SET: Element(SPECIFIC_CHARACTER_SET, "CS", value.encode())})


@pytest.mark.parametrize("term", TERMS)
def test_every_character_set_of_pydicom_has_its_codec(term: str) -> None:
    assert encodings_of(with_charset(term)) == tuple(charset.convert_encodings(term))


@pytest.mark.filterwarnings("ignore")
@given(terms=st.lists(st.sampled_from(TERMS), min_size=1, max_size=3))
def test_lists_of_character_sets_mean_what_they_mean_to_pydicom(terms: list[str]) -> None:
    assert encodings_of(with_charset("\\".join(terms))) == tuple(charset.convert_encodings(list(terms)))


def test_an_item_without_a_character_set_inherits_its_parents() -> None:
    assert encodings_of(DataSet(), ("GB18030",)) == ("GB18030",)


def test_a_term_the_standard_does_not_define_has_no_codec() -> None:
    assert codec_of("rot13") is None
    assert codec_of("ISO-IR 100") == "latin_1"


@pytest.mark.filterwarnings("ignore")
@given(value=st.binary(max_size=40), terms=st.lists(st.sampled_from(TERMS), min_size=1, max_size=3))
def test_decoding_equals_pydicoms_for_any_bytes(value: bytes, terms: list[str]) -> None:
    encodings = encodings_of(with_charset("\\".join(terms)))
    assert decode(value, encodings, "replace") == charset.decode_bytes(value, encodings, {9, 10, 12, 13})


def test_bytes_outside_the_declared_set_do_not_decode() -> None:
    assert not decodes(Element(0x00100010, "PN", b"\xff\xfe"), ("utf8",))
    assert not decodes(Element(0x00100010, "PN", b"\x1b$)C\xb1\xe8"), ("iso8859",))
    assert decodes(Element(0x00100010, "PN", "张^伟".encode("gb18030")), ("GB18030",))


def test_padding_and_backslashes_part_values_as_their_vr_says() -> None:
    assert texts_of(Element(0x00080008, "CS", b"ORIGINAL \\PRIMARY ")) == ("ORIGINAL", "PRIMARY")
    assert texts_of(Element(0x00104000, "LT", b"a\\b ")) == ("a\\b",)
    assert texts_of(Element(0x00100010, "PN", b"Yamada^Taro==")) == ("Yamada^Taro",)
    assert texts_of(Element(0x00080054, "AE", b" ONE \\ TWO")) == ("ONE", "TWO")
    assert texts_of(Element(0x00080060, "CS", b"  ")) == ()


def test_numbers_are_read_by_their_vr() -> None:
    assert numbers_of(Element(0x00280010, "US", b"\x00\x02")) == (512,)
    assert numbers_of(Element(0x00280009, "AT", b"\x18\x00\x63\x10")) == (0x00181063,)
    assert numbers_of(Element(0x00280030, "DS", b"0.5\\ 0.5e0")) == (0.5, 0.5)
    with pytest.raises(ValueError, match="multiple"):
        numbers_of(Element(0x00280010, "US", b"\x00\x02\x01"))
    with pytest.raises(ValueError, match="invalid literal"):
        numbers_of(Element(0x00200013, "IS", b"1.5"))


def test_written_text_has_even_length_and_its_vrs_padding() -> None:
    assert encode_text("UI", "1.2.3") == b"1.2.3\0"
    assert encode_text("LO", "abc") == b"abc "
    assert encode_text("LO", "abcd") == b"abcd"
