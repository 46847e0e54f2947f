"""Import Great Expectations in the background, before the gate needs it, and without what it never uses.

The import takes 4 s of a core, about as long as Prefect's server takes to start, so it runs beside that.
A third of it are SciPy's distributions and Altair, which Great Expectations imports for expectations of
distributions and for charts that no rule of ours uses; those are put off until somebody touches them.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from threading import Thread
from types import ModuleType
from typing import Any

UNUSED = ("scipy.stats", "altair")


@cache
def import_gate_ahead() -> Thread:
    """Start the import, once a process; whoever imports it meanwhile waits for the same import."""
    thread = Thread(target=_import_gate, daemon=True)
    thread.start()
    return thread


def _import_gate() -> None:
    for name in UNUSED:
        put_off(name)
    import_module("great_expectations")


def put_off(name: str) -> None:
    """Let an import of `name` give a module that is loaded when it is first used; nothing if it is loaded."""
    if name not in sys.modules:
        sys.modules[name] = _PutOff(name)


class _PutOff(ModuleType):
    """Stands for a module until an attribute of it is asked for.

    The standard library's lazy loader does not serve: up to Python 3.11 the import statement itself is a
    first use to it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)
