"""The place where somebody may plug in a model of their own that marks words; nothing promised here rests on it.

A package offers one as an entry point of the group `dicomflow.token_classifiers` that makes it when called, and a
profile names it. Equal runs give equal outputs only if it always marks the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from tasks.errors import ConfigurationError

ENTRY_POINTS = "dicomflow.token_classifiers"


class TokenClassifier(Protocol):
    """Finds more names in a text than the detectors do: a transformer, or Presidio.

    It can only add to what is cut. It is given text in which identifiers may stand: it must run in this
    process or on this machine, and keep nothing.
    """

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        """Give the start and end of what identifies somebody in a text."""
        ...


@cache
def load_classifier(name: str) -> TokenClassifier:
    """Make the classifier that a profile names, once a process.

    Raises
    ------
    ConfigurationError
        If no installed package offers it, or it cannot be made.
    """
    try:
        made: TokenClassifier = _offered(name).load()()
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model needs and does not find
        raise ConfigurationError(
            f"The token classifier {name!r} cannot be made ({type(error).__name__}). Look at its package's needs."
        ) from None
    return made


def classifier_version(name: str) -> str:
    """Give the version of the package that offers a classifier: another version may mark other words."""
    dist = _offered(name).dist
    return dist.version if dist is not None else ""


def _offered(name: str) -> EntryPoint:
    found = tuple(entry_points(group=ENTRY_POINTS, name=name))
    if not found:
        offered = ", ".join(sorted(entry_points(group=ENTRY_POINTS).names)) or "none"
        raise ConfigurationError(
            f"No installed package offers the token classifier {name!r} (offered: {offered}). "
            "Install its package, or take it out of the profile."
        )
    return found[0]
