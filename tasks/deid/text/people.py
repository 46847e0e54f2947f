"""Names of people that no identifier of the study gives: after a title, after a label, beside another name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tasks.deid.text.found import Found
from tasks.deid.text.ideographs import SURNAMES, cover, han_words, unknown_in_han, unknown_in_hangul
from tasks.deid.text.name_forms import GRADED, PARTICLES, begins_bigram, is_particle, is_relation
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import Token, View
from tasks.deid.text.vocabulary import Kind, ambiguous_given_names, ambiguous_words, classify, given_names
from tasks.deid.text.word_lists import read_list
from tasks.deid.text.words import is_eponym_in_use

TITLES = read_list("people.titles")
_CASED_TITLES = frozenset({"mr", "ms", "dr", "sr"})
"""Titles that are modalities and abbreviations when written in capitals, unless a full stop follows."""
_LABELS = read_list("people.labels")
_NAME_GAP = re.compile(r"[ .,'^=_/-]{1,3}")
_TITLE_GAP = re.compile(r"[ .]{1,3}|\. ?(?:med|dent|rer|nat)\. ?")
_MOST_WORDS, _MOST_PARTICLES, _WORDS_BESIDE = 4, 3, 2
_SHORTEST_NAME = 3
"""Letters of an unknown word from which it may be a name that has another beside it."""
_STOP_WORDS = read_list("people.stop_words")
_INITIALS = re.compile(r"(?<![^\W_])(?:[A-Z]\.[ -]?){1,3}(?=[A-Z][a-z]+|[A-Z]{2,})")
_BEFORE_INITIALS = re.compile(
    r"(?<![^\W_])[A-Z][A-Za-z'-]{1,30}, ?(?:(?:[A-Z]\.[ -]?){1,3}(?![A-Za-z])"
    r"|(?:MD|M\.D\.|RT|RN|DO|NP|PA-C|PhD|FRCR|MBBS)(?![A-Za-z]))"
)
_BIGRAMS = read_list("people.bigrams")
_SURNAME = (
    "["
    + "".join(sorted(SURNAMES))
    + "]|欧阳|歐陽|司马|司馬|诸葛|諸葛|上官|皇甫|尉迟|公孙|慕容|令狐|夏侯|东方|南宫|独孤|司徒|长孙|端木|百里"
)
_GIVEN = "[\u4e00-\u9fff·]{1,2}"
_HAN_TITLED = re.compile(
    rf"(?P<name>(?:{_SURNAME})(?:{_GIVEN})?)(?P<title>医生|醫生|医师|醫師|主任|副主任|教授|护士|護士"
    rf"|大夫|先生|女士|小姐|同志|技师|技師|老师|院长|阿姨|奶奶|爷爷)"
)
_HAN_LABELLED = re.compile(
    r"(?:姓名|患者姓名|病人姓名|联系人|聯繫人|家属|家屬|签名|簽名|签字|医师|醫師|医生|醫生|技师|技師"
    r"|审核|審核|报告者|報告者|检查者|操作者|记录者|申请医生|申请医师|主治|氏名|担当医|主治医|依頼医"
    r"|母亲|父亲|配偶|丈夫|妻子|儿子|女儿)"
    rf"(?:姓名)?(?P<colon> ?[:：为是] ?| )(?P<name>(?:{_SURNAME}){_GIVEN}|[\u4e00-\u9fff]{{2,4}})(?=$"
    rf"|[^\u4e00-\u9fff]|先生|女士|医|男|女)"
)
_HAN_PATIENT = re.compile(
    rf"(?:患者|病人|产妇|孕妇|患儿) ?(?P<name>(?:{_SURNAME}){_GIVEN})(?=$|[^\u4e00-\u9fff]|先生|女士|[男女于因诉来入])"
)
_JAPANESE_TITLED = re.compile(
    r"(?P<name>[\u4e00-\u9fff\u3040-\u30ff]{1,6} ?[\u4e00-\u9fff\u3040-\u30ff]{0,4})(?P<title>様"
    r"|さん|さま|先生|氏|医師|殿|くん|ちゃん)"
)
_KOREAN_TITLED = re.compile(
    r"(?<![가-힣])(?P<name>[가-힣]{2,4}) ?(?P<title>님|씨|환자분|선생님|교수|원장|과장|의사)"
)


def find_titled(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find who is named after a title, or after a label and a colon."""
    for index, token in enumerate(view.tokens):
        if token.word in TITLES and _is_title(view, index):
            last = _last_of_name(view, index, after_title=True)
            if last > index:
                yield Found("titled-name", view.tokens[index + 1].start, view.tokens[last].end, names=True)
        if _is_label(view, index):
            last = _last_of_name(view, index, after_title=False)
            if last > index:
                yield Found("labelled-name", view.tokens[index + 1].start, view.tokens[last].end, names=True)
    for match in _INITIALS.finditer(view.text) if view.folded.isascii() else ():
        yield from _name_after_initials(view, match)
    for match in _BEFORE_INITIALS.finditer(view.text) if view.folded.isascii() else ():
        word = match[0].split(",")[0].lower()
        if word in ambiguous_words():
            yield Found("titled-name", *match.span(), names=True)


def _is_label(view: View, index: int) -> bool:
    """Tell whether a name stands behind a token: after a colon, or after who somebody is if written as a name."""
    word, gap = view.tokens[index].word, view.gap(index)
    if word in _LABELS and (":" in gap[:3] or word in ("by", "name", "per")):
        return True
    if gap != " " or not is_relation(word):
        return False
    after = view.tokens[index + 1]
    return (
        after.word in ambiguous_words()
        and view.is_capital(after)
        and not view.is_shouted(after)
        and not begins_bigram(view, index + 1)
    )


def _name_after_initials(view: View, match: re.Match[str]) -> Iterator[Found]:
    before = next((token for token in reversed(view.tokens) if token.end <= match.start()), None)
    if before is not None and before.word in GRADED and view.folded[before.end : match.start()] == " ":
        return
    following = next((token for token in view.tokens if token.start >= match.end()), None)
    if following is not None and classify(following.word) != Kind.KNOWN:
        yield Found("titled-name", match.start(), following.end, names=True)


def _is_title(view: View, index: int) -> bool:
    token = view.tokens[index]
    if token.word in _CASED_TITLES and view.is_shouted(token) and not view.gap(index).startswith("."):
        return False
    return bool(_TITLE_GAP.fullmatch(view.gap(index)))


def _last_of_name(view: View, index: int, *, after_title: bool) -> int:
    """Give the last token of a name that begins after a token, or that token itself if none does."""
    last = reached = index
    while reached + 1 < len(view.tokens) and reached - index < _MOST_WORDS:
        gap = view.gap(reached)
        if "\n" in gap or not (_NAME_GAP.fullmatch(gap) or (reached == index and len(gap) < 4)):
            break
        reached += 1
        token = view.tokens[reached]
        if token.word in PARTICLES or token.word in TITLES or is_particle(view, reached):
            continue
        first = last == index
        if not _is_name_word(view, token, first=first and after_title) or (
            first and not view.is_capital(token) and begins_bigram(view, reached)
        ):
            break
        if not after_title and is_eponym_in_use(view, reached):
            break
        last = reached
    return last


def _is_name_word(view: View, token: Token, *, first: bool) -> bool:
    if token.kind not in ("latin", "cyrillic", "other"):
        return False
    if len(token.word) == 1:
        return view.is_capital(token)
    kind = Kind.UNKNOWN if token.kind == "other" else classify(token.word)
    if kind >= Kind.GUARDED:
        return True
    if not view.is_capital(token):
        # Requests are typed in small letters; after a title, an everyday word that is a name too is the name.
        return first and kind == Kind.AMBIGUOUS and token.word not in _STOP_WORDS
    return kind == Kind.AMBIGUOUS or (first and not view.is_shouted(token))


def find_pairs(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find two everyday words that are a given name and a surname side by side: Mark Young, and PRICE^GRACE."""
    for index in range(len(view.tokens) - 1):
        one, two = view.tokens[index], view.tokens[index + 1]
        if one.kind != "latin" or two.kind != "latin" or not (view.is_capital(one) and view.is_capital(two)):
            continue
        gap = view.gap(index)
        words = ambiguous_words()
        if (
            gap == "^"
            and (one.word in words or two.word in words)
            and (one.word in given_names() or two.word in given_names())
        ):
            yield Found("paired-names", one.start, two.end, names=True)
        elif gap in (" ", ", ") and one.word in words and two.word in words:
            given = one.word if gap == " " else two.word
            if (
                given in ambiguous_given_names()
                and f"{one.word} {two.word}" not in _BIGRAMS
                and not view.is_shouted(one)
            ):
                yield Found("paired-names", one.start, two.end, names=True)


def find_eastern_names(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find Chinese, Japanese and Korean names before a title or after a label."""
    if view.folded.isascii():
        return
    for match in _HAN_LABELLED.finditer(view.folded):
        if match["colon"].strip() or not _is_of_words(match["name"]):
            yield Found("eastern-name", *match.span("name"), names=True)
    for pattern in (_HAN_TITLED, _HAN_PATIENT):
        for match in pattern.finditer(view.folded):
            yield from _unless_word(view.folded, match)
    for pattern in (_JAPANESE_TITLED, _KOREAN_TITLED):
        for match in pattern.finditer(view.folded):
            yield from _unknown_parts(view.folded, *match.span("name"))


def _is_of_words(text: str) -> bool:
    """Tell whether a text is nothing but known words: after a blank, or where a name was cut, one says more."""
    return text in han_words() or all(
        piece.known and piece.end - piece.start > 1 for piece in cover(text, japanese=False)
    )


def _unless_word(text: str, match: re.Match[str]) -> Iterator[Found]:
    """Give a name unless it is the end of a longer word: 主治医师 names nobody, 门诊张医生 does."""
    start, end = match.span("name")
    words = han_words()
    crosses = any(
        text[begin:stop] in words
        for begin in range(max(0, start - 3), end)
        for stop in range(max(begin + 2, start + 1), min(len(text), end + 3) + 1)
        if begin < end and (begin < start or stop > end or stop - begin > 1)
    )
    if not crosses:
        yield Found("eastern-name", start, end, names=True)


def _unknown_parts(text: str, start: int, end: int) -> Iterator[Found]:
    """Give what of a name before a title is no known word, from there to the title."""
    unknown = unknown_in_hangul if "가" <= text[start] <= "힣" else unknown_in_han
    for part in re.finditer("[^ ]+", text[start:end]):
        first = next(iter(unknown(part[0])), None)
        if first is not None:
            yield Found("eastern-name", start + part.start() + first[0], start + part.end(), names=True)


def extend_names(view: View, found: list[Found], is_cut: Callable[[Token], bool]) -> Iterator[Found]:
    """Find the everyday words and initials that belong to a name already found: White in Karen White.

    Parameters
    ----------
    is_cut
        Tells whether a token is inside something that is cut already.
    """
    named = [item for item in found if item.names and item.end - item.start >= _SHORTEST_NAME]
    strong = {item.end for item in named}
    starts = {item.start for item in named}
    if not starts:
        return
    for index, token in enumerate(view.tokens):
        if token.end in strong:
            yield from _extend(view, index, 1, is_cut)
        if token.start in starts:
            yield from _extend(view, index, -1, is_cut)


def _extend(view: View, index: int, step: int, is_cut: Callable[[Token], bool]) -> Iterator[Found]:
    name = view.tokens[index]
    passed: list[Token] = []
    words = 0
    while words < _WORDS_BESIDE:
        gap = view.gap(index if step > 0 else index - 1)
        index += step
        if not (0 <= index < len(view.tokens) and _NAME_GAP.fullmatch(gap)):
            return
        token = view.tokens[index]
        if len(passed) < _MOST_PARTICLES and is_particle(view, index):
            passed.append(token)
            if len(token.word) == 1:  # a letter before an apostrophe is a part of the name behind it
                yield Found("beside-name", token.start, token.end)
            continue
        words += 1
        if is_cut(token):
            continue
        if not _belongs_to_name(view, index, name):
            return
        for part in (*passed, token):
            yield Found("beside-name", part.start, part.end)
        passed = []


def _belongs_to_name(view: View, index: int, name: Token) -> bool:
    token = view.tokens[index]
    if token.kind not in ("latin", "cyrillic"):
        return False
    written = view.is_capital(token)
    if len(token.word) == 1:
        return written or (not view.is_capital(name) and view.gap(index).startswith("."))
    if token.word not in ambiguous_words() or begins_bigram(view, index):
        return False
    if written:
        return True
    return not view.is_capital(name) and (
        token.word not in _STOP_WORDS or (token.word in ambiguous_given_names() and token.end < name.start)
    )
