"""A Ceph object gateway: an S3 server that checks signatures, policies and conditions, unlike a mock.

One monitor, one object store in memory and one gateway, all on loopback with ports nobody has, all children
of the test session, so that they end with it. No manager is needed to store objects; the cluster says that
its health suffers without one, and goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from uuid import uuid4

import boto3
import pytest

from tests.programs import need

ACCESS_KEY, SECRET_KEY = "a-ceph-access-key", "a-ceph-secret-key"
_PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool")
_START_SECONDS = 120

_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd crush update on start = false
osd pool default pg autoscale mode = off
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
run dir = {folder}/run
pid file = {folder}/run/$name.pid
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
debug ms = 0
ms_bind_ipv6 = false
[mon.a]
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd max object name len = 2048
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {folder}/rgw
rgw thread pool size = 64
rgw enable usage log = false
"""


@dataclass(frozen=True)
class Gateway:
    """An S3 server, and the environment in which a client of it runs.

    Attributes
    ----------
    store_pid
        Process of the object store behind the gateway: stopped, it makes every request stall.
    configuration
        File by which its administration reaches it.
    """

    endpoint: str
    store_pid: int
    configuration: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the AWS chain reads."""
        return s3_environment(self.endpoint)

    def add_user(self, name: str, *policies: Mapping[str, Any]) -> dict[str, str]:
        """Make a user who owns nothing and may do what policies say; gives the environment of one."""
        access_key, secret_key = f"{name}-access-key", f"{name}-secret-key"
        admin = ("radosgw-admin", "-c", str(self.configuration), "-n", "client.rgw")
        _call(*admin, "caps", "add", "--uid=test", "--caps=user-policy=*")
        keys = (f"--access-key={access_key}", f"--secret-key={secret_key}")
        _call(*admin, "user", "create", f"--uid={name}", "--display-name=user", *keys)
        iam = boto3.client(
            "iam", self.environment["AWS_REGION"], endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        )  # fmt: skip
        for number, policy in enumerate(policies):
            iam.put_user_policy(UserName=name, PolicyName=str(number), PolicyDocument=json.dumps(policy))
        user = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
        return {**self.environment, **user}


def s3_environment(endpoint: str) -> dict[str, str]:
    """The environment of a client of the gateway, or of something in front of it."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def free_port() -> int:
    """Find a port on loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def ceph_gateway(folder: Path) -> Iterator[Gateway]:
    """Start a cluster of one and its gateway in `folder`, and end them."""
    for program in _PROGRAMS:
        need(program)
    for name in ("mon", "osd", "run", "log", "rgw"):
        (folder / name).mkdir(parents=True)
    port, configuration = free_port(), folder / "ceph.conf"
    monitor = f"[v2:127.0.0.1:{free_port()},v1:127.0.0.1:{free_port()}]"
    fsid = str(uuid4())
    configuration.write_text(
        _CONFIGURATION.format(fsid=fsid, monitor=monitor, folder=folder, port=port), encoding="utf-8"
    )
    _make_keys(folder / "keyring")
    _call("monmaptool", "--create", "--fsid", fsid, "--addv", "a", monitor, str(folder / "monmap"))
    config = ("-c", str(configuration))
    _call(
        *("ceph-mon", *config, "--mkfs", "-i", "a"),
        *("--monmap", str(folder / "monmap"), "--keyring", str(folder / "keyring")),
    )
    with contextlib.ExitStack() as daemons:
        daemons.enter_context(_daemon(folder, "ceph-mon", *config, "-i", "a", "-f"))
        osd = str(uuid4())
        _call("ceph", *config, "osd", "new", osd)
        _call("ceph-osd", *config, "-i", "0", "--mkfs", "--osd-uuid", osd)
        store = daemons.enter_context(_daemon(folder, "ceph-osd", *config, "-i", "0", "-f"))
        _call("ceph", *config, "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        daemons.enter_context(_daemon(folder, "radosgw", *config, "-n", "client.rgw", "-f"))
        _call(
            *("radosgw-admin", *config, "-n", "client.rgw", "user", "create", "--uid=test"),
            *("--display-name=test", f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}"),
        )
        endpoint = f"http://127.0.0.1:{port}"
        _wait_until_up(endpoint, folder)
        yield Gateway(endpoint, store.pid, configuration)


def _make_keys(keyring: Path) -> None:
    for name, caps in (
        ("mon.", ("mon", "allow *")),
        ("client.admin", ("mon", "allow *", "osd", "allow *", "mgr", "allow *")),
        ("osd.0", ("mon", "allow profile osd", "osd", "allow *", "mgr", "allow profile osd")),
        ("client.rgw", ("mon", "allow rwx", "osd", "allow rwx")),
    ):
        create = () if keyring.exists() else ("--create-keyring",)
        pairs = zip(caps[::2], caps[1::2], strict=True)
        granted = [part for pair in pairs for part in ("--cap", *pair)]
        _call("ceph-authtool", *create, str(keyring), "--gen-key", "-n", name, *granted)


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_START_SECONDS, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command[:1])} failed: {done.stderr[-2000:]}")


@contextlib.contextmanager
def _daemon(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log" / f"{command[0]}.out").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            # Nothing of it is kept, so nothing need be closed.
            process.kill()
            process.wait(20)


def _wait_until_up(endpoint: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(endpoint, timeout=2):  # noqa: S310 - our own server on loopback
                return
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the gateway did not come up: {(folder / 'log' / 'radosgw.out').read_text()[-2000:]}")
