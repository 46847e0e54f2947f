"""Instances become rows: one mapping a data set, one Arrow table a batch.

Which element fills which column is the contract's business, so nothing here is spelled out per column: the
contract is compiled once into a list of (column, tag, converter), and a row is one pass over that list.
Instances of a series share most of their columns, so a row says what it shares and with whom, and Arrow
repeats that: an instance costs what is its own.
What an element cannot say in its column's type is null, because a number that was not there would be
believed. Values were de-identified and repaired before; nothing is judged or mended here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import NamedTuple

import pyarrow as pa

from expectations.contracts import INSTANCES, Column, Contract
from tasks.dicom.dictionary import keyword_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import STRING_VRS, numbers_of, text_of
from tasks.errors import ContractError
from tasks.records import Finding

Converter = Callable[[Element, Sequence[str]], object]


class Row(Mapping[str, object]):
    """Values by column; those it has none for are null.

    Attributes
    ----------
    common
        What it shares with the rows beside it: the same object for all of them, which nobody changes.
    own
        The others; where both have a column, the value is that of `own`.
    """

    __slots__ = ("common", "own")

    def __init__(self, common: Mapping[str, object], own: dict[str, object]) -> None:
        self.common = common
        self.own = own

    def __getitem__(self, column: str) -> object:
        own = self.own
        return own[column] if column in own else self.common[column]

    def __contains__(self, column: object) -> bool:
        return column in self.own or column in self.common

    def __iter__(self) -> Iterator[str]:
        return iter({**self.common, **self.own})

    def __len__(self) -> int:
        return len({**self.common, **self.own})

    def __repr__(self) -> str:
        return f"Row({len(self)})"


class Extractor(NamedTuple):
    """How one column is read from a data set."""

    column: str
    tag: int
    convert: Converter


_CODE_VALUE = 0x00080100
_DEIDENTIFICATION_METHOD_CODE_SEQUENCE = 0x00120064
_TRANSFER_SYNTAX_UID = 0x00020010

_NOT_IN_DATASET = frozenset({None, _TRANSFER_SYNTAX_UID, _DEIDENTIFICATION_METHOD_CODE_SEQUENCE})

_PRIVATE = 0x00010000
_LAST_CREATOR = 0xFF
_KEPT, _UNKNOWN, _GROUPS = "kept creator ", "unknown creator ", "functional groups "
"""What the keys of values begin with that `instance_row` puts together in a list."""

_GATHERED = {
    _KEPT.split(maxsplit=1)[0]: "private_creators",
    _UNKNOWN.split(maxsplit=1)[0]: "unknown_private_creators",
    _GROUPS.split(maxsplit=1)[0]: "functional_groups",
}
"""Columns of the lists, by the first word of the keys."""

_INT32_BOUND, _INT64_BOUND = 2**31, 2**63
_US_BYTES = 2
_DECIMAL_VRS = frozenset({"DS", "IS"})


def header_columns(dataset: DataSet, encodings: Sequence[str]) -> dict[str, object]:
    """Give the columns of `expectations.contracts.INSTANCES` that a de-identified data set fills by itself."""
    columns = extract(dataset, encodings, _INSTANCE_EXTRACTORS)
    if _DEIDENTIFICATION_METHOD_CODE_SEQUENCE in dataset:
        columns["deidentification_codes"] = _deidentification_codes(dataset, encodings)
    for tag, element in dataset.items():
        if tag & _PRIVATE and tag & 0xFFFF <= _LAST_CREATOR:
            columns.update(creator_columns(element))
    return columns


def creator_columns(element: Element, *, unknown_as: str = "") -> dict[str, object]:
    """Give what the row gathers of a private creator: one that is written, or the name of one nothing is kept of."""
    if unknown_as:
        return {f"{_UNKNOWN}{element.tag}": unknown_as}
    return {f"{_KEPT}{element.tag}": text_of(element, ("ascii",))}


def element_columns(element: Element, encodings: Sequence[str]) -> dict[str, object]:
    """Give the columns that one element of a main data set fills."""
    extractors = _EXTRACTORS_OF.get(element.tag)
    return extract(DataSet({element.tag: element}), encodings, extractors) if extractors else {}


def instance_row(
    columns: Mapping[str, object],
    *,
    source_ref: str,
    batch_id: str,
    file_path: str | None,
    size_bytes: int | None,
    sha256: str | None,
    transfer_syntax: str,
    header_json: str,
    has_pixel_data: bool,
    pixel_bytes: int,
    expected_pixel_bytes: int | None,
    findings: Iterable[Finding] = (),
) -> Row:
    """Make the row of `expectations.contracts.INSTANCES` for one de-identified instance.

    Parameters
    ----------
    columns
        What `header_columns` made of the header; what a `Row` shares stays shared.
    file_path, size_bytes, sha256
        Of the cleaned file; None where none is written.
    pixel_bytes, expected_pixel_bytes
        Length of the stored pixel data, and the length its header asks for without the padding byte
        (None where compressed or unknown).
    findings
        What the cleaning changed or doubted in this instance.
    """
    common, own = (columns.common, columns.own) if isinstance(columns, Row) else ({}, columns)
    codes = [finding.code for finding in findings]
    row = Row(
        common,
        {
            **own,
            "source_ref": source_ref,
            "batch_id": batch_id,
            "file_path": file_path,
            "size_bytes": size_bytes,
            "sha256": sha256,
            "TransferSyntaxUID": transfer_syntax,
            "header": header_json,
            "has_pixel_data": has_pixel_data,
            "pixel_bytes": pixel_bytes,
            "expected_pixel_bytes": _pad(expected_pixel_bytes),
            "finding_count": len(codes),
            "finding_codes": sorted(set(codes)),
        },
    )
    if "deidentification_codes" not in row:
        row.own["deidentification_codes"] = []
    return row


def _gather(columns: Mapping[str, object]) -> dict[str, list[str]]:
    """Put together the lists whose values come from several elements, each under a key of its own."""
    lists: dict[str, set[str]] = {}
    for key in columns.keys() - _INSTANCE_NAMES:
        column = _GATHERED[key.partition(" ")[0]]
        lists.setdefault(column, set()).update(_as_list(columns[key]))
    return {column: sorted(values) for column, values in lists.items()}


def _as_list(value: object) -> list[str]:
    return value if isinstance(value, list) else [str(value)]


def extract(dataset: DataSet, encodings: Sequence[str], extractors: Iterable[Extractor]) -> dict[str, object]:
    """Read those columns for which the data set has a value that fits; the others stay out."""
    row: dict[str, object] = {}
    get = dataset.get
    for column, tag, convert in extractors:
        element = get(tag)
        if element is None or not (element.value or element.items):
            continue
        try:
            row[column] = convert(element, encodings)
        except (ValueError, KeyError, OverflowError):
            # Not one number, not a date, or a VR that is neither text nor number: no value for this column.
            continue
    return row


def compile_extractors(contract: Contract) -> tuple[Extractor, ...]:
    """Turn a contract into what `extract` follows; columns of our own and sequences are not in it."""
    return tuple(
        Extractor(column.name, column.tag, _INSIDE.get(column.name) or _CONVERTERS[column.type])
        for column in contract.columns
        if column.tag is not None and column.tag not in _NOT_IN_DATASET
    )


class Gathered:
    """Rows of instances on their way into a table; as rows a few at a time, since those take ten times the memory."""

    _AT_A_TIME = 256

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._tables: list[pa.Table] = []
        self.row_count = 0

    def add(self, row: Row) -> None:
        """Take one more row.

        Raises
        ------
        ContractError
            As `rows_to_table`; also of a row that was added before.
        """
        self._rows.append(row)
        self.row_count += 1
        if len(self._rows) >= self._AT_A_TIME:
            self._settle()

    def table(self) -> pa.Table:
        """Give the table of all rows, in the contract's exact types, sorted by its key.

        Raises
        ------
        ContractError
            As `rows_to_table`.
        """
        if self._rows or not self._tables:
            self._settle()
        order = [(name, "ascending") for name in INSTANCES.key]
        return pa.concat_tables(self._tables).combine_chunks().sort_by(order)

    def _settle(self) -> None:
        self._tables.append(_instances_table(self._rows))
        self._rows = []


def _instances_table(rows: Sequence[Row]) -> pa.Table:
    """Make a table of rows in their order; what several share is converted once."""
    commons: dict[int, Mapping[str, object]] = {}
    for row in rows:
        commons.setdefault(id(row.common), row.common)
    shared = {key: {**common, **_gather(common)} for key, common in commons.items()}
    beside = [shared[id(row.common)] for row in rows]
    own = [row.own for row in rows]
    names = set().union(*own)
    if names - _INSTANCE_NAMES:
        own = [{**row.own, **_gather(row)} if row.own.keys() - _INSTANCE_NAMES else row.own for row in rows]
        names = set().union(*own)
    arrays = {
        column.name: _to_array(_values_of(column.name, own, beside), column, INSTANCES)
        for column in INSTANCES.columns
        if column.name in names
    }
    repeated = [column for column in INSTANCES.columns if column.name not in names]
    batch = pa.RecordBatch.from_arrays(
        [
            _to_array([one.get(column.name) for one in shared.values()], column, INSTANCES)
            for column in repeated
        ],
        names=[column.name for column in repeated],
    )
    number_of = {key: number for number, key in enumerate(shared)}
    places = pa.array([number_of[id(row.common)] for row in rows], pa.int32())
    arrays.update(zip(batch.schema.names, batch.take(places).columns, strict=True))
    return pa.Table.from_arrays([arrays[name] for name in INSTANCES.names], schema=INSTANCES.arrow_schema())


def _values_of(
    name: str, own: Sequence[Mapping[str, object]], beside: Sequence[Mapping[str, object]]
) -> Sequence[object]:
    try:
        return list(map(itemgetter(name), own))
    except KeyError:
        return [
            mine[name] if name in mine else theirs.get(name) for mine, theirs in zip(own, beside, strict=True)
        ]


def rows_to_table(rows: Iterable[Mapping[str, object]], contract: Contract) -> pa.Table:
    """Make a table in the contract's exact types, sorted by its key.

    Raises
    ------
    ContractError
        If a row lacks a value it must have, or holds one of another type: whoever made it has a defect.
    """
    take = itemgetter(*contract.names)
    values = list(zip(*map(take, rows), strict=True)) or [()] * len(contract.columns)
    columns = [
        _to_array(of_column, column, contract)
        for of_column, column in zip(values, contract.columns, strict=True)
    ]
    table = pa.Table.from_arrays(columns, schema=contract.arrow_schema())
    return table.sort_by([(name, "ascending") for name in contract.key])


def _to_array(values: Sequence[object], column: Column, contract: Contract) -> pa.Array:
    try:
        array = pa.array(values, column.type)
    except (pa.ArrowException, OverflowError, TypeError, UnicodeError, ValueError):
        array = None
    if array is None or (array.null_count and not column.nullable):
        # Raised out here, because Arrow's own error quotes the value.
        problem = "a value of another type" if array is None else "a null that it forbids"
        raise ContractError(f"{contract.name}.{column.name} was given {problem}")
    return array


def _deidentification_codes(dataset: DataSet, encodings: Sequence[str]) -> list[str]:
    element = dataset.get(_DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
    items = () if element is None or element.items is None else element.items
    return sorted(text_of(item[_CODE_VALUE], encodings) for item in items if _CODE_VALUE in item)


def _pad(length: int | None) -> int | None:
    """Round a length in bytes up to even, as every value in DICOM is (PS3.5 section 7.1); none that no file can have.

    Rows, Columns and Number of Frames may claim any number, and their product more than a column holds.
    """
    return None if length is None or length >= _INT64_BOUND - 1 else length + length % 2


def _text(element: Element, encodings: Sequence[str]) -> str | None:
    """Read text; several values stay joined by the backslash they were written with."""
    return _decode(element, encodings).strip(" \0") or None


def _texts(element: Element, encodings: Sequence[str]) -> list[str] | None:
    text = _decode(element, encodings).strip(" \0")
    return [part.strip(" \0") for part in text.split("\\")] if text else None


def _decode(element: Element, encodings: Sequence[str]) -> str:
    """Decode as `text_of` does, which most values do not need: they are ASCII without an escape sequence."""
    value = element.value
    if element.VR not in STRING_VRS:
        raise ValueError
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    return text_of(element, encodings)


def _date(element: Element, _: Sequence[str]) -> date | None:
    """Read a DA of eight digits; `date.fromisoformat` alone would take weeks such as 2026W321 too."""
    value = element.value.strip(b" \0")
    if len(value) != len("YYYYMMDD") or not value.isdigit():
        return None
    return date.fromisoformat(value.decode("ascii"))


def _whole(element: Element, _: Sequence[str]) -> int | None:
    VR, value = element.VR, element.value
    if VR == "US" and len(value) == _US_BYTES:
        return int.from_bytes(value, "little")
    number = int(value.strip(b" \0")) if VR == "IS" else _single(element)
    fits = -_INT32_BOUND <= number < _INT32_BOUND and number == int(number)
    return int(number) if fits else None


def _real(element: Element, _: Sequence[str]) -> float | None:
    number = float(element.value.strip(b" \0") if element.VR in _DECIMAL_VRS else _single(element))
    return number if math.isfinite(number) else None


def _reals(element: Element, _: Sequence[str]) -> list[float] | None:
    """Read all values or none: a list that lost one would put the others in the wrong place."""
    if element.VR in _DECIMAL_VRS:
        numbers = [float(part) for part in element.value.strip(b" \0").split(b"\\")]
    else:
        numbers = [float(number) for number in numbers_of(element)]
    return numbers if all(map(math.isfinite, numbers)) else None


def _single(element: Element) -> int | float:
    (number,) = numbers_of(element)
    return number


def _items(element: Element, _: Sequence[str]) -> int:
    """Count the items of a sequence."""
    if element.items is None:
        raise ValueError
    return len(element.items)


def _first_members(element: Element, _: Sequence[str]) -> list[str]:
    """List the keywords of the standard's elements that the first item of a sequence holds."""
    if not element.items:
        raise ValueError
    return sorted(filter(None, map(keyword_of, element.items[0])))


def _radionuclide_dose(element: Element, encodings: Sequence[str]) -> float | None:
    if not element.items:
        raise ValueError
    return _real(element.items[0][_RADIONUCLIDE_TOTAL_DOSE], encodings)


_RADIONUCLIDE_TOTAL_DOSE = 0x00181074
_INSIDE: Mapping[str, Converter] = {
    **{column.name: _items for column in INSTANCES.columns if column.name.endswith("_count") and column.tag},
    "radionuclide_dose_bq": _radionuclide_dose,
}
"""Columns that tell what is inside a sequence."""

_CONVERTERS: dict[pa.DataType, Converter] = {
    pa.string(): _text,
    pa.list_(pa.string()): _texts,
    pa.date32(): _date,
    pa.int32(): _whole,
    pa.float64(): _real,
    pa.list_(pa.float64()): _reals,
}

_INSTANCE_NAMES = frozenset(INSTANCES.names)
_INSTANCE_EXTRACTORS = (
    *compile_extractors(INSTANCES),
    Extractor(f"{_GROUPS}shared", 0x52009229, _first_members),
    Extractor(f"{_GROUPS}of a frame", 0x52009230, _first_members),
)
_EXTRACTORS_OF = {
    tag: tuple(extractor for extractor in _INSTANCE_EXTRACTORS if extractor.tag == tag)
    for tag in {extractor.tag for extractor in _INSTANCE_EXTRACTORS}
}
