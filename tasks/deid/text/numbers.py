"""Numbers that stand for somebody: resident identity cards, telephones, record numbers, UIDs, great ages.

Measures are short and seldom grouped; whatever is long, or said to be a number of something, is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.deid.text.found import Found
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import View

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10x98765432"
_RESIDENT = re.compile(
    r"(?<![0-9])[1-9][0-9]{5}[ -]?[12][0-9]{7}[ -]?[0-9]{3}[0-9x](?![0-9])|(?<![0-9])[1-9][0-9]{14}(?![0-9])"
)
_MOBILE = re.compile(r"(?<![0-9])(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])")
_LANDLINE = re.compile(
    r"(?<![0-9])(?:\(0[0-9]{2,3}\)|0[0-9]{2,3})[ -]?[0-9]{3,4}[ -]?[0-9]{4}(?:[ -]?(?:转|ext\.?)["
    r" ]?[0-9]{1,5})?(?![0-9])"
)
_INTERNATIONAL = re.compile(r"(?:\+|(?<![0-9.,])00)[ ]?[0-9]{1,3}(?:[ ()./-]{0,3}[0-9]{1,5}){2,7}(?![0-9])")
_AMERICAN = re.compile(
    r"(?<![0-9])(?:\([0-9]{3}\) ?|[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}(?:\s?(?:x|ext\.?)\s?[0-9]{1,5})?(?"
    r"![0-9])|(?<![0-9-])[0-9]{3}-[0-9]{4}(?![0-9-])"
)
_LABELLED_PHONE = re.compile(
    r"(?<![^\W_])(?:phone|tel|telefon|telephone|telefono|téléphone|mobile|cell|fax|pager|bleep|ext"
    r"|handy|电话|電話|手机|手機|联系电话|座机|전화|전화번호|휴대폰|телефон|тел|моб)"
    r"[.:：#№ ]{0,4}(?:no|nr|number)?[.:# ]{0,3}(?P<value>\+?[0-9(][0-9 ()./-]{2,24})"
)
_LABELLED_ID = re.compile(
    r"(?<![^\W_])(?:mrn|mr ?no|mr ?#|pid|id|ids|pat ?id|patient ?id|patienten-?id|patientennr|pat\.?-?nr"
    r"|fallnr|fallnummer|acc|accn|accession|acsn|case|fall|chart|record|account|acct|ssn|nhs|nhs"
    r" no|medicare|"
    r"policy|passport|licen[cs]e|dossier|nip|ipp|nss|dni|nie|nhc|curp|rfc|cpf|cip|hc|exp|historia|expediente|"
    r"ending(?: in)?|last (?:four|4)|pt ?#|"
    r"order|visit|encounter|episode|admission|room|rm|zimmer|bed|снилс|полис|паспорт|инн|и/б|№|ktp|nric|hkid)"
    r"(?:[ .]{0,2}(?:number|num|nummer|no|nr|n°|nº|numero|num|#|№|id))?[ .:：#№=_-]{0,4}"
    r"(?P<value>[a-z]{0,6}[-_/ ]?[0-9][0-9a-z]{0,24}(?:[-/._][0-9a-z]{1,16}){0,6})(?![^\W_])"
)
_EASTERN_ID = re.compile(
    r"(?:号|號|编号|編號|番号|번호|(?<![a-z])id|身份证|身份證|病历|病案|住院|门诊|检查|影像|登记|床|社保|医保"
    r"|护照|등록|차트)(?:号码|号|號|番号|번호)?[ :：为是=#-]{0,3}(?P<value>[a-z]{0,6}[-_]?[0-9][0-9a-z_-"
    r"]{0,24})(?!\s?(?:岁|月|天|年|周|mm|cm|ml|次|张|层|级|期|型))"
)
_UID = re.compile(r"(?<![0-9.])[0-2](?:\.[0-9]++){3,}+")
_VERSION_LENGTH = 8
_LONG = re.compile(r"[0-9]{5,}")
_LONGEST_FRACTION = 6
_GROUPED = re.compile(
    r"(?<![0-9.,])[0-9]{1,6}(?:(?P<s>[-/ ._])[0-9]{1,6})(?:[-/ ._][0-9]{1,6}(?![0-9]))*+(?![0-9])"
)
_MOST_GROUPED = {" ": 8, "-": 7, "/": 7, "_": 7, ".": 8}
"""Digits from which numbers set apart by it are a telephone or record number."""
_MOST_GROUPS = 6
_SERIES_BEFORE = re.compile(r"(?:^|[^a-z])(?:b|te|ti|tr|pld|kv|phase|delay)s?\s?[=:]?\s?$")
_AGED = re.compile(
    r"(?<![0-9.])(?P<age>9[0-9]|1[0-4][0-9])(?=[ -]?(?:y(?![^\W\d_])|y/o|yo(?![^\W_])|yrs?(?![^\W_])"
    r"|years?|jahre?|jahrig|-jahrig|ans(?![^\W_])|anos|anni|jaar|лет|год|岁|歲|歳|세|才))"
    r"|(?:aged?|alter|age de|edad|возраст|年龄|年齢|나이)[ :：]{1,2}(?P<aged>9[0-9]|1[0-4][0-9])(?![0-9])"
)


def is_resident_id(digits: str) -> bool:
    """Tell whether 18 digits, or 17 and x, are a Chinese resident number (GB 11643-1999, ISO 7064 MOD 11-2)."""
    if len(digits) != 18:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=False))
    return digits[17] == _CHECK_DIGITS[total % 11]


def find_resident_ids(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find resident identity numbers: 18 digits with a right check digit, or 15."""
    for match in _RESIDENT.finditer(view.folded):
        digits = re.sub("[ -]", "", match[0])
        if len(digits) == 15 or is_resident_id(digits):
            yield Found("chinese-resident-id", *match.span())


def find_chinese_phones(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find Chinese mobile and landline numbers."""
    for pattern in (_MOBILE, _LANDLINE):
        for match in pattern.finditer(view.folded):
            yield Found("chinese-phone", *match.span())


def find_phones(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find telephone numbers: international, American, or said to be one."""
    for pattern in (_INTERNATIONAL, _AMERICAN, _LABELLED_PHONE):
        for match in pattern.finditer(view.folded):
            yield Found("phone", *match.span("value" if "value" in pattern.groupindex else 0))


def find_labelled_ids(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find what text itself says is a number of somebody or of a document."""
    for pattern in (_LABELLED_ID, _EASTERN_ID):
        for match in pattern.finditer(view.folded):
            yield Found("labelled-id", *match.span("value"))


def find_uids(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find UIDs, and anything dotted as they are."""
    for match in _UID.finditer(view.folded):
        if len(match[0]) > _VERSION_LENGTH:
            yield Found("uid", *match.span())


def find_long_numbers(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find runs of five digits and more, but not the fraction of a measure."""
    text = view.folded
    for match in _LONG.finditer(text):
        start, end = match.span()
        if not _is_fraction(text, start, end):
            yield Found("long-number", start, end)


def _is_fraction(text: str, start: int, end: int) -> bool:
    return (
        end - start <= _LONGEST_FRACTION
        and start > 1
        and text[start - 1] in ".,"
        and text[start - 2].isdigit()
    )


def find_grouped_numbers(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find short numbers set apart that are one long number together."""
    text = view.folded
    for match in _GROUPED.finditer(text):
        groups = re.findall("[0-9]+", match[0])
        enough = sum(map(len, groups)) >= _MOST_GROUPED[match["s"]]
        if (
            enough
            and (min(map(len, groups)) > 1 or len(groups) > _MOST_GROUPS or _is_telephone(groups, match["s"]))
            and not _SERIES_BEFORE.search(text[max(0, match.start() - 8) : match.start()])
        ):
            yield Found("grouped-number", *match.span())


def _is_telephone(groups: list[str], separator: str) -> bool:
    """Tell whether groups of which one is a digit alone are a telephone number: 8-800-448-15-43."""
    return separator != " " and sum(map(len, groups)) > _TELEPHONE_DIGITS


_TELEPHONE_DIGITS = 9


def find_great_ages(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find ages above 89 years (45 CFR 164.514(b)(2)(i)(C): told as one category, if at all); 90 itself too."""
    for match in _AGED.finditer(view.folded):
        yield Found("great-age", *match.span("age" if match["age"] else "aged"))
