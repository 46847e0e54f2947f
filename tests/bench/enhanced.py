"""The header of an enhanced multi-frame image: few elements at the top, and thousands in functional groups.

Every frame says for itself when it was taken, where it lies and how it is to be shown (PS3.3 C.7.6.16), so a
reader that looks into everything pays for three hundred headers, whatever it was asked for.
"""

from __future__ import annotations

from random import Random
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian

from tests.bench.classic import DATES, IDENTITY, Place, add_private, identify, make_date, make_items
from tests.bench.template import LAST, instance_number

FRAMES = 300


def make_enhanced(place: Place, random: Random, modality: str, side: int) -> Dataset:
    """Make the data set of an enhanced CT or MR image without its pixels, in Explicit VR Little Endian."""
    ds = Dataset()
    values = {
        **IDENTITY,
        **_IMAGE,
        **_MODALITY[modality],
        **identify(place, random),
        **_dimensions(place),
        "Modality": modality,
        "Rows": side,
        "Columns": side,
    }
    values |= dict.fromkeys(DATES, make_date(random))
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    groups = [_groups_of_frame(number, modality, random) for number in range(1, FRAMES + 1)]
    ds.SharedFunctionalGroupsSequence = make_items([_SHARED[modality]])
    ds.PerFrameFunctionalGroupsSequence = make_items(groups)
    if modality == "MR":
        _leave_lengths_undefined(ds)
    add_private(ds, random)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _leave_lengths_undefined(ds: Dataset) -> None:
    """End each frame's item with a delimiter, as scanners do that write before they know the length."""
    ds["PerFrameFunctionalGroupsSequence"].is_undefined_length = True
    for item in ds.PerFrameFunctionalGroupsSequence:
        item.is_undefined_length_sequence_item = True


def _dimensions(place: Place) -> dict[str, Any]:
    organization = place.uid(place.series, 21)
    pointers = ((0x00209056, 0x00209111), (0x00209057, 0x00209111))
    return {
        "DimensionOrganizationSequence": make_items([{"DimensionOrganizationUID": organization}]),
        "DimensionIndexSequence": make_items(
            {
                "DimensionOrganizationUID": organization,
                "DimensionIndexPointer": pointer,
                "FunctionalGroupPointer": group,
            }
            for pointer, group in pointers
        ),
    }


def _groups_of_frame(number: int, modality: str, random: Random) -> dict[str, Any]:
    """Make the functional groups of one frame."""
    moment = f"20230412101{number // 60 % 10}{number % 60:02d}.250000"
    content = {
        "FrameReferenceDateTime": moment,
        "FrameAcquisitionDateTime": moment,
        "FrameAcquisitionDuration": 500.0,
        "FrameAcquisitionNumber": number,
        "DimensionIndexValues": [1, number],
        "StackID": "1",
        "InStackPositionNumber": number,
        "TemporalPositionIndex": 1,
    }
    place = {"ImagePositionPatient": ["-120.5", "-118.25", f"{-500 + 1.25 * number:.2f}"]}
    window = {"WindowCenter": "40", "WindowWidth": str(random.randint(300, 500))}
    common = {
        "FrameContentSequence": [content],
        "PlanePositionSequence": [place],
        "FrameVOILUTSequence": [window],
    }
    return common | (_exposed(number) if modality == "CT" else _excited(number))


def _exposed(number: int) -> dict[str, Any]:
    exposure = {
        "ExposureTimeInms": 500.0,
        "XRayTubeCurrentInmA": 100.0 + number % 100,
        "ExposureInmAs": 50.0 + number % 50,
        "ExposureModulationType": "XYZ_EC",
        "EstimatedDoseSaving": 12.5,
        "CTDIvol": 6.43,
    }
    return {
        "CTExposureSequence": [exposure],
        "CTPositionSequence": [{"TablePosition": 1.25 * number, "ReconstructionFieldOfView": [350.0, 350.0]}],
        "CTImageFrameTypeSequence": [{"FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], **_FRAME_TYPE}],
    }


def _excited(number: int) -> dict[str, Any]:
    timing = {"RepetitionTime": "2000", "FlipAngle": "90", "EchoTrainLength": "1"}
    return {
        "MREchoSequence": [{"EffectiveEchoTime": 30.0 + number % 3}],
        "MRTimingAndRelatedParametersSequence": [timing],
        "MRAveragesSequence": [{"NumberOfAverages": "1"}],
        "MRImageFrameTypeSequence": [{"FrameType": ["ORIGINAL", "PRIMARY", "T2", "NONE"], **_FRAME_TYPE}],
    }


_FRAME_TYPE = {
    "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME",
    "VolumeBasedCalculationTechnique": "NONE",
}
_PLANE = {
    "PixelMeasuresSequence": [
        {"PixelSpacing": ["0.683594", "0.683594"], "SliceThickness": "1.25", "SpacingBetweenSlices": "1.25"}
    ],
    "PlaneOrientationSequence": [{"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"]}],
    "FrameAnatomySequence": [
        {
            "FrameLaterality": "U",
            "AnatomicRegionSequence": [
                {"CodeValue": "51185008", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Chest"}
            ],
        }
    ],
}
_SHARED: dict[str, dict[str, Any]] = {
    "CT": {
        **_PLANE,
        "PixelValueTransformationSequence": [
            {"RescaleIntercept": "-1024", "RescaleSlope": "1", "RescaleType": "HU"}
        ],
        "CTAcquisitionTypeSequence": [{"AcquisitionType": "SPIRAL", "TubeAngle": 0.0}],
        "CTReconstructionSequence": [
            {"ReconstructionAlgorithm": "FILTER_BACK_PROJ", "ConvolutionKernel": "B70f"}
        ],
    },
    "MR": {
        **_PLANE,
        "PixelValueTransformationSequence": [
            {"RescaleIntercept": "0", "RescaleSlope": "1", "RescaleType": "US"}
        ],
        "MRReceiveCoilSequence": [{"ReceiveCoilName": "HEAD", "ReceiveCoilType": "VOLUME"}],
    },
}
_MODALITY: dict[str, dict[str, Any]] = {
    "CT": {
        "SOPClassUID": EnhancedCTImageStorage,
        "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "SeriesDescription": "Thorax volume",
        "BodyPartExamined": "CHEST",
        "MultienergyCTAcquisition": "NO",
    },
    "MR": {
        "SOPClassUID": EnhancedMRImageStorage,
        "ImageType": ["ORIGINAL", "PRIMARY", "T2", "NONE"],
        "SeriesDescription": "T2 axial",
        "BodyPartExamined": "BRAIN",
        "MagneticFieldStrength": "3",
        "ResonantNucleus": "1H",
        "PulseSequenceName": "se2d1",
        "MRAcquisitionType": "2D",
        "KSpaceFiltering": "NONE",
        "ApplicableSafetyStandardAgency": "IEC",
    },
}
_IMAGE: dict[str, Any] = {
    "AcquisitionDateTime": "20230412101530.250000",
    "AcquisitionDuration": 150.0,
    "ContentQualification": "PRODUCT",
    "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME",
    "VolumeBasedCalculationTechnique": "NONE",
    "InstanceNumber": instance_number(LAST).decode(),
    "NumberOfFrames": FRAMES,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "BurnedInAnnotation": "NO",
    "LossyImageCompression": "00",
    "PresentationLUTShape": "IDENTITY",
}
