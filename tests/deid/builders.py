"""Data sets made of elements, without a file in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.key import Key
from tasks.dicom.dictionary import tag_of, vr_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import STRING_VRS, encodings_of

Value = bytes | str | list[DataSet]
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
ROOT = "1.2.826.0.1.3680043.10.999"
KEY = Key(bytes(range(7, 39)))
OTHER_KEY = Key(bytes(range(8, 40)))
DIGEST = b"content of an object"


def element(name: str | int, value: Value, VR: str | None = None) -> Element:
    """Make an element by keyword or tag; text is encoded as UTF-8, a list becomes the items of a sequence."""
    tag = tag_of(name) if isinstance(name, str) else name
    VR = VR or vr_of(tag) or "UN"
    if isinstance(value, list):
        return Element(tag, VR, b"", tuple(value))
    raw = value.encode() if isinstance(value, str) else value
    if len(raw) % 2:
        raw += b" " if VR in STRING_VRS and VR != "UI" else b"\0"
    return Element(tag, VR, raw)


def dataset(*elements: Element, **values: Value) -> DataSet:
    """Make a data set of elements, and of values by keyword."""
    made = [*elements, *(element(keyword, value) for keyword, value in values.items())]
    return DataSet((one.tag, one) for one in sorted(made, key=lambda one: one.tag))


def instance(*elements: Element, **values: Value) -> DataSet:
    """Make the smallest CT instance that is complete, with more elements; empty values leave theirs empty."""
    complete: Mapping[str, Value] = {
        "SOPClassUID": CT_IMAGE_STORAGE,
        "SOPInstanceUID": f"{ROOT}.1.2.3",
        "StudyInstanceUID": f"{ROOT}.1",
        "SeriesInstanceUID": f"{ROOT}.1.2",
        "PatientID": "MRN-4711",
        "PatientName": "Doerfler^Janette",
    }
    return dataset(*elements, **{**complete, **values})


def without(original: DataSet, *keywords: str) -> DataSet:
    """Leave elements out."""
    tags = {tag_of(keyword) for keyword in keywords}
    return DataSet((tag, one) for tag, one in original.items() if tag not in tags)


def nest(original: Element, depth: int) -> Element:
    """Put an element `depth` sequences deep, into a sequence that the table does not name."""
    for _ in range(depth):
        original = element("ReferencedSeriesSequence", [dataset(original)])
    return original


def innermost(treated: DataSet, depth: int) -> DataSet:
    """Find the item that `nest` made."""
    for _ in range(depth):
        items = treated[tag_of("ReferencedSeriesSequence")].items
        assert items is not None
        treated = items[0]
    return treated


def deidentify(deidentifier: Deidentifier, original: DataSet) -> Deidentified:
    """De-identify what can be cleaned."""
    result = deidentifier.deidentify(original, encodings_of(original), DIGEST)
    assert isinstance(result, Deidentified)
    return result


def leaves(treated: DataSet) -> Iterator[Element]:
    """Give every element that is no sequence, at every depth."""
    for one in treated.values():
        if one.items is None:
            yield one
        for item in one.items or ():
            yield from leaves(item)


def value_of(treated: DataSet, keyword: str) -> str:
    """Read a text value without its padding."""
    return treated[tag_of(keyword)].value.decode().strip(" \0")
