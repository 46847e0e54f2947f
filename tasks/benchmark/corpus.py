"""Writes a corpus of a seed: files with planted identifiers, and the key that says what each must become."""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path

from pydicom import Dataset, config
from pydicom.sequence import Sequence as Items

from tasks.benchmark.answers import BASIC, PATH, PREAMBLE, Action, Answer, Step
from tasks.benchmark.images import Clean, bundled_instances, make_instance, modalities
from tasks.benchmark.plant import plant
from tasks.benchmark.planter import Planter
from tasks.benchmark.search import fold
from tasks.benchmark.subjects import Study, draw_patient, draw_study

_FILES_A_STUDY, _STUDIES_A_PATIENT = 2, 2
_PREAMBLE = 128


def write_corpus(folder: Path, seed: int, files: int) -> tuple[Answer, ...]:
    """Write so many files below a folder, and give their key.

    Parameters
    ----------
    seed
        Equal seeds give equal files.
    """
    source = random.Random(seed)  # noqa: S311 - a corpus anybody can make again, no secret
    answers: list[Answer] = []
    written: list[Dataset] = []
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (study, clean) in enumerate(_pairs(source, files)):
            planter = Planter(source, study, clean, _path(source, study, number))
            plant(planter)
            _refer(planter, study, written)
            written.append(clean.dataset)
            _preamble(planter, study)
            _paths(planter, study)
            answers += _telling(_write(folder, planter))
    return tuple(answers)


def _pairs(source: random.Random, files: int) -> Iterator[tuple[Study, Clean]]:
    """Give studies and what is acquired in them: several files a study, several studies a patient."""
    bundled = list(bundled_instances())
    kinds = cycle((*modalities(), *range(len(bundled))))
    number = made = 0
    while made < files:
        patient = draw_patient(source, number)
        number += 1
        first = patient.born + timedelta(days=365 * source.randrange(1, 15))
        for _ in range(_STUDIES_A_PATIENT):
            study = draw_study(source, patient, first)
            first = study.day
            for _ in range(_FILES_A_STUDY):
                kind = next(kinds)
                if made < files:
                    yield (
                        study,
                        deepcopy(bundled[kind]) if isinstance(kind, int) else make_instance(source, kind),
                    )
                made += 1


def _path(source: random.Random, study: Study, number: int) -> str:
    family, given = (part.replace(" ", "_") for part in study.patient.person.latin)
    folder = source.choice(
        (f"{family}_{given}", f"{family}^{given}", f"{study.patient.patient_id.replace('/', '_')}_{family}")
    )
    return f"{folder}/{study.day:%Y%m%d}/{study.accession.replace('/', '_')}_{number:04d}.dcm"


def _refer(planter: Planter, study: Study, written: list[Dataset]) -> None:
    """Refer to the study's earlier instances, so that there is something to keep together."""
    for other in written:
        if other.StudyInstanceUID == study.uid:
            item = Dataset()
            item.ReferencedSOPClassUID = other.SOPClassUID
            planter.dataset.ReferencedImageSequence = Items([item])
            above = (Step(0x00081140, item=0),)
            planter.put_uid(item, "ReferencedSOPInstanceUID", str(other.SOPInstanceUID), above)


def _preamble(planter: Planter, study: Study) -> None:
    text = f"{' '.join(study.patient.person.latin)} {study.patient.patient_id}".encode()
    planter.dataset.preamble = text[:_PREAMBLE].ljust(_PREAMBLE, b"\0")
    value = text[:_PREAMBLE].decode("utf-8", "ignore")
    planter.remember(
        Action.TEXT_REMOVED, "patient name", PREAMBLE, (), value, traces=study.patient.name.traces
    )


def _paths(planter: Planter, study: Study) -> None:
    family = study.patient.person.latin[0].replace(" ", "_")
    planter.remember(Action.TEXT_REMOVED, "patient name", PATH, (), family)
    planter.remember(Action.TEXT_REMOVED, "accession number", PATH, (), study.accession.replace("/", "_"))


def _write(folder: Path, planter: Planter) -> list[Answer]:
    path = folder / planter.file
    path.parent.mkdir(parents=True, exist_ok=True)
    if "PixelData" in planter.dataset:
        digest = hashlib.sha256(planter.dataset.PixelData).hexdigest()
        planter.remember(Action.PIXELS_RETAINED, "pixels", "main data set", (Step(0x7FE00010),), digest)
    planter.dataset.save_as(path, enforce_file_format=True)
    return planter.answers


_PEOPLE = frozenset({"patient name", "other person", "physician", "hospital", "address"})


def _telling(answers: list[Answer]) -> list[Answer]:
    """Settle what words are that are both: a name of somebody in the file goes, whatever else it means.

    An eponym is no clinical word where a patient bears it, and the name of a device is nobody's.
    """
    names = {fold(trace) for answer in answers if answer.category in _PEOPLE for trace in answer.traces}
    kept = {
        fold(word)
        for answer in answers
        if answer.action is Action.TAG_RETAINED
        for word in answer.value.replace("\\", " ").split()
    }
    return [_settle(answer, names, kept) for answer in answers]


def _settle(answer: Answer, names: set[str], kept: set[str]) -> Answer:
    known = {Action.TEXT_RETAINED: names, Action.TEXT_REMOVED: kept}.get(answer.action)
    if known is None:
        return answer
    return replace(answer, traces=tuple(trace for trace in answer.traces if fold(trace) not in known))


def demanded(answers: tuple[Answer, ...], options: frozenset[str]) -> tuple[Answer, ...]:
    """Leave the rows that a profile with these options must fulfil."""
    return tuple(answer for answer in answers if answer.option == BASIC or answer.option in options)
