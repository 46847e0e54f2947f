"""Which SOP Classes can be cleaned at all, and whose pixels somebody must look at first.

Cleaning a header proves nothing about a document inside it or a name written into the picture. What
cannot be cleaned is refused by class, and pixels likely to carry text are named, so that the caller
can withhold them.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache, lru_cache

from tasks.deid.data import read_rows
from tasks.dicom.dictionary import format_tag, is_registered_uid
from tasks.dicom.element import DataSet
from tasks.records import Reject

SOP_CLASS_UID = 0x00080016
_IMAGE_TYPE, _MODALITY, _BURNED_IN_ANNOTATION = 0x00080008, 0x00080060, 0x00280301
_SPECIMEN_LABEL_IN_IMAGE = 0x00480010
_PHOTOMETRIC_INTERPRETATION, _BITS_STORED, _IMAGE_ORIENTATION = 0x00280004, 0x00280101, 0x00200037
_SHARED_GROUPS = 0x52009229
_SCREEN_WORDS = {
    *("CAPTURE", "DOSE", "FILM", "GRAPH", "LABEL", "OVERVIEW", "PROT", "PROTOCOL", "REPORT", "RESULT"),
    *("SCREEN", "SCREENSAVE", "SCREENSHOT"),
}
"""Words of Image Type that say the frame was drawn, not acquired: screens, dose pages, slide labels."""
_ACQUIRING_MODALITIES = {"CR", "CT", "DX", "IO", "MG", "MR", "NM", "PT", "PX", "RTDOSE", "RTIMAGE", "SEG"}
_WORD = re.compile(r"[A-Z]+")


class Disposition(StrEnum):
    """What `data/sop_classes.csv` says of a class."""

    CLEAN = "clean"
    REVIEW = "review"
    CONTENT = "content"
    REJECT = "reject"


@cache
def class_dispositions() -> dict[str, Disposition]:
    """Give the disposition of each listed class; a key that ends in a dot is a root of private ones."""
    return {row["UID"]: Disposition(row["disposition"]) for row in read_rows("sop_classes.csv")}


@lru_cache(1 << 10)
def disposition_of(uid: str) -> Disposition | None:
    """Give what can be done with a SOP Class; None for one that nobody we know has defined."""
    listed = class_dispositions()
    if uid in listed:
        return listed[uid]
    private = any(root.endswith(".") and uid.startswith(root) for root in listed)
    return Disposition.REJECT if private or is_registered_uid(uid) else None


def refuse_class(dataset: DataSet, *, cleans_content: bool = False) -> Reject | None:
    """Refuse an instance whose class cannot be cleaned, or that we do not know; one without a class is not refused.

    Parameters
    ----------
    cleans_content
        Whether the profile cleans structured reports, which are nothing but text, names and codes.
    """
    uid = text_value(dataset, SOP_CLASS_UID)
    if not uid:
        return None
    disposition = disposition_of(uid)
    if disposition is None:
        return Reject("UNKNOWN_SOP_CLASS", format_tag(SOP_CLASS_UID))
    if disposition is Disposition.REJECT or (disposition is Disposition.CONTENT and not cleans_content):
        return Reject("CLASS_NOT_CLEANABLE", format_tag(SOP_CLASS_UID))
    return None


def needs_pixel_review(dataset: DataSet) -> bool:
    """Tell whether the pixels may hold burned-in text or a likeness, so that they must not leave unseen.

    The header says so, or the class is known for it, or Image Type names a drawn page. A derived
    secondary image (a screen save as well as a reformatted slice) passes only where it has a slice's
    position and more than eight bits of grey, which no screen has. A sender's Burned In Annotation of
    NO is believed for such images, and not for the classes that are known for text.
    """
    burned_in = text_value(dataset, _BURNED_IN_ANNOTATION)
    if burned_in not in ("", "NO") or text_value(dataset, _SPECIMEN_LABEL_IN_IMAGE) == "YES":
        return True
    uid = text_value(dataset, SOP_CLASS_UID)
    if uid and disposition_of(uid) is not Disposition.CLEAN:
        return True
    if not uid and text_value(dataset, _MODALITY) not in _ACQUIRING_MODALITIES:
        return True
    image_type = text_value(dataset, _IMAGE_TYPE).upper()
    if _SCREEN_WORDS.intersection(_WORD.findall(image_type)):
        return True
    values = [value.strip() for value in image_type.split("\\")]
    secondary = "DERIVED" in values[:2] and "SECONDARY" in values[:2]
    return secondary and burned_in != "NO" and not _is_slice(dataset)


def _is_slice(dataset: DataSet) -> bool:
    bits = dataset.get(_BITS_STORED)
    return (
        text_value(dataset, _PHOTOMETRIC_INTERPRETATION).startswith("MONOCHROME")
        and bits is not None
        and int.from_bytes(bits.value[:2], "little") > 8
        and (_IMAGE_ORIENTATION in dataset or _SHARED_GROUPS in dataset)
    )


def text_value(dataset: DataSet, tag: int) -> str:
    """Read an ASCII value without its padding; empty where there is none."""
    element = dataset.get(tag)
    return "" if element is None else element.value.decode("latin-1").strip(" \0")
