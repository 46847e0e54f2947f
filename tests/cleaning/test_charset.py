from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import charset

from tasks.cleaning.repair import repair
from tasks.dicom.element import DataSet
from tasks.dicom.values import SPECIFIC_CHARACTER_SET, encodings_of, text_of
from tests.cleaning.elements import dataset, element, rules_and_codes, sequence

NAME = 0x00100010


def study(declared: bytes | None, *names: bytes) -> DataSet:
    keywords = ("PatientName", "ReferringPhysicianName", "StudyDescription")
    elements = [element(keyword, name) for keyword, name in zip(keywords, names, strict=False)]
    if declared is not None:
        elements.append(element("SpecificCharacterSet", declared))
    return dataset(*elements)


def name_of(clean: DataSet) -> str:
    return text_of(clean[NAME], encodings_of(clean))


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (b"ISO_IR 192", "张^伟".encode()),
        (b"GB18030 ", "张^伟".encode("gb18030")),
        (b"ISO_IR 100", "Müller^Jürgen".encode("latin-1")),
        (b"ISO_IR 144", "Люк^Иван".encode("iso8859_5")),
        (b"\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7 "),
        (b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\xcf\xc0\xde=\x1b$B;3ED\x1b(J"),
    ],
)
def test_a_declared_set_that_works_stays_exactly_as_it_is(declared: bytes, name: bytes) -> None:
    original = study(declared, name)
    clean, found = repair(original)
    assert clean is original
    assert found == ()


@pytest.mark.parametrize("declared", [None, b"", b"ISO_IR 6"])
def test_undeclared_utf_8_is_declared(declared: bytes | None) -> None:
    clean, found = repair(study(declared, "张^伟".encode(), b"Smith "))
    assert clean[SPECIFIC_CHARACTER_SET].value == b"ISO_IR 192"
    assert list(clean) == sorted(clean)
    assert name_of(clean) == "张^伟"
    assert rules_and_codes(found) == [("charset-utf-8", "CHARSET_MISSING")]


@pytest.mark.parametrize("name", ["Müller".encode("latin-1"), "张^伟".encode("gb18030")])
def test_undeclared_text_that_proves_no_set_is_emptied(name: bytes) -> None:
    clean, found = repair(study(None, name, b"Smith "))
    assert clean[NAME].value == b""
    assert rules_and_codes(found) == [("text-undeclared", "CHARSET_MISSING")]


def test_one_text_that_is_not_utf_8_takes_the_proof_away() -> None:
    clean, found = repair(study(None, "张^伟".encode(), "Müller".encode("latin-1")))
    assert SPECIFIC_CHARACTER_SET not in clean
    assert rules_and_codes(found) == [("text-undeclared", "CHARSET_MISSING")] * 2


@pytest.mark.parametrize(
    ("declared", "name", "expected"),
    [
        (None, b"LEE\x1b$)C\xb1\xe8\x1b(B", b"\\ISO 2022 IR 149"),
        (b"ISO_IR 100", b"Yamada=\x1b$B;3ED\x1b(B", b"ISO 2022 IR 100\\ISO 2022 IR 87"),
        (b"\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(J ", b"\\ISO 2022 IR 87\\ISO 2022 IR 13"),
    ],
)
def test_escape_sequences_declare_their_sets(declared: bytes | None, name: bytes, expected: bytes) -> None:
    clean, found = repair(study(declared, name))
    assert clean[SPECIFIC_CHARACTER_SET].value == expected + b" " * (len(expected) % 2)
    assert clean[NAME].value == name
    assert rules_and_codes(found) == [("charset-escapes", "CHARSET_SUSPECT")]


@pytest.mark.parametrize("name", ["张^伟".encode("gb18030"), "Müller Jörg".encode()])
def test_text_that_looks_like_another_set_is_doubted_and_kept(name: bytes) -> None:
    original = study(b"ISO_IR 100", name)
    clean, found = repair(original)
    assert clean is original
    assert rules_and_codes(found) == [("charset-doubtful", "CHARSET_SUSPECT")]


@pytest.mark.parametrize("name", ["Créée^Zoë", "Müller^Jürgen", "Ångström^Åsa", "Doğan"[:2], "Peña^Íñigo"])
def test_western_names_are_not_doubted(name: str) -> None:
    assert repair(study(b"ISO_IR 100", name.encode("latin-1")))[1] == ()


def test_a_declared_set_the_bytes_disprove_gives_way_to_proven_utf_8() -> None:
    clean, found = repair(study(b"ISO_IR 100", "王^小东".encode()))
    assert name_of(clean) == "王^小东"
    assert rules_and_codes(found) == [("charset-really-utf-8", "CHARSET_SUSPECT")]


def test_invalid_text_is_emptied_and_the_declaration_kept() -> None:
    clean, found = repair(study(b"ISO_IR 192", "Müller".encode("latin-1"), "张^伟".encode()))
    assert clean[NAME].value == b""
    assert clean[SPECIFIC_CHARACTER_SET].value == b"ISO_IR 192"
    assert rules_and_codes(found) == [("text-undecodable", "CHARSET_INVALID")]


@pytest.mark.parametrize(
    ("misspelt", "term"),
    [
        (b"ISO-IR 100", b"ISO_IR 100"),
        (b"ISO IR 192", b"ISO_IR 192"),
        (b"iso_ir 100", b"ISO_IR 100"),
        (b"ISO_IR_192", b"ISO_IR 192"),
        (b"UTF-8 ", b"ISO_IR 192"),
        (b"gb18030 ", b"GB18030 "),
        (b"\\ISO2022 IR 87 ", b"\\ISO 2022 IR 87"),
        (b"ISO_IR 100\0\0", b"ISO_IR 100"),
    ],
)
def test_a_misspelt_set_is_spelt_as_the_standard_does(misspelt: bytes, term: bytes) -> None:
    clean, found = repair(study(misspelt, b"Smith "))
    assert clean[SPECIFIC_CHARACTER_SET].value.rstrip() == term.rstrip()
    assert rules_and_codes(found) == [("charset-spelling", "UNKNOWN_CHARSET")]


def test_a_misspelt_set_is_believed() -> None:
    clean, _ = repair(study(b"ISO-IR 100", "Müller".encode("latin-1")))
    assert name_of(clean) == "Müller"


def test_an_unknown_set_is_removed() -> None:
    clean, found = repair(study(b"ISO_IR 999", b"Smith "))
    assert clean[SPECIFIC_CHARACTER_SET].value == b""
    assert rules_and_codes(found) == [("charset-unknown", "UNKNOWN_CHARSET")]


def test_under_an_unknown_set_text_must_prove_itself() -> None:
    clean, found = repair(study(b"KLINGON ", "张^伟".encode(), b""))
    assert name_of(clean) == "张^伟"
    assert {code for _, code in rules_and_codes(found)} == {"UNKNOWN_CHARSET", "CHARSET_MISSING"}


def test_items_inherit_the_set_unless_they_declare_their_own() -> None:
    inheriting = dataset(element("PatientName", "张^伟".encode()))
    declaring = dataset(
        element("SpecificCharacterSet", b"GB18030 "), element("PatientName", "张^伟".encode("gb18030"))
    )
    original = dataset(
        element("SpecificCharacterSet", b"ISO_IR 192"),
        sequence("OriginalAttributesSequence", inheriting, declaring),
    )
    assert repair(original) == (original, ())


def test_an_item_is_judged_by_its_own_declaration() -> None:
    item = dataset(element("SpecificCharacterSet", b"ISO_IR 192"), element("PatientName", b"\xff\xfe"))
    _, found = repair(dataset(sequence("OriginalAttributesSequence", item)))
    assert [finding.path for finding in found] == ["(0400,0561)[0].(0010,0010)"]


def test_text_in_items_counts_as_evidence_for_the_set_they_inherit() -> None:
    item = dataset(element("PatientName", "张^伟".encode()))
    clean, _ = repair(dataset(sequence("OriginalAttributesSequence", item)))
    assert clean[SPECIFIC_CHARACTER_SET].value == b"ISO_IR 192"


ALPHABETS = {
    "ISO_IR 192": "aZ^ =张伟Üßя한ก",
    "GB18030": "aZ^ =张伟王小东𠀀",
    "GBK": "aZ^ =张伟王小东",
    "ISO_IR 100": "aZ^ =ÄéñøÿÂ©",
    "ISO_IR 144": "aZ^ =ЛюкИван",
    "ISO_IR 126": "aZ^ =Διονυσίου",
    "ISO_IR 166": "aZ^ =นามสกุล",
}


@given(term=st.sampled_from(sorted(ALPHABETS)), data=st.data())
def test_any_text_in_a_declared_set_is_untouched(term: str, data: st.DataObject) -> None:
    text = data.draw(st.text(ALPHABETS[term], min_size=1, max_size=16))
    original = study(term.encode(), text.encode(charset.python_encoding[term]))
    clean, found = repair(original)
    assert clean is original
    assert {finding.code for finding in found} <= {"CHARSET_SUSPECT"}
