"""What Table E.1-1 does not name: kept by VR where the VR cannot hold prose, by name otherwise, else removed.

The table is a list of what is known to identify, and pydicom's dictionary has hundreds of attributes
outside it into which people write (a reviewer's name, an indication, a comment). So unknown means
removed. Numbers, code strings and geometry go by their VR; text and bytes only if `data/allowed.csv`
names the attribute.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from tasks.deid.data import read_rows

NUMBER_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})
DECIMAL_VRS = frozenset({"DS", "IS"})
DATE_VRS = frozenset({"DA", "DT", "TM"})
BYTE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})
"""Everything else (AE, AS, PN, UN, UR) can name a person, a place or a system, and is removed."""


class Disposition(StrEnum):
    """What is done with an attribute the table does not name."""

    KEEP = "keep"
    EMPTY = "empty"
    DUMMY = "dummy"
    PSEUDONYM = "pseudonym"
    SHIFT = "shift"
    MAP = "map"
    WALK = "walk"
    REMOVE = "remove"


@cache
def listed() -> dict[int, Disposition]:
    """Read `data/allowed.csv`: the attributes of text and bytes that are not removed."""
    return {int(row["tag"], 16): Disposition(row["disposition"]) for row in read_rows("allowed.csv")}


def disposition_of(tag: int, vrs: frozenset[str], *, shifts_dates: bool) -> Disposition:
    """Say what is done with an attribute of the dictionary that the table does not name.

    Parameters
    ----------
    vrs
        The dictionary's VRs for it.
    shifts_dates
        Whether the profile keeps dates, moved; times of day then stay.
    """
    if tag in listed():
        return listed()[tag]
    families = (
        (NUMBER_VRS | DECIMAL_VRS | {"CS"}, Disposition.KEEP),
        (DATE_VRS, Disposition.SHIFT if shifts_dates else Disposition.REMOVE),
        (frozenset({"UI"}), Disposition.MAP),
        (frozenset({"SQ"}), Disposition.WALK),
    )
    return next(
        (disposition for family, disposition in families if vrs and vrs <= family), Disposition.REMOVE
    )


def is_never_kept(tag: int) -> bool:
    """Tell whether `tag` is removed without a count: it is no attribute of the instance, or a layer drawn on it.

    Group lengths, command, file meta and DICOMDIR elements, curves and overlays (whole groups: rows
    and origin of an overlay mean nothing without its bits).
    """
    group = tag >> 16
    return not tag & 0xFFFF or group in (0x0000, 0x0002, 0x0004) or group & 0xFF00 in (0x5000, 0x6000)
