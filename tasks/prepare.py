"""Start or resume a run: refuse whatever an operator can have wrong before any object is opened.

A missing key, another key than the target's, a target inside the source, a profile or a rule table with
a mistake, a second run over the same target: all of it ends here, with the next step, and the source has
not been touched.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel

from expectations.repairs import dump_repairs
from expectations.rules import DEFAULT_RULES, RULE_ID, RulesError, RuleTable, complete_table, load_rules
from tasks import layout
from tasks.attempts import Begun, Ended, bury_dead, end_attempt
from tasks.deid.actions import OPTIONS
from tasks.deid.key import Key
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms, is_mapped
from tasks.errors import ConfigurationError, PipelineError
from tasks.history import newest_report
from tasks.hold import hold
from tasks.layout import Staging
from tasks.project_key import key_in_environment, load_project_key
from tasks.reasons import REASONS
from tasks.records import RunPlan, Selection, utc_now
from tasks.settings import Settings
from tasks.staged import dump_record, load_record
from tasks.storage.listing import KeptPlace
from tasks.storage.probe import PROBES
from tasks.storage.store import Store, open_store
from tasks.storage.uris import S3Place, check_apart, file_uri, parse_place
from tasks.tables.delta import check_address
from tasks.target import open_target
from tasks.tell_lineage import tell_failure


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that may begin.

    Attributes
    ----------
    to_finish
        Runs that died after their verdicts were written: these are rolled forward first.
    died
        Attempts that were found dead.
    """

    plan: RunPlan
    to_finish: tuple[RunPlan, ...]
    died: tuple[Begun, ...] = ()


_open: tuple[Settings, OpenRun] | None = None
"""The run that this process holds a target for."""


@contextmanager
def open_run(settings: Settings, selection: Selection | None = None) -> Iterator[OpenRun]:
    """Check the settings, take hold of the target, and give the run to do or to resume.

    With a `selection` it is a replay, which needs no source.

    Entered again under equal settings while it is open, it gives the same run, so that the command can look
    at a source before it starts the flow, and the flow goes on under the command's hold.

    Raises
    ------
    ConfigurationError
        For anything the operator must change first.
    """
    global _open
    if _open is not None and (_open[0], _open[1].plan.replay) == (settings, selection):
        yield _open[1]
        return
    with key_in_environment(settings), _open_new_run(settings, selection) as run:
        outer, _open = _open, (settings, run)
        try:
            yield run
        finally:
            _open = outer


@contextmanager
def _open_new_run(settings: Settings, selection: Selection | None) -> Iterator[OpenRun]:
    plan = make_plan(settings, selection)
    store = open_store(plan.target, dict(plan.s3))
    store.prepare()
    with hold(store) as fence:
        _check_key(store, plan)
        died = bury_dead(store)
        dead = dead_runs(store)
        _sweep(store, dead)
        to_finish = [run for run in dead if store.exists(Staging(run.run_id).audit)]
        plan = _resume_or_sweep(store, plan, [run for run in dead if run not in to_finish])
        if not plan.resumed:
            plan = replace(plan, run_id=new_run_id())
        plan, *to_finish = (replace(run, attempt=new_run_id(), fence=fence) for run in (plan, *to_finish))
        with _ended(store, [plan, *to_finish]):
            yield OpenRun(plan, tuple(to_finish), died)


@contextmanager
def _ended(store: Store, plans: Sequence[RunPlan]) -> Iterator[None]:
    """Write down how the attempts ended; one that never began, because nothing was new, leaves no trace."""
    state, error = Ended.FINISHED, ""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        state = Ended.INTERRUPTED
        raise
    except BaseException as problem:
        state, error = Ended.FAILED, type(problem).__name__
        raise
    finally:
        with suppress(PipelineError):  # a target that cannot be written is why it failed, most likely
            ended = [plan for plan in plans if end_attempt(store, plan.attempt, state, error)]
            for plan in ended if state is Ended.FAILED else ():
                tell_failure(plan, error)


def new_run_id() -> str:
    """Make a version 7 UUID (RFC 9562 section 5.7): later runs sort after earlier ones, and it says no more."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    return str(
        UUID(int=milliseconds << 80 | 7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & ((1 << 62) - 1))
    )


def pin_run(plan: RunPlan, settings: Settings) -> None:
    """Write down what the run does, once it is known that there is something to do.

    The rule table is pinned with it: an edit takes effect at the next run, never in the middle of one.
    """
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    if not store.exists(staging.run):
        store.write(staging.rules, read_rules(settings)[0])
        store.write(staging.run, dump_record(plan))


def make_plan(settings: Settings, selection: Selection | None = None) -> RunPlan:
    """Turn settings, and what a replay selects, into a plan, without a run id yet.

    Raises
    ------
    ConfigurationError
        If source, target, key, profile or rules cannot be used, or there is nothing that could be replayed.
    """
    uri = _find_source(settings) if selection is None else ""
    if selection is not None:
        _check_replay(settings, selection)
    check_address(_absolute(settings.target))
    key = load_project_key(settings)
    content, rules = read_rules(settings)
    profile = load_profile(settings.profile)
    outputs = tuple(sorted(settings.outputs))
    pseudonyms = Pseudonyms(key)
    selection = None if selection is None else _as_published(selection, pseudonyms)
    taken = uri if selection is None else repr(selection)
    return RunPlan(
        run_id="",
        source=uri,
        source_ref=pseudonyms.source_ref(uri) if selection is None else _last_source(settings, pseudonyms),
        target=_absolute(settings.target),
        outputs=outputs,
        profile=settings.profile,
        fingerprint=_fingerprint(taken, key, profile.digest, content, outputs, *_strictness(settings)),
        key_check=key.check_value,
        started_at=utc_now(),
        key_file=str(settings.key_file.absolute()) if settings.key_file else None,
        key_block=settings.key_block,
        s3=_options(settings.s3),
        parser=_options(settings.parser),
        check_pixels=settings.check_pixels,
        refused=settings.refused_codes,
        follow_links=settings.follow_links,
        stable_seconds=settings.stable_seconds,
        batch_objects=settings.batch_objects,
        batch_bytes=settings.batch_bytes,
        listing=settings.listing,
        lineage_url=settings.lineage_url,
        replay=selection,
        identities=settings.identities,
        options=tuple(sorted(option.name for option in profile.options)),
        repairs=dump_repairs(rules.repairs),
    )


def _find_source(settings: Settings) -> str:
    if not settings.source or not settings.target:
        raise ConfigurationError("Name a source and a target: `dicomflow clean SOURCE TARGET`.")
    source = parse_place(settings.source)
    check_apart(settings.source, settings.target)
    if isinstance(source, bytes) and not os.path.lexists(source):
        raise ConfigurationError(
            "The source does not exist. Check the path, and that its file system is mounted."
        )
    return f"s3://{source.bucket}/{source.key}" if isinstance(source, S3Place) else file_uri(source)


def _check_replay(settings: Settings, selection: Selection) -> None:
    """Refuse a replay of nothing before anything is made in a target that was mistyped."""
    if not settings.target:
        raise ConfigurationError("Name a target: `dicomflow replay TARGET`.")
    for reason in selection.reasons:
        if reason not in REASONS and not re.fullmatch(RULE_ID, reason):
            raise ConfigurationError(
                "A reason to replay is neither a reason code nor the id of a rule. `dicomflow show TARGET` lists "
                "those that its objects have."
            )
    store = open_target(settings)
    if not any(store.list(layout.LEDGER)):
        raise ConfigurationError(
            "This target has seen no run, so there is nothing to replay. Check the path."
        )


def _as_published(selection: Selection, pseudonyms: Pseudonyms) -> Selection:
    """Put the selection into one form; a study may be named by its original UID, which is not kept."""
    studies = (uid if is_mapped(uid) else pseudonyms.uid(uid) for uid in selection.studies)
    return Selection(tuple(sorted(set(selection.reasons))), tuple(sorted(set(studies))))


def _last_source(settings: Settings, pseudonyms: Pseudonyms) -> str:
    """Give the source of the newest run that had one, so that lineage shows a replay beside that run."""
    store = open_target(settings)
    report = newest_report(store)
    return (report.source_ref if report else "") or pseudonyms.source_ref(_absolute(settings.target))


def read_rules(settings: Settings) -> tuple[bytes, RuleTable]:
    """Read and check the rule table; gives what a run pins of it, which needs no other table, and its rules.

    Raises
    ------
    ConfigurationError
        With every mistake and its line.
    """
    try:
        content = complete_table(_read_table(settings))
        table = load_rules(content)
    except OSError:
        raise ConfigurationError(
            "The rule table cannot be read. Give --rules the path of a YAML file, or its s3:// URI."
        ) from None
    except RulesError as error:
        raise ConfigurationError(f"The rule table has mistakes. {error}") from None
    if unknown := sorted(table.options_named - OPTIONS.keys()):
        raise ConfigurationError(
            f"The rule table has mistakes. `unless` names {', '.join(unknown)}, which no profile can have; "
            f"available: {', '.join(sorted(OPTIONS))}."
        )
    return content, table


def _read_table(settings: Settings) -> bytes:
    place, _, name = settings.rules.rpartition("/")
    if not settings.rules.startswith("s3://"):
        return (Path(settings.rules) if settings.rules else DEFAULT_RULES).read_bytes()
    return open_store(place, settings.s3.model_dump(exclude_defaults=True)).read(name)


def _absolute(target: str) -> str:
    """Make a local target absolute: workers may stand in another folder."""
    place = parse_place(target)
    return target if isinstance(place, S3Place) else os.fsdecode(place)


def _options(options: BaseModel) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(options.model_dump(exclude_defaults=True).items()))


def _strictness(settings: Settings) -> Iterator[str]:
    """Give the settings that decide what becomes of damage and what is recorded, as words for the fingerprint."""
    if settings.identities:
        yield "identities"
    yield settings.check_pixels
    yield f"follow_links={settings.follow_links}"
    yield from settings.refused_codes
    yield from (f"{name}={value}" for name, value in _options(settings.parser))


def _fingerprint(
    source: str, key: Key, profile: str, rules: bytes, outputs: tuple[str, ...], *strictness: str
) -> str:
    parts = [
        source,
        key.check_value,
        profile,
        hashlib.sha256(rules).hexdigest(),
        *outputs,
        *strictness,
        version("dicomflow"),
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _check_key(store: Store, plan: RunPlan) -> None:
    """Refuse another key than the target was started with: pseudonyms would no longer agree."""
    ours = orjson.dumps({"key_check": plan.key_check})
    if store.exists(layout.KEY_CHECK):
        known = store.read(layout.KEY_CHECK)
    elif store.write_create(layout.KEY_CHECK, ours):
        return
    else:
        known = store.read(layout.KEY_CHECK)
    if known != ours:
        raise ConfigurationError(
            "This target was started with another key. Give that key, or choose a new target: under two keys "
            "one patient would become two."
        )


def dead_runs(store: Store) -> list[RunPlan]:
    """Find runs that left a staging folder, the oldest first."""
    runs = [load_record(RunPlan, store.read(key)) for key in store.list(layout.STAGED_RUNS)]
    return sorted(runs, key=lambda run: run.started_at)


def _sweep(store: Store, dead: list[RunPlan]) -> None:
    """Remove what killed writers left: staging folders no record stands for, and unfinished files and uploads.

    The target is ours alone by now. A worker that outlived its run may still write to a folder that was
    swept, which is why folders without a record happen at all.
    """
    kept = {PurePosixPath(place).name for place in (layout.STAGED_RUNS, layout.KEPT_LISTING, PROBES)}
    known = {run.run_id for run in dead} | kept
    orphans = [
        f"{place}/{name}"
        for place in (layout.STAGING, layout.NAMING_STAGING)
        for name in store.list_folders(place)
        if name not in known
    ]
    for orphan in orphans:
        store.delete_tree(orphan)
    for probe in store.list(PROBES):
        store.delete(probe)
    for place in (layout.RESTRICTED, layout.ATTEMPTS, layout.STAGING, PROBES):
        # The first and the last that a run writes: killed there, nothing else tells of it.
        store.sweep(place, older_than_seconds=0, deep=False)
    if dead or orphans:
        for place in (layout.RESTRICTED, layout.STAGING, layout.DOCS, layout.LINEAGE):
            store.sweep(place, older_than_seconds=0)


def _resume_or_sweep(store: Store, plan: RunPlan, dead: list[RunPlan]) -> RunPlan:
    """Take up the last run that did just what this one would do; sweep the others."""
    resumable = [run for run in dead if run.fingerprint == plan.fingerprint]
    for run in dead:
        if run not in resumable[-1:]:
            remove_staging(store, run.run_id)
    if not resumable:
        return plan
    old = resumable[-1]
    return replace(
        plan,
        run_id=old.run_id,
        started_at=old.started_at,
        batch_objects=old.batch_objects,
        batch_bytes=old.batch_bytes,
        resumed=True,
    )


def remove_staging(store: Store, run_id: str) -> None:
    """Remove what a run staged, its record first.

    A run that is killed in here is over: taken up again under its id, which its commits carry already, it
    would commit nothing of what is new. Folders that are left without a record are swept by the next run.
    """
    staging = Staging(run_id)
    store.delete(staging.run)
    store.delete_tree(staging.root)
    store.delete_tree(staging.naming)


def sweep_dead(store: Store, before: str, *, dry_run: bool) -> int:
    """Remove what runs staged that died before a moment (ISO 8601), and give their number.

    One that died after its verdicts is left: it is only ever finished. The target must be held.
    """
    dead = dead_runs(store)
    old = [run for run in dead if run.started_at < before and not store.exists(Staging(run.run_id).audit)]
    if not dry_run:
        for run in old:
            remove_staging(store, run.run_id)
        _sweep(store, [run for run in dead if run not in old])
        KeptPlace(store, layout.KEPT_LISTING).drop()
    return len(old)
