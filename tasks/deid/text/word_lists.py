"""Short lists of words that detectors go by, kept as data: to add a title or a kind of street changes no code."""

from __future__ import annotations

from functools import cache

from tasks.deid.data import read_data


@cache
def _sections() -> dict[str, tuple[str, ...]]:
    sections: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in read_data("text/lists.txt").decode("utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[]")
            sections[name] = ()
        elif line and not line.startswith("#"):
            sections[name] += tuple(line.split())
    return sections


def read_list(name: str) -> frozenset[str]:
    """Read a list of words; an underscore stands for a space."""
    return frozenset(word.replace("_", " ") for word in _sections()[name])
