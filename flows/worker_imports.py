"""What every local worker needs, imported once in the process that they are forked from.

Nothing here may start a thread or open a connection: neither survives a fork.
"""

from __future__ import annotations

import gc
from importlib import import_module

import dask
from prefect._internal.plugins import collections
from prefect.settings import get_current_settings

from flows.workers import DASK_CONFIG
from tasks.deid.codes import meaning_of
from tasks.deid.text.vocabulary import classify

MODULES = (
    "distributed.nanny",
    "prefect.task_engine",
    "prefect_dask.task_runners",
    "flows.cli",  # the main module of the command, which multiprocessing imports again in each child
    "tasks.process",
    "flows.clean",  # a task's context brings its flow, and the flow whatever it refers to
    "pandas",  # pyarrow imports it to make sure that a list is none of its
)

_OBJECTS_BETWEEN_LOOKS = 20_000

dask.config.set(DASK_CONFIG)  # before `distributed`, which sets its loggers up when it is imported
for module in MODULES:
    import_module(module)

# A task's context names the block of its result storage, and to find that block's class Prefect imports every
# integration that is installed: seconds a worker, for a class of Prefect's own, unless another one is configured.
if get_current_settings().results.default_storage_block is None:
    collections._collections = {}  # noqa: SLF001

# Tables that the first object of every worker would read: read here, their pages are shared, and paid for once.
meaning_of("DCM", "113100")
classify("contrast")

# Pages that hold only these modules stay shared: the collector of a child would else write to all of them.
gc.collect()
gc.freeze()

# A batch makes rows and traces by the ten thousand and no cycles to speak of: looked through as often as Python does
# by default, they take a tenth of a worker's time.
gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, 20, 20)
