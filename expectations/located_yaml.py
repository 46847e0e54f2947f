"""YAML whose mistakes have lines: what a person edits must say where it is wrong, not only that it is.

`yaml.safe_load` gives values and forgets where they stood; `yaml.compose` gives nodes with their marks. This
keeps both, and also refuses keys given twice, of which YAML silently keeps the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""LibYAML where PyYAML was built with it: ten times faster, the same marks."""


class Mistake(NamedTuple):
    """What is wrong at one place of a file; lines count from 1."""

    line: int
    place: str
    message: str


class MistakesError(ValueError):
    """A file cannot be used; says every mistake with its line."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(f"{name}:{line}: {place}: {text}" for line, place, text in self.mistakes))


@dataclass(frozen=True, slots=True)
class LocatedYaml:
    """A YAML document: its content, and the nodes that know the lines."""

    content: Any
    root: yaml.Node

    def locate(self, place: Iterable[str | int], message: str) -> Mistake:
        """Report a mistake at a place such as ``("rules", 3, "severity")``, or at the nearest place around it."""
        node, line, steps = self.root, self.root.start_mark.line + 1, list(place)
        for step in steps:
            if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            elif isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == step), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
        return Mistake(line, re.sub(r"\.([0-9]+)\b", r"[\1]", ".".join(map(str, steps))), message)


def read_located(content: bytes, name: str) -> LocatedYaml:
    """Read one YAML mapping.

    Parameters
    ----------
    name
        What to call the file in messages.

    Raises
    ------
    MistakesError
        If it is no YAML, no mapping, or gives a key twice.
    """
    try:
        loader = SafeLoader(content)
        root = loader.get_single_node()
        value = loader.construct_document(root) if root else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "cannot be read"
        raise MistakesError(name, [Mistake(mark.line + 1 if mark else 1, "YAML", problem)]) from None
    if not isinstance(root, yaml.MappingNode):
        raise MistakesError(name, [Mistake(1, "YAML", "must be a mapping")])
    if mistakes := list(_find_repeated_keys(root)):
        raise MistakesError(name, mistakes)
    return LocatedYaml(value, root)


def _find_repeated_keys(node: yaml.Node) -> Iterator[Mistake]:
    """Find keys given twice in a node or below it."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                yield Mistake(key.start_mark.line + 1, str(key.value), "is given twice")
            seen.add(str(key.value))
            yield from _find_repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _find_repeated_keys(item)
