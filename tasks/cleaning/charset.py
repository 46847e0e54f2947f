"""Character sets: text must decode, every byte of it, under the set its data set declares.

A name decoded under the wrong set looks like a name, so nothing is guessed: a declared set that
works stays exactly as it is, and another is declared only where the bytes prove it. Bytes above
ASCII that are UTF-8 by accident are next to impossible in more than a character or two, and an
escape sequence names its set by itself. A single-byte set decodes anything: there, text that looks
like another set is only doubted. What remains undecodable is emptied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import charset as terms_of_pydicom

from tasks.cleaning.rules import Rule
from tasks.cleaning.text import has_upper_controls, strip_controls
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import (
    DEFAULT_ENCODINGS,
    SPECIFIC_CHARACTER_SET,
    TEXT_VRS,
    decode,
    encodings_of,
)

CHARSET_SPELLING = Rule(
    "charset-spelling",
    "UNKNOWN_CHARSET",
    "A misspelt character set (ISO-IR 100, iso_ir 100, UTF-8) is spelt as the standard does.",
)
CHARSET_UNKNOWN = Rule(
    "charset-unknown", "UNKNOWN_CHARSET", "A character set the standard does not define is removed."
)
CHARSET_UTF_8 = Rule(
    "charset-utf-8",
    "CHARSET_MISSING",
    "ISO_IR 192 is declared where no character set is and all text that is not ASCII is valid UTF-8.",
)
CHARSET_REALLY_UTF_8 = Rule(
    "charset-really-utf-8",
    "CHARSET_SUSPECT",
    "ISO_IR 192 is declared where the text is not valid in the declared character set and all of it is valid UTF-8.",
)
CHARSET_ESCAPES = Rule(
    "charset-escapes",
    "CHARSET_SUSPECT",
    "The character sets that escape sequences in the text switch to are declared where they were not.",
)
CHARSET_DOUBTFUL = Rule(
    "charset-doubtful",
    "CHARSET_SUSPECT",
    "Text that is valid in the declared single-byte character set but looks like UTF-8 or GB 18030 is kept "
    "and recorded.",
)
TEXT_UNDECLARED = Rule(
    "text-undeclared",
    "CHARSET_MISSING",
    "A text that is not ASCII is emptied where no character set is declared and the bytes prove none.",
)
TEXT_UNDECODABLE = Rule(
    "text-undecodable", "CHARSET_INVALID", "A text that is not valid in its character set is emptied."
)
CHARSET_RULES = (
    CHARSET_SPELLING,
    CHARSET_UNKNOWN,
    CHARSET_UTF_8,
    CHARSET_REALLY_UTF_8,
    CHARSET_ESCAPES,
    CHARSET_DOUBTFUL,
    TEXT_UNDECLARED,
    TEXT_UNDECODABLE,
)

_DEFAULT_CODEC = DEFAULT_ENCODINGS[0]
_UTF_8 = ("UTF8",)
_PLAIN = re.compile(rb"[^\x1b\x80-\xff]*")

_EXTENSION_TERMS = {
    code: term
    for code, codec in terms_of_pydicom.CODES_TO_ENCODINGS.items()
    for term, other in terms_of_pydicom.python_encoding.items()
    if other == codec and term.startswith("ISO 2022 IR ")
}
"""Escape sequence to the defined term that declares it (PS3.3 Tables C.12-3 and C.12-4)."""

_DEFINED_TERMS = frozenset(terms_of_pydicom.python_encoding) - {"ISO 2022 GBK", "ISO 2022 58"}
_OTHER_SPELLINGS = {"UTF8": "ISO_IR 192", "GB180302000": "GB18030", "LATIN1": "ISO_IR 100"}
_NUMBERED = re.compile(r"ISO(2022)?IR(\d+)")

_WESTERN = frozenset({"latin_1", "iso8859_2", "iso8859_3", "iso8859_4", "iso_ir_148"})
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_COMMON_HANZI = re.compile(rb"(?:[\xb0-\xd7][\xa1-\xfe])+")


@dataclass(frozen=True, slots=True)
class Charset:
    """What the text of a data set, and of its items without a declaration of their own, is written in.

    Attributes
    ----------
    encodings
        Python codecs for `tasks.dicom.values.decode`; ASCII alone where nothing is declared.
    element
        The declaration to write, or None to leave it as it is.
    rules
        Why the declaration was changed or doubted.
    """

    encodings: tuple[str, ...]
    element: Element | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def undecodable(self) -> Rule:
        """The rule that empties a text these encodings cannot decode."""
        return TEXT_UNDECLARED if self.encodings == ("ascii",) else TEXT_UNDECODABLE


def is_defined(value: bytes) -> bool:
    """Tell whether a value of Specific Character Set holds defined terms only."""
    return all(term in _DEFINED_TERMS for term in _split(value))


def _split(value: bytes) -> list[str]:
    return [term.strip(" ") for term in value.decode("latin-1").split("\\")]


def settle_charset(dataset: DataSet, inherited: tuple[str, ...]) -> Charset:
    """Decide what the text of a data set is written in.

    Parameters
    ----------
    inherited
        Codecs where the data set declares nothing.
    """
    declared = dataset.get(SPECIFIC_CHARACTER_SET)
    terms = _split(declared.value) if declared else []
    spelt, rules = _spell(terms)
    element = _declare(spelt) if rules else None
    encodings = _strict(
        encodings_of(_as_dataset(element), inherited) if element else encodings_of(dataset, inherited)
    )
    texts = unplain_texts(dataset, encodings)
    found = _settle_by_text(texts, spelt, encodings)
    return Charset(found.encodings, found.element or element, (*rules, *found.rules))


def _settle_by_text(texts: list[bytes], terms: list[str], encodings: tuple[str, ...]) -> Charset:
    """Try the declared set, then UTF-8, then what escape sequences say; the first that decodes all text wins."""
    if all(_decodes(text, encodings) and not has_upper_controls(text, encodings) for text in texts):
        return Charset(encodings, None, (CHARSET_DOUBTFUL,) if is_doubtful(texts, encodings) else ())
    if all(_decodes(text, _UTF_8) and b"\x1b" not in text for text in texts):
        rule = CHARSET_UTF_8 if encodings == ("ascii",) else CHARSET_REALLY_UTF_8
        return Charset(_UTF_8, _declare(["ISO_IR 192"]), (rule,))
    extended = _declare(_extend(terms, texts))
    extensions = _strict(encodings_of(_as_dataset(extended)))
    if len(extensions) > 1 and all(_decodes(text, extensions) for text in texts):
        return Charset(extensions, extended, (CHARSET_ESCAPES,))
    return Charset(encodings)


def _spell(terms: list[str]) -> tuple[list[str], tuple[Rule, ...]]:
    """Spell terms as the standard does and drop those it does not define."""
    spelt = [_spell_term(term) for term in terms]
    if None in spelt:
        return [term for term in spelt if term is not None], (CHARSET_UNKNOWN,)
    return [term for term in spelt if term is not None], (CHARSET_SPELLING,) if spelt != terms else ()


def _spell_term(term: str) -> str | None:
    if term in _DEFINED_TERMS:
        return term
    letters = re.sub(r"[^A-Z0-9]", "", term.upper())
    numbered = _NUMBERED.fullmatch(letters)
    if numbered:
        letters = f"{'ISO 2022 IR' if numbered[1] else 'ISO_IR'} {numbered[2]}"
    candidate = _OTHER_SPELLINGS.get(letters, letters)
    return candidate if candidate in _DEFINED_TERMS else None


def _extend(terms: list[str], texts: list[bytes]) -> list[str]:
    """Add to the declared terms those that the escape sequences in the text call for."""
    first = terms[0] if terms else ""
    if first in terms_of_pydicom.STAND_ALONE_ENCODINGS:
        return terms
    extended = [first.replace("ISO_IR", "ISO 2022 IR"), *terms[1:]]
    called = {
        _EXTENSION_TERMS[code]
        for text in texts
        for code in _EXTENSION_TERMS
        if code in text and code != b"\x1b(B"
    }
    return extended + sorted(called - set(extended))


def _declare(terms: list[str]) -> Element:
    value = "\\".join(terms).encode("ascii")
    return Element(SPECIFIC_CHARACTER_SET, "CS", value + b" " * (len(value) % 2))


def _as_dataset(element: Element) -> DataSet:
    return DataSet({element.tag: element})


def _strict(encodings: tuple[str, ...]) -> tuple[str, ...]:
    """Read the default repertoire as ASCII, which it is; pydicom's stand-in for it decodes any byte."""
    return tuple("ascii" if codec == _DEFAULT_CODEC else codec for codec in encodings)


def unplain_texts(dataset: DataSet, encodings: tuple[str, ...]) -> list[bytes]:
    """Give the texts that are not plain ASCII, also of items that inherit this data set's declaration.

    Parameters
    ----------
    encodings
        Python codecs of the data set; control characters they have no use for are left out.
    """
    return [strip_controls(value, VR, encodings) for VR, value in _unplain_values(dataset)]


def _unplain_values(dataset: DataSet) -> Iterator[tuple[str, bytes]]:
    for element in dataset.values():
        if element.items is not None:
            for item in element.items:
                if SPECIFIC_CHARACTER_SET not in item:
                    yield from _unplain_values(item)
        elif element.VR in TEXT_VRS and not _PLAIN.fullmatch(element.value):
            yield element.VR, element.value


def _decodes(text: bytes, encodings: tuple[str, ...]) -> bool:
    try:
        decode(text, encodings)
    except (UnicodeError, LookupError):
        return False
    return True


def is_doubtful(texts: list[bytes], encodings: tuple[str, ...]) -> bool:
    """Tell whether text in a Western single-byte set is more likely UTF-8 or Chinese.

    Chinese is written in pairs of bytes: every run of high bytes is then a whole number of the
    characters GB 2312 lists as common, and there are at least two. Western words hold such pairs
    hardly ever, and never only such pairs.
    """
    if encodings[0] not in _WESTERN:
        return False
    if any(not text.isascii() for text in texts) and all(_decodes(text, _UTF_8) for text in texts):
        return True
    runs = [run for text in texts if b"\x1b" not in text for run in _HIGH_RUN.findall(text)]
    return sum(map(len, runs)) >= 4 and all(_COMMON_HANZI.fullmatch(run) for run in runs)
