from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from expectations.contracts import CONTRACTS
from expectations.measures import find_withheld
from expectations.outcomes import GateResult, StudyFailures
from expectations.rules import DEFAULT_RULES, load_rules
from expectations.runner import Gate, GateError, columns_kept_together, make_run_table, run_gate
from tests.expectations.defects import CASES, Case
from tests.expectations.rows_of import CLEAN_RUN, make_row, make_study, make_uid, to_tables

FEW_RULES = load_rules(
    DEFAULT_RULES.read_bytes().replace(b"scope: instance", b"scope: instance\n    enabled: false")
)
"""Those of series, study and run, where a test is not about rules."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> GateResult:
    """Judge all studies of `defects` together, once."""
    tables = to_tables(row for case in CASES for row in case.rows)
    return run_gate(tables, CLEAN_RUN, load_rules(), tmp_path_factory.mktemp("docs"), "run")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_defect_is_seen_in_its_study_by_the_rule_made_for_it(judged: GateResult, case: Case) -> None:
    failures = {study.StudyInstanceUID: study for study in judged.studies}
    found = failures.get(make_uid(case.name), StudyFailures(""))
    assert (found.withheld_by, found.flagged_by) == (case.withheld_by, case.flagged_by)


def test_defects_of_studies_do_not_concern_the_run(judged: GateResult) -> None:
    assert not judged.run_withheld
    assert judged.run_flagged_by == ()


def test_outcomes_name_every_rule_and_count_its_rows(judged: GateResult) -> None:
    assert {outcome.rule_id for outcome in judged.outcomes} == {
        "contract",
        *(rule.id for rule in load_rules().enabled),
    }
    (slope,) = (o for o in judged.outcomes if (o.rule_id, o.column) == ("R040", "RescaleSlope"))
    images = sum(row["Modality"] != "MR" for case in CASES for row in case.rows)
    assert (slope.evaluated, slope.unexpected, slope.studies_failed) == (images, 1, 1)
    assert slope.unexpected_percent == pytest.approx(100 / images)


def test_a_share_that_is_allowed_names_no_study(tmp_path: Path) -> None:
    rows = make_study("a", 20)
    rows[0]["finding_count"] = 1
    result = run_gate(to_tables(rows), CLEAN_RUN, load_rules(), tmp_path, "run")
    (repairs,) = (o for o in result.outcomes if o.rule_id == "R029")
    assert repairs.success
    assert (repairs.unexpected, repairs.studies_failed) == (1, 0)
    assert result.studies == ()


def test_the_order_of_rows_changes_nothing(judged: GateResult, tmp_path: Path) -> None:
    tables = to_tables(row for case in CASES for row in case.rows)
    order = np.random.default_rng(0).permutation(tables["instances"].num_rows)
    shuffled = tables | {"instances": tables["instances"].take(pa.array(order))}
    assert run_gate(shuffled, CLEAN_RUN, load_rules(), tmp_path, "run") == judged


def test_tables_on_disk_are_judged_like_those_in_memory(judged: GateResult, tmp_path: Path) -> None:
    stored: dict[str, ds.Dataset] = {}
    for name, table in to_tables(row for case in CASES for row in case.rows).items():
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=16)
        stored[name] = ds.dataset(tmp_path / f"{name}.parquet")
    assert run_gate(stored, CLEAN_RUN, load_rules(), tmp_path / "docs", "run") == judged


def test_judging_studies_apart_is_judging_them_together(judged: GateResult, tmp_path: Path) -> None:
    gate = Gate(load_rules())
    parts = [
        gate.judge(to_tables(row for case in CASES[start::3] for row in case.rows)) for start in range(3)
    ]
    measures = [measure for part in parts for measure in part]
    assert gate.conclude(CLEAN_RUN, tmp_path, "run", measures) == judged
    withheld = {study.StudyInstanceUID: study.withheld_by[0] for study in judged.studies if study.withheld_by}
    found: dict[str, str] = {}
    for part in parts:
        found |= find_withheld(part)
    assert found == withheld


def test_what_held_before_is_seen_to_break_later(tmp_path: Path) -> None:
    gate = Gate(load_rules())
    gate.judge(to_tables(make_study("a")))
    measures = gate.judge(to_tables(make_study("b", PatientSex="X")))
    result = gate.conclude(CLEAN_RUN, tmp_path, "run", measures)
    assert [study.flagged_by for study in result.studies] == [("R025",)]
    (sex,) = (o for o in result.outcomes if o.rule_id == "R025")
    assert (sex.evaluated, sex.unexpected, sex.studies_failed) == (6, 3, 1)


def test_values_that_must_be_unique_keep_their_studies_together() -> None:
    rules = DEFAULT_RULES.read_bytes()
    assert columns_kept_together(load_rules()) == {"SeriesInstanceUID", "SOPInstanceUID"}
    hashes = rules.replace(b"    column: SOPInstanceUID\n", b"    column: [SOPInstanceUID, sha256]\n", 1)
    assert columns_kept_together(load_rules(hashes)) == {"SeriesInstanceUID", "SOPInstanceUID", "sha256"}
    derived = rules.replace(
        b"expectation: expect_column_values_to_be_in_set\n    column: study_distinct\n    kwargs: {value_set: [1]}",
        b"expectation: expect_column_values_to_be_unique\n    column: study_distinct",
        1,
    )
    assert columns_kept_together(load_rules(derived)) is None


def test_nothing_staged_is_nothing_wrong(tmp_path: Path) -> None:
    tables = {
        name: CONTRACTS[name].arrow_schema().empty_table() for name in ("instances", "series", "studies")
    }
    result = run_gate(tables, {"listed": 0.0}, load_rules(), tmp_path, "run")
    assert (result.studies, result.run_withheld_by, result.run_flagged_by) == ((), (), ())


def test_the_header_may_be_left_out(tmp_path: Path) -> None:
    tables = to_tables(make_study())
    tables["instances"] = tables["instances"].drop_columns(["header"])
    assert not run_gate(tables, CLEAN_RUN, FEW_RULES, tmp_path, "run").run_withheld


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.drop_columns(["PatientAge"]),
        lambda table: table.append_column("PatientName", pa.array(["A"] * table.num_rows)),
        lambda table: table.set_column(
            table.schema.get_field_index("Rows"), "Rows", pa.array(["4"] * table.num_rows)
        ),
    ],
    ids=["a column less", "a column more", "another type"],
)
def test_a_table_that_breaks_its_contract_withholds_the_run(spoil: object, tmp_path: Path) -> None:
    tables = to_tables(make_study())
    tables["instances"] = spoil(tables["instances"])  # type: ignore[operator]
    assert run_gate(tables, CLEAN_RUN, load_rules(), tmp_path, "run").run_withheld_by == ("contract",)


def test_an_instance_of_no_study_withholds_the_run(tmp_path: Path) -> None:
    tables = to_tables(make_study())
    lost = pa.Table.from_pylist(
        [make_row(number=9, StudyInstanceUID=None)], schema=tables["instances"].schema
    )
    tables["instances"] = pa.concat_tables([tables["instances"], lost])
    result = run_gate(tables, CLEAN_RUN, load_rules(), tmp_path, "run")
    assert result.run_withheld_by == ("contract", "R001")


@pytest.mark.parametrize(
    ("metrics", "withheld_by", "flagged_by"),
    [
        ({"listed": 8, "staged": 5, "unchanged": 2}, ("R090",), ()),
        ({"listed": 8, "staged": 4, "rejected": 2, "unchanged": 2}, (), ("R091",)),
        ({"listed": 90, "staged": 90, "listed_usual": 100}, (), ("R092",)),
        ({"listed": 210, "staged": 210, "listed_usual": 100}, (), ("R092",)),
        ({"listed": 96, "staged": 96, "listed_usual": 100}, (), ()),
        ({"listed": 4, "unchanged": 4, "listed_usual": 0}, (), ()),
        ({}, (), ()),
    ],
)
def test_the_numbers_of_a_run_are_judged(
    metrics: dict[str, float], withheld_by: tuple[str, ...], flagged_by: tuple[str, ...], tmp_path: Path
) -> None:
    result = run_gate(to_tables(make_study()), metrics, FEW_RULES, tmp_path, "run")
    assert (result.run_withheld_by, result.run_flagged_by) == (withheld_by, flagged_by)


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(GateError, match="no such metric of a run: stagd"):
        make_run_table({"stagd": 1.0})


def test_a_lacking_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="series, studies"):
        run_gate({"instances": to_tables(make_study())["instances"]}, {}, load_rules(), tmp_path, "run")


def test_equal_tables_make_equal_pages(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run_gate(to_tables(make_study(PatientSex="X")), CLEAN_RUN, FEW_RULES, tmp_path / name, "run")
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


@pytest.mark.e2e
def test_the_gate_calls_nobody_prints_nothing_and_writes_only_its_pages(tmp_path: Path) -> None:
    """Seen by the interpreter's audit hooks, in a process of its own."""
    program = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from tests.expectations.rows_of import CLEAN_RUN, make_study, to_tables
        from expectations.rules import load_rules

        docs, seen = Path(sys.argv[1]), []

        def watch(event, arguments):
            if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen"):
                seen.append(event)
            writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
            if event == "open" and isinstance(arguments[0], str) and arguments[2] & writes:
                path = Path(arguments[0]).absolute()
                if not path.is_relative_to(docs) and path.suffix != ".pyc" and "__pycache__" not in str(path):
                    seen.append(f"write {path}")
            if event in ("os.mkdir", "os.rename", "os.remove") and "__pycache__" not in str(arguments[0]):
                if not Path(os.fsdecode(arguments[0])).absolute().is_relative_to(docs):
                    seen.append(f"{event} {arguments[0]}")

        sys.addaudithook(watch)
        from expectations.runner import run_gate
        run_gate(to_tables(make_study(PatientSex="X")), CLEAN_RUN, load_rules(), docs, "run")
        if seen:
            sys.exit("; ".join(map(str, seen)))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path / "home")},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "home").exists()
