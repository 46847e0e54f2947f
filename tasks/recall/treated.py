"""What becomes of one element of a main data set, worked out by itself so that it can be remembered.

Nearly all that is done to an element depends on its bytes alone, or on them and the patient: how it is
repaired, what is written for it, its JSON, its columns, which identifiers it gives away. Slices of a
series repeat most of their elements byte for byte. What depends on the elements beside it is not
decided here; `Notes` carries what is needed to decide it.
"""

from __future__ import annotations

from typing import NamedTuple

from tasks.cleaning.charset import CHARSET_RULES, unplain_texts
from tasks.cleaning.formats import FORMATS, Formats
from tasks.cleaning.repair import is_valid, repair
from tasks.deid.deidentify import Deidentifier
from tasks.deid.iods import UNKNOWN_IOD, Iod
from tasks.deid.private import name_unknown_creator
from tasks.deid.said import NOTHING, TELLING_VRS, Said, said_by, telling_tags
from tasks.deid.tokens import Tokens
from tasks.deid.trace import Trace
from tasks.deid.uids import is_concept, is_well_formed
from tasks.deid.work import Patient
from tasks.dicom.element import DataSet, Element
from tasks.dicom.encode import encode_element
from tasks.dicom.json_model import attribute_json
from tasks.dicom.locate import Unusual, element_of
from tasks.dicom.values import TEXT_VRS, encode_text
from tasks.records import Finding
from tasks.tables.rows import creator_columns, element_columns

_CHARSET_RULE_IDS = frozenset(rule.rule_id for rule in CHARSET_RULES)


class Syntax(NamedTuple):
    """How the elements of a data set are to be read, and treated.

    Attributes
    ----------
    explicit
        Whether VRs are written.
    signed
        Whether `US or SS` is SS, where they are not.
    encodings
        Python codecs of the text.
    iod
        By which compound codes are settled.
    formats
        By which values are repaired.
    """

    explicit: bool
    signed: bool
    encodings: tuple[str, ...]
    iod: Iod = UNKNOWN_IOD
    formats: Formats = FORMATS


class Notes(NamedTuple):
    """What only some elements have to say.

    Attributes
    ----------
    tokens, retained
        Searchable forms of the identifiers the original held, and of those that an option keeps.
    kept_text, kept_numbers, kept_bytes
        What of the value is kept, and so is searched for identifiers of the whole instance.
    repairs, findings
        Of cleaning, and of de-identification.
    unplain
        Texts that are not ASCII: together they may look like another character set.
    elements
        How many there are inside, itself included.
    said
        What the element says about who the instance is of.
    """

    tokens: tuple[Tokens, ...]
    retained: tuple[Tokens, ...]
    kept_text: tuple[bytes, ...]
    kept_numbers: tuple[bytes, ...]
    kept_bytes: tuple[bytes, ...]
    repairs: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    unplain: tuple[bytes, ...]
    elements: int
    said: Said


_SHORTEST_UID = 8
"""Bytes of a UID that is searched for as it is, beyond doubt."""
_NOTHING = Notes((), (), (), (), (), (), (), (), 1, NOTHING)


class Treated(NamedTuple):
    """What became of an element.

    Attributes
    ----------
    encoded, json
        What is written for it, and the member of the DICOM JSON object; empty where it is removed.
    columns
        Pairs of column and value.
    notes
        None where there is nothing to say.
    original, repaired
        The element before and after cleaning.
    trace
        The same before and after all.
    """

    encoded: bytes
    json: bytes
    columns: tuple[tuple[str, object], ...]
    notes: Notes | None
    original: Element
    repaired: Element
    trace: Trace


def treat_span(
    span: bytes, syntax: Syntax, patient: Patient, deidentifier: Deidentifier, creator: bytes = b""
) -> tuple[Treated, bool]:
    """Read, repair and de-identify the one element that `span` holds.

    Parameters
    ----------
    creator
        Of the block that a private element is in, where it may be kept.

    Returns
    -------
    tuple
        What became of it, and whether that is so for this patient only.

    Raises
    ------
    Unusual
        If its structure is not plain, or its text asks for another character set than the declared one.
    """
    if deidentifier.mapped_entities:
        mapped = _treat_entity_uid(span, syntax, deidentifier)
        if mapped is not None:
            return mapped, False
    original = element_of(span, explicit=syntax.explicit, signed=syntax.signed)
    repaired, repairs = _repair(original, syntax)
    treated, work = deidentifier.treat_element(repaired, syntax.encodings, patient, creator, syntax.iod)
    encoded = json = b""
    columns: tuple[tuple[str, object], ...] = ()
    if treated is not None:
        encoded = encode_element(treated, explicit=syntax.explicit)
        json = attribute_json(treated, syntax.encodings)
        columns = tuple(element_columns(treated, syntax.encodings).items())
    if unknown := name_unknown_creator(original, deidentifier.safe_private):
        columns = tuple(creator_columns(original, unknown_as=unknown).items())
    tokens, retained = _tokens(original, repaired, syntax.encodings, deidentifier)
    notes = Notes(
        tokens=tokens,
        retained=retained,
        kept_text=tuple(work.kept_text),
        kept_numbers=tuple(work.kept_numbers),
        kept_bytes=tuple(work.kept_bytes),
        repairs=repairs,
        findings=tuple(work.findings),
        unplain=_unplain(original, syntax.encodings),
        elements=1 if original.items is None else _count(original),
        said=said_by(repaired, syntax.encodings) if deidentifier.cleans_texts else NOTHING,
    )
    said = None if notes == _NOTHING else notes
    written = deidentifier.statement.get(original.tag, treated)
    trace = Trace(original, written, syntax.encodings)
    return Treated(encoded, json, columns, said, original, repaired, trace), work.asked_for_patient


def _treat_entity_uid(span: bytes, syntax: Syntax, deidentifier: Deidentifier) -> Treated | None:
    """Treat a plain UID of the instance, its series or its study; None for anything else.

    An instance repeats all but this: of what is new in it, its UID is the most. So what becomes of a UID with
    nothing to say about it is put down here, and `tests/recall` holds it to what the whole way makes of it.
    """
    tag = _tag_of(span)
    if tag not in deidentifier.mapped_entities:
        return None
    value = span[8:]
    length = span[6:8] if syntax.explicit else span[4:8]
    uid = value[:-1] if value.endswith(b"\0") else value
    if (
        len(uid) < _SHORTEST_UID
        or len(value) % 2
        or int.from_bytes(length, "little") != len(value)
        or (syntax.explicit and span[4:6] != b"UI")
        or not is_well_formed(uid)
        or is_concept(uid)
    ):
        return None
    original, written = (
        Element(tag, "UI", value),
        Element(tag, "UI", encode_text("UI", deidentifier.entity_uid(uid))),
    )
    return Treated(
        encode_element(written, explicit=syntax.explicit),
        attribute_json(written, syntax.encodings),
        tuple(element_columns(written, syntax.encodings).items()),
        _NOTHING._replace(tokens=(Tokens(numbers=(uid,)),)),
        original,
        original,
        Trace(original, written, syntax.encodings),
    )


def _tag_of(span: bytes) -> int:
    return span[1] << 24 | span[0] << 16 | span[3] << 8 | span[2]


def repaired_value(span: bytes, syntax: Syntax) -> bytes:
    """Give the value of a span's element as cleaning leaves it.

    Raises
    ------
    Unusual
        As `treat_span`.
    """
    return _repaired(span, syntax).value


def span_may_say(tag: int, span: bytes) -> bool:
    """Tell whether an element, in explicit VR, may say anything about who the instance is of."""
    return tag in telling_tags() or span[4:6] in _TELLING_HEADS


_TELLING_HEADS = frozenset(VR.encode() for VR in TELLING_VRS)


def said_by_span(span: bytes, syntax: Syntax) -> Said:
    """Give what a span's element says about who the instance is of, as cleaning leaves it.

    Raises
    ------
    Unusual
        As `treat_span`.
    """
    return said_by(_repaired(span, syntax), syntax.encodings)


def _repaired(span: bytes, syntax: Syntax) -> Element:
    original = element_of(span, explicit=syntax.explicit, signed=syntax.signed)
    return _repair(original, syntax)[0]


def _repair(element: Element, syntax: Syntax) -> tuple[Element, tuple[Finding, ...]]:
    if is_valid(element, syntax.formats):
        return element, ()
    dataset, repairs = repair(DataSet({element.tag: element}), syntax.encodings, syntax.formats)
    if len(dataset) != 1 or any(finding.rule in _CHARSET_RULE_IDS for finding in repairs):
        raise Unusual
    return dataset[element.tag], repairs


def _tokens(
    original: Element, repaired: Element, encodings: tuple[str, ...], deidentifier: Deidentifier
) -> tuple[tuple[Tokens, ...], tuple[Tokens, ...]]:
    tokens, retained = deidentifier.tokens_of(original, encodings)
    if repaired is not original:
        more, kept = deidentifier.tokens_of(repaired, encodings)
        tokens, retained = {*tokens, *more}, {*retained, *kept}
    return tuple([token for token in tokens if any(token)]), tuple(retained)


def _unplain(element: Element, encodings: tuple[str, ...]) -> tuple[bytes, ...]:
    if element.items is None and (element.VR not in TEXT_VRS or element.value.isascii()):
        return ()
    return tuple(unplain_texts(DataSet({element.tag: element}), encodings))


def _count(element: Element) -> int:
    if element.items is None:
        return 1
    return 1 + sum(_count(inner) for item in element.items for inner in item.values())
