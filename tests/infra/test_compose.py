"""compose.yaml: a valid file, whose secrets come from outside and whose names are ones that somebody knows."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.settings import Settings, load_settings
from tests.builders import KEY_TEXT
from tests.infra.files import INFRA, compose_variables, load, read, services

OURS = ("prefect-server", "prefect-setup", "prefect-worker", "dask-scheduler", "dask-worker")
SECRET = re.compile(
    r"PASSWORD|SECRET|AUTH_STRING|TOKEN|CONNECTION_URL|DOCKET_URL|REGISTERED_USERS|REDISCLI_AUTH"
)


def _environment(service: str) -> dict[str, Any]:
    found: dict[str, Any] = services()[service].get("environment", {})
    return found


def test_the_file_is_valid_by_the_compose_specification() -> None:
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(INFRA / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_the_work_asks_for_is_there() -> None:
    assert set(services()) >= {
        *OURS, "postgres", "redis", "s3", "prometheus", "grafana", "orthanc", "marquez", "marquez-web"
    }  # fmt: skip
    assert not any("profiles" in service for service in services().values()), "one command starts all"


def test_no_secret_is_in_the_file() -> None:
    for name, service in services().items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) and not key.endswith(("__FILE", "_FILE")):
                assert ":?" in str(value), f"{name}: {key}"


def test_a_missing_variable_is_told_with_the_next_step() -> None:
    for name, rest in compose_variables(read("compose.yaml")):
        assert not name.startswith("DICOMFLOW_"), "the command refuses such a name that is no setting"
        if rest.startswith(":?"):
            assert "infra/secrets.sh" in rest
        else:
            assert rest.startswith(":-"), f"{name} has neither a default nor a next step"


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert load("compose.yaml")["networks"]["internal"]["internal"] is True
    inside_only = [name for name, service in services().items() if "edge" not in service["networks"]]
    assert {"postgres", "redis", "s3", "dask-scheduler", "dask-worker", "prefect-worker"} <= set(inside_only)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_locked_down(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].startswith("${HOST_UID:?")
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])  # noqa: S108 - the container's
    assert "healthcheck" in service or name == "prefect-worker", "the image's own check is the worker's"


@pytest.mark.parametrize("name", [name for name in services() if name not in OURS])
def test_foreign_images_are_of_a_version(name: str) -> None:
    image = services()[name]["image"]
    assert re.search(r":[^:/]*\d", image), image
    assert not image.endswith(":latest")


def test_what_waits_for_a_service_waits_for_one_that_can_become_ready() -> None:
    for name, service in services().items():
        waits = service.get("depends_on", {})
        for other, how in waits.items() if isinstance(waits, dict) else ():
            if how["condition"] == "service_healthy":
                assert "test" in services()[other]["healthcheck"], f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services()[other]["restart"].startswith("on-failure"), f"{other} would start again"


def test_files_that_are_mounted_exist() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (INFRA / source).exists(), f"{name}: {source}"


def test_prefect_knows_every_setting_of_its_name() -> None:
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_valid_setting_names
    from prefect_redis.client import RedisMessagingSettings

    known = _get_valid_setting_names(PrefectSettings) | {
        f"PREFECT_REDIS_MESSAGING_{name.upper()}" for name in RedisMessagingSettings.model_fields
    }
    used = {key for name in services() for key in _environment(name) if key.startswith("PREFECT_")}
    ours_for_postgres = {"PREFECT_DATABASE_PASSWORD"}
    assert len(used) > 12
    assert used - known <= ours_for_postgres


def test_redis_takes_over_what_prefect_would_keep_in_memory() -> None:
    from importlib import import_module

    environment = _environment("prefect-server")
    for name in (
        "PREFECT_MESSAGING_BROKER",
        "PREFECT_MESSAGING_CACHE",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
    ):
        assert import_module(environment[name]).__name__.startswith("prefect_redis.")


def test_our_own_settings_are_known_and_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DICOMFLOW_")]:
        monkeypatch.delenv(name)
    for service in OURS:
        for key, value in _environment(service).items():
            if key.startswith("DICOMFLOW_") and key != "DICOMFLOW_CONFIG":
                assert key.removeprefix("DICOMFLOW_").lower() in Settings.model_fields
                monkeypatch.setenv(key, value)
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    for file in ("nightly.toml", "landing.toml"):
        settings = load_settings(INFRA / "compose" / file)
        assert settings.target == "s3://target/research"
        assert settings.source.startswith("s3://source/landing")
        assert settings.dask_address == "tls://dask-scheduler:8786"
        assert settings.s3.endpoint_url == "http://s3:9000"


def test_scripts_can_be_started_and_parsed() -> None:
    for script in ("tls.sh", "secrets.sh", "prefect-setup.sh"):
        path = INFRA / script
        assert path.stat().st_mode & stat.S_IXUSR
        subprocess.run(["bash", "-n", str(path)], check=True)
    for script in ("compose/postgres-databases.sh", "compose/s3-buckets.sh"):
        subprocess.run(["sh", "-n", str(INFRA / script)], check=True)


def test_the_pipeline_user_of_the_s3_server_gets_the_policy_of_the_pipeline() -> None:
    script = read("compose/s3-buckets.sh")
    filled = set(re.findall(r"\$\{(\w+)\}[/#]", script))
    assert filled == set(re.findall(r"\$\{(\w+)\}", read("iam/pipeline.json")))
