"""Shows a person how a run goes: one line a phase, a live bar over the objects; silent for machines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tasks.records import RunReport


class RateColumn(ProgressColumn):
    """Objects and megabytes a second since the phase began."""

    def render(self, task: Task) -> Text:
        """Write both rates; nothing before the first object."""
        if not task.completed or not task.elapsed:
            return Text("")
        rate = task.completed / task.elapsed
        megabytes = task.fields.get("bytes", 0) / task.elapsed / 1e6
        return Text(f"{rate:,.0f} files/s  {megabytes:,.1f} MB/s", style="cyan")


class RunProgress:
    """The phases of one run, timed, and shown if there is somebody to see them.

    Parameters
    ----------
    console
        Where to draw; None draws nothing and only keeps the times.

    Attributes
    ----------
    report
        What the run came to, once everything is published: it stands even if Prefect cannot be told any more.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.report: RunReport | None = None
        self._began = time.monotonic()
        self._progress = None if console is None or not console.is_terminal else _bar(console)
        self._objects: Any = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while the context lasts."""
        if self._progress is None:
            yield
            return
        with self._progress:
            yield

    @contextmanager
    def phase(self, name: str, total: int | None = None) -> Iterator[None]:
        """Time a phase; with `total` objects it gets a bar and a time left."""
        started = time.monotonic()
        task = None
        if self._progress is not None:
            task = self._progress.add_task(name, total=total, bytes=0)
            self._objects = task if total is not None else self._objects
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started
            if self._progress is not None and task is not None:
                self._progress.update(task, total=total or 1, completed=total or 1)
                self._progress.stop_task(task)

    def whole(self) -> dict[str, float]:
        """Seconds of each phase so far, and as `other` what passed between them: mostly Prefect's book-keeping."""
        passed = time.monotonic() - self._began
        return {**self.seconds, "other": max(passed - sum(self.seconds.values()), 0.0)}

    def advance(self, objects: int, size_bytes: int) -> None:
        """Move the bar of the current phase."""
        if self._progress is None or self._objects is None:
            return
        task = self._progress.tasks[self._objects]
        self._progress.update(self._objects, advance=objects, bytes=task.fields["bytes"] + size_bytes)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=False,
    )


_current = RunProgress()


def watch(progress: RunProgress) -> None:
    """Make `progress` the one that the flow of this process reports to."""
    global _current
    _current = progress


def current() -> RunProgress:
    """Give the progress of this process; one that shows nothing unless somebody watches."""
    return _current
