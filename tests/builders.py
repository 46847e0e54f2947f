"""Data sets made in memory: no file of a patient is ever part of this repository."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tasks.dicom.buffer import Buffer

KEY_TEXT = "3f" * 8 + "a7" * 8 + "5c" * 8 + "e1" * 8
"""A key for tests only."""

OTHER_KEY_TEXT = "359b730d152779747f5ce0a6f172ecce8ee7b81e32e95ea7b4df0a9816ad6040"

ROOT = "1.2.826.0.1.3680043.10.999"


def ct_instance(
    study: int = 1, series: int = 1, instance: int = 1, patient: int = 1, **elements: Any
) -> Dataset:
    """Make a small CT slice of patient `patient`; keyword arguments replace or add elements (None removes)."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"{ROOT}.{study}.{series}.{instance}"
    ds.StudyDate = "20230412"
    ds.SeriesDate = "20230412"
    ds.AcquisitionDate = "20230412"
    ds.ContentDate = "20230412"
    ds.StudyTime = "101530"
    ds.ContentTime = "101531.5"
    ds.AccessionNumber = f"ACC{study:05d}"
    ds.Modality = "CT"
    ds.Manufacturer = "ACME"
    ds.InstitutionName = "General Hospital Springfield"
    ds.ReferringPhysicianName = "Quincy^Amelia"
    ds.StudyDescription = "Chest of Doe"
    ds.ManufacturerModelName = "Scanner 9"
    ds.PatientName = f"Doerfler^Janette{chr(96 + patient)}"
    ds.PatientID = f"MRN-{4711000 + patient}"
    ds.PatientBirthDate = "19610203"
    ds.PatientSex = "F"
    ds.PatientAge = "062Y"
    ds.SliceThickness = "2.5"
    ds.KVP = "120"
    ds.PatientPosition = "HFS"
    ds.StudyInstanceUID = f"{ROOT}.{study}"
    ds.SeriesInstanceUID = f"{ROOT}.{study}.{series}"
    ds.FrameOfReferenceUID = f"{ROOT}.{study}.9"
    ds.SeriesNumber = str(series)
    ds.InstanceNumber = str(instance)
    ds.ImagePositionPatient = [-120, -120, 2.5 * instance]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = 16
    ds.PixelSpacing = [0.5, 0.5]
    ds.BitsAllocated = 16
    ds.BitsStored = 12
    ds.HighBit = 11
    ds.PixelRepresentation = 0
    ds.RescaleIntercept = "-1024"
    ds.RescaleSlope = "1"
    ds.PixelData = bytes((7 * index + instance) % 251 for index in range(512))
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = f"{ROOT}.{study}.{series}.{instance + 1}"
    ds.ReferencedImageSequence = Sequence([reference])
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def part10(ds: Dataset, *, implicit: bool = False) -> bytes:
    """Encode a data set as a DICOM file."""
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", f"{ROOT}.0")
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def buffer(ds: Dataset, *, implicit: bool = False) -> Buffer:
    """Encode a data set and hand it over as our reader takes it."""
    return Buffer(part10(ds, implicit=implicit))


def write_study(
    folder: Path, *, study: int = 1, patient: int = 1, instances: int = 4, **elements: Any
) -> list[Path]:
    """Write one CT series into `folder`; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for instance in range(1, instances + 1):
        path = folder / f"s{study}-i{instance}.dcm"
        path.write_bytes(part10(ct_instance(study=study, patient=patient, instance=instance, **elements)))
        paths.append(path)
    return paths
