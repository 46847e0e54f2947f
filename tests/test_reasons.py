from __future__ import annotations

import re

import pytest

from tasks.reasons import _TABLE, REASONS, STAGES, Reason, ReasonKind

ALL = pytest.mark.parametrize("reason", REASONS.values(), ids=list(REASONS))

FIRST_WORDS = re.compile(
    r"(ask|check|compare|convert|correct|decide|decode|do|exclude|find|grant|let|make|nothing|put|raise|read"
    r"|remove|replay|report|review|send|split|unpack)\b"
)
"""What a next step begins with: a verb in the imperative, or the word that there is none."""


def test_no_code_is_defined_twice() -> None:
    assert len(REASONS) == len(_TABLE)


def test_every_code_is_the_key_of_its_own_reason() -> None:
    assert all(code == reason.code for code, reason in REASONS.items())


@ALL
def test_codes_are_words_in_capitals(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", reason.code)


@ALL
def test_a_reason_says_what_becomes_of_the_input(reason: Reason) -> None:
    assert reason.kinds
    assert reason.kinds <= set(ReasonKind)
    assert reason.stage in STAGES


@ALL
def test_a_message_is_one_sentence_that_ends_with_the_next_step(reason: Reason) -> None:
    assert reason.message.endswith(f"; {reason.next_step}.")
    assert FIRST_WORDS.match(reason.next_step)
    assert reason.meaning[0].isupper()
    assert not reason.meaning.endswith((".", ";"))


@ALL
def test_a_message_is_told_in_chinese_too(reason: Reason) -> None:
    assert reason.message_zh == f"{reason.meaning_zh}；{reason.next_step_zh}。"
    assert re.search(r"[\u4e00-\u9fff]", reason.meaning_zh)
    assert re.search(r"[\u4e00-\u9fff]", reason.next_step_zh)


def test_no_two_codes_mean_the_same() -> None:
    assert len({reason.meaning for reason in REASONS.values()}) == len(REASONS)
    assert len({reason.meaning_zh for reason in REASONS.values()}) == len(REASONS)


def test_only_what_may_heal_by_itself_is_retried() -> None:
    assert {code for code, reason in REASONS.items() if reason.retried} == {
        "CHANGED_WHILE_READING",
        "SOURCE_UNREADABLE",
    }


def test_a_readable_input_is_never_set_aside() -> None:
    for reason in REASONS.values():
        if ReasonKind.READABLE in reason.kinds:
            assert reason.kinds == {ReasonKind.READABLE}


def test_what_nobody_foresaw_and_what_nearly_left_are_alerts() -> None:
    assert {code for code, reason in REASONS.items() if reason.alert} == {"INTERNAL_ERROR", "IDENTIFIER_LEFT"}
