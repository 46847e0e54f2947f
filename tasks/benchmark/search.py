"""Looks for a value in a whole file: in its bytes under every encoding, and in its texts as they are read.

It knows nothing of how anybody cleans. A short value is looked for in texts only, since three letters are in
every picture; numbers must stand alone, since a long one holds all short ones.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydicom import Dataset, config, dcmread
from pydicom.dataelem import DataElement

_CODECS = ("utf-8", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "iso2022_jp", "koi8_r", "cp1251", "iso8859_5",
           "latin-1", "iso8859_2", "iso8859_9", "utf-16-le", "utf-16-be")  # fmt: skip
_ESCAPES = re.compile(rb"\x1b[$()][@-_A-Z]?[A-Z]?")
_SHORTEST_IN_BYTES, _SHORTEST_FOREIGN = 6, 4
_FREE_LETTERS = 5
"""Letters from which a name is looked for inside longer words too."""
_SEPARATORS = re.compile(r"[\W_]+")
_TEXT_VRS = frozenset(
    {
        "AE",
        "AS",
        "CS",
        "DA",
        "DS",
        "DT",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "TM",
        "UC",
        "UI",
        "UR",
        "UT",
        "UN",
    }
)


class Output(NamedTuple):
    """A cleaned file, ready to be searched.

    Attributes
    ----------
    dataset, raw
        As it is read, and read once more for whoever wants values as they are stored.
    path
        Below the folder of outputs, in small letters.
    data
        Its bytes without the pixel data, ASCII letters small.
    texts
        All its texts, read and folded, one a line.
    spelled
        The same without anything between letters and digits.
    """

    dataset: Dataset
    raw: Dataset
    path: str
    data: bytes
    texts: str
    spelled: str


def read_output(folder: Path, path: Path) -> Output | None:
    """Read a cleaned file; None where it is no DICOM any more."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            dataset = dcmread(path, force=True)
            texts = "\n".join(_texts(dataset))
        except Exception:  # noqa: BLE001 - whatever a cleaner wrote, the others are still scored
            return None
    data = path.read_bytes()
    pixels = dataset.get("PixelData", b"")
    if pixels:
        data = data.replace(pixels, b"", 1)
    folded = fold(texts)
    spelled = "\n".join(_SEPARATORS.sub("", line) for line in folded.split("\n"))
    return Output(
        dataset,
        dcmread(path, force=True),
        str(path.relative_to(folder)).casefold(),
        data.lower(),
        folded,
        spelled,
    )


def fold(text: str) -> str:
    """Read a text as if case, width and composition made no difference."""
    return unicodedata.normalize("NFKC", text).casefold()


def _texts(dataset: Dataset) -> Iterator[str]:
    for element in (*getattr(dataset, "file_meta", ()), *_elements(dataset)):
        if element.VR in _TEXT_VRS:
            yield value_text(element)


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    for tag in tuple(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001, S112 - a number that is none is searched for as bytes
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def value_text(element: DataElement) -> str:
    """Write an element's value as text; several values with backslashes, bytes as the UTF-8 they may be."""
    value = element.value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\0 ")
    if value is None:
        return ""
    values = [value] if isinstance(value, (str, int, float)) or not hasattr(value, "__iter__") else value
    if element.VR == "PN":
        return "\\".join(map(str, [value] if not element.VM > 1 else value))
    return "\\".join(map(str, values))


def is_left(output: Output, value: str) -> bool:
    """Tell whether a value is anywhere in a file."""
    return is_in_text(output.texts, output.spelled, value) or is_in_bytes(output.data, value)


def is_in_text(texts: str, spelled: str, value: str) -> bool:
    """Tell whether a value is in folded texts: as it is, or its letters and digits in a row."""
    folded = fold(value)
    bare = _SEPARATORS.sub("", folded)
    if not bare:
        return False
    if bare.isdigit() or (len(bare) < _FREE_LETTERS and bare.isascii()):
        return _stands_alone(folded, texts) or (len(bare) > _FREE_LETTERS and _stands_alone(bare, texts))
    return folded in texts or (len(bare) >= _FREE_LETTERS and bare in spelled)


def _stands_alone(value: str, texts: str) -> bool:
    apart = r"[^\W\d_]" if not value[0].isdigit() else r"[0-9]"
    return re.search(rf"(?<!{apart}){re.escape(value)}(?!{apart})", texts) is not None


def is_in_bytes(data: bytes, value: str) -> bool:
    """Tell whether a value is in bytes whose ASCII letters are small, under any encoding."""
    return any(pattern in data and _is_alone(pattern, data) for pattern in _patterns(value))


def _is_alone(pattern: bytes, data: bytes) -> bool:
    if not pattern.isdigit():
        return True
    return re.search(rb"(?<![0-9.])%s(?![0-9.])" % pattern, data) is not None


@lru_cache(1 << 14)
def _patterns(value: str) -> tuple[bytes, ...]:
    """Spell a value in every encoding, in small and capital letters, composed and not."""
    forms = {form for text in (value, value.upper(), value.lower(), value.title()) for form in
             (unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))}  # fmt: skip
    patterns = set()
    for form in forms:
        for codec in _CODECS:
            try:
                encoded = _ESCAPES.sub(b"", form.encode(codec)).lower()
            except UnicodeError:
                continue
            if len(encoded) >= (_SHORTEST_IN_BYTES if encoded.isascii() else _SHORTEST_FOREIGN):
                patterns.add(encoded)
    return tuple(sorted(patterns))
