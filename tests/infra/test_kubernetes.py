"""The manifests as kustomize renders them: valid, restricted, fenced in, and agreeing with each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tasks.settings import load_settings
from tests.infra.files import INFRA, load_all, read, services

RENDERED = ("base", "overlays/small", "overlays/production")
SOURCES = sorted(path.relative_to(INFRA) for path in (INFRA / "k8s").rglob("*.yaml"))
MADE_BY_THE_SITE = {"dicomflow-prefect-auth", "dicomflow-flow", "dicomflow-worker", "dicomflow-scheduler"}


@cache
def render(folder: str) -> tuple[dict[str, Any], ...]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        # Debian has 1.20, which nobody tried these with, so CI does not install it.
        pytest.skip(
            "kubectl is not installed, so nothing can be rendered; each manifest is checked as it stands"
        )
    command = [kubectl, "kustomize", str(INFRA / "k8s" / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


@cache
def dask_schemas() -> dict[str, Any]:
    """Schemas of the operator's own custom resources, as it installs them."""
    import dask_kubernetes

    folder = Path(dask_kubernetes.__file__).parent / "operator" / "deployment" / "helm"
    found = {}
    for name in ("daskcluster", "daskautoscaler"):
        (path,) = folder.glob(f"*/crds/{name}.yaml")
        spec = yaml.load(path.read_text(), yaml.CSafeLoader)["spec"]
        found[spec["names"]["kind"]] = spec["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def _close(schema: Any) -> Any:
    """The API server drops what it does not know; a test must not, or misspelt names pass."""
    if isinstance(schema, list):
        return [_close(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _close(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return closed


def check(manifest: dict[str, Any]) -> None:
    if manifest["apiVersion"] == "kubernetes.dask.org/v1":
        schema = _close(dask_schemas()[manifest["kind"]]["properties"]["spec"])
        jsonschema.Draft7Validator(schema).validate(manifest["spec"])
    elif not manifest["apiVersion"].startswith("kustomize"):
        kubernetes_validate.validate(manifest, "1.32", strict=True)


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_each_manifest_is_valid(path: Path) -> None:
    for manifest in load_all(str(path)):
        check(manifest)


def test_a_misspelt_field_would_be_found() -> None:
    manifests = load_all("k8s/base/dask.yaml") + load_all("k8s/base/prefect-worker.yaml")
    (cluster,) = (each for each in manifests if each["kind"] == "DaskCluster")
    cluster["spec"]["worker"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(jsonschema.ValidationError):
        check(cluster)
    (deployment,) = (each for each in manifests if each["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment)


@pytest.mark.parametrize("folder", RENDERED)
def test_kustomize_renders_valid_manifests(folder: str) -> None:
    manifests = render(folder)
    assert {each["kind"] for each in manifests} >= {
        "DaskCluster", "DaskAutoscaler", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount",
    }  # fmt: skip
    for manifest in manifests:
        check(manifest)
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "dicomflow"


def pods(manifests: tuple[dict[str, Any], ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that the manifests lead to, the job of a flow run included."""
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "DaskCluster":
            yield "dask worker", manifest["spec"]["worker"]["spec"]
            yield "dask scheduler", manifest["spec"]["scheduler"]["spec"]
    template = json.loads(read("job-template.json"))
    yield "flow", template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("folder", RENDERED)
def test_every_pod_passes_the_restricted_standard(folder: str) -> None:
    found = dict(pods(render(folder)))
    assert set(found) == {"dicomflow-prefect-worker", "dask worker", "dask scheduler", "flow"}
    for name, pod in found.items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= {"emptyDir", "secret", "configMap", "projected"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert {"mountPath": "/tmp", "name": "tmp"} in container["volumeMounts"], name  # noqa: S108
    (namespace,) = (each for each in render(folder) if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("folder", RENDERED)
def test_what_a_pod_refers_to_exists(folder: str) -> None:
    manifests = render(folder)
    there = {(each["kind"], each["metadata"]["name"]) for each in manifests}
    for name, pod in pods(manifests):
        text = json.dumps(pod)
        for config in re.findall(r'"configMap(?:Ref)?": \{"name": "([^"]+)"', text):
            assert ("ConfigMap", config) in there, f"{name}: {config}"
        for secret in re.findall(r'"secretName": "([^"]+)"|"secretKeyRef": \{[^}]*"name": "([^"]+)"', text):
            assert set(secret) - {""} <= MADE_BY_THE_SITE, name
        account = pod["serviceAccountName"]
        assert account.startswith("{{") or ("ServiceAccount", account) in there
        token = pod["automountServiceAccountToken"]
        assert token is (name == "dicomflow-prefect-worker"), (
            "only who starts jobs may ask Kubernetes anything"
        )
        mounted = {mount["name"] for each in pod["containers"] for mount in each["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def _cluster(folder: str = "base") -> dict[str, Any]:
    (cluster,) = (each for each in render(folder) if each["kind"] == "DaskCluster")
    return cluster


def test_dask_is_limited_below_its_pod() -> None:
    from dask.utils import parse_bytes

    (container,) = _cluster()["spec"]["worker"]["spec"]["containers"]
    limit = container["args"][container["args"].index("--memory-limit") + 1]
    assert parse_bytes(limit) < parse_bytes(container["resources"]["limits"]["memory"] + "B")


def test_dask_starts_as_compose_starts_it() -> None:
    """The two differ in addresses and fixed ports; what was seen to work there is what runs here."""
    spec = _cluster()["spec"]
    assert spec["scheduler"]["spec"]["containers"][0]["args"] == services()["dask-scheduler"]["command"]
    here, there = spec["worker"]["spec"]["containers"][0]["args"], services()["dask-worker"]["command"]
    extra = {"--name", "$(DASK_WORKER_NAME)", "--worker-port", "9000", "--nanny-port", "9001"}
    assert [word for word in here if word not in extra and "://" not in word] == [
        word for word in there if "://" not in word
    ]


def test_workers_find_the_scheduler_by_its_service_and_over_tls() -> None:
    (worker,) = _cluster()["spec"]["worker"]["spec"]["containers"]
    assert "tls://dicomflow-scheduler.dicomflow.svc:8786" in worker["args"]
    assert "tls://dicomflow-scheduler.dicomflow.svc:8786" in read("prefect-kubernetes.yaml")
    from dask_kubernetes.operator.controller.controller import build_scheduler_service_spec

    cluster = _cluster()
    service = build_scheduler_service_spec("dicomflow", cluster["spec"]["scheduler"]["service"], {}, {})
    assert service["metadata"]["name"] == "dicomflow-scheduler"
    for role in ("worker", "scheduler"):
        (container,) = cluster["spec"][role]["spec"]["containers"]
        assert {"name": "DASK_CONFIG", "value": "/etc/dicomflow/dask-tls.yaml"} in container["env"]


def _policies(folder: str = "base") -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["name"]: each["spec"] for each in render(folder) if each["kind"] == "NetworkPolicy"
    }


def test_what_is_not_allowed_is_denied() -> None:
    deny = _policies()["deny-all"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_only_the_operator_and_the_monitoring_reach_the_schedulers_pages() -> None:
    for rule in _policies()["dask-scheduler"]["ingress"]:
        if 8787 in [port["port"] for port in rule["ports"]]:
            names = [
                peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                for peer in rule["from"]
            ]
            assert names == ["dask-operator", "monitoring"]


def test_nobody_reaches_the_metadata_service_of_a_node() -> None:
    blocks = [
        peer["ipBlock"]
        for spec in _policies().values()
        for rule in spec.get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert len(blocks) >= 2
    assert all("169.254.169.254/32" in block["except"] for block in blocks)


def test_fences_and_budgets_select_the_labels_that_pods_get() -> None:
    """The operator labels its pods by cluster and component, and a flow's pod by the job template."""
    from dask_kubernetes.operator.controller.controller import build_worker_deployment_spec

    made = build_worker_deployment_spec(
        "dicomflow-default", "dicomflow", "dicomflow", "1", {"containers": []}, {}, {}
    )
    template = json.loads(read("job-template.json"))["job_configuration"]["job_manifest"]["spec"]["template"]
    (deployment,) = (each for each in render("base") if each["kind"] == "Deployment")
    labels = [
        made["spec"]["template"]["metadata"]["labels"],
        {"dask.org/cluster-name": "dicomflow", "dask.org/component": "scheduler"},
        template["metadata"]["labels"],
        deployment["spec"]["template"]["metadata"]["labels"],
    ]
    selectors = [spec["podSelector"].get("matchLabels", {}) for spec in _policies().values()]
    selectors += [
        each["spec"]["selector"]["matchLabels"]
        for each in render("base")
        if each["kind"] == "PodDisruptionBudget"
    ]
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector


@pytest.mark.parametrize("folder", RENDERED)
@pytest.mark.parametrize("name", ["nightly.toml", "landing.toml"])
def test_the_settings_in_the_manifests_are_settings(folder: str, name: str) -> None:
    settings = load_settings(INFRA / "k8s" / folder / name)
    assert settings.source.startswith("s3://")
    assert settings.target.endswith("/research")


def test_a_job_may_be_made_and_watched_and_nothing_else() -> None:
    (role,) = (each for each in render("base") if each["kind"] == "Role")
    verbs = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    assert not any(verb == "*" or resource in {"*", "secrets", "pods/exec"} for resource, verb in verbs)
    assert ("jobs", "create") in verbs
    assert not any(each["kind"].startswith("Cluster") for each in render("base"))
