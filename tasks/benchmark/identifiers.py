"""Numbers, dates and addresses that identify somebody, in the many ways that they are written."""

from __future__ import annotations

import random
from datetime import date, timedelta

from tasks.benchmark.people import Culture, Person, Written, telling

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_GERMAN = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)
_RUSSIAN = (
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
)
_SPANISH = (
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
)
_DISTRICTS = ("110105", "310104", "330106", "440305", "510107", "420106")


def draw_digits(source: random.Random, pattern: str) -> str:
    """Draw a number: each 9 becomes a digit, the first one no 0."""
    drawn = [str(source.randrange(1, 10)) if char == "9" else char for char in pattern]
    return "".join(drawn)


def draw_id(source: random.Random) -> str:
    """Draw a patient's number as archives write it."""
    form = source.choice(
        (
            "99999999",
            "MRN9999999",
            "A99-999-999",
            "H9999999",
            "999-99-999",
            "99999999A",
            "PAT_999999",
            "9999999999",
            "Z9999/99",
        )
    )
    return draw_digits(source, form)


def draw_accession(source: random.Random) -> str:
    """Draw an accession number."""
    form = source.choice(("ACC9999999", "9999999999", "RAD-99-999999", "CT99.999999", "A9999999"))
    return draw_digits(source, form)


def resident_number(source: random.Random, born: date) -> str:
    """Make a Chinese resident number, its check digit by ISO 7064 MOD 11-2 (GB 11643-1999)."""
    stem = source.choice(_DISTRICTS) + f"{born:%Y%m%d}" + f"{source.randrange(1, 1000):03d}"
    total = sum(int(digit) * weight for digit, weight in zip(stem, _WEIGHTS, strict=True))
    return stem + "10X98765432"[total % 11]


def write_phone(source: random.Random, culture: Culture) -> Written:
    """Write a telephone number of a country."""
    text = draw_digits(source, source.choice(culture.phones))
    return Written(text, (only_digits(text),))


def only_digits(text: str) -> str:
    """Leave the digits alone, without the code of a country: that is how lists hold a number."""
    digits = "".join(char for char in text if char.isdigit())
    return digits[-10:] if len(digits) > 10 else digits


def write_number(number: str) -> Written:
    """Write a patient's or an accession number as it is."""
    digits = "".join(char for char in number if char.isdigit())
    return Written(number, (digits,) if len(digits) > 4 and digits != number else ())


def write_address(source: random.Random, culture: Culture) -> Written:
    """Write a postal address of a country."""
    return telling(source.choice(culture.streets))


def write_hospital(source: random.Random, culture: Culture) -> Written:
    """Write the name of a hospital of a country."""
    return telling(source.choice(culture.hospitals))


def write_mail(source: random.Random, person: Person) -> Written:
    """Write an e-mail address made of somebody's name."""
    family, given = (ascii_letters(part) for part in person.latin)
    host = source.choice(
        ("mail.example", "clinic.example.org", "gmail.com", "163.com", "web.de", "hospital.example.edu")
    )
    user = source.choice(("{g}.{f}", "{f}{n}", "{i}{f}", "{f}_{g}")).format(
        f=family, g=given, i=given[:1], n=source.randrange(10, 99)
    )
    return Written(f"{user}@{host}", (user,))


def write_url(source: random.Random) -> Written:
    """Write an address of a page."""
    number = draw_digits(source, "999999")
    text = source.choice(
        (
            "https://pacs.example.org/view?pid={}",
            "http://10.1.2.3/study/{}",
            "www.example-klinik.de/patient/{}",
            "ftp://files.example.net/{}",
        )
    ).format(number)
    return Written(text, (number,))


def write_ip(source: random.Random) -> Written:
    """Write an IP address."""
    four = ".".join(str(source.randrange(10, 250)) for _ in range(4))
    six = ":".join(f"{source.randrange(0x1000, 0xFFFF):x}" for _ in range(8))
    return Written(source.choice((four, four, f"{four}:11112", six)), (four,) if six not in four else (six,))


def write_ssn(source: random.Random) -> Written:
    """Write an American social security number."""
    text = draw_digits(source, source.choice(("999-99-9999", "999 99 9999")))
    return Written(text, (only_digits(text),))


def draw_day(source: random.Random, first: int, last: int) -> date:
    """Draw a day from the first year on to the end of the last."""
    days = (date(last, 12, 31) - date(first, 1, 1)).days
    return date(first, 1, 1) + timedelta(days=source.randrange(days))


def write_date(source: random.Random, day: date, language: str) -> Written:
    """Write a day as texts in a language do."""
    return Written(source.choice(_forms(day, language)), (f"{day:%Y%m%d}", f"{day:%Y-%m-%d}"))


def _forms(day: date, language: str) -> tuple[str, ...]:  # noqa: PLR0911 - one answer a language
    year, month, number = day.year, day.month, day.day
    common = (f"{day:%Y-%m-%d}", f"{day:%Y%m%d}", f"{day:%Y/%m/%d}")
    if language == "chinese":
        return (
            *common,
            f"{year}年{month}月{number}日",
            f"{year}年{month:02d}月{number:02d}日",
            f"{year}.{month}.{number}",
        )
    if language == "japanese":
        return (*common, f"{year}年{month}月{number}日", f"{year}/{month}/{number}")
    if language == "korean":
        return (*common, f"{year}년 {month}월 {number}일", f"{year}. {month}. {number}.")
    if language == "german":
        return (
            f"{day:%d.%m.%Y}",
            f"{number}.{month}.{year}",
            f"{number}. {_GERMAN[month - 1]} {year}",
            f"{day:%d.%m.%y}",
        )
    if language == "russian":
        return (f"{day:%d.%m.%Y}", f"{number} {_RUSSIAN[month - 1]} {year} г.", f"{day:%d/%m/%Y}")
    if language == "european":
        return (f"{day:%d/%m/%Y}", f"{number} de {_SPANISH[month - 1]} de {year}", f"{day:%d-%m-%Y}", *common)
    name = _MONTHS[month - 1]
    return (
        *common,
        f"{name} {number}, {year}",
        f"{name[:3]} {number} {year}",
        f"{number}-{name[:3]}-{day:%y}",
        f"{number}-{name[:3].upper()}-{year}",
        f"{number} {name} {year}",
        f"{month}/{number}/{year}",
        f"{day:%m/%d/%y}",
        f"{day:%d%b%Y}".upper(),
        f"{day:%Y-%m-%d}T08:15:00",
        f"{name[:3]}. {number}, {year}",
        f"{day:%m-%d-%Y}",
        f"the {number}th of {name} {year}",
    )


def ascii_letters(part: str) -> str:
    """Leave the letters that fit into an address."""
    return "".join(char for char in part.lower() if char.isascii() and char.isalpha()) or "info"
