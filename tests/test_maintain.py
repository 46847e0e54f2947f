from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flows.upkeep_parameters import MaintainParameters
from tasks import layout
from tasks.errors import ConfigurationError
from tasks.history import read_reports, report_key
from tasks.hold import hold
from tasks.maintain import Retention, maintain
from tasks.records import RunPlan
from tasks.staged import dump_record, load_record
from tasks.storage.store import Store, open_store
from tasks.target import CONTRACTS, stored
from tasks.verify import verify
from tests.builders import write_study
from tests.plain import Kept, PlainRun
from tests.test_replay import end

LONG_AGO = "2024-02-29T00:00:00.000+00:00"


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A place with a target of three nights."""
    root = tmp_path_factory.mktemp("nights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.emit.leave_artifact", lambda report: None)  # noqa: ARG005
        for study in (1, 2, 3):
            write_study(root / "source", study=study, patient=study, instances=2)
            with PlainRun(root, patch) as run:
                end(run)
    return Kept.of(root)


@pytest.fixture
def root(three_nights: Kept) -> Path:
    return three_nights.restore()


@pytest.fixture
def store(root: Path) -> Store:
    return open_store(str(root / "target"), {})


def digests(store: Store) -> dict[str, str]:
    return {key: hashlib.sha256(store.read(key)).hexdigest() for key in store.list()}


def rows_of(store: Store) -> dict[str, list[str]]:
    return {key: sorted(map(str, stored(store, key).read().to_pylist())) for key in CONTRACTS}


def test_small_files_are_put_together_and_no_row_changes(store: Store) -> None:
    before = rows_of(store)
    done = maintain(store, Retention())
    assert done.compacted[layout.INSTANCES] == 3
    assert rows_of(store) == before
    assert len(stored(store, layout.INSTANCES).sizes()) == 1
    assert not verify(store, hashed=True, threads=2, progress=lambda _files, _bytes: None).problems
    assert not any(maintain(store, Retention()).compacted.values())


def test_a_dry_run_says_it_and_changes_nothing(store: Store) -> None:
    before = digests(store)
    done = maintain(store, Retention(), dry_run=True)
    assert done.compacted[layout.INSTANCES] == 3
    assert digests(store) == before


def test_what_no_version_needs_goes_when_it_is_old_enough(root: Path, store: Store) -> None:
    orphans = [root / "target" / layout.INSTANCES / f"part-{name}.zstd.parquet" for name in ("old", "new")]
    for path in orphans:
        path.write_bytes(b"an append that was killed")
    month_ago = time.time() - 30 * 86400
    os.utime(orphans[0], (month_ago, month_ago))
    assert maintain(store, Retention()).vacuumed[layout.INSTANCES] == 1
    assert [path.exists() for path in orphans] == [False, True]
    assert not verify(store, hashed=True, threads=2, progress=lambda _files, _bytes: None).problems


def test_a_run_that_died_long_ago_is_swept_and_a_recent_one_kept(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(root / "source", study=4, patient=4, instances=2)
    with PlainRun(root, monkeypatch) as run:
        run.process(run.discover())
        record = run.staging.run
    assert maintain(store, Retention()).dead_runs == 0
    assert store.exists(record)
    old = replace(load_record(RunPlan, store.read(record)), started_at=LONG_AGO)
    store.write(record, dump_record(old))
    assert maintain(store, Retention()).dead_runs == 1
    assert list(store.list(layout.STAGING)) == []


def test_old_pages_go_and_what_happened_stays(store: Store) -> None:
    (youngest, *_) = reports = read_reports(store)
    for number in range(12):
        copy = replace(youngest, run_id=f"{number:08d}{youngest.run_id[8:]}", started_at=LONG_AGO)
        store.write(report_key(copy.run_id), dump_record(copy))
    before = rows_of(store)
    assert maintain(store, Retention(docs=30)).old_docs == 12 - (10 - len(reports))
    assert len(read_reports(store)) == 10
    assert rows_of(store) == before
    assert maintain(store, Retention(docs=30)).old_docs == 0


def test_a_target_that_is_held_is_left_alone(store: Store) -> None:
    with hold(store), pytest.raises(ConfigurationError, match="Another run holds this target"):
        maintain(store, Retention())


@pytest.mark.parametrize("days", [{"tables": 6}, {"staging": 0}, {"docs": 0}])
def test_what_somebody_still_needs_is_never_given_up(days: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="at least"):
        Retention(**days)


def test_parameters_are_a_form_without_a_place_or_a_secret() -> None:
    schema = MaintainParameters.model_json_schema()
    assert all("title" in each for each in schema["properties"].values())
    kinds = {each.get("type") or each["anyOf"][0]["type"] for each in schema["properties"].values()}
    assert kinds <= {"integer", "boolean"}
    assert MaintainParameters().retention() == Retention()
