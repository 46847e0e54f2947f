"""Plants identifiers where files should hold none: private elements, numbers, codes, and around the data set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydicom import DataElement, Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from tasks.benchmark import identifiers as made
from tasks.benchmark.answers import META, TRAILER, Action, Step
from tasks.benchmark.people import Written, parts_of, write_pn
from tasks.benchmark.planter import PRIVATE, Planter

_PRIVATE_CREATORS = (
    (0x0009, "ACME PACS 2.1"),
    (0x0029, "SIEMENS CSA HEADER"),
    (0x0011, "HOSPITAL LOCAL"),
    (0x0043, "GEMS_PARM_01"),
)

_SAFE_PRIVATE = (
    (0x2001, "Philips Imaging DD 001", 0x03, "FL", 1000.0),
    (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "800"),
)
"""Diffusion weighting, which research needs: creator, element, VR and a value."""


def plant_hidden(planter: Planter) -> None:
    """Plant where nobody looks."""
    for put in (_private, _wrong_vr, _outside):
        put(planter)


def _private(planter: Planter) -> None:
    group, creator = planter.source.choice(_PRIVATE_CREATORS)
    block = planter.dataset.private_block(group, creator, create=True)
    name, number = planter.study.patient.name, made.write_number(planter.study.patient.patient_id)
    makers: tuple[tuple[int, str, str, Written], ...] = (
        (0x10, "LO", "patient name", name),
        (0x11, "UN", "patient number", number),
        (0x12, "LT", "other person", planter.makers["OTHER"]()),
        (0x13, "DA", "date", Written(f"{planter.study.day:%Y%m%d}")),
        (0x14, "OB", "patient name", _among_numbers(planter.study.patient.person.latin)),
    )  # fmt: skip
    for offset, VR, category, written in makers:
        binary = VR in ("UN", "OB")
        value: object = written.text.encode("utf-8") if binary else planter.as_stored(written.text)
        block.add_new(offset, VR, value)
        step = Step(group << 16 | offset, creator)
        planter.remember(
            Action.TEXT_REMOVED, category, "private", (step,), written.text, traces=written.traces
        )
    _safe_private(planter)
    item = Dataset()
    planter.identify(
        "patient name",
        "PatientName",
        name,
        dataset=item,
        above=(Step(group << 16 | 0x20, creator, 0),),
        place="private",
    )
    block.add_new(0x20, "SQ", Items([item]))


def _among_numbers(name: tuple[str, str]) -> Written:
    return Written("\0\1" * 8 + "=".join(name), parts_of(" ".join(name)))


def _safe_private(planter: Planter) -> None:
    group, creator, offset, VR, value = planter.source.choice(_SAFE_PRIVATE)
    planter.dataset.private_block(group, creator, create=True).add_new(offset, VR, value)
    step = Step(group << 16 | offset, creator)
    planter.remember(Action.TAG_RETAINED, "safe private element", "private", (step,), str(value), PRIVATE)


def _wrong_vr(planter: Planter) -> None:
    """Put identifiers where the dictionary has a number or a code, and under UN."""
    family, given = planter.study.patient.person.latin
    choices: tuple[Callable[[], None], ...] = (
        lambda: planter.identify(
            "patient name",
            "BodyPartThickness",
            Written(f"{family}, {given}", parts_of(f"{family} {given}")),
            VR="LO",
            place="wrong VR",
        ),
        lambda: planter.identify(
            "patient number",
            "CineRate",
            made.write_number(planter.study.patient.patient_id),
            VR="LO",
            place="wrong VR",
        ),
        lambda: planter.identify(
            "patient name",
            "PatientOrientation",
            Written(f"{family} {given}".upper(), parts_of(f"{family} {given}")),
            VR="LO",
            place="wrong VR",
        ),
        partial(_bytes_under_un, planter),
    )
    planter.source.choice(choices)()


def _bytes_under_un(planter: Planter) -> None:
    name = write_pn(planter.source, planter.study.doctor)
    tag = Tag("RequestingPhysician")
    planter.dataset[tag] = DataElement(tag, "UN", planter.as_stored(name.text).encode("utf-8"))
    planter.remember(
        Action.TEXT_REMOVED, "physician", "wrong VR", (Step(tag),), name.text, traces=name.traces
    )


def _outside(planter: Planter) -> None:
    """Plant in the file meta information and behind the data set; the preamble is for whoever writes the file."""
    meta = planter.dataset.file_meta
    title = made.ascii_letters(planter.study.doctor.latin[0]).upper()[:12] + "_WS"
    meta.add_new(0x00020016, "AE", title)
    planter.remember(Action.TEXT_REMOVED, "physician", META, (), title)
    if planter.source.random() < 0.5:
        meta.add_new(0x00020100, "UI", "1.2.840.99999.5")
        number = planter.study.patient.patient_id
        meta.add_new(0x00020102, "OB", number.encode())
        planter.remember(Action.TEXT_REMOVED, "patient number", META, (), number)
    padding = f"{'^'.join(planter.study.patient.person.latin)} {planter.study.accession}"
    planter.dataset.add_new(0xFFFCFFFC, "OB", padding.encode())
    planter.remember(
        Action.TEXT_REMOVED,
        "patient name",
        TRAILER,
        (),
        padding,
        traces=parts_of(" ".join(planter.study.patient.person.latin)),
    )
