from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.reasons import REASONS, ReasonKind
from tasks.settings import Output, Settings, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DICOMFLOW_"):
            monkeypatch.delenv(name)


def test_options_win_over_environment_and_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dicomflow.toml"
    file.write_text('profile = "basic"\nworkers = 3\nsource = "from-file"\n')
    monkeypatch.setenv("DICOMFLOW_CONFIG", str(file))
    monkeypatch.setenv("DICOMFLOW_WORKERS", "4")
    settings = load_settings(workers=5)
    assert (settings.profile, settings.workers, settings.source) == ("basic", 5, "from-file")
    assert load_settings().workers == 4


@pytest.mark.parametrize(
    ("suffix", "text"), [(".toml", "[s3]\nregion = 'eu'\n"), (".yaml", "s3: {region: eu}\n")]
)
def test_toml_and_yaml_say_the_same(tmp_path: Path, suffix: str, text: str) -> None:
    file = tmp_path / f"settings{suffix}"
    file.write_text(text)
    assert load_settings(file).s3.region == "eu"


def test_a_file_given_to_one_call_is_unknown_to_the_next(tmp_path: Path) -> None:
    file = tmp_path / "dicomflow.toml"
    file.write_text('profile = "basic"\n')
    before = dict(os.environ)
    assert load_settings(file).profile == "basic"
    assert (load_settings().profile, Settings().profile) == ("research", "research")
    assert dict(os.environ) == before


def test_nested_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMFLOW_S3__ENDPOINT_URL", "http://127.0.0.1:9")
    assert load_settings().s3.endpoint_url == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("profil = 'basic'\n", "profil"),
        ("workers = 0\n", "workers"),
        ("outputs = 'png'\n", "outputs"),
        ("x = [\n", "cannot be parsed"),
    ],
)
def test_a_mistake_in_the_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "dicomflow.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=named):
        load_settings(file)


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMFLOW_PROFIL", "basic")
    with pytest.raises(ConfigurationError, match="DICOMFLOW_PROFIL is no setting"):
        load_settings()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("both", {Output.DICOM, Output.METADATA}),
        ("metadata", {Output.METADATA}),
        ("dicom,metadata", {Output.DICOM, Output.METADATA}),
    ],
)
def test_outputs_are_named_as_people_name_them(text: str, outputs: set[Output]) -> None:
    assert load_settings(outputs=text).outputs == outputs


def test_the_key_is_never_shown() -> None:
    settings = Settings(key="ab" * 32)
    assert "abab" not in repr(settings)
    assert "abab" not in str(settings.model_dump())


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_limits_and_policies_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMFLOW_PARSER__MAX_DEPTH", "10")
    monkeypatch.setenv("DICOMFLOW_PARSER__PLUGINS", '["our_codec"]')
    monkeypatch.setenv("DICOMFLOW_SALVAGE_CODES", '{"BAD_DATE": "quarantine"}')
    settings = load_settings()
    assert (settings.parser.max_depth, settings.parser.plugins) == (10, ("our_codec",))
    assert settings.refused_codes == ("BAD_DATE",)
    assert settings.parser.limits("decode").max_depth == 10
    assert settings.parser.sandbox().plugins == ("our_codec",)


@pytest.mark.parametrize("code", ["ARCHIVE", "NO_SUCH_CODE"])
def test_only_what_can_be_salvaged_can_be_decided_otherwise(code: str) -> None:
    with pytest.raises(ConfigurationError, match="salvage_codes"):
        load_settings(salvage_codes={code: "salvage"})


def test_strict_refuses_all_that_could_be_salvaged_and_nothing_else() -> None:
    salvageable = {code for code, reason in REASONS.items() if ReasonKind.SALVAGE in reason.kinds}
    assert set(load_settings(salvage="strict").refused_codes) == salvageable
    assert load_settings().refused_codes == ()


@pytest.mark.parametrize("url", ["https://user:secret@host", "host:5000", "ftp://host", "https://"])
def test_a_receiver_of_lineage_is_named_without_a_secret(url: str) -> None:
    with pytest.raises(ConfigurationError, match="lineage_url") as caught:
        load_settings(lineage_url=url)
    assert url not in str(caught.value)
