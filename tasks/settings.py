"""Every setting, typed, in one place: read once when a run starts and passed down as values.

Sources, strongest first: the command's options, the environment (`DICOMFLOW_…`), a TOML or YAML file.
A name nobody knows is refused wherever it stands, because a misspelt `DICOMFLOW_PROFILE` that is
ignored would release data under the wrong profile.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
    YamlConfigSettingsSource,
)

from tasks import blocks as _blocks  # noqa: F401 - says how credentials that Prefect keeps are read
from tasks.errors import ConfigurationError
from tasks.reasons import REASONS, ReasonKind
from tasks.sandbox.options import ParserOptions
from tasks.storage.s3_options import S3Options

PREFIX = "DICOMFLOW_"
CONFIG_VARIABLE = PREFIX + "CONFIG"
# The file one call of `load_settings` was given: in the environment it would outlive the call.
_config: ContextVar[Path | None] = ContextVar("_config", default=None)
_BY_POLICY = {"standard": "salvage", "strict": "quarantine"}


class Output(StrEnum):
    """What a run writes for each instance."""

    DICOM = "dicom"
    METADATA = "metadata"


class Settings(BaseSettings):
    """Settings of a run; each name is also an environment variable with the prefix `DICOMFLOW_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, populate_by_name=True
    )

    source: str = Field("", description="Folder, file or s3://bucket/prefix to read.")
    listing: str = Field(
        "",
        description="A list of the source's objects instead of listing it, on S3: an S3 Inventory's manifest.json, "
        "or a CSV, Parquet or text file of keys, local or s3://.",
    )
    lineage_url: str = Field(
        "",
        description="Where OpenLineage events are sent besides the target's lineage/, such as https://marquez.example; "
        "a key for it comes by OPENLINEAGE_API_KEY.",
    )
    target: str = Field("", description="Folder or s3://bucket/prefix to write.")
    outputs: frozenset[Output] = Field(
        frozenset(Output), description="What to write: dicom (cleaned files), metadata (tables), or both."
    )
    profile: str = Field("research", description="De-identification profile: a shipped name or a YAML file.")
    rules: str = Field(
        "", description="Quality rules: a YAML file or its s3:// URI; empty for the shipped table."
    )
    key: SecretStr | None = Field(
        None, description="The project's secret key, as `dicomflow keygen` prints it."
    )
    key_file: Path | None = Field(None, description="File that holds the key, readable by its owner only.")
    key_block: str | None = Field(None, description="Name of a Prefect Secret block that holds the key.")
    workers: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1),
        ge=1,
        le=1024,
        description="Dask worker processes.",
    )
    dask_address: str | None = Field(
        None, description="Address of an existing Dask scheduler, such as tls://host:8786."
    )
    worker_memory: str = Field("2GiB", description="Memory limit of one local Dask worker.")
    batch_objects: int = Field(1000, ge=1, le=50_000, description="Objects of one batch, at most.")
    batch_bytes: int = Field(
        256 << 20, ge=1, description="Bytes of one batch, at most (one object may be larger)."
    )
    notify_block: str | None = Field(
        None,
        description="Prefect notification block to tell of runs that failed, were withheld or are not as usual: its "
        "kind and name, such as slack-webhook/research.",
    )
    identities: bool = Field(
        False,
        description="Keep an encrypted record of originals and pseudonyms, for those who hold the key.",
    )
    salvage: Literal["standard", "strict"] = Field(
        "standard",
        description="What becomes of damage that can be salvaged: standard publishes the rest with a finding, strict "
        "quarantines the object.",
    )
    salvage_codes: dict[str, Literal["salvage", "quarantine"]] = Field(
        default_factory=dict,
        description="Reason codes for which salvage is decided otherwise, each with what.",
    )
    check_pixels: Literal["none", "structure", "decode"] = Field(
        "structure",
        description="How closely pixel data is checked: not at all, its structure, or by decoding it.",
    )
    follow_links: bool = Field(
        False,
        description="Take a symbolic link to a file for that file; links to folders are never followed.",
    )
    stable_seconds: float = Field(
        0,
        ge=0,
        description="Leave files that changed within so many seconds to the next run: they may still be written.",
    )
    parser: ParserOptions = Field(
        default_factory=ParserOptions,
        description="What one object may cost (memory_bytes, wall_seconds, max_depth …) before it is refused.",
    )
    s3: S3Options = Field(
        default_factory=S3Options,
        description="How S3 is reached (endpoint_url, profile, region …); credentials come by the AWS chain.",
    )

    @field_validator("lineage_url")
    @classmethod
    def _no_secret_in_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc):
            raise ValueError("give http(s)://host without a user or a password in it")
        return value

    @field_validator("outputs", mode="before")
    @classmethod
    def _split_outputs(cls, value: Any) -> Any:
        if value == "both":
            return frozenset(Output)
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("salvage_codes")
    @classmethod
    def _salvageable_codes(cls, value: dict[str, str]) -> dict[str, str]:
        for code in value:
            reason = REASONS.get(code)
            if reason is None or ReasonKind.SALVAGE not in reason.kinds:
                raise ValueError("name reason codes of class salvage; `dicomflow describe` lists them")
        return value

    @property
    def refused_codes(self) -> tuple[str, ...]:
        """Codes of salvageable damage that are quarantined, ascending."""
        return tuple(
            sorted(
                code
                for code, reason in REASONS.items()
                if ReasonKind.SALVAGE in reason.kinds
                and self.salvage_codes.get(code, _BY_POLICY[self.salvage]) == "quarantine"
            )
        )

    @field_validator("outputs")
    @classmethod
    def _some_output(cls, value: frozenset[Output]) -> frozenset[Output]:
        if not value:
            raise ValueError("name at least one of: dicom, metadata")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings calls it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the configuration file last; there is no dotenv and no secrets folder."""
        file = _config_file()
        if file is None:
            return (init_settings, env_settings)
        source = TomlConfigSettingsSource if file.suffix == ".toml" else YamlConfigSettingsSource
        return (init_settings, env_settings, source(settings_cls, file))


def load_settings(config: Path | None = None, **options: Any) -> Settings:
    """Read the settings of a run.

    Parameters
    ----------
    config
        TOML (`.toml`) or YAML file; without it, the file that `DICOMFLOW_CONFIG` names, if any.
    options
        Options given on the command line; None means not given.

    Raises
    ------
    ConfigurationError
        For a file that is missing or unreadable, an unknown name, or a value that does not fit.
    """
    token = _config.set(config)
    try:
        _check_config_file(_config_file())
        _refuse_unknown_names()
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None
    except (ValueError, yaml.YAMLError):
        raise ConfigurationError(
            "The configuration file cannot be parsed. Check its TOML or YAML syntax, or leave --config out."
        ) from None
    finally:
        _config.reset(token)


def _config_file() -> Path | None:
    """Give the file in force: the one handed in, else the one that `DICOMFLOW_CONFIG` names."""
    named = os.environ.get(CONFIG_VARIABLE)
    return _config.get() or (Path(named) if named else None)


def _check_config_file(file: Path | None) -> None:
    if file is not None and not file.is_file():
        raise ConfigurationError(
            "The configuration file does not exist. "
            "Give --config (or DICOMFLOW_CONFIG) the path of a TOML or YAML file."
        )
    if file is not None and file.suffix not in (".toml", ".yaml", ".yml"):
        raise ConfigurationError("The configuration file must end in .toml, .yaml or .yml.")


def _refuse_unknown_names() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    nested = {PREFIX + name for name in ("S3", "PARSER", "SALVAGE_CODES")}
    for name in os.environ:
        if name.startswith(PREFIX) and name.partition("__")[0] not in (known if "__" not in name else nested):
            raise ConfigurationError(
                f"The environment variable {name} is no setting. "
                "Unset it, or see `dicomflow clean --help` for the names there are."
            )


def _explain(error: ValidationError) -> str:
    """Say which setting is wrong and what it takes; the refused value itself may be a key or a path."""
    lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return "Settings refused. " + "; ".join(lines) + ". See `dicomflow clean --help`."


_active: Settings | None = None


def activate(settings: Settings) -> None:
    """Make `settings` the ones that a flow started in this process uses.

    A flow's parameters are stored by Prefect in clear, and settings hold paths; so the command hands
    them over here, and a deployment's flow reads them from its environment.
    """
    global _active
    _active = settings


def active_settings() -> Settings:
    """Give the settings of this process: the activated ones, else those of the environment."""
    return _active if _active is not None else load_settings()
