from __future__ import annotations

import time

from flows.progress import RunProgress


def test_phases_and_the_rest_add_up_to_the_time_that_passed() -> None:
    began = time.monotonic()
    progress = RunProgress()
    with progress.phase("start"):
        time.sleep(0.02)
    time.sleep(0.02)
    with progress.phase("start"):
        time.sleep(0.02)
    seconds = progress.whole()
    assert seconds.keys() == {"start", "other"}
    assert seconds["start"] >= 0.04
    assert seconds["other"] >= 0.02
    assert abs(sum(seconds.values()) - (time.monotonic() - began)) < 0.02
