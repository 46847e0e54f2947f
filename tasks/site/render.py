"""The templates, the stylesheet and the languages: what every page is drawn with."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from expectations.language import ENGLISH, Language, load_chinese
from tasks.site.formats import format_bytes, format_count, format_moment, format_number_of
from tasks.site.wording import STATES

CATALOGUES = (Path(__file__).with_name("chinese.yaml"), Path(__file__).with_name("chinese_terms.yaml"))
"""What the site says in Chinese, and what it quotes: repairs, de-identification, modalities."""


def load_languages() -> tuple[Language, ...]:
    """Give the languages every page is written in, the one of the code first."""
    return (ENGLISH, load_chinese(*CATALOGUES))


def render(template: str, path: str, language: Language, **values: object) -> str:
    """Draw one page.

    Parameters
    ----------
    path
        English page below `docs/`; from it come the way to the root, and the other languages' pages.
    """
    name = path.rpartition("/")[2]
    return (
        _environment(language)
        .get_template(template)
        .render(
            stylesheet=load_stylesheet()[0],
            root="../" * path.count("/"),
            language=language,
            others=[(other, other.name_page(name)) for other in load_languages() if other is not language],
            **values,
        )
    )


@cache
def load_stylesheet() -> tuple[str, bytes]:
    """Give the stylesheet's name, which holds its digest, and its bytes."""
    content = resources.files("tasks.site").joinpath("assets/site.css").read_bytes()
    return f"site-{hashlib.sha256(content).hexdigest()[:12]}.css", content


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("tasks.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": lambda size: format_bytes(size, language),
        "count": format_count,
        "moment": lambda moment: format_moment(moment, language),
        "number_of": lambda count, noun: format_number_of(count, noun, language),
        "figure": lambda figure: f"{figure:g}",
        "page": language.name_page,
    }
    environment.globals |= {"_": language.say, "_m": language.mark_up, "STATES": STATES}
    return environment
