"""Every reference maps as its target does, from whichever object of a study it is made, and in every process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.deid.actions import OPTIONS
from tasks.deid.deidentify import Deidentifier
from tasks.deid.rules import make_profile
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet
from tasks.dicom.encode import encode_dataset
from tests.deid.builders import CT_IMAGE_STORAGE, KEY, ROOT, dataset, deidentify, instance, leaves, value_of

STUDY, FRAME = f"{ROOT}.7", f"{ROOT}.7.99"
RT_STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
REPORT = "1.2.840.10008.5.1.4.1.1.88.22"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
REFERENCED = tag_of("ReferencedSOPInstanceUID")
OTHERS = tuple(map(tag_of, ("ReferencedFrameOfReferenceUID", "FrameOfReferenceUID", "SeriesInstanceUID")))


class Target(NamedTuple):
    series: str
    uid: str


def refer(targets: list[Target]) -> list[DataSet]:
    return [
        dataset(ReferencedSOPClassUID=CT_IMAGE_STORAGE, ReferencedSOPInstanceUID=target.uid)
        for target in targets
    ]


def by_series(targets: list[Target], keyword: str) -> list[DataSet]:
    series = dict.fromkeys(target.series for target in targets)
    return [
        dataset(
            SeriesInstanceUID=uid, **{keyword: refer([target for target in targets if target.series == uid])}
        )
        for uid in series
    ]


def structures(targets: list[Target]) -> dict[str, list[DataSet]]:
    study = dataset(
        ReferencedSOPInstanceUID=STUDY,
        RTReferencedSeriesSequence=by_series(targets, "ContourImageSequence"),
    )
    return {
        "ReferencedFrameOfReferenceSequence": [
            dataset(FrameOfReferenceUID=FRAME, RTReferencedStudySequence=[study])
        ],
        "StructureSetROISequence": [dataset(ROINumber="1", ReferencedFrameOfReferenceUID=FRAME)],
    }


def segmentation(targets: list[Target]) -> dict[str, list[DataSet]]:
    frames = [
        dataset(DerivationImageSequence=[dataset(SourceImageSequence=refer([target]))]) for target in targets
    ]
    return {
        "ReferencedSeriesSequence": by_series(targets, "ReferencedInstanceSequence"),
        "PerFrameFunctionalGroupsSequence": frames,
    }


def presentation(targets: list[Target]) -> dict[str, list[DataSet]]:
    return {
        "ReferencedSeriesSequence": by_series(targets, "ReferencedImageSequence"),
        "GraphicAnnotationSequence": [
            dataset(GraphicLayer="LAYER", ReferencedImageSequence=refer(targets)),
        ],
    }


def evidence(targets: list[Target]) -> dict[str, list[DataSet]]:
    items = [
        dataset(ValueType="IMAGE", RelationshipType="CONTAINS", ReferencedSOPSequence=refer([target]))
        for target in targets
    ]
    study = dataset(
        StudyInstanceUID=STUDY, ReferencedSeriesSequence=by_series(targets, "ReferencedSOPSequence")
    )
    return {"CurrentRequestedProcedureEvidenceSequence": [study], "ContentSequence": items}


KINDS: dict[str, Callable[[list[Target]], dict[str, list[DataSet]]]] = {
    RT_STRUCTURES: structures,
    SEGMENTATION: segmentation,
    PRESENTATION: presentation,
    REPORT: evidence,
    KEY_OBJECTS: evidence,
    CT_IMAGE_STORAGE: lambda targets: {"SourceImageSequence": refer(targets)},
}

TARGETS = st.lists(
    st.builds(
        lambda series, number: Target(f"{STUDY}.{series}", f"{STUDY}.{series}.{number}"),
        st.integers(1, 3),
        st.integers(1, 10**12),
    ),
    min_size=1,
    max_size=4,
    unique=True,
)


@pytest.fixture(scope="module")
def cleaning() -> Deidentifier:
    """A profile under which reports, annotations and all references stay."""
    names = ("clean-structured-content", "clean-graphics", "clean-descriptors", "retain-modified-dates")
    return Deidentifier(
        KEY, make_profile("mapped", "", tuple(OPTIONS[name] for name in names), maps_references=True)
    )


def uids(treated: DataSet, *tags: int) -> list[str]:
    return [one.value.decode().strip("\0 ") for one in leaves(treated) if one.tag in tags and one.value]


@pytest.mark.parametrize("sop_class", KINDS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(targets=TARGETS)
def test_every_reference_maps_as_its_target_does(
    cleaning: Deidentifier, sop_class: str, targets: list[Target]
) -> None:
    new = {STUDY: "", FRAME: ""}
    for target in targets:
        image = instance(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=target.series,
            SOPInstanceUID=target.uid,
            FrameOfReferenceUID=FRAME,
        )
        treated = deidentify(cleaning, image).dataset
        new[target.uid] = value_of(treated, "SOPInstanceUID")
        new[target.series] = value_of(treated, "SeriesInstanceUID")
        new[STUDY] = value_of(treated, "StudyInstanceUID")
        new[FRAME] = value_of(treated, "FrameOfReferenceUID")
    made = instance(
        SOPClassUID=sop_class,
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=targets[0].series,
        SOPInstanceUID=f"{STUDY}.5.1",
        **KINDS[sop_class](targets),
    )
    treated = deidentify(cleaning, made).dataset
    assert len(uids(made, REFERENCED)) >= len(targets)
    assert uids(treated, REFERENCED) == [new[uid] for uid in uids(made, REFERENCED)]
    assert uids(treated, *OTHERS) == [new[uid] for uid in uids(made, *OTHERS)]
    assert value_of(treated, "StudyInstanceUID") == new[STUDY]


def digest_of_outputs() -> str:
    """Digest what becomes of one object of each kind; called here and in another process."""
    targets = [Target(f"{STUDY}.1", f"{STUDY}.1.{number}") for number in range(1, 4)]
    digest = sha256()
    names = [name for name in OPTIONS if name != "retain-full-dates"]
    deidentifier = Deidentifier(KEY, make_profile("other", "", tuple(OPTIONS[name] for name in names)))
    for sop_class, make in KINDS.items():
        made = instance(
            SOPClassUID=sop_class,
            StudyDate="20210304",
            AccessionNumber="A-771",
            StudyDescription="CT Thorax of Janette Doerfler 04.03.2021",
            **make(targets),
        )
        digest.update(encode_dataset(deidentify(deidentifier, made).dataset, explicit=True))
    return digest.hexdigest()


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_the_same_key_gives_the_same_bytes_in_another_process(seed: str) -> None:
    """Hashes of strings differ from process to process, so an order that came of one would show."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.deid import test_references as t; print(t.digest_of_outputs())"],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": seed},
    )
    assert done.stdout.decode().strip() == digest_of_outputs()
