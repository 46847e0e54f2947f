from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.describe import lay_out

CELLS = st.text("abc de-", max_size=60)
LINES = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8)
HEADINGS = ("what", "by", "done")


@given(LINES, st.integers(40, 200))
def test_a_table_fits_the_terminal_and_loses_no_letter(lines: list[tuple[str, ...]], width: int) -> None:
    laid_out = list(lay_out("Title", HEADINGS, lines, width))
    assert max(map(len, laid_out)) <= width
    letters = sorted("".join("".join(line) for line in [("Title",), HEADINGS, *lines]))
    shown = sorted("".join(laid_out).replace("─", ""))
    assert [char for char in shown if char != " "] == [char for char in letters if char != " "]


@given(LINES)
def test_a_pipe_gets_one_line_for_each_entry(lines: list[tuple[str, ...]]) -> None:
    laid_out = list(lay_out("Title", HEADINGS, lines, None))
    assert len(laid_out) == len(lines) + 4
    assert all(row.startswith(line[0].rstrip()) for line, row in zip(lines, laid_out[3:-1], strict=True))


def test_brackets_are_shown_as_they_are() -> None:
    assert any("[bold]" in line for line in lay_out("", HEADINGS, [("[bold]", "", "")], 80))
