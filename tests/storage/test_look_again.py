from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tasks.records import SourceObject
from tasks.storage.listing import list_objects
from tasks.storage.look_again import look_again


def test_a_local_object_is_given_as_a_listing_gives_it(tmp_path: Path) -> None:
    for name in ("a.dcm", "b.dcm", os.fsdecode(b"\xff.dcm")):
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "link").symlink_to("a.dcm")
    os.mkfifo(tmp_path / "pipe")
    known = list(list_objects(str(tmp_path), {}))
    (tmp_path / "b.dcm").write_bytes(b"newer")
    now = list(list_objects(str(tmp_path), {}))
    assert now != known
    assert list(look_again(known, {})) == now


def test_what_has_gone_keeps_its_version_and_is_missing(tmp_path: Path) -> None:
    known = SourceObject((tmp_path / "gone.dcm").as_uri(), 3, "v1")
    assert list(look_again([known], {})) == [SourceObject(known.uri, 3, "v1", "missing")]


def test_objects_of_buckets_and_folders_are_looked_for_in_one_go(
    tmp_path: Path, boto: Any, bucket: str, s3_options: dict[str, object]
) -> None:
    (tmp_path / "a.dcm").write_bytes(b"here")
    for name in ("one.dcm", "two.dcm"):
        boto.put_object(Bucket=bucket, Key=f"raw/{name}", Body=b"there")
    known = [
        *list_objects(str(tmp_path), {}),
        *list_objects(f"s3://{bucket}/raw", s3_options),
        SourceObject(f"s3://{bucket}/raw/gone.dcm", 5, "v1"),
    ]
    boto.put_object(Bucket=bucket, Key="raw/two.dcm", Body=b"there too")
    now = list(look_again(known, s3_options))
    assert now[:2] == known[:2]
    assert (now[2].size_bytes, now[2].version != known[2].version) == (9, True)
    assert now[3].kind == "missing"
