"""Where people live and where they are treated: postal addresses and names of hospitals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.deid.text.found import Found
from tasks.deid.text.ideographs import cover
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import Token, View
from tasks.deid.text.vocabulary import Kind, classify
from tasks.deid.text.word_lists import read_list

_UNIT = r"(?:,? ?(?:apt|apartment|suite|ste|unit|flat|room|floor|fl|#)\.? ?#?[0-9a-z-]{1,6}(?![^\W_]))?"
_ENGLISH = re.compile(
    r"(?<![^\W_])(?P<number>[0-9]{1,5}[a-z]?(?:-[0-9]{1,5})?),? (?P<words>(?:[a-z0-9.'-]{1,20} ){1,4}?)"
    r"(?:(?P<strong>street|avenue|boulevard|highway|parkway|blvd|pkwy|hwy|ave|road)|(?P<weak>st|rd"
    r"|lane|ln|drive|dr|court|place|pl|way|terrace|square|sq|close|crescent|circle|gardens|grove"
    r"|row|hill|mews|walk))(?![^\W_])\.?" + _UNIT
)
_BOX = re.compile(
    r"(?<![^\W_])(?:p\.? ?o\.? ?box|postfach|bp|apartado|caixa postal|а/я) ?[0-9]{1,6}(?![0-9])"
)
_GERMAN = re.compile(
    r"(?<![^\W_])(?P<name>[a-z-]{1,30}? ?(?:strasse|str\.|str|weg|platz|gasse|allee|ring|damm|ufer"
    r"|chaussee|markt|steig|laan|straat|gracht|plein))\s?(?P<number>[0-9]{1,4} ?[a-z]?(?:[-/][0-9]{1,4}["
    r"a-z]?)?)(?![^\W_])"
)
_ROMANCE = re.compile(
    r"(?<![^\W_])(?:[0-9]{1,4} ?(?:bis|ter)?,? )?(?P<type>rue|avenue|av\.|boulevard|bd|chemin|allee"
    r"|impasse|quai|cours|faubourg|calle|c/|avda\.?|avenida|paseo|carrer|ronda|viale|piazza|corso"
    r"|vicolo|rua|travessa|praca|alameda|via|place|plaza)"
    r" (?P<words>(?:(?:de|del|della|dei|di|da|do|dos|des|du|la|las|los|le|les|el|l'|d')? ?[a-z'.-]{2,20}"
    r"[ ,]{0,2}){1,3}?)(?P<number>(?:n[o°º.]{0,2} ?)?[0-9]{1,4}(?![^\W_]))?(?=$|[^a-z])"
)
_WEAK_ROMANCE = frozenset({"via", "place", "plaza", "cours", "bd", "av."})
_RUSSIAN = re.compile(
    r"(?<![^\W_])(?:(?:г|гор|город|пос|село|обл|область)(?:\. ?| )[а-я-]{3,25}[, ]{1,3})?(?:ул|улица"
    r"|улице|проспект|просп|пр-т|пр|пер|переулок|наб|шоссе|бульвар|б-р|пл|площадь)(?:\. ?| )[а-я0-9-]{2,"
    r"25}(?: [а-я-]{3,25})?(?:[, ]{1,3}(?:д|дом|корп|корпус|кв|квартира|к|стр)?\.? ?[0-9]{1,5}[а-я]?(?!["
    r"0-9])){0,5}"
)
_HAN = "\u4e00-\u9fff"
_CHINESE = re.compile(
    rf"(?P<before>[{_HAN}]{{1,24}})(?:[0-9]{{1,5}}(?:号|號|弄|巷|室|栋|幢|座|号楼|單元|单元|楼|层"
    rf"|房|村|组|號|门牌)(?!码|碼|线|椎|肋)){{1,6}}"
    rf"(?:[{_HAN}]{{0,8}}[0-9]{{1,5}}(?:号楼|号|號|弄|室|栋|幢|座|单元|單元|楼|层|房)){{0,4}}|"
    rf"(?P<region>[{_HAN}]{{2,8}}?(?:省|自治区)[{_HAN}]{{2,8}}?(?:市|州|盟)(?:[{_HAN}]{{1,8}}?(?:区"
    rf"|县|市|旗))?(?:[{_HAN}]{{1,10}}?(?:镇|乡|村|街道|路|街))?)|"
    rf"(?P<city>[{_HAN}]{{2,6}}?市[{_HAN}]{{1,6}}?(?:区|县)(?:[{_HAN}]{{1,10}}?(?:镇|乡|村|街道|路"
    rf"|街|道|小区))?(?:[0-9]{{1,5}}号?)?)"
)
_ROADS = (
    "路",
    "街",
    "道",
    "巷",
    "弄",
    "胡同",
    "村",
    "园",
    "苑",
    "区",
    "里",
    "镇",
    "乡",
    "庄",
    "屯",
    "城",
    "院",
    "大厦",
    "广场",
    "新村",
    "花园",
    "市",
    "县",
    "號",
    "号",
)
_JAPANESE = re.compile(
    rf"(?:〒 ?[0-9]{{3}}-?[0-9]{{4}} ?)?[{_HAN}]{{2,4}}[都道府県][{_HAN}\u3040-\u30ff]{{1,20}}(?:"
    rf" ?[0-9]{{1,4}}(?:丁目|番地|番|号|-|の)?){{0,5}}|〒 ?[0-9]{{3}}-?[0-9]{{4}}"
    rf"|[{_HAN}]{{2,8}}[市区町村][{_HAN}\u3040-\u30ff]{{1,12}} ?[0-9]{{1,4}}(?:丁目|番地|番|-[0-9])(?:[0-"
    rf"9-]|番地?|号){{0,12}}"
)
_KOREAN = re.compile(
    r"(?:[가-힣]{2,8}(?:특별시|광역시|자치시|도|시) ?)?(?:[가-힣]{1,8}(?:시|군|구) ?){0,2}[가-힣0-9]{1,1"
    r"2}(?:로|길|동|읍|면|리) ?[0-9]{1,5}(?:번길|번지)?(?:-[0-9]{1,5})?(?: ?[0-9]{1,5}(?:동|호|층)){0,3}"
)
_EASTERN = (_RUSSIAN, _JAPANESE, _KOREAN)
_POSTCODE = re.compile(
    r"(?<![^\W_])[a-z]{1,2}[0-9][0-9a-z]? [0-9][a-z]{2}(?![^\W_])|(?<![^\W_])[a-z][0-9][a-z] [0-9][a-z]["
    r"0-9](?![^\W_])"
)
HEADS = read_list("places.heads")
_WEAK_HEADS = frozenset({"center", "centre", "institute", "institut", "college"})
_QUALIFIERS = read_list("places.qualifiers")
_BACKWARD = 5
_LEADS = read_list("places.leads")
_JOINT = re.compile(r"[ .,'&-]{1,3}s?[ ]?|'s ")
_CHINESE_HOSPITAL = re.compile(
    rf"[{_HAN}]{{2,24}}(?:医院|醫院|卫生院|衛生院|诊所|診所|医学院|医学中心|保健院|疗养院|病院|大学|大學|医疗中心|门诊部|体检中心|卫生服务中心)"
)
_OWN_HOSPITAL = re.compile(
    "(?:本|我|外|贵|该|此|入|出|住|转|在|当地|外地|上级|下级|其他|他|各|某|到|来)(?:医院|醫院|院)$"
)
_LEADS_TO_HOSPITAL = frozenset("于於在到至从從由往向经經为為后後前即今曾因")
_HOSPITAL_PARTS = read_list("places.hospital_parts")


def find_addresses(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find postal addresses."""
    text = view.folded
    patterns = _EASTERN if not text.isascii() else ()
    if view.has_digits:
        yield from _english(text)
        yield from _german(text)
        patterns = (*patterns, _BOX, _POSTCODE)
    for pattern in patterns:
        for match in pattern.finditer(text):
            if pattern not in (_JAPANESE, _KOREAN) or _is_place(match[0]):
                yield Found("address", *match.span())
    yield from _romance(text)
    if patterns[:1] == _EASTERN[:1]:
        for match in _CHINESE.finditer(text):
            yield from _trimmed(match)


def _german(text: str) -> Iterator[Found]:
    for match in _GERMAN.finditer(text):
        name = match["name"].replace("-", " ").strip()
        if _is_unknown(name.split()[0]) or " " in name:
            yield Found("address", *match.span())


def _romance(text: str) -> Iterator[Found]:
    for match in _ROMANCE.finditer(text):
        weak = match["type"] in _WEAK_ROMANCE
        if any(_is_unknown(word) for word in re.findall("[a-z]+", match["words"])) and (
            match["number"] or not weak
        ):
            yield Found("address", *match.span())


def _english(text: str) -> Iterator[Found]:
    for match in _ENGLISH.finditer(text):
        words = re.findall("[a-z]+", match["words"])
        named = [word for word in words if classify(word) != Kind.KNOWN]
        if (match["strong"] and words) or (words and len(named) == len(words)):
            yield Found("address", *match.span())


def _is_unknown(word: str) -> bool:
    return classify(word) >= Kind.UNKNOWN if word.isascii() else True


def _is_place(text: str) -> bool:
    """Tell whether a stretch of eastern text is more than known words with a number after them."""
    letters = re.sub(r"[0-9 〒-]", "", text)
    return not letters or any(not piece.known for piece in cover(letters, japanese=False))


def _trimmed(match: re.Match[str]) -> Iterator[Found]:
    """Leave the known words that lead up to an address; without one unknown character it is none."""
    lead = match["before"] or match["region"] or match["city"]
    if match["before"] and not lead.endswith(_ROADS):
        return
    pieces = cover(lead, japanese=False)
    unknown = [piece.start for piece in pieces if not piece.known]
    if unknown:
        yield Found("address", match.start() + unknown[0], match.end())


def find_hospitals(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find names of hospitals, with what says which one."""
    for index, token in enumerate(view.tokens):
        if token.word in HEADS:
            first = _extend_back(view, index)
            if first < index and not (token.word in _WEAK_HEADS and _is_plain(view, first, index)):
                yield Found("hospital", view.tokens[first].start, token.end)
    for match in _CHINESE_HOSPITAL.finditer(view.folded) if not view.folded.isascii() else ():
        yield from _chinese_hospital(match)


def _extend_back(view: View, index: int) -> int:
    first = index
    named = index
    while first > 0 and index - first < _BACKWARD and _JOINT.fullmatch(view.gap(first - 1)):
        token = view.tokens[first - 1]
        if _qualifies(view, token):
            named = first - 1
        elif not view.is_capital(token) or view.is_shouted(token) or token.word in _LEADS:
            break
        first -= 1
    return named


def _qualifies(view: View, token: Token) -> bool:
    if token.word in _QUALIFIERS or token.word == "s":
        return True
    if token.kind not in ("latin", "cyrillic"):
        return False
    kind = classify(token.word)
    return kind >= Kind.UNKNOWN or (kind != Kind.KNOWN and view.is_capital(token))


def _is_plain(view: View, first: int, index: int) -> bool:
    """Tell whether a weak head (center, institute) has but one plain word before it: 'lesion in the medial center'."""
    return all(classify(token.word) == Kind.KNOWN for token in view.tokens[first:index]) and index - first < 2


def _chinese_hospital(match: re.Match[str]) -> Iterator[Found]:
    if _OWN_HOSPITAL.search(match[0]):
        return
    pieces = cover(match[0], japanese=False)
    first = len(pieces) - 1
    while first > 0 and _is_hospital_part(
        match[0][pieces[first - 1].start : pieces[first - 1].end], pieces[first - 1].known
    ):
        first -= 1
    if first < len(pieces) - 1:
        yield Found("hospital", match.start() + pieces[first].start, match.end())


def _is_hospital_part(part: str, known: bool) -> bool:
    return not known or part in _HOSPITAL_PARTS or (len(part) == 1 and part not in _LEADS_TO_HOSPITAL)
