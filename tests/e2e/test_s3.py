"""Source and target on S3, for now against moto's server: a mock, it accepts any signature."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tasks.storage.store import open_store
from tasks.target import stored
from tests.builders import write_study
from tests.e2e.runs import Place, clean, files_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_from_bucket_to_bucket_is_the_same_as_from_folder_to_folder(
    prefect_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    access = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }
    for name, value in access.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="raw")
    client.create_bucket(Bucket="research")
    place = Place(tmp_path)
    for path in write_study(place.source, instances=3):
        client.upload_file(str(path), "raw", f"landing/{path.name}")

    local = clean(place)
    report = clean(place, source="s3://raw/landing", target="s3://research/out")
    assert (report["exit_code"], report["published"]) == (0, 3), report
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="research", Prefix="out/")["Contents"]]
    folder = "out/published/dicom/"
    bodies = {
        key.removeprefix(folder): client.get_object(Bucket="research", Key=key)["Body"].read()
        for key in keys
        if key.startswith(folder)
    }
    assert bodies == files_of(place.target)
    assert "out/docs/index.html" in keys
    assert client.head_object(Bucket="research", Key="out/docs/index.html")["ContentType"].startswith(
        "text/html"
    )
    assert not [key for key in keys if key.startswith("out/staging/")]
    rows = stored(open_store("s3://research/out", {}), "published/instances").read()
    assert rows.num_rows == local["published"]

    again = clean(place, source="s3://raw/landing", target="s3://research/out")
    assert (again["outcome"], again["bytes_read"]) == ("nothing new", 0)
