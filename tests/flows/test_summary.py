from __future__ import annotations

from io import StringIO

from rich.console import Console

from flows.summary import print_summary
from tests.flows.reports import make_report


def test_no_place_is_cut_short_in_a_narrow_terminal() -> None:
    report = make_report(target="/a/rather/long/place/of/some/research/target")
    said = StringIO()
    print_summary(report, Console(file=said, width=60))
    assert "…" not in said.getvalue()
    joined = "".join(line[9:].strip() for line in said.getvalue().splitlines())
    assert f"{report.target}/lineage/{report.run_id}.ndjson" in joined
