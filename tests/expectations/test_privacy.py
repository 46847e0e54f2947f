"""No value of a row leaves the gate: not in a page, a result file, a log, a warning, a print or an error."""

from __future__ import annotations

import html
import json
import logging
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expectations import forms
from expectations.contracts import INSTANCES
from expectations.rules import load_rules
from expectations.runner import GateError, run_gate
from tests.expectations.rows_of import CLEAN_RUN, make_study, to_tables

CANARY = "Canary7f3a"
SCRIPT = "<script>alert('canary7f3a')</script>"
NUMBER = 987654.321
TEXT_COLUMNS = [
    column.name
    for column in INSTANCES.columns
    if str(column.type) == "string" and column.name not in {"StudyInstanceUID", "SOPInstanceUID"}
]
RULES = load_rules()
CONDITIONS = {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}


def plant(value: str) -> list[dict[str, Any]]:
    """Make rows with a value in every text that rules look at, one for each condition they may have."""
    planted = {
        **dict.fromkeys(TEXT_COLUMNS, value),
        "ImageType": [value],
        "ScanningSequence": [value],
        "SequenceVariant": [value],
        "ScanOptions": [value],
        "deidentification_codes": [value],
        "SliceThickness": NUMBER,
        "KVP": NUMBER,
        "PatientWeight": NUMBER,
        "PixelSpacing": [NUMBER, NUMBER],
        "ImageOrientationPatient": [NUMBER] * 6,
        "pixel_bytes": 987654321,
    }
    conditioned = [{name: planted[name] for name in planted if name not in CONDITIONS}, planted]
    return [row | change for change in conditioned for row in make_study()]


def find_canary(text: str) -> list[str]:
    """Find what of a planted value is in a text, however it is written."""
    plain = html.unescape(html.unescape(text)).casefold()
    return [mark for mark in ("canary7f3a", "alert(", "987654") if mark in plain]


def read_all(folder: Path) -> Iterator[str]:
    """Read every file below a folder, JSON also as the texts it decodes to."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes().decode("utf-8", "replace")
            yield content
            if path.suffix == ".json":
                yield json.dumps(json.loads(content), ensure_ascii=False)
        yield str(path.relative_to(folder))


@pytest.mark.parametrize("value", [CANARY, SCRIPT])
def test_no_value_leaves_the_gate(
    value: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        result = run_gate(to_tables(plant(value)), CLEAN_RUN, RULES, tmp_path, "run")
    broken = {outcome.rule_id for outcome in result.outcomes if not outcome.success}
    assert {
        "R002",
        "R003",
        "R016",
        "R017",
        "R012",
        "R013",
        "R021",
        "R022",
        "R024",
        "R030",
        "R032",
        "R050",
        "R062",
    } <= broken
    printed = capfd.readouterr()
    logged = [record.getMessage() + str(record.exc_text) for record in caplog.records]
    said = [*read_all(tmp_path), *logged, printed.out, printed.err, repr(result), *map(str, warned)]
    assert [found for text in said if (found := find_canary(text))] == []


def test_the_search_would_find_a_value(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html.escape(SCRIPT), "utf-8")
    (tmp_path / "result.json").write_text('{"v": "\\u0043anary7f3a"}', "utf-8")
    assert sum(bool(find_canary(text)) for text in read_all(tmp_path)) == 2


@pytest.mark.parametrize("rule_id", ["R022", "R002"])
def test_a_rule_that_cannot_be_evaluated_stops_the_gate_and_tells_no_value(
    rule_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def quote(text: str) -> bool:
        raise ValueError(text)

    caplog.set_level(logging.DEBUG)
    vr = {"R022": "CS", "R002": "UI"}[rule_id]
    monkeypatch.setitem(forms.FORMS, vr, quote)  # type: ignore[arg-type]
    with pytest.raises(GateError, match=f"{rule_id} could not be evaluated on instances") as caught:
        run_gate(to_tables(plant(CANARY)), CLEAN_RUN, RULES, tmp_path, "run")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    printed = capfd.readouterr()
    said = ["".join(traceback.format_exception(caught.value)), caplog.text, printed.out, printed.err]
    assert [found for text in [*said, *read_all(tmp_path)] if (found := find_canary(text))] == []


def test_an_error_of_the_tables_tells_no_value(tmp_path: Path) -> None:
    tables = to_tables(plant(CANARY))
    broken = tables["instances"].set_column(0, CANARY, tables["instances"]["PatientID"])
    with pytest.raises(GateError) as caught:
        run_gate(tables | {"instances": [CANARY]}, CLEAN_RUN, RULES, tmp_path / "a", "run")  # type: ignore[dict-item]
    assert find_canary("".join(traceback.format_exception(caught.value, chain=True))) == []
    result = run_gate(tables | {"instances": broken}, CLEAN_RUN, RULES, tmp_path / "b", "run")
    assert result.run_withheld_by[0] == "contract"
    assert [found for text in read_all(tmp_path) if (found := find_canary(text))] == []
