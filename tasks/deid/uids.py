"""Which UIDs name a concept of the standard, and so identify nobody, and whether a UID is one at all."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from tasks.deid.classes import class_dispositions
from tasks.deid.data import read_rows
from tasks.dicom.dictionary import is_registered_uid

_LONGEST = 64
_UID = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")


@lru_cache(1 << 13)
def is_concept(uid: bytes) -> bool:
    """Tell whether PS3.6 Annex A, a newer edition's SOP Class or a public coding scheme defines `uid`."""
    text = uid.decode("latin-1")
    return is_registered_uid(text) or text in class_dispositions() or text in _scheme_uids()


@lru_cache(1 << 13)
def is_well_formed(uid: bytes) -> bool:
    """Tell whether `uid`, unpadded, has the form PS3.5 section 9.1 asks for."""
    return len(uid) <= _LONGEST and _UID.fullmatch(uid) is not None


@cache
def _scheme_uids() -> frozenset[str]:
    return frozenset(row["UID"] for row in read_rows("coding_schemes.csv") if row["UID"])
