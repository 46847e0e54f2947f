from __future__ import annotations

import pytest

from expectations.rules import load_rules
from tasks.proposals import _write
from tasks.readings import guess_meaning, guess_reading, make_repair, make_word_repair


@pytest.mark.parametrize(
    ("VR", "form", "reads"),
    [
        ("DA", "99/99/9999", "DD/MM/YYYY"),
        ("DA", "9.9.99", "D.M.YY"),
        ("DA", "9999?99?99?", "YYYY?MM?DD?"),
        ("DA", "99999999", "DDMMYYYY"),
        ("TM", "99.99.99", "HH.MM.SS"),
        ("TM", "9-99-99.999", "H-MM-SS.F"),
        ("TM", "99A99A", "HHAMMA"),
        ("AS", "99", "N"),
    ],
)
def test_a_guess_is_ready_for_the_table(VR: str, form: str, reads: str) -> None:
    keyword = {"DA": "StudyDate", "TM": "StudyTime", "AS": "PatientAge"}[VR]
    assert guess_reading(VR, form) == reads
    snippet = _write({"extends": "shipped", "repairs": [make_repair(VR, keyword, reads)]})
    (repair,) = load_rules(snippet.encode()).repairs
    assert repair.reads == reads


@pytest.mark.parametrize(
    ("VR", "form"),
    [("DA", "99A9999"), ("DA", "9999"), ("AS", "99A"), ("CS", "A/A"), ("TM", "99.9"), ("DS", "9 A")],
)
def test_what_a_shape_does_not_tell_is_not_guessed(VR: str, form: str) -> None:
    assert guess_reading(VR, form) == ""


def test_a_word_that_begins_with_one_known_word_may_mean_it() -> None:
    assert guess_meaning("RIGHT", iter(("R", "L", "B"))) == "R"
    assert guess_meaning("RIGHT", iter(("R", "RI"))) == ""
    assert guess_meaning("MIDDLE", iter(("R", "L"))) == ""
    snippet = _write({"extends": "shipped", "repairs": [make_word_repair("Laterality", "RIGHT", "R")]})
    assert load_rules(snippet.encode()).repairs[0].values == (("RIGHT", "R"),)
