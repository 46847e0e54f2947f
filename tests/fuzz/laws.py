"""What must hold for any bytes at all, said so that a fuzzer can try to break it.

An oracle is an assertion or an exception nobody foresaw; what is damaged may be refused, but only by a reason code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import MappingProxyType

import orjson

from tasks.clean import CleanInstance, clean_instance
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.careful import read_carefully
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element, Header
from tasks.dicom.json_writer import JsonWriter
from tasks.dicom.locate import Unusual
from tasks.dicom.reader import read_header
from tasks.dicom.scan import Scanner
from tasks.dicom.splice import splice
from tasks.reasons import REASONS
from tasks.recall.cleaner import Cleaner
from tasks.records import Reject
from tasks.sandbox import wire
from tests.builders import KEY_TEXT

_NAME, _ROWS, _CLASS, _INSTANCE = map(tag_of, ("PatientName", "Rows", "SOPClassUID", "SOPInstanceUID"))
_WANTED = (_CLASS, _INSTANCE, tag_of("StudyDate"), _NAME, tag_of("ReferencedImageSequence"), _ROWS)
_UNORDERED = {"OUT_OF_ORDER", "BAD_SEQUENCE", "BAD_UNDEFINED_LENGTH"}
_NEW_NAME = Element(_NAME, "PN", b"A^B ")


def reader(data: bytes) -> None:
    """Reading ends with a header that can be sent through the sandbox's wire, or with a reason."""
    header = read_carefully(Buffer(data), pixels=True)
    if isinstance(header, Reject):
        assert header.code in REASONS
        return
    answer = wire.Answer(header.meta, header.dataset, header.transfer_syntax, header.findings, None)
    assert wire.unpack_answer(wire.pack_answer(answer)) == answer


def scanner(data: bytes) -> None:
    """The short way to some attributes refuses nothing else than the careful one, and finds the same.

    It stops at the last attribute wanted, so it does not see what is wrong behind it, nor what belongs before.
    """
    quick, careful = Scanner(_WANTED).scan(Buffer(data)), read_header(Buffer(data), pixels=False)
    if isinstance(careful, Header):
        assert not isinstance(quick, Reject)
        there = {tag for tag in _WANTED if tag in careful.dataset}
        # What is dropped for its damage is not told whether it stood in order.
        ordered = _UNORDERED.isdisjoint(finding.code for finding in careful.findings)
        assert set(quick) == there if ordered else set(quick) <= there
    header = JsonWriter().write(Buffer(data))
    if not isinstance(header, Reject):
        orjson.loads(header)


def editor(data: bytes) -> None:
    """An edited file is read again with the edit in it, and without what was removed."""
    edits = MappingProxyType({(_NAME,): _NEW_NAME, (_ROWS,): None})
    spliced = splice(Buffer(data), edits)
    if isinstance(spliced, Reject):
        assert spliced.code in REASONS
        return
    if isinstance(read_header(Buffer(data)), Reject):
        return  # what is wrong within a sequence is copied with it
    again = read_header(Buffer(b"".join(map(bytes, spliced.pieces()))))
    assert isinstance(again, Header), again
    assert again.dataset[_NAME].value == _NEW_NAME.value
    assert _ROWS not in again.dataset


@cache
def _deidentifier() -> Deidentifier:
    return Deidentifier(load_key(text=KEY_TEXT), load_profile("research"))


@cache
def _cleaner() -> Cleaner:
    return Cleaner(_deidentifier())


def cleaner(data: bytes) -> None:
    """Both ways of cleaning agree, whatever came before, and what leaves can be read without a word."""
    source, pixels = Buffer(data), len(data) % 2 == 0
    careful = clean_instance(source, _deidentifier(), pixels=pixels)
    try:
        quick = _cleaner().clean_plain(source, pixels=pixels)
    except Unusual:
        pass
    else:
        assert isinstance(quick, Reject) == isinstance(careful, Reject)
        for name in CleanInstance.__slots__ if isinstance(quick, CleanInstance) else Reject._fields:
            assert getattr(quick, name) == getattr(careful, name), name
    if isinstance(careful, Reject):
        assert careful.code in REASONS
        return
    orjson.loads(careful.header)
    again = read_header(Buffer(b"".join(map(bytes, careful.pieces()))))
    assert isinstance(again, Header), again
    assert {finding.code for finding in again.findings} <= {"NO_PIXEL_DATA"}


LAWS: dict[str, Callable[[bytes], None]] = {law.__name__: law for law in (reader, scanner, editor, cleaner)}


def every(data: bytes) -> None:
    """Hold the same bytes to all of them: what a short search does."""
    for law in LAWS.values():
        law(data)
