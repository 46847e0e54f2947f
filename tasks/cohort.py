"""Search what a run would publish for the identifiers of all its patients, whoever's files they are in.

Workers give keyed fingerprints: of what each patient is known by, and of what the kept texts say
(`tasks.deid.cohort` has the rules). Here they are brought together, a bucket of fingerprints at a time. Where
they meet, which is rare, the rows of the batch are read and its texts are taken apart again, to tell
which instances are concerned, in which element, and by which kind of identifier.

Paths need no search: each part of one is a pseudonym or a UID of ours, which the gate holds every row to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from expectations.contracts import FINDINGS
from tasks.deid.cohort import is_searched, search
from tasks.dicom.dictionary import format_tag
from tasks.layout import Staging
from tasks.records import Finding
from tasks.staged import read_table, table_bytes
from tasks.storage.store import Store
from tasks.tables.buckets import Buckets

REASON = "IDENTIFIER_LEFT"
PART = "cohort"
"""Findings of this search, beside a batch's others."""

_BUCKET_TOKENS = 1 << 20
_TOKENS_OF_OBJECT = 32
"""Most tokens that an instance adds to those of its batch, about."""
_MOST_BUCKETS = 256

_ROWS = pa.schema(
    [pa.field("token", pa.uint64()), pa.field("of_patient", pa.bool_()), pa.field("batch", pa.int32())]
)
Number = Callable[[bytes], int]


class Left(NamedTuple):
    """An identifier of some patient in an instance of another."""

    source_ref: str
    StudyInstanceUID: str
    finding: Finding


def search_run(
    store: Store,
    staging: Staging,
    batches: Sequence[str],
    objects: int,
    scratch: Path,
    number: Callable[[], Number],
) -> frozenset[str]:
    """Find the studies in which an identifier is left, and record where.

    Parameters
    ----------
    number
        Gives what makes a token's number, which takes the key; asked for only where there is a hit.

    Returns
    -------
    frozenset
        StudyInstanceUIDs, as written.
    """
    studies: set[str] = set()
    for place, tokens in sorted(_meet(store, staging, batches, objects, scratch).items()):
        left = list(_find_in_batch(store, staging, batches[place], frozenset(tokens), number()))
        _record(store, staging, batches[place], left)
        studies.update(one.StudyInstanceUID for one in left)
    return frozenset(studies)


def _meet(
    store: Store, staging: Staging, batches: Sequence[str], objects: int, scratch: Path
) -> Mapping[int, set[int]]:
    """Give the tokens of patients that are in texts, by the place of the batch with the text."""
    met: defaultdict[int, set[int]] = defaultdict(set)
    count = min(max(1, -(-objects * _TOKENS_OF_OBJECT // _BUCKET_TOKENS)), _MOST_BUCKETS)
    with Buckets(count, _ROWS, scratch, "tokens") as buckets:
        for place, batch_id in enumerate(batches):
            rows = read_table(store, staging.part(batch_id, "tokens"))
            rows = rows.append_column("batch", pa.array(np.full(len(rows), place, np.int32)))
            buckets.add(rows, rows["token"].to_numpy())
        for rows in buckets:
            of_patient = rows["of_patient"].to_numpy()
            tokens, places = rows["token"].to_numpy(), rows["batch"].to_numpy()
            found = np.isin(tokens, np.unique(tokens[of_patient])) & ~of_patient
            for token, place in zip(tokens[found].tolist(), places[found].tolist(), strict=True):
                met[place].add(token)
    return met


def _find_in_batch(
    store: Store, staging: Staging, batch_id: str, tokens: frozenset[int], number: Number
) -> Iterator[Left]:
    """Take the texts of a batch apart again, to find those that say one of the tokens."""
    columns = ["source_ref", "StudyInstanceUID", "header"]
    rows = read_table(store, staging.part(batch_id, "instances"), columns)
    numbers: dict[tuple[str, int], frozenset[str]] = {}
    for row in rows.to_pylist():
        for path, tag, text in _texts(orjson.loads(row["header"]), ""):
            rules = numbers.get((text, tag))
            if rules is None:
                said = {token: number(token.encode("utf-8", "surrogatepass")) for token in search(text, tag)}
                rules = frozenset(token.split(" ")[0] for token in said if said[token] in tokens)
                numbers[text, tag] = rules
            for rule in sorted(rules):
                yield Left(row["source_ref"], row["StudyInstanceUID"], Finding(rule, path, REASON))


def _texts(header: Mapping[str, Any], before: str) -> Iterator[tuple[str, int, str]]:
    """Give path, tag and text of each value that is searched in a DICOM JSON object."""
    for name, attribute in header.items():
        tag = int(name, 16)
        path = before + format_tag(tag)
        values = attribute.get("Value", ())
        if attribute["vr"] == "SQ":
            for place, item in enumerate(values):
                yield from _texts(item, f"{path}[{place}].")
        elif is_searched(tag, attribute["vr"]):
            yield from ((path, tag, text) for text in values if text)


def _record(store: Store, staging: Staging, batch_id: str, left: Sequence[Left]) -> None:
    """Stage the findings; the rule is the kind of identifier, and the text is not told."""
    distinct = dict.fromkeys((one.source_ref, one.finding) for one in left)
    rows = [
        {"source_ref": source_ref, "batch_id": batch_id, **finding._asdict()}
        for source_ref, finding in distinct
    ]
    table = pa.Table.from_pylist(rows, schema=FINDINGS.arrow_schema().remove_metadata())
    store.write(staging.part(batch_id, PART), table_bytes(table))
