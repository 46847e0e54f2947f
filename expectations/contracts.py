"""What each table is, said once: writers, base suites, data dictionary and lineage's schema derive from here.

A column that only a document describes drifts from its writer within weeks. Here a column is one line:
its name, its Arrow type, whether it may be null, the DICOM element it comes from, and its meaning in a
sentence that names the unit. DICOM elements keep the keyword of PS3.6; columns of our own are snake_case.

Types follow the VR (PS3.5 section 6.2) and the VM (PS3.6 section 6): DA is a date, TM stays the text
``HHMMSS.ffffff`` because Arrow has no time of unknown precision, IS and US are int32, DS, FL and FD are
float64, a VM above one is a list. An element that is absent, empty or beyond repair is null, never a
default that looks real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa


class Column(NamedTuple):
    """One column of a table.

    Attributes
    ----------
    tag
        ``0xGGGGEEEE`` of the DICOM element the column is read from, None for a column of our own.
    meaning
        One plain sentence with the unit; the text of the data dictionary.
    """

    name: str
    type: pa.DataType
    nullable: bool
    tag: int | None
    meaning: str

    def arrow_field(self) -> pa.Field[pa.DataType]:
        """Describe the column to Arrow; meaning and tag go along, so that every file explains itself."""
        metadata = {"meaning": self.meaning}
        if self.tag is not None:
            metadata["tag"] = f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})"
        return pa.field(self.name, self.type, self.nullable, metadata)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a table promises to whoever reads it.

    Attributes
    ----------
    key
        Columns whose values together name one row.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the table."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Find a column by its name.

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def arrow_schema(self) -> pa.Schema:
        """Describe the table to Arrow."""
        return pa.schema([column.arrow_field() for column in self.columns])


_REALS = pa.list_(pa.float64())
_TEXTS = pa.list_(pa.string())


def _text(name: str, tag: int, meaning: str) -> Column:
    """Make the column of a string element with one value (AS, CS, LO, SH, TM, UI)."""
    return Column(name, pa.string(), True, tag, meaning)


def _texts(name: str, tag: int, meaning: str) -> Column:
    """Make the column of a string element with several values."""
    return Column(name, _TEXTS, True, tag, meaning)


def _date(name: str, tag: int, meaning: str) -> Column:
    """Make the column of a DA element."""
    return Column(name, pa.date32(), True, tag, meaning)


def _whole(name: str, tag: int, meaning: str) -> Column:
    """Make the column of an IS or US element with one value."""
    return Column(name, pa.int32(), True, tag, meaning)


def _real(name: str, tag: int, meaning: str) -> Column:
    """Make the column of a DS, FL or FD element with one value."""
    return Column(name, pa.float64(), True, tag, meaning)


def _reals(name: str, tag: int, meaning: str) -> Column:
    """Make the column of a DS, FL or FD element with several values."""
    return Column(name, _REALS, True, tag, meaning)


def _uid(name: str, tag: int, meaning: str) -> Column:
    """Make the column of an identifier every row must have."""
    return Column(name, pa.string(), False, tag, meaning)


def _counted(name: str, tag: int, meaning: str) -> Column:
    """Make a column of our own that counts the items of a sequence."""
    return Column(name, pa.int32(), True, tag, meaning)


def _within(name: str, tag: int, kind: pa.DataType, meaning: str) -> Column:
    """Make a column of our own about what the first item of a sequence holds."""
    return Column(name, kind, True, tag, meaning)


def _own(name: str, kind: pa.DataType, meaning: str) -> Column:
    """Make a column of our own that always has a value."""
    return Column(name, kind, False, None, meaning)


def _maybe(name: str, kind: pa.DataType, meaning: str) -> Column:
    """Make a column of our own that may be null."""
    return Column(name, kind, True, None, meaning)


_INSTANCE_ORIGIN = (
    _own("source_ref", pa.string(), "Keyed hash of the source object's URI; only the ledger leads back."),
    _own("batch_id", pa.string(), "Batch the instance was processed in."),
    _maybe("file_path", pa.string(), "Path of the cleaned file below the target; null without a file."),
    _maybe("size_bytes", pa.int64(), "Size of the cleaned file in bytes; null without a file."),
    _maybe("sha256", pa.string(), "SHA-256 of the cleaned file as 64 hex digits; null without a file."),
    _uid("TransferSyntaxUID", 0x00020010, "How the cleaned file is encoded, as the UID of PS3.6 table A-1."),
    _own("header", pa.string(), "De-identified header as DICOM JSON (PS3.18 annex F), without bulk data."),
)

_INSTANCE_IDENTITY = (
    _text("SOPClassUID", 0x00080016, "Kind of object, as the UID of PS3.4 table B.5-1."),
    _uid("SOPInstanceUID", 0x00080018, "Pseudonymous UID of the instance, made by us below 2.25."),
    _uid("StudyInstanceUID", 0x0020000D, "Pseudonymous UID of the study, made by us below 2.25."),
    _uid("SeriesInstanceUID", 0x0020000E, "Pseudonymous UID of the series, made by us below 2.25."),
    _text("FrameOfReferenceUID", 0x00200052, "Pseudonymous UID of the positions' coordinate system."),
    _uid("PatientID", 0x00100020, "Pseudonym of the patient."),
)

_INSTANCE_CONTEXT = (
    _date("StudyDate", 0x00080020, "Day the study started, shifted by the patient's number of days."),
    _text("StudyTime", 0x00080030, "Time the study started, as HHMMSS.ffffff."),
    _date("SeriesDate", 0x00080021, "Day the series started, shifted by the patient's number of days."),
    _text("SeriesTime", 0x00080031, "Time the series started, as HHMMSS.ffffff."),
    _date(
        "AcquisitionDate",
        0x00080022,
        "Day the data was acquired, shifted by the patient's number of days.",
    ),
    _text("AcquisitionTime", 0x00080032, "Time the acquisition of the data started, as HHMMSS.ffffff."),
    _date("ContentDate", 0x00080023, "Day the image was made, shifted by the patient's number of days."),
    _text("Modality", 0x00080060, "Kind of equipment, as a defined term of PS3.3 C.7.3.1.1.1."),
    _texts(
        "ImageType",
        0x00080008,
        "ORIGINAL or DERIVED, PRIMARY or SECONDARY, then others such as LOCALIZER.",
    ),
    _text("PresentationIntentType", 0x00080068, "FOR PRESENTATION or FOR PROCESSING."),
    _whole("SeriesNumber", 0x00200011, "Number of the series within the study."),
    _whole("AcquisitionNumber", 0x00200012, "Number of the acquisition the image came from."),
    _whole("InstanceNumber", 0x00200013, "Number of the instance within the series."),
    _whole("TemporalPositionIdentifier", 0x00200100, "Order of the image in a dynamic series, from 1."),
    _text("BodyPartExamined", 0x00180015, "Part of the body, as a defined term of PS3.16 annex L."),
    _text("Laterality", 0x00200060, "Side of a paired body part in the series: R or L."),
    _text("ImageLaterality", 0x00200062, "Side of the body part in the image: R, L, U (unpaired), B (both)."),
    _text("PatientPosition", 0x00185100, "How the patient lies in the equipment, such as HFS."),
    _texts("PatientOrientation", 0x00200020, "Anatomical directions of rows and of columns, such as L, P."),
    _text("ViewPosition", 0x00185101, "Radiographic view, such as AP, PA, CC or MLO."),
    _texts("SpecificCharacterSet", 0x00080005, "Character sets of the texts, as terms of PS3.3 C.12.1.1.2."),
)

_INSTANCE_PATIENT = (
    _text("PatientSex", 0x00100040, "M, F or O; empty in the source is null."),
    _text("PatientAge", 0x00101010, "Age at the study as nnnD, nnnW, nnnM or nnnY."),
    _real("PatientSize", 0x00101020, "Height of the patient in m."),
    _real("PatientWeight", 0x00101030, "Weight of the patient in kg."),
)

_INSTANCE_EQUIPMENT = (
    _text("Manufacturer", 0x00080070, "Manufacturer of the equipment."),
    _text("ManufacturerModelName", 0x00081090, "Model of the equipment."),
    _texts("SoftwareVersions", 0x00181020, "Versions of the equipment's software."),
)

_INSTANCE_PIXELS = (
    _whole("Rows", 0x00280010, "Height of the image in pixels."),
    _whole("Columns", 0x00280011, "Width of the image in pixels."),
    _whole("NumberOfFrames", 0x00280008, "Number of frames; null means one."),
    _whole("SamplesPerPixel", 0x00280002, "Samples (colour planes) a pixel: 1 or 3."),
    _text("PhotometricInterpretation", 0x00280004, "What the samples mean, such as MONOCHROME2 or RGB."),
    _whole("PlanarConfiguration", 0x00280006, "0 where samples are interleaved by pixel, 1 where by plane."),
    _whole("BitsAllocated", 0x00280100, "Bits a sample takes in the pixel data."),
    _whole("BitsStored", 0x00280101, "Bits of a sample that hold its value."),
    _whole("HighBit", 0x00280102, "Number of the highest bit of a sample's value, counted from 0."),
    _whole("PixelRepresentation", 0x00280103, "0 for unsigned samples, 1 for two's complement."),
    _reals("PixelSpacing", 0x00280030, "Distance in mm between rows, then columns, in the patient."),
    _reals("ImagerPixelSpacing", 0x00181164, "Distance in mm between rows, then columns, at the detector."),
    _real("RescaleSlope", 0x00281053, "Factor from stored values to output units."),
    _real("RescaleIntercept", 0x00281052, "Offset from stored values to output units, in output units."),
    _text("RescaleType", 0x00281054, "Output units of the rescaling, such as HU."),
    _reals("WindowCenter", 0x00281050, "Centres of the display windows, in output units."),
    _reals("WindowWidth", 0x00281051, "Widths of the display windows, in output units."),
    _text("LossyImageCompression", 0x00282110, "01 where the image was ever compressed with loss, else 00."),
    _text(
        "BurnedInAnnotation",
        0x00280301,
        "Whether pixels hold identifying text, YES or NO, by the source.",
    ),
    _own("has_pixel_data", pa.bool_(), "Whether the instance has a pixel data element with a value."),
    _own("pixel_bytes", pa.int64(), "Length of the stored pixel data in bytes with its padding, or 0."),
    _maybe(
        "expected_pixel_bytes",
        pa.int64(),
        "Length in bytes that Rows, Columns, NumberOfFrames, SamplesPerPixel and BitsAllocated ask for, rounded "
        "up to even (YBR_FULL_422 has two samples a pixel); null where compressed or one of them is unknown.",
    ),
)

_INSTANCE_GEOMETRY = (
    _reals("ImagePositionPatient", 0x00200032, "Centre of the first pixel in mm, in patient coordinates."),
    _reals("ImageOrientationPatient", 0x00200037, "Direction cosines of a row, then of a column."),
    _real("SliceThickness", 0x00180050, "Nominal thickness of the slice in mm."),
    _real("SpacingBetweenSlices", 0x00180088, "Distance in mm between the centres of neighbouring slices."),
    _real("SliceLocation", 0x00201041, "Position of the slice in mm along an axis the equipment chose."),
    _real("GantryDetectorTilt", 0x00181120, "Tilt of the gantry in degrees."),
)

_INSTANCE_ACQUISITION = (
    _real("KVP", 0x00180060, "Peak voltage of the X-ray tube in kV."),
    _whole("ExposureTime", 0x00181150, "Duration of the X-ray exposure in ms."),
    _whole("XRayTubeCurrent", 0x00181151, "Current of the X-ray tube in mA."),
    _whole("Exposure", 0x00181152, "X-ray exposure in mAs."),
    _texts("ConvolutionKernel", 0x00181210, "Reconstruction kernels, in the manufacturer's words."),
    _real("CTDIvol", 0x00189345, "Volume CT dose index in mGy."),
    _real("SpiralPitchFactor", 0x00189311, "Table travel a rotation over the collimation, without unit."),
    _real("ReconstructionDiameter", 0x00181100, "Diameter in mm of the reconstructed region."),
    _texts("ScanOptions", 0x00180022, "Options of the scan, as defined terms of the modality."),
    _texts("ScanningSequence", 0x00180020, "Kinds of MR data taken, such as SE (spin echo)."),
    _texts("SequenceVariant", 0x00180021, "Variants of it, such as SK (segmented k-space)."),
    _text("MRAcquisitionType", 0x00180023, "2D or 3D encoding of the MR data."),
    _real("RepetitionTime", 0x00180080, "Time in ms between the starts of two pulse sequences."),
    _real("EchoTime", 0x00180081, "Time in ms from the excitation pulse to the echo."),
    _real("InversionTime", 0x00180082, "Time in ms from the inverting pulse to the excitation pulse."),
    _real("NumberOfAverages", 0x00180083, "How often each line of k-space was measured."),
    _real("ImagingFrequency", 0x00180084, "Precession frequency in MHz."),
    _real("MagneticFieldStrength", 0x00180087, "Strength of the magnet in T."),
    _whole("EchoTrainLength", 0x00180091, "Lines of k-space taken in one excitation."),
    _real("PixelBandwidth", 0x00180095, "Receiver bandwidth in Hz a pixel."),
    _real("FlipAngle", 0x00181314, "Angle in degrees by which the magnetisation is turned."),
    _text("InPlanePhaseEncodingDirection", 0x00181312, "Axis of phase encoding in the image: ROW or COL."),
    _real("DiffusionBValue", 0x00189087, "Diffusion sensitisation in s/mm2."),
    _text("Units", 0x00541001, "Units of PET values, such as BQML."),
    _texts("CorrectedImage", 0x00280051, "Corrections applied to PET or NM data, such as DECY or ATTN."),
    _text("DecayCorrection", 0x00541102, "What PET values were decay-corrected to: NONE, START, ADMIN."),
    _whole("ActualFrameDuration", 0x00181242, "Duration of the data acquisition for this frame in ms."),
    _texts(
        "SeriesType", 0x00541000, "How PET images were taken, such as WHOLE BODY, and IMAGE or REPROJECTION."
    ),
    _whole("NumberOfSlices", 0x00540081, "Slices of a PET volume."),
    _counted("radiopharmaceutical_count", 0x00540016, "Radiopharmaceuticals described."),
    _within(
        "radionuclide_dose_bq", 0x00540016, pa.float64(), "Total dose of the first radiopharmaceutical in Bq."
    ),
    _whole("NumberOfDetectors", 0x00540021, "Detectors of an NM acquisition."),
    _whole("NumberOfEnergyWindows", 0x00540011, "Energy windows of an NM acquisition."),
    _text(
        "PixelIntensityRelationship",
        0x00281040,
        "What pixels of a projection say of X-ray, such as LIN or LOG.",
    ),
    _text("RadiationSetting", 0x00181155, "SC (low dose, for placing) or GR (high dose, for diagnosis)."),
    _text("DetectorType", 0x00187004, "Kind of X-ray detector, such as DIRECT or SCINTILLATOR."),
    _counted("ultrasound_region_count", 0x00186011, "Calibrated regions of an ultrasound image."),
)

_INSTANCE_DERIVED = (
    _text("SegmentationType", 0x00620001, "BINARY, FRACTIONAL or LABELMAP."),
    _counted("segment_count", 0x00620002, "Segments described."),
    _text("CompletionFlag", 0x0040A491, "Whether a report is COMPLETE or PARTIAL."),
    _text("VerificationFlag", 0x0040A493, "Whether a report is VERIFIED or UNVERIFIED."),
    _text("ValueType", 0x0040A040, "Kind of a report's root content item; soundly CONTAINER."),
    _counted("content_item_count", 0x0040A730, "Content items below a report's root."),
    _counted("roi_count", 0x30060020, "Regions that an RT structure set names."),
    _counted("contoured_roi_count", 0x30060039, "Regions that an RT structure set draws."),
    _counted("beam_count", 0x300A00B0, "Beams of an RT plan."),
    _text("RTPlanGeometry", 0x300A000C, "Whether an RT plan is based on a PATIENT or a TREATMENT_DEVICE."),
    _text("DoseUnits", 0x30040002, "GY, or RELATIVE to a value in the plan."),
    _text("DoseType", 0x30040004, "PHYSICAL, EFFECTIVE or ERROR."),
    _text("DoseSummationType", 0x3004000A, "What a dose sums up, such as PLAN or BEAM."),
    _real("DoseGridScaling", 0x3004000E, "Factor from stored values to dose."),
    _text("PixelPresentation", 0x00089205, "COLOR, MONOCHROME, MIXED or TRUE_COLOR, of enhanced images."),
    _text("VolumetricProperties", 0x00089206, "VOLUME, SAMPLED, DISTORTED or MIXED, of enhanced images."),
    _text("ContentQualification", 0x00189004, "PRODUCT, RESEARCH or SERVICE, of enhanced images."),
    _counted("frame_item_count", 0x52009230, "Items of Per-frame Functional Groups Sequence, one a frame."),
    _maybe(
        "functional_groups",
        _TEXTS,
        "Keywords of the functional groups that all frames share or the first frame has, ascending; null where "
        "there is none.",
    ),
)

_INSTANCE_DEIDENTIFICATION = (
    _text("PatientIdentityRemoved", 0x00120062, "YES where the patient's identity was removed."),
    _text(
        "LongitudinalTemporalInformationModified",
        0x00280303,
        "What became of dates: REMOVED, MODIFIED or UNMODIFIED.",
    ),
    Column(
        "deidentification_codes",
        _TEXTS,
        False,
        0x00120064,
        "Code values of De-identification Method Code Sequence, such as 113100 (Basic Profile), ascending; "
        "empty where absent.",
    ),
    _own("finding_count", pa.int32(), "Number of findings: values a cleaning rule changed or doubted."),
    _own("finding_codes", _TEXTS, "Codes of those findings, each once, ascending."),
    _maybe(
        "private_creators",
        _TEXTS,
        "Private Creators of the private elements that were kept, each once, ascending; null where none was.",
    ),
    _maybe(
        "unknown_private_creators",
        _TEXTS,
        "Private Creators of which no element is kept, ascending: the names that public dictionaries list, and "
        "OTHER for any other; null where there was none.",
    ),
)

INSTANCES = Contract(
    "instances",
    ("SOPInstanceUID",),
    _INSTANCE_ORIGIN
    + _INSTANCE_IDENTITY
    + _INSTANCE_CONTEXT
    + _INSTANCE_PATIENT
    + _INSTANCE_EQUIPMENT
    + _INSTANCE_PIXELS
    + _INSTANCE_GEOMETRY
    + _INSTANCE_ACQUISITION
    + _INSTANCE_DERIVED
    + _INSTANCE_DEIDENTIFICATION,
)
"""One row for each published SOP Instance."""

SERIES = Contract(
    "series",
    ("SeriesInstanceUID",),
    (
        _uid("SeriesInstanceUID", 0x0020000E, "Pseudonymous UID of the series."),
        _uid("StudyInstanceUID", 0x0020000D, "Pseudonymous UID of its study (the smallest of several)."),
        _uid("PatientID", 0x00100020, "Pseudonym of its patient (the smallest of several)."),
        _text("Modality", 0x00080060, "Modality of most instances (the smallest of equals)."),
        _whole("SeriesNumber", 0x00200011, "Smallest number the instances give their series."),
        _date("SeriesDate", 0x00080021, "Earliest day the instances give their series, shifted."),
        _text("BodyPartExamined", 0x00180015, "Body part of most instances (the smallest of equals)."),
        _text("Manufacturer", 0x00080070, "Manufacturer of most instances (the smallest of equals)."),
        _text("ManufacturerModelName", 0x00081090, "Model of most instances (the smallest of equals)."),
        _own("instance_count", pa.int32(), "Number of instances in the series."),
        _own("study_distinct", pa.int32(), "Number of different StudyInstanceUID values; soundly one."),
        _own("patient_distinct", pa.int32(), "Number of different PatientID values; soundly one."),
        _own("sop_class_distinct", pa.int32(), "Number of different SOPClassUID values, nulls left out."),
        _own(
            "non_image_count",
            pa.int32(),
            "Instances without pixel data in a series of images; 0 where none of its instances has any.",
        ),
        _own("modality_distinct", pa.int32(), "Number of different Modality values, nulls left out."),
        _own(
            "frame_of_reference_distinct",
            pa.int32(),
            "Number of different FrameOfReferenceUIDs, nulls left out.",
        ),
        _own(
            "rows_columns_distinct",
            pa.int32(),
            "Number of different pairs of Rows and Columns, nulls and localizers left out.",
        ),
        _own(
            "orientation_distinct",
            pa.int32(),
            "Number of different ImageOrientationPatient values, nulls and localizers left out; cosines within "
            "0.002 of the most common ones are the same.",
        ),
        _maybe(
            "orientation_outliers",
            pa.int32(),
            "Images that lie otherwise than most; null where fewer than half of the images lie alike, as in a "
            "localizer of three planes or a turning projection.",
        ),
        _own(
            "spacing_distinct",
            pa.int32(),
            "Number of different PixelSpacing values, nulls and localizers left out; those within 0.001 mm of the "
            "most common one are the same.",
        ),
        _own("is_localizer", pa.bool_(), "Whether all of its images have LOCALIZER in ImageType."),
        _maybe(
            "instance_number_unique",
            pa.bool_(),
            "Whether no InstanceNumber occurs twice; null where none is known.",
        ),
        _maybe(
            "instance_number_gaps",
            pa.int32(),
            "Whole numbers between the lowest and the highest InstanceNumber that no instance has; null where "
            "none is known.",
        ),
        _maybe(
            "orientation_orthonormal",
            pa.bool_(),
            "Whether rows and columns of every image are unit vectors at a right angle, within 1e-3; null "
            "where no instance has an orientation.",
        ),
        _maybe(
            "slice_count",
            pa.int32(),
            "Number of different positions along the slice normal, 0.01 mm apart or more; null unless the "
            "series is a stack: CT, MR or PT, every image but localizers one frame with position and "
            "orientation, one orientation.",
        ),
        _maybe(
            "slice_spacing_median_mm",
            pa.float64(),
            "Median distance in mm between neighbouring slice positions, the lower of two; null for fewer than "
            "three.",
        ),
        _maybe(
            "slice_spacing_deviation_mm",
            pa.float64(),
            "Largest difference in mm of a distance between neighbours from the median; null for fewer than "
            "three positions.",
        ),
        _maybe(
            "slice_spacing_deviation_percent",
            pa.float64(),
            "That difference in percent of the median; null for fewer than three positions.",
        ),
        _maybe(
            "missing_slices",
            pa.int32(),
            "Slices the gaps have room for, by the smallest distance that the positions, Spacing Between Slices or "
            "Instance Number show to be that of neighbours; null for fewer than three positions.",
        ),
        _maybe(
            "doubled_positions",
            pa.int32(),
            "Slice positions with more images than most positions have; null unless a stack.",
        ),
        _maybe(
            "thin_positions",
            pa.int32(),
            "Slice positions with fewer images than most positions have; null unless a stack.",
        ),
        _maybe(
            "slice_shear_deg",
            pa.float64(),
            "Angle in degrees between the line through the positions and the slice normal, as gantry tilt "
            "makes it; null for fewer than three positions.",
        ),
    ),
)
"""One row for each SeriesInstanceUID."""

STUDIES = Contract(
    "studies",
    ("StudyInstanceUID",),
    (
        _uid("StudyInstanceUID", 0x0020000D, "Pseudonymous UID of the study."),
        _uid("PatientID", 0x00100020, "Pseudonym of its patient (the smallest of several)."),
        _date("StudyDate", 0x00080020, "Earliest day the instances give their study, shifted."),
        _text("PatientSex", 0x00100040, "Sex of most instances (the smallest of equals)."),
        _text(
            "PatientAge",
            0x00101010,
            "Age of most instances (the smallest of equals), as nnnD, nnnW, nnnM or nnnY.",
        ),
        _own("patient_distinct", pa.int32(), "Number of different PatientID values; soundly one."),
        _own("sex_distinct", pa.int32(), "Number of different PatientSex values, nulls left out."),
        _own("study_date_distinct", pa.int32(), "Number of different StudyDate values, nulls left out."),
        _own("series_count", pa.int32(), "Number of series in the study."),
        _own("instance_count", pa.int32(), "Number of instances in the study."),
        _own("modalities", _TEXTS, "Modalities of the instances, each once, ascending."),
        _maybe(
            "dates_in_order",
            pa.bool_(),
            "Whether no SeriesDate, AcquisitionDate or ContentDate lies before StudyDate; null where "
            "StudyDate or all of the others are null.",
        ),
    ),
)
"""One row for each StudyInstanceUID."""

LEDGER = Contract(
    "ledger",
    ("source_uri", "version"),
    (
        _own(
            "source_uri",
            pa.string(),
            "URI of the source object; may itself name a patient, so the ledger is restricted.",
        ),
        _own("size_bytes", pa.int64(), "Size of the source object in bytes, as listed."),
        _own(
            "version",
            pa.string(),
            "What tells two contents of one URI apart: modification time in ns, or ETag and version id.",
        ),
        _maybe(
            "sha256",
            pa.string(),
            "SHA-256 of the source object as 64 hex digits; null where it was never read to its end.",
        ),
        _own("state", pa.string(), "How the object ended: published, withheld, quarantined or duplicate."),
        _maybe(
            "reason",
            pa.string(),
            "Reason code or the id of the rule that withheld; null where nothing was wrong.",
        ),
        _own("run_id", pa.string(), "Run that settled the object."),
        _maybe("batch_id", pa.string(), "Batch the object was processed in; null where none took it."),
        Column(
            "SOPInstanceUID",
            pa.string(),
            True,
            0x00080018,
            "Pseudonymous UID as published; null where nothing came out.",
        ),
        _own("source_ref", pa.string(), "Keyed hash of the source object's URI, as in the published tables."),
        _own(
            "finding_codes",
            _TEXTS,
            "Codes of what the object's values were repaired or doubted for, each once, ascending.",
        ),
        _own("recorded_at", pa.timestamp("us", tz="UTC"), "When the row was written, in UTC."),
        Column(
            "StudyInstanceUID",
            pa.string(),
            True,
            0x0020000D,
            "Pseudonymous UID as published or withheld; null where nothing came out.",
        ),
        _maybe(
            "run_kind",
            pa.string(),
            "What the run was: clean, or replay, whose rows take the place of older ones of the same object.",
        ),
    ),
)
"""One row for each source object, version and run; the newest counts; restricted."""

FINDINGS = Contract(
    "findings",
    ("source_ref", "rule", "path", "code"),
    (
        _own("source_ref", pa.string(), "Keyed hash of the source object's URI."),
        _own("batch_id", pa.string(), "Batch the object was processed in."),
        _own("rule", pa.string(), "Id of the rule that changed or doubted a value, such as date-iso."),
        _own(
            "path",
            pa.string(),
            "Element path in tags, such as (0008,1140)[0].(0008,1155); empty for the whole object.",
        ),
        _own("code", pa.string(), "Reason code; never the value."),
        _maybe(
            "form",
            pa.string(),
            "Shape of a value that could not be read: 9 for a digit, A for a run of letters, other signs as they "
            "are; null where it does not matter.",
        ),
    ),
)
"""One row for each finding; restricted, as `restricted/audit`."""

CHANGES = Contract(
    "changes",
    ("batch_id", "change"),
    (
        _own("batch_id", pa.string(), "Batch the change was made in."),
        _own("change", pa.int32(), "Number of the change in its batch."),
        _own("path", pa.string(), "Element path in tags, such as (0008,1140)[0].(0008,1155)."),
        _own(
            "rule",
            pa.string(),
            "What decided: basic-profile, an option of the profile, allow-list or unknown-element.",
        ),
        _own(
            "action",
            pa.string(),
            "What was done: removed, emptied, replaced, mapped (UID), shifted (date) or cleaned (text).",
        ),
        _own(
            "fingerprint",
            pa.string(),
            "Keyed hash of the original value, 16 hex digits; empty where that was empty.",
        ),
    ),
)
"""One row for each changed element and original value of a batch; restricted."""

CHANGED = Contract(
    "changed",
    ("batch_id", "source_ref"),
    (
        _own("source_ref", pa.string(), "Keyed hash of the source object's URI."),
        _own("batch_id", pa.string(), "Batch the object was processed in."),
        _own("changes", pa.list_(pa.int32()), "Numbers of its changes, to be joined with the table changes."),
    ),
)
"""Which changes each staged instance has; restricted. Slices share most changes, so each is told once."""

UNJUDGED = frozenset({"header"})
"""Columns the gate never looks at and need not be given: as large as a hundred others together."""

JUDGED = tuple(name for name in INSTANCES.names if name not in UNJUDGED)
"""Columns of `instances` that the gate is given."""

RUN = Contract(
    "run",
    (),
    (
        _maybe("listed", pa.float64(), "Objects the source listed, those settled by earlier runs included."),
        _maybe("unchanged", pa.float64(), "Listed objects that an earlier run had settled."),
        _maybe("staged", pa.float64(), "Listed objects that became a cleaned instance awaiting the gate."),
        _maybe("rejected", pa.float64(), "Listed objects that were refused, with a reason code."),
        _maybe("duplicate", pa.float64(), "Listed objects whose instance another object brought already."),
        _maybe("listed_usual", pa.float64(), "Median of `listed` over earlier runs; null without history."),
        _maybe("unaccounted", pa.float64(), "Listed objects less unchanged, staged, rejected and duplicate."),
        _maybe("rejected_percent", pa.float64(), "Rejected objects in percent of those read (0 to 100)."),
        _maybe(
            "new_vocabulary",
            pa.float64(),
            "Modalities, SOP classes, models and character sets that no earlier run saw; null in the first run.",
        ),
        _maybe(
            "new_creators",
            pa.float64(),
            "Private creators, kept or not, that no earlier run saw; null in the first run.",
        ),
        _maybe("listed_change_percent", pa.float64(), "Change of `listed` in percent of `listed_usual`."),
    ),
)
"""One row of numbers about the run, made for the gate; rules of scope run look at it. Never stored."""

TREND = Contract(
    "trend",
    (),
    (
        _own(
            "metric",
            pa.string(),
            "What is compared: records, null_rate_before, anomaly_rate_after and so on.",
        ),
        _own("rule", pa.string(), "As in `quality`."),
        _own("scope", pa.string(), "As in `quality`."),
        _own("column", pa.string(), "As in `quality`."),
        _own("modality", pa.string(), "As in `quality`."),
        _own("value", pa.float64(), "The metric in this run."),
        _own("runs", pa.int32(), "Earlier runs over the same source that have the metric."),
        _maybe("usual", pa.float64(), "Median of the metric over the last of them; null in the first run."),
        _maybe(
            "spread",
            pa.float64(),
            "Spread of the metric over them: their scaled MAD, or what chance explains.",
        ),
        _maybe(
            "change",
            pa.float64(),
            "How far it is from usual: as a share of the usual number for records, else as a difference of rates; "
            "null with too few earlier runs.",
        ),
        _maybe(
            "deviations", pa.float64(), "How many spreads it is from usual; null with too few earlier runs."
        ),
    ),
)
"""A run's metrics beside their history, made for the gate; rules with a drift look at it. Never stored."""

_RATE = "in rows of those looked at (0 to 1); null where it has no meaning."

QUALITY = Contract(
    "quality",
    ("run_id", "rule", "scope", "column", "modality"),
    (
        _own("run_id", pa.string(), "Run that was measured."),
        _own("recorded_at", pa.timestamp("us", tz="UTC"), "When that run began, in UTC."),
        _own("source_ref", pa.string(), "Keyed hash of the source's URI."),
        _own("rule", pa.string(), "Id of a rule of the gate, or `values` for what is in a column by itself."),
        _own("scope", pa.string(), "What a row is: instance, series, study."),
        _own(
            "column", pa.string(), "Column judged; two are joined by a comma; a tag where no column shows it."
        ),
        _own("modality", pa.string(), "Modality of the rows; empty where it is unknown or does not matter."),
        _own("records", pa.int64(), "Rows looked at."),
        _maybe("null_rate_before", pa.float64(), f"Values that were missing before cleaning, {_RATE}"),
        _maybe("null_rate_after", pa.float64(), f"Values that are missing after cleaning, {_RATE}"),
        _maybe("anomaly_rate_before", pa.float64(), f"Values that were wrong before cleaning, {_RATE}"),
        _maybe("anomaly_rate_after", pa.float64(), f"Values that break the rule after cleaning, {_RATE}"),
        _maybe("repaired_rate", pa.float64(), f"Values that cleaning repaired, {_RATE}"),
    ),
)
"""One row for each thing measured in each run: what trends and baselines are computed from."""

CONTRACTS = {
    contract.name: contract
    for contract in (INSTANCES, SERIES, STUDIES, LEDGER, FINDINGS, CHANGES, CHANGED, QUALITY)
}
"""Every stored table by its name."""
