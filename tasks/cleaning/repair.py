"""Walks a data set once and repairs the values that are not what their VR asks for.

Nearly all values of nearly all files are valid, so a valid value costs one look-up and one match of
a compiled expression, and a data set without a fault is returned as it is. Whatever fails the quick
check is looked at exactly: by the rules of its format, or of text in its character set. Findings say
which rule and where; the values stay here.
"""

from __future__ import annotations

from datetime import date

from tasks.cleaning.charset import CHARSET_RULES, Charset, settle_charset
from tasks.cleaning.consistency import (
    AGE,
    AGE_CONTRADICTED,
    BIRTH_AFTER_STUDY,
    BIRTH_DATE,
    age_between,
    is_born_after_study,
)
from tasks.cleaning.dates import LATEST_DATE
from tasks.cleaning.formats import ELEMENT_FORMATS, FORMATS, Formats, formats_until, refuse
from tasks.cleaning.numbers import (
    NUMBER_COUNT,
    NUMBER_LENGTH,
    NUMBER_MISSING,
    NUMBER_NOT_FINITE,
    binary_fault,
)
from tasks.cleaning.pixel_module import PIXEL_RULES
from tasks.cleaning.required import REQUIRED_RULES
from tasks.cleaning.rules import Rule
from tasks.cleaning.shapes import shape_of
from tasks.cleaning.strings import repair_values
from tasks.cleaning.text import PLAIN_TEXT_VRS, TEXT_NOT_ASCII, TEXT_RULES, repair_text
from tasks.cleaning.wrong_vr import WRONG_VR, give_standard_vr, has_wrong_vr
from tasks.dicom.dictionary import format_tag
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import (
    BINARY_NUMBER_VRS,
    DEFAULT_ENCODINGS,
    SPECIFIC_CHARACTER_SET,
    TEXT_VRS,
)
from tasks.records import Finding

_PRIVATE = 0x10000
"""The bit that makes a group odd; asked here, because half the elements of some vendors are private."""

_SHAPED_VRS = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "TM"})
"""VRs whose values have a notation, so that the shape of one that was emptied is worth knowing."""

Trail = tuple[tuple[int, int], ...]
"""Sequence tags and item numbers that lead to a data set."""


def repair(
    dataset: DataSet, encodings: tuple[str, ...] = DEFAULT_ENCODINGS, formats: Formats = FORMATS
) -> tuple[DataSet, tuple[Finding, ...]]:
    """Repair the values of a data set, at every depth.

    Parameters
    ----------
    dataset
        As read. It is not changed.
    encodings
        Python codecs of its text, as `tasks.dicom.values.encodings_of` gives them.
    formats
        What values must look like, and how they are read where they do not.

    Returns
    -------
    tuple
        The repaired data set, which is `dataset` itself if nothing was changed, and what was changed
        or doubted. Its text decodes strictly under its Specific Character Set, its dates, times, ages
        and numbers are valid or empty; only malformed UIDs and texts that are too long are kept.
        Repairing it again changes nothing.
    """
    walk = _Walk(formats)
    repaired = walk.repair_scope(dataset, encodings, ())
    if is_born_after_study(repaired):
        repaired = walk.empty_birth_date(repaired)
    elif age := age_between(repaired):
        repaired = walk.replace_age(repaired, age)
    return repaired, tuple(walk.findings)


def is_valid(element: Element, formats: Formats = FORMATS) -> bool:
    """Tell whether one look at an element's value shows that it needs no repair; a sequence takes more than one."""
    check = (formats.checks if element.tag & _PRIVATE else formats[element.tag]).get(element.VR, refuse)
    return check is None or (element.items is None and (not element.value or bool(check(element.value))))


def describe(latest_date: date = LATEST_DATE) -> list[tuple[str, str]]:
    """List every cleaning rule in force: its id and what it does, in a sentence."""
    return [(rule.rule_id, rule.describe()) for rule in all_rules(latest_date)]


def all_rules(latest_date: date = LATEST_DATE) -> tuple[Rule, ...]:
    """Give every rule a finding can name, each once."""
    formats = formats_until(latest_date)
    of_values = (
        rule
        for value_format in (*formats.by_VR.values(), *(special for _, special in ELEMENT_FORMATS.values()))
        for rule in value_format.rules
    )
    rules: tuple[Rule, ...] = (
        WRONG_VR,
        *CHARSET_RULES,
        *TEXT_RULES,
        *of_values,
        NUMBER_MISSING,
        NUMBER_COUNT,
        NUMBER_LENGTH,
        NUMBER_NOT_FINITE,
        BIRTH_AFTER_STUDY,
        AGE_CONTRADICTED,
        *REQUIRED_RULES,
        *PIXEL_RULES,
    )
    return tuple({rule.rule_id: rule for rule in rules}.values())


class _Scope:
    """A data set and its items, except those that declare a character set of their own."""

    def __init__(self, dataset: DataSet, encodings: tuple[str, ...]) -> None:
        self._dataset = dataset
        self._encodings = encodings
        self.settled: Charset | None = None

    def settle(self) -> Charset:
        """Decide the character set when the first text that needs it asks; in most files none does."""
        if self.settled is None:
            self.settled = settle_charset(self._dataset, self._encodings)
        return self.settled


class _Walk:
    """One pass over one data set."""

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.findings: list[Finding] = []

    def repair_scope(self, dataset: DataSet, encodings: tuple[str, ...], trail: Trail) -> DataSet:
        """Repair a data set that decides about its character set, and then its declaration."""
        scope = _Scope(dataset, encodings)
        changed = self._repair_elements(dataset, scope, trail)
        charset = scope.settled
        if charset is not None:
            for rule in charset.rules:
                self._note(rule, SPECIFIC_CHARACTER_SET, trail)
            if charset.element is not None:
                changed[SPECIFIC_CHARACTER_SET] = charset.element
        return _edit(dataset, changed)

    def _repair_elements(self, dataset: DataSet, scope: _Scope, trail: Trail) -> dict[int, Element]:
        """Give the elements that have to change. Runs for every element of every file: plain and quick."""
        formats, of_private = self.formats, self.formats.checks
        changed: dict[int, Element] = {}
        for tag, element in dataset.items():
            _, VR, value, items = element
            check = (of_private if tag & _PRIVATE else formats[tag]).get(VR, refuse)
            if check is None or (items is None and (not value or check(value))):
                continue
            repaired = self._repair_element(element, scope, trail)
            if repaired is not element:
                changed[tag] = repaired
        return changed

    def _repair_element(self, element: Element, scope: _Scope, trail: Trail) -> Element:
        if has_wrong_vr(element.tag, element.VR):
            self._note(WRONG_VR, element.tag, trail)
            element = give_standard_vr(element)
        if element.items is not None:
            return self._repair_items(element, element.items, scope, trail)
        value, rules = self._repair_value(element, scope)
        form = shape_of(element.value) if rules and not value and element.VR in _SHAPED_VRS else None
        for rule in dict.fromkeys(rules):
            self._note(rule, element.tag, trail, form)
        return element if value == element.value else element._replace(value=value)

    def _repair_items(
        self, element: Element, items: tuple[DataSet, ...], scope: _Scope, trail: Trail
    ) -> Element:
        repaired = tuple(
            self._repair_item(item, scope, (*trail, (element.tag, number)))
            for number, item in enumerate(items)
        )
        if all(new is old for new, old in zip(repaired, items, strict=True)):
            return element
        return element._replace(items=repaired)

    def _repair_item(self, item: DataSet, scope: _Scope, trail: Trail) -> DataSet:
        if SPECIFIC_CHARACTER_SET in item:
            return self.repair_scope(item, DEFAULT_ENCODINGS, trail)
        return _edit(item, self._repair_elements(item, scope, trail))

    def _repair_value(self, element: Element, scope: _Scope) -> tuple[bytes, tuple[Rule, ...]]:
        tag, VR, value, _ = element
        if tag == SPECIFIC_CHARACTER_SET:
            # Settled with the text it is about, and written by `repair_scope`.
            scope.settle()
            return value, ()
        if VR in TEXT_VRS:
            charset = scope.settle()
            return repair_text(value, VR, charset.encodings, charset.undecodable)
        if VR in PLAIN_TEXT_VRS:
            return repair_text(value, VR, ("ascii",), TEXT_NOT_ASCII)
        if VR in BINARY_NUMBER_VRS:
            fault = binary_fault(VR, value)
            return (b"", (fault,)) if fault else (value, ())
        value_format = self.formats.format_of(tag, VR)
        return repair_values(value, VR, value_format) if value_format else (value, ())

    def empty_birth_date(self, dataset: DataSet) -> DataSet:
        """Empty the birth date that contradicts the study."""
        self._note(BIRTH_AFTER_STUDY, BIRTH_DATE, ())
        return _edit(dataset, {BIRTH_DATE: Element(BIRTH_DATE, "DA")})

    def replace_age(self, dataset: DataSet, age: bytes) -> DataSet:
        """Put in place of the age what birth and examination say it was."""
        self._note(AGE_CONTRADICTED, AGE, ())
        return _edit(dataset, {AGE: Element(AGE, "AS", age)})

    def _note(self, rule: Rule, tag: int, trail: Trail, form: str | None = None) -> None:
        parents = "".join(f"{format_tag(parent)}[{number}]." for parent, number in trail)
        self.findings.append(Finding(rule.rule_id, parents + format_tag(tag), rule.code, form))


def _edit(dataset: DataSet, changed: dict[int, Element]) -> DataSet:
    """Make a data set with some elements changed; no change, no new data set."""
    if not changed:
        return dataset
    edited = {**dataset, **changed}
    return DataSet(edited if len(edited) == len(dataset) else sorted(edited.items()))
