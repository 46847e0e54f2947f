from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import layout
from tasks.errors import ConfigurationError
from tasks.storage.store import Store, open_store
from tasks.target import stored
from tasks.verify import FOREIGN, Problem, Verified, verify
from tests.builders import write_study
from tests.plain import Kept, PlainRun
from tests.test_replay import end


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A target with two studies published and one object refused."""
    root = tmp_path_factory.mktemp("published")
    write_study(root / "source", instances=3)
    write_study(root / "source", study=2, patient=2, instances=2)
    (root / "source" / "text.txt").write_text("not DICOM")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.emit.leave_artifact", lambda report: None)  # noqa: ARG005
        with PlainRun(root, patch) as run:
            end(run)
    return Kept.of(root)


@pytest.fixture
def target(published: Kept) -> Path:
    return published.restore() / "target"


def check(target: Path, *, hashed: bool = True) -> Verified:
    seen: list[tuple[int, int]] = []
    found = verify(
        open_store(str(target), {}),
        hashed=hashed,
        threads=3,
        progress=lambda files, size: seen.append((files, size)),
    )
    assert (len(seen), sum(size for _, size in seen)) == (found.files, found.size_bytes)
    return found


def instances(target: Path) -> list[Path]:
    return sorted((target / "published" / "dicom").rglob("*.dcm"))


def test_what_a_run_published_is_intact(target: Path) -> None:
    found = check(target)
    assert (found.problems, found.files, found.rows, found.unused_files) == ({}, 5, 5, 0)
    assert found.size_bytes == sum(path.stat().st_size for path in instances(target))
    assert check(target, hashed=False).problems == {}


def remove(target: Path) -> None:
    instances(target)[1].unlink()


def flip(target: Path) -> None:
    data = bytearray(instances(target)[1].read_bytes())
    data[-7] ^= 1
    instances(target)[1].write_bytes(data)


def cut(target: Path) -> None:
    path = instances(target)[1]
    path.write_bytes(path.read_bytes()[:-2])


def add(target: Path) -> None:
    path = instances(target)[1]
    path.with_name("2.25.1.dcm").write_bytes(path.read_bytes())


def add_foreign(target: Path) -> None:
    (target / "published" / "dicom" / "Doerfler_Janette.dcm").write_bytes(b"DICM")


@pytest.mark.parametrize(
    ("harm", "problem", "seen_by_size"),
    [
        (remove, Problem.FILE_MISSING, True),
        (flip, Problem.FILE_ALTERED, False),
        (cut, Problem.FILE_ALTERED, True),
        (add, Problem.FILE_EXTRA, True),
        (add_foreign, Problem.FILE_EXTRA, True),
    ],
)
def test_a_file_that_is_not_as_its_row_says_is_found_once(
    target: Path, harm: Callable[[Path], None], problem: Problem, seen_by_size: bool
) -> None:
    harmed = f"published/dicom/{instances(target)[1].relative_to(target / 'published' / 'dicom')}"
    harm(target)
    found = check(target)
    assert found.problems == {problem: 1}
    assert check(target, hashed=False).problems == ({problem: 1} if seen_by_size else {})
    (name,) = found.named[problem]
    assert "Doerfler" not in name
    assert name in (harmed, str(Path(harmed).with_name("2.25.1.dcm")), FOREIGN)


def test_rows_and_ledger_are_held_to_each_other(target: Path) -> None:
    store = open_store(str(target), {})
    rows = stored(store, layout.INSTANCES).read()
    ledger = stored(store, layout.LEDGER).read()
    # A row that no run released, without a file, and a line of the ledger whose row is not there.
    uid = rows["SOPInstanceUID"][0].as_py()
    _rename(store, rows.slice(0, 1), layout.INSTANCES, uid, "2.25.11")
    _rename(store, ledger.filter(_is(ledger, uid)), layout.LEDGER, uid, "2.25.12")
    found = check(target)
    assert found.problems == {
        Problem.ROW_UNKNOWN: 1,
        Problem.ROW_MISSING: 1,
        Problem.SUM_WRONG: 2,
    }
    assert found.named[Problem.ROW_UNKNOWN] == ["2.25.11"]


def _is(table, uid):  # type: ignore[no-untyped-def]
    import pyarrow.compute as pc

    return pc.equal(table["SOPInstanceUID"], uid)


def _rename(store: Store, rows, key: str, old: str, new: str) -> None:  # type: ignore[no-untyped-def]
    import pyarrow as pa

    place = rows.schema.get_field_index("SOPInstanceUID")
    renamed = rows.set_column(place, rows.schema.field(place), pa.array([new]))
    stored(store, key).append(renamed, f"test {old}")


def test_a_row_twice_is_found(target: Path) -> None:
    table = stored(open_store(str(target), {}), layout.INSTANCES)
    table.append(table.read().slice(0, 1), "test")
    found = check(target)
    assert found.problems[Problem.ROW_TWICE] == 1


@pytest.mark.parametrize("table", [layout.INSTANCES, layout.SERIES, layout.LEDGER])
def test_a_table_that_lost_or_changed_a_file_is_found(target: Path, table: str) -> None:
    (part,) = (target / table).glob("*.parquet")
    whole = part.read_bytes()
    for data, problem in (
        (whole + b"1", Problem.TABLE_FILE_ALTERED),
        (bytes(len(whole)), Problem.TABLE_UNREADABLE),
    ):
        part.write_bytes(data)
        assert check(target).problems[problem] == 1
    part.unlink()
    found = check(target)
    assert found.named[Problem.TABLE_FILE_MISSING] == [f"{table}/{part.name}"]


def test_what_a_killed_commit_left_is_no_damage(target: Path) -> None:
    (target / layout.INSTANCES / "part-00000-unfinished.zstd.parquet").write_bytes(b"PAR1")
    found = check(target)
    assert (found.problems, found.unused_files) == ({}, 1)


def test_a_target_without_a_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="seen no run"):
        check(tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()


def test_nothing_of_the_target_changes(target: Path) -> None:
    def digests() -> dict[Path, str]:
        files = (path for path in target.rglob("*") if path.is_file())
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = digests()
    check(target)
    assert digests() == before
