"""Deployments, job template and automations, held against Prefect's own models and workers."""

from __future__ import annotations

import asyncio
import json
import re
import string
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml

from tasks.settings import Settings
from tests.infra.files import INFRA, load, load_all, read

FILES = ("prefect.yaml", "prefect-docker.yaml", "prefect-kubernetes.yaml")
NO_SERVER: Any = object()
"""For whatever would ask a server for blocks and variables: our files refer to none, so nothing is asked."""

VALUES = {
    "IMAGE": "registry.example/dicomflow@sha256:" + "0" * 64,
    "CONFIG_DIR": "/srv/config",
    "SECRETS_DIR": "/srv/secrets",
    "HOST_UID": "1000",
}


def deployments(file: str) -> list[dict[str, Any]]:
    """Deployments of a file, after the environment is put in as `prefect deploy` does."""
    text = re.sub(r"\{\{ \$(\w+) \}\}", lambda found: VALUES[found[1]], read(file))
    found: list[dict[str, Any]] = yaml.safe_load(text)["deployments"]
    return found


@pytest.mark.parametrize("file", FILES)
def test_prefect_reads_the_file_and_drops_nothing_of_it(file: str) -> None:
    from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel, RawScheduleConfig

    parsed = PrefectYamlModel.model_validate(load(file))
    assert parsed.pull == [], (
        "the code is in the environment of the worker; nothing is pulled or changed into"
    )
    for raw, deployment in zip(deployments(file), parsed.deployments, strict=True):
        # The models ignore names they do not know, so a misspelt one would simply do nothing.
        assert set(raw) <= set(DeploymentConfig.model_fields)
        assert all(isinstance(schedule, RawScheduleConfig) for schedule in deployment.schedules or [])


@pytest.mark.parametrize("file", FILES)
def test_the_three_pools_run_the_same_deployments(file: str) -> None:
    def shape(name: str) -> list[Any]:
        return [{**each, "work_pool": None} for each in deployments(name)]

    assert shape(file) == shape("prefect.yaml")
    assert {each["name"] for each in deployments(file)} == {
        "nightly",
        "landing",
        "on-demand",
        "replay",
        "maintain",
        "revalidate",
    }


@pytest.mark.parametrize("file", FILES)
def test_the_entry_point_is_a_flow(file: str) -> None:
    from prefect import Flow

    for deployment in deployments(file):
        module, name = deployment["entrypoint"].rsplit(".", 1)
        assert isinstance(getattr(import_module(module), name), Flow)
        assert "parameters" not in deployment


@pytest.mark.parametrize("file", FILES)
def test_two_runs_never_share_a_target(file: str) -> None:
    for deployment in deployments(file):
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
        assert deployment["work_pool"]["work_queue_name"] == "research"
    assert "work-queue create research" in read("prefect-setup.sh")
    assert "--limit 1" in read("prefect-setup.sh")


@pytest.mark.parametrize("file", FILES)
def test_schedules_are_ones_that_prefect_can_make(file: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    schedules = {each["name"]: each.get("schedules", []) for each in deployments(file)}
    (nightly,) = schedules["nightly"]
    assert CronSchedule(cron=nightly["cron"], timezone=nightly["timezone"])
    (landing,) = schedules["landing"]
    assert IntervalSchedule(
        interval=timedelta(seconds=landing["interval"]), anchor_date=landing["anchor_date"]
    )
    for name in ("maintain", "revalidate"):
        (weekly,) = schedules[name]
        assert CronSchedule(cron=weekly["cron"], timezone=weekly["timezone"])
        assert weekly["active"] is True
    assert nightly["active"] is True
    assert landing["active"] is False, "a site without a landing folder would run it every quarter of an hour"


def test_the_landing_trigger_is_one_that_prefect_can_make() -> None:
    from prefect.cli.deploy._triggers import _initialize_deployment_triggers

    (landing,) = (each for each in deployments("prefect.yaml") if each["name"] == "landing")
    (trigger,) = _initialize_deployment_triggers("landing", landing["triggers"])
    assert trigger.expect == {"dicomflow.landing.complete"}
    assert "prefect event emit dicomflow.landing.complete --resource-id dicomflow.landing.research" in read(
        "prefect.yaml"
    )


@pytest.mark.parametrize("file", FILES)
def test_job_variables_hold_names_of_files_and_no_secret(file: str) -> None:
    for deployment in deployments(file):
        environment = deployment["work_pool"].get("job_variables", {}).get("env", {})
        for name, value in environment.items():
            if name.startswith("DICOMFLOW_"):
                assert name in {"DICOMFLOW_CONFIG", "DICOMFLOW_KEY_FILE", "DICOMFLOW_DASK_ADDRESS"}
                assert (
                    name == "DICOMFLOW_CONFIG"
                    or name.removeprefix("DICOMFLOW_").lower() in Settings.model_fields
                )
            assert not re.search(r"s3://|[0-9a-f]{32}", value)


def _kubernetes_job(variables: dict[str, Any]) -> dict[str, Any]:
    from prefect.client.schemas.objects import FlowRun
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    async def make() -> dict[str, Any]:
        template = json.loads(read("job-template.json"))
        job = await KubernetesWorkerJobConfiguration.from_template_and_values(
            template, variables, client=NO_SERVER
        )
        job.prepare_for_flow_run(FlowRun(flow_id=uuid4(), name="a-run"))
        return dict(job.job_manifest)

    return asyncio.run(make())


@pytest.mark.parametrize("deployment", deployments("prefect-kubernetes.yaml"), ids=lambda each: each["name"])
def test_the_kubernetes_worker_makes_a_valid_restricted_job(deployment: dict[str, Any]) -> None:
    variables = deployment["work_pool"]["job_variables"]
    template = json.loads(read("job-template.json"))
    assert set(variables) <= set(template["variables"]["properties"])
    job = _kubernetes_job(variables)
    kubernetes_validate.validate(job, "1.32")
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == VALUES["IMAGE"]
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert "{{" not in json.dumps(job), "every place of the template was filled"
    given = {each["name"]: each.get("value") for each in container["env"]}
    assert given["DASK_CONFIG"] == "/etc/dicomflow/dask-tls.yaml"
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "flow"


def test_only_the_job_that_maintains_may_delete_files_of_tables() -> None:
    accounts = {
        each["name"]: each["work_pool"]["job_variables"]["service_account_name"]
        for each in deployments("prefect-kubernetes.yaml")
    }
    assert accounts.pop("maintain") == "dicomflow-maintenance"
    assert set(accounts.values()) == {"dicomflow-flow"}
    made = {each["metadata"]["name"] for each in load_all("k8s/base/accounts.yaml")}
    assert {"dicomflow-maintenance", "dicomflow-flow"} <= made


def test_every_variable_of_the_job_template_is_used() -> None:
    template = json.loads(read("job-template.json"))
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])


@pytest.mark.parametrize("deployment", deployments("prefect-docker.yaml"), ids=lambda each: each["name"])
def test_the_docker_worker_makes_a_locked_down_container(deployment: dict[str, Any]) -> None:
    from prefect_docker.worker import DockerWorker, DockerWorkerJobConfiguration

    variables = deployment["work_pool"]["job_variables"]
    template = DockerWorker.get_default_base_job_template()
    assert set(variables) <= set(template["variables"]["properties"])
    job = asyncio.run(
        DockerWorkerJobConfiguration.from_template_and_values(template, variables, client=NO_SERVER)
    )
    assert job.networks == ["dicomflow_internal"] == [load("compose.yaml")["networks"]["internal"]["name"]]
    assert job.mem_limit == "4g"
    assert all(volume.endswith(":ro") for volume in job.volumes)
    assert job.container_create_kwargs is not None
    assert job.container_create_kwargs["read_only"] is True
    assert job.container_create_kwargs["cap_drop"] == ["ALL"]
    assert not job.privileged


def test_docker_knows_every_way_the_container_is_locked_down() -> None:
    from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS

    variables = deployments("prefect-docker.yaml")[0]["work_pool"]["job_variables"]
    assert set(variables["container_create_kwargs"]) <= {*RUN_CREATE_KWARGS, *RUN_HOST_CONFIG_KWARGS}


def test_a_files_variables_are_those_the_setup_asks_for() -> None:
    script = read("prefect-setup.sh")
    for file in FILES:
        for name in re.findall(r"\{\{ \$(\w+) \}\}", read(file)):
            assert f"${{{name}:?" in script or f"export {name}=" in script
    for kind, pool in (("docker", "dicomflow-docker"), ("kubernetes", "dicomflow-kubernetes")):
        assert all(each["work_pool"]["name"] == pool for each in deployments(f"prefect-{kind}.yaml"))
        assert f"pool={pool}" in script


def test_automations_are_ones_that_prefect_can_make() -> None:
    from prefect.events.schemas.automations import AutomationCore, EventTrigger

    raw = load("automations.yaml")["automations"]
    made = [AutomationCore.model_validate(each) for each in raw]
    assert len(made) == 5
    for given, automation in zip(raw, made, strict=True):
        assert set(given) <= set(AutomationCore.model_fields)
        assert set(given["trigger"]) <= set(EventTrigger.model_fields)
        assert isinstance(automation.trigger, EventTrigger)
        assert set(automation.name) <= {*string.ascii_letters, " "}, "the setup finds them by name"


def test_every_outcome_that_is_not_well_has_its_automation() -> None:
    from flows.clean import state_of
    from tasks.records import Outcome
    from tests.flows.reports import make_report

    expected = {
        event for each in load("automations.yaml")["automations"] for event in each["trigger"]["expect"]
    }
    for outcome in (Outcome.WITHHELD, Outcome.PARTLY_WITHHELD):
        assert f"prefect.flow-run.{state_of(make_report(outcome=outcome)).name}" in expected
    assert {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"} <= expected


def test_a_run_is_lost_only_after_many_heartbeats() -> None:
    lost = load("automations.yaml")["automations"][0]["trigger"]
    where = read("compose.yaml") + read("k8s/base/prefect-worker.yaml")
    beats = {int(text) for text in re.findall(r'HEARTBEAT_FREQUENCY(?:, value)?: "(\d+)"', where)}
    assert beats == {30}
    assert lost["within"] >= 10 * 30


def test_the_setup_says_how_it_is_used() -> None:
    import subprocess

    script = str(INFRA / "prefect-setup.sh")
    wrong = subprocess.run([script, "cloud"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "process|docker|kubernetes" in wrong.stderr
    bare = subprocess.run(
        [script, "docker"], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert bare.returncode != 0
    assert "name the image" in bare.stderr
    assert Path(script).read_text().startswith("#!/usr/bin/env bash")
