"""Reading ahead changes when a part is read, and nothing else."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.read_ahead import read_ahead


@given(st.lists(st.none() | st.integers() | st.just(())))
def test_parts_come_as_they_are_and_in_their_order(parts: list[object]) -> None:
    assert list(read_ahead(parts)) == parts


def test_the_next_part_is_read_while_one_is_worked_on_and_no_more_than_that() -> None:
    read = [threading.Event() for _ in range(4)]

    def parts() -> Iterator[int]:
        for number, event in enumerate(read):
            event.set()
            yield number

    coming = read_ahead(parts())
    assert next(coming) == 0
    assert read[1].wait(10)
    assert not read[2].is_set()
    assert next(coming) == 1
    assert read[2].wait(10)
    assert not read[3].is_set()
    assert list(coming) == [2, 3]


def test_what_cannot_be_read_is_raised_after_the_parts_before_it() -> None:
    def parts() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("gone")

    coming = read_ahead(parts())
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(OSError, match="gone"):
        next(coming)


def test_a_failed_read_keeps_no_part() -> None:
    class Part:
        pass

    parts = [Part()]
    alive = weakref.ref(parts[0])

    def fail() -> Iterator[Part]:
        yield parts.pop()
        raise OSError("gone")

    gc.disable()
    try:
        with pytest.raises(OSError, match="gone"):
            list(read_ahead(fail()))
        assert alive() is None
    finally:
        gc.enable()


def test_who_is_interrupted_does_not_wait_for_a_server_that_is_silent() -> None:
    answered = threading.Event()

    def silent() -> Iterator[int]:
        yield 1
        answered.wait(60)
        yield 2

    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(read_ahead(silent()))
    assert time.monotonic() - started < 30
    answered.set()
    for thread in readers():
        thread.join(10)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    coming = read_ahead(iter(range(100)))
    assert next(coming) == 0
    assert readers()
    coming.close()  # type: ignore[attr-defined]
    assert not readers()


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "dicomflow-read"]
