"""Chinese, Japanese and Korean text: written without spaces, so words are found by covering it with known ones.

The cover with the fewest characters unknown is taken. What no known word covers is cut, and so is a
single known character beside it that may belong to the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from tasks.deid.text.folding import fold_word
from tasks.deid.text.vocabulary import read_words
from tasks.deid.text.word_lists import read_list

_LONGEST = 10
_UNKNOWN, _SINGLE, _WORD = 100, 3, 1
_CACHED_LENGTH = 64
SURNAMES = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳"
    "鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元顾孟平黄穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪"
    "舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫经房裘缪干解应宗丁宣邓郁单杭"
    "洪包诸左石崔吉龚程嵇邢裴陆荣翁荀羊甄家封芮靳松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全班仰秋仲伊宫宁仇栾甘厉祖武符刘景詹束龙"
    "叶幸司黎薄印白怀蒲台从鄂索赖卓蔺屠蒙池乔阴胥苍双闻莘党翟谭贡劳姬申冉桑桂牛寿通边燕冀浦尚农温庄晏柴瞿阎充慕连茹习艾鱼容"
    "向古易慎戈廖庾终居衡步都耿满弘匡国文寇广东欧沃利蔚越师巩聂晁敖融冷辛阚那简饶空曾肖闫邸張吳鄭馮陳許楊謝羅葉劉黃鄧蘇蔣"
    "盧賴鍾塗趙孫錢鄒湯顧龔閻關魯衛嚴韓韋鳳龐項貢竇陸溫譚賀賈"
)
"""Characters that are surnames in Chinese."""
_NEVER_GIVEN = frozenset(
    "的了和与與及或在于於为為是有无無未见見示行较較前后後左右侧側双雙部位伴约約请請查因对對经經等岁歲年月日时時次个個级級期型度号层枚处片段叶区様氏殿医生师患者男女"
)
"""Characters that do not stand in a given name so often that cutting them would be worth it."""
_KOREAN_TAILS = read_list("ideographs.korean_tails")
_KANA_PARTICLES = read_list("ideographs.kana_particles")
_NUMERALS = frozenset("〇零一二三四五六七八九")
_LONGEST_NUMBER = 5


class Piece(NamedTuple):
    """A stretch of a run: a known word, or one character nobody knows."""

    start: int
    end: int
    known: bool


@cache
def han_words() -> frozenset[str]:
    """Give the known words written in Chinese characters and kana, folded."""
    words = read_words("chinese") | read_words("japanese")
    return frozenset(fold_word(word) for word in words)


@cache
def _korean_words() -> frozenset[str]:
    return frozenset(fold_word(word) for word in read_words("korean"))


def unknown_in_han(run: str) -> Iterator[tuple[int, int]]:
    """Find what is not known in a run of Chinese characters and kana."""
    pieces = cover(run, japanese=not all(_is_han(char) for char in run))
    yield from _widened(run, pieces)
    yield from _long_numerals(run)


def _is_han(char: str) -> bool:
    return not "\u3040" <= char <= "\u30ff"


def cover(run: str, *, japanese: bool) -> tuple[Piece, ...]:
    """Cover a run with known words, as much of it as can be and with as few words as can be."""
    words = han_words()
    return _cover_kana(run, _cover(run, words)) if japanese else _cover(run, words)


def _cover(run: str, words: frozenset[str]) -> tuple[Piece, ...]:
    length = len(run)
    cost = [0] * (length + 1)
    step = [1] * (length + 1)
    for start in range(length - 1, -1, -1):
        single = run[start] in words
        best, taken = cost[start + 1] + (_SINGLE if single else _UNKNOWN), 1
        for size in range(2, min(_LONGEST, length - start) + 1):
            if cost[start + size] + _WORD < best and run[start : start + size] in words:
                best, taken = cost[start + size] + _WORD, size
        cost[start], step[start] = best, taken
    pieces = []
    start = 0
    while start < length:
        end = start + step[start]
        pieces.append(Piece(start, end, end - start > 1 or run[start] in words))
        start = end
    return tuple(pieces)


def _cover_kana(run: str, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Give up every stretch of kana of one kind that is not known as a whole: half a name is known by chance."""
    spoiled: set[int] = set()
    for start, end in _kana_stretches(run):
        inside = [piece for piece in pieces if piece.start < end and piece.end > start]
        singles = [
            piece for piece in inside if piece.end - piece.start == 1 and run[piece.start] in _KANA_PARTICLES
        ]
        if any(not piece.known for piece in inside) or len(singles) > 1:
            spoiled.update(range(start, end))
    kept = (piece for piece in pieces if not spoiled.intersection(range(piece.start, piece.end)))
    return tuple(sorted([*kept, *(Piece(at, at + 1, known=False) for at in spoiled)]))


def _kana_stretches(run: str) -> Iterator[tuple[int, int]]:
    start = 0
    for end in range(1, len(run) + 1):
        if end == len(run) or _script(run[end]) != _script(run[start]):
            if _script(run[start]):
                yield start, end
            start = end


def _script(char: str) -> int:
    if "\u3040" <= char <= "\u309f":
        return 1
    return 2 if "\u30a0" <= char <= "\u30ff" else 0


def _widened(run: str, pieces: tuple[Piece, ...]) -> Iterator[tuple[int, int]]:
    """Give the unknown stretches, with the single characters beside them that may be of the same name."""
    index = 0
    while index < len(pieces):
        if pieces[index].known:
            index += 1
            continue
        first = last = index
        while last + 1 < len(pieces) and not pieces[last + 1].known:
            last += 1
        index = last + 1
        length = pieces[last].end - pieces[first].start
        if first and length < 3 and _is_surname(run, pieces[first - 1]):
            first -= 1
            length += 1
        elif (
            first > 1
            and length == 1
            and _is_given(run, pieces[first - 1])
            and _is_surname(run, pieces[first - 2])
        ):
            first -= 2
            length += 2
        while (
            index < len(pieces)
            and length < 3
            and run[pieces[first].start] in SURNAMES
            and _is_given(run, pieces[index])
        ):
            last, length, index = index, length + 1, index + 1
        yield pieces[first].start, pieces[last].end


def _is_single(piece: Piece) -> bool:
    return piece.known and piece.end - piece.start == 1


def _is_surname(run: str, piece: Piece) -> bool:
    return _is_single(piece) and run[piece.start] in SURNAMES


def _is_given(run: str, piece: Piece) -> bool:
    return _is_single(piece) and run[piece.start] not in _NEVER_GIVEN


def _long_numerals(run: str) -> Iterator[tuple[int, int]]:
    start = 0
    for end in range(len(run) + 1):
        if end == len(run) or run[end] not in _NUMERALS:
            if end - start >= _LONGEST_NUMBER:
                yield start, end
            start = end + 1


def unknown_in_hangul(run: str) -> Iterator[tuple[int, int]]:
    """Find what is not known in a run of Korean syllables; a particle stays with a known word only."""
    if len(run) > _CACHED_LENGTH:
        yield from _unknown_in_hangul(run)
    else:
        yield from _cached_hangul(run)


@lru_cache(1 << 13)
def _cached_hangul(run: str) -> tuple[tuple[int, int], ...]:
    return tuple(_unknown_in_hangul(run))


def _unknown_in_hangul(run: str) -> Iterator[tuple[int, int]]:
    words = _korean_words()
    for length in range(len(run), max(0, len(run) - 7), -1):
        stem, tail = run[:length], run[length:]
        if (not tail or tail in _KOREAN_TAILS) and _is_covered(stem, words):
            return
    known = [piece for piece in _cover(run, words) if piece.known and piece.end - piece.start > 1]
    start = 0
    for piece in known:
        if piece.start > start:
            yield start, piece.start
        start = piece.end
    if start < len(run):
        yield start, len(run)


def _is_covered(stem: str, words: frozenset[str]) -> bool:
    if stem in words:
        return True
    pieces = _cover(stem, words)
    singles = sum(1 for piece in pieces if piece.end - piece.start == 1)
    return all(piece.known for piece in pieces) and singles <= 1 and len(stem) > singles
