"""The identity store: what a run puts in, what is found in it, and what forgetting leaves."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from flows.cli import ExitCode, app
from tasks import layout
from tasks.errors import ConfigurationError
from tasks.reidentify import Forgotten, Vault, export
from tasks.seal_identities import seal_identities
from tasks.settings import Settings
from tasks.storage.store import open_store
from tasks.tables import buckets
from tests.builders import KEY_TEXT, ROOT, write_study
from tests.plain import Kept, PlainRun

ORIGINALS = (b"Doerfler", b"Janettea", b"MRN-4711", ROOT.encode())


def process(root: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    with PlainRun(root, monkeypatch, options={"identities": True}, **options) as run:
        run.process(run.discover())
        seal_identities(run.store, run.staging, run.plan.run_id)


def files(root: Path) -> dict[str, bytes]:
    folder = root / "target" / layout.IDENTITIES
    return (
        {path.name: path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}
        if folder.exists()
        else {}
    )


def settings(root: Path, **options: Any) -> Settings:
    return Settings(target=str(root / "target"), key=KEY_TEXT, **options)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = tmp_path_factory.mktemp("recorded")
    for patient in (1, 2):
        write_study(root / "source", study=patient, patient=patient, instances=3)
    with pytest.MonkeyPatch.context() as patch:
        process(root, patch)
    return Kept.of(root)


@pytest.fixture(name="root")
def restore_root(recorded: Kept) -> Path:
    return recorded.restore()


def test_every_original_is_found_by_its_pseudonym_and_back(root: Path) -> None:
    vault = Vault(settings(root))
    identities = list(vault.stream())
    assert sorted(one.kind for one in identities) == [
        *["instance"] * 6, *["patient"] * 2, *["series"] * 2, *["study"] * 2,
    ]  # fmt: skip
    for one in identities:
        for value in (one.original, one.pseudonym):
            assert one in vault.look_up(value)
    (patient,) = [one for one in vault.look_up("mrn-4711002") if one.kind == "patient"]
    assert (patient.name, patient.original) == ("Doerfler^Janetteb", "MRN-4711002")
    assert patient.shift_days is not None
    assert patient.shift_days < 0
    assert patient in vault.look_up(f"{ROOT}.2.1.3")
    assert vault.look_up("Quist^Ola") == []


def test_store_holds_nothing_in_clear(root: Path) -> None:
    patients = {one.patient.encode() for one in Vault(settings(root)).stream()}
    for name, data in files(root).items():
        assert not any(value in data or value in name.encode() for value in (*ORIGINALS, *patients))


def test_store_is_off_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "source", instances=1)
    with PlainRun(tmp_path, monkeypatch) as run:
        run.process(run.discover())
        assert not any(key.endswith("identities.parquet") for key in run.store.list(layout.STAGING))


def test_the_same_run_again_and_a_later_one_add_only_what_is_new(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = files(root)
    process(root, monkeypatch)  # the dead run is resumed
    assert files(root) == once
    for path in (root / "target" / layout.STAGED_RUNS).iterdir():
        path.unlink()
    write_study(root / "source", study=2, patient=2, instances=4)
    process(root, monkeypatch)
    assert {name: files(root)[name] for name in once} == once
    identities = list(Vault(settings(root)).stream())
    assert len(identities) == len(set(identities)) == 13


def test_number_of_files_and_batches_does_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = set(Vault(settings(root)).stream())
    other = root / "other"
    other.mkdir()
    (other / "source").symlink_to(root / "source")
    monkeypatch.setattr(buckets, "BUCKET_ROWS", 2)
    process(other, monkeypatch, batch_objects=2)
    assert len(files(other)) > 1
    assert sorted(Vault(settings(other)).stream()) == sorted(whole)


def test_forgotten_patient_is_gone_and_the_other_stays(root: Path) -> None:
    vault = Vault(settings(root))
    (gone,) = [one for one in vault.look_up("MRN-4711001") if one.kind == "patient"]
    rest = [one for one in vault.stream() if one.patient != gone.pseudonym]
    staged = len(list((root / "target" / "staging").rglob("identities.parquet")))
    done = vault.forget(gone.pseudonym)
    assert done == Forgotten(records=6 * (1 + staged), files=1 + staged)
    assert list(vault.stream()) == rest
    assert vault.look_up("MRN-4711001") == vault.look_up(gone.pseudonym) == []
    assert vault.forget(gone.pseudonym) == Forgotten(0, 0)
    sealed = vault._seal.patient_key(gone.pseudonym)
    assert not any(sealed in path.read_bytes() for path in (root / "target").rglob("*") if path.is_file())


def test_forgotten_patient_does_not_come_back_with_a_run_that_died(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(settings(root))
    (gone,) = [one for one in vault.look_up("MRN-4711001") if one.kind == "patient"]
    vault.forget(gone.pseudonym)
    with PlainRun(root, monkeypatch, options={"identities": True}) as run:
        seal_identities(run.store, run.staging, run.plan.run_id)
    assert vault.look_up(gone.pseudonym) == []


def test_last_patient_leaves_no_file(root: Path) -> None:
    vault = Vault(settings(root))
    for pseudonym in {one.patient for one in vault.stream()}:
        vault.forget(pseudonym)
    assert files(root) == {}


def test_forgetting_waits_for_a_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault(settings(root))
    with (
        PlainRun(root, monkeypatch, options={"identities": True}),
        pytest.raises(ConfigurationError, match="holds this target"),
    ):
        vault.forget("A" * 24)


def test_another_key_is_refused(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="another key"):
        Vault(Settings(target=str(root / "target"), key="ab" * 31 + "cd"))


def test_what_is_no_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no target"):
        Vault(settings(tmp_path))


@pytest.mark.parametrize("as_csv", [True, False])
def test_export_writes_a_new_file_for_its_owner_alone(root: Path, as_csv: bool) -> None:
    vault, file = Vault(settings(root)), root / "out"
    assert export(vault, file, as_csv=as_csv) == 12
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = list(csv.DictReader(file.open(newline=""))) if as_csv else orjson.loads(file.read_bytes())
    assert {row["original"] for row in rows} == {one.original for one in vault.stream()}
    with pytest.raises(ConfigurationError, match="exists already"):
        export(vault, file, as_csv=as_csv)


def test_store_lies_where_the_layout_says(root: Path) -> None:
    store = open_store(str(root / "target"), {})
    assert all(key.startswith("restricted/identities/") for key in store.list(layout.IDENTITIES))
    assert list(store.list(layout.IDENTITIES))


@pytest.fixture(name="command")
def make_command(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    monkeypatch.setenv("COLUMNS", "300")

    def invoke(name: str, *arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(app, ["identities", name, str(root / "target"), *arguments], **options)

    return invoke


def test_value_is_taken_from_a_pipe_or_an_argument(command: Callable[..., Result]) -> None:
    piped = command("lookup", "--json", input="MRN-4711001\n")
    assert piped.exit_code == 0
    assert piped.stdout == command("lookup", "MRN-4711001", "--json").stdout
    assert json.loads(piped.stdout)[0]["name"] == "Doerfler^Janettea"
    assert "Doerfler^Janettea" in command("lookup", "MRN-4711001").stdout
    nothing = command("lookup", "--json", input="MRN-4711009\n")
    assert (nothing.exit_code, json.loads(nothing.stdout)) == (3, [])


def test_forgetting_tells_what_it_did(command: Callable[..., Result]) -> None:
    pseudonym = json.loads(command("lookup", "MRN-4711001", "--json").stdout)[0]["pseudonym"]
    assert "records deleted" in command("forget", pseudonym).stdout
    assert "nothing was changed" in command("forget", pseudonym).stdout
    assert json.loads(command("forget", pseudonym, "--json").stdout) == {"records": 0, "files": 0}


def test_export_wants_one_file(command: Callable[..., Result], tmp_path: Path) -> None:
    assert command("export").exit_code == ExitCode.CONFIGURATION
    assert command("export", "--csv", str(tmp_path / "a"), "--json", str(tmp_path / "b")).exit_code == 2
    assert command("export", "--csv", str(tmp_path / "a")).exit_code == 0
    assert "Doerfler^Janettea" in (tmp_path / "a").read_text()
