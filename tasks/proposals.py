"""What would answer a drift: a change of the rules, ready to be applied by a person, with its measured effect.

Nothing changes itself. A proposal is a guess about what the source means by something new, and only people can
know that; what a program can do is to find what is new, write the change down and count what it would do.

No value of a patient is in a proposal. A shape has no digit and no letter of the value it is of; a word is
proposed only if its attribute is a code string and several patients share it; a bound is rounded to two digits.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from expectations.contracts import INSTANCES
from expectations.forms import is_code
from expectations.repairs import fits_form
from expectations.rules import Rule, RuleTable, Scope
from tasks.deid.private import Candidate, list_candidates
from tasks.dicom.dictionary import keyword_of, vr_of
from tasks.quality import CREATORS, VALUES, Tally
from tasks.readings import guess_meaning, guess_reading, make_repair, make_word_repair
from tasks.records import Drifted, Effect, Proposal
from tasks.shadow import Broken, count_broken

LEAST_PATIENTS = 3
"""Patients that must share a word before it is taken for a word of a vocabulary."""

LEAST_FORMS = 3
"""Instances that must share a shape before it is taken for a notation."""

MOST = 20
"""Proposals of one run: whoever gets more reads none."""

Parts = Callable[[list[str] | None], Iterator[pa.Table]]
"""Gives the staged instances, a batch at a time: some columns, or all."""

_IN_SET = frozenset({"expect_column_values_to_be_in_set", "expect_column_elements_to_be_in_set"})
_BETWEEN = frozenset({"expect_column_values_to_be_between", "expect_column_elements_to_be_between"})
_KEPT_SHARE = 0.99
_TAG = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)")


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found out that proposals are made of.

    Attributes
    ----------
    new_words
        Words that no earlier run met, by column; empty in the first run.
    """

    rules: RuleTable
    drifted: tuple[Drifted, ...]
    tally: Tally
    new_words: Mapping[str, frozenset[str]]


def propose(found: Found, parts: Parts) -> tuple[Proposal, ...]:
    """Propose what would answer the drifts of a run and the creators it met for the first time."""
    proposals = {
        proposal.snippet: proposal
        for proposal in (
            *(one for drifted in found.drifted for one in _answer(drifted, found, parts)),
            *_review_creators(found),
        )
    }
    return tuple(proposals.values())[:MOST]


def _answer(drifted: Drifted, found: Found, parts: Parts) -> list[Proposal]:
    """Propose what answers a breach; where nothing would but to allow it, that."""
    rules = {rule.id: rule for rule in found.rules.rules}
    answers: list[Proposal] = []
    if drifted.rule == VALUES and drifted.metric == "anomaly_rate_before":
        answers += _read_form(drifted, found.tally)
    elif drifted.metric == "anomaly_rate_after" and (rule := rules.get(drifted.rule)) is not None:
        if rule.scope is Scope.INSTANCE and rule.expectation in _IN_SET:
            answers += _know_word(drifted, rule, parts)
        elif rule.scope is Scope.INSTANCE and rule.expectation in _BETWEEN:
            answers += _move_bound(drifted, rule, parts)
    return answers or [_widen_drift(drifted, rules[drifted.rule_id], found)]


def _read_form(drifted: Drifted, tally: Tally) -> Iterator[Proposal]:
    """Propose to read the shape that most values had which could not be read."""
    forms, everywhere = Counter[str](), Counter[str]()
    for (column, modality, form), count in tally.forms.items():
        if column == drifted.column:
            everywhere[form] += count
            forms[form] += count * (modality == drifted.modality)
    VR, keyword = _attribute_of(drifted.column)
    for form, count in forms.most_common(1):
        reads = guess_reading(VR, form)
        if count < LEAST_FORMS or not reads or not keyword:
            continue
        unreadable = sum(everywhere.values())
        readable = sum(n for one, n in everywhere.items() if fits_form(VR, reads, one))
        yield Proposal(
            kind="repair",
            title=f"{keyword} arrives as {form} in {drifted.modality or 'objects without modality'}; apply this if "
            f"it is {reads} wherever it comes from.",
            snippet=_write({"repairs": [make_repair(VR, keyword, reads)]}),
            effects=(Effect("values that cannot be read", unreadable, unreadable - readable),),
            rule_id=drifted.rule_id,
        )


def _attribute_of(column: str) -> tuple[str, str]:
    """Give VR and keyword of what a column, or a tag that no column shows, holds; empty for what nobody knows."""
    tag = next((known.tag for known in INSTANCES.columns if known.name == column), None)
    if tag is None and (match := _TAG.fullmatch(column)):
        tag = int(match[1] + match[2], 16)
    return ("", "") if tag is None else (vr_of(tag) or "", keyword_of(tag) or "")


def _know_word(drifted: Drifted, rule: Rule, parts: Parts) -> Iterator[Proposal]:
    """Propose to add the most frequent word outside a value set, and what it may stand for, if it is a word."""
    column = drifted.column
    VR, keyword = _attribute_of(column)
    if VR != "CS":
        return
    known = {str(value) for value in rule.kwargs["value_set"]}
    patients: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for rows in parts([column, "PatientID"]):
        for value, patient in _words_of(rows, column):
            if value not in known and is_code(value):
                counts[value] += 1
                if len(patients[value]) < LEAST_PATIENTS:
                    patients[value].add(patient)
    shared = [(value, n) for value, n in counts.most_common() if len(patients[value]) >= LEAST_PATIENTS]
    for value, _ in shared[:1]:
        changed = _change(rule, kwargs={**rule.kwargs, "value_set": [*rule.kwargs["value_set"], value]})
        yield _propose_rule(
            "value",
            f"{column} is often {value}, which {rule.id} does not know.",
            drifted,
            rule,
            changed,
            parts,
        )
        if meaning := guess_meaning(value, iter(known)):
            yield _map_word(drifted, rule, (keyword, value, meaning), parts)


def _map_word(drifted: Drifted, rule: Rule, words: tuple[str, str, str], parts: Parts) -> Proposal:
    """Propose to read a word as the known one it begins with."""
    keyword, word, meaning = words
    before = _count(rule, parts)
    after = _count(
        rule, lambda names: (_replace(rows, drifted.column, word, meaning) for rows in parts(names))
    )
    return Proposal(
        kind="repair",
        title=f"{drifted.column} is often {word}; apply this if it means {meaning}.",
        snippet=_write({"repairs": [make_word_repair(keyword, word, meaning)]}),
        effects=_effects(before, after),
        rule_id=drifted.rule_id,
    )


def _replace(rows: pa.Table, column: str, word: str, meaning: str) -> pa.Table:
    """Put a word in the place of another, in every value of a column."""
    values = rows[column].combine_chunks()
    flat = values.values if pa.types.is_list(values.type) else values
    changed = pc.if_else(pc.equal(flat, word), pa.scalar(meaning, flat.type), flat)
    if pa.types.is_list(values.type):
        changed = pa.ListArray.from_arrays(values.offsets, changed, type=values.type, mask=values.is_null())
    return rows.set_column(rows.schema.get_field_index(column), rows.schema.field(column), changed)


def _words_of(rows: pa.Table, column: str) -> Iterator[tuple[str, str]]:
    words = rows[column].combine_chunks()
    patients = rows["PatientID"].combine_chunks()
    if pa.types.is_list(words.type):
        patients = patients.take(pc.list_parent_indices(words))
        words = pc.list_flatten(words)
    pairs = pa.table({"word": words, "patient": patients}).filter(words.is_valid())
    yield from zip(pairs["word"].to_pylist(), pairs["patient"].to_pylist(), strict=True)


def _move_bound(drifted: Drifted, rule: Rule, parts: Parts) -> Iterator[Proposal]:
    """Propose bounds that hold nearly all values, rounded outwards so that they are nobody's value."""
    column = drifted.column
    numbers: list[float] = []
    for rows in parts([column, *rule.condition]):
        fitting = rows
        for name, values in rule.condition.items():
            fitting = fitting.filter(pc.is_in(fitting[name], pa.array(values).cast(fitting[name].type)))
        of_rows = fitting[column].combine_chunks()
        flat = pc.list_flatten(of_rows) if pa.types.is_list(of_rows.type) else of_rows
        if not pa.types.is_date(flat.type):
            numbers += flat.drop_null().cast(pa.float64()).to_pylist()
    if not numbers:
        return
    numbers.sort()
    lowest = numbers[int((1 - _KEPT_SHARE) * (len(numbers) - 1))]
    highest = numbers[math.ceil(_KEPT_SHARE * (len(numbers) - 1))]
    kwargs = dict(rule.kwargs)
    if "min_value" in kwargs and lowest < kwargs["min_value"]:
        kwargs["min_value"] = _round(lowest, math.floor)
    if "max_value" in kwargs and highest > kwargs["max_value"]:
        kwargs["max_value"] = _round(highest, math.ceil)
    if kwargs != rule.kwargs:
        yield _propose_rule(
            "threshold",
            f"{column} lies outside the bounds of {rule.id} more often than usual; check its unit first.",
            drifted,
            rule,
            _change(rule, kwargs=kwargs),
            parts,
        )


def _round(number: float, towards: Callable[[float], int]) -> float:
    """Round to two digits, upwards or downwards."""
    if not number:
        return 0.0
    step: float = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    return float(f"{towards(number / step) * step:.12g}")


def _widen_drift(drifted: Drifted, rule: Rule, found: Found) -> Proposal:
    """Propose the limit under which nothing would be unusual, for the case that the change is there to stay."""
    if rule.drift is None:
        raise TypeError("only a rule with a drift can find one")
    limit = _round(abs(drifted.change) * 1.01, math.ceil)
    changed = _change(rule, drift={**rule.drift.model_dump(), "change": limit})
    mine = [other for other in found.drifted if other.rule_id == rule.id]
    where = " of ".join(filter(None, (drifted.column, drifted.modality))) or "the run"
    return Proposal(
        kind="threshold",
        title=f"{drifted.metric} of {where} changed; if it is to stay so, {rule.id} may allow it.",
        snippet=_write({"rules": [_plain(changed)]}),
        effects=(
            Effect("metrics not as usual", len(mine), sum(abs(other.change) > limit for other in mine)),
        ),
        rule_id=rule.id,
    )


def _review_creators(found: Found) -> Iterator[Proposal]:
    """Propose to review the private creators that are new and of which nothing is kept."""
    counts = found.tally.words[CREATORS[1]]
    for name in sorted(found.new_words.get(CREATORS[1], ())):
        listed = list_candidates(name)
        instances = f"{counts[name]:,} instances"
        title = (
            f"The private creator {name} is new, in {instances}; its elements are removed until a profile lists safe "
            "ones."
            if listed
            else f"A private creator that no public dictionary lists is new, in {instances}; its name is in the source."
        )
        blocks = listed or {"0009": ()}
        snippet = "private_creators: # of a profile\n" + "".join(
            _write_block(name if listed else "NAME", group, candidates)
            for group, candidates in blocks.items()
        )
        yield Proposal(kind="creator", title=title, snippet=snippet)


def _write_block(creator: str, group: str, candidates: Sequence[Candidate]) -> str:
    """Write what keeps nothing yet, and beside it what might be kept."""
    block = _write({"block": [{"creator": creator, "group": group, "keep": {}}]}).partition("\n")[2]
    lines = (f"    # {one.element}: [{one.VR}]  {one.meaning}\n" for one in candidates[:MOST])
    return block + "".join(lines)


def _propose_rule(
    kind: str, title: str, drifted: Drifted, rule: Rule, changed: Rule, parts: Parts
) -> Proposal:
    """Write a changed rule down and count what breaks it now and would then."""
    before, after = (_count(one, parts) for one in (rule, changed))
    return Proposal(
        kind=kind,
        title=title,
        snippet=_write({"rules": [_plain(changed)]}),
        effects=_effects(before, after),
        rule_id=drifted.rule_id,
    )


def _effects(before: Broken, after: Broken) -> tuple[Effect, ...]:
    return (
        Effect("rows that break it", before.rows, after.rows),
        Effect("studies that break it", before.studies, after.studies),
    )


def _count(rule: Rule, parts: Parts) -> Broken:
    return count_broken(RuleTable((rule,), ""), parts(None))[rule.id]


def _change(rule: Rule, **changes: Any) -> Rule:
    """Change a rule and give it the next version."""
    return Rule.model_validate(rule.model_dump() | changes | {"version": rule.version + 1})


def _plain(rule: Rule) -> dict[str, Any]:
    """Give a rule as a person writes it."""
    plain = rule.model_dump(mode="json", exclude_defaults=True)
    if rule.drift is not None:
        plain = {name: value for name, value in plain.items() if name not in ("expectation", "column")}
        plain["drift"] = rule.drift.model_dump(mode="json")
    return plain


def _write(document: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)
    return text


def list_new_words(
    met: Mapping[str, Iterable[str]], known: Mapping[str, Iterable[str]] | None
) -> dict[str, frozenset[str]]:
    """Give the words that no earlier run met; none where there is no earlier run.

    A creator that was met while nothing of it was kept is not new when something is.
    """
    if known is None:
        return {}
    creators = frozenset[str]().union(*(known.get(column, ()) for column in CREATORS))
    return {
        column: frozenset(words) - (creators if column in CREATORS else frozenset(known.get(column, ())))
        for column, words in met.items()
    }
