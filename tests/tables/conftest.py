"""Places to keep a Delta table in: a folder, and an S3 server (moto: a mock of S3's answers, on a real socket)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from expectations.contracts import Contract
from tasks.tables.delta import StoredTable

_buckets = itertools.count()

MakeTable = Callable[[Contract], StoredTable]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_prefix(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")
    bucket = f"tables-{next(_buckets)}"
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/a target"


@pytest.fixture
def local_table(tmp_path: Path) -> MakeTable:
    return lambda contract: StoredTable(str(tmp_path / "a target" / contract.name), None, contract)


@pytest.fixture(params=["local", "s3"])
def make_table(request: pytest.FixtureRequest) -> MakeTable:
    """Open a contract's table in a folder and on S3."""
    if request.param == "local":
        local: MakeTable = request.getfixturevalue("local_table")
        return local
    prefix, endpoint = request.getfixturevalue("s3_prefix"), request.getfixturevalue("s3_endpoint")
    options = {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    bucket, folder = prefix.removeprefix("s3://").split("/", 1)

    def make(contract: Contract) -> StoredTable:
        def put(name: str, path: Path) -> None:
            client.upload_file(str(path), bucket, f"{folder}/{contract.name}/{name}")

        return StoredTable(f"{prefix}/{contract.name}", options, contract, put)

    return make
