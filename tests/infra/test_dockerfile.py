"""The image: linted, pinned, without root, and with everything in it that its roles name."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from tests.infra.files import INFRA, ROOT, read, services

DOCKERFILE = read("Dockerfile")
CONSTRAINTS = {line.split("==")[0] for line in read("constraints.txt").splitlines()}


def _instructions() -> list[str]:
    joined = re.sub(r"\\\n(?:\s*#.*\n)*", " ", DOCKERFILE)
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [str(program), str(INFRA / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_both_stages_stand_on_the_base_that_the_builder_names() -> None:
    assert _instructions()[0].startswith("ARG BASE=")
    assert [line for line in _instructions() if line.startswith("FROM")] == [
        "FROM ${BASE} AS build",
        "FROM ${BASE}",
    ]


def test_every_package_in_the_image_is_pinned() -> None:
    installs = [line for line in _instructions() if "pip install" in line]
    assert installs
    assert all("-c infra/constraints.txt" in line or "--no-deps" in line for line in installs)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[\[<>=,]", entry)[0] for entry in project["dependencies"]}
    beside = {word for line in installs for word in line.split() if word.startswith("prefect-")}
    assert beside == {"prefect-redis", "prefect-docker", "prefect-kubernetes"}
    assert needed | beside <= CONSTRAINTS


def test_the_process_is_not_root_and_writes_below_tmp_only() -> None:
    final = DOCKERFILE.split("FROM ${BASE}\n")[1]
    user = re.search(r"^USER (\d+):(\d+)$", final, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert "HOME=/tmp" in final
    assert "PREFECT_HOME=/tmp/" in final
    assert "\nHEALTHCHECK" in final
    assert "RUN" not in final, "nothing is made in the final stage that a read-only root would hide"


def test_what_is_copied_exists_and_is_not_kept_out() -> None:
    patterns = [line for line in read("Dockerfile.dockerignore").splitlines() if line and line[0] not in "#"]
    assert patterns[0] == "*"
    let_in = [line[1:] for line in patterns if line.startswith("!")]
    copied = [
        source
        for line in _instructions()
        if line.startswith("COPY") and "--from" not in line
        for source in shlex.split(line)[1:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in let_in), source


def test_the_files_that_other_files_name_are_where_the_image_puts_them() -> None:
    in_image = re.findall(
        r"/etc/dicomflow/([\w.-]+)", DOCKERFILE + read("compose.yaml") + read("k8s/base/dask.yaml")
    )
    named = {name for name in in_image if "." in name}
    assert "dask-tls.yaml" in named
    copied = next(line for line in _instructions() if line.endswith("/etc/dicomflow/"))
    assert named <= {Path(word).name for word in copied.split()}


def test_the_default_command_is_one_that_exists() -> None:
    for command in (
        ["prefect", "worker", "start", "--pool", "dicomflow", "--with-healthcheck"],
        services()["prefect-worker"]["command"],
    ):
        assert (Path(sys.executable).parent / command[0]).exists()
    assert 'CMD ["prefect", "worker", "start", "--pool", "dicomflow", "--with-healthcheck"]' in DOCKERFILE
