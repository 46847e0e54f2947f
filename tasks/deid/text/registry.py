"""Every detector of identity in text, by the id that findings and the audit table name it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tasks.deid.text import contacts, dates_in_text, name_forms, numbers, people, places, study, words
from tasks.deid.text.found import Found
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import View

Find = Callable[[View, StudyIdentifiers], Iterator[Found]]


class Detector(NamedTuple):
    """One kind of thing that is cut from text.

    Attributes
    ----------
    ids
        What its findings are called.
    meaning
        What it finds, for `dicomflow describe`.
    asks_study
        Whether it finds other things in the same text of another study.
    """

    ids: tuple[str, ...]
    meaning: str
    find: Find
    asks_study: bool = False


def _of_study(
    detector_id: str, find: Callable[[View, StudyIdentifiers], Iterator[study.Span]], *, names: bool
) -> Find:
    def find_in(view: View, identifiers: StudyIdentifiers) -> Iterator[Found]:
        return (Found(detector_id, start, end, names=names) for start, end in find(view, identifiers))

    return find_in


def _if_digits(find: Find) -> Find:
    def find_in(view: View, identifiers: StudyIdentifiers) -> Iterator[Found]:
        return find(view, identifiers) if view.has_digits else iter(())

    return find_in


DETECTORS: tuple[Detector, ...] = (
    Detector(
        ("study-name",),
        "names of the same study, in every order and spelling",
        _of_study("study-name", study.find_names, names=True),
        asks_study=True,
    ),
    Detector(
        ("study-code",),
        "numbers and codes of the same study",
        _of_study("study-code", study.find_codes, names=False),
        asks_study=True,
    ),
    Detector(
        ("study-place",),
        "addresses and places of the same study",
        _of_study("study-place", study.find_lines, names=False),
        asks_study=True,
    ),
    Detector(
        (dates_in_text.DATE,),
        "dates; moved with the patient's, or cut",
        dates_in_text.find_dates,
        asks_study=True,
    ),
    Detector((dates_in_text.TIME,), "times of day; cut where dates are not kept", dates_in_text.find_times),
    Detector(
        ("chinese-resident-id",), "Chinese resident identity numbers", _if_digits(numbers.find_resident_ids)
    ),
    Detector(
        ("chinese-phone",), "Chinese mobile and landline numbers", _if_digits(numbers.find_chinese_phones)
    ),
    Detector(("phone",), "telephone numbers", _if_digits(numbers.find_phones)),
    Detector(
        ("labelled-id",), "what the text says is a number of somebody", _if_digits(numbers.find_labelled_ids)
    ),
    Detector(("uid",), "UIDs and what looks like them", _if_digits(numbers.find_uids)),
    Detector(("long-number",), "five digits and more in a row", _if_digits(numbers.find_long_numbers)),
    Detector(("grouped-number",), "long numbers written in groups", _if_digits(numbers.find_grouped_numbers)),
    Detector(("great-age",), "ages above 89", _if_digits(numbers.find_great_ages)),
    Detector(("mail",), "mail addresses and handles", contacts.find_mail),
    Detector(("url",), "URLs and host names", contacts.find_urls),
    Detector(("machine",), "IP and MAC addresses", contacts.find_machines),
    Detector(("address",), "postal addresses", places.find_addresses),
    Detector(("hospital",), "names of hospitals and universities", places.find_hospitals),
    Detector(
        ("titled-name", "labelled-name"), "names after a title, a label or initials", people.find_titled
    ),
    Detector(("paired-names",), "everyday words that are a given name and a surname", people.find_pairs),
    Detector(
        ("name-form",),
        "everyday words in the form of a name: initials, commas, particles, after a word for somebody",
        name_forms.find_forms,
    ),
    Detector(
        ("eastern-name",), "Chinese, Japanese and Korean names by title or label", people.find_eastern_names
    ),
    Detector(
        ("unknown-word", "unknown-code", "mixed-scripts", "spelled-out"),
        "words and codes outside the vocabulary",
        words.find_unknown,
    ),
    Detector(
        ("misread-text",),
        "text that was written in another character set than it is read in",
        words.find_misread,
    ),
)


def describe_detectors() -> list[tuple[str, str]]:
    """List what is found in text: ids and meaning."""
    return [(", ".join(detector.ids), detector.meaning) for detector in DETECTORS]
