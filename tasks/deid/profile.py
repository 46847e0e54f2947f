"""Reads a profile from YAML and says exactly where it is wrong, before any input is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tasks.deid.actions import EXCLUSIVE, OPTIONS, PIXEL_OPTIONS, RETAIN_SAFE_PRIVATE
from tasks.deid.data import read_data, shipped_profiles
from tasks.deid.private import KEPT_VRS
from tasks.deid.rules import Profile, make_profile
from tasks.errors import ConfigurationError

__all__ = ["Profile", "ProfileFile", "load_profile"]


def _known_option(name: str) -> str:
    if name in PIXEL_OPTIONS:
        raise ValueError(f"option {name!r} changes pixels, and no profile of headers can; {_available()}")
    if name not in OPTIONS:
        raise ValueError(f"there is no option {name!r}; {_available()}")
    return name


def _available() -> str:
    return f"available: {', '.join(sorted(OPTIONS))}"


def _kept_vr(VR: str) -> str:
    if VR not in KEPT_VRS:
        raise ValueError(f"no private element of VR {VR} is kept; {', '.join(sorted(KEPT_VRS))} are")
    return VR


Hex = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{3}[13579BDF]$")]
ElementNumber = Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{2}$")]


class PrivateCreator(BaseModel):
    """A creator of private elements that somebody has reviewed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    creator: Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,62}[!-~])?$")]
    group: Hex = Field(description="Odd group, four hexadecimal digits.")
    keep: dict[ElementNumber, list[Annotated[str, AfterValidator(_kept_vr)]]] = Field(
        {},
        description="Elements found safe, by their last two hexadecimal digits, with the VRs they may have.",
    )


class ProfileFile(BaseModel):
    """The file's form; a key nobody knows is refused, because an ignored misspelling would release data."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,15}$")] = Field(
        description="Short name, written into every output: small letters, digits, hyphens; at most 16."
    )
    description: str = Field("", description="One line for people.")
    options: list[Annotated[str, AfterValidator(_known_option)]] = Field(
        [], description="Options of PS3.15 E.3, by name."
    )
    references: Literal["by-type", "mapped"] = Field(
        "by-type",
        description="X/Z/U*, sequences of references to images: removed where the IOD does without, or mapped.",
    )
    strict: bool = Field(
        False,
        description="Nothing links objects but patient, study, series and frames: numbers of orders are emptied, "
        "names of persons become one dummy.",
    )
    token_classifier: str = Field(
        "",
        description="Entry point of a model that marks more words in texts; it can only add to what is cut.",
    )
    private_creators: list[PrivateCreator] = Field(
        [], description="Private creators that somebody has reviewed, with their elements found safe."
    )


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
    _refuse_together(given.options, node, file)
    _refuse_reviewed(given, node, file)
    return make_profile(
        given.name,
        given.description,
        tuple(OPTIONS[name] for name in given.options),
        strict=given.strict,
        maps_references=given.references == "mapped",
        token_classifier=given.token_classifier,
        reviewed_private={
            (int(one.group, 16), one.creator.encode("ascii")): {
                int(element, 16): frozenset(VRs) for element, VRs in one.keep.items()
            }
            for one in given.private_creators
        },
    )


def _refuse_together(names: list[str], node: Any, file: str) -> None:
    """Refuse an option given twice, and options that contradict each other, at the line of the later one."""
    for place, name in enumerate(names):
        line = _line_of(node, ("options", place))
        if name in names[:place]:
            raise ConfigurationError(f"{file}, line {line}: option {name!r} is named twice")
        for one, other, reason in EXCLUSIVE:
            if {one.name, other.name} <= {*names[:place], name}:
                raise ConfigurationError(
                    f"{file}, line {line}: {one.name} and {other.name} exclude each other: {reason}; name one"
                )


def _refuse_reviewed(given: ProfileFile, node: Any, file: str) -> None:
    """Refuse a creator given twice, and one whose elements no option keeps."""
    seen: set[tuple[str, str]] = set()
    for place, one in enumerate(given.private_creators):
        line = _line_of(node, ("private_creators", place))
        if (one.group, one.creator) in seen:
            raise ConfigurationError(f"{file}, line {line}: creator {one.creator!r} is given twice")
        if one.keep and RETAIN_SAFE_PRIVATE.name not in given.options:
            raise ConfigurationError(
                f"{file}, line {line}: nothing private is kept without the option {RETAIN_SAFE_PRIVATE.name}"
            )
        seen.add((one.group, one.creator))


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
