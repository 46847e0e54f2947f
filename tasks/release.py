"""Release a study that the gate withheld, on the word of a person: recorded with who, when and why.

A person may know better than a rule about quality. About identity nobody does: what data protection's rules find
is not released by anybody, whatever table of rules is in force, nor is an object that was refused before it
could be staged (pixels that may hold text, an identifier that was left): of those there is no cleaned file.
They are for `dicomflow replay`, under other settings. Every file is hashed and read again before it moves, so
that what is released is what was judged.

The decision is written down before anything moves, and carried out from what was written: a release that died is
taken to its end by the next one, and one that is done is not done again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import JUDGED, LEDGER
from expectations.rules import DEFAULT_RULES, RULE_ID, RuleTable, load_rules
from tasks import layout
from tasks.deid.actions import OPTIONS
from tasks.dicom.buffer import Buffer
from tasks.dicom.json_model import header_json
from tasks.dicom.reader import read_header
from tasks.docs import rewrite_index
from tasks.errors import ConfigurationError, PrivacyError
from tasks.history import newest_report
from tasks.hold import hold
from tasks.layout import Staging
from tasks.lineage.events import LineageRun, studies_released
from tasks.lineage.facets import PublishedTable
from tasks.prepare import dead_runs, new_run_id, read_rules
from tasks.publish import publish_summaries
from tasks.records import Reject, Release, State, utc_now
from tasks.settings import Settings
from tasks.shadow import by_rules, choose
from tasks.staged import dump_record, load_record, scratch_folder
from tasks.storage.lease import check_fence
from tasks.storage.store import Store
from tasks.tables.aggregate import judged_tables
from tasks.tables.buckets import hash_column
from tasks.target import CONTRACTS, PUBLISHED_TABLES, open_target, stored
from tasks.tell_lineage import tell_lineage

PROTECTING = "data-protection"
"""Owner of the rules that no person overrules."""

IDENTITY = frozenset({"R001", "R003", "R004"})
"""Shipped rules about who is who: without a name, under the name of another, of two patients."""

RELEASED = "release"
"""How the ledger calls the kind of run that a release is."""


@dataclass(frozen=True, slots=True)
class Released:
    """What a command did.

    Attributes
    ----------
    release_id
        Empty where there was nothing to do.
    unchanged
        Studies that are not withheld any more.
    """

    release_id: str
    studies: tuple[str, ...]
    instances: int
    unchanged: tuple[str, ...]


def release(settings: Settings, studies: Sequence[str], *, reason: str, who: str) -> Released:
    """Publish withheld studies.

    Parameters
    ----------
    studies
        Their UIDs as published.
    reason
        Why, in words; kept below `restricted/`.
    who
        Who decides.

    Raises
    ------
    ConfigurationError
        If a study is unknown, no reason is given, or a run is unfinished or under way.
    PrivacyError
        If a study fails a rule of data protection, or its files are not those that were judged.
    """
    if not reason.strip():
        raise ConfigurationError("Say why the study is released: --reason.")
    store = open_target(settings)
    with hold(store) as fence:
        if dead_runs(store):
            raise ConfigurationError(
                "A run over this target is unfinished. Run the same `dicomflow clean` again, then release."
            )
        for unfinished in _unfinished(store):
            _carry_out(settings, store, unfinished, fence)
        wanted = tuple(dict.fromkeys(studies))
        ledger = _read_withheld(store, wanted)
        open_studies = tuple(
            study for study in wanted if study in set(ledger["StudyInstanceUID"].to_pylist())
        )
        settled = tuple(study for study in wanted if study not in open_studies)
        _refuse_unknown(store, settled)
        if not open_studies:
            return Released("", (), 0, settled)
        rules = read_rules(settings)[1]
        rows = _rows_of(store, ledger)
        _check(store, rows, ledger, rules)
        decision = Release(
            release_id=new_run_id(),
            studies=open_studies,
            who=who,
            reason=reason.strip(),
            decided_at=utc_now(),
            withheld_by=tuple(sorted(set(ledger["reason"].drop_null().to_pylist()))),
            instances=len(rows),
            rules_digest=rules.digest,
        )
        store.write(_key(decision), dump_record(decision))
        _carry_out(settings, store, decision, fence)
        return Released(decision.release_id, open_studies, len(rows), settled)


def _key(decision: Release) -> str:
    return f"{layout.RELEASES}/{decision.release_id}.json"


def _unfinished(store: Store) -> list[Release]:
    found = [load_record(Release, store.read(key)) for key in store.list(layout.RELEASES)]
    return [decision for decision in found if not decision.done]


def _read_withheld(store: Store, studies: Sequence[str]) -> pa.Table:
    """Read the ledger's rows of the instances of some studies that are withheld now.

    The newest row of an object counts, though it may name no study: what a replay refused since is not withheld
    as it was judged.
    """
    if not any(store.list(layout.LEDGER)):
        return LEDGER.arrow_schema().empty_table()
    ledger, of_studies = stored(store, layout.LEDGER), pa.array(studies, pa.string())
    uris = ledger.read(["source_uri"], {"StudyInstanceUID": of_studies})["source_uri"]
    rows = ledger.read(where={"source_uri": pc.unique(uris)})
    rows = rows.sort_by([("recorded_at", "descending"), ("run_id", "descending")])
    rows = rows.filter(pa.array(_first(rows["source_uri"].to_pylist()), pa.bool_()))
    withheld = pc.and_(pc.equal(rows["state"], str(State.WITHHELD)), pc.is_valid(rows["SOPInstanceUID"]))
    return rows.filter(pc.and_(withheld, pc.is_in(rows["StudyInstanceUID"], of_studies)))


def _first(values: Sequence[str]) -> list[bool]:
    """Mark where each value occurs first."""
    places = {value: place for place, value in reversed(list(enumerate(values)))}
    return [places[value] == place for place, value in enumerate(values)]


def _refuse_unknown(store: Store, studies: Sequence[str]) -> None:
    """Tell what is published already from what nobody knows."""
    where = {"StudyInstanceUID": pa.array(studies, pa.string())}
    known = set(
        stored(store, layout.STUDIES).read(["StudyInstanceUID"], where)["StudyInstanceUID"].to_pylist()
    )
    if unknown := [study for study in studies if study not in known]:
        raise ConfigurationError(
            f"{len(unknown)} of the studies are neither withheld by a rule nor published. Name studies by their "
            "pseudonymous UIDs, as `dicomflow show TARGET --json` and the ledger have them; what was refused "
            "before the gate (PIXEL_REVIEW, IDENTIFIER_LEFT) cannot be released, only replayed."
        )


def _rows_of(store: Store, ledger: pa.Table) -> pa.Table:
    """Read the rows that were withheld with the ledger's rows, each instance once."""
    studies = pc.unique(ledger["StudyInstanceUID"])
    rows = stored(store, layout.WITHHELD_INSTANCES).read(where={"StudyInstanceUID": studies})
    rows = rows.sort_by([(name, "ascending") for name in ("SOPInstanceUID", "source_ref", "batch_id")])
    names = zip(
        *(rows[name].to_pylist() for name in ("SOPInstanceUID", "source_ref", "batch_id")), strict=True
    )
    wanted = set(
        zip(*(ledger[name].to_pylist() for name in ("SOPInstanceUID", "source_ref", "batch_id")), strict=True)
    )
    seen: set[str] = set()
    kept = []
    for uid, *rest in names:
        kept.append((uid, *rest) in wanted and uid not in seen)
        if kept[-1]:
            seen.add(uid)
    chosen = rows.filter(pa.array(kept, pa.bool_()))
    if len(chosen) != len(wanted):
        raise ConfigurationError(
            "Not every withheld instance has its row: it was withheld by an older version. Take the study again: "
            "`dicomflow replay`."
        )
    return chosen


def _check(store: Store, rows: pa.Table, ledger: pa.Table, rules: RuleTable) -> None:
    """Check identity again: by what withheld, by the rules in force and those we ship, and by the files' bytes.

    Raises
    ------
    PrivacyError
        With the ids of the rules, or what differs; nothing was moved.
    """
    tables = (rules, load_rules(DEFAULT_RULES))
    protecting = {name for table in tables for name in _protecting(table)}
    reasons = set(ledger["reason"].drop_null().to_pylist())
    # What is no rule of the table is a reason code: an identifier that was found, and nobody's to overrule.
    if broken := sorted(
        reason for reason in reasons if reason in protecting or not re.fullmatch(RULE_ID, reason)
    ):
        raise PrivacyError(_refusal(broken))
    from expectations.runner import Gate

    beside = _published_beside(store, rows)
    together = pa.concat_tables([rows.select(beside.schema.names).cast(beside.schema), beside])
    for table in (table.under(_options_of(rows)) for table in tables):
        gate = Gate(choose(table, _protecting(table)))
        measures = by_rules(gate.judge(judged_tables(together)))
        if broken := sorted({measure.check.rule_id for measure in measures if not measure.success}):
            raise PrivacyError(_refusal(broken))
    for row in rows.select(["file_path", "sha256", "header"]).to_pylist():
        if row["file_path"] is not None and not _is_as_judged(store, **row):
            raise PrivacyError(
                "A withheld file is not the one that was judged. Nothing is released; run `dicomflow replay` to make "
                "the study again from its source."
            )


def _options_of(rows: pa.Table) -> frozenset[str]:
    """Give the options under which every one of the objects was de-identified, by what we wrote into them."""
    said = [frozenset(codes or ()) for codes in rows["deidentification_codes"].to_pylist()]
    return frozenset(
        name for name, option in OPTIONS.items() if said and all(option.code in codes for codes in said)
    )


def _protecting(table: RuleTable) -> list[str]:
    """List the rules that no person overrules: those of data protection, and those that say who is who."""
    return [rule.id for rule in table.enabled if rule.owner == PROTECTING or rule.id in IDENTITY]


def _refusal(rules: Sequence[str]) -> str:
    return (
        f"A failure of de-identification ({', '.join(rules)}) is never released. Nothing is released; mend the "
        "cause and run `dicomflow replay`."
    )


def _published_beside(store: Store, rows: pa.Table) -> pa.Table:
    """Read what is published of the studies: together they must still be of one patient, each instance once."""
    where = {"StudyInstanceUID": pc.unique(rows["StudyInstanceUID"])}
    beside = stored(store, layout.INSTANCES).read(JUDGED, where)
    twice = pc.is_in(beside["SOPInstanceUID"], rows["SOPInstanceUID"].combine_chunks())
    return beside.filter(pc.invert(twice))


def _is_as_judged(store: Store, file_path: str, sha256: str, header: str) -> bool:
    """Tell whether a withheld file has the bytes, and the header, that its row speaks of."""
    place = _withheld_place(file_path)
    key = place if store.exists(place) else file_path
    data = store.read(key)
    if hashlib.sha256(data).hexdigest() != sha256:
        return False
    read = read_header(Buffer(data), pixels=False)
    return not isinstance(read, Reject) and header_json(read.dataset, read.encodings) == header


def _withheld_place(file_path: str) -> str:
    return f"{layout.WITHHELD_DICOM}/{file_path.removeprefix(f'{layout.PUBLISHED_DICOM}/')}"


def _carry_out(settings: Settings, store: Store, decision: Release, fence: int) -> None:
    """Do what was decided: files, rows, series and studies, the ledger last; each step safe to run again."""
    ledger = _read_withheld(store, decision.studies)
    if len(ledger):
        rows = _rows_of(store, ledger)
        check_fence(store, layout.LEASE, fence)
        for path in rows["file_path"].drop_null().to_pylist():
            store.move(_withheld_place(path), path)
        store.barrier()
        instances = stored(store, layout.INSTANCES)
        check_fence(store, layout.LEASE, fence)
        instances.upsert(rows, decision.release_id)
        studies = np.sort(hash_column(pa.chunked_array([pc.unique(rows["StudyInstanceUID"])])))
        with scratch_folder(store, Staging(decision.release_id)) as scratch:
            publish_summaries(store, instances, studies, decision.release_id, fence, scratch)
        store.delete_tree(Staging(decision.release_id).naming)
        check_fence(store, layout.LEASE, fence)
        stored(store, layout.LEDGER).append(_ledger_rows(ledger, decision), decision.release_id)
    _write_lineage(settings, store, decision)
    rewrite_index(store)
    store.write(_key(decision), dump_record(replace(decision, done=True)))


def _write_lineage(settings: Settings, store: Store, decision: Release) -> None:
    source = newest_report(store)
    run = LineageRun(
        run_id=decision.release_id,
        target=settings.target,
        source_ref=source.source_ref if source else "",
    )
    commits = {key: stored(store, key).find_commit(decision.release_id) for key in PUBLISHED_TABLES}
    published = [
        PublishedTable(CONTRACTS[key], **commit._asdict())
        for key, commit in commits.items()
        if commit is not None
    ]
    event = studies_released(run, decision.decided_at, decision.withheld_by, published, decision.instances)
    tell_lineage(store, decision.release_id, [event], settings.lineage_url)


def _ledger_rows(withheld: pa.Table, decision: Release) -> pa.Table:
    """Say that the objects are published now; the reason stays, for it is what a person overruled."""
    changed = {
        "state": pa.array([str(State.PUBLISHED)] * len(withheld), pa.string()),
        "run_id": pa.array([decision.release_id] * len(withheld), pa.string()),
        "run_kind": pa.array([RELEASED] * len(withheld), pa.string()),
        "recorded_at": pa.array([decision.decided_at] * len(withheld)).cast(pa.timestamp("us", "UTC")),
    }
    columns = {name: changed.get(name, withheld[name]) for name in LEDGER.names}
    return pa.table(columns).cast(LEDGER.arrow_schema()).sort_by("source_uri")
