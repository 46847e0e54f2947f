"""Process one batch on a Dask worker: clean each object, stage files and rows, commit with a report.

`process_objects` is the boundary at which nothing may escape: whatever an object does, it ends as a
staged row or as a reject with a reason code, and the batch goes on.
"""

from __future__ import annotations

import hashlib
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State as PrefectState
from prefect.runtime import task_run
from prefect.tasks import Task, exponential_backoff

from expectations.contracts import FINDINGS
from tasks.clean import CleanInstance
from tasks.cleaning.formats import formats_until
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import Key
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms
from tasks.dicom.buffer import Buffer
from tasks.dicom.element import ByteSource
from tasks.errors import (
    ConfigurationError,
    ContractError,
    PipelineError,
    TransientError,
    place_of,
    value_free,
)
from tasks.evidence import Accountant, Evidence
from tasks.layout import PUBLISHED_DICOM, Staging, instance_path
from tasks.ledger.batching import read_manifest
from tasks.project_key import find_key
from tasks.recall.cleaner import READ_WHOLE, Cleaner
from tasks.records import Batch, BatchReport, Finding, Reject, RunPlan, SourceObject, utc_now
from tasks.sandbox.options import ParserOptions
from tasks.sandbox.parser import Parser
from tasks.staged import STAGED, commit_batch, content_of_header, finished_report, table_bytes
from tasks.storage.byte_source import Sources, Unreadable, sha256
from tasks.storage.requests import count_requests
from tasks.storage.store import Store, open_store
from tasks.tables.rows import Gathered, instance_row, rows_to_table

if TYPE_CHECKING:
    from tasks.vault.seal import Seal

Progress = Callable[[int, int], None]
"""Called with objects and bytes finished since the last call."""


def is_transient(_task: Task[Any, Any], _run: Any, state: PrefectState[Any]) -> bool:
    """Tell Prefect to retry what the world may mend; a data error is a value and never comes here."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


RETRIES = 3


@task(
    name="process",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(2),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
    persist_result=False,
)
@value_free
def process_batches(
    batches: Sequence[Batch], plan: RunPlan, failed: Mapping[str, int] | None = None
) -> list[BatchReport]:
    """Process batches one after the other; gives the reports of those that are done, in their order.

    What fails for the moment in the first of them has Prefect try the task again. In a later one it ends this
    task, and what is left is for another, so that the bad minutes of one batch use up no tries of the others.

    Parameters
    ----------
    failed
        How often a batch, by its id, ended another task so.
    """
    tries, failed = task_run.run_count or 1, failed or {}
    reports = [process_batch(batches[0], plan, tries, failed.get(batches[0].batch_id, 0))]
    for batch in batches[1:]:
        try:
            reports.append(process_batch(batch, plan, failed=failed.get(batch.batch_id, 0)))
        except TransientError as error:
            _LOGGER.warning("a batch is left to another task run: %s", error)
            break
    return reports


@value_free
def process_batch(batch: Batch, plan: RunPlan, tries: int = 1, failed: int = 0) -> BatchReport:
    """Read, clean, de-identify and stage one batch; safe to run twice, for a finished one is left as it is.

    Parameters
    ----------
    tries
        How often this task run has tried, this time included; the last time, what cannot be read is refused.
    failed
        How often the batch failed in other task runs; only counted.
    """
    silence_libraries()
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    done = report_of(plan, batch)
    if done is not None:
        return done
    objects = read_manifest(store.read(batch.manifest))
    report = process_objects(objects, batch, plan, store, report_progress, last_try=tries > RETRIES)
    return commit_batch(store, staging, replace(report, retries=report.retries + tries - 1 + failed))


@value_free
def report_of(plan: RunPlan, batch: Batch) -> BatchReport | None:
    """Read the report of a batch; None while it is not done."""
    return finished_report(open_store(plan.target, dict(plan.s3)), Staging(plan.run_id), batch.batch_id)


def silence_libraries() -> None:
    """Stop libraries from printing or logging what they complain about: their complaints quote values."""
    warnings.simplefilter("ignore")
    for name in ("pydicom", "distributed", "s3fs", "fsspec", "botocore", "aiobotocore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def report_progress(objects: int, size_bytes: int) -> None:
    """Tell whoever watches the scheduler, in counts."""
    from distributed import get_worker

    get_worker().log_event(PROGRESS_TOPIC, {"objects": objects, "bytes": size_bytes})


_LOGGER = logging.getLogger("dicomflow")
PROGRESS_TOPIC = "dicomflow-progress"
_PROGRESS_SECONDS = 0.5


def process_objects(
    objects: Sequence[SourceObject],
    batch: Batch,
    plan: RunPlan,
    store: Store,
    progress: Progress,
    *,
    last_try: bool = False,
) -> BatchReport:
    """Stage what comes out of each object, then its rows; returns the counts.

    A source that fails for the moment ends this try, and the task is retried as a whole; on the last
    try, objects that still cannot be read are refused, so that one bad sector does not hold up all
    the others for ever.

    The rows are written after the files and behind one durability barrier, and the caller writes the
    report after both: a report that exists vouches for everything it counts.
    """
    started = time.monotonic()
    started_at = utc_now()
    requests = count_requests()
    ticker = _Ticker(progress)
    attempt = _Attempt(objects, batch, plan, store, last_try)
    try:
        staged = attempt.stage(ticker)
    except ContractError:
        # One row that fits in no table would end the run, and every run after it.
        staged = attempt.stage_without_the_unfit()
    ticker.flush()
    made = count_requests() - requests
    return BatchReport(
        batch_id=batch.batch_id,
        object_count=len(objects),
        staged=staged.instances.row_count,
        rejects=dict(sorted(staged.rejects.items())),
        findings=dict(sorted(staged.finding_codes.items())),
        bytes_read=staged.bytes_read,
        bytes_written=staged.bytes_written,
        seconds=time.monotonic() - started,
        started_at=started_at,
        ended_at=utc_now(),
        bytes_in_source=sum(obj.size_bytes for obj in objects),
        requests=made.requests,
        retries=made.retries,
    )


@dataclass(frozen=True, slots=True)
class _Worker:
    cleaner: Cleaner
    pseudonyms: Pseudonyms
    refused: frozenset[str]
    accountant: Accountant
    s3: dict[str, Any]


@lru_cache(maxsize=2)
def worker_of(plan: RunPlan) -> _Worker:
    """Load key and profile once a process.

    Raises
    ------
    ConfigurationError
        If this process has no key, or another one than the run started with.
    """
    key = find_key(file=plan.key_file, block=plan.key_block)
    if key.check_value != plan.key_check:
        raise ConfigurationError(
            "A worker has another key than the run. Give every worker the same DICOMFLOW_KEY."
        )
    deidentifier, pseudonyms = Deidentifier(key, load_profile(plan.profile)), Pseudonyms(key)
    accountant = Accountant(deidentifier, pseudonyms, _seal(key) if plan.identities else None)
    options = ParserOptions(**dict(plan.parser))
    limits = options.limits(plan.check_pixels)
    formats = formats_until(repairs=plan.repairs)
    cleaner = Cleaner(deidentifier, limits, Parser(limits, options.sandbox()), formats)
    return _Worker(cleaner, pseudonyms, frozenset(plan.refused), accountant, dict(plan.s3))


def _seal(key: Key) -> Seal:
    # Most runs record no identities, and then need no cryptography.
    from tasks.vault.seal import Seal

    return Seal(key.subkey)


@dataclass(slots=True)
class _Ticker:
    """Passes progress on twice a second, not once an object."""

    progress: Progress
    objects: int = 0
    size_bytes: int = 0
    due: float = field(default_factory=time.monotonic)

    def tick(self, size_bytes: int) -> None:
        self.objects += 1
        self.size_bytes += size_bytes
        if time.monotonic() >= self.due:
            self.flush()

    def flush(self) -> None:
        if self.objects:
            self.progress(self.objects, self.size_bytes)
        self.objects = self.size_bytes = 0
        self.due = time.monotonic() + _PROGRESS_SECONDS


class _source_faults:  # noqa: N801 - reads as a statement; a class, since it is entered several times an object
    """On the last try, turn a source that fails for the moment into an object that cannot be read."""

    __slots__ = ("_last_try",)

    def __init__(self, last_try: bool) -> None:
        self._last_try = last_try

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._last_try and isinstance(error, TransientError):
            raise Unreadable("SOURCE_UNREADABLE") from None


class _Counted:
    """A source that counts what is read of it."""

    def __init__(self, source: ByteSource, last_try: bool) -> None:
        self._source = source
        self._last_try = last_try
        self.bytes_read = 0

    @property
    def size(self) -> int:
        return self._source.size

    def read(self, offset: int, length: int) -> bytes:
        with _source_faults(self._last_try):
            data = self._source.read(offset, length)
        self.bytes_read += len(data)
        return data


class _Hashed:
    """Passes pieces through, counting and digesting them."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self.pieces = pieces
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for piece in self.pieces:
            self.digest.update(piece)
            self.size_bytes += len(piece)
            yield piece


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try at a batch; each staging of it begins anew, and replaces what the one before wrote."""

    objects: Sequence[SourceObject]
    batch: Batch
    plan: RunPlan
    store: Store
    last_try: bool

    def stage(self, ticker: _Ticker, unfit: frozenset[str] = frozenset()) -> _Batch:
        """Stage all objects, those that fit in no table as refused."""
        worker, staged = worker_of(self.plan), self._begin()
        with closing(staged.sources(self.objects, worker)) as sources:
            for obj in self.objects:
                if obj.uri in unfit:
                    staged.refuse(obj, worker, Reject("INTERNAL_ERROR"))
                else:
                    staged.add(obj, worker, sources)
                ticker.tick(obj.size_bytes)
        staged.write()
        return staged

    def stage_without_the_unfit(self) -> _Batch:
        """Find the objects of which no rows can be made, one by one, and stage the batch with these refused.

        Raises
        ------
        ContractError
            If each object by itself is fit.
        """
        silent = _Ticker(lambda _objects, _bytes: None)
        unfit = frozenset(obj.uri for obj in self.objects if not self._is_fit(obj))
        return self.stage(silent, unfit)

    def _is_fit(self, obj: SourceObject) -> bool:
        worker, alone = worker_of(self.plan), self._begin()
        try:
            with closing(alone.sources([obj], worker)) as sources:
                alone.add(obj, worker, sources)
            alone.parts()
        except ContractError as error:
            _LOGGER.error("an object ended as INTERNAL_ERROR: %s", place_of(error))  # noqa: TRY400 - no text of it
            return False
        return True

    def _begin(self) -> _Batch:
        plan, batch_id = self.plan, self.batch.batch_id
        evidence = Evidence(worker_of(plan).accountant, batch_id)
        with_files = "dicom" in plan.outputs
        return _Batch(batch_id, Staging(plan.run_id), self.store, evidence, with_files, self.last_try)


@dataclass(slots=True)
class _Batch:
    """What one batch has staged so far."""

    batch_id: str
    staging: Staging
    store: Store
    evidence: Evidence
    with_files: bool
    last_try: bool = False
    instances: Gathered = field(default_factory=Gathered)
    staged: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    rejects: Counter[str] = field(default_factory=Counter)
    finding_codes: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    bytes_written: int = 0

    def sources(self, objects: Sequence[SourceObject], worker: _Worker) -> Sources:
        """Open the objects one after the other; what the next header may take is known by those before."""
        cleaner = worker.cleaner
        window = (lambda: READ_WHOLE) if self.with_files else (lambda: cleaner.window)
        return Sources(objects, worker.s3, window=window, headers_only=not self.with_files)

    def add(self, obj: SourceObject, worker: _Worker, sources: Sources) -> None:
        """Process one object; whatever happens to it, one ledger row comes of it."""
        source_ref = worker.pseudonyms.source_ref(obj.uri)
        try:
            result = self._process(obj, source_ref, worker, sources)
        except (PipelineError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - a native panic is no Exception, and must cost one object only
            result = Reject("INTERNAL_ERROR")
            _LOGGER.error("an object ended as INTERNAL_ERROR: %s", place_of(error))  # noqa: TRY400 - no text of it
        entry = _staged_entry(obj, source_ref, self.batch_id)
        if isinstance(result, Reject):
            self.reject(entry, result)
        else:
            self.staged.append({**entry, **result})

    def refuse(self, obj: SourceObject, worker: _Worker, reject: Reject) -> None:
        """Record an object that is refused without a look."""
        self.reject(_staged_entry(obj, worker.pseudonyms.source_ref(obj.uri), self.batch_id), reject)

    def reject(self, entry: dict[str, Any], reject: Reject) -> None:
        """Record an object that is refused."""
        self.rejects[reject.code] += 1
        self.staged.append({**entry, "reason": reject.code, "path": reject.path, "finding_codes": []})

    def _process(
        self, obj: SourceObject, source_ref: str, worker: _Worker, sources: Sources
    ) -> dict[str, Any] | Reject:
        try:
            with _source_faults(self.last_try):
                source = sources.open(obj)
            with source:
                counted = _Counted(source, self.last_try)
                content: ByteSource = counted
                if self.with_files and source.size <= READ_WHOLE:
                    content = Buffer(counted.read(0, source.size))  # hashed too
                clean = worker.cleaner.clean(
                    content, pixels=self.with_files, at_hand=0 if self.with_files else source.at_hand
                )
                self.bytes_read += source.fetched or min(counted.bytes_read, source.size)
                if isinstance(clean, Reject):
                    return clean
                for finding in clean.findings:
                    if finding.code in worker.refused:
                        return Reject(finding.code, finding.path)
                written = self._write_file(clean) if self.with_files else None
                digest = sha256(content) if self.with_files else None
                if source.changed():
                    return Reject("CHANGED_WHILE_READING")
        except Unreadable as unreadable:
            return Reject(unreadable.code)
        return self._record(clean, source_ref, written, digest)

    def _write_file(self, clean: CleanInstance) -> tuple[str, int, str]:
        """Stage the cleaned file; returns its path below `published/`, its size and its SHA-256."""
        path = instance_path(
            clean.PatientID, clean.StudyInstanceUID, clean.SeriesInstanceUID, clean.SOPInstanceUID
        )
        pieces = _Hashed(clean.pieces())
        self.store.write_unsynced(f"{self.staging.dicom}/{path}", pieces)
        self.bytes_written += pieces.size_bytes
        return f"{PUBLISHED_DICOM}/{path}", pieces.size_bytes, pieces.digest.hexdigest()

    def _record(
        self, clean: CleanInstance, source_ref: str, written: tuple[str, int, str] | None, digest: str | None
    ) -> dict[str, Any]:
        path, size_bytes, sha256_written = written or (None, None, None)
        header = clean.header.decode()
        row = instance_row(
            clean.columns,
            source_ref=source_ref,
            batch_id=self.batch_id,
            file_path=path,
            size_bytes=size_bytes,
            sha256=sha256_written,
            transfer_syntax=clean.transfer_syntax,
            header_json=header,
            has_pixel_data=clean.has_pixel_data,
            pixel_bytes=clean.pixel_bytes,
            expected_pixel_bytes=clean.expected_pixel_bytes,
            findings=clean.findings,
        )
        codes = sorted({finding.code for finding in clean.findings})
        self.instances.add(row)
        self.evidence.add(source_ref, clean)
        self.finding_codes.update(codes)
        self.findings += (_finding_row(source_ref, self.batch_id, finding) for finding in clean.findings)
        return {
            "sha256": digest,
            "SOPInstanceUID": clean.SOPInstanceUID,
            "StudyInstanceUID": clean.StudyInstanceUID,
            "PatientID": clean.PatientID,
            "content": sha256_written or content_of_header(header),
            "finding_codes": codes,
        }

    def write(self) -> None:
        """Stage the rows, and make files and rows durable."""
        for key, data in self.parts().items():
            self.store.write_unsynced(key, [data])
        self.store.barrier()

    @value_free
    def parts(self) -> dict[str, bytes]:
        """Give the rows as they are staged, by key.

        Raises
        ------
        ContractError
            If rows cannot be made of what the objects gave.
        """
        tables = {
            "instances": self.instances.table(),
            "findings": rows_to_table(self.findings, FINDINGS),
            "staged": pa.Table.from_pylist(self.staged, schema=STAGED),
        }
        parts = {self.staging.part(self.batch_id, name): table_bytes(table) for name, table in tables.items()}
        return parts | self.evidence.parts(self.staging)


def reject_objects(
    objects: Sequence[SourceObject], code: str, batch: Batch, plan: RunPlan, store: Store
) -> None:
    """Stage a whole batch as refused with `code`, without opening an object."""
    worker = worker_of(plan)
    evidence = Evidence(worker.accountant, batch.batch_id)
    staged = _Batch(batch.batch_id, Staging(plan.run_id), store, evidence, with_files=False)
    for obj in objects:
        staged.refuse(obj, worker, Reject(code))
    staged.write()


def _staged_entry(obj: SourceObject, source_ref: str, batch_id: str) -> dict[str, Any]:
    return {
        "source_ref": source_ref,
        "source_uri": obj.uri,
        "size_bytes": obj.size_bytes,
        "version": obj.version,
        "batch_id": batch_id,
    }


def _finding_row(source_ref: str, batch_id: str, finding: Finding) -> dict[str, Any]:
    return {"source_ref": source_ref, "batch_id": batch_id, **finding._asdict()}
