from __future__ import annotations

import time
from pathlib import Path

from tasks.records import SourceObject
from tasks.storage.byte_source import open_source
from tasks.storage.listing import list_objects
from tasks.storage.readiness import follow_links, has_rested
from tasks.storage.uris import path_of


def listed(folder: Path) -> dict[str, SourceObject]:
    found = follow_links(list_objects(str(folder), {}))
    return {path_of(one.uri).rsplit(b"/", 1)[-1].decode(): one for one in found}


def test_a_link_to_a_file_is_read_as_that_file(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "source").mkdir()
    (tmp_path / "archive" / "a.dcm").write_bytes(b"content")
    (tmp_path / "source" / "a.dcm").symlink_to(tmp_path / "archive" / "a.dcm")
    one = listed(tmp_path / "source")["a.dcm"]
    assert (one.kind, one.size_bytes) == ("link", 7)
    with open_source(one, {}) as source:
        assert source.read(0, 7) == b"content"
        assert not source.changed()
        (tmp_path / "archive" / "a.dcm").write_bytes(b"CONTENT")
        assert source.changed()


def test_links_to_anything_else_stay_links(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "to-folder.dcm").symlink_to(tmp_path / "folder")
    (tmp_path / "to-device.dcm").symlink_to("/dev/zero")
    (tmp_path / "to-itself.dcm").symlink_to(tmp_path / "to-itself.dcm")
    (tmp_path / "to-nothing.dcm").symlink_to(tmp_path / "nothing")
    assert {one.kind for one in listed(tmp_path).values()} == {"symlink"}


def test_a_file_has_rested_once_its_last_change_is_past(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"content")
    one = listed(tmp_path)["a.dcm"]
    assert not has_rested(one.uri, one.version, time.time_ns() - 60_000_000_000)
    assert has_rested(one.uri, one.version, time.time_ns() + 60_000_000_000)


def test_an_object_on_s3_is_whole_when_it_is_there() -> None:
    assert has_rested("s3://bucket/a.dcm", "d41d8cd98f00b204e9800998ecf8427e", 0)
