"""A folder and an S3 server to store in. The server is moto: a mock of S3's answers, on a real socket."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tasks.storage.store import Store, open_store
from tests.storage.proxy import FaultyProxy

_NOBODY = 65534
_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3_options(s3_endpoint: str, credentials: None) -> dict[str, object]:
    return {"endpoint_url": s3_endpoint}


@pytest.fixture
def boto(s3_endpoint: str, credentials: None) -> Any:
    """Another client than ours, to see what is really there."""
    return boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")


@pytest.fixture
def bucket(boto: Any) -> str:
    name = f"bucket-{next(_numbers)}"
    boto.create_bucket(Bucket=name)
    return name


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "target"), {})


@pytest.fixture
def s3_store(bucket: str, s3_options: dict[str, object]) -> Store:
    return open_store(f"s3://{bucket}/a/target", s3_options)


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """Run a test of the contract on both kinds of store."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that other users may enter, which pytest's are not."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Let a block run as a user whom permissions bind, which root they do not."""

    @contextmanager
    def become_nobody() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return become_nobody
