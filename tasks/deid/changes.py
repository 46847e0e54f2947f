"""What was changed in an instance, element by element: where, by which rule, how, and a fingerprint of the old value.

The change is read from the element before and after, so that nothing can be changed without being told, whoever
changed it. The fingerprint is keyed: who holds the key can show that a value was the one removed, and nobody else
can find out which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tasks.deid.trace import Trace
from tasks.dicom.dictionary import format_tag
from tasks.dicom.element import Element
from tasks.dicom.encode import encode_element

REMOVED, EMPTIED, REPLACED, MAPPED, SHIFTED, CLEANED = (
    *("removed", "emptied", "replaced", "mapped", "shifted", "cleaned"),
)
_CLEANING_RULE = "clean-descriptors"
_DATE_VRS = frozenset({"DA", "DT"})
_PADDING = b" \0"


class Change(NamedTuple):
    """One changed element.

    Attributes
    ----------
    path
        Element path in tags, such as ``(0008,1140)[0].(0008,1155)``.
    rule
        What decided, as `Deidentifier.rule_of` names it.
    action
        `removed`, `emptied`, `mapped` (UID), `shifted` (date), `cleaned` (text) or `replaced`.
    fingerprint
        Of the original value; empty where that was empty.
    """

    path: str
    rule: str
    action: str
    fingerprint: str


def find_changes(
    trace: Trace, rule_of: Callable[[int], str], fingerprint: Callable[[bytes], str]
) -> list[Change]:
    """List what was changed in an element and, where it is a sequence that was kept, in its items."""
    original, written = trace.original, trace.written
    if original.items is not None:
        return list(_compare(original, written, "", rule_of, fingerprint))
    change = _compare_values(original, original.value, written, "", rule_of, fingerprint)
    return [] if change is None else [change]


def _compare(
    original: Element,
    written: Element | None,
    before: str,
    rule_of: Callable[[int], str],
    fingerprint: Callable[[bytes], str],
) -> Iterator[Change]:
    if written is original:
        return
    items, value = original.items, original.value
    if items is not None:
        if written is not None and len(written.items or ()) == len(items):
            path = before + format_tag(original.tag)
            for number, (item, left) in enumerate(zip(items, written.items or (), strict=True)):
                for tag, element in item.items():
                    yield from _compare(element, left.get(tag), f"{path}[{number}].", rule_of, fingerprint)
            return
        value = encode_element(original, explicit=True)
    change = _compare_values(original, value, written, before, rule_of, fingerprint)
    if change is not None:
        yield change


def _compare_values(
    original: Element,
    value: bytes,
    written: Element | None,
    before: str,
    rule_of: Callable[[int], str],
    fingerprint: Callable[[bytes], str],
) -> Change | None:
    value = value.strip(_PADDING)
    if written is not None and written.items is None and written.value.strip(_PADDING) == value:
        return None
    rule = rule_of(original.tag)
    fingerprinted = fingerprint(value) if value else ""
    return Change(before + format_tag(original.tag), rule, _action(written, rule), fingerprinted)


def _action(written: Element | None, rule: str) -> str:
    if written is None:
        return REMOVED
    if not written.value.strip(_PADDING) and not written.items:
        return EMPTIED
    if written.VR == "UI":
        return MAPPED
    if written.VR in _DATE_VRS:
        return SHIFTED
    return CLEANED if rule == _CLEANING_RULE else REPLACED
