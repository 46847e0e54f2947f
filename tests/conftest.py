from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests.peers.ceph import Gateway, ceph_gateway
from tests.peers.haproxy import FaultProxy, fault_proxy

# How long an example takes is the machine's affair: under a load of 14, laws that hold were called failures.
settings.register_profile("dicomflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dicomflow")

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what is quick first, and what takes minutes when it is asked for by its marker alone.

    A broken domain function must not wait for twenty runs of the flow, and no choice of other markers may
    bring hours of long tests along.
    """
    if "long" not in config.option.markexpr.split():
        long = [item for item in items if item.get_closest_marker("long") is not None]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Fail a test that leaves an environment variable behind: it would decide what later tests do."""
    before = dict(os.environ)
    yield
    left = {name for name, _ in set(before.items()) ^ set(os.environ.items())}
    assert left <= {"PYTEST_CURRENT_TEST"}, f"left behind in the environment: {sorted(left)}"


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """A real S3 server (Ceph), where Debian's packages are installed."""
    with (
        TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="ceph-") as folder,
        ceph_gateway(Path(folder)) as found,
    ):
        yield found


@pytest.fixture(scope="session")
def _fault_proxy(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    with fault_proxy(tmp_path_factory.mktemp("haproxy"), gateway.endpoint) as proxy:
        yield proxy


@pytest.fixture
def faults(_fault_proxy: FaultProxy) -> Iterator[FaultProxy]:
    """The same server behind a proxy that fails on purpose, and does no harm until it is told to."""
    _fault_proxy.fail()
    yield _fault_proxy
    _fault_proxy.fail()
