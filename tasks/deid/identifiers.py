"""What an instance said about who it was: the words and numbers that must be found nowhere in its output."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import NoReturn

from pydicom._dicom_dict import DicomDictionary

from tasks.deid.tokens import Tokens, date_tokens, id_tokens, line_tokens, name_tokens, uid_tokens
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import encodings_of

_CHARACTER_SET, _PATIENT_NAME, _PATIENT_ID = 0x00080005, 0x00100010, 0x00100020
_SOP_INSTANCE_UID, _STUDY_INSTANCE_UID = 0x00080018, 0x0020000D

_CODES = (
    "AccessionNumber",
    "AdmissionID",
    "ClinicalTrialSubjectID",
    "DeviceSerialNumber",
    "FillerOrderNumberImagingServiceRequest",
    "InsurancePlanIdentification",
    "MedicalRecordLocator",
    "OrderCallbackPhoneNumber",
    "OtherPatientIDs",
    "PatientID",
    "PatientTelephoneNumbers",
    "PersonTelephoneNumbers",
    "PlacerOrderNumberImagingServiceRequest",
    "ReferringPhysicianTelephoneNumbers",
    "RequestedProcedureID",
    "ServiceEpisodeID",
    "StudyID",
)
_LINES = (
    "ClinicalTrialSiteName",
    "InstitutionAddress",
    "InstitutionName",
    "PatientAddress",
    "PersonAddress",
    "ReferringPhysicianAddress",
    "ResponsibleOrganization",
)
_PAYLOAD_TOKEN = (8, 64)
"""Shortest and longest token searched in pixel data, in bytes: a shorter one is in every noisy image."""
_CODECS = ("utf-8", "gb18030", "shift_jis", "euc_kr")
_WRITTEN_DATE = re.compile(rb"([0-9]{4})[-./ ]([0-9]{1,2})[-./ ]([0-9]{1,2})(?![0-9])")
_MANY = 100
_PARTS = re.compile(rb"[\^= \0\\]+")
_RUN = re.compile(rb"[0-9][0-9.]{3,}")
_RUN_BEFORE_TAG = re.compile(rb"([0-9][0-9.]{3,})[0-9.]\0")
"""In an encoded data set the byte after a value is the next tag's, and group 0038 begins with an 8."""


class Kept:
    """What an output would keep of the values of an instance, prepared to be searched for many identifiers.

    A value is searched beside the others: what is found may go across two of them, and is then not there
    when each is searched by itself.

    Parameters
    ----------
    texts, numbers, raw
        Values of text, strings of numbers, and binary values.
    """

    __slots__ = ("_runs", "_written", "numbers", "plain", "raw", "text")

    def __init__(self, texts: Iterable[bytes], numbers: Iterable[bytes], raw: Iterable[bytes]) -> None:
        self.text, self.numbers, self.raw = b"\\".join(texts), b"\\".join(numbers), b"\\".join(raw)
        shown = [self.text, self.numbers, self.raw]
        shown += [self.raw.replace(b"\0", b"")] if self.raw else []
        shown += [] if self.text.isascii() else _fold(self.text)
        self.plain = b"\n".join(shown).lower()
        self._written: frozenset[bytes] | None = None
        self._runs: frozenset[bytes] | None = None

    @property
    def written_dates(self) -> frozenset[bytes]:
        """Dates in the text whose parts are set apart, as in 1931-02-03, written together."""
        if self._written is None:
            self._written = frozenset(_written_dates(self.text))
        return self._written

    @property
    def runs(self) -> frozenset[bytes]:
        """Runs of digits in the text."""
        if self._runs is None:
            self._runs = frozenset(_RUN.findall(self.text))
        return self._runs


class Identifiers:
    """The identifiers of one instance, searchable; shows and pickles nothing of them."""

    __slots__ = ("_all", "bounded", "dates", "numbers", "payload", "short_numbers", "words")

    def __init__(
        self,
        tokens: Iterable[Tokens],
        payload: tuple[bytes, ...] = (),
        retained: Iterable[Tokens] = (),
    ) -> None:
        words: set[bytes] = set()
        bounded: set[bytes] = set()
        numbers: set[bytes] = set()
        short_numbers: set[bytes] = set()
        dates: set[bytes] = set()
        for token in set(tokens):
            words.update(token.words)
            bounded.update(token.bounded)
            numbers.update(token.numbers)
            short_numbers.update(token.short_numbers)
            dates.update(token.dates)
        for token in retained:
            numbers.difference_update(token.numbers)
            dates.difference_update(token.dates)
        self.words, self.bounded, self.numbers = words, bounded, numbers
        self.short_numbers, self.dates = short_numbers, dates
        self._all = (*words, *bounded, *numbers, *dates)
        self.payload = payload

    @classmethod
    def collect(
        cls, dataset: DataSet, encodings: tuple[str, ...], retained: frozenset[int] = frozenset()
    ) -> Identifiers:
        """Collect the identifiers of an original data set, at every depth.

        Parameters
        ----------
        encodings
            Python codecs of the data set.
        retained
            Attributes that an option keeps. What they hold identifies nobody that was not meant to be told; a
            date or a UID of theirs may then be anywhere, a name of a place or a number only with them.
        """
        tokens: set[Tokens] = set()
        kept: set[Tokens] = set()
        _collect(dataset, encodings, tokens, retained, kept)
        return cls(tokens, payload_tokens(dataset, retained), kept)

    def are_in(self, kept: Kept) -> bool:
        """Tell whether any of them is in what an output would keep."""
        if not self._all and not self.short_numbers:
            return False
        if self._may_be_in(kept.plain):
            return (
                self.are_in_text(kept.text)
                or self.are_in_numbers(kept.numbers)
                or (bool(kept.raw) and self.are_in_bytes(kept.raw))
            )
        return (bool(self.dates) and not self.dates.isdisjoint(kept.written_dates)) or (
            bool(self.short_numbers) and not self.short_numbers.isdisjoint(kept.runs)
        )

    def are_in_text(self, value: bytes) -> bool:
        """Tell whether text that is about to be kept holds any of them."""
        if not value:
            return False
        if self.count(value) or (self.dates and not self.dates.isdisjoint(_written_dates(value))):
            return True
        if not value.isascii() and any(self.count(folded) for folded in _fold(value)):
            return True
        return bool(self.short_numbers) and not self.short_numbers.isdisjoint(_RUN.findall(value))

    def are_in_numbers(self, value: bytes) -> bool:
        """Tell whether number strings that are about to be kept are one of them."""
        return bool(self._count_runs(value))

    def are_in_bytes(self, value: bytes) -> bool:
        """Tell whether a binary value spells one of those too long to be there by chance."""
        # Profiles and tables hold text with two bytes a letter; without its NULs it reads as any other.
        return bool(
            self.count(value, with_bounded=False) or self.count(value.replace(b"\0", b""), with_bounded=False)
        )

    def are_written_in(self, data: bytes) -> bool:
        """Tell whether any of them is somewhere in `data`, an encoded data set."""
        if not (self.words or self.bounded):  # runs of digits and dots, which have no case
            return bool(self._count_runs(data))
        return self._may_be_in(data.lower()) and bool(self.count(data))

    def _may_be_in(self, lowered: bytes) -> bool:
        """Tell whether the bytes of any of them are there, whatever stands around them."""
        return len(self._all) >= _MANY or _is_any_in(self._all, lowered)

    def count(self, data: bytes, *, with_bounded: bool = True) -> int:
        """Count the tokens that are somewhere in `data`."""
        lowered = data.lower()
        found = len([word for word in self.words if word in lowered])
        if with_bounded:
            found += len([word for word in self.bounded if word in lowered and _stands_alone(word, lowered)])
        return found + self._count_runs(data)

    def _count_runs(self, data: bytes) -> int:
        # A substring search is far cheaper than finding all runs, unless an instance refers to thousands.
        if (
            len(self.numbers) < _MANY
            and not _is_any_in(self.numbers, data)
            and not _is_any_in(self.dates, data)
        ):
            return 0
        runs = {run.rstrip(b".") for run in _RUN.findall(data)}.union(_RUN_BEFORE_TAG.findall(data))
        return len(self.numbers & runs) + len(self.dates & {run[:8] for run in runs})

    def __reduce__(self) -> NoReturn:
        raise TypeError("identifiers of a patient stay in the process that read them")


def _written_dates(text: bytes) -> Iterator[bytes]:
    return (b"%s%02d%02d" % (year, int(month), int(day)) for year, month, day in _WRITTEN_DATE.findall(text))


def _is_any_in(tokens: Iterable[bytes], data: bytes) -> bool:
    # A loop and not `any`: it is asked of every output, and a generator would be most of the time.
    for token in tokens:  # noqa: SIM110
        if token in data:
            return True
    return False


def _fold(value: bytes) -> Iterator[bytes]:
    """Give what a text that is not ASCII says in plain letters (full-width ones are letters too), by each codec."""
    for codec in _CODECS:
        try:
            text = value.decode(codec)
        except UnicodeError:
            continue
        yield unicodedata.normalize("NFKC", text).encode("ascii", "ignore")


def _stands_alone(word: bytes, data: bytes) -> bool:
    """Tell whether `word` is in `data` other than as a part of a longer word.

    A letter with a NUL after it counts as an end: it is the low byte of the next element's group.
    """
    joins = bytes.isalpha if word.isalpha() else bytes.isalnum
    start = data.find(word)
    while start >= 0:
        end = start + len(word)
        after = data[end : end + 2]
        if not joins(data[start - 1 : start] if start else b"") and (
            not joins(after[:1]) or after[1:] == b"\0"
        ):
            return True
        start = data.find(word, start + 1)
    return False


def tokens_of(
    element: Element, encodings: tuple[str, ...], retained: frozenset[int] = frozenset()
) -> tuple[Collection[Tokens], Collection[Tokens]]:
    """Give the searchable forms of the identifiers in one element of a main data set, and of what is retained."""
    tag, VR, value, items = element
    if items is None:
        kind = (_kinds().get(tag) or _KIND_OF_VR.get(VR)) if value else None
        found = () if kind is None else (kind(value, encodings),)
        return ((), found) if tag in retained else (found, ())
    tokens: set[Tokens] = set()
    kept: set[Tokens] = set()
    _collect(DataSet({tag: element}), encodings, tokens, retained, kept)
    return tokens, kept


def _collect(
    dataset: DataSet,
    encodings: tuple[str, ...],
    tokens: set[Tokens],
    retained: frozenset[int],
    kept: set[Tokens],
) -> None:
    if _CHARACTER_SET in dataset:
        encodings = encodings_of(dataset, encodings)
    by_tag, by_vr = _kinds(), _KIND_OF_VR
    for tag, VR, value, items in dataset.values():
        if items is not None:
            for item in items:
                _collect(item, encodings, tokens, retained, kept)
        elif value and (kind := by_tag.get(tag) or by_vr.get(VR)) is not None:
            (kept if tag in retained else tokens).add(kind(value, encodings))


_Kind = Callable[[bytes, tuple[str, ...]], Tokens]
_KIND_OF_VR: dict[str, _Kind] = {"PN": name_tokens, "UI": uid_tokens, "DA": date_tokens, "DT": date_tokens}


CODE_TAGS = frozenset(map(tag_of, _CODES))
LINE_TAGS = frozenset(map(tag_of, _LINES))
NAME_TAGS = frozenset(tag for tag, row in DicomDictionary.items() if row[0] == "PN")
DATE_VRS = frozenset({"DA", "DT"})
"""What an instance tells about who it is of, by tag, and dates by VR too."""


@cache
def date_tags() -> frozenset[int]:
    """Give the attributes that hold dates, whatever VR a file claims for them."""
    return frozenset(tag for tag, row in DicomDictionary.items() if row[0] in DATE_VRS)


@cache
def _kinds() -> dict[int, _Kind]:
    """Give the kind of identifier by tag, so that a file that lies about a VR hides nothing."""
    kinds = {
        tag: kind for tag, row in DicomDictionary.items() if (kind := _KIND_OF_VR.get(row[0])) is not None
    }
    kinds |= {tag_of(keyword): id_tokens for keyword in _CODES}
    return kinds | {tag_of(keyword): line_tokens for keyword in _LINES}


def payload_tokens(dataset: DataSet, retained: frozenset[int] = frozenset()) -> tuple[bytes, ...]:
    """Give the few byte strings of the instance that pixel data must not hold, exactly as the header has them."""
    shortest, longest = _PAYLOAD_TOKEN
    values = [
        dataset[tag].value.strip(b" \0^=")
        for tag in (_PATIENT_NAME, _PATIENT_ID, _SOP_INSTANCE_UID, _STUDY_INSTANCE_UID)
        if tag in dataset and tag not in retained
    ]
    if _PATIENT_NAME in dataset:
        values += _PARTS.split(dataset[_PATIENT_NAME].value)
    return tuple({value[:longest] for value in values if len(value) >= shortest and len(set(value)) > 1})
