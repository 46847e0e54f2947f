"""The action codes of PS3.15 Table E.1-1a and the options of CID 7050, as the table's columns name them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Action(StrEnum):
    """What Table E.1-1 asks for an attribute; the member's value is the table's own code."""

    X = "X"
    Z = "Z"
    D = "D"
    U = "U"
    K = "K"
    C = "C"
    X_Z = "X/Z"
    X_D = "X/D"
    Z_D = "Z/D"
    X_Z_D = "X/Z/D"
    X_Z_U = "X/Z/U*"

    @property
    def settled(self) -> Action:
        """The one action a compound stands for while the attribute's type in its IOD is unknown.

        The last code of a compound satisfies every type (PS3.15 E.3.1: X for type 3, Z for type 2, D
        for type 1), so it is the one that never breaks an object. `X/Z/U*` keeps the sequence and
        replaces the UIDs in it.
        """
        return self.codes[-1]

    @property
    def codes(self) -> tuple[Action, ...]:
        """The codes of a compound, from the one that leaves least; of a simple one, itself."""
        return tuple(Action(code.removesuffix("*")) for code in self.value.split("/"))

    def for_type(self, attribute_type: str | None) -> Action:
        """Give the code that is in force for an attribute of a type: the first that its IOD can do with.

        Parameters
        ----------
        attribute_type
            1, 2 or 3, those that are conditional among them; None where it is unknown.
        """
        codes = self.codes
        if attribute_type == "3":
            return codes[0]
        if attribute_type == "2" and Action.Z in codes:
            return Action.Z
        return codes[-1]


MEANINGS = {
    Action.X: "removed",
    Action.Z: "emptied",
    Action.D: "replaced by a dummy",
    Action.U: "replaced by a new UID",
    Action.K: "kept",
    Action.C: "cleaned",
}
"""Each code in a word, for people."""


class Option(NamedTuple):
    """An option of the profile (PS3.15 E.3).

    Attributes
    ----------
    name
        As a profile file writes it.
    column
        Column of `data/ps3_15_e1_1.csv`; empty for options that concern pixels.
    code, meaning
        CID 7050, scheme DCM.
    cleans
        VRs whose code C this program can carry out, empty for the row of all private attributes; elsewhere C
        falls back on the basic code.
    """

    name: str
    column: str
    code: str
    meaning: str
    cleans: frozenset[str] = frozenset()


BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")
"""Code and meaning of the profile itself (CID 7050)."""
CLEAN_PIXEL_DATA = ("113101", "Clean Pixel Data Option")
"""What an output says in addition whose pixels were cleaned."""

TEXT_VRS = frozenset({"LO", "SH", "LT", "ST", "UC", "UT"})
"""VRs whose text is cleaned word by word."""

RETAIN_SAFE_PRIVATE = Option(
    "retain-safe-private", "safe_private", "113111", "Retain Safe Private Option", frozenset({""})
)
RETAIN_UIDS = Option("retain-uids", "uids", "113110", "Retain UIDs Option")
RETAIN_DEVICE_IDENTITY = Option(
    "retain-device-identity", "device", "113109", "Retain Device Identity Option", frozenset({"AE"})
)
RETAIN_INSTITUTION_IDENTITY = Option(
    "retain-institution-identity", "institution", "113112", "Retain Institution Identity Option"
)
RETAIN_PATIENT_CHARACTERISTICS = Option(
    "retain-patient-characteristics",
    "patient",
    "113108",
    "Retain Patient Characteristics Option",
    TEXT_VRS,
)
RETAIN_FULL_DATES = Option(
    "retain-full-dates",
    "full_dates",
    "113106",
    "Retain Longitudinal Temporal Information Full Dates Option",
)
RETAIN_MODIFIED_DATES = Option(
    "retain-modified-dates",
    "modified_dates",
    "113107",
    "Retain Longitudinal Temporal Information Modified Dates Option",
    frozenset({"DA", "DT", "TM"}),
)
CLEAN_DESCRIPTORS = Option(
    "clean-descriptors", "descriptors", "113105", "Clean Descriptors Option", TEXT_VRS | {"SQ"}
)
CLEAN_STRUCTURED_CONTENT = Option(
    "clean-structured-content",
    "structured",
    "113104",
    "Clean Structured Content Option",
    frozenset({"SQ"}),
)
CLEAN_GRAPHICS = Option("clean-graphics", "graphics", "113103", "Clean Graphics Option", frozenset({"SQ"}))
OPTIONS = {
    option.name: option
    for option in (
        CLEAN_GRAPHICS,
        CLEAN_STRUCTURED_CONTENT,
        CLEAN_DESCRIPTORS,
        RETAIN_FULL_DATES,
        RETAIN_MODIFIED_DATES,
        RETAIN_PATIENT_CHARACTERISTICS,
        RETAIN_DEVICE_IDENTITY,
        RETAIN_UIDS,
        RETAIN_SAFE_PRIVATE,
        RETAIN_INSTITUTION_IDENTITY,
    )
}
"""The ten options of Table E.1-1 by name, in the order of their codes."""

PIXEL_OPTIONS = frozenset({"clean-pixel-data", "clean-recognizable-visual-features"})
"""Options that are not in the table: no header rule carries them out, so no profile can ask for them."""
EXCLUSIVE = (
    (
        RETAIN_FULL_DATES,
        RETAIN_MODIFIED_DATES,
        "the one keeps the dates as they are, the other moves them, and an output can say only one of both",
    ),
)
"""Options that contradict each other, and why."""
