"""Great Expectations' Data Docs, made of counts and drawn by pages of our own.

The results that go in are built here from counts, so there is nothing a page or a result file could show of a
row. Great Expectations says each result in words, as in its own Data Docs; its page view is not used, because
that one fetches styles, scripts and a counting logo from elsewhere and is blank without them. Ours has no
script, one stylesheet beside it, and a content security policy that lets nothing else in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from expectations.contracts import CONTRACTS, RUN, TREND
from expectations.language import ENGLISH, Language, load_chinese
from expectations.measures import Measure
from expectations.places import WHOLE_TABLE, name_anchor
from expectations.rules import Severity
from expectations.suites import build_expectation

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult

PAGES = Path(__file__).with_name("pages")
"""Templates of the pages, and their stylesheet."""


@dataclass(frozen=True, slots=True)
class Line:
    """One check as a page shows it: the rule in its author's words, the result in Great Expectations'."""

    table: str
    place: str
    rule_id: str
    severity: str
    title: str
    description: str
    statement: str
    observed: str
    success: bool
    evaluated: int
    unexpected: int
    studies: int

    @property
    def anchor(self) -> str:
        """Name of the place within its page."""
        return name_anchor(self.place)


@dataclass(frozen=True, slots=True)
class Section:
    """The checks of one column, and what the column means."""

    name: str
    meaning: str
    lines: tuple[Line, ...]

    @property
    def anchor(self) -> str:
        """Name of the section within its page."""
        return name_anchor(self.name)

    @property
    def success(self) -> bool:
        """Whether every check of the section holds."""
        return all(line.success for line in self.lines)


@dataclass(frozen=True, slots=True)
class Page:
    """The validation result of one table."""

    table: str
    lines: tuple[Line, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """Checks by column: those of the whole table, then columns by name."""
        meanings = {
            column.name: column.meaning
            for column in {**CONTRACTS, TREND.name: TREND}.get(self.table, RUN).columns
        }
        ordered = sorted(self.lines, key=lambda line: (line.place != WHOLE_TABLE, line.place))
        return tuple(
            Section(place, meanings.get(place, ""), tuple(lines))
            for place, lines in groupby(ordered, key=lambda line: line.place)
        )

    @property
    def evaluated(self) -> int:
        """Number of checks."""
        return len(self.lines)

    @property
    def successful(self) -> int:
        """Number of checks that hold."""
        return sum(line.success for line in self.lines)

    @property
    def success(self) -> bool:
        """Whether all checks hold."""
        return self.successful == self.evaluated

    @property
    def success_percent(self) -> str:
        """Share of checks that hold, never rounded up to all."""
        return f"{int(1000 * self.successful / self.evaluated) / 10:g} %"


def write_docs(docs_dir: Path, run_name: str, tables: Mapping[str, Sequence[Measure]]) -> None:
    """Write the pages and, beside each, its result file in Great Expectations' JSON.

    Parameters
    ----------
    tables
        What was counted, by the name of the table.
    """
    docs_dir.mkdir(parents=True, exist_ok=True)
    pages = []
    for table, measures in tables.items():
        result: Any = build_result(run_name, table, measures)
        (docs_dir / f"{table}.json").write_text(
            json.dumps(result.to_json_dict(), indent=1, sort_keys=True) + "\n", "utf-8"
        )
        pages.append(Page(table, tuple(map(_make_line, measures, result.results))))
    for language in (ENGLISH, load_chinese()):
        _write_pages(docs_dir, run_name, pages, language)
    (docs_dir / "style.css").write_bytes((PAGES / "style.css").read_bytes())


def _write_pages(docs_dir: Path, run_name: str, pages: Sequence[Page], language: Language) -> None:
    """Draw all pages in one language; what Great Expectations says stays in its own words."""
    import great_expectations as gx

    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {
        "_": language.say,
        "language": language,
        "run_name": run_name,
        "version": gx.__version__,
    }
    environment.filters["page"] = language.name_page
    drawn: list[tuple[str, str, dict[str, Any]]] = [
        (f"{page.table}.html", "table.html.j2", {"page": page}) for page in pages
    ]
    drawn.append(("index.html", "index.html.j2", {"pages": pages, "broken": _group_broken(pages)}))
    for name, template, content in drawn:
        others = [
            (other, other.name_page(name)) for other in (ENGLISH, load_chinese()) if other is not language
        ]
        text = environment.get_template(template).render(content, others=others)
        (docs_dir / language.name_page(name)).write_text(text, "utf-8")


def build_result(run_name: str, table: str, measures: Sequence[Measure]) -> ExpectationSuiteValidationResult:
    """Make the validation result of a table out of counts alone; nothing in it depends on the clock."""
    from great_expectations import __version__
    from great_expectations.core import ExpectationSuiteValidationResult

    results = [_build_expectation_result(measure) for measure in measures]
    successful = sum(measure.success for measure in measures)
    return ExpectationSuiteValidationResult(
        success=successful == len(results),
        results=results,
        suite_name=table,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(results) - successful,
            "success_percent": 100 * successful / len(results),
        },
        meta={
            "great_expectations_version": __version__,
            "run_id": {"run_name": run_name},
            "batch_spec": {"data_asset_name": table},
        },
    )


def _build_expectation_result(measure: Measure) -> ExpectationValidationResult:
    """Make the result of one check out of its counts."""
    from great_expectations.core import ExpectationValidationResult

    configuration = build_expectation(measure.check).configuration
    configuration.meta = {
        "rule": measure.check.rule_id,
        "title": measure.check.title,
        "studies_failed": measure.studies_failed,
    }
    counts = {
        "element_count": measure.evaluated,
        "missing_count": 0,
        "missing_percent": 0.0,
        "unexpected_count": measure.unexpected,
        "unexpected_percent": measure.unexpected_percent,
    }
    return ExpectationValidationResult(
        success=measure.success, expectation_config=configuration, result=counts
    )


def _make_line(measure: Measure, result: ExpectationValidationResult) -> Line:
    """Say one result in words."""
    from great_expectations.render.renderer.content_block.validation_results_table_content_block import (
        ValidationResultsTableContentBlockRenderer,
    )

    block: Any = ValidationResultsTableContentBlockRenderer.render([result], include_column_name=False)
    _, statement, observed = block.to_json_dict()["table"][0]
    check = measure.check
    return Line(
        table=measure.table,
        place=", ".join(check.columns) or WHOLE_TABLE,
        rule_id=check.rule_id,
        severity=check.severity.value,
        title=check.title,
        description=check.description,
        statement=_read_words(statement[0] if isinstance(statement, list) else statement),
        observed=_read_words(observed),
        success=measure.success,
        evaluated=measure.evaluated,
        unexpected=measure.unexpected,
        studies=measure.studies_failed,
    )


def _read_words(content: Any) -> str:
    """Read the text of rendered content, whose markup is for Great Expectations' own view."""
    if isinstance(content, str):
        return content
    template = content["string_template"]
    text = Template(template["template"]).safe_substitute(template.get("params", {}))
    return " ".join((text[:1].upper() + text[1:]).split())


def _group_broken(pages: Sequence[Page]) -> list[list[Line]]:
    """List the checks that do not hold, of all tables, by rule, the worst first."""
    ranks = {severity.value: rank for rank, severity in enumerate(Severity)}
    broken = [line for page in pages for line in page.lines if not line.success]
    broken.sort(key=lambda line: (ranks[line.severity], line.rule_id))
    return [list(lines) for _, lines in groupby(broken, key=lambda line: (line.rule_id, line.title))]
