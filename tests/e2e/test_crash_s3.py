"""Killed before a request is sent and before its answer is read, a run between buckets ends as if undisturbed.

A kill at the reading of an answer is the lost acknowledgement for real: the server has done what was asked, and
nobody knows. The next run must recognise what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tasks.storage.store import open_store
from tasks.verify import verify
from tests.e2e.crash_driver import FAILED_CLEANLY
from tests.e2e.test_crash import Driver, Fault, all_points, check_visible, choose, contents, count_calls, fill
from tests.peers.ceph import Gateway, s3_environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CALLS = ("recvfrom", "sendto", "writev", "sendmsg")
"""What talks to a server: Python's sockets, and deltalake's."""
SHORT, LONG = 2, 80


@dataclass(frozen=True)
class Remote:
    """A server with a source, and what an undisturbed run made of it."""

    client: Any
    driver: Driver
    reference: Path

    def names(self, prefix: str) -> list[str]:
        """Keys below a prefix of the target's bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="crash", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def mirror(self, name: str) -> Path:
        """Copy a target into a folder, to be read as one."""
        folder = self.driver.folder / "mirrors" / name
        for key in self.names(f"{name}/"):
            path = folder / key.removeprefix(f"{name}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.client.get_object(Bucket="crash", Key=key)["Body"].read())
        return folder


@pytest.fixture(scope="module", params=["ceph", pytest.param("moto", marks=pytest.mark.long)])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "ceph":
        gateway: Gateway = request.getfixturevalue("gateway")
        yield gateway.endpoint
        return
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def remote(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment(endpoint).items():
            patch.setenv(name, value)
        folder = tmp_path_factory.mktemp("crash-s3")
        fill(folder / "source")
        client = boto3.Session().client("s3")
        client.create_bucket(Bucket="crash")
        for path in (folder / "source").iterdir():
            client.put_object(Bucket="crash", Key=f"landing/{path.name}", Body=path.read_bytes())
        driver = Driver(folder, "s3://crash/landing")
        remote = Remote(client, driver, folder / "mirrors" / "undisturbed")
        try:
            assert driver.run("s3://crash/undisturbed") == {"killed": False, "code": 0}, said(driver)
            remote.mirror("undisturbed")
            driver.calls = count_calls(driver, "s3://crash/counted", CALLS)
            yield remote
        finally:
            driver.close()


def said(driver: Driver) -> str:
    return (driver.folder / "said").read_text()[-2000:]


def meet(remote: Remote, fault: Fault) -> bool:
    """Kill a run, run it again undisturbed, and compare; tells whether the kill came before the run's end."""
    driver, name = remote.driver, f"disturbed-{fault.call}-{fault.number}"
    ended = driver.run(f"s3://crash/{name}", "-e", f"trace={fault.call}", "-e", fault.injection)
    assert ended["killed"] or ended["code"] in (0, FAILED_CLEANLY), (fault, said(driver))
    check_visible(remote.mirror(name), remote.reference)
    assert driver.run(f"s3://crash/{name}") == {"killed": False, "code": 0}, (fault, said(driver))
    again = remote.driver.folder / "mirrors" / name
    for path in sorted(again.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert contents(remote.mirror(name)) == contents(remote.reference), fault
    store = open_store(f"s3://crash/{name}", {})
    found = verify(store, hashed=True, threads=2, progress=lambda _files, _bytes: None)
    assert not found.problems, (fault, found.named)
    assert remote.names(f"{name}/staging/") == [], fault
    assert remote.names(f"{name}/restricted/staging/") == [], fault
    uploads = remote.client.list_multipart_uploads(Bucket="crash", Prefix=f"{name}/")
    assert uploads.get("Uploads", []) == [], fault
    return bool(ended["killed"])


def test_a_run_between_buckets_killed_at_a_request_ends_as_if_undisturbed(remote: Remote) -> None:
    assert remote.driver.calls["sendto"] > 20
    points = choose([point for point in all_points(remote.driver) if point[0] in CALLS[:2]], SHORT)
    killed = [meet(remote, Fault(call, number, "signal=KILL")) for call, number in points]
    assert any(killed)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_run_between_buckets_killed_at_many_requests_ends_as_if_undisturbed(remote: Remote) -> None:
    points = choose(all_points(remote.driver), LONG)
    killed = [meet(remote, Fault(call, number, "signal=KILL")) for call, number in points]
    assert sum(killed) > len(points) // 2
