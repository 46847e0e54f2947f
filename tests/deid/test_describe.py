from __future__ import annotations

from tasks.deid.describe import describe, summarize
from tasks.deid.plan import make_plan
from tasks.deid.profile import load_profile


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
    assert described["(50xx,xxxx) CurveData"].sentence == "removed"


def test_every_step_of_the_plan_has_words() -> None:
    for profile in ("research", "basic"):
        for step in make_plan(load_profile(profile)).values():
            assert (step.words == "removed") is (step.treat is None)


def test_the_summary_counts_the_whole_table() -> None:
    research, basic = (summarize(load_profile(name)) for name in ("research", "basic"))
    assert research[0].sentence.startswith("652 attributes: ")
    assert len(research) == len(basic) + 4
    assert len(research) < 20
