"""The verbs of a run, called one after the other without Prefect or Dask: what they do, not who calls them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree, rmtree
from types import TracebackType
from typing import Any, Self

import pytest

from tasks import process
from tasks.discover import discover
from tasks.layout import Staging
from tasks.prepare import open_run
from tasks.records import BatchReport, Found, RunPlan, Selection
from tasks.settings import Settings
from tasks.storage.store import Store, open_store
from tests.builders import KEY_TEXT


@dataclass
class PlainRun:
    """One run over `root/source` into `root/target`, unless options say otherwise, as far as the test takes it."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    outputs: str = "both"
    batch_objects: int = 1000
    selection: Selection | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
        self.monkeypatch.setattr(process, "report_progress", lambda _objects, _bytes: None)
        self._stack = ExitStack()
        self.settings = Settings(
            **{
                "source": "" if self.selection else str(self.root / "source"),
                "target": str(self.root / "target"),
                "outputs": self.outputs,
                "batch_objects": self.batch_objects,
                **self.options,
            }
        )
        self.plan: RunPlan = self._stack.enter_context(open_run(self.settings, self.selection)).plan
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    @property
    def store(self) -> Store:
        return open_store(self.settings.target, {})

    @property
    def staging(self) -> Staging:
        return Staging(self.plan.run_id)

    def discover(self) -> Found:
        return discover.fn(self.plan, self.settings)

    def process(self, found: Found) -> list[BatchReport]:
        return [process.process_batch(batch, self.plan) for batch in found.batches]


@dataclass(frozen=True)
class Kept:
    """A folder as it was made, to be had again by every test at its place, times of files and all."""

    place: Path

    @classmethod
    def of(cls, place: Path) -> Self:
        copytree(place, place.with_name(f"{place.name}-kept"), symlinks=True)
        return cls(place)

    def restore(self) -> Path:
        rmtree(self.place)
        return copytree(self.place.with_name(f"{self.place.name}-kept"), self.place, symlinks=True)
