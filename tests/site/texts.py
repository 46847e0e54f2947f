"""Every text of ours that a page may say, collected from the templates and the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import extract_from_ast

_SAID = frozenset(
    {"say", "mark_up", "Heading", "Phrase", "Table", "fold_rows", "tabulate_history", "tabulate_rules"}
)
_TONES = frozenset({"good", "held", "bad", "quiet", "text", "code", "number", "link", "places", "phrase"})


def of_templates(folder: Path) -> set[str]:
    """List what templates say."""
    environment = Environment()  # noqa: S701 - nothing is rendered
    return {
        message
        for path in sorted(folder.glob("*.html*"))
        for _, _, message in extract_from_ast(environment.parse(path.read_text("utf-8")), ("_", "_m"))
        if isinstance(message, str)
    }


def of_code(folder: Path) -> set[str]:
    """List what code says in calls of a language, and names columns, phrases and tables by."""
    return {
        text
        for path in sorted(folder.glob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and _name(call.func) in _SAID
        for text in _strings(call)
        if text not in _TONES
    }


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _strings(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def site_folder() -> Path:
    """Give the folder of the site's code."""
    return Path(str(resources.files("tasks.site")))
