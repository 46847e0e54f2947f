"""Raw values to text and numbers and back, exactly as pydicom does it, without its warnings.

pydicom's warnings quote the value they complain about, and a quoted value ends in a log. So the
decoding is done here, on pydicom's own tables of character sets; `tests/dicom/test_values.py`
proves the results equal. What cannot be decoded shows the replacement character; `decodes` tells.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import lru_cache

from pydicom import charset

from tasks.dicom.element import DataSet, Element

SPECIFIC_CHARACTER_SET = 0x00080005

TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""VRs written in the Specific Character Set (PS3.5 section 6.1.2.2)."""
STRING_VRS = TEXT_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
SINGLE_VALUE_VRS = frozenset({"LT", "ST", "UR", "UT"})
"""VRs in which a backslash is a character, not a delimiter (PS3.5 section 6.2)."""
NUMBER_FORMATS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
BINARY_NUMBER_VRS = frozenset({*NUMBER_FORMATS, "AT"})

DEFAULT_ENCODINGS = ("iso8859",)
_ESCAPE = b"\x1b"
_FRAGMENT = re.compile(rb"(^[^\x1b]+|\x1b[^\x1b]*)")
_TEXT_DELIMITERS = re.compile(rb"[\t\n\f\r]")
_STATEFUL = frozenset(charset.handled_encodings)


def encodings_of(dataset: DataSet, inherited: tuple[str, ...] = DEFAULT_ENCODINGS) -> tuple[str, ...]:
    """Give the Python codecs that a data set's Specific Character Set asks for.

    Parameters
    ----------
    inherited
        What the enclosing data set uses; an item without (0008,0005) of its own is written in it
        (PS3.3 C.12.1.1.2).
    """
    element = dataset.get(SPECIFIC_CHARACTER_SET)
    if element is None:
        return inherited
    return _encodings_of_terms(element.value)


_MISSPELT = re.compile(r"ISO[^_]IR (?P<single>\d+)|ISO.2022.IR.(?P<extended>\d+)")
_STAND_ALONE = frozenset({"ISO_IR 192", "GB18030", "GBK"})
"""Character sets without code extensions (PS3.3 C.12.1.1.2)."""


def codec_of(term: str) -> str | None:
    """Give the Python codec of a defined term of Specific Character Set, also a commonly misspelt one.

    Returns
    -------
    str or None
        None for a term the standard does not define.
    """
    codec = charset.python_encoding.get(term)
    if codec is not None:
        return codec
    misspelt = _MISSPELT.fullmatch(term)
    if misspelt is None:
        return None
    number = misspelt["single"]
    return charset.python_encoding.get(
        f"ISO_IR {number}" if number else f"ISO 2022 IR {misspelt['extended']}"
    )


@lru_cache(maxsize=256)
def _encodings_of_terms(value: bytes) -> tuple[str, ...]:
    terms = [term.strip() for term in value.decode("iso8859").rstrip(" \0").split("\\")]
    terms[0] = terms[0] or "ISO_IR 6"
    if terms[0] in _STAND_ALONE:
        terms = terms[:1]
    codecs = (
        codec_of(term) or charset.default_encoding
        for term in terms
        if term not in _STAND_ALONE or term == terms[0]
    )
    return tuple(codecs)


def decode(value: bytes, encodings: Sequence[str], errors: str = "strict") -> str:
    """Decode text with code extensions (PS3.5 section 6.1.2.5).

    Raises
    ------
    UnicodeError
        If `errors` is ``strict`` and the bytes are not text in these encodings.
    """
    if _ESCAPE not in value:
        if value.isascii():
            return value.decode("ascii")
        return value.decode(encodings[0], errors)
    return "".join(_decode_fragment(part, encodings, errors) for part in _FRAGMENT.findall(value))


def _decode_fragment(fragment: bytes, encodings: Sequence[str], errors: str) -> str:
    if not fragment.startswith(_ESCAPE):
        return fragment.decode(encodings[0], errors)
    length = 4 if fragment.startswith((b"\x1b$(", b"\x1b$)")) else 3
    encoding = charset.CODES_TO_ENCODINGS.get(fragment[:length], "")
    if encoding not in encodings and encoding != charset.default_encoding:
        if errors == "strict":
            raise UnicodeError("an escape sequence that the character set does not declare")
        return fragment.decode(encodings[0], errors)
    try:
        return _decode_escaped(fragment, length, encoding, encodings[0])
    except UnicodeError:
        if errors == "strict":
            raise
        return fragment.decode(encodings[0], errors)


def _decode_escaped(fragment: bytes, length: int, encoding: str, first: str) -> str:
    if encoding in _STATEFUL:
        return fragment.decode(encoding)
    body = fragment[length:]
    reset = _TEXT_DELIMITERS.search(body)
    if reset is None:
        return body.decode(encoding)
    return body[: reset.start()].decode(encoding) + body[reset.start() :].decode(first)


def decodes(element: Element, encodings: Sequence[str]) -> bool:
    """Tell whether a text element is text in these encodings, every byte of it."""
    try:
        decode(element.value, encodings)
    except (UnicodeError, LookupError):
        return False
    return True


def text_of(element: Element, encodings: Sequence[str] = DEFAULT_ENCODINGS) -> str:
    """Decode the whole value, without its padding; undecodable bytes become U+FFFD."""
    if element.VR in TEXT_VRS:
        return decode(element.value, encodings, "replace").rstrip("\0 ")
    return element.value.decode("iso8859").rstrip("\0 ")


def texts_of(element: Element, encodings: Sequence[str] = DEFAULT_ENCODINGS) -> tuple[str, ...]:
    """Decode each value of a multi-valued string, without its padding; no values for an empty element."""
    text = text_of(element, encodings)
    if not text:
        return ()
    if element.VR in SINGLE_VALUE_VRS:
        return (text,)
    if element.VR == "AE":
        return tuple(part.strip() for part in text.split("\\"))
    if element.VR == "PN":
        return tuple(part.rstrip("=") for part in text.split("\\"))
    return tuple(part.rstrip("\0 ") for part in text.split("\\"))


def numbers_of(element: Element) -> tuple[int | float, ...]:
    """Read the numbers of a binary or a decimal string element; no values for an empty element.

    Raises
    ------
    ValueError
        If the bytes are not a whole number of values, or a string is not a number.
    """
    VR, value = element.VR, element.value
    if VR in ("DS", "IS"):
        return tuple(_number(part, VR) for part in texts_of(element))
    if VR == "AT":
        halves = _unpack("H", value)
        return tuple(group << 16 | number for group, number in zip(halves[::2], halves[1::2], strict=True))
    return _unpack(NUMBER_FORMATS[VR], value)


def _unpack(code: str, value: bytes) -> tuple[int, ...]:
    size = struct.calcsize("<" + code)
    count, rest = divmod(len(value), size)
    if rest:
        raise ValueError("the value's length is not a multiple of its VR's size")
    return struct.unpack(f"<{count}{code}", value)


def _number(text: str, VR: str) -> int | float:
    stripped = text.strip(" ")
    return int(stripped) if VR == "IS" else float(stripped)


def encode_text(VR: str, text: str) -> bytes:
    """Write ASCII text as a value of even length: UI padded with NUL, all others with a space (PS3.5 section 6.2).

    Raises
    ------
    UnicodeEncodeError
        If `text` is not ASCII; what we write ourselves always is.
    """
    value = text.encode("ascii")
    if len(value) % 2:
        value += b"\0" if VR == "UI" else b" "
    return value


def encode_numbers(VR: str, *numbers: int | float) -> bytes:
    """Write numbers of a binary VR, little-endian."""
    return struct.pack(f"<{len(numbers)}{NUMBER_FORMATS[VR]}", *numbers)
