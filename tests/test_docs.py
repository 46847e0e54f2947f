"""The pages are made from what lies in the target, in a folder and behind S3's static host alike."""

from __future__ import annotations

import dataclasses
import json
from urllib.parse import urljoin
from urllib.request import urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tasks import layout
from tasks.attempts import Begun, End, Ended
from tasks.docs import REVIEW_NAME, rewrite_docs
from tasks.errors import ConfigurationError
from tasks.history import report_key
from tasks.reasons import REASONS
from tasks.records import Outcome, RunKind, RunReport
from tasks.site.review import Review, Section
from tasks.staged import dump_record
from tasks.storage.store import Store, open_store
from tests.site.html_tree import read_page

FIRST, SECOND = "01993e0c-6a52-7c41-9a6e-0d6f6a1b2c3d", "01993e0d-6a52-7c41-9a6e-0d6f6a1b2c3d"

READ_BY_ALL = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::research/*"}
    ],
}
"""What makes a bucket a static host."""

REPORT = RunReport(
    run_id=FIRST,
    outcome=Outcome.PUBLISHED,
    listed=3,
    published=3,
    withheld=0,
    quarantined=0,
    duplicate=0,
    unchanged=0,
    reasons={},
    findings={"BAD_DATE": 2},
    seconds={"process": 1.0},
    bytes_read=10,
    bytes_written=9,
    docs="",
    target="/cleaned",
    started_at="2026-11-20T22:00:00+00:00",
    ended_at="2026-11-20T22:01:00+00:00",
)


def fill(store: Store) -> None:
    for number, run_id in enumerate((FIRST, SECOND)):
        report = dataclasses.replace(REPORT, run_id=run_id, started_at=f"2026-11-2{number}T22:00:00+00:00")
        store.write(report_key(run_id), dump_record(report))
    review = Review(described=(Section("Removed", (("Names", "all of them"),)),))
    store.write(f"{layout.RUNS}/{SECOND}/{REVIEW_NAME}", dump_record(review))
    for page in ("index.html", "index.zh.html"):
        store.write(f"{layout.RUNS}/{SECOND}/validation/{page}", b"<p>Data Docs</p>")
    store.write(f"{layout.LINEAGE}/{SECOND}.ndjson", b"{}\n")


def test_the_pages_are_made_again_from_reports_and_reviews(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("target")
    store = open_store(str(folder), {})
    fill(store)
    assert rewrite_docs(store) == 2
    latest = read_page((folder / f"docs/runs/{SECOND}/index.html").read_text())
    described = next(node for node in latest.all("dl") if node.attributes.get("class") == "described")
    assert [node.words for node in described.all("dt", "dd")] == ["Names", "all of them"]
    links = {a.attributes["href"] for a in latest.all("a")}
    assert {"validation/index.html", f"../../../lineage/{SECOND}.ndjson", f"../{FIRST}/index.html"} <= links
    first = read_page((folder / f"docs/runs/{FIRST}/index.zh.html").read_text())
    assert "验证文档" not in [a.words for a in first.all("dl")[-1].all("a")]
    assert REASONS["BAD_DATE"].message_zh in first.words

    before = {path: path.read_bytes() for path in folder.rglob("*.html")}
    rewrite_docs(store)
    assert {path: path.read_bytes() for path in folder.rglob("*.html")} == before


def test_attempts_that_left_no_report_are_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("target")
    store = open_store(str(folder), {})
    fill(store)
    begun = Begun(SECOND, SECOND, RunKind.CLEAN, "2026-11-22T22:00:00+00:00")
    ends = {FIRST: End(Ended.FAILED, "", "TransientError"), SECOND: None, "0": End(Ended.FINISHED, "")}
    for attempt_id, end in ends.items():
        store.write(f"{layout.ATTEMPTS}/{attempt_id}.begun.json", dump_record(begun))
        if end is not None:
            store.write(f"{layout.ATTEMPTS}/{attempt_id}.ended.json", dump_record(end))
    rewrite_docs(store)
    table = read_page((folder / "docs/index.html").read_text()).all("table")[-1]
    assert [row.words for row in table.all("tr")][1:] == ["22 Nov 2026, 22:00 UTC Run failed TransientError"]


def test_a_target_without_a_run_has_no_pages(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ConfigurationError, match="no report of a run"):
        rewrite_docs(open_store(str(tmp_path_factory.mktemp("target")), {}))


def test_a_static_host_in_front_of_s3_serves_every_page_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        client = boto3.client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket="research")
        client.put_bucket_policy(Bucket="research", Policy=json.dumps(READ_BY_ALL))
        store = open_store("s3://research/a/target", {"endpoint_url": endpoint})
        fill(store)
        rewrite_docs(store)
        start = f"{endpoint}/research/a/target/docs/index.html"
        kinds: dict[str, str] = {}
        left = [start]
        while left:
            url = left.pop()
            if url in kinds:
                continue
            with urlopen(url) as answer:  # noqa: S310 - our own server on loopback
                kinds[url] = answer.headers["Content-Type"]
                body = answer.read()
            if url.endswith(".html"):
                nodes = read_page(body.decode()).all("a", "link")
                hrefs = [node.attributes["href"].partition("#")[0] for node in nodes]
                left += [urljoin(url, href) for href in hrefs if href and not href.startswith("data:")]
    finally:
        server.stop()
    expected = {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "json": "application/json",
        "ndjson": "application/x-ndjson",
    }
    assert {(url.rpartition(".")[2], kind) for url, kind in kinds.items()} == set(expected.items())
    assert len(kinds) == 14
    assert all(url.startswith(f"{endpoint}/research/a/target/") for url in kinds)
