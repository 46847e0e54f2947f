"""Clean instances of many modalities, with what devices write into them, and pydicom's own files.

A file is only worth cleaning for what of it is useful afterwards, so each comes with the list of the
elements that tell nothing of anybody and must come out as they went in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tasks.benchmark.people import read_yaml

_GROUPS = ("all images", "slices")
_SIZE = 16
_WORDS = {"class", "with"}
_BUNDLED = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "rtdose_1frame.dcm",
    "rtplan.dcm",
)
"""Files inside the pydicom package that hold one image or plan; a version that lacks one leaves it out."""


class Useful(NamedTuple):
    """An element that must come out as it went in: its keyword, and its value."""

    keyword: str
    value: Any


class Clean(NamedTuple):
    """An instance before anything is planted in it.

    Attributes
    ----------
    useful
        Elements of the main data set that must stay.
    texts
        Keywords of descriptions that this kind of instance has besides those that all have.
    """

    name: str
    dataset: Dataset
    useful: tuple[Useful, ...]
    texts: tuple[str, ...] = ()


@cache
def _described() -> dict[str, dict[str, Any]]:
    described: dict[str, dict[str, Any]] = read_yaml("modalities.yaml")
    return described


def modalities() -> tuple[str, ...]:
    """Name the kinds of instances that can be made."""
    return tuple(name for name in _described() if name not in _GROUPS)


def make_instance(source: random.Random, modality: str) -> Clean:
    """Make a clean instance, without UIDs, patient, study and dates."""
    section = _described()[modality]
    values = {name: value for group in section.get("with", ()) for name, value in _described()[group].items()}
    values |= {name: value for name, value in section.items() if name not in _WORDS}
    dataset = Dataset()
    dataset.SOPClassUID = section["class"]
    dataset.Modality = modality
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    if "SliceLocation" in values:
        dataset.SliceLocation = round(source.uniform(-300, 300), 2)
    texts = _MORE[modality](source, dataset) if modality in _MORE else ()
    if "SamplesPerPixel" in values:
        _add_pixels(source, dataset)
    useful = [Useful(keyword, dataset[keyword].value) for keyword in values if dataset[keyword].value != ""]
    dataset.file_meta = _meta(source)
    return Clean(modality, dataset, tuple(useful), texts)


def _meta(source: random.Random) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = source.choice(
        (ExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    )
    return meta


def _add_pixels(source: random.Random, dataset: Dataset) -> None:
    dataset.Rows = dataset.Columns = _SIZE
    drawn = np.random.default_rng(source.randrange(1 << 30)).integers(0, 4096, _SIZE * _SIZE, np.uint16)
    dataset.add_new("PixelData", "OW", drawn.tobytes())


def _plan(_source: random.Random, dataset: Dataset) -> tuple[str, ...]:
    dataset.RTPlanDate, dataset.RTPlanTime = "20190102", "101500"
    beam = Dataset()
    beam.BeamNumber, beam.BeamType, beam.RadiationType = 1, "STATIC", "PHOTON"
    dataset.BeamSequence = Items([beam])
    return ("RTPlanLabel", "RTPlanDescription", "PrescriptionDescription")


def _structures(_source: random.Random, dataset: Dataset) -> tuple[str, ...]:
    roi = Dataset()
    roi.ROINumber, roi.ROIGenerationAlgorithm = 1, "MANUAL"
    dataset.StructureSetROISequence = Items([roi])
    return ("StructureSetLabel", "StructureSetDescription")


def _presentation(_source: random.Random, dataset: Dataset) -> tuple[str, ...]:
    dataset.ContentLabel = "KEY_IMAGE"
    return ()


_MORE: dict[str, Callable[[random.Random, Dataset], tuple[str, ...]]] = {
    "RTPLAN": _plan,
    "RTSTRUCT": _structures,
    "PR": _presentation,
}


@cache
def _useful_keywords() -> frozenset[str]:
    known = {keyword for section in _described().values() for keyword in section if keyword not in _WORDS}
    return frozenset(
        known | {"Rows", "Columns", "NumberOfFrames", "PlanarConfiguration", "Modality", "SOPClassUID"}
    )


def bundled_instances() -> Iterator[Clean]:
    """Read pydicom's own files, each with those of its elements that are known to be useful."""
    for name in _BUNDLED:
        path = get_testdata_file(name, download=False)
        if path is not None:
            yield _read_bundled(Path(str(path)))


def _read_bundled(path: Path) -> Clean:
    dataset = dcmread(path)
    for element in list(dataset):
        if element.tag.group % 2 or element.VR == "UN":
            del dataset[element.tag]
    useful = tuple(
        Useful(keyword, dataset[keyword].value)
        for keyword in map(keyword_for_tag, dataset.keys())
        if keyword in _useful_keywords() and dataset[keyword].value not in ("", None)
    )
    return Clean(path.name, dataset, useful)
