"""Our engine as programs to be measured beside the rivals': what a worker does to a file, one process.

Each program begins as a new worker does, with nothing remembered of files it met before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.json_writer import JsonWriter
from tasks.dicom.scan import Scanner
from tasks.layout import instance_path
from tasks.recall.cleaner import Cleaner
from tasks.records import Reject, SourceObject
from tasks.storage.byte_source import open_source
from tasks.storage.listing import version_of
from tasks.storage.store import open_store
from tests.bench.rivals import Program, Rival, tags_of
from tests.builders import KEY_TEXT


class Refused(Exception):  # noqa: N818 - it ends the benchmark
    """A file of a corpus was refused, so that its time means nothing."""


def _objects_of(paths: Sequence[Path]) -> list[SourceObject]:
    """List files as the source lists them, which the rivals are spared as well."""
    found = [(path, path.stat()) for path in paths]
    return [SourceObject(path.as_uri(), status.st_size, version_of(status), "file") for path, status in found]


def name_values(keywords: Sequence[str]) -> Program:
    """Scan each header for the values of these keywords."""

    def prepare(paths: Sequence[Path], _target: Path) -> Callable[[], list[list[Any]]]:
        objects, tags = _objects_of(paths), tags_of(keywords)
        scanner = Scanner(tags)

        def scan(obj: SourceObject) -> list[Any]:
            with open_source(obj, {}, headers_only=True) as source:
                found = scanner.scan(source)
            if isinstance(found, Reject):
                raise Refused(found.code)
            return [found.get(tag) for tag in tags]

        return lambda: [scan(obj) for obj in objects]

    return prepare


def write_json(paths: Sequence[Path], _target: Path) -> Callable[[], list[bytes]]:
    """Write each header as DICOM JSON."""
    objects, writer = _objects_of(paths), JsonWriter()

    def write(obj: SourceObject) -> bytes:
        with open_source(obj, {}, headers_only=True) as source:
            written = writer.write(source)
        if isinstance(written, Reject):
            raise Refused(written.code)
        return written

    return lambda: [write(obj) for obj in objects]


@cache
def _deidentifier(profile: str) -> Deidentifier:
    return Deidentifier(load_key(text=KEY_TEXT), load_profile(profile))


def clean_files_under(profile: str) -> Program:
    """Clean each file under a profile, check the result and write it where it belongs."""

    def prepare(paths: Sequence[Path], target: Path) -> Callable[[], None]:
        objects, store = _objects_of(paths), open_store(str(target), {})
        cleaner = Cleaner(_deidentifier(profile))

        def clean(obj: SourceObject) -> None:
            with open_source(obj, {}) as source:
                cleaned = cleaner.clean(source, pixels=True)
                if isinstance(cleaned, Reject):
                    raise Refused(cleaned.code)
                path = instance_path(
                    cleaned.PatientID,
                    cleaned.StudyInstanceUID,
                    cleaned.SeriesInstanceUID,
                    cleaned.SOPInstanceUID,
                )
                store.write_unsynced(path, cleaned.pieces())

        def clean_all() -> None:
            for obj in objects:
                clean(obj)

        return clean_all

    return prepare


clean_files = clean_files_under("research")
BASIC_PROFILE = Rival("dicomflow, Basic Profile alone", clean_files_under("basic"))
"""The least that must be done, to see what the options cost."""
