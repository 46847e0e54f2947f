from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest

from expectations.outcomes import GateResult
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.locate import Meta, MetaLocator
from tasks.dicom.reader import Limits
from tasks.errors import TransientError
from tasks.identities import settle_patients
from tasks.ledger.batching import read_manifest
from tasks.process import process_objects
from tasks.reasons import REASONS, ReasonKind
from tasks.recall.cleaner import Cleaner
from tasks.records import Reject, SourceObject
from tasks.session import Session
from tasks.staged import decided_parts, dump_record
from tasks.storage import byte_source
from tasks.storage.budget import Patience
from tasks.storage.byte_source import LocalSource
from tests.builders import KEY_TEXT, ct_instance, part10
from tests.plain import PlainRun
from tests.reasons.damage import BIG_ENDIAN, DAMAGES, RLE, good, with_frames, with_meta
from tests.sandbox import fragile
from tests.storage.conftest import open_folder, unprivileged

__all__ = ["open_folder", "unprivileged"]

CASES = [(code, number) for code, builders in DAMAGES.items() for number in range(len(builders))]


@pytest.fixture(name="cleaner", scope="module")
def make_cleaner() -> Cleaner:
    limits = Limits(max_elements=1000)
    return Cleaner(Deidentifier(load_key(text=KEY_TEXT), load_profile("research")), limits)


@pytest.mark.parametrize(("code", "number"), CASES)
def test_damage_gets_its_code(cleaner: Cleaner, code: str, number: int) -> None:
    ended = cleaner.clean(Buffer(DAMAGES[code][number]()), pixels=True)
    kinds = REASONS[code].kinds
    if isinstance(ended, Reject):
        assert ended.code == code
        assert kinds & {ReasonKind.QUARANTINE, ReasonKind.WITHHELD}
    else:
        assert code in {finding.code for finding in ended.findings}
        assert kinds & {ReasonKind.SALVAGE, ReasonKind.READABLE}


def test_nothing_is_wrong_with_the_file_that_damage_is_done_to(cleaner: Cleaner) -> None:
    ended = cleaner.clean(Buffer(good()), pixels=True)
    assert not isinstance(ended, Reject)
    assert ended.findings == ()


# -- what only a folder, a storage or other objects can show ------------------------------------------------


Change = Callable[[Path, pytest.MonkeyPatch], None]


def nothing(_source: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Change nothing between listing and reading."""


def rewrite(source: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "a.dcm").write_bytes(good() + bytes(1000))


def fail_to_read(_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_source: LocalSource, _offset: int, _length: int) -> bytes:
        raise TransientError("the disk does not answer")

    monkeypatch.setattr(LocalSource, "read", read)


def panic(_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locate(_locator: MetaLocator, _window: bytes) -> Meta:
        raise BaseException("what a native panic looks like")  # noqa: TRY002

    monkeypatch.setattr(MetaLocator, "locate", locate)


def put(**files: bytes) -> Callable[[Path], None]:
    def fill(source: Path) -> None:
        for name, content in files.items():
            (source / f"{name}.dcm").write_bytes(content)

    return fill


def put_sparse(source: Path) -> None:
    head = with_meta(BIG_ENDIAN) + b"\0\x08\0\x60CS\0\x02CT" + b"\x7f\xe0\0\x10OW\0\0\xff\xff\xff\xf0"
    (source / "a.dcm").write_bytes(head)
    os.truncate(source / "a.dcm", 8 << 30)


def of(**elements: object) -> bytes:
    return part10(ct_instance(**elements))


FRAGILE = {"check_pixels": "decode", "parser": {"plugins": ["tests.sandbox.fragile"], "cpu_seconds": 1}}
SCENES: dict[str, tuple[Callable[[Path], None], Change, dict[str, object]]] = {
    "CHANGED_WHILE_READING": (put(a=good()), rewrite, {}),
    "DUPLICATE_EXACT": (put(a=good(), b=good()), nothing, {}),
    "DUPLICATE_UID_CONFLICT": (put(a=good(), b=of(KVP="80")), nothing, {}),
    "INTERNAL_ERROR": (put(a=good()), panic, {}),
    "NOT_A_FILE": (lambda source: os.mkfifo(source / "a.dcm"), nothing, {}),
    "PARSER_CRASH": (put(a=with_frames(RLE, b"", fragile.frame_that_does(fragile.CRASH))), nothing, FRAGILE),
    "PARSER_MEMORY": (put_sparse, nothing, {"parser": {"memory_bytes": 256 << 20}}),
    "PARSER_TIMEOUT": (put(a=with_frames(RLE, b"", fragile.frame_that_does(fragile.HANG))), nothing, FRAGILE),
    "SOURCE_UNREADABLE": (put(a=good()), fail_to_read, {}),
    "STUDY_TWO_PATIENTS": (put(a=good(), b=of(instance=2, patient=2)), nothing, {}),
    "SYMLINK": (lambda source: (source / "a.dcm").symlink_to("/dev/zero"), nothing, {}),
}
"""By code: what fills the source, what changes it after it was listed, and the settings."""


def decide_all(plain: PlainRun, change: Change) -> pa.Table:
    """Run as far as the decisions, under a gate that lets everything pass."""
    with plain as run:
        (batch,) = run.discover().batches
        objects = read_manifest(run.store.read(batch.manifest))
        change(plain.root / "source", plain.monkeypatch)
        report = process_objects(objects, batch, run.plan, run.store, lambda *_: None, last_try=True)
        run.store.write(run.staging.report(batch.batch_id), dump_record(report))
        session = Session.open(run.store, run.staging, run.root / "scratch", frozenset())
        session.settle()
        settle_patients(pa.concat_tables(session._rows(["StudyInstanceUID", "PatientID"])), session.findings)
        session.write_decisions(GateResult((), (), (), (), ""))
        return pa.concat_tables(decided_parts(run.store, run.staging))


@pytest.mark.parametrize("code", SCENES)
def test_what_happens_to_an_object_gets_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    fill, change, options = SCENES[code]
    (tmp_path / "source").mkdir()
    fill(tmp_path / "source")
    assert code in decide_all(PlainRun(tmp_path, monkeypatch, options=options), change)["reason"].to_pylist()


def test_an_object_we_may_not_read_gets_its_code(
    open_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    (open_folder / "source").mkdir(mode=0o755)
    (open_folder / "source" / "a.dcm").write_bytes(good())
    (open_folder / "source" / "a.dcm").chmod(0)
    real = byte_source._open_local

    def opened(listed: SourceObject, patience: Patience) -> LocalSource:
        with unprivileged():
            return real(listed, patience)

    monkeypatch.setattr(byte_source, "_open_local", opened)
    decided = decide_all(PlainRun(open_folder, monkeypatch), nothing)
    assert decided["reason"].to_pylist() == ["PERMISSION"]


def test_every_code_of_the_list_has_a_builder() -> None:
    assert {*DAMAGES, *SCENES, "PERMISSION"} == set(REASONS)
    assert not set(DAMAGES) & set(SCENES)
