from __future__ import annotations

import pytest

from tasks.cleaning.rules import ValueFormat, empty, spellings, strip_padding, upper_ascii


@pytest.mark.parametrize("word", ["其他", "男", "女"])
def test_padding_is_never_half_of_a_chinese_character(word: str) -> None:
    rule = strip_padding("padding", "BAD_TEXT")
    for codec in ("utf-8", "gb18030"):
        text = word.encode(codec).decode("latin-1")
        assert rule.repair(text) is None
        assert rule.repair(f" {text}\0") == text


def test_a_word_is_known_in_both_chinese_encodings() -> None:
    known = spellings({"Y": ["岁"]})
    assert {known["岁".encode(codec).decode("latin-1")] for codec in ("utf-8", "gb18030")} == {"Y"}


def test_upper_case_is_for_ascii_only() -> None:
    assert upper_ascii("male") == "MALE"
    assert upper_ascii("ma\xb5") == "ma\xb5"


def test_of_a_value_that_ends_empty_only_the_last_rule_is_told() -> None:
    stripping, emptying = strip_padding("padding", "BAD_DATE"), empty("all", "BAD_DATE", "All is emptied.")
    value_format = ValueFormat("x", lambda text: text == "x", (stripping, emptying))
    assert value_format.repair(" x") == ("x", (stripping,))
    assert value_format.repair(" y") == ("", (emptying,))
