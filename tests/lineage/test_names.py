"""Names follow OpenLineage's specification, and the source's name says nothing."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigurationError, ContractError
from tasks.lineage.names import name_batch_run, name_events_file, name_source, name_target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/data/out", ("file", "/data/out/published/series")),
        ("/data/out/", ("file", "/data/out/published/series")),
        ("/data/../out", ("file", "/out/published/series")),
        ("file:///data/my%20out", ("file", "/data/my out/published/series")),
        ("s3://bucket/some/prefix/", ("s3://bucket", "some/prefix/published/series")),
        ("s3://bucket", ("s3://bucket", "published/series")),
    ],
)
def test_a_target_is_named_as_other_tools_name_it(target: str, expected: tuple[str, str]) -> None:
    assert name_target(target, "published/series") == expected


def test_a_relative_target_is_named_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_target("out", "published/series") == ("file", f"{tmp_path}/out/published/series")


@pytest.mark.parametrize("target", ["gs://bucket/prefix", "s3://", "https://host/path"])
def test_a_target_of_another_kind_is_refused(target: str) -> None:
    with pytest.raises(ConfigurationError):
        name_target(target, "published/series")


@pytest.mark.parametrize("path", ["/archive/DOE^JANE", "s3://raw/doe-jane", "", "A" * 32, "0" * 31])
def test_a_path_is_refused_as_the_name_of_a_source(path: str) -> None:
    with pytest.raises(ContractError) as refused:
        name_source(path)
    assert not path or path not in str(refused.value)


@given(st.uuids(), st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_two_batches_share_a_run_id_only_if_they_are_one(run_id: UUID, one: str, other: str) -> None:
    ids = {name_batch_run(str(run_id), batch) for batch in (one, other, one)}
    assert len(ids) == len({one, other})
    assert str(run_id) not in ids


def test_a_batch_in_two_runs_is_two_runs() -> None:
    assert name_batch_run(str(UUID(int=1)), "b") != name_batch_run(str(UUID(int=2)), "b")


def test_the_events_file_cannot_leave_its_folder() -> None:
    assert name_events_file(str(UUID(int=1))) == "lineage/00000000-0000-0000-0000-000000000001.ndjson"
    with pytest.raises(ValueError, match="UUID"):
        name_events_file("../../published/instances")
