"""The languages our pages are written in: English in the code, Chinese in catalogues beside it.

A text is looked up by its English words, so that code and templates stay readable, a text that people wrote
(a rule of their own) is shown as they wrote it, and a text whose English changed is missed by a test and not
translated wrongly. Each page is written once in each language, and the two lead to one another: a switch
needs no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from markupsafe import Markup

CATALOGUE = Path(__file__).with_name("chinese.yaml")
"""What the rules, the contracts and the Data Docs say, in Chinese."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """A language of the pages.

    Attributes
    ----------
    code
        As BCP 47 and HTML have it.
    name
        As its speakers call it.
    suffix
        What a page's name has before `.html`.
    texts
        By the English text.
    """

    code: str
    name: str
    suffix: str
    texts: Mapping[str, str] = field(default_factory=dict)

    def say(self, text: str, **figures: object) -> str:
        """Say a text; `%(name)s` in it stands for a figure. What is not in the catalogue is said in English."""
        said = self.texts.get(text, text)
        return said % figures if figures else said

    def mark_up(self, text: str, **figures: object) -> Markup:
        """Say a text of ours that holds markup; figures are escaped."""
        said = Markup(self.texts.get(text, text))  # noqa: S704 - texts are ours, figures are escaped below
        return said % figures if figures else said

    def name_page(self, path: str) -> str:
        """Name the page of this language: `index.html` or `index.zh.html`."""
        return f"{path.removesuffix('.html')}{self.suffix}.html"


ENGLISH = Language("en", "English", "")


@cache
def load_chinese(*catalogues: Path) -> Language:
    """Read Chinese from our catalogue and others."""
    return Language("zh-Hans", "中文", ".zh", merge_catalogues((CATALOGUE, *catalogues)))


def merge_catalogues(paths: Iterable[Path]) -> dict[str, str]:
    """Read catalogues, each a mapping from English to another language."""
    texts: dict[str, str] = {}
    for path in paths:
        texts |= yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - safe, be it the fast one or the slow one
    return texts


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
