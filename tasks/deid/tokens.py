"""Takes values that identify apart into tokens that can be searched for.

How a token is searched depends on how easily chance makes one: long words anywhere, short ones only
between other than letters, numbers only as a whole run of digits and dots, because images are full of
digits and letters that mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from tasks.deid.pseudonyms import normalize
from tasks.deid.uids import is_concept, is_well_formed
from tasks.dicom.values import decode

_FREE_WORD = 5
"""From this length a word is searched inside longer words too."""
_SHORTEST_WORD, _SHORTEST_CODE, _SHORTEST_LINE = 3, 3, 5
_SHORTEST_NUMBER, _SHORTEST_NUMBER_IN_TEXT = 6, 4

_LETTERS = re.compile(r"[^\W\d_]+")
_CODE_IN_NAME = re.compile(r"[A-Za-z0-9]++")
_ESCAPE = re.compile(rb"\x1b[$()*+,\-./]*[@-~]")
_NUMBER = re.compile(r"[0-9][0-9.]*")
_DATE = re.compile(rb"[0-9]{8}")


class Tokens(NamedTuple):
    """Searchable forms of one value; ASCII letters in lower case.

    Attributes
    ----------
    words
        Found anywhere.
    bounded
        Found between bytes that are no letters (for a token with digits: no letters or digits).
    numbers
        Found as a whole run of digits and dots.
    short_numbers
        The same, in text only: as a measurement they are too common.
    dates
        Found at the start of such a run.
    """

    words: tuple[bytes, ...] = ()
    bounded: tuple[bytes, ...] = ()
    numbers: tuple[bytes, ...] = ()
    short_numbers: tuple[bytes, ...] = ()
    dates: tuple[bytes, ...] = ()


@lru_cache(1 << 9)
def name_tokens(value: bytes, encodings: tuple[str, ...]) -> Tokens:
    """Take a person name apart: each word of each component, and numbers that stand in for a name."""
    text = decode(value, encodings, "replace").replace("\ufffd", " ")
    words = {word for word in _LETTERS.findall(text) if _is_searchable(word)}
    if not words:
        # Nothing but initials and single ideographs: only side by side do they mean somebody.
        for group in re.split(r"[\\=]", text):
            parts = _LETTERS.findall(group)
            words |= {joint.join(order) for joint in ("", " ", "^") for order in (parts, parts[::-1])}
        words = {
            word for word in words if _is_searchable(word) and len(word.encode("utf-8")) > _SHORTEST_WORD
        }
    tokens = [
        _classify(form, plain=word.isascii()) for word in words for form in _encoded_forms(word, encodings)
    ]
    tokens += [_classify(form, plain=False) for form in _raw_forms(value) if not form.isascii()]
    codes = [_code_tokens_of(code) for code in _CODE_IN_NAME.findall(text) if _is_code(code)]
    return _merge(tokens + codes)


def _is_code(word: str) -> bool:
    return len(word) > _SHORTEST_CODE and not word.isalpha()


def _is_searchable(word: str) -> bool:
    return (
        len(word) >= _SHORTEST_WORD
        if word.isascii()
        else len(word.encode("utf-8", "replace")) > _SHORTEST_WORD
    )


def _encoded_forms(word: str, encodings: tuple[str, ...]) -> Iterable[bytes]:
    """Give a word's bytes in every character set of the instance and in UTF-8, whatever its case."""
    if word.isascii():
        return (word.lower().encode("ascii"),)
    spellings = {word, word.lower(), word.upper(), normalize(word)}
    return {
        _ESCAPE.sub(b"", spelling.encode(codec, "ignore")).lower()
        for spelling in spellings
        for codec in {*encodings, "utf-8"}
    }


def _raw_forms(value: bytes) -> Iterable[bytes]:
    """Give the parts of a name as they were encoded, however wrong the declared character set was."""
    return (part.strip(b" \0").lower() for part in re.split(rb"[\\^=]", _ESCAPE.sub(b"", value)))


def _classify(form: bytes, *, plain: bool) -> Tokens:
    """Settle how a form is searched; bytes of any other script than plain ASCII are rarer, so fewer will do."""
    if len(form) < _SHORTEST_WORD:
        return Tokens()
    free = len(form) >= (_FREE_WORD if plain else _FREE_WORD - 1)
    return Tokens(words=(form,)) if free else Tokens(bounded=(form,))


@lru_cache(1 << 9)
def id_tokens(value: bytes, encodings: tuple[str, ...]) -> Tokens:
    """Take identifiers as they are, one a value: digits as numbers, anything else as a word."""
    text = decode(value, encodings, "replace")
    return _merge([_code_tokens_of(part) for part in text.split("\\")])


def _code_tokens_of(text: str) -> Tokens:
    text = text.strip(" \0\r\n\t")
    if _NUMBER.fullmatch(text):
        number = (text.encode("ascii"),)
        if len(text) >= _SHORTEST_NUMBER:
            return Tokens(numbers=number)
        return Tokens(short_numbers=number) if len(text) >= _SHORTEST_NUMBER_IN_TEXT else Tokens()
    if len(text) < _SHORTEST_CODE:
        return Tokens()
    forms = {text.lower().encode("utf-8", "replace"), normalize(text).lower().encode("utf-8", "replace")}
    return _merge([_classify(form.lower(), plain=text.isascii()) for form in forms])


@lru_cache(1 << 9)
def line_tokens(value: bytes, encodings: tuple[str, ...]) -> Tokens:
    """Take each line of an address or a name of a place as a whole: its single words are common ones."""
    text = decode(value, encodings, "replace")
    lines = {line.strip(" \0") for line in re.split(r"[\\\r\n\f]", text)}
    return Tokens(
        words=tuple(
            sorted(line.lower().encode("utf-8", "replace") for line in lines if len(line) >= _SHORTEST_LINE)
        )
    )


@lru_cache(1 << 10)
def uid_tokens(value: bytes, _encodings: tuple[str, ...]) -> Tokens:
    """Take each UID that is not a concept of the standard's."""
    found = [part for raw in value.split(b"\\") if (part := raw.strip(b" \0")) and not is_concept(part)]
    numbers = tuple(uid for uid in found if len(uid) >= _SHORTEST_NUMBER_IN_TEXT and is_well_formed(uid))
    malformed = [_code_tokens_of(uid.decode("latin-1")) for uid in found if not is_well_formed(uid)]
    return _merge([Tokens(numbers=numbers), *malformed]) if malformed else Tokens(numbers=numbers)


@lru_cache(1 << 10)
def date_tokens(value: bytes, _encodings: tuple[str, ...]) -> Tokens:
    """Take the eight digits of each date, however it is punctuated."""
    dates = {part[:8] for raw in value.split(b"\\") if _DATE.match(part := re.sub(rb"[-./ ]", b"", raw))}
    return Tokens(dates=tuple(sorted(date for date in dates if len(set(date)) > 1)))


def _merge(tokens: list[Tokens]) -> Tokens:
    return Tokens(*(tuple(sorted({one for token in tokens for one in token[field]})) for field in range(5)))
