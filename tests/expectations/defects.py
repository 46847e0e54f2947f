"""Studies with one known defect each, and the rules made for it; and clean ones that look like defects."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from tests.expectations.rows_of import MR_IMAGE, Row, make_study, make_uid

TILTED = [1.0, 0.0, 0.0, 0.0, 0.8, 0.6]
LOCALIZER = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
MR = {
    "Modality": "MR",
    "SOPClassUID": MR_IMAGE,
    "RepetitionTime": 500.0,
    "EchoTime": 12.0,
    "MagneticFieldStrength": 3.0,
    "ScanningSequence": ["SE"],
    "SequenceVariant": ["NONE"],
    "MRAcquisitionType": "2D",
    "KVP": None,
    "RescaleSlope": None,
    "RescaleIntercept": None,
}


class Case(NamedTuple):
    """A study and the rules that must speak about it, apart from those that only count."""

    name: str
    rows: list[Row]
    withheld_by: tuple[str, ...] = ()
    flagged_by: tuple[str, ...] = ()


def with_last(name: str, slices: int = 3, **changes: object) -> list[Row]:
    """Make a study whose last slice differs."""
    rows = make_study(name, slices)
    return [*rows[:-1], rows[-1] | changes]


def at(*distances: float, y: float = 0.0) -> list[list[float]]:
    """Place slices along the normal, each `y` mm further along the columns."""
    return [[-100.0, -100.0 + y * number, z] for number, z in enumerate(distances)]


def placed(name: str, positions: list[list[float]], **changes: object) -> list[Row]:
    """Make a study whose slices lie at positions."""
    rows = make_study(name, len(positions), **changes)
    return [row | {"ImagePositionPatient": position} for row, position in zip(rows, positions, strict=True)]


EARLIER = {
    name: dt.date(1899, 12, 30) for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
}

CASES = [
    Case("clean CT", make_study("clean CT")),
    Case("clean MR", make_study("clean MR", **MR)),
    Case("four b-values", placed("four b-values", at(*[0.0, 5.0, 10.0] * 4), **MR)),
    Case("rounded positions", placed("rounded positions", at(0, 2.50004, 4.99996, 7.5))),
    Case("localizer", with_last("localizer", ImageOrientationPatient=TILTED, ImageType=LOCALIZER)),
    Case("compressed", make_study("compressed", pixel_bytes=17, expected_pixel_bytes=None)),
    Case(
        "without pixels", make_study("without pixels", 1, has_pixel_data=False, pixel_bytes=0), (), ("R051",)
    ),
    # identity
    Case(
        "malformed UID",
        with_last("malformed UID", FrameOfReferenceUID="2.25.01"),
        ("R016", "R002"),
        ("R065",),
    ),
    Case("original UID", with_last("original UID", SOPInstanceUID="1.2.840.1"), ("R010",)),
    Case(
        "twice",
        [*make_study("twice", 2), make_study("twice", 1)[0] | {"InstanceNumber": 3}],
        ("R003",),
        ("R068",),
    ),
    Case(
        "two patients", with_last("two patients", PatientID="ZZZZZZZZZZZZZZZZZZZZZZZZ"), ("R004",), ("R007",)
    ),
    # de-identification
    Case("original patient", make_study("original patient", PatientID="1CT1"), ("R017",)),
    Case("atlas", make_study("atlas", FrameOfReferenceUID="1.2.840.10008.1.4.1.1")),
    Case("original frame", make_study("original frame", FrameOfReferenceUID="1.2.840.10008.14.1"), ("R016",)),
    Case("not said", with_last("not said", PatientIdentityRemoved=None), ("R011",)),
    Case("not removed", with_last("not removed", PatientIdentityRemoved="NO"), ("R012",)),
    Case("no profile", with_last("no profile", deidentification_codes=["113107"]), ("R013",)),
    Case("no code", with_last("no code", deidentification_codes=[]), ("R013",)),
    Case(
        "dates kept", with_last("dates kept", LongitudinalTemporalInformationModified="UNMODIFIED"), ("R014",)
    ),
    Case("burned in", with_last("burned in", BurnedInAnnotation="YES"), ("R015",)),
    # pixels
    Case("cut pixels", with_last("cut pixels", pixel_bytes=30), ("R050",)),
    Case("too many bits", with_last("too many bits", BitsStored=17), (), ("R053",)),
    Case("no rows", with_last("no rows", Rows=None, expected_pixel_bytes=None), (), ("R052",)),
    Case("HSV", with_last("HSV", PhotometricInterpretation="HSV"), (), ("R027",)),
    # values
    Case("no modality", make_study("no modality", 1, Modality=None), (), ("R020",)),
    Case("odd modality", make_study("odd modality", 1, Modality="CAT"), (), ("R021", "R124")),
    Case("lower case", with_last("lower case", BodyPartExamined="chest"), (), ("R022",)),
    Case("colons", with_last("colons", StudyTime="10:15:00"), (), ("R023",)),
    Case("61", with_last("61", PatientAge="61"), (), ("R024", "R141")),
    Case("sex", make_study("sex", PatientSex="W"), (), ("R025",)),
    Case("1899", make_study("1899", **EARLIER), (), ("R028",)),
    Case("treatment beam", with_last("treatment beam", KVP=6000.0), (), ("R030",)),
    Case("no thickness", with_last("no thickness", SliceThickness=0.0), (), ("R031",)),
    Case("spacing in m", make_study("spacing in m", PixelSpacing=[0.0007, 0.7]), (), ("R032",)),
    Case("grams", make_study("grams", PatientWeight=61500.0), (), ("R033",)),
    Case("height in cm", make_study("height in cm", PatientSize=168.0), (), ("R034",)),
    Case("gauss", make_study("gauss", **MR | {"MagneticFieldStrength": 15000.0}), (), ("R037",)),
    Case("no Hounsfield", with_last("no Hounsfield", RescaleSlope=None), (), ("R040",)),
    Case("no kV", with_last("no kV", KVP=None), (), ("R041",)),
    Case("no TE", make_study("no TE", **MR | {"EchoTime": None}), (), ("R042",)),
    Case("no sequence", make_study("no sequence", **MR | {"ScanningSequence": None}), (), ("R043",)),
    # geometry
    Case("no position", with_last("no position", ImagePositionPatient=None), (), ("R046",)),
    Case("two numbers", with_last("two numbers", ImagePositionPatient=[0.0, 1.0]), (), ("R060",)),
    Case("three spacings", make_study("three spacings", PixelSpacing=[0.7, 0.7, 0.7]), (), ("R061",)),
    Case(
        "sheared pixels",
        make_study("sheared pixels", ImageOrientationPatient=[1.0, 0.0, 0.0, 0.1, 1.0, 0.0]),
        (),
        ("R062",),
    ),
    Case("two orientations", with_last("two orientations", ImageOrientationPatient=TILTED), (), ("R063",)),
    Case(
        "scout",
        with_last("scout", 4, Rows=9, pixel_bytes=72, expected_pixel_bytes=72, ImageType=LOCALIZER),
    ),
    Case("two sizes", with_last("two sizes", Rows=8, pixel_bytes=64, expected_pixel_bytes=64), (), ("R064",)),
    Case("two spacings", with_last("two spacings", PixelSpacing=[0.8, 0.8]), (), ("R064",)),
    Case("two frames", with_last("two frames", FrameOfReferenceUID=make_uid("other")), (), ("R065",)),
    Case("uneven", placed("uneven", at(0, 2.5, 5.0, 7.8)), (), ("R066",)),
    Case("missing slice", placed("missing slice", at(0, 2.5, 5.0, 10.0)), (), ("R066", "R067")),
    Case("doubled slice", placed("doubled slice", at(0, 2.5, 5.0, 5.0)), (), ("R068",)),
    Case("doubled number", with_last("doubled number", InstanceNumber=1), (), ("R069",)),
    Case("tilted gantry", placed("tilted gantry", at(0, 2.5, 5.0, 7.5, y=0.5)), (), ("R070",)),
    # dates
    Case(
        "before its study",
        with_last("before its study", ContentDate=dt.date(2011, 5, 3)),
        (),
        ("R080", "R082"),
    ),
    Case("two days", with_last("two days", StudyDate=dt.date(2011, 5, 3)), (), ("R081",)),
    Case("two sexes", with_last("two sexes", PatientSex="M"), (), ("R081",)),
]
