"""Remembers what became of elements by their bytes: those of any patient, and those of the last ones.

It holds values of patients, as does whatever reads a file; they stay in the process, and what is not
asked for is forgotten, so that memory is the same after a thousand objects and after a million.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.cleaning.charset import is_defined
from tasks.cleaning.formats import FORMATS, Formats
from tasks.deid.deidentify import Deidentifier
from tasks.deid.private import ODD_GROUP, creator_tag, is_known
from tasks.deid.said import NOTHING, Said, unite
from tasks.deid.work import Patient
from tasks.dicom.element import DataSet
from tasks.dicom.locate import Unusual, element_of
from tasks.dicom.reader import PIXEL_REPRESENTATION
from tasks.dicom.values import DEFAULT_ENCODINGS, SPECIFIC_CHARACTER_SET, encodings_of
from tasks.recall.treated import (
    Syntax,
    Treated,
    repaired_value,
    said_by_span,
    span_may_say,
    treat_span,
)

PATIENT_ID, ISSUER = 0x00100020, 0x00100021
SOP_INSTANCE_UID = 0x00080018
SETTLING = (SPECIFIC_CHARACTER_SET, PATIENT_ID, ISSUER, PIXEL_REPRESENTATION)
"""Elements that settle how all others are read and treated."""

_ENTRIES, _LONGEST = 1 << 11, 1 << 15
_PATIENTS, _SCOPES, _OTHERS = 8, 64, 1 << 8


Key = bytes | tuple[bytes, bytes]
"""A span; of a private element that may be kept, the creator of its block and the span."""


class Memo(dict[Key, Treated]):
    """What became of spans; forgets what was not asked for since it last was full."""

    def __init__(self) -> None:
        super().__init__()
        self._old: dict[Key, Treated] = {}

    def recall(self, key: Key) -> Treated | None:
        """Look among those that are about to be forgotten, and keep the one that is found."""
        found = self._old.get(key)
        if found is not None:
            self.keep(key, found)
        return found

    def keep(self, key: Key, treated: Treated) -> None:
        """Remember, unless the span is so long that it would cost more than it saves."""
        if len(key) > _LONGEST:
            return
        if len(self) >= _ENTRIES:
            self._old = dict(self)
            self.clear()
        self[key] = treated


class Scope(NamedTuple):
    """What is remembered under one syntax."""

    syntax: Syntax
    of_all: Memo
    of_patients: OrderedDict[Patient, Memo]
    said: dict[bytes, Said]


class Memory:
    """What became of elements under one key, profile and set of formats."""

    def __init__(self, deidentifier: Deidentifier, formats: Formats = FORMATS) -> None:
        self._deidentifier = deidentifier
        self._formats = formats
        self._scopes: dict[Syntax, Scope] = {}
        self._syntaxes: dict[tuple[bool, bool, bytes, bytes], Syntax] = {}
        self._patients: dict[tuple[bytes, bytes, Syntax, Said], Patient] = {}

    def scope_of(self, explicit: bool, sop_class: bytes, elements: dict[int, bytes]) -> Scope:
        """Give what is remembered of instances encoded as this one, and of as good as its class.

        Parameters
        ----------
        sop_class
            Without padding.
        elements
            Spans of the `SETTLING` elements it has.

        Raises
        ------
        Unusual
            If its character set is not plainly declared.
        """
        charset = elements.get(SPECIFIC_CHARACTER_SET, b"")
        signed = not explicit and elements.get(PIXEL_REPRESENTATION, b"")[8:] == b"\1\0"
        key = (explicit, signed, charset, sop_class)
        syntax = self._syntaxes.get(key)
        if syntax is None:
            iod = self._deidentifier.iod_of(sop_class.decode("latin-1"))
            syntax = Syntax(explicit, signed, _encodings_of(charset, explicit), iod, self._formats)
            remember(self._syntaxes, key, syntax)
        return self._scopes.get(syntax) or remember(
            self._scopes, syntax, Scope(syntax, Memo(), OrderedDict(), {}), _SCOPES
        )

    def said_in(self, elements: Sequence[int], cut: list[bytes], scope: Scope) -> Said:
        """Give what an instance says about who it is of, where that decides about its texts.

        Parameters
        ----------
        elements
            Tags, ascending; `cut` has their spans.

        Raises
        ------
        Unusual
            As `treat_span`.
        """
        if not self._deidentifier.cleans_texts:
            return NOTHING
        known, telling = scope.said, cut
        if scope.syntax.explicit:
            telling = [span for tag, span in zip(elements, cut, strict=True) if span_may_say(tag, span)]
        return unite(
            [
                known.get(span) or remember(known, span, said_by_span(span, scope.syntax), _ENTRIES)
                for span in telling
            ]
        )

    def patient_of(self, elements: dict[int, bytes], syntax: Syntax, said: Said) -> Patient:
        """Tell whom an instance speaks of.

        Parameters
        ----------
        said
            As `said_in` gives it.

        Raises
        ------
        Unusual
            If it has no Patient ID.
        """
        patient_id, issuer = elements.get(PATIENT_ID, b""), elements.get(ISSUER, b"")
        key = (patient_id, issuer, syntax, said)
        patient = self._patients.get(key)
        if patient is None:
            values = [repaired_value(span, syntax) if span else b"" for span in (patient_id, issuer)]
            found = self._deidentifier.patient_of(values[0], values[1], syntax.encodings, said)
            if found is None:
                raise Unusual
            patient = remember(self._patients, key, found, _SCOPES)
        return patient

    def creators_of(self, elements: Sequence[int], cut: list[bytes], syntax: Syntax) -> list[bytes] | None:
        """Give for each element the creator of its block, if it is private and the creator is known; else nothing.

        Parameters
        ----------
        elements
            Tags, ascending; `cut` has their spans.

        Returns
        -------
        list or None
            None where there is no such element.
        """
        if not self._deidentifier.keeps_private:
            return None
        creators: dict[int, bytes] = {}
        for tag, span in zip(elements, cut, strict=True):
            if tag & ODD_GROUP and 0x10 <= tag & 0xFFFF <= 0xFF:
                value = repaired_value(span, syntax)
                if is_known(tag >> 16, value, self._deidentifier.safe_private):
                    creators[tag] = value
        if not creators:
            return None
        return [creators.get(creator_tag(tag) or 0, b"") for tag in elements]

    def treat(
        self, cut: list[bytes], scope: Scope, patient: Patient, creators: list[bytes] | None = None
    ) -> list[Treated]:
        """Give what becomes of each element, working out what is not remembered.

        Parameters
        ----------
        creators
            As `creators_of` gives them.

        Raises
        ------
        Unusual
            As `treat_span`.
        """
        if not cut:
            return []
        of_all, own = scope.of_all, self._memo_of(scope, patient)
        # Both are asked before anything is worked out: a list of hits is a pass at the speed of C.
        keys: Sequence[Key] = (
            cut
            if creators is None
            else [(creator, span) if creator else span for creator, span in zip(creators, cut, strict=True)]
        )
        known = [of_all.get(key) or own.get(key) for key in keys]
        return [
            one or self._treat_new(key, scope, own, patient) for one, key in zip(known, keys, strict=True)
        ]

    def _memo_of(self, scope: Scope, patient: Patient) -> Memo:
        patients = scope.of_patients
        own = patients.get(patient)
        if own is None:
            own = patients[patient] = Memo()
            if len(patients) > _PATIENTS:
                patients.popitem(last=False)
        return own

    def _treat_new(self, key: Key, scope: Scope, own: Memo, patient: Patient) -> Treated:
        found = scope.of_all.recall(key) or own.recall(key)
        if found is None:
            creator, span = key if isinstance(key, tuple) else (b"", key)
            found, of_patient = treat_span(span, scope.syntax, patient, self._deidentifier, creator)
            if (
                found.original.tag != SOP_INSTANCE_UID
            ):  # which comes once, and would crowd out what comes again
                (own if of_patient else scope.of_all).keep(key, found)
        return found


def remember(memo: dict[Any, Any], key: object, value: Any, most: int = _OTHERS) -> Any:
    """Put a value where it is looked up next time; a memo that is full begins again."""
    if len(memo) >= most:
        memo.clear()
    memo[key] = value
    return value


def _encodings_of(charset: bytes, explicit: bool) -> tuple[str, ...]:
    if not charset:
        return DEFAULT_ENCODINGS
    element = element_of(charset, explicit=explicit)
    if element.VR != "CS" or not is_defined(element.value):
        raise Unusual
    return encodings_of(DataSet({SPECIFIC_CHARACTER_SET: element}))
