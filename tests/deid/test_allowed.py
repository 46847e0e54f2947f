from __future__ import annotations

import pytest
from pydicom._dicom_dict import DicomDictionary

from tasks.deid.allowed import Disposition, disposition_of, listed
from tasks.deid.data import read_rows
from tasks.deid.deidentify import Deidentifier
from tasks.deid.table import read_table
from tasks.dicom.dictionary import keyword_of, tag_of, vrs_of
from tests.deid.builders import dataset, deidentify, element, innermost, instance, leaves, nest, value_of

NAMED = {row.number for row in read_table()}
UNNAMED = [tag for tag in DicomDictionary if tag not in NAMED and not tag >> 16 & 1 and tag >> 16 > 4]
CANARY = "ZQXCANARY"
SOP_CLASS_UID = tag_of("SOPClassUID")


def test_the_allow_list_names_only_what_the_table_does_not() -> None:
    assert not NAMED & listed().keys()


def test_the_allow_list_is_written_as_the_dictionary_writes() -> None:
    for row in read_rows("allowed.csv"):
        assert keyword_of(int(row["tag"], 16)) == row["keyword"]


def test_free_text_outside_the_allow_list_is_removed(research: Deidentifier) -> None:
    prose = {"LO", "SH", "UC", "ST", "LT", "UT", "PN", "AE", "UR", "AS", "UN"}
    for tag in UNNAMED:
        if vrs_of(tag) <= prose and tag not in listed():
            treated = deidentify(research, instance(nest(element(tag, CANARY), 1)))
            assert not any(CANARY.encode() in leaf.value for leaf in leaves(treated.dataset)), keyword_of(tag)


@pytest.mark.parametrize("claimed", ["UN", "LO", "PN", "OB", "UT"])
def test_nothing_outside_the_allow_list_is_kept_as_prose(claimed: str, research: Deidentifier) -> None:
    for tag in UNNAMED:
        if tag not in listed() and tag != SOP_CLASS_UID:
            text = "Canary zqx of Springfield"
            treated = deidentify(research, instance(element(tag, text, claimed)))
            assert not any(b"zqx" in leaf.value for leaf in leaves(treated.dataset)), keyword_of(tag)


@pytest.mark.parametrize(
    "keyword",
    [
        "DocumentAuthorTrial",
        "EvaluatorName",
        "SecondaryReviewerName",
        "TextValue",
        "TrackSetDescription",
        "RetrieveURL",
        "OwnerID",
        "AcquisitionProtocolName",
    ],
)
def test_attributes_the_table_forgot_are_removed_at_every_depth(keyword: str, research: Deidentifier) -> None:
    for depth in (0, 1, 5):
        treated = deidentify(research, instance(nest(element(keyword, CANARY), depth)))
        assert tag_of(keyword) not in innermost(treated.dataset, depth)


def test_what_an_image_needs_is_kept(research: Deidentifier) -> None:
    needed: dict[str, str | bytes] = {
        "Rows": b"\x10\0",
        "PixelSpacing": "0.5\\0.5",
        "ImageType": "ORIGINAL\\PRIMARY\\AXIAL",
        "Modality": "CT",
        "Manufacturer": "ACME",
        "ConvolutionKernel": "H31s",
        "RescaleType": "HU",
        "ImagePositionPatient": "-120\\-120\\2.5",
        "RedPaletteColorLookupTableData": b"\1\2\3\4",
        "SpectroscopyData": b"\0\0\x80\x3f",
    }
    treated = deidentify(research, instance(**needed)).dataset
    for keyword, value in needed.items():
        assert treated[tag_of(keyword)] == element(keyword, value)


def test_dates_outside_the_table_move_or_go(research: Deidentifier, basic: Deidentifier) -> None:
    original = instance(StudyUpdateDateTime="19570313101112", StudyDate="19570313")
    moved = deidentify(research, original).dataset
    assert value_of(moved, "StudyUpdateDateTime")[:8] == value_of(moved, "StudyDate") != "19570313"
    assert tag_of("StudyUpdateDateTime") not in deidentify(basic, original).dataset


def test_uids_outside_the_table_are_mapped(research: Deidentifier) -> None:
    uid = "1.2.826.0.1.3680043.8.498.77"
    treated = deidentify(research, instance(CreatorVersionUID=uid, FrameOfReferenceUID=uid)).dataset
    assert value_of(treated, "CreatorVersionUID") == value_of(treated, "FrameOfReferenceUID")
    assert value_of(treated, "CreatorVersionUID").startswith("2.25.")


@pytest.mark.parametrize("tag", [0x7FE00010, 0x7FE00008, 0x00880200])
def test_pixels_inside_items_and_icons_are_removed(tag: int, research: Deidentifier) -> None:
    icon = dataset(element(0x7FE00010, b"ZQXCANARY ", "OW"))
    hidden = element(tag, [icon], "SQ") if tag == 0x00880200 else element(tag, b"ZQXCANARY ", "OB")
    for depth in (0, 1):
        treated = deidentify(research, instance(nest(hidden, depth)))
        assert tag not in innermost(treated.dataset, depth)


def test_type_1_text_has_a_dummy_and_type_2_text_is_empty(research: Deidentifier) -> None:
    treated = deidentify(research, instance(SegmentLabel=CANARY, ContentDescription=CANARY)).dataset
    assert value_of(treated, "SegmentLabel") == "DEIDENTIFIED"
    assert value_of(treated, "ContentDescription") == ""


def test_an_identifier_that_is_referred_to_keeps_its_references(research: Deidentifier) -> None:
    items = [dataset(TrackingID=text) for text in ("tumour of Doe", "tumour of Doe", "other")]
    treated = deidentify(research, instance(SegmentSequence=items)).dataset
    ids = [value_of(item, "TrackingID") for item in treated[tag_of("SegmentSequence")].items or ()]
    assert ids[0] == ids[1] != ids[2]
    assert "Doe" not in "".join(ids)


def test_what_nobody_knows_is_removed_and_counted(research: Deidentifier) -> None:
    unknown = element(0x00080F0F, CANARY, "LO")
    private = [element(0x00090010, "ACME", "LO"), element(0x00091001, CANARY, "LO")]
    result = deidentify(research, instance(unknown, *private, nest(unknown, 2)))
    assert result.removed == {"(0008,0F0F)": 2, "private": 2}
    assert not any(CANARY.encode() in leaf.value for leaf in leaves(result.dataset))


def test_what_is_no_attribute_of_the_instance_is_removed_without_a_count(research: Deidentifier) -> None:
    layers = [element(tag, CANARY, "LO") for tag in (0x00080000, 0x00020010, 0x60FE0010, 0x50003000)]
    result = deidentify(research, instance(*layers))
    assert result.removed == {}
    assert not any(CANARY.encode() in leaf.value for leaf in leaves(result.dataset))


def test_a_private_block_without_a_creator_is_reported_once(research: Deidentifier) -> None:
    orphans = [element(tag, CANARY, "LO") for tag in (0x00091001, 0x00091002, 0x00110001)]
    owned = [element(0x00130010, "ACME", "LO"), element(0x00131001, CANARY, "LO")]
    findings = deidentify(research, instance(*orphans, *owned)).findings
    assert [(finding.path, finding.code) for finding in findings] == [
        ("(0009,1001)", "PRIVATE_NO_CREATOR"),
        ("(0011,0001)", "PRIVATE_NO_CREATOR"),
    ]


def test_an_attribute_of_several_vrs_is_settled_by_all_of_them() -> None:
    assert disposition_of(0x00280106, vrs_of(0x00280106), shifts_dates=True) is Disposition.KEEP
    assert disposition_of(0x7FE00010, vrs_of(0x7FE00010), shifts_dates=True) is Disposition.REMOVE
    assert disposition_of(0x00080F0F, frozenset(), shifts_dates=True) is Disposition.REMOVE
