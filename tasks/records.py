"""Records that cross a process boundary: frozen, small, without a value of a patient.

A step takes records and returns new ones; bytes and data sets stay in the worker that read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple


def utc_now() -> str:
    """Give the time for reports and lineage; it never decides an output's content."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class State(StrEnum):
    """How a source object ended; every object listed ends in exactly one."""

    PUBLISHED = "published"
    WITHHELD = "withheld"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


class Outcome(StrEnum):
    """How a run ended, in the words of the report, the flow's state and `--json`."""

    PUBLISHED = "published"
    PARTLY_WITHHELD = "partly withheld"
    WITHHELD = "withheld"
    NOTHING_NEW = "nothing new"


class Finding(NamedTuple):
    """A rule changed or doubted a value; says which and where, never what the value was.

    Attributes
    ----------
    rule
        Id of the rule that spoke, such as ``date-iso`` or ``structure``.
    path
        Element path in tags, such as ``(0008,1140)[0].(0008,1155)``; empty for the whole object.
    code
        A code of `tasks.reasons`.
    form
        Shape of a value that no rule could read, such as ``99/99/9999``; see `tasks.cleaning.shapes`.
    """

    rule: str
    path: str
    code: str
    form: str | None = None


class Reject(NamedTuple):
    """A source object refused, with the reason code (`tasks.reasons`) and, where it helps, the element path."""

    code: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One object of the source, as listed.

    Attributes
    ----------
    uri
        `file:///…` (percent-encoded bytes) or `s3://bucket/key`. May itself name a patient:
        it goes to `restricted/` and nowhere else.
    size_bytes
        Size as listed.
    version
        What tells two contents of one URI apart: modification time in ns, or ETag and version id.
    kind
        `file`, or why it cannot be one: `symlink`, `special` (FIFO, socket, device), `missing` (it was known).
    """

    uri: str
    size_bytes: int
    version: str
    kind: str = "file"


@dataclass(frozen=True, slots=True)
class Batch:
    """The unit of which all is staged or nothing.

    The objects' URIs stay in its manifest, so that nothing that logs a task's arguments (Dask does, on
    failure) can name a patient.

    Attributes
    ----------
    batch_id
        Hash of the objects' URIs and versions and of the rules, profile and code in force: equal
        work has an equal id, so a retry overwrites its own work and a finished batch is known.
    manifest
        Path of the manifest (Parquet) below the run's staging folder.
    """

    batch_id: str
    manifest: str
    object_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which settled objects a replay takes again: all that were withheld or quarantined, or some of them.

    Attributes
    ----------
    reasons
        Reason codes or ids of rules, any of which an object must have ended with; empty for all.
    studies
        Study Instance UIDs as published, one of which an object must be of; empty for all.
    """

    reasons: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()


class RunKind(StrEnum):
    """What a run took: what is new in a source, or what an earlier run had set aside."""

    CLEAN = "clean"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run does to every object: all that a worker needs, and no secret.

    Attributes
    ----------
    source
        URI, percent-encoded where it is a path.
    source_ref
        Keyed hash of `source`: its name in lineage.
    fingerprint
        Digest of everything that decides an output besides the object itself: key check value, profile,
        rules, outputs, version of the code. A run resumes only under an equal one.
    key_file, key_block
        Where a worker finds the key, if not in its environment; never the key.
    identities
        Whether to record, sealed, what leads from pseudonyms back to originals.
    s3
        Options for `storage.open_store` on both sides.
    listing
        Place of a list of the source's objects; empty where the source is listed.
    lineage_url
        Where lineage is sent besides the target; empty for where OpenLineage's configuration says, if it does.
    parser
        Options of the careful reader, as `tasks.sandbox.options.ParserOptions` takes them.
    check_pixels
        ``none``, ``structure`` or ``decode``.
    follow_links
        Whether a link to a regular file is taken for that file.
    stable_seconds
        Time for which a file must not have changed; younger ones are left to the next run.
    refused
        Codes of salvageable damage that the salvage policy quarantines.
    replay
        What a replay takes again, whose objects the ledger names; such a run has no `source`.
    attempt
        Id of this attempt at the run.
    fence
        Fencing token of the lease it is made under; 0 where the target is locked and not leased.
    options
        Of the profile, by name: some rules of the gate are not in force under one.
    repairs
        Those that the table of rules declares, as `expectations.repairs.dump_repairs` writes them.
    """

    run_id: str
    source: str
    source_ref: str
    target: str
    outputs: tuple[str, ...]
    profile: str
    fingerprint: str
    key_check: str
    started_at: str
    key_file: str | None = None
    key_block: str | None = None
    s3: tuple[tuple[str, str | bool | float], ...] = ()
    listing: str = ""
    lineage_url: str = ""
    parser: tuple[tuple[str, int | float | tuple[str, ...]], ...] = ()
    check_pixels: str = "structure"
    refused: tuple[str, ...] = ()
    follow_links: bool = False
    stable_seconds: float = 0
    batch_objects: int = 1000
    batch_bytes: int = 256 << 20
    resumed: bool = False
    identities: bool = False
    replay: Selection | None = None
    attempt: str = ""
    fence: int = 0
    options: tuple[str, ...] = ()
    repairs: str = ""

    @property
    def kind(self) -> RunKind:
        """Give what kind of run it is."""
        return RunKind.CLEAN if self.replay is None else RunKind.REPLAY


@dataclass(frozen=True, slots=True)
class Listing:
    """What discovery found, in counts; `settled` are objects that earlier runs have finished, by state.

    Files that changed a moment ago are `young`: left to the next run, and not among the listed.
    """

    listed: int
    pending: int
    pending_bytes: int
    settled: dict[str, int]
    settled_reasons: dict[str, int]
    young: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a run has to do: the batches that are left, and the objects of those that a run before it did."""

    listing: Listing
    batches: tuple[Batch, ...]
    finished: int


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a finished batch did; written last, as JSON, so its existence is the batch's commit record.

    Attributes
    ----------
    bytes_in_source
        Size of its objects, of which `bytes_read` were read.
    requests, retries
        Requests to S3; and how many of them, of the reads of a local source and of the tries of the whole batch
        repeated one that had failed.
    """

    batch_id: str
    object_count: int
    staged: int
    rejects: dict[str, int]
    findings: dict[str, int]
    bytes_read: int
    bytes_written: int
    seconds: float
    started_at: str
    ended_at: str
    bytes_in_source: int = 0
    requests: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule's result over one run, in counts.

    Attributes
    ----------
    expectation
        The Great Expectations type the rule compiled to, as lineage's assertion name.
    unexpected_percent
        Share of evaluated rows that broke the rule, in percent (0 to 100); None where the rule has no rows to count.
    table
        Table looked at: instances, series, studies or run; empty in reports older than the field.
    """

    rule_id: str
    description: str
    severity: str
    scope: str
    expectation: str
    column: str | None
    success: bool
    evaluated: int
    unexpected: int
    unexpected_percent: float | None
    studies_failed: int = 0
    table: str = ""


@dataclass(frozen=True, slots=True)
class Drifted:
    """A metric that is not as usual, beside what it was; `tasks.trend` says what the numbers are.

    Attributes
    ----------
    rule_id
        Id of the rule with the drift.
    rule, scope, column, modality
        What was measured, as in the table `quality`.
    change
        As a share of the usual number for records, else as a difference of rates.
    deviations
        Distance from usual in spreads.
    """

    rule_id: str
    metric: str
    rule: str
    scope: str
    column: str
    modality: str
    value: float
    usual: float
    change: float
    deviations: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What a proposed change does to a count of the run, such as of the studies that break a rule."""

    what: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that would answer what a run found; people apply it, nothing changes itself.

    Attributes
    ----------
    kind
        ``repair``, ``value``, ``threshold`` or ``creator``.
    title
        What it is about, in a sentence.
    snippet
        YAML, ready to be put in its place.
    effects
        What it changes, measured on the instances of the run.
    rule_id
        Id of the rule whose breach it answers; empty where no rule broke.
    """

    kind: str
    title: str
    snippet: str
    effects: tuple[Effect, ...] = ()
    rule_id: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A person's decision to publish what a rule withheld.

    Attributes
    ----------
    studies
        Their UIDs as published.
    who
        Name of the account that ran the command, or what it was told.
    withheld_by
        Rules that had withheld them.
    done
        Whether it was carried out to its end.
    """

    release_id: str
    studies: tuple[str, ...]
    who: str
    reason: str
    decided_at: str
    withheld_by: tuple[str, ...]
    instances: int
    rules_digest: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Whether the run may be published, and each rule's result; once it is staged, the run is only rolled forward."""

    run_withheld: bool
    run_failed_rules: tuple[str, ...]
    rules: tuple[RuleResult, ...]
    rules_digest: str
    run_flagged_by: tuple[str, ...] = ()
    studies_withheld: int = 0
    studies_flagged: int = 0
    drifted: tuple[Drifted, ...] = ()
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class ElementSensitivity:
    """How sensitive the values of one element path look in a sample of a run; counts and shares, never a value.

    Attributes
    ----------
    path
        In tags, the items of a sequence taken together: ``(0008,1140)[].(0008,1155)``.
    keyword
        Empty for a private or unknown element.
    prior
        The Basic Profile's action code; empty where Table E.1-1 does not speak of the attribute.
    seen
        Values that are not empty, in the sample.
    hit_rate, distinct_share
        Of distinct values those in which a detector finds identity, and distinct values of all (0 to 1).
    entropy_bits
        Bits of text in a value, on average.
    actions
        How many of `seen` were kept, removed, emptied, replaced, mapped or shifted.
    score
        From 0 to 1, by prior, hits and free text.
    suspicious
        Whether values are kept that look more sensitive than that.
    """

    path: str
    keyword: str
    prior: str
    seen: int
    hit_rate: float
    distinct_share: float
    entropy_bits: float
    actions: dict[str, int]
    score: float
    suspicious: bool


@dataclass(frozen=True, slots=True)
class RunReport:
    """What `dicomflow clean --json` prints, what the run page shows, what exit codes come from.

    Attributes
    ----------
    vendors
        Published instances by make of equipment: a closed list, and only makes of at least five studies.
    elements
        Findings by keyword of the element they are about.
    instances, nulls
        Instances that were judged, and how many of them have no value, by element of the table.
    bytes_in_source
        Size of the objects that were processed, of which `bytes_read` were read.
    requests, retries
        Requests to S3, without those that deltalake makes; and how many of them, of the reads of a local source
        and of the tries of a batch repeated one that had failed.
    rules_digest
        Digest of the table of rules that judged.
    withheld_by, flagged_by
        Rules that the run as a whole broke.
    studies_withheld, studies_flagged
        Studies that broke a rule which withholds, or one which flags.
    drifted, proposals
        What is not as usual, and what would answer that.
    source_ref
        Keyed hash of the source's URI.
    """

    run_id: str
    outcome: Outcome
    listed: int
    published: int
    withheld: int
    quarantined: int
    duplicate: int
    unchanged: int
    reasons: dict[str, int]
    findings: dict[str, int]
    seconds: dict[str, float]
    bytes_read: int
    bytes_written: int
    docs: str
    target: str
    started_at: str
    ended_at: str
    rules: tuple[RuleResult, ...] = ()
    studies: int = 0
    series: int = 0
    modalities: dict[str, int] = field(default_factory=dict)
    young: int = 0
    vendors: dict[str, int] = field(default_factory=dict)
    elements: dict[str, int] = field(default_factory=dict)
    instances: int = 0
    nulls: dict[str, int] = field(default_factory=dict)
    bytes_in_source: int = 0
    requests: int = 0
    retries: int = 0
    kind: RunKind = RunKind.CLEAN
    source_ref: str = ""
    suspicious: tuple[ElementSensitivity, ...] = ()
    rules_digest: str = ""
    withheld_by: tuple[str, ...] = ()
    flagged_by: tuple[str, ...] = ()
    studies_withheld: int = 0
    studies_flagged: int = 0
    drifted: tuple[Drifted, ...] = ()
    proposals: tuple[Proposal, ...] = ()
