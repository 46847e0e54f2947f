"""What the child may use, and how the kernel is told: without it, a limit is a wish.

Limits of memory, processor time and core dumps hold on any POSIX system. What only Linux has (no new privileges,
death with the worker, first to go when memory runs out) is asked for and done without elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one object may cost the child.

    Attributes
    ----------
    memory_bytes
        Address space of the child, its own 150 MB included (`PARSER_MEMORY`).
    wall_seconds
        Time for one object, without the time its source takes to answer (`PARSER_TIMEOUT`).
    cpu_seconds
        Processor time for one object (`PARSER_TIMEOUT`).
    plugins
        Modules the child imports first; they register pixel decoders with pydicom.
    """

    memory_bytes: int = 1 << 30
    wall_seconds: float = 60.0
    cpu_seconds: int = 30
    plugins: tuple[str, ...] = ()


def shut_in(memory_bytes: int, parent: int) -> None:
    """Give up, for this process and for good, whatever reading a header does not take.

    Everything must be imported and opened before: no file, socket or process can be opened after.

    Parameters
    ----------
    parent
        Process id of the worker: if it has died meanwhile, so does this process.
    """
    _ask_linux(parent)
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        _lower(kind, most)
    if hasattr(resource, "RLIMIT_NPROC"):
        _lower(resource.RLIMIT_NPROC, 0)


def allow_cpu(seconds: int) -> None:
    """Allow the next object its processor time; beyond it, the kernel ends this process with `SIGXCPU`."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard < 0 else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _ask_linux(parent: int) -> None:
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)


def volunteer() -> None:
    """Be the first to go when the machine runs out of memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
