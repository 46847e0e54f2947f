"""The libraries that do what our engine does, each used as its own documentation says, one process, no threads.

All but pydicom are optional: what is not installed is named in the results, with how to get it. Everything that
a long-running program does once, such as building its tables, is done before the clock starts; a program then
reads files it has never seen.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pydicom import DataElement, dcmread
from pydicom.datadict import tag_for_keyword

from tasks.dicom.json_model import INLINE_BYTES
from tests.bench.peers import edit_file

Program = Callable[[Sequence[Path], Path], Callable[[], Any]]
"""Gets ready to work on files, and to write into a folder; gives the work, which is what is timed."""


class Rival(NamedTuple):
    """Somebody else's program.

    Attributes
    ----------
    module, package
        What it imports, and how that is installed; empty where it is always there.
    """

    name: str
    program: Program
    module: str = ""
    package: str = ""

    @property
    def absent(self) -> str:
        """How to get it; empty where it is here."""
        return "" if not self.module or find_spec(self.module) else f"pip install {self.package}"


def tags_of(keywords: Sequence[str]) -> list[int]:
    """Give the tags of keywords of the dictionary."""
    tags = [tag_for_keyword(keyword) for keyword in keywords]
    return [tag for tag in tags if tag is not None]


# -- named values -----------------------------------------------------------------------------------------


def name_with_pydicom(keywords: Sequence[str]) -> Rival:
    """Read each header and get each value by its keyword."""

    def prepare(paths: Sequence[Path], _target: Path) -> Callable[[], list[list[Any]]]:
        def read(path: Path) -> list[Any]:
            ds = dcmread(path, stop_before_pixels=True)
            return [ds.get(keyword) for keyword in keywords]

        return lambda: [read(path) for path in paths]

    return Rival("pydicom", prepare)


def name_with_gdcm(keywords: Sequence[str]) -> Rival:
    """Scan all files at once, then ask for each value."""

    def prepare(paths: Sequence[Path], _target: Path) -> Callable[[], list[list[Any]]]:
        gdcm = import_module("gdcm")
        scanner = gdcm.Scanner()
        tags = [gdcm.Tag(tag >> 16, tag & 0xFFFF) for tag in tags_of(keywords)]
        for tag in tags:
            scanner.AddTag(tag)
        names = [str(path) for path in paths]

        def scan() -> list[list[Any]]:
            assert scanner.Scan(names)
            return [[scanner.GetValue(name, tag) for tag in tags] for name in names]

        return scan

    return Rival("GDCM Scanner", prepare, "gdcm", "python-gdcm")


def name_with_fastdicom(keywords: Sequence[str]) -> Rival:
    """Do what the pydicom program does; its interface is pydicom's."""

    def prepare(paths: Sequence[Path], _target: Path) -> Callable[[], list[list[Any]]]:
        read_file = import_module("fastdicom").dcmread

        def read(name: str) -> list[Any]:
            ds = read_file(name, stop_before_pixels=True)
            return [ds.get(keyword, None) for keyword in keywords]

        names = [str(path) for path in paths]
        return lambda: [read(name) for name in names]

    return Rival("fastdicom", prepare, "fastdicom", "fastdicom")


# -- whole headers ----------------------------------------------------------------------------------------


def _write_json(paths: Sequence[Path], _target: Path) -> Callable[[], list[dict[str, Any]]]:
    def leave_out(_element: DataElement) -> str:
        return ""

    def convert(path: Path) -> dict[str, Any]:
        ds = dcmread(path, stop_before_pixels=True)
        return ds.to_json_dict(bulk_data_threshold=INLINE_BYTES, bulk_data_element_handler=leave_out)

    return lambda: [convert(path) for path in paths]


JSON_BY_PYDICOM = Rival("pydicom to_json_dict", _write_json)
"""Spared from making text of it, and from encoding larger binary values than ours does."""


# -- files to files ---------------------------------------------------------------------------------------


def _of_each(work: Callable[[Path], object], paths: Sequence[Path]) -> None:
    for path in paths:
        work(path)


def _edit_with_pydicom(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    return partial(_of_each, partial(edit_file, target=target), paths)


def _anonymize_with_dicognito(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    anonymizer = import_module("dicognito.anonymizer").Anonymizer()

    def anonymize(path: Path) -> None:
        ds = dcmread(path)
        anonymizer.anonymize(ds)
        ds.save_as(target / f"{ds.SOPInstanceUID}.dcm")

    return partial(_of_each, anonymize, paths)


def _anonymize_with_dicom_anonymizer(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    anonymize_file = import_module("dicomanonymizer.simpledicomanonymizer").anonymize_dicom_file

    def anonymize_all() -> None:
        for number, path in enumerate(paths):
            anonymize_file(str(path), str(target / f"{number}.dcm"))

    return anonymize_all


def _copy_files(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    def copy_all() -> None:
        for number, path in enumerate(paths):
            shutil.copyfile(path, target / f"{number}.dcm")

    return copy_all


def _copy_with_cp(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    """Start one `cp` for all; it keeps their folders, as names repeat from series to series."""
    return lambda: subprocess.run(["cp", "--parents", "-t", str(target), "--", *map(str, paths)], check=True)


EDIT_BY_PYDICOM = Rival("pydicom read-edit-save_as", _edit_with_pydicom)
DICOGNITO = Rival("dicognito, defaults", _anonymize_with_dicognito, "dicognito", "dicognito")
DICOM_ANONYMIZER = Rival(
    "dicom-anonymizer, defaults", _anonymize_with_dicom_anonymizer, "dicomanonymizer", "dicom-anonymizer"
)
COPYFILE = Rival("shutil.copyfile", _copy_files)
CP = Rival("cp", _copy_with_cp)
