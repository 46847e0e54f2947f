from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import EXIT_CODES_HELP, ExitCode, app
from tests.builders import KEY_TEXT, write_study

COMMANDS = (
    *("clean", "replay", "demo", "keygen", "describe", "show", "verify", "docs", "serve"),
    *("identities export", "identities lookup", "identities forget"),
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(run: CliRunner, command: str) -> None:
    import typer.main

    group = typer.main.get_command(app)
    for name in command.split():
        group = group.commands[name]  # type: ignore[attr-defined]
    parameters = group.params
    assert [parameter.name for parameter in parameters if not getattr(parameter, "help", None)] == []
    assert run.invoke(app, [*command.split(), "--help"]).exit_code == 0


def test_every_exit_code_is_documented() -> None:
    assert all(f"{int(code)} " in EXIT_CODES_HELP for code in ExitCode)


def test_a_key_file_is_for_its_owner_only_and_never_overwritten(run: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert run.invoke(app, ["keygen", "--file", str(file)]).exit_code == 0
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run.invoke(app, ["keygen", "--file", str(file)]).exit_code == ExitCode.CONFIGURATION
    assert file.read_text() == text


def test_a_dry_run_counts_and_touches_nothing(run: CliRunner, tmp_path: Path) -> None:
    write_study(tmp_path / "source", instances=3)
    target = tmp_path / "target"
    done = run.invoke(app, ["clean", str(tmp_path / "source"), str(target), "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["pending"] == 3
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{root}/none", "{root}/target"], "does not exist"),
        (["{root}", "{root}/target"], "TARGET lies inside SOURCE"),
        (["{root}/source", "{root}/target", "--profile", "no-such"], "profile"),
        (["{root}/source", "{root}/target", "--rules", "{root}/none.yaml"], "rule table cannot be read"),
        (["{root}/source", "{root}/target", "--key-file", "{root}/none"], "key file cannot be opened"),
        (["gs://bucket", "{root}/target"], "folder"),
        (["{root}/source", "{root}/my%20target"], "cannot be addressed"),
    ],
)
def test_mistakes_end_with_a_sentence_and_code_2(
    run: CliRunner, tmp_path: Path, arguments: list[str], said: str
) -> None:
    write_study(tmp_path / "source", instances=1)
    done = run.invoke(
        app, ["clean", *(part.format(root=tmp_path) for part in arguments), "--dry-run", "--json"]
    )
    assert done.exit_code == ExitCode.CONFIGURATION, done.output
    assert said in json.loads(done.stdout)["error"]
    assert not (tmp_path / "target").exists()


def test_show_says_when_a_target_has_seen_no_run(run: CliRunner, tmp_path: Path) -> None:
    done = run.invoke(app, ["show", str(tmp_path / "target"), "--json"])
    assert done.exit_code == ExitCode.CONFIGURATION
    assert "has seen no run" in json.loads(done.stdout)["error"]


def test_describe_lists_actions_repairs_and_rules(run: CliRunner) -> None:
    done = run.invoke(app, ["describe", "--json"])
    assert done.exit_code == 0
    described = json.loads(done.stdout)
    assert len(described["deidentification"]) > 600
    assert len(described["cleaning"]) > 15
    assert len(described["quality"]) > 15
    assert any("(0010,0010) PatientName" in line["subject"] for line in described["deidentification"])
