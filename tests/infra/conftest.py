"""A Dask cluster as compose.yaml starts it: its commands, its settings, certificates of tls.sh."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.builders import KEY_TEXT
from tests.infra.files import INFRA, services
from tests.programs import need

_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class DaskCluster:
    """Where a cluster listens, and what a flow must have in its environment to be let in."""

    address: str
    scheduler_http: str
    worker_http: str
    client_environment: dict[str, str]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run([str(INFRA / "tls.sh"), str(folder)], check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="session")
def dask_cluster(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    place = tmp_path_factory.mktemp("dask")
    (place / "etc").mkdir()
    (place / "etc" / "dask.yaml").write_text((INFRA / "dask.yaml").read_text())
    port, scheduler_http, worker_http = _free_ports(3)
    address = f"tls://127.0.0.1:{port}"
    moved = {
        "8786": str(port),
        "tls://0.0.0.0": "tls://127.0.0.1",
        "tls://dask-scheduler:8786": address,
        "0.0.0.0:8787": f"127.0.0.1:{scheduler_http}",
        ":8788": f"127.0.0.1:{worker_http}",
        "/tmp": str(place),  # noqa: S108 - the container's, replaced here by ours
    }
    with ExitStack() as stack:
        for service, role, http in (
            ("dask-scheduler", "scheduler", scheduler_http),
            ("dask-worker", "worker", worker_http),
        ):
            command = [moved.get(word, word) for word in services()[service]["command"]]
            log = place / f"{role}.log"
            stack.enter_context(_running(command, _environment(place, certificates, role), log))
            _wait_until_healthy(f"http://127.0.0.1:{http}/health", log)
        yield DaskCluster(
            address,
            f"http://127.0.0.1:{scheduler_http}",
            f"http://127.0.0.1:{worker_http}",
            _dask_environment(place, certificates, "client"),
        )


def _dask_environment(place: Path, certificates: Path, role: str) -> dict[str, str]:
    """dask-tls.yaml as it is, but for where the certificates of this role lie."""
    config = place / f"dask-tls-{role}.yaml"
    text = (INFRA / "dask-tls.yaml").read_text()
    text = text.replace("/etc/dicomflow/secrets/dask_ca.pem", str(certificates / "ca.pem"))
    text = text.replace("/etc/dicomflow/secrets/dask_", f"{certificates / role}/")
    config.write_text(text)
    return {"DASK_ROOT_CONFIG": str(place / "etc"), "DASK_CONFIG": str(config)}


def _environment(place: Path, certificates: Path, role: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DASK_", "DICOMFLOW_", "PREFECT_"))
    }
    return {
        **kept,
        "HOME": str(place),
        "DICOMFLOW_KEY": KEY_TEXT,
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        **_dask_environment(place, certificates, role),
    }


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(_BIN / command[0]), *command[1:]], env=environment, stdout=sink, stderr=sink, cwd=log.parent
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(url: str, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own process on loopback
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"{url} did not answer: {log.read_text()[-2000:]}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
