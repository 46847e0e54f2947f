"""The events of a run: it started, each batch started and ended, it ended.

A pure translation of reports into OpenLineage's classes: ids and times are handed in, so the same run always
writes the same bytes. What fails is named by a code; an exception's text would quote the value it choked on.

The graph follows write, audit, publish. A batch turns the source into staged rows; the run reads the staged
tables, which carry the gate's assertions because they are what the gate saw, and writes the published ones.
Assertions never hang on a published table: the rows they reject are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    Run,
    RunEvent,
    RunState,
    set_producer,
)
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    error_message_run,
    job_type_job,
    parent_run,
    processing_engine_run,
    tags_run,
)

from expectations.contracts import INSTANCES, SERIES, STUDIES
from tasks.errors import ContractError
from tasks.layout import PUBLISHED, STAGING, WITHHELD_INSTANCES
from tasks.lineage import facets
from tasks.lineage.names import (
    BATCH_JOB,
    JOB_NAMESPACE,
    RELEASE_JOB,
    RUN_JOB,
    DatasetName,
    name_batch_run,
    name_source,
    name_target,
)
from tasks.records import BatchReport, Outcome, RuleResult, RunKind, RunReport

PRODUCER = "urn:dicomflow"
set_producer(PRODUCER)

RUN_WITHHELD = "RUN_WITHHELD"

_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_RUN_TEXT = "Reads DICOM, cleans and de-identifies it, and publishes the studies that pass the gate."
_BATCH_TEXT = "Reads, cleans, de-identifies and stages one batch of source objects."


_RELEASE_TEXT = "Publishes studies that a rule withheld, on the word of a person."


@dataclass(frozen=True, slots=True)
class LineageRun:
    """What all events of one run share.

    Attributes
    ----------
    run_id
        UUID of the run.
    target
        Where the run publishes: a folder, `file://…` or `s3://bucket/prefix`.
    source_ref
        Keyed hash of the source's URI, 32 hex digits.
    prefect_version, dicomflow_version
        Versions of the engine and of this program; those that are installed by default.
    masked_tags
        Elements whose published value is not the original, as the profile has it.
    kind
        A replay is tagged as one; its objects were set aside by an earlier run of the same source.
    profile, edition
        Name of the profile, and edition of PS3.15 whose Table E.1-1 it settles.
    """

    run_id: str
    target: str
    source_ref: str
    prefect_version: str = field(default_factory=partial(version, "prefect"))
    dicomflow_version: str = field(default_factory=partial(version, "dicomflow"))
    masked_tags: frozenset[int] = frozenset()
    kind: RunKind = RunKind.CLEAN
    profile: str = ""
    edition: str = ""

    @property
    def source(self) -> DatasetName:
        """Name of the source dataset."""
        return name_source(self.source_ref)

    def staged(self, table: str) -> DatasetName:
        """Name a staged table: one name for all runs, though each run stages in a folder of its own."""
        return name_target(self.target, f"{STAGING}/{table}")

    def published(self, what: str) -> DatasetName:
        """Name a published table, or `dicom` for the files."""
        return name_target(self.target, f"{PUBLISHED}/{what}")


def run_started(run: LineageRun, at: str) -> RunEvent:
    """Say that a run began at `at` (ISO 8601 with time zone)."""
    return RunEvent(
        eventType=RunState.START,
        eventTime=at,
        run=_run(run, _tags(run)),
        job=_run_job(),
        inputs=[facets.describe_source(run.source)],
    )


def run_ended(
    run: LineageRun,
    report: RunReport,
    *,
    audited: Sequence[facets.AuditedTable] = (),
    published: Sequence[facets.PublishedTable] = (),
    files: facets.PublishedFiles | None = None,
) -> RunEvent:
    """Say how a run ended: what it read, what the gate found, what it published.

    A run of which the gate let nothing through is a FAIL: it did not make what it exists to make.

    Parameters
    ----------
    audited
        Counts of the staged tables. A table without them still shows what its rules found.
    published, files
        What this run committed.
    """
    withheld = report.outcome == Outcome.WITHHELD
    outputs = [
        facets.describe_published(run.published(table.contract.name), table, run.source, run.masked_tags)
        for table in published
    ]
    if files is not None:
        outputs.append(facets.describe_files(run.published("dicom"), files))
    return RunEvent(
        eventType=RunState.FAIL if withheld else RunState.COMPLETE,
        eventTime=report.ended_at,
        run=_run(run, _tags(run, report.outcome) | (_error(RUN_WITHHELD) if withheld else {})),
        job=_run_job(),
        inputs=[
            facets.describe_source(run.source, report.listed - report.unchanged, report.bytes_read),
            *_describe_audit(run, audited, report.rules),
        ],
        outputs=outputs,
    )


def run_failed(run: LineageRun, at: str, code: str) -> RunEvent:
    """Say that a run broke off, with the code of why.

    Raises
    ------
    ContractError
        If `code` is a sentence and not a code.
    """
    return RunEvent(
        eventType=RunState.FAIL,
        eventTime=at,
        run=_run(run, _error(code)),
        job=_run_job(),
        inputs=[facets.describe_source(run.source)],
    )


def studies_released(
    run: LineageRun, at: str, overruled: Sequence[str], published: Sequence[facets.PublishedTable], files: int
) -> RunEvent:
    """Say that a person released studies which these rules had withheld; who, and why, does not leave the target.

    Parameters
    ----------
    run
        The release, under its own id.
    files
        Number of cleaned files that were published.
    """
    said = {"kind": "release", "overruled": " ".join(overruled)}
    tags = [tags_run.TagsRunFacetFields(name, value, source="DICOMFLOW") for name, value in said.items()]
    outputs = [
        facets.describe_staged(run.published(table.contract.name), table.rows, table.size_bytes)
        for table in published
    ]
    outputs.append(facets.describe_staged(run.published("dicom"), files, 0))
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=at,
        run=_run(run, {"tags": tags_run.TagsRunFacet(tags)}),
        job=Job(JOB_NAMESPACE, RELEASE_JOB, facets=_job_facets("TASK", _RELEASE_TEXT)),
        inputs=[InputDataset(*name_target(run.target, WITHHELD_INSTANCES))],
        outputs=outputs,
    )


def batch_started(run: LineageRun, batch_id: str, at: str) -> RunEvent:
    """Say that a batch began at `at`."""
    return RunEvent(
        eventType=RunState.START,
        eventTime=at,
        run=_batch_run(run, batch_id),
        job=_batch_job(),
        inputs=[facets.describe_source(run.source)],
    )


def batch_completed(run: LineageRun, report: BatchReport) -> RunEvent:
    """Say what a batch read and staged."""
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=report.ended_at,
        run=_batch_run(run, report.batch_id),
        job=_batch_job(),
        inputs=[facets.describe_source(run.source, report.object_count, report.bytes_read)],
        outputs=[facets.describe_staged(run.staged(INSTANCES.name), report.staged, report.bytes_written)],
    )


def _describe_audit(
    run: LineageRun, audited: Sequence[facets.AuditedTable], rules: Sequence[RuleResult]
) -> list[InputDataset]:
    """Describe every table that was counted or judged: no rule's result is lost for want of a count."""
    counted = {table.contract.name: table for table in audited}
    judged = {facets.TABLE_OF_SCOPE[rule.scope] for rule in rules}
    return [
        facets.describe_audited(run.staged(contract.name), contract, counted.get(contract.name), rules)
        for contract in (INSTANCES, SERIES, STUDIES)
        if contract.name in counted.keys() | judged
    ]


def _run(run: LineageRun, more: dict[str, RunFacet] | None = None) -> Run:
    return Run(run.run_id, facets=_engine(run) | (more or {}))


def _batch_run(run: LineageRun, batch_id: str, more: dict[str, RunFacet] | None = None) -> Run:
    return Run(name_batch_run(run.run_id, batch_id), facets=_engine(run) | _parent(run) | (more or {}))


def _run_job() -> Job:
    return Job(JOB_NAMESPACE, RUN_JOB, facets=_job_facets("FLOW", _RUN_TEXT))


def _batch_job() -> Job:
    return Job(JOB_NAMESPACE, BATCH_JOB, facets=_job_facets("TASK", _BATCH_TEXT))


def _job_facets(kind: str, text: str) -> dict[str, JobFacet]:
    return {
        "jobType": job_type_job.JobTypeJobFacet("BATCH", "PREFECT", jobType=kind),
        "documentation": documentation_job.DocumentationJobFacet(text),
    }


def _engine(run: LineageRun) -> dict[str, RunFacet]:
    return {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            run.prefect_version, name="Prefect", openlineageAdapterVersion=run.dicomflow_version
        )
    }


def _parent(run: LineageRun) -> dict[str, RunFacet]:
    return {
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(run.run_id),
            job=parent_run.Job(JOB_NAMESPACE, RUN_JOB),
            root=parent_run.Root(
                run=parent_run.RootRun(run.run_id), job=parent_run.RootJob(JOB_NAMESPACE, RUN_JOB)
            ),
        )
    }


def _tags(run: LineageRun, outcome: Outcome | None = None) -> dict[str, RunFacet]:
    said = {"outcome": outcome.value} if outcome is not None else {}
    if run.kind != RunKind.CLEAN:
        said["kind"] = run.kind.value
    said |= {"profile": run.profile} if run.profile else {}
    said |= {"ps3_15_table_e1_1": run.edition} if run.edition else {}
    tags = [tags_run.TagsRunFacetFields(name, value, source="DICOMFLOW") for name, value in said.items()]
    return {"tags": tags_run.TagsRunFacet(tags)} if tags else {}


def _error(code: str) -> dict[str, RunFacet]:
    if not _CODE.fullmatch(code):
        raise ContractError(
            "a failure in lineage is named by a code, such as INTERNAL_ERROR, never by a text"
        )
    return {"errorMessage": error_message_run.ErrorMessageRunFacet(code, programmingLanguage="PYTHON")}
