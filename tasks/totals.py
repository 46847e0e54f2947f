"""What one look at every batch of a run adds up to: how objects ended, and what was released.

The sums are for pages that more people read than may read the data. So a text of a source is counted under
the word of a closed list that it stands for, or under `other`; a make of equipment that few studies come from,
which could point at a site, is `other` too.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import INSTANCES
from tasks.dicom.dictionary import is_private, keyword_of
from tasks.layout import Staging
from tasks.records import State
from tasks.site.vendors import OTHER_VENDOR, find_vendor
from tasks.staged import decided_parts, nulls_of, parts
from tasks.storage.store import Store
from tasks.tables.buckets import Distinct, hash_column

LEAST_STUDIES = 5
"""Studies a make of equipment must have in a run to be named."""

_LAST_TAG = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)(?:\[\d+\])?$")
_ELEMENTS = frozenset(column.name for column in INSTANCES.columns if column.tag is not None)


@dataclass(slots=True)
class Totals:
    """What one look at every batch of a run adds up to.

    Attributes
    ----------
    states, reasons
        How the objects of the run ended.
    elements
        Findings by keyword of the element.
    studies, series
        Hashes of those released.
    vendors, vendor_studies
        Released instances by make of equipment, and the hashes of their studies.
    rows, nulls
        Staged instances, and how many of them have no value, by column.
    files, file_bytes
        Files released.
    """

    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    modalities: Counter[str] = field(default_factory=Counter)
    vendors: Counter[str] = field(default_factory=Counter)
    vendor_studies: defaultdict[str, Distinct] = field(default_factory=lambda: defaultdict(Distinct))
    studies: Distinct = field(default_factory=Distinct)
    series: Distinct = field(default_factory=Distinct)
    rows: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    files: int = 0
    file_bytes: int = 0

    @classmethod
    def of(cls, store: Store, staging: Staging) -> Totals:
        """Add up all batches, one at a time."""
        totals = cls()
        ends = decided_parts(store, staging, ["source_ref", "state", "reason"])
        columns = [
            "source_ref",
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "Modality",
            "Manufacturer",
            "size_bytes",
        ]
        instances, findings = (
            parts(store, staging, "instances", columns),
            parts(store, staging, "findings", ["path"]),
        )
        for decided, staged, found in zip(ends, instances, findings, strict=True):
            totals.add(decided, staged)
            totals.add_findings(found["path"])
        return totals

    def add(self, decided: pa.Table, instances: pa.Table) -> None:
        """Add one batch."""
        self.states += count_values(decided["state"])
        self.reasons += count_values(decided["reason"].drop_null())
        self.rows += len(instances)
        self.nulls.update(nulls_of(decided))
        refs = decided["source_ref"].filter(pc.equal(decided["state"], str(State.PUBLISHED)))
        released = instances.filter(pc.is_in(instances["source_ref"], refs))
        self.studies.add(hash_column(released["StudyInstanceUID"]))
        self.series.add(hash_column(released["SeriesInstanceUID"]))
        self.modalities += count_values(pc.fill_null(released["Modality"], "unknown"))
        self._add_vendors(released)
        self.files += len(released) - released["size_bytes"].null_count
        self.file_bytes += pc.sum(released["size_bytes"]).as_py() or 0

    def add_findings(self, paths: pa.ChunkedArray) -> None:
        """Add the elements that one batch's findings are about."""
        for path, count in count_values(paths.drop_null()).items():
            self.elements[name_element(path)] += count

    def _add_vendors(self, released: pa.Table) -> None:
        makes = pc.fill_null(released["Manufacturer"], "")
        for make, count in count_values(makes).items():
            vendor = find_vendor(make)
            self.vendors[vendor] += count
            studies = released["StudyInstanceUID"].filter(pc.equal(makes, make))
            self.vendor_studies[vendor].add(hash_column(studies))

    def count_vendors(self) -> dict[str, int]:
        """Give the released instances by make of equipment; rare makes and unknown ones are one sum."""
        counts: Counter[str] = Counter()
        for vendor, count in sorted(self.vendors.items()):
            named = len(self.vendor_studies[vendor].sorted()) >= LEAST_STUDIES
            counts[vendor if named else OTHER_VENDOR] += count
        return dict(counts)

    def nulls_of_elements(self) -> dict[str, int]:
        """Give the number of instances without a value, by column that is read from an element."""
        return {name: count for name, count in sorted(self.nulls.items()) if name in _ELEMENTS}


def count_values(column: pa.ChunkedArray) -> Counter[str]:
    """Count how often each value is in a column."""
    counts = pc.value_counts(column)
    return Counter(
        dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))
    )


def name_element(path: str) -> str:
    """Name the element a finding's path ends in, by keyword; what the standard does not name is one of three."""
    last = _LAST_TAG.search(path)
    if last is None:
        return "whole object"
    tag = int(last[1] + last[2], 16)
    if is_private(tag):
        return "private element"
    return keyword_of(tag) or "unknown element"
