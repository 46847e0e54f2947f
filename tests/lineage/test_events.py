"""Every event is one OpenLineage's own classes accept, and holds counts, codes and references only."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.event_v2 import RunEvent, RunState
from openlineage.client.serde import Serde

from expectations.contracts import INSTANCES
from tasks.errors import ContractError
from tasks.lineage import events
from tasks.lineage.events import LineageRun
from tasks.lineage.facets import AuditedTable, PublishedFiles, PublishedTable
from tasks.lineage.names import name_batch_run
from tasks.records import BatchReport, Outcome, RunReport
from tests.lineage.openlineage_shapes import read_event

GOLDEN = Path(__file__).with_name("golden_run.json")


@pytest.fixture(name="emitted")
def emit_everything(
    run: LineageRun,
    report: RunReport,
    batch: BatchReport,
    audited: list[AuditedTable],
    published: list[PublishedTable],
    files: PublishedFiles,
) -> list[RunEvent]:
    return [
        events.run_started(run, report.started_at),
        events.batch_started(run, batch.batch_id, batch.started_at),
        events.batch_completed(run, batch),
        events.run_ended(run, report, audited=audited, published=published, files=files),
        events.run_failed(run, report.ended_at, "INTERNAL_ERROR"),
    ]


@pytest.fixture(name="ended")
def emit_end(emitted: list[RunEvent]) -> dict[str, Any]:
    return Serde.to_dict(emitted[3])


def test_openlineage_reads_every_event_back_unchanged(emitted: list[RunEvent]) -> None:
    for event in emitted:
        written = json.loads(Serde.to_json(event))
        assert Serde.to_dict(read_event(written)) == written


def test_events_are_the_golden_ones(emitted: list[RunEvent]) -> None:
    assert [without_schema_versions(Serde.to_dict(event)) for event in emitted] == json.loads(
        GOLDEN.read_text()
    )


def without_schema_versions(node: Any) -> Any:
    """Drop what changes with OpenLineage's release, and shorten the columns to the first three."""
    if isinstance(node, list):
        shortened = node[:3] if node and "ordinal_position" in node[0] else node
        return [without_schema_versions(item) for item in shortened]
    if not isinstance(node, dict):
        return node
    kept = list(node.items())
    if {"PatientID", "StudyInstanceUID"} <= node.keys():
        kept = [(name, item) for name, item in kept if name in {"PatientID", "Modality"}]
    return {
        name: without_schema_versions(item) for name, item in kept if name not in {"schemaURL", "_schemaURL"}
    }


def test_a_batch_names_its_run_as_parent_and_root(
    emitted: list[RunEvent], run: LineageRun, batch: BatchReport
) -> None:
    for event in map(Serde.to_dict, emitted[1:3]):
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == parent["root"]["run"]["runId"] == run.run_id
        assert (parent["job"]["namespace"], parent["job"]["name"]) == ("dicomflow", "clean")
    assert {event.run.runId for event in emitted[1:3]} == {name_batch_run(run.run_id, batch.batch_id)}


def test_a_batch_that_starts_ends_under_the_same_run(
    emitted: list[RunEvent], run: LineageRun, batch: BatchReport
) -> None:
    own = [event for event in emitted if event.run.runId == name_batch_run(run.run_id, batch.batch_id)]
    assert [event.eventType for event in own] == [RunState.START, RunState.COMPLETE]


def test_masking_is_told_of_exactly_the_masked_columns(ended: dict[str, Any]) -> None:
    fields = ended["outputs"][0]["facets"]["columnLineage"]["fields"]
    masked = {
        name for name, field in fields.items() if field["inputFields"][0]["transformations"][0]["masking"]
    }
    assert masked == {"PatientID", "StudyInstanceUID", "SeriesInstanceUID", "StudyDate"}
    assert set(fields) == {column.name for column in INSTANCES.columns if column.tag is not None}


def test_the_schema_is_the_contract(ended: dict[str, Any]) -> None:
    fields = ended["outputs"][0]["facets"]["schema"]["fields"]
    assert [(field["name"], field["type"]) for field in fields] == [
        (column.name, str(column.type)) for column in INSTANCES.columns
    ]


def test_assertions_hang_on_what_the_gate_saw_never_on_what_was_published(ended: dict[str, Any]) -> None:
    asserted = {
        dataset["name"].rpartition("/")[2]: [
            (assertion["name"], assertion["success"], assertion["severity"])
            for assertion in dataset["inputFacets"]["dataQualityAssertions"]["assertions"]
        ]
        for dataset in ended["inputs"][1:]
    }
    assert asserted == {
        "instances": [("R001", False, "error"), ("R030", True, "error")],
        "series": [("R010", False, "warn")],
        "studies": [("R020", True, "info")],
    }
    assert all("staging" in dataset["name"] for dataset in ended["inputs"][1:])
    assert all("dataQualityAssertions" not in str(dataset) for dataset in ended["outputs"])


def test_counts_are_what_the_reports_say(ended: dict[str, Any], emitted: list[RunEvent]) -> None:
    source, instances = ended["inputs"][:2]
    assert source["inputFacets"]["inputStatistics"]["fileCount"] == 46
    assert source["inputFacets"]["inputStatistics"]["size"] == 1_000_000
    metrics = instances["inputFacets"]["dataQualityMetrics"]
    assert metrics["rowCount"] == 40
    assert metrics["columnMetrics"]["SOPClassUID"] == {"count": 37.0, "nullCount": 3, "quantiles": {}}
    statistics = [output["outputFacets"]["outputStatistics"] for output in ended["outputs"]]
    assert [entry["size"] for entry in statistics] == [51_200, 9_000, 900_000]
    assert [entry.get("rowCount") for entry in statistics] == [37, 4, None]
    staged = Serde.to_dict(emitted[2])["outputs"][0]["outputFacets"]["outputStatistics"]
    assert (staged["rowCount"], staged["size"]) == (40, 960_000)


def test_a_run_the_gate_withheld_is_a_failure_with_a_code(run: LineageRun, report: RunReport) -> None:
    withheld = dataclasses.replace(report, outcome=Outcome.WITHHELD)
    event = Serde.to_dict(events.run_ended(run, withheld))
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["errorMessage"]["message"] == "RUN_WITHHELD"


@pytest.mark.parametrize("text", ["could not read DOE^JANE", "/archive/doe", "internal_error", "", "A" * 65])
def test_an_exception_text_is_refused_as_a_code(run: LineageRun, text: str) -> None:
    with pytest.raises(ContractError) as refused:
        events.run_failed(run, "2026-11-21T22:00:00+00:00", text)
    assert not text or text not in str(refused.value)


def test_the_same_reports_make_the_same_bytes(
    run: LineageRun, report: RunReport, audited: list[AuditedTable]
) -> None:
    once, again = (Serde.to_json(events.run_ended(run, report, audited=audited)) for _ in range(2))
    assert once == again


def test_no_facet_that_can_quote_a_value_is_filled(emitted: list[RunEvent]) -> None:
    forbidden = {"min", "max", "sum", "quantiles", "stackTrace", "content", "query", "environmentVariables"}
    for event in emitted:
        assert not [path for path, item in leaves(Serde.to_dict(event)) if set(path) & forbidden and item]


def test_nothing_that_is_handed_in_besides_counts_and_codes_comes_out(
    run: LineageRun, report: RunReport, batch: BatchReport
) -> None:
    """Reasons and phases of a report are no part of lineage: a canary there must not surface."""
    canary = "DOE^JANE"
    spoiled = dataclasses.replace(
        report, docs=canary, reasons={canary: 1}, findings={canary: 1}, modalities={canary: 1}, target=canary
    )
    spoiled_batch = dataclasses.replace(batch, rejects={canary: 1}, findings={canary: 1})
    written = Serde.to_json(events.run_ended(run, spoiled)) + Serde.to_json(
        events.batch_completed(run, spoiled_batch)
    )
    assert canary not in written


def leaves(node: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """List every scalar of parsed JSON with the keys that lead to it."""
    if isinstance(node, dict):
        return [leaf for key, item in node.items() for leaf in leaves(item, (*path, key))]
    if isinstance(node, list):
        return [leaf for item in node for leaf in leaves(item, path)]
    return [(path, node)]


def test_a_run_says_by_which_profile_and_edition_of_the_table_it_went(
    run: LineageRun, report: RunReport
) -> None:
    said = dataclasses.replace(run, profile="research", edition="2025c")
    for event in (events.run_started(said, "2026-11-20T08:00:00+00:00"), events.run_ended(said, report)):
        tags = {tag.key: tag.value for tag in event.run.facets["tags"].tags}
        assert tags.items() >= {"profile": "research", "ps3_15_table_e1_1": "2025c"}.items()
