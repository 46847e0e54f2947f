"""Forty attributes that a catalogue of images would ask for, of single-frame CT and of multi-frame images.

They are spread over the header as such questions are: who, when, with what, how, and what the pixels are like;
identifiers, dates, codes, free text, decimals, integers and binary numbers, single and several.
"""

from __future__ import annotations

_BOTH = """
    SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID StudyDate SeriesDate AcquisitionDate ContentDate
    StudyTime ContentTime AccessionNumber Modality Manufacturer InstitutionName ReferringPhysicianName
    StudyDescription SeriesDescription ManufacturerModelName PatientName PatientID PatientBirthDate PatientSex
    PatientAge PatientWeight BodyPartExamined ProtocolName PatientPosition StudyInstanceUID SeriesInstanceUID
    SeriesNumber InstanceNumber Rows Columns
"""
_CLASSIC = "SliceThickness KVP ConvolutionKernel ImagePositionPatient ImageOrientationPatient PixelSpacing RescaleSlope"
_ENHANCED = (
    "AcquisitionDateTime AcquisitionDuration ContentQualification FrameOfReferenceUID NumberOfFrames BitsStored"
    " BurnedInAnnotation"
)

NAMED = (*_BOTH.split(), *_CLASSIC.split())
NAMED_ENHANCED = (*_BOTH.split(), *_ENHANCED.split())
