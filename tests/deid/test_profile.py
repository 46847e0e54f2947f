from __future__ import annotations

from pathlib import Path

import pytest

from tasks.deid.actions import OPTIONS, Action
from tasks.deid.profile import load_profile
from tasks.deid.rules import Profile, make_profile
from tasks.dicom.dictionary import tag_of
from tasks.errors import ConfigurationError


def action(profile: Profile, keyword: str) -> Action | None:
    return profile.action(tag_of(keyword))


def test_the_default_profile_retains_intervals_patient_characteristics_and_safe_private() -> None:
    research = load_profile("research")
    assert [option.code for option in research.options] == ["113105", "113107", "113108", "113111"]
    assert action(research, "StudyDate") is Action.C
    assert action(research, "PatientAge") is Action.K
    assert action(research, "PatientName") is Action.Z
    assert action(research, "PatientBirthDate") is Action.Z


def test_the_basic_profile_retains_nothing() -> None:
    basic = load_profile("basic")
    assert action(basic, "StudyDate") is Action.Z
    assert action(basic, "PatientAge") is Action.X
    assert basic.codes == (("113100", "Basic Application Confidentiality Profile"),)


def test_an_unknown_type_is_taken_for_the_strictest() -> None:
    basic = load_profile("basic")
    assert action(basic, "SeriesDate") is Action.D
    assert action(basic, "AcquisitionDate") is Action.Z
    assert action(basic, "ContentDate") is Action.D
    assert action(basic, "InstitutionName") is Action.D
    assert action(basic, "SourceImageSequence") is Action.U


def test_what_the_table_does_not_name_has_no_action() -> None:
    assert load_profile("basic").action(tag_of("Rows")) is None


@pytest.mark.parametrize("tag", [0x00091001, 0x50000010, 0x60FE3000, 0x60024000])
def test_patterns_have_an_action(tag: int) -> None:
    assert load_profile("basic").action(tag) is Action.X


def test_cleaning_that_cannot_be_done_falls_back_on_the_basic_code() -> None:
    research = load_profile("research")
    assert action(research, "Allergies") is Action.C
    assert action(research, "SpecialNeeds") is Action.C
    assert action(research, "TimezoneOffsetFromUTC") is Action.X
    assert action(research, "MakerNote") is Action.X


def test_an_option_that_cleans_wins_over_one_that_keeps() -> None:
    both = make_profile("both", "", (OPTIONS["retain-device-identity"], OPTIONS["retain-modified-dates"]))
    assert action(both, "DateOfLastCalibration") is Action.C


def test_a_compound_code_is_settled_by_the_type_in_the_iod() -> None:
    basic = load_profile("basic").rules
    for keyword, codes in {
        "SeriesDate": "XDDD",
        "AcquisitionDate": "XZZZ",
        "ContentDate": "ZZDD",
        "StationName": "XZDD",
        "SourceImageSequence": "XZUU",
    }.items():
        rule = basic[tag_of(keyword)].action
        assert "".join(rule.for_type(kind) for kind in ("3", "2", "1", None)) == codes, keyword


def test_a_profile_is_one_thing_or_the_other_about_its_dates() -> None:
    said = {
        name: make_profile("one", "", (option,)).dates for name, option in OPTIONS.items() if "dates" in name
    }
    assert said == {"retain-full-dates": "UNMODIFIED", "retain-modified-dates": "MODIFIED"}
    assert load_profile("basic").dates == load_profile("strict").dates == "REMOVED"


def test_all_ten_options_of_the_table_can_be_named_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    chosen = [name for name in OPTIONS if name != "retain-full-dates"]
    file.write_text(f"name: all\nreferences: mapped\nstrict: true\noptions: [{', '.join(chosen)}]\n")
    everything = load_profile(file)
    assert len(OPTIONS) == 10
    assert {code for code, _ in everything.codes} == {
        "113100",
        *(option.code for name, option in OPTIONS.items() if name in chosen),
    }
    assert (everything.strict, everything.maps_references) == (True, True)


def test_a_digest_tells_profiles_apart_and_nothing_else() -> None:
    assert load_profile("research").digest == load_profile("research").digest
    assert load_profile("research").digest != load_profile("basic").digest


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("name: ours\noptions: [retain-modified-dates]\n")
    ours = load_profile(file)
    assert ours.name == "ours"
    assert [option.name for option in ours.options] == ["retain-modified-dates"]
    assert load_profile(str(file)).digest == ours.digest


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("name: ours\noption: []\n", 2, "Extra inputs"),
        ("name: ours\noptions:\n  - retain-modified-dates\n  - keep-everything\n", 4, "keep-everything"),
        ("name: ours\noptions:\n- clean-pixel-data\n", 3, "changes pixels"),
        ("name: ours\noptions:\n- retain-full-dates\n\n- retain-modified-dates\n", 5, "exclude each other"),
        ("name: ours\noptions: retain-uids\n", 2, "valid list"),
        ("name: ours\nstrict: perhaps\n", 2, "valid boolean"),
        ("name: ours\nreferences: keep\n", 2, "by-type"),
        ("name: ours\noptions: [retain-modified-dates, retain-modified-dates]\n", 2, "named twice"),
        ("description: nameless\n", 1, "name"),
        ("name: ours\nprivate_creators:\n- creator: ACME\n  group: '0018'\n", 4, "pattern"),
        ("name: a\nprivate_creators:\n- creator: A\n  group: '0019'\n  keep: {'0A': [LO]}\n", 5, "of VR LO"),
        (
            "name: ours\nprivate_creators:\n- creator: ACME\n  group: '0019'\n  keep: {'0A': [DS]}\n",
            3,
            "without the option",
        ),
        (
            "name: ours\nprivate_creators:\n- {creator: ACME, group: '0019'}\n- {creator: ACME, group: '0019'}\n",
            4,
            "given twice",
        ),
        ("description: none\nname: Not A Name\n", 2, "pattern"),
        ("name: ours\nname: theirs\n", 2, "given twice"),
        ("name: ours\noptions: [unclosed\n", 3, "not YAML"),
        ("- a list\n", 1, "a mapping"),
        ("", 1, "a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(
    tmp_path: Path, text: str, line: int, complaint: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        load_profile(file)
    assert f"wrong.yaml, line {line}:" in str(refused.value)


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="basic, research, strict"):
        load_profile("reserch")
