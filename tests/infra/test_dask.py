"""An external Dask cluster for real: the settings that are shipped, TLS, and what its ports show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml

from flows.workers import DASK_CONFIG
from tests.builders import write_study
from tests.e2e.runs import Place, clean, states_of
from tests.infra.conftest import DaskCluster
from tests.infra.files import load


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return flat


def test_a_foreign_cluster_has_the_settings_of_our_own() -> None:
    shipped = _flat(load("dask.yaml"))
    routes = {name for name in shipped if name.endswith("http.routes")}
    # How local workers come into being matters to a cluster of containers as little as what its ports serve.
    other = routes | {"distributed.worker.multiprocessing-method"}
    assert {name: value for name, value in shipped.items() if name not in routes} == {
        name: value for name, value in DASK_CONFIG.items() if name not in other
    }
    for name in routes:
        beyond_ours = set(shipped[name]) - set(DASK_CONFIG[name])
        assert beyond_ours <= {
            "distributed.http.scheduler.prometheus",
            "distributed.http.worker.prometheus",
        }


@pytest.mark.parametrize("name", ["dask.yaml", "dask-tls.yaml"])
def test_every_shipped_setting_is_one_that_dask_knows(name: str) -> None:
    import distributed

    known = _flat(yaml.safe_load((Path(distributed.__file__).parent / "distributed.yaml").read_text()))
    assert {key for key in _flat(load(name)) if not key.startswith("distributed.logging")} <= set(known)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_run_uses_an_existing_scheduler_over_tls(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_study(place.source, instances=3)
    report = clean(place, DICOMFLOW_DASK_ADDRESS=dask_cluster.address, **dask_cluster.client_environment)
    assert report["exit_code"] == 0, report
    assert states_of(place.target) == {"published": 3}


_CONNECT = """
import sys
from distributed import Client
print(Client(sys.argv[1], timeout="5s").submit(int, 5).result(5))
"""


def _connect(address: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _CONNECT, address],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.e2e
def test_nobody_without_a_certificate_of_this_authority_gets_in(
    dask_cluster: DaskCluster, tmp_path: Path
) -> None:
    subprocess.run(
        [str(Path(__file__).parents[2] / "infra" / "tls.sh"), str(tmp_path), "client"],
        check=True,
        capture_output=True,
    )
    strangers = {
        f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(tmp_path / file)
        for name, file in (
            ("CA_FILE", "ca.pem"),
            ("CLIENT__CERT", "client/cert.pem"),
            ("CLIENT__KEY", "client/key.pem"),
        )
    }
    friend = _connect(dask_cluster.address, dask_cluster.client_environment)
    assert friend.stdout.strip() == "5", friend.stderr
    plain = _connect(dask_cluster.address.replace("tls://", "tcp://"), {})
    stranger = _connect(dask_cluster.address, strangers)
    assert plain.returncode != 0
    assert stranger.returncode != 0


@pytest.mark.e2e
@pytest.mark.parametrize(
    "page", ["/info/main/workers.html", "/json/counts.json", "/api/v1/get_workers", "/status"]
)
def test_no_page_of_the_scheduler_shows_tasks(dask_cluster: DaskCluster, page: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(dask_cluster.scheduler_http + page, timeout=5)  # noqa: S310 - our own process on loopback
    assert refused.value.code == 404
