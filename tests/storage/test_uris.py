from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigurationError, ContractError
from tasks.storage.uris import S3Place, check_apart, file_uri, parse_place, path_of, split_s3

paths = st.binary(min_size=1).map(lambda name: b"/" + name.replace(b"\0", b"x"))


@given(paths)
def test_a_path_comes_back_from_its_uri_byte_for_byte(path: bytes) -> None:
    assert path_of(file_uri(path)) == path


@given(paths)
def test_a_uri_is_plain_ascii_without_spaces_or_line_breaks(path: bytes) -> None:
    uri = file_uri(path)
    assert uri.isascii()
    assert uri.isprintable()
    assert " " not in uri


def test_a_path_of_something_else_is_our_mistake() -> None:
    with pytest.raises(ContractError):
        path_of("s3://bucket/key")


@pytest.mark.parametrize(("place", "parsed"), [
    ("/data/in", b"/data/in"),
    ("/data//in/../in/", b"/data/in"),
    ("file:///data/a%20b", b"/data/a b"),
    ("/data/a%20b", b"/data/a%20b"),
    ("s3://bucket", S3Place("bucket", "")),
    ("s3://bucket/", S3Place("bucket", "")),
    ("s3://bucket/raw/in/", S3Place("bucket", "raw/in")),
])  # fmt: skip
def test_a_place_is_a_path_or_a_prefix(place: str, parsed: bytes | S3Place) -> None:
    assert parse_place(place) == parsed


def test_a_relative_path_is_below_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_place("in") == os.fsencode(tmp_path / "in")


@pytest.mark.parametrize("key", ["a?versionId=1", "a//b", "/a", "a/", "100%", "a#b", "检查/张.dcm"])
def test_a_key_is_taken_literally(key: str) -> None:
    assert split_s3(f"s3://bucket/{key}") == ("bucket", key)


@pytest.mark.parametrize("place", ["", "s3://", "s3:///key", "gs://bucket/a", "file://host/a", "http://host"])
def test_another_kind_of_place_is_refused(place: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_place(place)


@pytest.mark.parametrize(("source", "target"), [
    ("in", "in"),
    ("in", "in/out"),
    ("in", "in/not/there/yet"),
    ("in", "in/../in/out"),
    ("in", "link/out"),
    ("link", "in/out"),
    ("in", "deep link/out"),
    ("in/file", "in/file"),
    ("gone", "gone/out"),
])  # fmt: skip
def test_a_target_inside_its_source_is_refused(tmp_path: Path, source: str, target: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").touch()
    (tmp_path / "in/deep").mkdir()
    (tmp_path / "deep link").symlink_to("in/deep")
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(ConfigurationError, match="TARGET lies inside SOURCE") as caught:
        check_apart(str(tmp_path / source), str(tmp_path / target))
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(("source", "target"), [
    ("in", "out"),
    ("in", "in2"),
    ("in/deep", "in"),
    ("in", "link2"),
    ("in", "s3://bucket/in"),
    ("s3://bucket/in", "s3://bucket/in2"),
    ("s3://bucket/in", "s3://other/in"),
    ("s3://bucket/in", "out"),
])  # fmt: skip
def test_a_target_beside_its_source_is_taken(tmp_path: Path, source: str, target: str) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "link2").symlink_to("out")
    check_apart(*(place if "://" in place else str(tmp_path / place) for place in (source, target)))


@pytest.mark.parametrize("target", ["s3://bucket/in", "s3://bucket/in/", "s3://bucket/in/out"])
@pytest.mark.parametrize("source", ["s3://bucket/in", "s3://bucket/in/", "s3://bucket"])
def test_a_prefix_inside_a_prefix_is_refused(source: str, target: str) -> None:
    with pytest.raises(ConfigurationError):
        check_apart(source, target)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may bind a folder to another")
def test_a_bind_mount_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "bound").mkdir()
    bound = ["mount", "--bind", str(tmp_path / "in"), str(tmp_path / "bound")]
    if subprocess.run(bound, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let root bind a folder")
    try:
        with pytest.raises(ConfigurationError):
            check_apart(str(tmp_path / "in"), str(tmp_path / "bound/out"))
    finally:
        subprocess.run(["umount", str(tmp_path / "bound")], check=True)
