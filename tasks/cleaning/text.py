"""Text (VRs SH LO UC PN ST LT UT, and AE and UR): control characters are removed, whatever else is kept.

A control character in a name forges log lines, moves terminal cursors or ends a C string early, and
none belongs there. The text itself is never shortened or respelt: it may tell two patients apart.
Everything here works on bytes, because a text with code extensions (PS3.5 section 6.1.2.5) could not
be written again after decoding it; no byte it removes is ever part of a character in these encodings.
"""

from __future__ import annotations

import re

from pydicom import charset

from tasks.cleaning.rules import Rule
from tasks.dicom.values import decode

PARAGRAPH_VRS = frozenset({"LT", "ST", "UT"})
"""VRs that may hold tabs, line feeds, form feeds and carriage returns (PS3.5 section 6.2)."""

PLAIN_TEXT_VRS = frozenset({"AE", "UR"})
"""Text outside Specific Character Set: ASCII always, without escape sequences."""

LONGEST_TEXT = {"AE": 16, "SH": 16, "LO": 64, "PN": 64, "ST": 1024, "LT": 10240}
"""Characters of one value, in PN of one component group (PS3.5 section 6.2)."""

TEXT_PADDING = Rule("text-padding", "BAD_TEXT", "NULs after a text are stripped.")
CONTROL_CHARACTERS = Rule(
    "control-characters",
    "BAD_TEXT",
    "Control characters and terminal control sequences in a text are removed; line breaks and tabs become "
    "blanks where the VR allows one line.",
)
TEXT_TOO_LONG = Rule("text-too-long", "BAD_TEXT", "A text longer than its VR allows is kept and recorded.")
TEXT_NOT_ASCII = Rule(
    "text-not-ascii", "BAD_TEXT", "A name of an application (AE) or a URI (UR) that is not ASCII is emptied."
)
TEXT_RULES = (TEXT_PADDING, CONTROL_CHARACTERS, TEXT_TOO_LONG, TEXT_NOT_ASCII)

DESIGNATIONS = tuple(charset.CODES_TO_ENCODINGS)
"""The escape sequences that switch to a character set (PS3.3 Tables C.12-3 and C.12-4)."""

_ESCAPED = rb"\x1b(?:\[[0-?]*+[ -/]*+[@-~])?"
_UNDEFINED_ESCAPE = rb"(?!" + b"|".join(map(re.escape, DESIGNATIONS)) + rb")" + _ESCAPED
_LINE_BREAKS = re.compile(rb"[\t\n\v\f\r]+")
_CONTROLS = rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]"

_REMOVED = re.compile(_CONTROLS + rb"|\v|" + _UNDEFINED_ESCAPE)
_REMOVED_WITHOUT_EXTENSIONS = re.compile(_CONTROLS + rb"|\v|" + _ESCAPED)
_UPPER_CONTROLS = re.compile(rb"[\x80-\x9f]")
_UPPER_CONTROLS_UTF_8 = re.compile(rb"\xc2[\x80-\x9f]")

SINGLE_BYTE = frozenset(
    codec
    for term, codec in charset.python_encoding.items()
    if term.startswith("ISO_IR") and codec not in {charset.default_encoding, "shift_jis", "UTF8"}
)
"""Codecs of the ISO 8859 sets: they decode every byte, and 80H to 9FH as control characters."""
_STAND_ALONE = frozenset(charset.python_encoding[term] for term in charset.STAND_ALONE_ENCODINGS)


def text_pattern(VR: str) -> str:
    """Give the expression of ASCII text without control characters, within the length of its VR."""
    longest = LONGEST_TEXT.get(VR)
    most = f"{{0,{longest}}}+" if longest else "*+"
    if VR in PARAGRAPH_VRS:
        return rf"[ -~\t\n\f\r]{most}"
    if VR == "PN":
        return rf"[ -<>-\[\]-~]{most}(?:=[ -<>-\[\]-~]{most})*+"
    return rf"[ -\[\]-~]{most}"


def strip_controls(value: bytes, VR: str, encodings: tuple[str, ...]) -> bytes:
    """Remove the ASCII control characters that a text of this VR and these encodings may not have."""
    value = value.rstrip(b"\0")
    if VR not in PARAGRAPH_VRS:
        value = _LINE_BREAKS.sub(b" ", value)
    extensible = encodings[0] not in _STAND_ALONE and VR not in PLAIN_TEXT_VRS
    return (_REMOVED if extensible else _REMOVED_WITHOUT_EXTENSIONS).sub(b"", value)


def has_upper_controls(value: bytes, encodings: tuple[str, ...]) -> bool:
    """Tell whether a text in a single-byte set holds bytes that are none of its characters."""
    return encodings[0] in SINGLE_BYTE and _UPPER_CONTROLS.search(value) is not None


def strip_upper_controls(value: bytes, encodings: tuple[str, ...]) -> bytes:
    """Remove the control characters above ASCII (C1), as pasted typographic quotes leave them in ISO 8859."""
    if has_upper_controls(value, encodings):
        return _UPPER_CONTROLS.sub(b"", value)
    return _UPPER_CONTROLS_UTF_8.sub(b"", value) if encodings[0] == "UTF8" else value


def is_too_long(value: bytes, VR: str, encodings: tuple[str, ...]) -> bool:
    """Tell whether a value is longer than its VR allows, in characters, not counting the blanks around it."""
    longest = LONGEST_TEXT.get(VR)
    if longest is None or len(value) <= longest:
        return False
    text = decode(value, encodings)
    if VR in PARAGRAPH_VRS:
        return len(text.rstrip(" ")) > longest
    delimiter = r"[\\=]" if VR == "PN" else r"\\"
    return any(len(part.strip(" ")) > longest for part in re.split(delimiter, text))


def repair_text(
    value: bytes, VR: str, encodings: tuple[str, ...], undecodable: Rule
) -> tuple[bytes, tuple[Rule, ...]]:
    """Repair a text; returns its new bytes and what was done to it or is wrong with it.

    Parameters
    ----------
    encodings
        Python codecs the text must decode under, every byte of it.
    undecodable
        The rule to blame where it does not; the text is then emptied.
    """
    cleaned = strip_controls(value, VR, encodings)
    try:
        decode(cleaned, encodings)
    except (UnicodeError, LookupError):
        return b"", (undecodable,)
    cleaned = strip_upper_controls(cleaned, encodings)
    rules = (TEXT_TOO_LONG,) if is_too_long(cleaned, VR, encodings) else ()
    if cleaned == value:
        return value, rules
    rule = TEXT_PADDING if value.rstrip(b"\0") == cleaned else CONTROL_CHARACTERS
    return cleaned + b" " * (len(cleaned) % 2), (rule, *rules)
