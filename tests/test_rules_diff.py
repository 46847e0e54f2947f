from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from expectations.rules import DEFAULT_RULES, load_rules
from tasks import emit as emit_module
from tasks.audit import audit
from tasks.emit import emit
from tasks.publish import publish
from tasks.rules_diff import diff_rules, rules_in_force
from tasks.tables import buckets
from tests.builders import write_study
from tests.plain import PlainRun

KEPT = ("R003", "R010", "R017", "R030", "R041", "R090", "R093")


def table(**severities: str) -> bytes:
    """Make a table of a few shipped rules, some under another severity, and R030 with other bounds."""
    document = yaml.safe_load(DEFAULT_RULES.read_bytes())
    document["rules"] = [rule for rule in document["rules"] if rule["id"] in KEPT]
    for rule in document["rules"]:
        rule["severity"] = severities.get(rule["id"], rule["severity"])
        if rule["id"] == "R030" and "R030" in severities:
            rule["kwargs"]["max_value"] = 100
    encoded: bytes = yaml.safe_dump(document).encode()
    return encoded


@pytest.mark.e2e
def test_a_diff_names_the_studies_that_change_rule_by_rule_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit_module, "leave_artifact", lambda report: None)  # noqa: ARG005
    (tmp_path / "rules.yaml").write_bytes(table(R041="critical"))
    for study in (1, 2, 3):
        write_study(tmp_path / "source", study=study, patient=study, instances=2)
    write_study(tmp_path / "source", study=4, patient=4, instances=2, KVP="90")
    write_study(tmp_path / "source", study=5, patient=5, instances=2, KVP=None)
    with PlainRun(
        tmp_path, monkeypatch, options={"rules": str(tmp_path / "rules.yaml")}, outputs="metadata"
    ) as run:
        run.process(run.discover())
        verdicts = audit.fn(run.plan)
        publish.fn(run.plan)
        report = emit.fn(run.plan, verdicts, {})
    assert (report.published, report.withheld) == (8, 2)
    assert rules_in_force(run.store).digest == report.rules_digest
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "target").rglob("*")}
    new = load_rules(table(R030="critical", R041="warning"))
    found = diff_rules(run.store, new)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "target").rglob("*")} == before
    assert found.rows == 10
    assert found.verdicts == {"passed to withheld": 3, "withheld to flagged": 1}
    assert {change.newly for change in found.studies if change.before == "passed"} == {("R030",)}
    high, missing = found.rules["R030"], found.rules["R041"]
    assert (high.rows_before, high.rows_after, high.studies_after) == (0, 6, 3)
    assert (missing.rows_before, missing.rows_after) == (2, 2)
    monkeypatch.setattr(buckets, "BUCKET_ROWS", 3)
    assert diff_rules(run.store, new).verdicts == found.verdicts
    same = diff_rules(run.store, load_rules(table(R041="critical")))
    assert (same.rules, same.verdicts) == ({}, {})
