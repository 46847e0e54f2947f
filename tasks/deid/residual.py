"""The self-check: the bytes that would leave are searched for their own input's identifiers.

It knows nothing of profiles and treatments, on purpose: it is the proof that those did their work, and
that the encoder did. Nearly always the search finds nothing, so it is one pass over the bytes. Only
what it finds is looked at twice: a date that we moved may be another date of the same patient, and a
patient may be called as the standard calls a body part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

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


def find_in_payload(chunk: bytes, identifiers: Identifiers) -> bool:
    """Tell whether a piece of pixel data spells one of its instance's longer identifiers, as the header had it.

    Pieces must overlap by 64 bytes, the longest token there is.
    """
    return any(token in chunk for token in identifiers.payload)


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
