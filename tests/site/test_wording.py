"""The sentences a reviewer reads first are true and grammatical."""

from __future__ import annotations

import dataclasses

import pytest

from tasks.records import Outcome, RunReport, State
from tasks.site import wording


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((5, 5, 0, 0, 0, 0), "All 5 objects listed are published."),
        (
            (5, 3, 1, 1, 0, 0),
            "3 of the 5 objects listed are published; 1 withheld and 1 quarantined.",
        ),
        ((5, 3, 0, 1, 1, 0), "3 of the 5 objects listed are published; 1 quarantined and 1 duplicate."),
        (
            (5, 5, 0, 0, 0, 4),
            "All 5 objects listed are published. 4 were settled by an earlier run and not read again.",
        ),
        ((5, 3, 0, 0, 0, 0), "3 of the 5 objects listed are published."),
        ((0, 0, 0, 0, 0, 0), "The source held no objects."),
    ],
)
def test_the_states_are_told_in_a_sentence(report: RunReport, counts: tuple[int, ...], expected: str) -> None:
    listed, published, withheld, quarantined, duplicate, unchanged = counts
    told = wording.tell_states(
        dataclasses.replace(
            report,
            listed=listed,
            published=published,
            withheld=withheld,
            quarantined=quarantined,
            duplicate=duplicate,
            unchanged=unchanged,
        )
    )
    assert told.replace("\u00a0", " ") == expected


def test_every_outcome_state_and_severity_has_its_words() -> None:
    assert set(wording.OUTCOMES) == set(Outcome)
    assert set(wording.STATES) == set(State)
    for phrase in (
        *wording.OUTCOMES.values(),
        *wording.STATES.values(),
        *wording.SEVERITIES.values(),
        wording.PASSED,
    ):
        assert phrase.tone in {"good", "held", "bad", "quiet"}


def test_states_differ_in_tone_so_that_none_is_told_by_colour_alone_of_another() -> None:
    assert len({phrase.tone for phrase in wording.STATES.values()}) == len(State)


@pytest.mark.parametrize(
    ("words", "expected"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_joined_as_in_a_sentence(words: list[str], expected: str) -> None:
    assert wording.join_words(words) == expected
