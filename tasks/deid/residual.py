"""The self-check: the bytes that would leave are searched for their own input's identifiers.

It knows nothing of profiles and treatments, on purpose: it is the proof that those did their work, and
that the encoder did. Nearly always the search finds nothing, so it is one pass over the bytes. Only
what it finds is looked at twice: a date that we moved may be another date of the same patient, and a
patient may be called as the standard calls a body part.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tasks.deid.identifiers import Identifiers
from tasks.deid.terms import beyond_standard
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import BINARY_NUMBER_VRS

__all__ = ["Generated", "Identifiers", "find_in_payload", "find_residual"]

_BINARY_VRS = BINARY_NUMBER_VRS | {"OB", "OD", "OF", "OL", "OV", "OW"}
_VALUE_OFFSETS = (8, 12)
"""Bytes from an element's tag to its value, with a 16-bit length or none of the VR, and with a 32-bit one."""


class Generated(NamedTuple):
    """What of an output cannot be a leftover.

    Attributes
    ----------
    dataset
        The output, whose binary numbers spell short names by chance.
    written
        Tag and value of what we wrote: pseudonyms, moved dates, dummies, words of PS3.16.
    """

    dataset: DataSet
    written: frozenset[tuple[int, bytes]]


def find_residual(encoded_header: bytes, identifiers: Identifiers, generated: Generated) -> int:
    """Count the original's identifiers that are left in an encoded output.

    Parameters
    ----------
    encoded_header
        All bytes of the output but the pixel data: preamble, file meta, data set.
    identifiers
        Of the original.
    generated
        Of the same output.

    Returns
    -------
    int
        Zero if the output may leave.
    """
    if not identifiers.count(encoded_header):
        return 0
    blanked = _blank(encoded_header, identifiers, generated, only_text=False)
    left = identifiers.count(blanked, with_bounded=False)
    if left:
        return left
    # Short words are in binary numbers, and across tags and VRs, by chance: only in text do they mean anybody.
    return identifiers.count(_blank(encoded_header, identifiers, generated, only_text=True))


def find_in_payload(chunk: bytes | memoryview, identifiers: Identifiers) -> bool:
    """Tell whether a piece of pixel data spells one of its instance's longer identifiers, as the header had it.

    Pieces must overlap by 64 bytes, the longest token there is.
    """
    tokens = identifiers.payload
    if len(chunk) >= _LARGE and all(map(_is_spelled, tokens)) and not _may_spell(chunk):
        return False
    searched = bytes(chunk)
    return any(token in searched for token in tokens)


_LARGE = 1 << 12
"""Bytes from which it pays to ask first whether there is any text at all."""
_LETTER_BITS, _LETTER = np.uint32(0x60606060), np.uint32(0x40404040)
_SMALLEST_PAIR = 0x2000
_BLOCK = 1 << 14


@lru_cache(1 << 12)
def _is_spelled(token: bytes) -> bool:
    """Tell whether `_may_spell` would notice the token: 7 bytes or more, each with one of a letter's upper bits."""
    return len(token) >= 7 and all(byte & 0x60 for byte in token)


def _may_spell(chunk: bytes | memoryview) -> bool:
    """Tell whether any four bytes at a multiple of four could be text; seven in a row always hold such four.

    Grey values of more than eight bits hardly ever are: their upper bytes are small. This takes a tenth of the
    time that looking for a few names would. The bits are put together in place, block by block, so that all of
    it happens in the processor's cache.
    """
    # One look first: a byte of text at an odd place makes its pair a large number, and 12 bits never do.
    if np.frombuffer(chunk, np.uint16, len(chunk) // 2).max() < _SMALLEST_PAIR:
        return False
    words = np.frombuffer(chunk, np.uint32, len(chunk) // 4)
    bits, shifted = np.empty(_BLOCK, np.uint32), np.empty(_BLOCK, np.uint32)
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK]
        low, high = bits[: len(block)], shifted[: len(block)]
        np.bitwise_and(block, _LETTER_BITS, out=low)
        np.left_shift(low, 1, out=high)
        np.bitwise_or(low, high, out=low)
        np.bitwise_and(low, _LETTER, out=low)
        if low.max() == _LETTER:
            return True
    return False


def _blank(encoded: bytes, identifiers: Identifiers, generated: Generated, *, only_text: bool) -> bytes:
    """Zero the values that cannot be leftovers, each found by its tag and its whole value, in the order written.

    With `only_text`, zero binary values and the tags, VRs and lengths before values too.
    """
    blanked, position = bytearray(encoded), 0
    for element in _leaves(generated.dataset):
        start, value = _find_value(encoded, element, position)
        if start < 0:
            continue
        position = value + len(element.value)
        if only_text:
            blanked[start:value] = bytes(value - start)
        if _is_suspect(element, identifiers, generated) or (element.VR in _BINARY_VRS and not only_text):
            continue
        blanked[value:position] = bytes(len(element.value))
    return bytes(blanked)


def _is_suspect(element: Element, identifiers: Identifiers, generated: Generated) -> bool:
    """Tell whether a value is text that we neither wrote nor know for words of the standard."""
    if element.VR in _BINARY_VRS or (element.tag, element.value) in generated.written:
        return False
    beyond = beyond_standard(element.tag, element.value)
    return beyond == element.value or identifiers.are_in_text(beyond)


def _find_value(encoded: bytes, element: Element, position: int) -> tuple[int, int]:
    """Find where an element's tag and its value begin; -1 where it was not written as it is."""
    tag = (element.tag >> 16).to_bytes(2, "little") + (element.tag & 0xFFFF).to_bytes(2, "little")
    start = encoded.find(tag, position)
    while start >= 0:
        for offset in _VALUE_OFFSETS:
            if encoded.startswith(element.value, start + offset):
                return start, start + offset
        start = encoded.find(tag, start + 1)
    return -1, -1


def _leaves(dataset: DataSet) -> Iterator[Element]:
    for element in dataset.values():
        if element.items is None:
            if element.value:
                yield element
        else:
            for item in element.items:
                yield from _leaves(item)
