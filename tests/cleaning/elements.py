"""Elements with the very bytes a test is about; nothing pads, encodes or checks them on the way."""

from __future__ import annotations

from tasks.cleaning.repair import repair
from tasks.dicom.dictionary import tag_of, vr_of
from tasks.dicom.element import DataSet, Element
from tasks.records import Finding


def element(keyword: str, value: bytes = b"", VR: str | None = None) -> Element:
    """Make an element by keyword, with the dictionary's VR unless another is given."""
    tag = tag_of(keyword)
    return Element(tag, VR or vr_of(tag) or "UN", value)


def sequence(keyword: str, *items: DataSet) -> Element:
    """Make a sequence of items."""
    return Element(tag_of(keyword), "SQ", b"", items)


def dataset(*elements: Element) -> DataSet:
    """Make a data set, in the order of tags."""
    return DataSet(sorted((each.tag, each) for each in elements))


def repaired(keyword: str, value: bytes, VR: str | None = None) -> bytes:
    """Give what cleaning makes of one value."""
    clean, _ = repair(dataset(element(keyword, value, VR)))
    return clean[tag_of(keyword)].value


def findings(keyword: str, value: bytes, VR: str | None = None) -> list[tuple[str, str]]:
    """Give rule and code of what cleaning finds in one value."""
    _, found = repair(dataset(element(keyword, value, VR)))
    return rules_and_codes(found)


def rules_and_codes(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Give rule and code of findings."""
    return [(finding.rule, finding.code) for finding in found]
