"""Prometheus and Grafana ask for metrics that exist: those a Dask cluster of ours really serves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.infra.conftest import DaskCluster
from tests.infra.files import INFRA, load, read, services
from tests.programs import need

_WORD = re.compile(r"\b(?:dask|process|python)_\w+|\bup\b")


def _expressions() -> dict[str, str]:
    dashboard = json.loads(read("grafana/dashboards/dicomflow.json"))
    shown = {
        f"panel {panel['title']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    rules = load("prometheus/rules.yaml")["groups"][0]["rules"]
    return shown | {f"alert {rule['alert']}": rule["expr"] for rule in rules}


@pytest.mark.e2e
def test_every_metric_that_is_asked_for_is_served(dask_cluster: DaskCluster) -> None:
    served = {"up"}
    for address in (dask_cluster.scheduler_http, dask_cluster.worker_http):
        with urlopen(f"{address}/metrics", timeout=10) as answer:  # noqa: S310 - our own process on loopback
            text = answer.read().decode()
        served |= set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    for place, expression in _expressions().items():
        metrics = {word for word in _WORD.findall(expression) if not word.startswith("dask_scheduler-")}
        metrics = {word for word in metrics if f'"{word}' not in expression}
        assert metrics, place
        assert metrics <= served, place


@pytest.mark.e2e
def test_the_metrics_name_no_object_and_no_key(dask_cluster: DaskCluster) -> None:
    with urlopen(f"{dask_cluster.scheduler_http}/metrics", timeout=10) as answer:  # noqa: S310
        labels = set(re.findall(r'(\w+)="', answer.read().decode()))
    assert labels <= {
        "state", "type", "task_prefix_name", "implementation", "major", "minor", "patchlevel", "version",
        "generation", "cost_multiplier", "name", "action", "start_state", "finish_state",
    }  # fmt: skip


def test_each_job_scrapes_a_service_that_listens_there() -> None:
    jobs: dict[str, Any] = {
        each["job_name"]: each for each in load("prometheus/prometheus.yaml")["scrape_configs"]
    }
    everything = services()
    commands = {name: " ".join(map(str, service.get("command", []))) for name, service in everything.items()}
    assert jobs["dask-scheduler"]["static_configs"][0]["targets"] == ["dask-scheduler:8787"]
    assert "0.0.0.0:8787" in commands["dask-scheduler"]
    (workers,) = jobs["dask-worker"]["dns_sd_configs"]
    assert (workers["names"], workers["port"]) == (["dask-worker"], 8788)
    assert ":8788" in commands["dask-worker"]
    assert jobs["s3"]["static_configs"][0]["targets"] == ["s3:9000"]
    assert everything["s3"]["environment"]["MINIO_PROMETHEUS_AUTH_TYPE"] == "public"
    server = jobs["prefect-server"]
    assert everything["prefect-server"]["environment"]["PREFECT_SERVER_METRICS_ENABLED"] == "true"
    assert server["metrics_path"] == "/api/metrics"
    assert server["basic_auth"]["username"] == "admin"
    mounted = [volume.split(":")[-2] for volume in everything["prometheus"]["volumes"]]
    assert server["basic_auth"]["password_file"] in mounted


def test_an_alert_says_what_to_do() -> None:
    for rule in load("prometheus/rules.yaml")["groups"][0]["rules"]:
        assert set(rule["annotations"]) == {"summary", "next_step"}
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_grafana_finds_the_data_source_and_the_dashboard() -> None:
    (source,) = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    dashboard = json.loads(read("grafana/dashboards/dicomflow.json"))
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    (provider,) = load("grafana/provisioning/dashboards/dicomflow.yaml")["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in services()["grafana"]["volumes"]


def test_promtool_accepts_configuration_and_rules_and_the_alerts_fire(tmp_path: Path) -> None:
    promtool = need("promtool")
    shutil.copytree(INFRA / "prometheus", tmp_path / "prometheus")
    config = tmp_path / "prometheus" / "prometheus.yaml"
    (tmp_path / "password").write_text("x")
    config.write_text(config.read_text().replace("/secrets/prefect", str(tmp_path / "password")))
    shutil.copy(Path(__file__).parent / "alerts.yaml", tmp_path / "prometheus" / "alerts.yaml")
    for arguments in (
        ["check", "config", str(config)],
        ["test", "rules", str(config.parent / "alerts.yaml")],
    ):
        done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
