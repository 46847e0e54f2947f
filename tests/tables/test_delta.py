from __future__ import annotations

import json
import platform
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from expectations.contracts import CONTRACTS, FINDINGS, INSTANCES, LEDGER, SERIES, Contract
from tasks.errors import ConfigurationError, ContractError, PipelineError, TransientError
from tasks.tables import delta
from tasks.tables import parquet_files as parquet_files_module
from tasks.tables.delta import StoredTable
from tests.tables.conftest import MakeTable
from tests.tables.rows_of import lacking, rows_of

CANARY = "Doerfler^Janette"


def read_keys(table: StoredTable) -> list[str]:
    return sorted(table.read([table.contract.key[0]]).column(0).to_pylist())


def read_counts(table: StoredTable) -> dict[str, int]:
    rows = table.read(["SeriesInstanceUID", "instance_count"]).to_pylist()
    return {row["SeriesInstanceUID"]: row["instance_count"] for row in rows}


def log_entries(table: StoredTable) -> list[dict[str, object]]:
    logs = sorted(Path(table.uri, "_delta_log").glob("*.json"))
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def parquet_files(table: StoredTable) -> list[Path]:
    return sorted(Path(table.uri).glob("*.parquet"))


def test_a_table_that_is_not_there_reads_as_empty(make_table: MakeTable) -> None:
    table = make_table(INSTANCES)
    assert table.read().num_rows == 0
    assert table.read().schema == INSTANCES.arrow_schema()
    assert table.find_commit("run-1") is None


def test_a_table_has_the_checkpoint_that_readers_ask_for_first(tmp_path: Path) -> None:
    table = StoredTable(str(tmp_path / "series"), None, SERIES)
    table.append(rows_of(SERIES, ["a"]), "run-1")
    hint = Path(table.uri, "_delta_log", "_last_checkpoint")
    assert json.loads(hint.read_text())["version"] == 0
    hint.write_bytes(b"")  # what follows must not make it anew at each commit
    table.append(rows_of(SERIES, ["b"]), "run-2")
    assert hint.read_bytes() == b""
    assert read_keys(table) == ["a", "b"]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_rows_come_back_as_they_went(local_table: MakeTable, contract: Contract) -> None:
    rows = rows_of(contract, ["a", "b"])
    table = local_table(contract)
    table.append(rows, "run-1")
    assert table.read().sort_by(contract.key[0]).to_pylist() == rows.to_pylist()
    assert table.read().schema == contract.arrow_schema()


def test_two_appends_of_one_run_land_once(make_table: MakeTable) -> None:
    table = make_table(SERIES)
    assert table.append(rows_of(SERIES, ["a", "b"]), "run-1")
    assert not table.append(rows_of(SERIES, ["a", "b"]), "run-1")
    assert table.append(rows_of(SERIES, ["c"]), "run-2")
    assert read_keys(table) == ["a", "b", "c"]


APPEND_AND_DIE = """
import os, signal, sys
import pyarrow as pa
from expectations.contracts import SERIES
from tasks.tables import delta
from tasks.tables.delta import StoredTable
table, rows = StoredTable(sys.argv[1], None, SERIES), pa.ipc.open_stream(sys.argv[2]).read_all()
table.append(rows, "run-1")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_publish_killed_after_its_commit_lands_once(local_table: MakeTable, tmp_path: Path) -> None:
    table, rows = local_table(SERIES), rows_of(SERIES, ["a"])
    with pa.ipc.new_stream(str(tmp_path / "rows"), rows.schema) as stream:
        stream.write_table(rows)
    command = [sys.executable, "-c", APPEND_AND_DIE, table.uri, str(tmp_path / "rows")]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not table.append(rows_of(SERIES, ["a"]), "run-1")
    assert read_keys(table) == ["a"]


def test_appends_of_four_runs_at_once_all_land(make_table: MakeTable) -> None:
    table = make_table(SERIES)

    def append(number: int) -> bool:
        return table.append(rows_of(SERIES, [f"{number}-{row}" for row in range(5)]), f"run-{number}")

    with ThreadPoolExecutor(4) as runs:
        assert all(runs.map(append, range(4)))
    assert read_keys(table) == sorted(f"{number}-{row}" for number in range(4) for row in range(5))


def test_many_tables_are_one_commit(make_table: MakeTable) -> None:
    table = make_table(SERIES)
    table.append((rows_of(SERIES, [f"{number}"]) for number in range(5)), "run-1")
    table.append(rows_of(SERIES, ["a"]), "run-2")
    commit = table.find_commit("run-1")
    assert commit is not None
    assert (commit.version, commit.rows, commit.files) == (1, 5, 1)
    assert table.find_commit("run-3") is None


def test_a_commit_tells_the_size_of_its_files(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a"]), "run-1")
    commit = table.find_commit("run-1")
    assert commit is not None
    assert commit.size_bytes == parquet_files(table)[0].stat().st_size


def test_a_run_without_rows_leaves_its_mark(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    assert table.append([], "run-1")
    assert not table.append(rows_of(SERIES, ["a"]), "run-1")


@pytest.fixture(params=["few", "many"])
def any_upsert(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take both ways to upsert, by a list of keys and by a join, with the same few rows."""
    if request.param == "many":
        monkeypatch.setattr(delta, "_LISTED_KEYS", 0)


@pytest.mark.usefixtures("any_upsert")
def test_upsert_replaces_by_key_and_adds_the_rest(make_table: MakeTable) -> None:
    table = make_table(SERIES)
    table.append(rows_of(SERIES, ["a", "b'"], instance_count=1), "run-1")
    assert table.upsert(rows_of(SERIES, ["b'", "c"], instance_count=2), "run-2")
    assert not table.upsert(rows_of(SERIES, ["b'", "c"], instance_count=3), "run-2")
    assert read_counts(table) == {"a": 1, "b'": 2, "c": 2}


@pytest.mark.usefixtures("any_upsert")
def test_upsert_makes_the_table_where_there_is_none(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.upsert(rows_of(SERIES, ["a"], instance_count=1), "run-1")
    assert read_counts(table) == {"a": 1}


def test_an_upsert_of_no_rows_changes_none(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a"], instance_count=1), "run-1")
    assert table.upsert(rows_of(SERIES, []), "run-2")
    assert read_counts(table) == {"a": 1}


def test_more_keys_than_a_predicate_can_list_are_upserted(local_table: MakeTable) -> None:
    table, keys = local_table(FINDINGS), [f"{number}" for number in range(6000)]
    one_key = replace(table, contract=replace(FINDINGS, key=("source_ref",)))
    one_key.append(rows_of(FINDINGS, keys, code="OLD"), "run-1")
    one_key.upsert(rows_of(FINDINGS, keys, code="NEW"), "run-2")
    assert one_key.read(["code"])["code"].to_pylist() == ["NEW"] * 6000


def test_upsert_merges_on_every_column_of_the_key(local_table: MakeTable) -> None:
    table = local_table(FINDINGS)
    table.append(rows_of(FINDINGS, ["a"], path="one"), "run-1")
    table.upsert(rows_of(FINDINGS, ["a"], path="two"), "run-2")
    assert sorted(table.read(["path"])["path"].to_pylist()) == ["one", "two"]


def test_a_run_may_append_and_upsert_each_once(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    for _ in range(2):
        table.append(rows_of(SERIES, ["a"], instance_count=1), "run-1")
        table.upsert(rows_of(SERIES, ["b"], instance_count=2), "run-1")
    assert read_counts(table) == {"a": 1, "b": 2}
    commit = table.find_commit("run-1")
    assert commit is not None
    assert (commit.version, commit.rows) == (2, 2)


@pytest.mark.usefixtures("any_upsert")
def test_upserts_of_two_runs_at_once_both_land(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a"], instance_count=0), "run-0")

    def upsert(number: int) -> bool:
        return table.upsert(rows_of(SERIES, ["a", f"{number}"], instance_count=number), f"run-{number}")

    with ThreadPoolExecutor(2) as runs:
        assert all(runs.map(upsert, (1, 2)))
    counts = read_counts(table)
    assert counts.pop("a") in (1, 2)
    assert counts == {"1": 1, "2": 2}


def test_upsert_refuses_a_key_that_occurs_twice(local_table: MakeTable) -> None:
    with pytest.raises(ContractError, match="same key twice"):
        local_table(SERIES).upsert(rows_of(SERIES, ["a", "a"]), "run-1")


def test_tables_that_come_one_by_one_are_upserted_like_one(make_table: MakeTable) -> None:
    table = make_table(SERIES)
    assert table.upsert((rows_of(SERIES, [key]) for key in "ab"), "run-1")
    later = (rows_of(SERIES, list(keys), instance_count=2) for keys in ("bc", "d"))
    assert table.upsert(later, "run-2")
    assert read_counts(table) == {"a": 1, "b": 2, "c": 2, "d": 2}
    assert not table.upsert(iter([rows_of(SERIES, ["a"], instance_count=9)]), "run-2")
    assert read_counts(table)["a"] == 1
    commit = table.find_commit("run-2")
    assert commit is not None
    assert commit.rows == 3


def test_an_upsert_that_died_between_its_commits_is_finished(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.upsert(rows_of(SERIES, ["a"]), "run-1")
    table.append(rows_of(SERIES, ["b"], instance_count=2), "run-2")
    again = (rows_of(SERIES, [key], instance_count=2) for key in "ab")
    assert table.upsert(again, "run-2")
    assert read_counts(table) == {"a": 2, "b": 2}


def test_tables_that_come_one_by_one_may_not_hold_a_key_twice(local_table: MakeTable) -> None:
    with pytest.raises(ContractError, match="same key twice"):
        local_table(SERIES).upsert(iter([rows_of(SERIES, ["a", "a"])]), "run-1")


def test_rows_can_be_chosen_as_they_are_read(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a", "b"]), "run-1")
    chosen = table.read(["Modality"], {"SeriesInstanceUID": pa.array(["b", "c"])})
    assert chosen.to_pylist() == [{"Modality": "text"}]


def test_nothing_is_chosen_of_no_values(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a", "b"]), "run-1")
    assert table.read(where={"SeriesInstanceUID": pa.array([], pa.string())}).num_rows == 0


def test_a_file_that_cannot_be_read_is_worth_a_retry_and_named_nowhere(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a"]), "run-1")
    parquet_files(table)[0].unlink()
    with pytest.raises(TransientError, match="storage failed") as raised:
        table.read()
    assert raised.value.__context__ is None


def test_a_later_nullable_column_is_added_and_null_in_old_rows(make_table: MakeTable) -> None:
    old = lacking(SERIES, "slice_shear_deg", "BodyPartExamined")
    table = make_table(old)
    table.append(rows_of(old, ["a"]), "run-1")
    newer = replace(table, contract=SERIES)
    assert newer.read(["slice_shear_deg"]).to_pylist() == [{"slice_shear_deg": None}]
    newer.append(rows_of(SERIES, ["b"]), "run-2")
    rows = newer.read(["SeriesInstanceUID", "slice_shear_deg"]).sort_by("SeriesInstanceUID")
    assert rows["slice_shear_deg"].to_pylist() == [None, 0.5]


def test_a_later_column_that_may_not_be_null_is_refused(local_table: MakeTable) -> None:
    old = lacking(SERIES, "instance_count")
    table = local_table(old)
    table.append(rows_of(old, ["a"]), "run-1")
    with pytest.raises(ContractError, match="may not be null"):
        replace(table, contract=SERIES).append(rows_of(SERIES, ["b"]), "run-2")


def test_a_reworded_meaning_stops_no_append(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a"]), "run-1")
    reworded = tuple(column._replace(meaning="Other words.") for column in SERIES.columns)
    later = replace(table, contract=replace(SERIES, columns=reworded))
    assert later.append(rows_of(later.contract, ["b"]), "run-2")
    assert later.upsert(rows_of(later.contract, ["a"]), "run-2")


def test_the_table_explains_its_columns(local_table: MakeTable) -> None:
    table = local_table(SERIES)
    table.append(rows_of(SERIES, ["a"]), "run-1")
    fields = {field.name: field.metadata for field in DeltaTable(table.uri).schema().fields}
    assert fields["Modality"]["tag"] == "(0008,0060)"
    assert all(fields[column.name]["meaning"] == column.meaning for column in SERIES.columns)


def whole_chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_an_error_quotes_no_row(local_table: MakeTable) -> None:
    broken = rows_of(SERIES, ["a"], Modality=CANARY).to_pylist()
    broken[0]["instance_count"] = None
    rows = pa.Table.from_pylist(
        broken, pa.schema([field.with_nullable(True) for field in SERIES.arrow_schema()])
    )
    table = local_table(SERIES)
    for write in (table.append, table.upsert):
        with pytest.raises(ContractError) as raised:
            write(rows, "run-1")
        assert not any(CANARY in str(error) for error in whole_chain(raised.value))
    assert table.read().num_rows == 0


def test_a_source_that_fails_for_a_while_leaves_nothing_and_stays_transient(local_table: MakeTable) -> None:
    def rows() -> Iterator[pa.Table]:
        yield rows_of(SERIES, ["a"])
        raise TransientError("the part could not be read")

    table = local_table(SERIES)
    with pytest.raises(TransientError, match="the part could not be read"):
        table.append(rows(), "run-1")
    assert table.read().num_rows == 0
    assert table.append(rows_of(SERIES, ["a"]), "run-1")


def test_a_disk_that_is_full_is_worth_a_retry(
    local_table: MakeTable, capfd: pytest.CaptureFixture[str]
) -> None:
    table = local_table(INSTANCES)
    table.append([], "run-0")
    big = rows_of(INSTANCES, ["a"], header=secrets.token_hex(1 << 18))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(TransientError, match="check space"):
            table.append(big, "run-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        capfd.readouterr()  # a thread of deltalake's prints that it was shut down
    assert table.append(big, "run-1")
    assert read_keys(table) == ["a"]


@pytest.mark.parametrize("name", ["a[1]", "a^b", "a|b", "a?b", "a\\b", "a%41b", "a\nb"])
def test_a_place_that_delta_cannot_address_is_refused_before_anything_is_done(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigurationError, match="choose another target"):
        StoredTable(str(tmp_path / name), None, SERIES)


@pytest.mark.parametrize("name", ["with space", "100%", "a#b", "é", "a'b", "{a}", "患者"])
def test_other_names_are_no_trouble(tmp_path: Path, name: str) -> None:
    table = StoredTable(str(tmp_path / name), None, SERIES)
    table.append(rows_of(SERIES, ["a"]), "run-1")
    assert read_keys(table) == ["a"]
    assert (tmp_path / name / "_delta_log").is_dir()


def test_a_place_that_cannot_be_written_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PipelineError) as raised:
        StoredTable(str(tmp_path / "file" / "series"), None, SERIES).append(rows_of(SERIES, ["a"]), "run-1")
    assert isinstance(raised.value, ConfigurationError | TransientError)


def test_the_log_names_no_path_no_host_and_no_uri(local_table: MakeTable, tmp_path: Path) -> None:
    table = local_table(LEDGER)
    table.append(rows_of(LEDGER, [f"file:///{CANARY}"]), "run-1")
    table.upsert(rows_of(LEDGER, [f"file:///{CANARY}"]), "run-2")
    log = json.dumps(log_entries(table))
    for secret in (CANARY, str(tmp_path), platform.node()):
        assert secret not in log
    assert "run-1" in log


def test_ranges_are_kept_of_what_queries_select_by_and_of_nothing_else(local_table: MakeTable) -> None:
    table = local_table(LEDGER)
    table.append(rows_of(LEDGER, ["file:///a"]), "run-1")
    added = [entry["add"] for entry in log_entries(table) if "add" in entry]
    stats = json.loads(added[0]["stats"])  # type: ignore[index]
    assert set(stats["minValues"]) == {
        *("run_id", "batch_id", "recorded_at"),
        *("SOPInstanceUID", "StudyInstanceUID"),
    }
    group = pq.read_metadata(parquet_files(table)[0]).row_group(0)
    with_statistics = {
        group.column(index).path_in_schema
        for index in range(group.num_columns)
        if group.column(index).statistics is not None
    }
    assert with_statistics == set(stats["minValues"])


def test_equal_rows_make_equal_files(tmp_path: Path) -> None:
    tables = [StoredTable(str(tmp_path / name), None, INSTANCES) for name in ("one", "two")]
    for number, table in enumerate(tables):
        table.append(rows_of(INSTANCES, ["a", "b"]), f"run-{number}")
    first, second = (parquet_files(table)[0].read_bytes() for table in tables)
    assert first == second


def test_row_groups_stay_small(local_table: MakeTable) -> None:
    table = local_table(FINDINGS)
    table.append((rows_of(FINDINGS, [str(row) for row in range(5000)]) for _ in range(2)), "run-1")
    metadata = pq.read_metadata(parquet_files(table)[0])
    sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    assert sum(sizes) == 10_000
    assert max(sizes) == 2048


def test_a_large_append_is_cut_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files_module, "FILE_BYTES", 1)
    table = StoredTable(str(tmp_path / "table"), None, FINDINGS)
    table.append((rows_of(FINDINGS, [f"{part}-{row}" for row in range(3000)]) for part in range(3)), "run-1")
    assert len(parquet_files(table)) == 3
    assert len(table.read(["source_ref"])) == 9000
    commit = table.find_commit("run-1")
    assert commit is not None
    assert (commit.rows, commit.files) == (9000, 3)


def test_credentials_are_not_shown() -> None:
    table = StoredTable("s3://bucket/key", {"AWS_SECRET_ACCESS_KEY": CANARY}, SERIES)
    assert CANARY not in repr(table)
