"""No canary gets out: a source full of made-up identifiers is cleaned for real, and all it left is searched."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import pickle
import random
import sqlite3
import string
import subprocess
import sys
import threading
import time
import urllib.parse
import zipfile
import zlib
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import pytest
from deltalake import DeltaTable
from pydicom import config
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MediaStorageDirectoryStorage,
    UltrasoundImageStorage,
)

from expectations.rules import DEFAULT_RULES
from tasks.clean import clean_instance
from tasks.deid.allowed import Disposition, listed
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.records import Reject
from tasks.storage.uris import file_uri
from tests.builders import KEY_TEXT, ROOT, ct_instance, part10
from tests.corpus import hostile_cases
from tests.e2e.canary import DEFLATED, Hit, Needle, Undecodable, find_canaries

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

DAYS_BETWEEN_STUDIES = 15
HOSTILE_UIDS = (b"1.2.826.0.1.3680043.8.498.2.1", b"1.2.826.0.1.3680043.8.498.1.1")
"""All cases of the hostile corpus claim this study and this instance; here each gets its own, else all conflict."""

RULE = """
  - id: R900
    title: Nothing of an unknown kind leaves
    description: A rule of the test, so that a study is withheld with its files.
    severity: critical
    scope: instance
    expectation: expect_column_values_to_not_be_in_set
    column: Modality
    kwargs: {value_set: [OT]}
    owner: tests
    version: 1
"""


# -- canaries ----------------------------------------------------------------------------------------------


class Canaries(NamedTuple):
    """The tokens of one run; the days are 60 years apart, so that no shift turns one into another."""

    word: str
    chinese: str
    digits: str
    birth: date
    study: date

    @classmethod
    def make(cls) -> Canaries:
        chance = random.SystemRandom()
        return cls(
            word="ZQ" + "".join(chance.choices(string.ascii_uppercase, k=8)),
            # The first is outside of GBK: four bytes in GB18030.
            chinese=chr(chance.randrange(0x3400, 0x4DB0))
            + "".join(map(chr, chance.sample(range(0x4E00, 0x9FA0), 3))),
            digits="7" + "".join(chance.choices(string.digits, k=9)),
            birth=date(1931, 1, 1) + timedelta(days=chance.randrange(20)),
            study=date(1994, 6, 1) + timedelta(days=chance.randrange(10)),
        )

    @property
    def followed_up(self) -> date:
        return self.study + timedelta(days=DAYS_BETWEEN_STUDIES)

    @property
    def name(self) -> str:
        return f"{self.word}^Janette"

    def of_field(self, tag: int) -> str:
        """Give a token of its own to each attribute, so that the self-check, which knows names, cannot help."""
        number, letters = tag, ""
        while number or len(letters) < 4:
            number, letter = divmod(number, 26)
            letters += string.ascii_uppercase[letter]
        return f"{self.word}{letters}"[:16]

    @property
    def needles(self) -> list[Needle]:
        return [
            Needle("word", self.word),
            Needle("Chinese name", self.chinese),
            Needle("number", self.digits),
            Needle("birth date", self.birth),
            Needle("study date", self.study),
            Needle("second study date", self.followed_up),
            Needle("key", KEY_TEXT),
            Needle("hostile corpus", "ZQXCANARY"),
            Needle("hostile birth date", date(1980, 1, 1)),
            Needle("hostile study date", date(2023, 1, 15)),
        ]


def day(value: date) -> str:
    return value.strftime("%Y%m%d")


# -- the source --------------------------------------------------------------------------------------------


_WORDS = (
    *("PatientBirthName", "PatientMotherBirthName", "Occupation", "MilitaryRank", "AccessionNumber"),
    *("InstitutionAddress", "InstitutionalDepartmentName", "StationName", "ReferringPhysicianName"),
    *("PhysiciansOfRecord", "RequestingPhysician", "NameOfPhysiciansReadingStudy", "SeriesDescription"),
    *("ProtocolName", "AdditionalPatientHistory", "RequestedProcedureDescription", "BodyPartExamined"),
    *("PerformedProcedureStepDescription", "RetrieveAETitle", "AdmittingDiagnosesDescription"),
    *("PerformingPhysicianName",),
)
_NUMBERS = ("PatientID", "StudyID", "PatientTelephoneNumbers", "MedicalRecordLocator", "DeviceSerialNumber")


def item(**elements: Any) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def scan(canaries: Canaries, study: int = 1, series: int = 1, instance: int = 1, **elements: Any) -> Dataset:
    """Make a slice of the canary patient with identifiers in all the usual places."""
    token, number = canaries.word, canaries.digits
    studied = canaries.followed_up if study == 2 else canaries.study
    person = item(
        PatientName=canaries.name,
        PatientID=number,
        PatientBirthDate=day(canaries.birth),
        PatientAddress=token,
    )
    code = item(CodeValue="T-A0100", CodingSchemeDesignator="SRT", CodeMeaning=f"Brain of {token}")
    local = item(CodeValue=token, CodingSchemeDesignator="99HOSPITAL", CodeMeaning=f"As {token} asked")
    request = item(
        RequestedProcedureID=number, ScheduledProcedureStepID=token, RequestedProcedureDescription=token,
        ReasonForTheRequestedProcedure=token, RequestedProcedureCodeSequence=[local],
    )  # fmt: skip
    usual: dict[str, Any] = {
        **dict.fromkeys(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), day(studied)),
        **dict.fromkeys(_WORDS, token),
        **dict.fromkeys(_NUMBERS, number),
        "AcquisitionDateTime": f"{day(studied)}101530.000000",
        "PatientName": canaries.name,
        "PatientBirthDate": day(canaries.birth),
        "OtherPatientIDs": [number, token],
        "OtherPatientNames": [token, canaries.name],
        "OperatorsName": [token, token.lower()],
        "PatientAddress": f"{token} Street 1",
        "PatientComments": f"Call {token} at {number}",
        "InstitutionName": f"{token} Clinic",
        "StudyDescription": f"Chest of {token}",
        "ImageComments": f"{token} {canaries.birth:%Y-%m-%d}",
        "PatientSex": "F",
        "RequestAttributesSequence": [request],
        "ProcedureCodeSequence": [code, local],
        "OtherPatientIDsSequence": [item(PatientID=number, TypeOfPatientID="TEXT")],
        "OriginalAttributesSequence": [
            item(ModifiedAttributesSequence=[person], ModifyingSystem=token, SourceOfPreviousValues=token)
        ],
        "SharedFunctionalGroupsSequence": [
            item(FrameContentSequence=[item(ReferencedImageSequence=[person])])
        ],
    }
    chosen = {keyword: value for keyword, value in (usual | elements).items() if value is not None}
    made = ct_instance(study, series, instance, **chosen)
    return rebase(made, f"1.2.826.0.1.{number}")


def rebase(dataset: Dataset, root: str) -> Dataset:
    """Put the number into every UID, at every depth."""
    for element in dataset.iterall():
        if element.VR == "UI" and isinstance(element.value, str):
            element.value = UID(element.value.replace(ROOT, root))
    return dataset


def encode(
    dataset: Dataset, syntax: str = ExplicitVRLittleEndian, preamble: bytes = bytes(128), **meta: Any
) -> bytes:
    """Encode a data set with a transfer syntax, a preamble and file meta elements of the caller's choice."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    for keyword, value in meta.items():
        setattr(dataset.file_meta, keyword, value)
    dataset.preamble = preamble
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def with_elements(dataset: Dataset, *elements: tuple[int, str, Any]) -> Dataset:
    for tag, VR, value in elements:
        dataset.add_new(tag, VR, value)
    return dataset


@contextmanager
def as_written() -> Iterator[None]:
    """Let pydicom write what we say: wrong values, and UN for what it knows better."""
    known = config.replace_un_with_known_vr
    config.replace_un_with_known_vr = False
    try:
        with config.disable_value_validation():
            yield
    finally:
        config.replace_un_with_known_vr = known


_TEXT_VRS = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE"}
_BYTE_VRS = {"OB", "OW", "UN"}
_LEFT_ALONE = {
    *("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("ImageType", "PatientSex", "BurnedInAnnotation", "PhotometricInterpretation", "NumberOfFrames"),
    *("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SpecimenLabelInImage"),
    *("RescaleSlope", "RescaleIntercept", "PatientName", "PatientID", "Modality"),
}


def fill(dataset: Dataset, canaries: Canaries, text_of: Callable[[int], str | None]) -> Dataset:
    """Plant something in every attribute of the standard that can hold a text, a date, a UID or bytes."""
    for tag, (vrs, _, _, _, keyword) in DicomDictionary.items():
        group, VR = tag >> 16, vrs[:2]
        if keyword in _LEFT_ALONE or group < 8 or group % 2 or group in (0x7FE0, 0xFFFE) or not tag & 0xFFFF:
            continue
        text = text_of(tag)
        if VR == "DA":
            dataset.add_new(tag, VR, day(canaries.study if keyword == "StudyDate" else canaries.birth))
        elif VR == "DT":
            dataset.add_new(tag, VR, f"{day(canaries.birth)}101530")
        elif VR == "UI":
            dataset.add_new(tag, VR, f"1.2.826.0.1.{canaries.digits}.{tag}")
        elif text is None:
            continue
        elif VR in _TEXT_VRS or (VR == "CS" and text == canaries.word):
            dataset.add_new(tag, VR, text)
        elif VR == "UR":
            dataset.add_new(tag, VR, f"https://{text}.example/{canaries.digits}")
        elif VR in _BYTE_VRS:
            dataset.add_new(tag, VR, text.encode() + b"\0" * (len(text) % 2))
        elif VR in ("DS", "IS") and text == canaries.word:
            dataset.add_new(tag, VR, canaries.digits)
    return dataset


def everything(canaries: Canaries, study: int, text_of: Callable[[int], str | None]) -> Dataset:
    """Plant at the top, in every sequence there is, and five sequences deep."""
    made = scan(canaries, study, ProcedureCodeSequence=None, RequestAttributesSequence=None)
    inner = fill(Dataset(), canaries, text_of)
    for _ in range(4):
        inner = item(ReferencedSeriesSequence=[inner])
    fill(made, canaries, text_of)
    for tag, (VR, *_) in DicomDictionary.items():
        if VR == "SQ" and tag >> 16 >= 8 and not tag >> 16 & 1 and tag >> 16 != 0xFFFA:
            made.add_new(tag, VR, [fill_some(canaries, text_of(tag) or canaries.word)])
    made.SharedFunctionalGroupsSequence = [inner]
    return made


def fill_some(canaries: Canaries, text: str) -> Dataset:
    return item(
        PatientName=text, PatientID=canaries.digits, PatientBirthDate=day(canaries.birth), TextValue=text,
        CodeValue=text, CodingSchemeDesignator="99LOCAL", CodeMeaning=text, LongCodeValue=text,
    )  # fmt: skip


def own_token(canaries: Canaries) -> Callable[[int], str | None]:
    """Give each attribute its own token, but none to those whose text is kept: no profile can tell it from a name."""
    kept = {tag for tag, disposition in listed().items() if disposition is Disposition.KEEP}
    return lambda tag: None if tag in kept else canaries.of_field(tag)


def relabel(data: bytes, tag: int, old: str, new: str) -> bytes:
    """Let an explicit element claim another VR; both write their lengths alike."""
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    assert head + old.encode() in data
    return data.replace(head + old.encode(), head + new.encode())


def swap(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def cut(data: bytes, token: bytes, after: int) -> bytes:
    return data[: data.index(token) + after]


def without(dataset: Dataset, *keywords: str) -> Dataset:
    for keyword in keywords:
        delattr(dataset, keyword)
    return dataset


def in_jpeg(dataset: Dataset, comment: str) -> bytes:
    """Compress the pixels, with a comment segment before the frame header; nobody decodes them here."""
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment.encode()
    size = dataset.Rows.to_bytes(2, "big") + dataset.Columns.to_bytes(2, "big")
    frame_header = b"\xff\xc0\x00\x0b\x08" + size + b"\x01\x01\x11\x00"
    stream = b"\xff\xd8" + segment + frame_header + bytes(range(64)) + b"\xff\xd9"
    dataset.PixelData = pydicom.encaps.encapsulate([stream])
    dataset["PixelData"].is_undefined_length = True
    return encode(dataset, JPEGBaseline8Bit)


def zipped(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


class Case(NamedTuple):
    """One file of the source and, where it matters, how it must end."""

    data: bytes
    state: str | None = None


Cases = dict[str, Case]


@dataclass(frozen=True)
class Cabinet:
    """Makes files that hide identifiers where nobody looks, each a study of its own."""

    c: Canaries
    studies: Iterator[int] = field(default_factory=lambda: iter(range(100, 1000)))

    def one(self, *added: tuple[int, str, Any], **elements: Any) -> Dataset:
        """Make a slice with more elements, by keyword, or by tag and VR."""
        return with_elements(scan(self.c, next(self.studies), **elements), *added)

    def file(self, *added: tuple[int, str, Any], **elements: Any) -> bytes:
        return encode(self.one(*added, **elements))

    def in_chinese(self, charset: str) -> bytes:
        chinese = self.c._replace(word=self.c.chinese)
        elements = {"BodyPartExamined": None, "RetrieveAETitle": None, "Manufacturer": chinese.word}
        return encode(scan(chinese, next(self.studies), SpecificCharacterSet=charset, **elements))

    def all(self) -> Cases:
        groups = (self.hidden, self.misread, self.mistaken, self.wrapped, self.refused, self.twins)
        return {name: case for group in groups for name, case in group().items()}

    def hidden(self) -> Cases:
        """Identifiers in elements that nobody expects."""
        c, token, digits, one = self.c, self.c.word.encode(), self.c.digits, self.one
        named = Items([item(PatientName=c.name, PatientID=digits)])
        private = one((0x000B1001, "LO", c.word), (0x00130001, "UN", token), (0x7FE11001, "OB", token))
        block = private.private_block(0x0009, c.word, create=True)
        for number, (VR, value) in enumerate(
            (("LO", c.word), ("UN", token), ("SQ", named), ("DA", day(c.birth)))
        ):
            block.add_new(number, VR, value)
        unknown = one(
            (0x00089998, "LO", c.word), (0x00109998, "PN", c.name), (0x0018FFFC, "UN", token),
            (0x7FDE0010, "LT", c.word), (0x00280FFE, "CS", c.word), (0x00089996, "SQ", named),
        )  # fmt: skip
        overlay = (
            (0x0010, "US", 16), (0x0011, "US", 16), (0x0022, "LO", c.word), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]),
            (0x0100, "US", 1), (0x1500, "LO", c.word), (0x3000, "OW", token * 2), (0x4000, "LT", c.word),
        )  # fmt: skip
        layers = one(
            *((group << 16 | number, VR, value) for group in (0x6000, 0x60FE) for number, VR, value in overlay),
            (0x50000005, "US", 1), (0x50000022, "LO", c.word), (0x50003000, "OW", token),
        )  # fmt: skip
        icon = item(
            Rows=2, Columns=5, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", BitsAllocated=8,
            BitsStored=8, HighBit=7, PixelRepresentation=0, PixelData=token,
        )  # fmt: skip
        kept = one(
            Manufacturer=f"ACME for {c.word}", ManufacturerModelName=c.word.title(), KVP=digits, SequenceName=digits,
            SoftwareVersions=[c.word.lower(), "2"], ConvolutionKernel=c.word, ScanOptions=[c.word, "HELIX"],
            ImageType=["ORIGINAL", "PRIMARY", c.word], PatientPosition=c.word, Laterality=c.word,
            AcquisitionDeviceProcessingCode=day(c.birth), ICCProfile=token,
        )  # fmt: skip
        by_name = everything(c, next(self.studies), lambda _: c.word)
        by_field = everything(c, next(self.studies), own_token(c))
        made = {
            "name in everything": part10(by_name, implicit=True),
            "own token in everything": part10(by_field),
            "private": encode(private),
            "unknown tags": encode(unknown),
            "overlays and curves": encode(layers),
            "icon": self.file(IconImageSequence=[icon]),
            "codes": encode(self.coded()),
            "words that are kept": encode(kept),
            "trailing padding": self.file((0xFFFCFFFC, "OB", token)),
            "text behind a NUL": self.file(
                (0x00080070, "LO", f"ACME\0{c.word}"), (0x00081090, "LO", f"Nine\0\0{c.word}"),
                (0x00101010, "AS", f"062Y\0{c.word}"), (0x00100040, "CS", f"F\0{c.word}"),
                (0x00200052, "UI", f"1.2.3\0{c.word}"), (0x00080031, "TM", f"101530\0{c.word}"),
            ),
        }  # fmt: skip
        leaky = {
            "words that are dates": self.file(WindowCenterWidthExplanation=f"of {c.birth:%Y-%m-%d}"),
            "wide text in a profile": self.file(ICCProfile=c.word.encode("utf-16-be")),
        }
        return {name: Case(data, "published") for name, data in (made | leaky).items()}

    def coded(self) -> Dataset:
        word, digits = self.c.word, self.c.digits
        codes = [
            item(
                CodeValue=word, CodingSchemeDesignator="99LOCAL", CodeMeaning=word, CodingSchemeVersion=word
            ),
            item(CodeValue="121181", CodingSchemeDesignator="DCM", CodeMeaning=word),
            item(CodeValue=word, CodingSchemeDesignator="SCT", CodeMeaning=word),
            item(CodeValue=digits, CodingSchemeDesignator="SCT", CodeMeaning=word),
            item(LongCodeValue=word * 2, CodingSchemeDesignator=word, CodeMeaning=word),
            item(URNCodeValue=f"urn:lex:{word}", CodeMeaning=word),
            item(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning="x", ContextIdentifier=word),
            item(CodeValue="2", CodingSchemeDesignator="99X", CodeMeaning="x", MappingResource=word),
        ]
        scheme = item(CodingSchemeDesignator=word, CodingSchemeName=word, CodingSchemeUID=f"1.2.{digits}")
        return self.one(ProcedureCodeSequence=codes, CodingSchemeIdentificationSequence=[scheme])

    def misread(self) -> Cases:
        """Names in character sets, declared rightly, wrongly and not at all."""
        c = self.c
        declared = b"\x08\0\x05\0CS\x08\0GB18030 "
        latin = b"\x08\0\x05\0CS\x0a\0ISO_IR 100"
        groups = {"PatientName": f"Wang^Li={c.chinese}^{c.chinese[1:]}", "Manufacturer": c.chinese}
        wide = {"Manufacturer": full_width(c.word), "SoftwareVersions": full_width(c.digits)}
        made = {
            "GB18030": self.in_chinese("GB18030"),
            "UTF-8": self.in_chinese("ISO_IR 192"),
            "ideographs behind letters": self.file(SpecificCharacterSet="ISO_IR 192", **groups),
            "full width": self.file(SpecificCharacterSet="ISO_IR 192", **wide),
            "GB18030 called ASCII": swap(self.in_chinese("GB18030"), declared, declared[:8] + b"ISO_IR 6"),
            "GB18030 undeclared": swap(self.in_chinese("GB18030"), declared, b""),
            "UTF-8 called Latin": swap(self.in_chinese("ISO_IR 192"), b"ISO_IR 192", b"ISO_IR 100"),
            "broken UTF-8": swap(
                self.file(SpecificCharacterSet="ISO_IR 192"), b"Chest of", b"Chest \xff\xfe"
            ),
            "character set of nobody": swap(self.file(), latin, latin[:8] + c.word.encode()),
        }
        return {name: Case(data, "published") for name, data in made.items()}

    def mistaken(self) -> Cases:
        """Values that are not what their VR says, whose complaints might quote them."""
        c, token, digits = self.c, self.c.word.encode(), self.c.digits
        numbers = self.file(
            (0x00200013, "LO", c.word), (0x00180060, "LO", c.word), (0x00200011, "LO", digits),
            (0x00280014, "UN", token[:3]), (0x00189087, "UN", token),
        )  # fmt: skip
        for tag, VR in ((0x00200013, "IS"), (0x00180060, "DS"), (0x00200011, "IS")):
            numbers = relabel(numbers, tag, "LO", VR)
        syntax = f"1.2.82.{digits}.9\0".encode()
        made = {
            "wrong VRs": self.file(
                (0x00100010, "OB", token), (0x00100020, "UN", digits.encode()), (0x00100030, "LO", day(c.birth)),
                (0x00080080, "SQ", Items([item(PatientName=c.name)])), (0x00080020, "OB", day(c.study).encode()),
                (0x00081030, "UN", token), (0x00200010, "OW", token), (0x0020000E, "UN", f"1.2.{digits}".encode()),
            ),
            "name as numbers": relabel(self.file(PatientName=c.word), 0x00100010, "PN", "US"),
            "lower-case VR": relabel(self.file(), 0x00100010, "PN", "pn"),
            "VR of nobody": relabel(self.file(), 0x00081030, "LO", "ZZ"),
            "dates that are none": self.file(
                (0x00080020, "DA", c.word), (0x00080021, "DA", f"{c.study:%d/%m/%Y}"), (0x00080030, "TM", c.word),
                (0x00080022, "DA", f"{c.birth:%b %d %Y}"), (0x00080023, "DA", day(c.birth) + "x"),
                (0x0008002A, "DT", c.word), (0x00080032, "TM", day(c.birth)), (0x00101010, "AS", c.word[:4]),
            ),
            "dates of other forms": self.file(
                (0x00080020, "DA", f"{c.study:%Y-%m-%d}"), (0x00080021, "DA", f"{c.study:%Y.%m.%d}"),
                (0x00100030, "DA", f"{c.birth:%Y/%m/%d}"), (0x0008002A, "DT", f"{c.study:%Y-%m-%d} 10:15:30"),
            ),
            "numbers that are none": numbers,
            "UIDs that are none": self.file(
                (0x00200052, "UI", f"1.2.{c.word}"), (0x00080018, "UI", f"../../{c.word}"),
                (0x0020000D, "UI", f"/etc/{c.word}"),
            ),
            "transfer syntax of nobody": swap(self.file(), b"1.2.840.10008.1.2.1\0", syntax),
        }  # fmt: skip
        return {name: Case(data, "published") for name, data in made.items()}

    def wrapped(self) -> Cases:
        """Identifiers around the data set, and in its pixels."""
        c, token = self.c, self.c.word.encode()
        titles = [f"{end}ApplicationEntityTitle" for end in ("Source", "Sending", "Receiving")]
        uids = ("ImplementationClassUID", "PrivateInformationCreatorUID")
        meta = {
            **dict.fromkeys((*titles, "ImplementationVersionName"), c.word),
            **dict.fromkeys(uids, f"1.2.{c.digits}"),
            "PrivateInformation": token,
        }
        slice_ = self.one()
        name = c.name.encode().ljust(len(slice_.PixelData), b"\0")
        return {
            "preamble and meta": Case(encode(slice_, preamble=token.ljust(128, b"\0"), **meta), "published"),
            "deflated": Case(encode(self.one(), DEFLATED), "published"),
            "big endian": Case(encode(self.one(), ExplicitVRBigEndian), "published"),
            "trailing text": Case(self.file() + token + c.digits.encode(), "published"),
            "second file behind": Case(self.file() + self.file(), "published"),
            "cut in the pixels": Case(self.file()[:-9]),
            "cut in a name": Case(cut(self.file(), token, 4), "quarantined"),
            "pixels too long": Case(self.file(PixelData=slice_.PixelData * 2)),
            "name in pixels": Case(self.file(PixelData=name), "quarantined"),
            "name in JPEG": Case(in_jpeg(self.one(), f"of {c.name}"), "quarantined"),
            "part of a name in JPEG": Case(in_jpeg(self.one(), f"of {c.word}"), "quarantined"),
        }

    def refused(self) -> Cases:
        """What must not leave at all."""
        c, token, one = self.c, self.c.word.encode(), self.one
        withheld = {
            "by a rule": self.file(Modality="OT"),
            "burned-in text": self.file(BurnedInAnnotation="YES"),
            "ultrasound": self.file(SOPClassUID=UltrasoundImageStorage, Modality="US"),
        }
        quarantined = {
            "report": self.file(SOPClassUID=BasicTextSRStorage, ContentSequence=[item(TextValue=c.word)]),
            "document": self.file(SOPClassUID=EncapsulatedPDFStorage, EncapsulatedDocument=token),
            "directory": self.file(SOPClassUID=MediaStorageDirectoryStorage),
            "class of nobody": self.file(SOPClassUID=f"1.2.826.{c.digits}"),
            "no rows": encode(without(one(), "Rows")),
            "page": f"<html><title>{c.word}</title></html>".encode(),
            "text": f"{c.word} {c.digits} {c.chinese} {c.birth}".encode(),
            "nothing": b"",
            "packed": gzip.compress(self.file()),
            "zip": zipped(f"{c.word}.dcm", self.file()),
        }
        return {name: Case(data, "withheld") for name, data in withheld.items()} | {
            name: Case(data, "quarantined") for name, data in quarantined.items()
        }

    def twins(self) -> Cases:
        """Files that only together are wrong."""
        copy, first, second, third, fourth = self.file(), *(self.one() for _ in range(4))
        second.SOPInstanceUID, second.StudyInstanceUID = first.SOPInstanceUID, first.StudyInstanceUID
        second.ConvolutionKernel = "SHARP"
        fourth.StudyInstanceUID, fourth.PatientID = third.StudyInstanceUID, self.c.word
        cases = {"copy 1": Case(copy, "published"), "copy 2": Case(copy, "duplicate")}
        rivals = {"one UID 1": first, "one UID 2": second, "two patients 1": third, "two patients 2": fourth}
        return cases | {name: Case(encode(rival), "quarantined") for name, rival in rivals.items()}


ONCE_LEAKED = (
    "full width",
    "words that are dates",
    "wide text in a profile",
    "part of a name in JPEG",
    "transfer syntax of nobody",
)
"""Cases that did leak before they were mended: each is also looked at alone."""


def write_source(folder: Path, canaries: Canaries, cases: Mapping[str, Case]) -> dict[bytes, str | None]:
    """Write the source; gives for each path how it must end, None where it may end in any way."""
    c, born = canaries, f"{canaries.birth:%Y-%m-%d}"
    expected: dict[bytes, str | None] = {}

    def write(path: bytes, data: bytes, state: str | None) -> None:
        full = os.path.join(os.fsencode(folder), path)  # noqa: PTH118 - names that are no text
        os.makedirs(os.path.dirname(full), exist_ok=True)  # noqa: PTH103, PTH120
        with open(full, "wb") as file:  # noqa: PTH123
            file.write(data)
        expected[full] = state

    for study, series, instance in ORDINARY:
        name = f"{c.word} {born}/{c.chinese}/{c.digits}-{study}-{series}-{instance}.dcm"
        write(os.fsencode(name), part10(scan(c, study, series, instance), implicit=series == 2), "published")
    for number, (what, case) in enumerate(cases.items()):
        write(os.fsencode(f"{c.word}_{day(c.birth)}/{what} of {c.word} {number}"), case.data, case.state)
    odd_names = (b"%s\xff\xfe.dcm", b"two\nlines %s.dcm", b"-rf %s", b"%%5A %s %%s {0}.dcm", b"<b>%s</b>.dcm")
    for number, name in enumerate(odd_names):
        write(name % c.word.encode(), part10(scan(c, 50 + number)), "published")
    for number, (path, row) in enumerate(hostile_cases()):
        data = path.read_bytes()
        for first, uid in zip((100, 500), HOSTILE_UIDS, strict=True):
            data = data.replace(uid, uid[:-3] + b"%d" % (first + number))
        write(os.fsencode(f"hostile/{row['id']} ZQXCANARY"), data, None)
    link, pipe = folder / f"link to {c.word}", folder / f"pipe of {c.word}"
    link.symlink_to(f"/home/{c.word}.dcm")
    os.mkfifo(pipe)
    return expected | dict.fromkeys((os.fsencode(link), os.fsencode(pipe)), "quarantined")


ORDINARY = [(1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 2, 1), (1, 2, 2), (2, 1, 1), (2, 1, 2)]
"""Study, series and instance of the slices nothing is wrong with; series 2 is written with implicit VRs."""


# -- runs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run of the command and the folders it had to itself."""

    place: Path
    canaries: Canaries
    source: Path
    expected: Mapping[bytes, str | None]
    exit_code: int

    @property
    def target(self) -> Path:
        return self.place / "target"

    @cached_property
    def ledger(self) -> dict[str, dict[str, Any]]:
        rows = DeltaTable(self.target / "restricted" / "ledger").to_pyarrow_table().to_pylist()
        return {row["source_uri"]: row for row in rows}

    @cached_property
    def report(self) -> dict[str, Any]:
        (path,) = self.target.glob("docs/runs/*/report.json")
        return json.loads(path.read_bytes())

    def row(self, study: int, series: int, instance: int) -> dict[str, Any]:
        (path,) = [
            path for path in self.expected if path.endswith(f"-{study}-{series}-{instance}.dcm".encode())
        ]
        return self.ledger[file_uri(path)]

    def published(self, study: int, series: int, instance: int) -> Dataset:
        uid = self.row(study, series, instance)["SOPInstanceUID"]
        (path,) = (self.target / "published" / "dicom").rglob(f"{uid}.dcm")
        return pydicom.dcmread(path)


LOUD = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_SERVER_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
    "PREFECT_CLIENT_MAX_RETRIES": "0",
    "PREFECT_LOGGING_LOG_PRINTS": "true",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "pydicom,distributed,great_expectations,deltalake,dask,fsspec",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "DASK_LOGGING__DISTRIBUTED": "debug",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "0.01",
    "PYTHONWARNINGS": "default",
    "RUST_LOG": "debug",
    "DICOMFLOW_KEY": KEY_TEXT,
}
"""What an operator in search of a fault turns on, all at once."""


def dicomflow(
    place: Path,
    *arguments: str | Path,
    name: str = "clean",
    loud: bool = False,
    file_bytes: int = 0,
    stop_at: str = "",
) -> int:
    """Run the command with every folder it may write to below `place`; what it says goes to files there.

    `file_bytes` limits the files it may write, `stop_at` is a pattern of what it writes before it is told to stop.
    """
    folders = {
        "HOME": "home", "TMPDIR": "tmp", "PREFECT_HOME": "prefect", "DASK_TEMPORARY_DIRECTORY": "dask",
        "XDG_CACHE_HOME": "home", "XDG_CONFIG_HOME": "home", "XDG_RUNTIME_DIR": "home",
    }  # fmt: skip
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH")
    }
    environment = kept | {variable: str(place / folder) for variable, folder in folders.items()}
    for folder in (*folders.values(), "said", "gone"):
        (place / folder).mkdir(parents=True, exist_ok=True)

    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    if file_bytes:
        command = ["sh", "-c", f'ulimit -f {file_bytes // 512}; exec "$@"', "sh", *command]
    with (
        (place / "said" / f"{name}.out").open("wb") as out,
        (place / "said" / f"{name}.err").open("wb") as err,
        keeping_what_goes([place / "tmp", place / "dask", place / "home"], place / "gone"),
    ):
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment | (LOUD if loud else {}),
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
        )
        try:
            while stop_at and process.poll() is None and not any(place.glob(stop_at)):
                time.sleep(0.02)
            if stop_at:
                process.terminate()
            return process.wait(600)
        finally:
            process.kill()


@contextmanager
def keeping_what_goes(folders: Sequence[Path], keep: Path) -> Iterator[None]:
    """Link every file that appears in `folders` into `keep`, so that deleting it does not hide what it held."""
    ended, seen = threading.Event(), set[tuple[int, int]]()

    def look() -> None:
        while not ended.wait(0.03):
            for folder, _, names in (step for root in folders for step in os.walk(root)):
                for name in names:
                    path = Path(folder) / name
                    try:
                        status = path.lstat()
                        if (status.st_dev, status.st_ino) not in seen:
                            os.link(path, keep / f"{len(seen)} {name}", follow_symlinks=False)
                            seen.add((status.st_dev, status.st_ino))
                    except OSError:
                        continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def write_key(place: Path) -> Path:
    key = place / "key"
    key.touch(mode=0o600)
    key.write_text(KEY_TEXT)
    return key


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries.make()


@pytest.fixture(scope="module")
def cases(canaries: Canaries) -> dict[str, Case]:
    with as_written():
        return Cabinet(canaries).all()


@pytest.fixture(scope="module")
def source(
    canaries: Canaries, cases: dict[str, Case], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[bytes, str | None]]:
    folder = (
        tmp_path_factory.mktemp("source") / f"of {canaries.word} {canaries.birth:%Y-%m-%d}" / canaries.chinese
    )
    folder.mkdir(parents=True)
    with as_written():
        return folder, write_source(folder, canaries, cases)


@pytest.fixture(scope="module")
def run(
    canaries: Canaries, source: tuple[Path, dict[bytes, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Clean the source, and ask for it afterwards."""
    place = tmp_path_factory.mktemp("run")
    (place / "rules.yaml").write_text(DEFAULT_RULES.read_text() + RULE)
    key, target = ("--key-file", write_key(place)), place / "target"
    options = ("--batch-objects", "100", "--rules", place / "rules.yaml", "--identities")
    finished = Run(place, canaries, *source, dicomflow(place, "clean", source[0], target, *key, *options))
    dicomflow(place, "show", target, name="show")
    dicomflow(place, "show", target, "--json", name="show-json")
    dicomflow(place, "clean", source[0], target, *key, "--dry-run", "--json", name="dry")
    return finished


@pytest.fixture(scope="module")
def loud_run(
    canaries: Canaries, source: tuple[Path, dict[bytes, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Clean the source for its metadata alone, all logs on, the key at hand; stop it halfway and resume it."""
    place = tmp_path_factory.mktemp("loud")
    arguments = (
        "clean",
        source[0],
        place / "target",
        "--outputs",
        "metadata",
        "--batch-objects",
        "30",
        "--identities",
        "--json",
    )
    stopped = dicomflow(place, *arguments, name="stopped", loud=True, stop_at="target/staging/*/reports/*")
    assert stopped == 130
    return Run(place, canaries, *source, dicomflow(place, *arguments, loud=True))


CHANNELS = {
    "runs": "target/restricted/runs",
    "words of the data": "target/restricted/vocabulary.json",
    "quality": "target/restricted/quality",
    "files": "target/published/dicom",
    "instances": "target/published/instances",
    "series": "target/published/series",
    "studies": "target/published/studies",
    "docs": "target/docs",
    "lineage": "target/lineage",
    "findings": "target/restricted/audit",
    "changes": "target/restricted/changes",
    "changed": "target/restricted/changed",
    "identities": "target/restricted/identities",
    "withheld files": "target/restricted/withheld",
    "log of the ledger": "target/restricted/ledger/_delta_log",
    "key check": "target/restricted/key_check.json",
    "lock": "target/restricted/lock",
    "staging": "target/staging",
    "output": "said",
    "Prefect": "prefect",
    "Dask": "dask",
    "temporary files": "tmp",
    "deleted temporary files": "gone",
    "home": "home",
}
MAY_BE_EMPTY = {"staging", "temporary files", "home", "lock", "Dask"}
NO_FILES = {"files", "withheld files"}


def told(hits: Sequence[Hit]) -> str:
    return "\n".join(f"{hit.place}\n    {hit.form}: {hit.excerpt}" for hit in hits[:40])


def search(run: Run, channel: str) -> list[Hit]:
    path = run.place / CHANNELS[channel]
    return find_canaries(path, run.canaries.needles, channel) if path.exists() else []


# -- nothing gets out --------------------------------------------------------------------------------------


def test_each_file_of_the_source_holds_canaries(
    source: tuple[Path, dict[bytes, str | None]], canaries: Canaries
) -> None:
    own = [needle for needle in canaries.needles if needle.name != "key" and "hostile" not in needle.name]
    held: set[str] = set()
    for path in source[1]:
        if b"/hostile/" not in path and os.path.isfile(path):  # noqa: PTH113 - names that are no text
            hits = find_canaries(Path(os.fsdecode(path)), own, strict=False)
            assert hits or not Path(os.fsdecode(path)).stat().st_size
            held |= {hit.form.split(":")[0] for hit in hits}
    assert held == {needle.name for needle in own}


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_canary_is_in(channel: str, run: Run) -> None:
    assert (run.place / CHANNELS[channel]).exists() or channel in MAY_BE_EMPTY
    hits = search(run, channel)
    assert not hits, told(hits)


@pytest.mark.parametrize("channel", [channel for channel in CHANNELS if channel not in NO_FILES])
def test_no_canary_is_in_an_interrupted_run_with_all_logs_on(channel: str, loud_run: Run) -> None:
    assert (loud_run.place / CHANNELS[channel]).exists() or channel in MAY_BE_EMPTY
    hits = search(loud_run, channel)
    assert not hits, told(hits)


@pytest.mark.parametrize("channel", [channel for channel in CHANNELS if channel not in MAY_BE_EMPTY])
def test_channel_holds_something_to_search(channel: str, run: Run) -> None:
    path = run.place / CHANNELS[channel]
    assert any(
        file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()
    )


def test_prefect_recorded_the_run_and_its_log(loud_run: Run) -> None:
    with closing(sqlite3.connect(loud_run.place / "prefect" / "prefect.db")) as database:
        for table in ("flow_run", "task_run", "task_run_state", "artifact", "events", "log"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names from above


def test_everything_else_of_the_run_was_searched(run: Run) -> None:
    places = [str(path.relative_to(run.place)) for path in run.place.rglob("*") if path.is_file()]
    searched = (
        *CHANNELS.values(),
        "target/restricted/ledger/part-",
        "target/restricted/quarantine/",
        "key",
        "rules.yaml",
    )
    assert [place for place in places if not place.startswith(searched)] == []


def test_ledger_names_the_source_in_its_uri_alone(run: Run) -> None:
    rows = [dict(row) for row in run.ledger.values()]
    assert all(canaries_in(run, row.pop("source_uri")) for row in rows)
    hits = find_canaries(repr(rows).encode(), run.canaries.needles, "ledger")
    assert not hits, told(hits)


def test_quarantine_names_the_source_in_its_uri_alone(run: Run) -> None:
    (path,) = (run.target / "restricted" / "quarantine").iterdir()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(canaries_in(run, row.pop("source_uri")) for row in rows)
    hits = find_canaries(json.dumps(rows).encode(), run.canaries.needles, "quarantine")
    assert not hits, told(hits)


def canaries_in(run: Run, text: str) -> list[Hit]:
    return canaries_in_text(text, run.canaries)


def canaries_in_text(text: str, canaries: Canaries) -> list[Hit]:
    return find_canaries(text.encode(), canaries.needles)


# -- and the useful part does ------------------------------------------------------------------------------


def test_every_object_is_accounted_for(run: Run) -> None:
    report = run.report
    states = ("published", "withheld", "quarantined", "duplicate")
    assert report["listed"] == len(run.expected) == len(run.ledger)
    assert report["listed"] == sum(report[state] for state in states)
    assert run.exit_code == 3
    assert not (run.target / "staging").exists() or not list((run.target / "staging").rglob("*.*"))


def test_every_object_ends_as_it_should(run: Run) -> None:
    ended = {path: run.ledger[file_uri(path)] for path in run.expected}
    wrong = {
        os.path.basename(path): (state, ended[path]["state"], ended[path]["reason"])  # noqa: PTH119 - bytes
        for path, state in run.expected.items()
        if state is not None and ended[path]["state"] != state
    }
    assert not wrong


def test_most_of_the_hostile_corpus_was_published(run: Run) -> None:
    hostile = [run.ledger[file_uri(path)]["state"] for path in run.expected if b"/hostile/" in path]
    if not hostile:
        pytest.skip("the hostile corpus is not here")
    assert hostile.count("published") > len(hostile) // 2


@pytest.mark.parametrize("place", ORDINARY)
def test_pixels_are_those_of_the_source(place: tuple[int, int, int], run: Run) -> None:
    assert run.published(*place).PixelData == scan(run.canaries, *place).PixelData


def test_what_research_needs_is_kept(run: Run) -> None:
    kept = (
        "Modality",
        "Rows",
        "Columns",
        "PixelSpacing",
        "Manufacturer",
        "ManufacturerModelName",
        "PatientSex",
    )
    kept += ("PatientAge", "SliceThickness", "KVP", "ImagePositionPatient", "ImageOrientationPatient")
    kept += ("RescaleSlope", "RescaleIntercept", "ImageType", "StudyTime", "InstanceNumber", "SOPClassUID")
    for place in ORDINARY:
        before, after = scan(run.canaries, *place), run.published(*place)
        assert {keyword: after[keyword].value for keyword in kept} == {
            keyword: before[keyword].value for keyword in kept
        }


def test_tables_hold_a_row_for_each_published_object(run: Run) -> None:
    rows = DeltaTable(run.target / "published" / "instances").to_pyarrow_table()
    uids = {row["SOPInstanceUID"] for row in run.ledger.values() if row["state"] == "published"}
    assert sorted(rows["SOPInstanceUID"].to_pylist()) == sorted(uids)
    assert len(list((run.target / "published" / "dicom").rglob("*.dcm"))) == len(uids)
    assert rows["Modality"].to_pylist().count("CT") > len(ORDINARY)


def test_one_patient_stays_one_patient(run: Run) -> None:
    names = {
        (str(made.PatientName), made.PatientID) for made in (run.published(*place) for place in ORDINARY)
    }
    assert len(names) == 1


def test_days_between_studies_are_kept(run: Run) -> None:
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDateTime"):
        first, second = (run.published(study, 1, 1)[keyword].value for study in (1, 2))
        days = [date.fromisoformat(value[:8]) for value in (first, second)]
        assert days[1] - days[0] == timedelta(days=DAYS_BETWEEN_STUDIES)
        assert days[0] < run.canaries.study


def test_references_between_instances_still_resolve(run: Run) -> None:
    for instance in (1, 2):
        (reference,) = run.published(1, 1, instance).ReferencedImageSequence
        assert reference.ReferencedSOPInstanceUID == run.published(1, 1, instance + 1).SOPInstanceUID


def test_slices_of_a_study_stay_together(run: Run) -> None:
    made = [run.published(*place) for place in ORDINARY]
    studies = {
        (place[0], ds.StudyInstanceUID, ds.FrameOfReferenceUID)
        for place, ds in zip(ORDINARY, made, strict=True)
    }
    series = {(*place[:2], ds.SeriesInstanceUID) for place, ds in zip(ORDINARY, made, strict=True)}
    assert len(studies) == len({ds.StudyInstanceUID for ds in made}) == 2
    assert len(series) == len({ds.SeriesInstanceUID for ds in made}) == 3


def test_metadata_alone_writes_no_file(loud_run: Run) -> None:
    assert not (loud_run.target / "published" / "dicom").exists()
    assert json.loads((loud_run.place / "said" / "clean.out").read_bytes())["published"] > len(ORDINARY)


# -- nothing gets out of what fails ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failed_run(canaries: Canaries, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Let every write of a worker fail for its size, with all logs on."""
    place = tmp_path_factory.mktemp("failed")
    folder = place / "source" / f"of {canaries.word}" / canaries.chinese
    folder.mkdir(parents=True)
    with as_written():
        big = scan(canaries, Rows=2200, Columns=2200, PixelData=os.urandom(2 * 2200 * 2200))
        (folder / f"{canaries.word}.dcm").write_bytes(part10(big))
    arguments = ("clean", folder, place / "target", "--key-file", write_key(place))
    code = dicomflow(place, *arguments, loud=True, file_bytes=8 << 20)
    return Run(place, canaries, folder, {}, code)


FAILED = (
    "output",
    "Prefect",
    "Dask",
    "temporary files",
    "deleted temporary files",
    "home",
    "docs",
    "lineage",
)


@pytest.mark.parametrize("channel", FAILED)
def test_no_canary_is_in_what_a_failing_worker_leaves(channel: str, failed_run: Run) -> None:
    assert failed_run.exit_code == 1
    hits = search(failed_run, channel)
    assert not hits, told(hits)


def test_failing_worker_is_named_by_type_and_place(failed_run: Run) -> None:
    said = (failed_run.place / "said" / "clean.err").read_text()
    assert "EFBIG" in said
    assert "Run the same command again" in " ".join(said.split())


def test_staging_of_a_failing_run_names_nothing_of_the_source(failed_run: Run) -> None:
    folder = failed_run.target / "staging"
    assert any(path.is_file() for path in folder.rglob("*"))
    hits = find_canaries(folder, failed_run.canaries.needles, "staging")
    assert not hits, told(hits)
    # The lists of objects are there all the same, where only data protection may look.
    assert list((failed_run.target / "restricted" / "staging").glob("*/manifests/*"))


def test_source_too_deep_to_list_fails_without_its_name(canaries: Canaries, tmp_path: Path) -> None:
    source = tmp_path / canaries.word
    source.mkdir()
    with too_deep(source, f"{canaries.word} {canaries.birth:%Y-%m-%d} ".ljust(250, "x")):
        code = dicomflow(tmp_path, "clean", source, tmp_path / "target", loud=True)
    assert code in (1, 2)
    for channel in ("output", "Prefect", "Dask", "temporary files", "deleted temporary files"):
        hits = search(Run(tmp_path, canaries, source, {}, code), channel)
        assert not hits, told(hits)


@contextmanager
def too_deep(folder: Path, name: str) -> Iterator[None]:
    """Nest folders until their path is longer than the kernel takes, so that listing them fails."""
    steps = [os.open(folder, os.O_RDONLY)]
    try:
        for _ in range(17):
            os.mkdir(name, dir_fd=steps[-1])
            steps.append(os.open(name, os.O_RDONLY, dir_fd=steps[-1]))
        yield
    finally:
        for step in reversed(steps):
            if step != steps[-1]:
                os.rmdir(name, dir_fd=step)
        for step in steps:
            os.close(step)


@pytest.mark.parametrize("what", ["source", "target", "rules", "profile", "key", "config", "outputs"])
def test_mistake_of_an_operator_is_explained_without_the_name(
    what: str, canaries: Canaries, tmp_path: Path
) -> None:
    source, broken = tmp_path / f"of {canaries.word}", tmp_path / "mistaken.yaml"
    source.mkdir()
    broken.write_text(f"a:\n  - id: {canaries.word}\n    b: {canaries.chinese}\n  {canaries.digits}: [")
    broken.chmod(0o600)
    target, key = tmp_path / "target", ("--key-file", write_key(tmp_path))
    options: Mapping[str, Sequence[str | Path]] = {
        "source": (source / "gone", target, *key),
        "target": (source, source / "target", *key),
        "rules": (source, target, *key, "--rules", broken),
        "profile": (source, target, *key, "--profile", broken),
        "key": (source, target, "--key-file", broken),
        "config": (source, target, "--config", broken),
        "outputs": (source, target, *key, "--outputs", canaries.word),
    }
    code = dicomflow(tmp_path, "clean", *options[what])
    hits = find_canaries(tmp_path / "said", canaries.needles, what)
    assert code == 2
    assert not hits, told(hits)


# -- what is known to get out ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONCE_LEAKED)
def test_no_canary_is_in_an_output_of(name: str, cases: dict[str, Case], canaries: Canaries) -> None:
    deidentifier = Deidentifier(load_key(text=KEY_TEXT), load_profile("research"))
    cleaned = clean_instance(Buffer(cases[name].data), deidentifier, pixels=True)
    if isinstance(cleaned, Reject):
        return
    header = cleaned.header.decode()
    hits = find_canaries(b"".join(cleaned.pieces()), canaries.needles) + canaries_in_text(header, canaries)
    assert not hits, told(hits)


# -- the search works --------------------------------------------------------------------------------------


def database_with(data: bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE flow_run (id INTEGER, parameters JSON)")
        database.execute(
            "INSERT INTO flow_run VALUES (1, ?)",
            [json.dumps({"result": b64encode(gzip.compress(data)).decode()})],
        )
        database.commit()
        return database.serialize()


def parquet_with(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def forgotten_in_dictionary(text: str) -> bytes:
    """Keep the text in a dictionary to which no row refers."""
    words = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0], pa.int8()), pa.array(["x", text]))
    return parquet_with(pa.table({"Modality": words}), compression="snappy")


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


def planted(canaries: Canaries) -> dict[str, bytes]:
    """Hide a token in each kind of channel."""
    word, text = canaries.word.encode(), f"name: {canaries.name}, born {canaries.birth:%Y-%m-%d}"
    data = text.encode()
    with as_written():
        private = with_elements(ct_instance(), (0x00090010, "LO", "ACME"), (0x00091001, "UN", word))
        nested = ct_instance(
            SharedFunctionalGroupsSequence=[item(FrameContentSequence=[item(FrameComments=canaries.word)])]
        )
        dicom = {
            "private element of a deflated file": encode(private, DEFLATED),
            "nested element": encode(nested),
            "meta": encode(ct_instance(), SourceApplicationEntityTitle=canaries.word),
            "Chinese name": encode(
                ct_instance(SpecificCharacterSet="GB18030", PatientComments=canaries.chinese)
            ),
            "Japanese double width": encode(
                ct_instance(SpecificCharacterSet="\\ISO 2022 IR 87", PatientName=full_width(canaries.word))
            ),
        }
    rows = pa.table(
        {"header": [json.dumps({"00100010": text})] * 500, "day": pa.array([canaries.birth] * 500)}
    )
    nested_rows = pa.table({"items": [[{"who": {"name": text}}], [], None]})
    return {
        "dictionary page": parquet_with(rows.select(["header"]), use_dictionary=True, compression="zstd"),
        "plain page": parquet_with(rows.select(["header"]), use_dictionary=False, compression="gzip"),
        "page of snappy": parquet_with(rows.select(["header"]), compression="snappy"),
        "page of dates": parquet_with(rows.select(["day"]), compression="brotli"),
        "nested column": parquet_with(nested_rows, compression="lz4"),
        "forgotten word of a dictionary": forgotten_in_dictionary(text),
        "footer": parquet_with(pa.table({"a": [1]}).replace_schema_metadata({"pandas": zlib.compress(data)})),
        "name of a column": parquet_with(pa.table({canaries.word: [1]})),
        "gzip in base64 in a database": database_with(data),
        "pickle in a database": database_with(pickle.dumps({"who": [text]})),
        "page in UTF-16": f"<p>{canaries.word}</p>".encode("utf-16"),
        "page in UTF-16 without mark": f"<p>{b64encode(gzip.compress(data)).decode()}</p>".encode("utf-16-be"),
        "page with entities": "".join(f"&#{ord(letter)};" for letter in canaries.word).encode(),
        "page in full width": full_width(canaries.word).encode("gb18030"),
        "pickle": pickle.dumps(ValueError(text)),
        "pickled date": pickle.dumps({"born": canaries.birth}),
        "pickled bytes": b"junk before" + pickle.dumps(zlib.compress(data), protocol=2),
        "zstd": b"junk before" + zstd(data) + b"junk behind",
        "zstd in zstd": zstd(zstd(data)),
        "bzip2": bz2.compress(data),
        "zip": zipped("a.bin", zstd(data)),
        "name in a zip": zipped(f"{canaries.word}.txt", b""),
        "base64": b64encode(b"1" + data),
        "base64 at the next place": b64encode(b"12" + data),
        "base64 of UTF-16": b64encode(canaries.word.encode("utf-16-le")),
        "base64 in lines": encodebytes(gzip.compress(os.urandom(200) + data)),
        "base64 of URLs": urlsafe_b64encode(gzip.compress(data)),
        "hex": gzip.compress(data).hex().encode(),
        "link": urllib.parse.quote(f"file:///{canaries.chinese}").encode(),
        "JSON": json.dumps({"a": [canaries.chinese]}).encode(),
        "JSON in JSON": json.dumps({"a": json.dumps({"b": json.dumps({"c": canaries.chinese})})}).encode(),
        "line of a log": f"value={canaries.chinese.encode('gb18030')!r}".encode(),
        "misread": canaries.chinese.encode("gb18030").decode("latin-1").encode(),
        "upside down": canaries.word.lower()[::-1].encode(),
        "mixed case": canaries.word.title().encode(),
        "number": canaries.digits.encode("utf-16-le"),
        "day first": f"{canaries.birth:%d.%m.%Y}".encode(),
        "day in a time": f"{canaries.birth:%Y%m%d}101530.000000".encode(),
        "day in a UID": f"1.2.826.{day(canaries.birth)}.1".encode(),
        "repr of a date": repr(canaries.birth).encode(),
        **dicom,
    }  # fmt: skip


PLANTED = list(planted(Canaries.make()))


@pytest.mark.parametrize("what", PLANTED)
def test_planted_canary_is_found(what: str, canaries: Canaries) -> None:
    assert find_canaries(planted(canaries)[what], canaries.needles)


@pytest.mark.parametrize("what", PLANTED)
def test_other_canaries_are_not_found(what: str, canaries: Canaries) -> None:
    other = Canaries("ZQOTHERONE", "讳莫如深", "7000000001", date(1945, 5, 6), date(2001, 1, 2))
    needles = [needle for needle in other.needles if "hostile" not in needle.name]
    assert not find_canaries(planted(canaries)[what], needles)


def test_canary_in_a_journal_of_a_database_is_found(canaries: Canaries, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE log (message TEXT)")
        database.commit()
        database.execute(
            "INSERT INTO log VALUES (?)", [b64encode(zlib.compress(canaries.name.encode())).decode()]
        )
        database.commit()
        hits = find_canaries(tmp_path, canaries.needles)
    assert any("log.message" in hit.place for hit in hits)


def test_canary_in_a_name_or_behind_a_link_is_found(canaries: Canaries, tmp_path: Path) -> None:
    (tmp_path / f"{canaries.chinese}.txt").touch()
    (tmp_path / "link").symlink_to(canaries.word)
    places = {hit.place for hit in find_canaries(tmp_path, canaries.needles)}
    assert {place.split()[0] for place in places} == {"name", "link"}


def test_uid_of_ours_is_no_date(canaries: Canaries) -> None:
    assert not find_canaries(
        f"2.25.31{day(canaries.birth)}00000000000000000000000000000".encode(), canaries.needles
    )


def test_what_cannot_be_decoded_fails_the_search(canaries: Canaries) -> None:
    for damaged in (
        b"PAR1 no table PAR1",
        b"SQLite format 3\0 no database",
        encode(ct_instance(), DEFLATED)[:500],
    ):
        with pytest.raises(Undecodable):
            find_canaries(damaged, canaries.needles)
