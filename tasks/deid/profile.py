"""Reads a profile from YAML and says exactly where it is wrong, before any input is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from tasks.deid.actions import OPTIONS
from tasks.deid.data import read_data, shipped_profiles
from tasks.deid.rules import Profile, make_profile
from tasks.errors import ConfigurationError

__all__ = ["Profile", "ProfileFile", "load_profile"]


class ProfileFile(BaseModel):
    """The file's form; a key nobody knows is refused, because an ignored misspelling would release data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,15}$")] = Field(
        description="Short name, written into every output: small letters, digits, hyphens; at most 16."
    )
    description: str = Field("", description="One line for people.")
    options: tuple[str, ...] = Field((), description="Options of PS3.15 E.3, by name.")

    @field_validator("options")
    @classmethod
    def _known_options(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        available = ", ".join(sorted(name for name, option in OPTIONS.items() if option.available))
        for name in names:
            if name not in OPTIONS:
                raise ValueError(f"there is no option {name!r}; available: {available}")
            if not OPTIONS[name].available:
                raise ValueError(f"option {name!r} is not implemented yet; available: {available}")
        if len(set(names)) != len(names):
            raise ValueError("an option is named twice")
        return names


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a shipped profile by name, or any profile by the path of its YAML file.

    Raises
    ------
    ConfigurationError
        If there is no such profile or its file is wrong; the message names file and line.
    """
    name = str(name_or_path)
    shipped = shipped_profiles()
    if name in shipped:
        return _parse(read_data(f"profiles/{name}.yaml").decode("utf-8"), f"profile {name}")
    try:
        text = Path(name_or_path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"There is no profile {name!r} ({type(error).__name__}). "
            f"Name a shipped one ({', '.join(shipped)}) or a YAML file."
        ) from None
    return _parse(text, name)


def _parse(text: str, file: str) -> Profile:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        raise ConfigurationError(
            f"{file}, line {line}: not YAML: {getattr(error, 'problem', 'unreadable')}"
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file}, line 1: a profile is a mapping with the keys name and options")
    _refuse_repeated_keys(node, file)
    try:
        given = ProfileFile.model_validate(content)
    except ValidationError as invalid:
        problems = [
            f"{file}, line {_line_of(node, mistake['loc'])}: {'.'.join(map(str, mistake['loc']))}: {mistake['msg']}"
            for mistake in invalid.errors()
        ]
        raise ConfigurationError("\n".join(problems)) from None
    return make_profile(given.name, given.description, tuple(OPTIONS[name] for name in given.options))


def _refuse_repeated_keys(node: Any, file: str) -> None:
    """Refuse a key given twice: YAML would silently take the last."""
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise ConfigurationError(f"{file}, line {key.start_mark.line + 1}: {key.value} is given twice")
        seen.add(key.value)


def _line_of(node: Any, location: tuple[int | str, ...]) -> int:
    """Find the line of what pydantic complains about, as near as the file has it."""
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                break
            key, node = found[0]
            if isinstance(node, yaml.ScalarNode):
                return int(key.start_mark.line) + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
    return int(node.start_mark.line) + 1
