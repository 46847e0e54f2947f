"""The Terraform configuration: parsed anywhere, validated and applied where terraform and its provider are.

What it is applied to is moto, a mock of AWS: that shows that the plan can be carried out and which policies
end up on which role, not that AWS would accept every value.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import hcl2
import pytest
from moto.server import ThreadedMotoServer

from tests.infra.files import INFRA
from tests.infra.iam import allows

FOLDER = INFRA / "terraform"
MIRRORS = (
    *Path("/opt").glob("*"),
    Path("/usr/local/share/terraform/plugins"),
    Path.home() / ".terraform.d/plugins",
)
"""Where a machine may keep providers, so that terraform needs no network."""
REGION = "eu-central-1"
ISSUER = "oidc.example/id/1"
VARIABLES = {
    "region": REGION,
    "source_bucket": "imaging-source",
    "target_bucket": "imaging-target",
    "target_prefix": "research/",
    "oidc_provider_arn": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}",
    "oidc_issuer": ISSUER,
    "readers": json.dumps({"researcher": ["arn:aws:iam::123456789012:root"]}),
}


def _parsed() -> dict[str, Any]:
    blocks: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.tf")):
        with path.open() as file:
            for kind, found in hcl2.load(file).items():
                if isinstance(found, list):
                    blocks.setdefault(kind, []).extend(found)
    return blocks


def _unquoted(name: str) -> str:
    return name.strip('"')


def test_every_reference_leads_somewhere() -> None:
    blocks = _parsed()
    there = {f"var.{_unquoted(name)}" for each in blocks["variable"] for name in each}
    there |= {f"local.{name}" for each in blocks["locals"] for name in each}
    for kind, prefix in (("resource", ""), ("data", "data.")):
        there |= {
            f"{prefix}{_unquoted(type_)}.{_unquoted(name)}"
            for each in blocks[kind]
            for type_, named in each.items()
            for name in named
        }
    text = "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.tf")))
    used = set(re.findall(r"\b(?:var|local)\.\w+|\bdata\.aws_\w+\.\w+|(?<!data\.)\baws_\w+\.\w+", text))
    assert len(used) > 30
    assert used <= there
    assert {name for name in there if name.startswith("var.")} <= used, "a variable that nothing uses"


def test_the_provider_is_pinned() -> None:
    text = (FOLDER / "versions.tf").read_text()
    assert re.search(r'version = "= \d+\.\d+\.\d+"', text)
    assert re.search(r'required_version = ">= \d', text)


def test_each_policy_file_is_used_and_fully_filled_in() -> None:
    text = (FOLDER / "roles.tf").read_text() + (FOLDER / "buckets.tf").read_text()
    asked = {
        "kms-read": {"key_arn", "region"},
        "kms-write": {"key_arn", "region"},
        "bucket": {"bucket", "key_arn"},
    }
    names = {"source_bucket", "source_prefix", "target_bucket", "target_prefix"}
    roles = {"researcher", "reviewer", "engineer", "data-protection", "pipeline", "maintenance"}
    for path in (INFRA / "iam").glob("*.json"):
        placeholders = set(re.findall(r"\$\{(\w+)\}", path.read_text()))
        assert placeholders <= asked.get(path.stem, names)
        assert path.stem in roles or path.stem in asked
    assert all(name in text for name in asked)
    assert all(name in text + (FOLDER / "variables.tf").read_text() for name in roles)


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Terraform on a copy of the configuration, with the provider of this machine and no other source."""
    program = shutil.which("terraform")
    mirrors = [mirror for mirror in MIRRORS if any(mirror.glob("*/hashicorp/aws/*"))]
    if program is None or not mirrors:
        pytest.skip("terraform and a mirror of its AWS provider are not on this machine")
    place = tmp_path_factory.mktemp("terraform")
    for name in ("terraform", "iam"):
        shutil.copytree(INFRA / name, place / name)
    config = place / "terraformrc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirrors[0]}"\n  }}\n}}\n'
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment = {
        **kept,
        "TF_CLI_CONFIG_FILE": str(config),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }

    def run(*arguments: str, **extra: str) -> str:
        done = subprocess.run(
            [str(program), *arguments],
            cwd=place / "terraform",
            env={**environment, **extra},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("init", "-backend=false", "-input=false", "-no-color")
    return run


@pytest.mark.e2e
def test_terraform_finds_it_valid_and_well_formatted(terraform: Any) -> None:
    terraform("fmt", "-check", "-diff")
    assert json.loads(terraform("validate", "-json"))["valid"] is True


@contextmanager
def _aws() -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "an-access-key",
            "AWS_SECRET_ACCESS_KEY": "a-secret-key",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        server.stop()


def _given() -> list[str]:
    return [f"-var={name}={value}" for name, value in VARIABLES.items()]


@pytest.mark.e2e
def test_the_plan_versions_encrypts_closes_and_cleans_up(terraform: Any, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan")
    with _aws() as aws:
        terraform("plan", "-input=false", "-no-color", f"-out={plan}", *_given(), **aws)
        shown = json.loads(terraform("show", "-json", plan, **aws))
    made = {
        each["address"]: each.get("values", {})
        for each in shown["planned_values"]["root_module"]["resources"]
    }
    for bucket in ("source", "target"):
        assert (
            made[f'aws_s3_bucket_versioning.this["{bucket}"]']["versioning_configuration"][0]["status"]
            == "Enabled"
        )
        (rule,) = made[f'aws_s3_bucket_server_side_encryption_configuration.this["{bucket}"]']["rule"]
        assert rule["apply_server_side_encryption_by_default"][0]["sse_algorithm"] == "aws:kms"
        assert rule["bucket_key_enabled"] is True
        assert made[f'aws_kms_key.this["{bucket}"]']["enable_key_rotation"] is True
        access = made[f'aws_s3_bucket_public_access_block.this["{bucket}"]']
        assert all(access[name] for name in access if name.startswith(("block_", "ignore_", "restrict_")))
    rules = {rule["id"]: rule for rule in made["aws_s3_bucket_lifecycle_configuration.target"]["rule"]}
    for rule, place in (("sweep-staging", "staging/"), ("sweep-restricted-staging", "restricted/staging/")):
        assert rules[rule]["filter"][0]["prefix"] == f"research/{place}"
        assert rules[rule]["expiration"][0]["days"] == 14
        assert rules[rule]["noncurrent_version_expiration"][0]["noncurrent_days"] == 1
    for each in ("source", "target"):
        (whole,) = [
            rule
            for rule in made[f"aws_s3_bucket_lifecycle_configuration.{each}"]["rule"]
            if not rule["filter"][0].get("prefix")
        ]
        assert whole["abort_incomplete_multipart_upload"][0]["days_after_initiation"] == 7
        assert whole["expiration"] == []
    assert rules["end-docs-retention"]["filter"][0]["prefix"] == "research/docs/runs/"
    expiring = [rule for rule in rules.values() if rule["expiration"]]
    # Nothing else expires: a table of which a file is missing cannot be read.
    assert {rule["filter"][0]["prefix"] for rule in expiring} == {
        *("research/staging/", "research/restricted/staging/", "research/docs/runs/")
    }


@pytest.mark.e2e
def test_roles_get_the_policies_of_the_files_and_trust_who_they_should(
    terraform: Any, tmp_path: Path
) -> None:
    # The provider waits most of a minute for lifecycle rules to settle; what is looked at here does without.
    wanted = ["aws_iam_role_policy.s3", "aws_iam_role_policy.kms", "aws_s3_bucket_policy.this"]
    targets = [f"-target={name}" for name in wanted]
    with _aws() as aws:
        state = f"-state={tmp_path / 'state'}"
        terraform("apply", "-auto-approve", "-input=false", "-no-color", state, *targets, *_given(), **aws)
        iam = boto3.client(
            "iam",
            endpoint_url=aws["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        roles = {each["RoleName"]: each for each in iam.list_roles()["Roles"]}
        policies = {
            role: [
                iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            ]
            for role in roles
        }
    assert set(roles) == {"dicomflow-pipeline", "dicomflow-maintenance", "dicomflow-researcher"}
    published = "arn:aws:s3:::imaging-target/research/published/dicom/a.dcm"
    assert allows(policies["dicomflow-researcher"], "s3:GetObject", published)
    assert not allows(
        policies["dicomflow-researcher"], "s3:GetObject", published.replace("published", "restricted")
    )
    assert allows(policies["dicomflow-pipeline"], "s3:GetObject", "arn:aws:s3:::imaging-source/a.dcm")
    assert not allows(policies["dicomflow-researcher"], "s3:GetObject", "arn:aws:s3:::imaging-source/a.dcm")
    (trust,) = roles["dicomflow-pipeline"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"]["StringEquals"][f"{ISSUER}:aud"] == "sts.amazonaws.com"
    assert set(trust["Condition"]["StringEquals"][f"{ISSUER}:sub"]) == {
        "system:serviceaccount:dicomflow:dicomflow-flow",
        "system:serviceaccount:dicomflow:dicomflow-dask",
    }
    (trust,) = roles["dicomflow-researcher"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
