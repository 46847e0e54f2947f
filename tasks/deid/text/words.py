"""The last word on every word: what the vocabulary does not know is cut, whatever the other detectors thought of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tasks.deid.text.folding import fold_word
from tasks.deid.text.found import Found
from tasks.deid.text.ideographs import unknown_in_han, unknown_in_hangul
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import Token, View
from tasks.deid.text.vocabulary import Kind, classify, eponyms, known_words
from tasks.deid.text.word_lists import read_list

_HEADS = read_list("words.heads")
_REACH = 3
_MOST_CAMELS = 5
_EPONYM_GAP = re.compile("[ '-]{1,2}|")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MOST_DIGITS, _MOST_SINGLE_LETTERS = 6, 4
_SHORT_PARTS = read_list("words.short_parts")
_MICRO = frozenset({"m", "g", "l", "s", "v", "a", "gy", "sv", "mol", "ci", "t"})
"""Units that are divided by a million."""
_ROMAN = re.compile("x{0,3}(?:ix|iv|v?i{0,3})")


def find_unknown(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find the words and codes that nobody knows."""
    for first, last in view.chunks:
        tokens = view.tokens[first : last + 1]
        if len(tokens) == 1:
            yield from _unknown_alone(view, first)
        elif any(token.kind == "number" for token in tokens):
            yield from _unknown_code(view, first, last)
        elif _is_mixed(tokens):
            yield Found("mixed-scripts", tokens[0].start, tokens[-1].end, names=True)
        else:
            for index in range(first, last + 1):
                yield from _unknown_alone(view, index)
    yield from _find_spelled(view)


_MISREAD = re.compile("[\x80-\u024f]{2,}")


def find_misread(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find text of another character set than it is read in: a Chinese name read as ISO 8859-1 is Õ and Å and ¶.

    Letters with accents and signs stand side by side in words somebody knows (größer), or in no text at all.
    """
    if view.text.isascii():
        return
    for match in _MISREAD.finditer(view.text):
        start, end = match.span()
        if not (match[0].isalpha() and _is_in_known_word(view.text, start, end)):
            yield Found("misread-text", *view.place_of(start, end))


def _is_in_known_word(text: str, start: int, end: int) -> bool:
    first, last = start, end
    while first > 0 and text[first - 1].isalpha() and start - first < _LONGEST_WORD:
        first -= 1
    while last < len(text) and text[last].isalpha() and last - end < _LONGEST_WORD:
        last += 1
    return classify(fold_word(text[first:last])) <= Kind.AMBIGUOUS


_LONGEST_WORD = 40


def _is_mixed(tokens: list[Token]) -> bool:
    """Tell whether letters of look-alike scripts are in one word."""
    kinds = {token.kind for token in tokens}
    greek = sum(token.kind == "greek" for token in tokens)
    if greek == 1 and len(tokens) == 2 and tokens[0].word == "μ" and tokens[1].word in _MICRO:
        return False
    # A Greek letter stands alone in medicine; several of them are a word, and no Greek word is known here.
    return greek > 1 or len(kinds & {"latin", "cyrillic", "greek", "other"}) > 1 or "other" in kinds


def _unknown_alone(view: View, index: int) -> Iterator[Found]:
    token = view.tokens[index]
    if token.kind in ("latin", "cyrillic"):
        if not _may_stay(view, index):
            yield Found("unknown-word", token.start, token.end, names=True)
    elif token.kind == "han":
        for start, end in unknown_in_han(token.word):
            yield Found("unknown-word", token.start + start, token.start + end, names=True)
    elif token.kind == "hangul":
        for start, end in unknown_in_hangul(token.word):
            yield Found("unknown-word", token.start + start, token.start + end, names=True)
    elif token.kind == "other":
        yield Found("unknown-word", token.start, token.end, names=True)


def _may_stay(view: View, index: int) -> bool:
    token = view.tokens[index]
    word = token.word
    if len(word) == 1:
        return True
    kind = classify(word)
    if kind <= Kind.AMBIGUOUS:
        return True
    if kind == Kind.GUARDED:
        return is_eponym_in_use(view, index)
    return _is_camel(view, token) or bool(_ROMAN.fullmatch(word))


def is_eponym_in_use(view: View, index: int) -> bool:
    """Tell whether an eponym stands beside what it is the name of, or beside another that does."""
    for step in range(1, _REACH + 1):
        if index + step >= len(view.tokens) or not _EPONYM_GAP.fullmatch(view.gap(index + step - 1)):
            break
        if view.tokens[index + step].word in _HEADS:
            return True
    before = view.tokens[index - 1].word if index else ""
    if before in ("morbus", "syndrome", "maladie", "enfermedad"):
        return True
    joined = (
        (before, view.gap(index - 1)),
        (view.tokens[index + 1].word if index + 1 < len(view.tokens) else "", view.gap(index)),
    )
    free, guarded = eponyms()
    return any(gap in ("-", " - ", "–") and (word in free or word in guarded) for word, gap in joined)


def _is_camel(view: View, token: Token) -> bool:
    """Tell whether a word is known words run together, as in SmartScore."""
    start, end = view.locate(token.start, token.end)
    written = view.text[start:end]
    if not written.isascii() or written.islower() or written.isupper() or written.istitle():
        return False
    parts = [part.lower() for part in _CAMEL.findall(written)]
    return 1 < len(parts) <= _MOST_CAMELS and all(
        len(part) > 1 and classify(part) == Kind.KNOWN for part in parts
    )


def _unknown_code(view: View, first: int, last: int) -> Iterator[Found]:
    """Look at letters and digits without a space between: a technical word (T2W, 5mm, fl3d), or somebody's number."""
    tokens = view.tokens[first : last + 1]
    letters = [token for token in tokens if token.kind != "number"]
    foreign = [token for token in letters if token.kind in ("han", "hangul", "cyrillic")]
    digits = sum(len(token.word) for token in tokens if token.kind == "number")
    if not foreign and not _is_technical(tokens, digits):
        yield Found("unknown-code", tokens[0].start, tokens[-1].end, names=True)
        return
    for index in range(first, last + 1):
        if view.tokens[index].kind in ("han", "hangul", "cyrillic"):
            yield from _unknown_alone(view, index)
        elif foreign and view.tokens[index].kind == "latin" and not _is_technical([view.tokens[index]], 0):
            yield Found("unknown-code", view.tokens[index].start, view.tokens[index].end, names=True)


def _is_technical(tokens: list[Token], digits: int) -> bool:
    words = [token.word for token in tokens if token.kind not in ("number", "greek")]
    strange = [token.kind for token in tokens if token.kind in ("greek", "other")]
    if "other" in strange or len(strange) > 1:
        return False
    if digits > _MOST_DIGITS and not all(word in ("x", "mm", "cm") for word in words):
        return False
    if sum(1 for word in words if len(word) == 1) > _MOST_SINGLE_LETTERS:
        return False
    return all(_is_part(word) for word in words)


@lru_cache(1 << 12)
def _is_part(word: str) -> bool:
    return is_technical(word) or classify(word) <= Kind.AMBIGUOUS or _is_run_together(word)


def is_technical(word: str) -> bool:
    """Tell whether letters are a short part that technical words are made of, such as the tse of tse2d."""
    return word in _SHORT_PARTS


def _is_run_together(word: str) -> bool:
    """Tell whether a word is two or three technical ones: AXT1, tsedixon."""
    if len(word) > 16:
        return False
    return any(
        _is_short_or_known(word[:cut]) and _is_short_or_known(word[cut:]) for cut in range(2, len(word) - 1)
    ) or (word[:-1] in _SHORT_PARTS and word[-1] in "twdfs")


def _is_short_or_known(part: str) -> bool:
    return len(part) > 1 and (part in _SHORT_PARTS or (len(part) > 2 and part in known_words()))


def _find_spelled(view: View) -> Iterator[Found]:
    """Find words spelled out letter by letter."""
    first = 0
    for index in range(len(view.tokens) + 1):
        single = (
            index < len(view.tokens)
            and view.tokens[index].kind == "latin"
            and len(view.tokens[index].word) == 1
        )
        if single and (index == first or view.gap(index - 1) in (" ", ".", "-", "_", ". ", "^")):
            continue
        if index - first > _MOST_SINGLE_LETTERS:
            yield Found("spelled-out", view.tokens[first].start, view.tokens[index - 1].end, names=True)
        first = index if single else index + 1
