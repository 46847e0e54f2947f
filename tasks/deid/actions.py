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
        return _SETTLED.get(self, self)


_SETTLED = {
    Action.X_Z: Action.Z,
    Action.X_D: Action.D,
    Action.Z_D: Action.D,
    Action.X_Z_D: Action.D,
    Action.X_Z_U: Action.U,
}

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
        VRs whose code C this program can carry out; elsewhere C falls back on the basic code.
    available
        Whether a profile may use it yet.
    """

    name: str
    column: str
    code: str
    meaning: str
    cleans: frozenset[str] = frozenset()
    available: bool = False


BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")
"""Code and meaning of the profile itself (CID 7050)."""

RETAIN_MODIFIED_DATES = Option(
    "retain-modified-dates",
    "modified_dates",
    "113107",
    "Retain Longitudinal Temporal Information Modified Dates Option",
    frozenset({"DA", "DT", "TM"}),
    available=True,
)
RETAIN_PATIENT_CHARACTERISTICS = Option(
    "retain-patient-characteristics",
    "patient",
    "113108",
    "Retain Patient Characteristics Option",
    available=True,
)
CLEAN_DESCRIPTORS = Option(
    "clean-descriptors",
    "descriptors",
    "113105",
    "Clean Descriptors Option",
    frozenset({"LO", "SH", "LT", "ST", "UC", "UT"}),
    available=True,
)
RETAIN_SAFE_PRIVATE = Option(
    "retain-safe-private", "safe_private", "113111", "Retain Safe Private Option", available=True
)
OPTIONS = {
    option.name: option
    for option in (
        Option("clean-pixel-data", "", "113101", "Clean Pixel Data Option"),
        Option(
            "clean-recognizable-visual-features", "", "113102", "Clean Recognizable Visual Features Option"
        ),
        Option("clean-graphics", "graphics", "113103", "Clean Graphics Option"),
        Option("clean-structured-content", "structured", "113104", "Clean Structured Content Option"),
        CLEAN_DESCRIPTORS,
        Option(
            "retain-full-dates",
            "full_dates",
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ),
        RETAIN_MODIFIED_DATES,
        RETAIN_PATIENT_CHARACTERISTICS,
        Option("retain-device-identity", "device", "113109", "Retain Device Identity Option"),
        Option("retain-uids", "uids", "113110", "Retain UIDs Option"),
        RETAIN_SAFE_PRIVATE,
        Option("retain-institution-identity", "institution", "113112", "Retain Institution Identity Option"),
    )
}
