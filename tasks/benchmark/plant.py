"""Plants identifiers at every place where files are meant to hold them, and some deeper; the rest is in `hidden`."""

from __future__ import annotations

from datetime import timedelta

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.uid import UID

from tasks.benchmark import identifiers as made
from tasks.benchmark.answers import META, Action, Answer, Step
from tasks.benchmark.hidden import plant_hidden
from tasks.benchmark.people import Written, parts_of, write_pn
from tasks.benchmark.planter import CHARACTERISTICS, Planter

_SHORT_TEXTS = ("StudyDescription", "SeriesDescription", "ProtocolName", "RequestedProcedureDescription",
                "PerformedProcedureStepDescription", "ReasonForStudy", "AdmittingDiagnosesDescription")  # fmt: skip
_LONG_TEXTS = ("ImageComments", "PatientComments", "AdditionalPatientHistory", "StudyComments", "DerivationDescription",
               "RequestedProcedureComments", "CommentsOnThePerformedProcedureStep")  # fmt: skip
_SHIFTED = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate",
            "PerformedProcedureStepStartDate", "AcquisitionDateTime", "DateOfLastCalibration")  # fmt: skip


def plant(planter: Planter) -> tuple[Answer, ...]:
    """Plant everything, each kind at its places; give the rows of the key."""
    planter.declare_charset()
    for put in (_header, _uids, _dates, _texts, _nested, plant_hidden):
        put(planter)
    _useful(planter)
    return tuple(planter.answers)


def _header(planter: Planter) -> None:
    study, patient, source = planter.study, planter.study.patient, planter.source
    doctor = write_pn(source, study.doctor)
    identify = planter.identify
    identify("patient name", "PatientName", patient.name)
    identify("patient number", "PatientID", made.write_number(patient.patient_id))
    planter.remember(
        Action.PATID_CONSISTENT,
        "patient number",
        "main data set",
        (Step(0x00100020),),
        patient.patient_id,
    )
    identify("date", "PatientBirthDate", Written(f"{patient.born:%Y%m%d}"))
    identify("accession number", "AccessionNumber", made.write_number(study.accession[:16]))
    identify("physician", "ReferringPhysicianName", doctor)
    identify("hospital", "InstitutionName", study.hospital)
    identify("address", "InstitutionAddress", planter.makers["ADDRESS"]())
    identify("address", "PatientAddress", study.address)
    identify("telephone", "PatientTelephoneNumbers", Written(study.phone.text[:16], study.phone.traces))
    for category, keyword, value in (
        ("other person", "OperatorsName", planter.somebody()),
        ("physician", "PerformingPhysicianName", doctor),
        ("other person", "ResponsiblePerson", planter.somebody()),
        ("patient name", "OtherPatientNames", patient.name),
        ("patient number", "OtherPatientIDs", Written(made.draw_id(source))),
        ("telephone", "ReferringPhysicianTelephoneNumbers", planter.makers["PHONE"]()),
        ("national number", "MedicalRecordLocator", Written(made.resident_number(source, patient.born))),
        ("hospital", "InstitutionalDepartmentName", planter.makers["HOSPITAL"]()),
        ("device", "StationName", Written(f"WS{made.draw_digits(source, '999999')}")),
        ("device", "DeviceSerialNumber", Written(made.draw_digits(source, "999999999"))),
        ("patient number", "AdmissionID", Written(made.draw_digits(source, "9999999999"))),
        (
            "other person",
            "MilitaryRank",
            Written(f"Sgt {study.other.latin[0]}", parts_of(study.other.latin[0])),
        ),
        ("URL", "RetrieveURL", planter.makers["URL"]()),
    ):
        if source.random() < 0.6:
            identify(category, keyword, value)
    _characteristics(planter)


def _characteristics(planter: Planter) -> None:
    for keyword, value in (
        ("PatientSex", "F"),
        ("PatientAge", _age(planter)),
        ("PatientWeight", "71.5"),
        ("PatientSize", "1.68"),
    ):
        step = planter.put_value(planter.dataset, keyword, value)
        planter.remember(
            Action.TAG_RETAINED, "characteristic", "main data set", (step,), value, CHARACTERISTICS
        )


def _age(planter: Planter) -> str:
    """Write the age in years at the study: one that its dates contradict is no useful element."""
    born, day = planter.study.patient.born, planter.study.day
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return f"{min(max(years, 0), _OLDEST_TOLD):03d}Y"


_OLDEST_TOLD = 89
"""Years above which cleaners rightly tell no age."""


def _uids(planter: Planter) -> None:
    study, number = planter.study, planter.source.randrange(10**12)
    values = {
        "StudyInstanceUID": study.uid,
        "SeriesInstanceUID": f"{study.uid}.{planter.clean.dataset.get('SeriesNumber') or 1}",
        "SOPInstanceUID": f"{study.uid}.3.{number}",
        "FrameOfReferenceUID": study.frame,
    }
    for keyword, value in values.items():
        planter.put_uid(planter.dataset, keyword, value)
    planter.remember(Action.TEXT_NOTNULL, "identity of the object", "main data set", (Step(0x00080018),), "")
    planter.dataset.file_meta.MediaStorageSOPInstanceUID = UID(values["SOPInstanceUID"])
    planter.remember(Action.TEXT_REMOVED, "UID", META, (), values["SOPInstanceUID"])


def _dates(planter: Planter) -> None:
    for keyword in _SHIFTED:
        if keyword == "StudyDate" or planter.source.random() < 0.7:
            later = 0 if keyword == "StudyDate" else planter.source.choice((0, 0, 1, -400))
            planter.put_date(planter.dataset, keyword, planter.study.day + timedelta(days=later))
    if planter.source.random() < 0.5:
        planter.put_value(planter.dataset, "StudyTime", "101523.123")


def _texts(planter: Planter) -> None:
    for keyword in planter.source.sample(_SHORT_TEXTS, 4) + list(planter.clean.texts):
        planter.put_text(planter.dataset, keyword, "short")
    for keyword in planter.source.sample(_LONG_TEXTS, 3):
        planter.put_text(planter.dataset, keyword, "long")


def _nested(planter: Planter) -> None:
    """Plant a request with a person inside, at depths from one to five."""
    above: tuple[Step, ...] = ()
    dataset = planter.dataset
    for _ in range(planter.source.randrange(0, 5)):
        item = Dataset()
        step = planter.put_item(dataset, "ReferencedSeriesSequence", item)
        above = (*above, step)
        dataset = item
        planter.put_uid(item, "SeriesInstanceUID", f"{planter.study.uid}.3.{len(above)}", above)
        planter.put_date(item, "SeriesDate", planter.study.day, above)
        planter.put_text(item, "SeriesDescription", "short", above)
    request = Dataset()
    above = (*above, planter.put_item(dataset, "RequestAttributesSequence", request))
    planter.identify(
        "patient number",
        "RequestedProcedureID",
        Written(made.draw_digits(planter.source, "99999999")),
        dataset=request,
        above=above,
    )
    planter.put_text(request, "ReasonForTheRequestedProcedure", "short", above)
    other = Dataset()
    above = (*above, planter.put_item(request, "OtherPatientIDsSequence", other))
    planter.identify(
        "patient number",
        "PatientID",
        made.write_number(planter.study.patient.patient_id),
        dataset=other,
        above=above,
    )
    planter.identify(
        "physician",
        "ReferringPhysicianName",
        write_pn(planter.source, planter.study.doctor),
        dataset=other,
        above=above,
    )


def _useful(planter: Planter) -> None:
    for keyword, value in planter.clean.useful:
        tag = Tag(keyword)
        if (
            tag in planter.dataset
            and dictionary_VR(tag) == planter.dataset[tag].VR
            and planter.dataset[tag].value == value
        ):
            planter.remember(Action.TAG_RETAINED, "useful element", "main data set", (Step(tag),), str(value))
