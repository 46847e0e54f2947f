"""Our engine as programs to be measured beside the rivals': what a worker does to a file, one process.

Each program begins as a new worker does, with nothing remembered of files it met before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from tasks.clean import CleanInstance
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.json_writer import JsonWriter
from tasks.dicom.reader import Limits
from tasks.dicom.scan import Scanner
from tasks.layout import STAGING, instance_path
from tasks.recall.cleaner import READ_WHOLE, Cleaner
from tasks.records import Reject, SourceObject
from tasks.sandbox.parser import Parser
from tasks.storage.byte_source import Sources, open_source
from tasks.storage.listing import version_of
from tasks.storage.store import Store, open_store
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

        def clean_all() -> None:
            with closing(Sources(objects, {}, window=lambda: READ_WHOLE)) as sources:
                for obj in objects:
                    with sources.open(obj) as source:
                        _write(store, cleaner.clean(source, pixels=True))

        return clean_all

    return prepare


def _write(store: Store, cleaned: CleanInstance | Reject) -> None:
    if isinstance(cleaned, Reject):
        raise Refused(cleaned.code)
    path = instance_path(
        cleaned.PatientID, cleaned.StudyInstanceUID, cleaned.SeriesInstanceUID, cleaned.SOPInstanceUID
    )
    store.write_unsynced(f"{STAGING}/{path}", cleaned.pieces())


def clean_guarded(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    """Clean files with all that a worker does against damaged, hostile and changing ones.

    The source is opened as one that may be anything and compared with its listing before and after, a child
    process stands ready, and the pixel data is looked at.
    """
    objects, store = _objects_of(paths), open_store(str(target), {})
    parser = Parser()
    cleaner = Cleaner(_deidentifier("research"), read=parser)

    def clean_all() -> None:
        with closing(parser), closing(Sources(objects, {}, window=lambda: READ_WHOLE)) as sources:
            for obj in objects:
                with sources.open(obj) as source:
                    _write(store, cleaner.clean(source, pixels=True))
                    if source.changed():
                        raise Refused("CHANGED_WHILE_READING")

    return clean_all


def _clean_bare(paths: Sequence[Path], target: Path) -> Callable[[], None]:
    """Clean files as if each were a good one: opened by its path, read, and nothing of it doubted that need not be."""
    store = open_store(str(target), {})
    cleaner = Cleaner(_deidentifier("research"), Limits(check_pixels="none"))

    def clean_all() -> None:
        for path in paths:
            _write(store, cleaner.clean(Buffer(path.read_bytes()), pixels=True))

    return clean_all


UNGUARDED = Rival("dicomflow, unguarded", _clean_bare)
"""The same work without any guard, to see what the guards cost files that need none."""
clean_files = clean_files_under("research")
BASIC_PROFILE = Rival("dicomflow, Basic Profile alone", clean_files_under("basic"))
"""The least that must be done, to see what the options cost."""
