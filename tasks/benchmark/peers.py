"""Other programs that de-identify, where they are installed, used as their documentation says, with their defaults."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

Clean = Callable[[Path, Path], None]
"""Cleans a file into another."""


class Peer(NamedTuple):
    """Somebody else's program.

    Attributes
    ----------
    name
        Of its package.
    prepare
        Loads it, and gives what cleans a file.
    """

    name: str
    prepare: Callable[[], Clean]

    @property
    def version(self) -> str:
        """Give the version that is installed; empty where none is."""
        try:
            return version(self.name)
        except PackageNotFoundError:
            return ""


def _dicognito() -> Clean:
    anonymizer = import_module("dicognito.anonymizer").Anonymizer()
    dcmread = import_module("pydicom").dcmread

    def clean(source: Path, target: Path) -> None:
        dataset = dcmread(source)
        anonymizer.anonymize(dataset)
        dataset.save_as(target)

    return _quietly(clean)


def _dicom_anonymizer() -> Clean:
    anonymize: Any = import_module("dicomanonymizer.simpledicomanonymizer").anonymize_dicom_file
    return _quietly(lambda source, target: anonymize(str(source), str(target)))


def _deid() -> Clean:
    dicom: Any = import_module("deid.dicom")
    recipe = import_module("deid.config").DeidRecipe(deid=None, base=False, default_base="dicom")

    def clean(source: Path, target: Path) -> None:
        files = [str(source)]
        found = dicom.get_identifiers(files)
        cleaned = dicom.replace_identifiers(
            dicom_files=files, deid=recipe, ids=found, save=False, disable_skip=True
        )
        cleaned[0].save_as(target)

    return _quietly(clean)


def _quietly(clean: Clean) -> Clean:
    def run(source: Path, target: Path) -> None:
        with warnings.catch_warnings(), Path(os.devnull).open("w") as nowhere:
            warnings.simplefilter("ignore")
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                clean(source, target)
        sys.stdout.flush()

    return run


PEERS = (Peer("dicognito", _dicognito), Peer("dicom-anonymizer", _dicom_anonymizer), Peer("deid", _deid))


def installed_peers() -> tuple[Peer, ...]:
    """Give the peers that are here."""
    return tuple(peer for peer in PEERS if peer.version)
