"""Real series with one known defect each, through cleaning, gate and verdicts: the rule made for it speaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
from pydicom import FileDataset, dcmread
from pydicom.uid import generate_uid

from expectations.rules import load_rules
from expectations.runner import Gate
from tasks.audit import audit
from tasks.deid.key import load_key
from tasks.deid.pseudonyms import Pseudonyms
from tasks.records import AuditReport
from tasks.shadow import by_rules
from tasks.staged import decided_parts, parts
from tasks.tables.aggregate import judged_tables
from tests.builders import KEY_TEXT
from tests.corpus import BUNDLED, SHARED
from tests.plain import PlainRun

Slices = list[FileDataset]
GEOMETRY = {f"R{number:03}" for number in (51, *range(60, 74), 75, 76)}
"""Rules about how images of a series lie; R074, which only counts, is not of them."""

SERIES = {
    "CT5N": BUNDLED / "test_files/dicomdirtests/98892001/CT5N",
    "T1w": SHARED / "datalad-structural/dicoms",
    "fMRI": SHARED / "dcm_qa_nih/20180918GE/mr_0004",
    "fMRI, three volumes": SHARED / "dcm_qa_nih/20180918GE/mr_0006",
    "CT2, four of 182": BUNDLED / "test_files/dicomdirtests/77654033/CT2",
    "SPGR, twelve of 180": SHARED / "dcm_qa_deident",
}
"""A short CT, a tilted head, echo-planar images whose positions repeat, and two series that were sent in part."""


def load(name: str) -> Slices:
    """Read a series in the order of its positions, then of its instances."""
    slices = [dcmread(path) for path in sorted(SERIES[name].iterdir()) if path.is_file()]
    slices.sort(key=lambda image: int(image.InstanceNumber))
    return slices[:15] if name == "fMRI" else slices[:45] if name == WHOLE[-1] else slices


def normal(image: FileDataset) -> tuple[float, float, float]:
    a, b, c, d, e, f = image.ImageOrientationPatient
    return b * f - c * e, c * d - a * f, a * e - b * d


def move(image: FileDataset, by: Sequence[float]) -> None:
    image.ImagePositionPatient = [
        round(p + q, 6) for p, q in zip(image.ImagePositionPatient, by, strict=True)
    ]


def keep(slices: Slices) -> Slices:
    return slices


def renumber(slices: Slices) -> Slices:
    """Number the images as if every other had been taken first: where they lie is what counts."""
    numbers = [image.InstanceNumber for image in slices]
    for image, number in zip([*slices[::2], *slices[1::2]], numbers, strict=True):
        image.InstanceNumber = number
    return slices


def lose_one(slices: Slices) -> Slices:
    return slices[:2] + slices[3:]


def list_places(slices: Slices) -> list[tuple[float, ...]]:
    """List the positions along the normal."""
    x, y, z = normal(slices[0])
    places = {tuple(map(float, image.ImagePositionPatient)) for image in slices}
    return sorted(places, key=lambda place: place[0] * x + place[1] * y + place[2] * z)


def lose_every_other(slices: Slices) -> Slices:
    """Keep the first three positions, which are neighbours, and then every other."""
    places = list_places(slices)
    kept = {*places[:3], *places[4::2]}
    return [image for image in slices if tuple(map(float, image.ImagePositionPatient)) in kept]


def lose_evenly(slices: Slices) -> Slices:
    """Keep every other position."""
    kept = set(list_places(slices)[::2])
    return [image for image in slices if tuple(map(float, image.ImagePositionPatient)) in kept]


def move_one(slices: Slices) -> Slices:
    """Move a slice, in all its volumes, by a fifth of the distance to its neighbour."""
    place = list(slices[2].ImagePositionPatient)
    step = [q - p for p, q in zip(place, slices[3].ImagePositionPatient, strict=True)]
    for image in slices:
        if list(image.ImagePositionPatient) == place:
            move(image, [0.2 * length for length in step])
    return slices


def turn_one(slices: Slices) -> Slices:
    """Lay one slice along another plane of the same patient."""
    x, y, z = normal(slices[2])
    slices[2].ImageOrientationPatient = [
        *slices[2].ImageOrientationPatient[:3],
        *(round(v, 6) for v in (x, y, z)),
    ]
    return slices


def tilt(slices: Slices) -> Slices:
    """Shear the volume by 10 degrees along its columns, as a tilted gantry does."""
    first = list(slices[0].ImagePositionPatient)
    x, y, z = normal(slices[0])
    down = [float(value) for value in slices[0].ImageOrientationPatient[3:]]
    for image in slices:
        offset = [p - q for p, q in zip(image.ImagePositionPatient, first, strict=True)]
        along = offset[0] * x + offset[1] * y + offset[2] * z
        move(image, [0.17633 * along * value for value in down])
    return slices


def say_tilt(slices: Slices) -> Slices:
    for image in slices:
        image.GantryDetectorTilt = "-12.5"
    return slices


def double(slices: Slices) -> Slices:
    """Send one image again under another instance UID."""
    again = deepcopy(slices[2])
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["again"])
    return [*slices, again]


def lose_pixels(slices: Slices) -> Slices:
    del slices[2].PixelData
    return slices


class Defect(NamedTuple):
    """What is done to a series, and the rules that must speak, by series; others need not have it."""

    name: str
    make: Callable[[Slices], Slices]
    broken: Mapping[str, frozenset[str]]


def each(series: Iterable[str], *rules: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(rules) for name in series}


SINGLE = ("CT5N", "T1w", "fMRI")
WHOLE = (*SINGLE, "fMRI, three volumes")
DEFECTS = (
    Defect("untouched", keep, each(WHOLE)),
    Defect("renumbered", renumber, each(SINGLE)),
    Defect("missing slice", lose_one, each(SINGLE, "R066", "R067") | each(WHOLE[3:], "R073")),
    Defect("every other slice missing in part", lose_every_other, each(["T1w", "fMRI"], "R066", "R067")),
    Defect("every other slice missing", lose_evenly, each(["T1w", "fMRI"], "R067")),
    Defect("uneven increment", move_one, each(WHOLE, "R066")),
    Defect("mixed orientation", turn_one, each(SINGLE, "R063")),
    Defect("gantry tilt in the positions", tilt, each(SINGLE, "R070")),
    Defect("gantry tilt in the header", say_tilt, each(["CT5N"], "R072")),
    Defect("doubled instance", double, each(WHOLE, "R068", "R069")),
    Defect("non-image", lose_pixels, each(SINGLE, "R051", "R071")),
    Defect(
        "sent in part",
        keep,
        each(["CT2, four of 182", "SPGR, twelve of 180"], "R066", "R067"),
    ),
)
CASES = [(series, defect) for defect in DEFECTS for series in defect.broken]
HERE = [(series, defect) for series, defect in CASES if SERIES[series].is_dir()]


def study_uid(series: str, defect: str) -> str:
    return str(generate_uid(entropy_srcs=[series, defect]))


def write(folder: Path, series: str, defect: Defect) -> None:
    """Write a series with a defect as a study of its own."""
    folder.mkdir(parents=True)
    slices = defect.make(load(series))
    for number, image in enumerate(slices):
        image.StudyInstanceUID = study_uid(series, defect.name)
        image.SeriesInstanceUID = generate_uid(entropy_srcs=[series, defect.name, "series"])
        uid = generate_uid(entropy_srcs=[series, defect.name, str(image.SOPInstanceUID)])
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
        image.save_as(folder / f"{number:04}.dcm")


class Judged(NamedTuple):
    """What the gate said: rules that each study broke, all and those of the verdict, by its pseudonym."""

    report: AuditReport
    broken: dict[str, set[str]]
    reasons: dict[str, set[str | None]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Take all of them through one run."""
    root = tmp_path_factory.mktemp("series")
    for number, (series, defect) in enumerate(HERE):
        write(root / "source" / str(number), series, defect)
    with pytest.MonkeyPatch.context() as monkeypatch, PlainRun(root, monkeypatch, outputs="metadata") as run:
        run.process(run.discover())
        report = audit.fn(run.plan)
        instances = pa.concat_tables(list(parts(run.store, run.staging, "instances", None)))
        decided = [row for part in decided_parts(run.store, run.staging) for row in part.to_pylist()]
    broken: dict[str, set[str]] = {}
    for measure in by_rules(Gate(load_rules()).judge(judged_tables(instances))):
        for study in measure.broken:
            broken.setdefault(study, set()).add(measure.check.rule_id)
    reasons: dict[str, set[str | None]] = {}
    for row in decided:
        reasons.setdefault(row["StudyInstanceUID"], set()).add(row["reason"])
    return Judged(report, broken, reasons)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("series", "defect"), CASES, ids=[f"{series}: {defect.name}" for series, defect in CASES]
)
def test_defect_is_seen_by_the_rule_made_for_it_and_by_no_other(
    judged: Judged, series: str, defect: Defect
) -> None:
    if (series, defect) not in HERE:
        pytest.skip("the shared corpus is not here")
    study = Pseudonyms(load_key(text=KEY_TEXT)).uid(study_uid(series, defect.name))
    assert judged.reasons[study] == {None}
    assert judged.broken.get(study, set()) & GEOMETRY == defect.broken[series]


@pytest.mark.e2e
def test_run_reports_how_many_series_each_rule_found(judged: Judged) -> None:
    expected = Counter(rule for series, defect in HERE for rule in defect.broken[series])
    found: dict[str, int] = {}
    for result in judged.report.rules:
        found[result.rule_id] = max(found.get(result.rule_id, 0), result.studies_failed)
    assert {rule: found[rule] for rule in GEOMETRY} == {rule: expected[rule] for rule in GEOMETRY}
