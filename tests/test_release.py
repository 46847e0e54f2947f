from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml

from expectations.rules import DEFAULT_RULES
from tasks import emit as emit_module
from tasks import layout, release
from tasks.audit import audit
from tasks.emit import emit
from tasks.errors import ConfigurationError, PrivacyError
from tasks.lineage.names import name_events_file
from tasks.publish import publish
from tasks.records import Release, Selection, State
from tasks.staged import load_record
from tasks.target import stored
from tests.builders import write_study
from tests.plain import PlainRun

PUBLISHED_AND_WITHHELD = 3 + 2


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """A table under which CT without a tube voltage is withheld."""
    document = yaml.safe_load(DEFAULT_RULES.read_bytes())
    kept = [rule for rule in document["rules"] if rule["id"] in ("R003", "R010", "R017", "R041", "R090")]
    for rule in kept:
        if rule["id"] == "R041":
            rule["severity"] = "critical"
    document["rules"] = kept
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))
    return str(tmp_path / "rules.yaml")


@pytest.fixture
def withheld(tmp_path: Path, rules: str, monkeypatch: pytest.MonkeyPatch) -> tuple[PlainRun, str]:
    """A target with a study that passed and one that R041 withheld; and the UID of that."""
    return withhold(tmp_path, monkeypatch, {"rules": rules})


def withhold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> tuple[PlainRun, str]:
    monkeypatch.setattr(emit_module, "leave_artifact", lambda report: None)  # noqa: ARG005
    write_study(tmp_path / "source", instances=3)
    write_study(tmp_path / "source", study=2, patient=2, instances=2, KVP=None)
    with PlainRun(tmp_path, monkeypatch, options=options) as run:
        run.process(run.discover())
        verdicts = audit.fn(run.plan)
        publish.fn(run.plan)
        emit.fn(run.plan, verdicts, {})
    (study,) = set(stored(run.store, layout.WITHHELD_INSTANCES).read()["StudyInstanceUID"].to_pylist())
    return run, study


def count_published(run: PlainRun) -> tuple[int, int, int]:
    files = sum(key.endswith(".dcm") for key in run.store.list(layout.PUBLISHED_DICOM))
    rows = stored(run.store, layout.INSTANCES).read(["SOPInstanceUID"])
    return files, len(rows), len(stored(run.store, layout.STUDIES).read(["StudyInstanceUID"]))


def decisions(run: PlainRun) -> list[Release]:
    return [load_record(Release, run.store.read(key)) for key in run.store.list(layout.RELEASES)]


@pytest.mark.e2e
def test_a_person_releases_a_study_once_and_it_is_written_down(withheld: tuple[PlainRun, str]) -> None:
    run, study = withheld
    assert count_published(run) == (3, 3, 1)
    released = release.release(run.settings, [study], reason="Phantom, no tube", who="reviewer")
    assert (released.studies, released.instances) == ((study,), 2)
    assert count_published(run) == (5, 5, 2)
    assert list(run.store.list(layout.WITHHELD_DICOM)) == []
    (decision,) = decisions(run)
    assert (decision.who, decision.reason, decision.withheld_by) == (
        "reviewer",
        "Phantom, no tube",
        ("R041",),
    )
    assert decision.done
    ledger = stored(run.store, layout.LEDGER).read().to_pylist()
    newest = [row for row in ledger if row["run_id"] == decision.release_id]
    assert [(row["state"], row["reason"], row["run_kind"]) for row in newest] == [
        (str(State.PUBLISHED), "R041", "release")
    ] * 2
    page = run.store.read(f"{layout.DOCS}/index.html").decode()
    assert [said in page for said in ("Released by a person", "reviewer", study, "R041")] == [True] * 4
    assert "Phantom" not in page
    (event,) = map(orjson.loads, run.store.read(name_events_file(decision.release_id)).splitlines())
    assert (event["job"]["name"], event["eventType"]) == ("release", "COMPLETE")
    assert {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]} == {
        "kind": "release",
        "overruled": "R041",
    }
    rows = {one["name"].rsplit("/", 1)[-1]: one["outputFacets"] for one in event["outputs"]}
    assert rows["instances"]["outputStatistics"]["rowCount"] == 2
    assert "reviewer" not in str(event)
    again = release.release(run.settings, [study], reason="Once more", who="reviewer")
    assert (again.release_id, again.studies, again.unchanged) == ("", (), (study,))
    assert len(decisions(run)) == 1
    with PlainRun(run.root, run.monkeypatch, options=run.options) as later:
        assert later.discover().listing.settled == {"published": 5}


@pytest.mark.e2e
def test_a_study_whose_uids_were_retained_on_purpose_can_be_released(
    tmp_path: Path, rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "retaining.yaml"
    profile.write_text("name: retaining\noptions: [retain-uids]\n")
    run, study = withhold(tmp_path, monkeypatch, {"rules": rules, "profile": str(profile)})
    released = release.release(run.settings, [study], reason="Phantom, no tube", who="reviewer")
    assert released.studies == (study,)


@pytest.mark.e2e
@pytest.mark.parametrize("step", ["_ledger_rows", "publish_summaries"])
def test_a_release_that_died_is_taken_to_its_end(
    withheld: tuple[PlainRun, str], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, study = withheld

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release, step, die)
        with pytest.raises(KeyboardInterrupt):
            release.release(run.settings, [study], reason="Phantom", who="reviewer")
    assert not decisions(run)[0].done
    release.release(run.settings, [study], reason="Phantom", who="reviewer")
    assert count_published(run) == (5, 5, 2)
    assert [decision.done for decision in decisions(run)] == [True]


@pytest.mark.e2e
def test_a_failure_of_de_identification_is_never_released(
    withheld: tuple[PlainRun, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, study = withheld
    file = next(key for key in run.store.list(layout.WITHHELD_DICOM))
    data = run.store.read(file)
    run.store.write(file, data.replace(b"YES ", b"NO  ", 1))
    with pytest.raises(PrivacyError, match="not the one that was judged"):
        release.release(run.settings, [study], reason="Phantom", who="reviewer")
    run.store.write(file, data)
    table = stored(run.store, layout.WITHHELD_INSTANCES)
    rows = table.read()
    place = rows.schema.get_field_index("PatientIdentityRemoved")
    spoilt = rows.set_column(place, rows.schema.field(place), [["NO"] * len(rows)])
    table.upsert(spoilt, "spoilt")
    with pytest.raises(PrivacyError, match="R012"):  # of the shipped table, though the run's has no such rule
        release.release(run.settings, [study], reason="Phantom", who="reviewer")
    assert count_published(run) == (3, 3, 1)
    assert decisions(run) == []


@pytest.mark.e2e
def test_what_cannot_be_released_is_refused_with_the_next_step(withheld: tuple[PlainRun, str]) -> None:
    run, study = withheld
    with pytest.raises(ConfigurationError, match="--reason"):
        release.release(run.settings, [study], reason=" ", who="reviewer")
    with pytest.raises(ConfigurationError, match="neither withheld by a rule nor published"):
        release.release(run.settings, ["2.25.1"], reason="Phantom", who="reviewer")


@pytest.mark.e2e
@pytest.mark.parametrize("outputs", ["metadata"])
def test_what_a_replay_refused_since_is_not_released_by_what_was_known_before(
    tmp_path: Path, rules: str, monkeypatch: pytest.MonkeyPatch, outputs: str
) -> None:
    run, study = withhold(tmp_path, monkeypatch, {"rules": rules, "outputs": outputs})
    (tmp_path / "source" / "s2-i1.dcm").write_bytes(b"not DICOM any more")
    with PlainRun(tmp_path, monkeypatch, selection=Selection(), options=run.options) as replayed:
        replayed.process(replayed.discover())
        verdicts = audit.fn(replayed.plan)
        publish.fn(replayed.plan)
        emit.fn(replayed.plan, verdicts, {})
    released = release.release(run.settings, [study], reason="Phantom", who="reviewer")
    assert (released.studies, released.instances) == ((study,), 1)
    assert len(stored(run.store, layout.INSTANCES).read(["SOPInstanceUID"])) == 4
