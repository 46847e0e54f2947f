from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from tasks.notify import Message, is_worth_telling, make_message, notify, telling_of_failures
from tasks.records import Drifted, Outcome, RuleResult, RunPlan
from tests.flows.reports import make_report

PLAN = RunPlan("run", "file:///source", "ref", "/target", (), "research", "", "", "")
BROKEN = RuleResult(
    "R067", "No slice is missing", "warning", "series", "expectation", "missing_slices", False, 4, 1, 25
)
DRIFT = Drifted("R094", "null_rate_after", "values", "instance", "KVP", "CT", 0.5, 0.0, 0.5, 9.0)


class Receiver(HTTPServer):
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeper)
        self.got: list[dict[str, Any]] = []


class Keeper(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_message_has_counts_rule_ids_and_a_link() -> None:
    report = make_report(
        outcome=Outcome.PARTLY_WITHHELD,
        published=7,
        withheld=2,
        rules=(BROKEN,),
        flagged_by=("R094",),
        drifted=(DRIFT,),
    )
    subject, body = make_message(report, PLAN)
    assert subject == "dicomflow: partly withheld, not as usual"
    assert "9 listed: 7 published, 2 withheld" in body
    assert "R094, R067." in body
    assert body.endswith(f"file:///target/docs/runs/{report.run_id}/index.html")


def test_a_drift_is_told_though_all_was_published() -> None:
    subject, body = make_message(make_report(published=7, drifted=(DRIFT,)), PLAN)
    assert subject == "dicomflow: published, not as usual"
    assert "Rules broken: R094." in body
    assert "Not as usual: 1 metrics" in body
    assert "KVP" not in body


def test_only_runs_that_somebody_should_look_at_are_told() -> None:
    assert not is_worth_telling(make_report())
    assert not is_worth_telling(make_report(outcome=Outcome.NOTHING_NEW))
    assert is_worth_telling(make_report(outcome=Outcome.PARTLY_WITHHELD))
    assert is_worth_telling(make_report(drifted=(DRIFT,)))


@pytest.mark.e2e
def test_a_block_named_in_the_settings_reaches_its_receiver(receiver: Receiver, caplog: Any) -> None:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        CustomWebhookNotificationBlock(
            name="receiver",
            url=f"http://127.0.0.1:{receiver.server_port}/",
            json_data={"title": "{{subject}}", "text": "{{body}}"},
            allow_private_urls=True,
        ).save("receiver")
        message = make_message(make_report(outcome=Outcome.WITHHELD, withheld_by=("R090",)), PLAN)
        assert notify.fn(message, "custom-webhook/receiver")
        assert [post["title"] for post in receiver.got] == ["dicomflow: withheld"]
        assert "R090" in receiver.got[0]["text"]
        with pytest.raises(ValueError, match="secret"), telling_of_failures("custom-webhook/receiver"):
            raise ValueError("secret of a patient")
        assert "secret" not in json.dumps(receiver.got[1])
        with caplog.at_level(logging.WARNING):
            assert not notify.fn(Message("a", "b"), "custom-webhook/nobody")
        assert "check the setting notify_block" in caplog.text
    assert not notify.fn(message, None)
