"""Invented people, and how hospitals write them: every component group and order, initials, capitals, glued to words.

A name says with it what gives it away by itself: its parts of three letters and more, or of two characters
where one is a syllable. Parts that name half of a nation (van, de la) do not count.
"""

from __future__ import annotations

import random
import re
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

_PARTICLES = frozenset({"van", "von", "der", "del", "dos", "des", "las", "los"})
_PART = re.compile(r"[^\W\d_]+")
_SYLLABIC = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_SUFFIXES = ("", "", "", "^^Dr.", "^^^Jr.", "^Q.", "^Maria^^")


class Written(NamedTuple):
    """An identifier as it is written, and what of it gives somebody away."""

    text: str
    traces: tuple[str, ...] = ()


class Culture(NamedTuple):
    """Where somebody lives: the name of a section of `data/people.yaml`, and what is in it."""

    name: str
    charset: str
    family: tuple[str, ...]
    given: tuple[str, ...]
    streets: tuple[str, ...]
    hospitals: tuple[str, ...]
    phones: tuple[str, ...]
    kana: dict[str, str]


class Person(NamedTuple):
    """A name in the forms it has: each a pair of family and given name.

    Attributes
    ----------
    latin
        Romanised, or as it is where it is written in Latin letters.
    native
        As people at home write it; the same as `latin` in Europe's west.
    third
        The third component group: kana in Japan, Hangul in Korea; empty elsewhere.
    """

    culture: str
    latin: tuple[str, str]
    native: tuple[str, str]
    third: tuple[str, str]


def read_yaml(name: str) -> Any:
    """Read a data file of this package."""
    return yaml.safe_load(files("tasks.benchmark.data").joinpath(name).read_text(encoding="utf-8"))


@cache
def cultures() -> dict[str, Culture]:
    """Give all cultures by name."""
    return {
        name: Culture(
            name,
            section["charset"],
            tuple(section["family"]),
            tuple(section["given"]),
            tuple(section["streets"]),
            tuple(section["hospitals"]),
            tuple(section["phones"]),
            section.get("kana", {}),
        )
        for name, section in read_yaml("people.yaml").items()
    }


def draw_person(source: random.Random, culture: Culture) -> Person:
    """Draw somebody."""
    family = source.choice(culture.family).split("|")
    given = source.choice(culture.given).split("|")
    latin, native, third = (family[-1], given[-1]), (family[0], given[0]), ("", "")
    if culture.name == "korean":
        latin, native, third = (family[1], given[1]), (family[2], given[2]), (family[0], given[0])
    if culture.name == "japanese":
        third = (culture.kana[family[0]], culture.kana[given[0]])
    return Person(culture.name, latin, native, third)


def write_pn(source: random.Random, person: Person) -> Written:
    """Write a name as a PN value, its component groups as the culture has them."""
    latin = "^".join(person.latin)
    if person.native == person.latin:
        name = latin + source.choice(_SUFFIXES)
        return Written(source.choice((name, name, name.upper())), parts_of(latin))
    groups = [latin, "^".join(person.native)] + (["^".join(person.third)] if person.third[0] else [])
    if person.culture == "russian":
        return Written(groups[1], parts_of(groups[1]))
    if person.culture == "chinese" and source.random() < 0.3:
        return Written("".join(person.native), parts_of("".join(person.native)))
    return Written("=".join(groups), parts_of(" ".join(groups)))


def write_name(source: random.Random, person: Person) -> Written:
    """Write a name as texts do."""
    family, given = spoken(source, person)
    if _SYLLABIC.search(family):
        text = source.choice((family + given, family + given, f"{family} {given}"))
        return Written(text, (family + given, *parts_of(f"{family} {given}")))
    form = source.choice(
        (
            "{g} {f}",
            "{f}, {g}",
            "{f}^{g}",
            "{f} {g}",
            "{i}. {f}",
            "{f}_{g}",
            "{f}, {i}.",
            "{g}.{f}",
            "{f}/{g}",
            "{g} {i}. {f}",
        )
    )
    text = form.format(f=family, g=given, i=given[0])
    shown = family if "{g}" not in form else f"{family} {given}"
    return Written(source.choice((text, text, text.upper(), text.lower())), parts_of(shown))


def write_family(source: random.Random, person: Person) -> Written:
    """Write a family name alone."""
    family = spoken(source, person)[0]
    if _SYLLABIC.search(family):
        return write_name(source, person)
    return Written(source.choice((family, family.upper())), parts_of(family))


def spoken(source: random.Random, person: Person) -> tuple[str, str]:
    """Give family and given name in one of the scripts that texts about the person are in."""
    if person.culture == "korean":
        return person.third
    if person.culture == "japanese":
        return source.choice((person.native, person.native, person.third))
    return person.native


def parts_of(name: str) -> tuple[str, ...]:
    """Give the parts of a name that give it away: three letters, two where a character is a syllable."""
    return tuple(
        dict.fromkeys(
            part
            for part in _PART.findall(name)
            if part.casefold() not in _PARTICLES and len(part) >= (2 if _SYLLABIC.search(part) else 3)
        )
    )


def telling(marked: str) -> Written:
    """Read an address or a hospital of the data file: what a * stands before gives it away."""
    parts = [_PART.match(part) for part in marked.split("*")[1:]]
    words = (match[0] for match in parts if match)
    # A run of characters ends in what kind of place it is; its first two are its name.
    traces = (word[:2] if _SYLLABIC.search(word) else word for word in words)
    return Written(marked.replace("*", ""), tuple(traces))
