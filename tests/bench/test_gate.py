from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from expectations.forms import is_uid_made_here
from tasks.layout import Staging
from tasks.staged import parts
from tasks.storage.store import open_store
from tests.bench import gate
from tests.bench.corpus import DEFAULT_SEED
from tests.bench.gate import STEPS, Template, make_template, measure_gate, stage_rows


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "BATCH_ROWS", 60)
        return make_template(DEFAULT_SEED, tmp_path_factory.mktemp("scratch"))


def read(folder: Path, table: str) -> pa.Table:
    plan_target = open_store(str(folder / "target"), {})
    return pa.concat_tables(parts(plan_target, Staging(gate._RUN_ID), table))


def test_copied_rows_are_of_other_objects_and_whole_studies(
    tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BATCH_ROWS", 60)
    stage_rows(tmp_path, template, 150)
    staged, instances = read(tmp_path, "staged"), read(tmp_path, "instances")
    assert (staged.num_rows, instances.num_rows) == (150, 150)
    for name in ("SOPInstanceUID", "source_ref"):
        assert len(set(staged[name].to_pylist())) == 150
        assert set(staged[name].to_pylist()) == set(instances[name].to_pylist())
    assert len(set(staged["source_uri"].to_pylist())) == 150
    studies = instances.group_by(["StudyInstanceUID", "PatientID"]).aggregate([([], "count_all")])
    assert sorted(studies["count_all"].to_pylist()) == [10, 10, 30, 50, 50]
    assert all(is_uid_made_here(uid) for uid in instances["StudyInstanceUID"].to_pylist())


@pytest.mark.e2e
def test_the_gate_is_measured_step_by_step(
    tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BATCH_ROWS", 60)
    monkeypatch.setattr(gate, "make_template", lambda _seed, _scratch: template)
    said: list[str] = []
    figures = list(measure_gate([150], seed=DEFAULT_SEED, repeat=1, scratch=tmp_path, say=said.append))
    assert said == ["gate, 150 rows: run 1 of 1"]
    measured = {figure.measure.strip() for figure in figures}
    assert {"rows", "cost per row", "memory before", *STEPS} <= measured
    assert all(figure.ours is not None and figure.ours.median > 0 for figure in figures)
