"""The quick way is held to the careful one: on every file there is, on made series, and on damaged bytes."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tasks.clean import CleanInstance, clean_instance
from tasks.cleaning.formats import FORMATS, Formats, formats_until
from tasks.deid.actions import OPTIONS
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.deid.rules import Profile, make_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.element import ByteSource, DataSet, Element
from tasks.dicom.encode import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, encode_dataset, encode_meta
from tasks.dicom.locate import Unusual
from tasks.recall.cleaner import MOST_FRAGMENTS, Cleaner
from tasks.records import Reject
from tests.builders import KEY_TEXT, ct_instance, part10
from tests.corpus import SHARED, bundled_files
from tests.deid.test_laws import CONTENT, elements, instance_of
from tests.reasons.damage import ITEM, RLE, with_frames

FILES = [
    *bundled_files(),
    *(sorted(path for path in SHARED.rglob("*") if path.is_file()) if SHARED.is_dir() else []),
]
SAMPLED = 4
LARGEST = 4_000_000

_SOP_CLASS, _SOP_INSTANCE, _PIXEL_DATA = 0x00080016, 0x00080018, 0x7FE00010
CT_IMAGE = b"1.2.840.10008.5.1.4.1.1.2\0"


@pytest.fixture(name="deidentifier", scope="module")
def make_deidentifier() -> Deidentifier:
    return Deidentifier(load_key(text=KEY_TEXT), load_profile("research"))


def keep_everything() -> Profile:
    """Give a profile of every option that goes with the others, and so of every treatment there is."""
    options = (option for name, option in OPTIONS.items() if name != "retain-modified-dates")
    return make_profile("everything", "", tuple(options), strict=True)


PROFILES = {
    "basic": load_profile("basic"),
    "strict": load_profile("strict"),
    "everything": keep_everything(),
}


def is_plain(
    data: bytes, cleaner: Cleaner, deidentifier: Deidentifier, *, pixels: bool, formats: Formats = FORMATS
) -> bool:
    """Clean on both ways, hold one to the other, and tell whether the quick one was taken."""
    source = Buffer(data)
    try:
        quick = cleaner.clean_plain(source, pixels=pixels)
    except Unusual:
        return False
    careful = clean_instance(source, deidentifier, pixels=pixels, formats=formats)
    if isinstance(quick, Reject) or isinstance(careful, Reject):
        assert quick == careful
        return True
    for name in CleanInstance.__slots__:
        assert getattr(quick, name) == getattr(careful, name), name
    return True


def test_what_every_output_states_stands_also_where_the_series_says_otherwise(
    deidentifier: Deidentifier,
) -> None:
    cleaner = Cleaner(deidentifier)
    for number in range(8):
        data = part10(ct_instance(instance=number + 1, PatientIdentityRemoved=("NO", "YES")[number % 2]))
        assert is_plain(data, cleaner, deidentifier, pixels=True)


@pytest.mark.parametrize("part", range(4))
def test_both_ways_agree_on_real_files_whatever_was_cleaned_before(
    deidentifier: Deidentifier, part: int
) -> None:
    files = [path for path in FILES[part::4] if path.stat().st_size <= LARGEST]
    Random(part).shuffle(files)  # noqa: S311
    cleaner, quick = Cleaner(deidentifier), 0
    chosen = files[: max(60, len(files) // SAMPLED)]
    for number, path in enumerate(chosen):
        quick += is_plain(path.read_bytes(), cleaner, deidentifier, pixels=bool(number % 2))
    assert quick > len(chosen) / 3


@pytest.mark.parametrize("name", PROFILES)
def test_both_ways_agree_under_every_profile(name: str) -> None:
    deidentifier = Deidentifier(load_key(text=KEY_TEXT), PROFILES[name])
    files = [path for path in FILES if path.stat().st_size <= LARGEST // 8]
    Random(name).shuffle(files)  # noqa: S311
    cleaner, quick = Cleaner(deidentifier), 0
    chosen = files[: max(60, len(files) // (4 * SAMPLED))]
    for number, path in enumerate(chosen):
        quick += is_plain(path.read_bytes(), cleaner, deidentifier, pixels=bool(number % 2))
    assert quick > len(chosen) / 3


DECLARED = [
    {
        "id": "x-a",
        "VR": "DA",
        "attributes": ["StudyDate", "PatientBirthDate"],
        "reads": "DD/MM/YY",
        "first_year": 1950,
    },
    {"id": "x-b", "VR": "CS", "attributes": ["Modality", "Laterality", "PatientSex"], "values": {"KT": "CT"}},
]


@pytest.mark.parametrize("explicit", [True, False])
def test_both_ways_repair_what_is_declared(deidentifier: Deidentifier, explicit: bool) -> None:
    formats = formats_until(repairs=json.dumps(DECLARED))
    cleaner = Cleaner(deidentifier, formats=formats)
    for instance in range(1, 4):
        data = part10(ct_instance(instance=instance, Modality="KT"), implicit=not explicit)
        data = data.replace(b"20230412", b"12/04/23").replace(b"19610203", b"03/02/61")
        assert is_plain(data, cleaner, deidentifier, pixels=True, formats=formats)
        clean = cleaner.clean(Buffer(data), pixels=True)
        assert isinstance(clean, CleanInstance)
        assert clean.columns["Modality"] == "CT"
        assert {"x-a", "x-b"} <= {finding.rule for finding in clean.findings}
        assert clean.columns["StudyDate"] is not None


@pytest.mark.parametrize("first", ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"])
def test_what_one_iod_requires_is_not_recalled_for_another(first: str) -> None:
    deidentifier = Deidentifier(load_key(text=KEY_TEXT), PROFILES["basic"])
    cleaner = Cleaner(deidentifier)
    both = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1")
    for uid in (first, *both, *reversed(both)):
        common = ct_instance()
        common.SOPClassUID, common.DeviceSerialNumber = uid, "SN-4711-A"
        data = part10(common)
        assert is_plain(data, cleaner, deidentifier, pixels=False)
        cleaned = clean_instance(Buffer(data), deidentifier, pixels=False)
        assert not isinstance(cleaned, Reject)
        required = b"\x18\0\0\x10LO" in cleaned.head  # of type 1 in Enhanced General Equipment
        assert required is uid.endswith("2.1")


def test_an_age_is_judged_by_the_dates_of_its_own_instance(deidentifier: Deidentifier) -> None:
    cleaner, told = Cleaner(deidentifier), []
    for age, born in (("045Y", "19780101"), ("045Y", "19200101"), ("045Y", "19780101"), ("011Y", "19780101")):
        common = ct_instance()
        common.StudyDate, common.PatientBirthDate, common.PatientAge = "20230115", born, age
        source = Buffer(part10(common))
        quick, careful = (
            cleaner.clean(source, pixels=False),
            clean_instance(source, deidentifier, pixels=False),
        )
        assert isinstance(quick, CleanInstance)
        assert isinstance(careful, CleanInstance)
        assert quick.head == careful.head
        told.append(quick.head[quick.head.index(b"\x10\0\x10\x10AS\4\0") + 8 :][:4])
    assert told == [b"045Y", b"090Y", b"045Y", b"045Y"]


def test_a_file_meets_the_same_end_when_it_comes_again(deidentifier: Deidentifier) -> None:
    cleaner = Cleaner(deidentifier)
    for path in bundled_files()[::3]:
        data = path.read_bytes()
        assert is_plain(data, cleaner, deidentifier, pixels=True) == is_plain(
            data, cleaner, deidentifier, pixels=True
        )


def encode(dataset: DataSet, *, explicit: bool, pixels: bytes | None) -> bytes:
    content = DataSet(dataset)
    content[_SOP_CLASS] = Element(_SOP_CLASS, "UI", CT_IMAGE)
    if pixels is not None:
        content[_PIXEL_DATA] = Element(_PIXEL_DATA, "OW", pixels)
    syntax = EXPLICIT_LITTLE_ENDIAN if explicit else IMPLICIT_LITTLE_ENDIAN
    uid = content[_SOP_INSTANCE].value.strip(b"\0").decode()
    return encode_meta(CT_IMAGE.strip(b"\0").decode(), uid, syntax) + encode_dataset(
        content, explicit=explicit
    )


@st.composite
def series(draw: st.DrawFn) -> list[DataSet]:
    """Make instances with a common content, each with something added, changed or gone."""
    common = instance_of(draw(CONTENT))
    made = []
    for number in range(draw(st.integers(2, 6))):
        own = DataSet(common)
        own[_SOP_INSTANCE] = Element(_SOP_INSTANCE, "UI", b"1.2.826.0.1.3680043.10.999.7.%02d" % number)
        for one in draw(st.lists(elements(), max_size=3)):
            if one.tag not in (_SOP_CLASS, _SOP_INSTANCE) and one.items is None:
                own[one.tag] = one
        for tag in draw(st.lists(st.sampled_from(sorted(own)), max_size=1)):
            if tag not in (_SOP_CLASS, _SOP_INSTANCE):
                del own[tag]
        made.append(DataSet(sorted(own.items())))
    return made


MANY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(series(), st.booleans(), st.booleans(), st.none() | st.binary(min_size=2, max_size=40))
def test_both_ways_agree_on_made_series(
    deidentifier: Deidentifier,
    instances: list[DataSet],
    explicit: bool,
    pixels: bool,
    payload: bytes | None,
) -> None:
    cleaner = Cleaner(deidentifier)
    for dataset in instances:
        is_plain(encode(dataset, explicit=explicit, pixels=payload), cleaner, deidentifier, pixels=pixels)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(series(), st.sampled_from(sorted(PROFILES)), st.booleans())
def test_both_ways_agree_on_made_series_under_every_profile(
    instances: list[DataSet], name: str, explicit: bool
) -> None:
    deidentifier = Deidentifier(load_key(text=KEY_TEXT), PROFILES[name])
    cleaner = Cleaner(deidentifier)
    for dataset in instances:
        is_plain(encode(dataset, explicit=explicit, pixels=None), cleaner, deidentifier, pixels=False)


def test_a_plain_series_is_cleaned_on_the_quick_way(deidentifier: Deidentifier) -> None:
    for implicit in (False, True):
        cleaner = Cleaner(deidentifier)
        for number in range(8):
            data = part10(ct_instance(instance=number + 1), implicit=implicit)
            assert is_plain(data, cleaner, deidentifier, pixels=True)


@MANY
@given(
    st.lists(st.tuples(st.integers(132, 2500), st.integers(0, 255)), min_size=1, max_size=4), st.booleans()
)
@example([(132, 0)], False)
def test_both_ways_agree_on_damaged_bytes(
    deidentifier: Deidentifier, changes: list[tuple[int, int]], implicit: bool
) -> None:
    cleaner = Cleaner(deidentifier)
    sound = part10(ct_instance(), implicit=implicit)
    assert is_plain(sound, cleaner, deidentifier, pixels=True)
    damaged = bytearray(sound)
    for place, byte in changes:
        damaged[place % len(sound)] = byte
    is_plain(bytes(damaged), cleaner, deidentifier, pixels=True)


@MANY
@given(st.integers(0, 6000), st.booleans())
def test_both_ways_agree_on_cut_files(deidentifier: Deidentifier, length: int, implicit: bool) -> None:
    cleaner = Cleaner(deidentifier)
    sound = part10(ct_instance(), implicit=implicit)
    assert is_plain(sound, cleaner, deidentifier, pixels=True)
    is_plain(sound[: length % len(sound)], cleaner, deidentifier, pixels=True)


def test_pixel_data_of_very_many_fragments_is_not_plain(deidentifier: Deidentifier) -> None:
    cleaner, few = Cleaner(deidentifier), with_frames(RLE, b"", *[b""] * 1000)
    many = few.replace(ITEM + bytes(4), (ITEM + bytes(4)) * (MOST_FRAGMENTS // 1000 + 1), 1000)
    with pytest.raises(Unusual):
        cleaner.clean_plain(Buffer(many), pixels=True)
    left: list[ByteSource] = []

    def read(source: ByteSource, *, pixels: bool) -> Reject:
        left.append(source)
        return Reject("PARSER_MEMORY")

    assert Cleaner(deidentifier, read=read).clean(Buffer(many), pixels=True) == Reject("PARSER_MEMORY")
    assert len(left) == 1
