"""Whom and what a corpus is about: patients with their numbers, and their studies."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from tasks.benchmark import identifiers as made
from tasks.benchmark.people import (
    Culture,
    Person,
    Written,
    cultures,
    draw_person,
    write_family,
    write_name,
    write_pn,
)

ROOT = "1.2.840.99999"
_CHARSETS = {"chinese": ("GB18030", "ISO_IR 192", "misdeclared"), "german": ("ISO_IR 100", "ISO_IR 192")}
MISDECLARED = "misdeclared"
"""Bytes of GB 18030 under ISO_IR 100, as exports of some archives have them."""


@dataclass(frozen=True)
class Patient:
    """Somebody invented, the same in all of their files."""

    number: int
    culture: Culture
    charset: str
    person: Person
    name: Written
    patient_id: str
    born: date


@dataclass(frozen=True)
class Study:
    """One visit of a patient.

    Attributes
    ----------
    uid, frame
        Study Instance UID and Frame of Reference UID.
    doctor, other
        Who is named in it: in the header too, and in texts alone.
    """

    patient: Patient
    uid: str
    frame: str
    day: date
    accession: str
    doctor: Person
    other: Person
    hospital: Written
    address: Written
    phone: Written


def draw_patient(source: random.Random, number: int) -> Patient:
    """Draw a patient; every culture has its turn, and every second one is English."""
    names = [name for name in cultures() if name != "english"]
    culture = cultures()["english" if number % 2 == 0 else names[number // 2 % len(names)]]
    person = draw_person(source, culture)
    charset = source.choice(_CHARSETS.get(culture.name, (culture.charset,)))
    return Patient(
        number,
        culture,
        charset,
        person,
        write_pn(source, person),
        made.draw_id(source),
        made.draw_day(source, 1931, 2004),
    )


def draw_study(source: random.Random, patient: Patient, first: date) -> Study:
    """Draw a study on some day after `first`."""
    culture, number = patient.culture, source.randrange(10**9)
    accession = made.draw_accession(source)
    digits = "".join(char for char in accession if char.isdigit())
    day = first + timedelta(days=source.randrange(1, 400))
    return Study(
        patient,
        f"{ROOT}.{digits.lstrip('0')}.{day:%Y%m%d}.{number}",
        f"{ROOT}.7.{number}.5",
        day,
        accession,
        draw_person(source, culture),
        draw_person(source, culture),
        made.write_hospital(source, culture),
        made.write_address(source, culture),
        made.write_phone(source, culture),
    )


def makers_for(source: random.Random, study: Study) -> dict[str, Callable[[], Written]]:
    """Give what fills the places of a sentence about a study."""
    patient, person, culture = study.patient, study.patient.person, study.patient.culture
    language = culture.name

    def any_day() -> Written:
        day = source.choice((study.day, patient.born, made.draw_day(source, 1960, 2021)))
        return made.write_date(source, day, language)

    return {
        "NAME": partial(write_name, source, person),
        "FAMILY": partial(write_family, source, person),
        "INITIALS": partial(write_name, source, person),
        "OTHER": partial(write_name, source, study.other),
        "DOCTOR": partial(write_name, source, study.doctor),
        "ID": partial(made.write_number, patient.patient_id),
        "ACCESSION": partial(made.write_number, study.accession),
        "DATE": any_day,
        "PHONE": lambda: source.choice((study.phone, made.write_phone(source, culture))),
        "MAIL": partial(made.write_mail, source, person),
        "URL": partial(made.write_url, source),
        "IP": partial(made.write_ip, source),
        "SSN": partial(made.write_ssn, source),
        "RESIDENT": lambda: Written(made.resident_number(source, patient.born)),
        "ADDRESS": lambda: source.choice((study.address, made.write_address(source, culture))),
        "HOSPITAL": lambda: source.choice((study.hospital, made.write_hospital(source, culture))),
    }
