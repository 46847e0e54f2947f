from __future__ import annotations

import pytest

from tasks.deid.actions import OPTIONS
from tasks.deid.describe import Description, describe, summarize
from tasks.deid.plan import make_plan
from tasks.deid.profile import load_profile
from tasks.deid.rules import make_profile


def test_every_row_of_the_table_is_described() -> None:
    profile = load_profile("research")
    described = {description.subject: description for description in describe(profile)}
    assert len(described) == len(describe(profile))
    for rule in (*profile.rules.values(), *profile.patterns):
        assert any(subject.endswith(rule.row.keyword) for subject in described)


def test_a_description_says_code_option_and_deed() -> None:
    described = {description.subject: description for description in describe(load_profile("research"))}
    assert described["(0010,0010) PatientName"].source == "Z (emptied), Basic"
    assert described["(0010,0010) PatientName"].sentence == "replaced by the patient's pseudonym"
    assert described["(0008,0020) StudyDate"].source == "C (cleaned), retain-modified-dates"
    assert described["(0008,0070) Manufacturer"].source == "allow-list"
    assert described["(0008,1010) StationName"].source == "X/Z/D (by the type in the IOD), Basic"
    assert described["(0008,1010) StationName"].sentence == (
        "removed; emptied where it must be present, replaced by DEIDENTIFIED where it must have a value"
    )
    assert described["(50xx,xxxx) CurveData"].sentence == "removed"


def test_every_step_of_the_plan_has_words() -> None:
    for profile in ("research", "basic", "strict"):
        for step in make_plan(load_profile(profile)).values():
            assert (step.words == "removed") is (step.treat is None)


def test_the_summary_counts_the_whole_table() -> None:
    research, basic = (summarize(load_profile(name)) for name in ("research", "basic"))
    assert research[0].sentence.startswith("652 attributes: ")
    assert len(research) == len(basic) + 4
    assert len(research) < 20


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_described_by_what_it_does(name: str) -> None:
    option = OPTIONS[name]
    with_it, basic = describe(make_profile("one", "", (option,))), describe(make_profile("none", "", ()))
    assert Description(option.name, f"DCM {option.code}", option.meaning) in with_it
    assert {line.subject for line in with_it} >= {line.subject for line in basic}
    assert any(line.source.endswith(option.name) for line in with_it if line.subject != option.name)


def test_reports_are_said_to_be_refused_unless_an_option_cleans_them() -> None:
    cleaned = make_profile("one", "", (OPTIONS["clean-structured-content"],))
    assert "structured reports cleaned item by item" in summarize(cleaned)[-1].sentence
    assert "structured reports" not in summarize(load_profile("research"))[-1].sentence
