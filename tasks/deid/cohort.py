"""The words by which the patients of a run would be recognised in each other's files.

The self-check of an output knows whom its own input was of. A text may name somebody else: the patient before,
typed into the wrong field, or a twin. So each instance gives the tokens of its patient's identifiers, and the
tokens of the texts it keeps; where the two meet anywhere in a run, a name or number has been left.

With many patients, chance meets too, and a token counts only if it tells people apart:

- A name is a word of four letters and more that the shipped vocabulary does not vouch for. A patient called Head
  or Long says nothing, and Smith counts except where the text has a Smith fracture.
- A full name is two words of one name side by side, in either order, of two letters and more, both of them
  somebody's name or unknown to the vocabulary: White May counts where White and May alone do not.
- Chinese, Japanese and Korean names count as a whole: of three characters and more anywhere, of two where nothing
  else of their script stands beside them.
- A code has six letters and digits and more, at least four of them digits, not all the same and not counted up;
  it is compared without what parts it, and without leading zeros. A number of DS or IS is a measurement.
- What makers write about their product (its name, its software) is searched for full names and for numbers of
  eight digits and more alone, since there are people called Mira, too.

Only keyed fingerprints of tokens leave the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise, permutations

from tasks.deid.pseudonyms import normalize
from tasks.deid.text.folding import fold_word
from tasks.deid.text.view import View
from tasks.deid.text.vocabulary import Kind, classify
from tasks.deid.text.words import is_eponym_in_use
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element
from tasks.dicom.values import SPECIFIC_CHARACTER_SET, decode, encodings_of, texts_of

NAME, FULL_NAME, CODE = "cohort-name", "cohort-full-name", "cohort-code"
"""Ids of what is found, as findings name it; a token begins with one of them."""

_NAME_TAGS = frozenset(
    map(
        tag_of,
        (
            *("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"),
            "ResponsiblePerson",
        ),
    )
)
_CODE_TAGS = frozenset(
    map(
        tag_of,
        (
            *("PatientID", "OtherPatientIDs", "AccessionNumber", "AdmissionID", "MedicalRecordLocator"),
            *("ClinicalTrialSubjectID", "InsurancePlanIdentification", "PatientTelephoneNumbers"),
            *("ServiceEpisodeID", "PlacerOrderNumberImagingServiceRequest"),
            "FillerOrderNumberImagingServiceRequest",
        ),
    )
)
IDENTIFYING_TAGS = _NAME_TAGS | _CODE_TAGS
"""Attributes that say whose an instance is."""

_PRODUCT_TAGS = frozenset(
    map(tag_of, ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceDescription"))
)
_TEXT_VRS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"})
_OURS = IDENTIFYING_TAGS | frozenset(map(tag_of, ("DeidentificationMethod", "SpecificCharacterSet")))
"""What is written there is ours, or no text of anybody."""

_SHORTEST_NAME, _SHORTEST_PART, _SHORTEST_JOINT = 4, 2, 5
_SHORTEST_CODE, _FEWEST_DIGITS, _FEWEST_PRODUCT_DIGITS = 6, 4, 8
_WHOLE_NAME, _LONGEST_NAME = 2, 8
_MOST_PARTS, _MOST_GROUPS = 4, 5
_LETTERS = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"[A-Z0-9]+")
_LETTERS_BEFORE = re.compile(r"[A-Z]{1,6}(?=[0-9]{6})")
_DIGITS = re.compile(r"[0-9]")
_JOINTS = frozenset("-./_ ")
_COUNTED = "01234567890123456789"


def tokens_of_patient(element: Element, encodings: tuple[str, ...]) -> frozenset[str]:
    """Give the tokens of what an original element, or an item in it, says about whose it is."""
    tokens: set[str] = set()
    for leaf, codecs in _leaves(element, encodings):
        if leaf.tag in _NAME_TAGS:
            tokens |= _tokens_of_name(leaf.value, codecs)
        elif leaf.tag in _CODE_TAGS:
            tokens |= _tokens_of_codes(leaf.value, codecs)
    return frozenset(tokens)


def tokens_of_text(element: Element, encodings: tuple[str, ...]) -> frozenset[str]:
    """Give the tokens of the texts in an element as it is written."""
    tokens: set[str] = set()
    for leaf, codecs in _leaves(element, encodings):
        if leaf.value and is_searched(leaf.tag, leaf.VR):
            for text in texts_of(leaf, codecs):
                tokens |= search(text, leaf.tag)
    return frozenset(tokens)


def search(text: str, tag: int) -> frozenset[str]:
    """Give the tokens of one value of a text attribute."""
    return _tokens_of_product(text) if tag in _PRODUCT_TAGS else _tokens_of_words(text)


def is_searched(tag: int, VR: str) -> bool:
    """Tell whether the values of an attribute are searched."""
    return VR in _TEXT_VRS and tag not in _OURS


def _leaves(element: Element, encodings: tuple[str, ...]) -> Iterator[tuple[Element, tuple[str, ...]]]:
    if element.items is None:
        yield element, encodings
        return
    for item in element.items:
        codecs = encodings_of(item, encodings) if SPECIFIC_CHARACTER_SET in item else encodings
        for inner in item.values():
            yield from _leaves(inner, codecs)


# -- what a patient is known by -------------------------------------------------------------------------------


@lru_cache(1 << 12)
def _tokens_of_name(value: bytes, encodings: tuple[str, ...]) -> frozenset[str]:
    text = decode(value, encodings, "replace").replace("\ufffd", " ")
    return frozenset(token for group in re.split(r"[=\\]", text) for token in _tokens_of_group(group))


def _tokens_of_group(group: str) -> Iterator[str]:
    words = [fold_word(word) for word in _LETTERS.findall(group)]
    alphabetic = [word for word in words if _is_alphabetic(word)]
    yield from (f"{NAME} {word}" for word in alphabetic if _is_name(word))
    for first, second in permutations(dict.fromkeys(alphabetic[:_MOST_PARTS]), 2):
        joint = first + second
        if _may_pair(first) and _may_pair(second):
            yield _pair(first, second)
        if len(joint) >= _SHORTEST_JOINT and _is_name(joint):
            yield f"{NAME} {joint}"
    others = [word for word in words if not _is_alphabetic(word)]
    for order in (others, others[::-1]):
        whole = "".join(order)
        if _WHOLE_NAME <= len(whole) <= _LONGEST_NAME:
            yield f"{FULL_NAME} {whole}"


def _is_alphabetic(word: str) -> bool:
    """Tell whether a word is in a script of letters, which are told apart by words."""
    return word[0] < "\u1100"


def _is_name(word: str) -> bool:
    return len(word) >= _SHORTEST_NAME and classify(word) >= Kind.GUARDED


def _may_pair(word: str) -> bool:
    return len(word) >= _SHORTEST_PART and classify(word) >= Kind.AMBIGUOUS


def _pair(first: str, second: str) -> str:
    return f"{FULL_NAME} {min(first, second)} {max(first, second)}"


@lru_cache(1 << 12)
def _tokens_of_codes(value: bytes, encodings: tuple[str, ...]) -> frozenset[str]:
    tokens: set[str] = set()
    for text in decode(value, encodings, "replace").split("\\"):
        parts = _CODE.findall(normalize(text))
        whole = "".join(parts)
        tokens |= set(_code_tokens(whole, _FEWEST_DIGITS))
        tokens |= set(_code_tokens("".join(_DIGITS.findall(whole)), _FEWEST_DIGITS))
    return frozenset(tokens)


def _code_tokens(code: str, fewest_digits: int) -> Iterator[str]:
    """Give a code as it is compared, if there are so few of its kind that it tells somebody."""
    code = code.lstrip("0")
    digits = _DIGITS.findall(code)
    if len(code) < _SHORTEST_CODE or len(digits) < fewest_digits:
        return
    if len(set(code)) > 1 and code not in _COUNTED and len(set(digits)) > 1:
        yield f"{CODE} {code}"


# -- what a text says -----------------------------------------------------------------------------------------


@lru_cache(1 << 12)
def _tokens_of_words(text: str) -> frozenset[str]:
    tokens = set(_tokens_in_codes(text, _FEWEST_DIGITS))
    view = View(text)
    for index, token in enumerate(view.tokens):
        if token.kind in ("latin", "cyrillic", "greek"):
            if _is_name(token.word) and not _is_eponym(view, index):
                tokens.add(f"{NAME} {token.word}")
        elif token.kind != "number":
            tokens |= set(_parts_of_run(token.word))
    return frozenset(tokens.union(_pairs_in(view)))


def _is_eponym(view: View, index: int) -> bool:
    return classify(view.tokens[index].word) == Kind.GUARDED and is_eponym_in_use(view, index)


@lru_cache(1 << 10)
def _tokens_of_product(text: str) -> frozenset[str]:
    return frozenset({*_tokens_in_codes(text, _FEWEST_PRODUCT_DIGITS), *_pairs_in(View(text))})


def _pairs_in(view: View) -> Iterator[str]:
    words = [token.word for token in view.tokens if token.kind != "number"]
    for first, second in pairwise(words):
        alphabetic = _is_alphabetic(first) and _is_alphabetic(second)
        if alphabetic and first != second and _may_pair(first) and _may_pair(second):
            yield _pair(first, second)
    # Characters of one name may be set apart: 王^小明, 王 小明.
    others = [word for word in words if not _is_alphabetic(word)]
    for first, second in pairwise(others):
        if len(first) + len(second) <= _LONGEST_NAME:
            yield f"{FULL_NAME} {first}{second}"


def _parts_of_run(run: str) -> Iterator[str]:
    """Give the stretches of a run of characters that may be a whole name."""
    if len(run) == _WHOLE_NAME:
        yield f"{FULL_NAME} {run}"
    for length in range(_WHOLE_NAME + 1, min(_LONGEST_NAME, len(run)) + 1):
        for start in range(len(run) - length + 1):
            yield f"{FULL_NAME} {run[start : start + length]}"


def _tokens_in_codes(text: str, fewest_digits: int) -> Iterable[str]:
    if not _DIGITS.search(text) and text.isascii():
        return ()
    return _find_codes(normalize(text), fewest_digits)


def _find_codes(text: str, fewest_digits: int) -> Iterator[str]:
    """Find runs of letters and digits, alone and put together over what parts numbers."""
    runs = list(_CODE.finditer(text))
    for first in range(len(runs)):
        whole, end = "", 0
        for run in runs[first : first + _MOST_GROUPS]:
            if whole and text[end : run.start()] not in _JOINTS:
                break
            whole, end = whole + run[0], run.end()
            yield from _code_tokens(whole, fewest_digits)
            if before := _LETTERS_BEFORE.match(whole):
                yield from _code_tokens(whole[before.end() :], fewest_digits)
