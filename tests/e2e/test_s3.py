"""Source and target on a real S3 server, undisturbed and behind a proxy that fails on purpose."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import boto3
import pytest

from flows.move_on_workers import move_on_workers
from flows.workers import local_scheduler_ahead
from tasks.audit import audit
from tasks.emit import emit
from tasks.move import move_share
from tasks.publish import publish
from tasks.reidentify import Vault
from tasks.settings import Settings
from tasks.storage.requests import count_requests_of_process
from tasks.storage.s3_store import S3Store
from tasks.storage.store import open_store
from tasks.target import stored
from tests.builders import KEY_TEXT, ct_instance, part10
from tests.e2e.runs import Place, clean, command, files_of
from tests.peers.ceph import ACCESS_KEY, SECRET_KEY, Gateway, s3_environment
from tests.peers.haproxy import FaultProxy
from tests.plain import PlainRun
from tests.test_replay import end

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

INSTANCES = 24
PIXELS = {"Rows": 512, "Columns": 512, "PixelData": bytes(512 * 512 * 2)}
"""Slices of the usual size, so that what is read of them says something."""


SAVE_BLOCK = """
import os
from prefect.blocks.system import Secret
names = {"aws_access_key_id": "S3_ACCESS_KEY", "aws_secret_access_key": "S3_SECRET_KEY"}
Secret(value={name: os.environ[variable] for name, variable in names.items()}).save("bucket")
"""


@dataclass(frozen=True)
class Cloud:
    """A gateway with a source in it, and what a run from it to it gave undisturbed."""

    client: Any
    place: Place
    report: dict[str, Any]

    def files(self, prefix: str) -> dict[str, bytes]:
        """Objects of the bucket `research` below a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="research", Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {
            key.removeprefix(prefix): self.client.get_object(Bucket="research", Key=key)["Body"].read()
            for key in keys
        }


@pytest.fixture(scope="module")
def cloud(gateway: Gateway, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in gateway.environment.items():
            patch.setenv(name, value)
        client = boto3.Session().client("s3")
        for bucket in ("raw", "research"):
            client.create_bucket(Bucket=bucket)
        place = Place(tmp_path_factory.mktemp("cloud"))
        place.source.mkdir()
        for instance in range(1, INSTANCES + 1):
            data = part10(ct_instance(instance=instance, study=1 + instance % 3, **PIXELS))
            (place.source / f"{instance}.dcm").write_bytes(data)
            client.put_object(Bucket="raw", Key=f"landing/{instance:02d}.dcm", Body=data)
        environment = place.environment(S3_ACCESS_KEY=ACCESS_KEY, S3_SECRET_KEY=SECRET_KEY)
        subprocess.run([sys.executable, "-c", SAVE_BLOCK], env=environment, check=True, timeout=120)
        with pytest.MonkeyPatch.context() as without:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                without.delenv(name)
            report = clean(
                place,
                *("--workers", "1", "--identities"),
                source="s3://raw/landing",
                target="s3://research/calm",
                DICOMFLOW_S3__CREDENTIALS_BLOCK="bucket",
            )
        yield Cloud(client, place, report)


@pytest.fixture
def no_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs whose verbs the test calls itself, beside those of the command: they know no Prefect."""
    monkeypatch.setattr("tasks.emit.leave_artifact", lambda report: None)  # noqa: ARG005


@pytest.mark.usefixtures("no_artifacts")
def test_from_bucket_to_bucket_is_the_same_as_from_folder_to_folder(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = cloud.report
    assert (report["exit_code"], report["published"], report["retries"]) == (0, INSTANCES, 0), report
    assert SECRET_KEY not in json.dumps(report)
    assert not any(SECRET_KEY.encode() in body for body in cloud.files("calm/").values())
    with PlainRun(cloud.place.root, monkeypatch) as run:
        assert end(run).published == INSTANCES
    written = cloud.files("calm/")
    folder = "published/dicom/"
    bodies = {key.removeprefix(folder): body for key, body in written.items() if key.startswith(folder)}
    assert bodies == files_of(cloud.place.target)
    page = cloud.client.head_object(Bucket="research", Key="calm/docs/index.html")
    assert page["ContentType"].startswith("text/html")
    assert not [key for key in written if key.startswith("staging/")]
    rows = stored(open_store("s3://research/calm", {}), "published/instances").read()
    assert rows.num_rows == INSTANCES


def test_a_patient_is_looked_up_and_forgotten_in_a_bucket(cloud: Cloud) -> None:
    vault = Vault(Settings(target="s3://research/calm", key=KEY_TEXT))
    (patient,) = [one for one in vault.look_up("MRN-4711001") if one.kind == "patient"]
    assert patient.pseudonym in {key.split("/")[0] for key in cloud.files("calm/published/dicom/")}
    before = cloud.files("calm/restricted/identities/")
    assert vault.forget(patient.pseudonym).records == 1 + 3 + 3 + INSTANCES
    assert before
    assert cloud.files("calm/restricted/identities/") == {}
    assert vault.forget(patient.pseudonym).records == 0


def test_a_second_run_finds_nothing_new(cloud: Cloud) -> None:
    again = clean(cloud.place, "--identities", source="s3://raw/landing", target="s3://research/calm")
    assert (again["outcome"], again["bytes_read"]) == ("nothing new", 0)


def test_of_two_commands_at_once_one_is_refused_and_nothing_is_done_twice(cloud: Cloud) -> None:
    arguments = ("clean", "s3://raw/landing", "s3://research/twice", "--json", "--workers", "1")
    runs = [
        subprocess.Popen(
            command(*arguments),
            env=cloud.place.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    ended = sorted(
        ((run.communicate(timeout=280)[0], run.returncode) for run in runs), key=lambda end: end[1]
    )
    assert [code for _, code in ended] == [0, 2], ended
    assert b"Another run holds this target" in ended[1][0]
    assert cloud.files("twice/published/dicom/") == cloud.files("calm/published/dicom/")
    for table in ("published/instances", "restricted/ledger"):
        assert stored(open_store("s3://research/twice", {}), table).read().num_rows == INSTANCES


def test_what_is_missing_altered_or_extra_in_a_bucket_is_found(cloud: Cloud) -> None:
    def verify() -> tuple[dict[str, Any], int]:
        done = subprocess.run(
            command("verify", "s3://research/harmed", "--json"),
            env=cloud.place.environment(DICOMFLOW_KEY=""),
            capture_output=True,
            timeout=120,
            check=False,
        )
        return json.loads(done.stdout), done.returncode

    for key, data in cloud.files("calm/").items():
        cloud.client.put_object(Bucket="research", Key=f"harmed/{key}", Body=data)
    intact, code = verify()
    assert (intact["problems"], intact["files"], code) == ({}, INSTANCES, 0)
    first, second, *_ = cloud.files("harmed/published/dicom/").items()
    place = "harmed/published/dicom/"
    cloud.client.delete_object(Bucket="research", Key=place + first[0])
    cloud.client.put_object(Bucket="research", Key=place + second[0], Body=second[1][:-1] + b"x")
    cloud.client.put_object(Bucket="research", Key=f"{place}2.25.1/2.25.2/2.25.3/2.25.4.dcm", Body=second[1])
    harmed, code = verify()
    assert code == 5
    assert harmed["problems"] == {"file missing": 1, "file altered": 1, "file extra": 1}


@pytest.mark.usefixtures("no_artifacts")
def test_metadata_are_had_for_a_twentieth_of_the_bytes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = count_requests_of_process()
    with PlainRun(tmp_path, monkeypatch, outputs="metadata", options={"source": "s3://raw/landing"}) as run:
        report = end(run)
    assert report.published == INSTANCES
    assert report.bytes_in_source == sum(path.stat().st_size for path in cloud.place.source.iterdir())
    assert report.bytes_read <= 0.05 * report.bytes_in_source
    assert (count_requests_of_process() - before).requests <= INSTANCES + 5


def _die(*_: object) -> None:
    os._exit(1)


def _take_the_scheduler_along(*_: object) -> None:
    os.kill(int(os.environ["SCHEDULER"]), signal.SIGKILL)
    time.sleep(60)


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """A scheduler and a worker that no run of ours started; the worker knows how to kill the scheduler."""
    dask = str(Path(sys.executable).parent / "dask")
    where = folder / "scheduler.json"
    with ExitStack() as stack:

        def start(*arguments: str, **more: str) -> int:
            process = subprocess.Popen(
                [dask, *arguments], env={**os.environ, **more}, cwd=Path.cwd(), stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process.pid

        options = ("--scheduler-file", str(where))
        scheduler = start(
            "scheduler", *options, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"
        )
        start("worker", *options, "--no-nanny", "--no-dashboard", SCHEDULER=str(scheduler), PYTHONPATH=".")
        while not where.exists():
            time.sleep(0.1)
        yield json.loads(where.read_text())["address"]


@pytest.mark.usefixtures("no_artifacts")
@pytest.mark.parametrize("share", [move_share, _die, _take_the_scheduler_along])
def test_workers_move_what_is_published_and_what_they_cannot_is_moved_here(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: Any
) -> None:
    monkeypatch.setattr("flows.move_on_workers.move_share", share)
    monkeypatch.setattr("tasks.publish.SHARE", 5)
    moved_here = []
    move_all = S3Store.move_all
    monkeypatch.setattr(
        S3Store, "move_all", lambda store, moves: (moved_here.extend(moves), move_all(store, moves))
    )
    target = f"s3://research/by-workers{share.__name__}"
    options = {"source": "s3://raw/landing", "target": target, "workers": 1}
    # Dask leaves in the environment what it starts workers with.
    with patch.dict(os.environ), ExitStack() as stack:
        if share is _take_the_scheduler_along:
            options["dask_address"] = stack.enter_context(_cluster(tmp_path))
        run = stack.enter_context(PlainRun(tmp_path, monkeypatch, options=options))
        stack.enter_context(local_scheduler_ahead(run.settings))
        run.process(run.discover())
        verdicts = audit.fn(run.plan)
        publish.fn(run.plan, move_on_workers(run.plan, run.settings))
        report = emit.fn(run.plan, verdicts, {})
    assert (report.published, len(moved_here)) == (INSTANCES, 0 if share is move_share else INSTANCES)
    assert report.requests > 2 * INSTANCES
    name = target.removeprefix("s3://research/")
    assert cloud.files(f"{name}/published/dicom/") == cloud.files("calm/published/dicom/")
    assert not any(cloud.files(f"{name}/staging/"))


def test_without_a_scheduler_or_with_a_secret_block_nobody_is_asked_to_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Moved:
        shares: ClassVar[list[object]] = []

        def move_all(self, moves: object) -> None:
            self.shares.append(moves)

    monkeypatch.setattr("flows.move_on_workers._move_by", pytest.fail)
    alone = Settings(target="s3://research/none")
    with_block = Settings(
        target="s3://research/none", dask_address="tcp://127.0.0.1:1", s3={"credentials_block": "bucket"}
    )
    for settings in (alone, with_block):
        move_on_workers(None, settings)(Moved(), iter(range(9)))  # type: ignore[arg-type]
    assert Moved.shares == [*range(9), *range(9)]


def test_a_third_of_all_requests_failing_changes_nothing_but_the_time(
    cloud: Cloud, faults: FaultProxy
) -> None:
    faults.fail(slow_down=10, internal_error=8, reset=8, lost=3, stall=1)
    report = clean(
        cloud.place,
        *("--workers", "1"),
        source="s3://raw/landing",
        target="s3://research/rough",
        **s3_environment(faults.endpoint),
    )
    faults.fail()
    assert (report["exit_code"], report.get("published")) == (0, INSTANCES), report
    assert report["retries"] > report["requests"] // 10
    assert cloud.files("rough/published/dicom/") == cloud.files("calm/published/dicom/")
    columns = ["SOPInstanceUID", "source_ref", "sha256", "header"]
    rows = [
        stored(open_store(f"s3://research/{name}", {}), "published/instances")
        .read(columns)
        .sort_by("SOPInstanceUID")
        for name in ("calm", "rough")
    ]
    assert rows[0].equals(rows[1])
