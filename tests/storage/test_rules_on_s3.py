"""A table of rules that lies in a bucket: a run takes its rules from there, and says which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expectations.repairs import parse_repairs
from expectations.rules import complete_table, load_rules
from tasks.audit import audit
from tasks.errors import ConfigurationError
from tasks.prepare import pin_run
from tests.builders import write_study
from tests.plain import PlainRun

TABLE = b"""\
extends: shipped
rules:
- id: R041
  title: CT has a tube voltage
  description: Without one nothing is released.
  severity: critical
  scope: instance
  condition: {Modality: [CT]}
  expectation: expect_column_values_to_not_be_null
  column: KVP
  owner: imaging-data
  version: 9
repairs:
- {id: x-day-first, VR: DA, attributes: StudyDate, reads: DD/MM/YYYY}
"""


def test_a_run_takes_its_rules_from_a_bucket_and_pins_their_digest(
    tmp_path: Path, bucket: str, boto: Any, s3_options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    boto.put_object(Bucket=bucket, Key="quality/rules.yaml", Body=TABLE)
    options = {"rules": f"s3://{bucket}/quality/rules.yaml", "s3": s3_options}
    write_study(tmp_path / "source", instances=2, KVP=None)
    with PlainRun(tmp_path, monkeypatch, outputs="metadata", options=options) as run:
        pin_run(run.plan, run.settings)
        assert run.store.read(run.staging.rules) == complete_table(TABLE)
        assert [repair.id for repair in parse_repairs(run.plan.repairs)] == ["x-day-first"]
        first = run.plan.fingerprint
        boto.put_object(Bucket=bucket, Key="quality/rules.yaml", Body=b"rules: []")  # an edit while it runs
        run.process(run.discover())
        report = audit.fn(run.plan)
    assert report.rules_digest == load_rules(TABLE).under(run.plan.options).digest
    assert report.studies_withheld == 1
    with (
        pytest.raises(ConfigurationError, match="rules:1"),
        PlainRun(tmp_path, monkeypatch, outputs="metadata", options=options),
    ):
        pass
    boto.put_object(
        Bucket=bucket, Key="quality/rules.yaml", Body=TABLE.replace(b"version: 9", b"version: 10")
    )
    with PlainRun(tmp_path, monkeypatch, outputs="metadata", options=options) as later:
        assert later.plan.fingerprint != first
    boto.delete_object(Bucket=bucket, Key="quality/rules.yaml")
    with (
        pytest.raises(ConfigurationError, match="cannot be read"),
        PlainRun(tmp_path, monkeypatch, outputs="metadata", options=options),
    ):
        pass
