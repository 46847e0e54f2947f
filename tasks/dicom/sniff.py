"""Says what the first bytes of an object are when they are not plainly DICOM.

The preamble is 128 bytes that any program may use, and so may an attacker: a file can be DICOM and
an executable at once (CVE-2019-11687). Outputs always have a zero preamble; here it is only named.
"""

from __future__ import annotations

from tasks.dicom.big_endian import looks_big_endian
from tasks.dicom.dictionary import ALL_VRS, vr_of

_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"\xfd7zXZ\0",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
_EXECUTABLES = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")
_ACTIVE = (b"<", b"%PDF", b"{\\rtf", b"GIF8")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LONGEST_FIRST_VALUE = 1 << 16


def classify_preamble(preamble: bytes) -> str:
    """Name what a preamble holds, as a reason code; empty for 128 zeros."""
    if not preamble.strip(b"\0"):
        return ""
    if preamble.startswith(_TIFF):
        return "PREAMBLE_TIFF"
    if preamble.startswith(_EXECUTABLES):
        return "PREAMBLE_EXECUTABLE"
    if preamble.lstrip().startswith(_ACTIVE):
        return "PREAMBLE_ACTIVE"
    return "PREAMBLE_NONZERO"


def archive_or_junk(window: bytes) -> str:
    """Say why bytes without `DICM` are not DICOM either; empty when they start like a bare data set.

    A bare data set starts with an element of group 0002 or 0008 (ACR-NEMA 2.0 and its heirs). Its
    first value must be short: pydicom's `force=True` finds one or two elements in any HTML page.
    """
    if window.startswith(_ARCHIVES) or window[257:262] == b"ustar":
        return "ARCHIVE"
    if looks_big_endian(window[:8]):
        return ""
    if len(window) < 8 or window[:2] not in (b"\2\0", b"\x08\0"):
        return "NOT_DICOM"
    tag = int.from_bytes(window[:2], "little") << 16 | int.from_bytes(window[2:4], "little")
    if vr_of(tag) is None:
        return "NOT_DICOM"
    if window[4:6].decode("latin-1") in ALL_VRS:
        return ""
    return "" if int.from_bytes(window[4:8], "little") < _LONGEST_FIRST_VALUE else "NOT_DICOM"
