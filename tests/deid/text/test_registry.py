"""A detector that says that it does not ask what a study is of finds the same in every study."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.deid.text.registry import DETECTORS, Detector
from tasks.deid.text.study import NOBODY, StudyIdentifiers
from tasks.deid.text.view import View

STUDY = StudyIdentifiers(
    names=["Head^Anna", "Chest^May"], codes=["4711", "ACC1234"], lines=["Ward 7"], dates=["20230405"]
)
pieces = st.sampled_from(
    (
        "Anna Head",
        "chest",
        "Dr. May",
        "4711",
        "ACC1234",
        "Ward 7",
        "5.4.2023",
        "2023-04-05",
        "14:30",
        "MRN 12345",
    )
)
texts = st.one_of(st.text(max_size=40), st.lists(pieces | st.text(max_size=8), max_size=6).map(" ".join))


@given(texts)
def test_only_those_that_ask_find_other_things_in_another_study(text: str) -> None:
    view = View(text)
    for detector in DETECTORS:
        if not detector.asks_study:
            assert _found(detector, view, NOBODY) == _found(detector, view, STUDY), detector.ids


def test_those_that_find_names_and_numbers_of_the_study_do_ask() -> None:
    view = View("Anna Head 4711 Ward 7")
    asking = [detector for detector in DETECTORS if detector.ids[0].startswith("study-")]
    assert len(asking) == 3
    for detector in asking:
        assert detector.asks_study
        assert _found(detector, view, NOBODY) != _found(detector, view, STUDY), detector.ids


def _found(detector: Detector, view: View, study: StudyIdentifiers) -> list[tuple[object, ...]]:
    return [
        (*found[:3], found.names, found.rewrite and [found.rewrite(days) for days in (0, -40)])
        for found in detector.find(view, study)
    ]
