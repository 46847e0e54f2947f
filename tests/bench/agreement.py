"""Whether two programs did the same work: what they gave for a few files is compared, or what they wrote.

Libraries spell values differently, and de-identify by different rules. So numbers are compared as numbers, and
written files by what any rule must do: keep the pixels, replace who it was, and lose no file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.bench.peers import MAPPED, REPLACED, SHIFTED

_CLOSE = 1e-6
"""Relative; a binary number of four bytes has no more."""


class Done(NamedTuple):
    """What a program gave for some files, and the content of the files it wrote, by their names."""

    given: Any
    written: list[bytes]


def check_values(_paths: Sequence[Path], ours: Done, theirs: Done) -> None:
    """Compare named values, file by file."""
    assert len(ours.given) == len(theirs.given) > 0
    for mine, others in zip(ours.given, theirs.given, strict=True):
        assert len(mine) == len(others)
        assert all(value is not None for value in mine)
        for value, other in zip(mine, others, strict=True):
            assert is_same(value, other), f"{value!r} is not {other!r}"


def is_same(mine: Any, other: Any) -> bool:
    """Tell whether a value of ours is another library's, which may be the text of it."""
    if isinstance(mine, tuple):
        others = other.split("\\") if isinstance(other, str) else list(other)
        return len(mine) == len(others) and all(map(is_same, mine, others))
    if isinstance(mine, (int, float)):
        try:
            return math.isclose(mine, float(other), rel_tol=_CLOSE)
        except ValueError:
            return False
    return str(mine).strip(" \0") == str(other).strip(" \0")


def check_json(_paths: Sequence[Path], ours: Done, theirs: Done) -> None:
    """Compare headers as JSON, attribute by attribute."""
    assert len(ours.given) == len(theirs.given) > 0
    for text, others in zip(ours.given, theirs.given, strict=True):
        mine = orjson.loads(text)
        assert mine.keys() == others.keys()
        for tag, attribute in mine.items():
            assert attribute["vr"] == others[tag]["vr"]
            assert is_same_json(attribute.get("Value"), others[tag].get("Value")), tag


def is_same_json(mine: Any, other: Any) -> bool:
    """Compare values; numbers as such, and an item of a sequence as a header."""
    if isinstance(mine, list) and isinstance(other, list):
        return len(mine) == len(other) and all(map(is_same_json, mine, other))
    if isinstance(mine, dict) and isinstance(other, dict):
        return mine.keys() == other.keys() and all(is_same_json(mine[name], other[name]) for name in mine)
    if isinstance(mine, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(mine, other, rel_tol=_CLOSE)
    return bool(mine == other)


_IDENTITY = (*REPLACED.split(), *MAPPED.split()[:4], *SHIFTED.split()[1:5])
"""What every rule replaces or removes: names, UIDs and dates."""


def check_counts(paths: Sequence[Path], ours: Done, theirs: Done) -> None:
    """Check that both wrote a file for each."""
    assert len(ours.written) == len(theirs.written) == len(paths)


def check_same(paths: Sequence[Path], ours: Done, theirs: Done) -> None:
    """Check that both wrote a file for each, byte for byte the same."""
    assert len(ours.written) == len(paths)
    assert ours.written == theirs.written


def check_files(paths: Sequence[Path], ours: Done, theirs: Done) -> None:
    """See that both wrote every file with its pixels, ours without identity, and theirs too unless it is a copy."""
    before = [dcmread(path) for path in paths]
    copied = sorted(path.read_bytes() for path in paths) == sorted(theirs.written)
    for done, is_copy in ((ours, False), (theirs, copied)):
        after = [dcmread(io.BytesIO(content)) for content in done.written]
        assert sorted(ds.PixelData for ds in after) == sorted(ds.PixelData for ds in before)
        assert is_copy or not _identity_of(after) & _identity_of(before)


def _identity_of(read: Sequence[Dataset]) -> set[tuple[str, str]]:
    return {(keyword, str(ds[keyword].value)) for ds in read for keyword in _IDENTITY if ds.get(keyword)}
