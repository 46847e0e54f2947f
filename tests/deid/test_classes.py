from __future__ import annotations

import pytest
from pydicom._uid_dict import UID_dictionary

from tasks.deid.classes import class_dispositions, needs_pixel_review, refuse_class
from tasks.deid.deidentify import Deidentifier
from tasks.dicom.element import DataSet
from tasks.records import Reject
from tests.deid.builders import DIGEST, dataset, instance, without

STORAGE = "1.2.840.10008.5.1.4.1.1."
MR, US, SECONDARY_CAPTURE, SLIDE = STORAGE + "4", STORAGE + "6.1", STORAGE + "7", STORAGE + "77.1.6"
SLICE: dict[str, str | bytes] = {
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsStored": b"\x0c\0",
    "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
}


@pytest.mark.parametrize(
    "suffix",
    ["2", "4", "4.1", "128", "1.1", "66.4", "66.7", "481.3", "481.2", "11.1", "9.1.1", "30", "6.1", "7"],
)
def test_images_and_derived_objects_can_be_cleaned(suffix: str) -> None:
    assert refuse_class(instance(SOPClassUID=STORAGE + suffix)) is None


@pytest.mark.parametrize(
    "uid",
    [
        STORAGE + "88.11",
        STORAGE + "88.33",
        STORAGE + "88.59",
        STORAGE + "88.67",
        STORAGE + "104.1",
        STORAGE + "104.2",
        STORAGE + "66",
        STORAGE + "9.4.1",
        STORAGE + "68.1",
        "1.3.12.2.1107.5.9.1",
        "1.2.840.113619.4.2",
        "1.2.840.10008.3.1.2.3.3",
    ],
)
def test_documents_voices_faces_and_vendors_bytes_are_refused(uid: str, research: Deidentifier) -> None:
    refused = research.deidentify(instance(SOPClassUID=uid), ("iso8859",), DIGEST)
    assert refused == Reject("CLASS_NOT_CLEANABLE", "(0008,0016)")


@pytest.mark.parametrize("uid", ["1.2.3.4.5.6.7", "CT Image Storage", "1.2.840.10008.5.1.4.1.1.999"])
def test_a_class_nobody_defined_is_refused(uid: str) -> None:
    assert refuse_class(instance(SOPClassUID=uid)) == Reject("UNKNOWN_SOP_CLASS", "(0008,0016)")


def test_a_missing_class_is_no_reason_to_refuse() -> None:
    assert refuse_class(without(instance(), "SOPClassUID")) is None


def test_listed_classes_are_registered_under_their_names() -> None:
    newer = {STORAGE + "66.7"}
    for uid in class_dispositions():
        if not uid.endswith(".") and uid not in newer:
            assert UID_dictionary[uid][1].startswith("SOP Class")


@pytest.mark.parametrize(
    "original",
    [
        instance(SOPClassUID=US),
        instance(SOPClassUID=US, BurnedInAnnotation="NO"),
        instance(SOPClassUID=SECONDARY_CAPTURE),
        instance(SOPClassUID=STORAGE + "77.1.4"),
        instance(BurnedInAnnotation="YES"),
        instance(BurnedInAnnotation="MAYBE"),
        instance(ImageType="DERIVED\\SECONDARY\\SCREEN SAVE", **SLICE),
        instance(ImageType="DERIVED\\SECONDARY\\OTHER\\CT_SOM5 PROT", **SLICE),
        instance(ImageType="DERIVED\\SECONDARY\\DOSE_INFO", **SLICE),
        instance(ImageType="DERIVED\\SECONDARY"),
        instance(ImageType="DERIVED\\SECONDARY", **{**SLICE, "PhotometricInterpretation": "RGB"}),
        instance(ImageType="DERIVED\\SECONDARY", **{**SLICE, "BitsStored": b"\x08\0"}),
        without(instance(ImageType="DERIVED\\SECONDARY", **SLICE), "ImageOrientationPatient"),
        instance(SOPClassUID=SLIDE, ImageType="ORIGINAL\\PRIMARY\\LABEL\\NONE"),
        instance(SOPClassUID=SLIDE, ImageType="ORIGINAL\\PRIMARY\\VOLUME", SpecimenLabelInImage="YES"),
        without(instance(Modality="US"), "SOPClassUID"),
        without(instance(), "SOPClassUID"),
    ],
)
def test_pixels_that_may_hold_text_are_looked_at(original: DataSet) -> None:
    assert needs_pixel_review(original)


@pytest.mark.parametrize(
    "original",
    [
        instance(),
        instance(BurnedInAnnotation="NO"),
        instance(ImageType="ORIGINAL\\PRIMARY\\AXIAL"),
        instance(SOPClassUID=MR, ImageType="ORIGINAL\\PRIMARY\\PROTON_DENSITY"),
        instance(SOPClassUID=MR, ImageType="DERIVED\\SECONDARY\\MPR", **SLICE),
        instance(ImageType="DERIVED\\SECONDARY", BurnedInAnnotation="NO"),
        instance(SOPClassUID=SLIDE, ImageType="ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
        instance(SOPClassUID=STORAGE + "66.4", ImageType="DERIVED\\PRIMARY"),
        without(instance(Modality="CT"), "SOPClassUID"),
    ],
)
def test_acquired_pixels_need_no_look(original: DataSet) -> None:
    assert not needs_pixel_review(original)


def test_an_empty_data_set_is_looked_at() -> None:
    assert needs_pixel_review(dataset())
