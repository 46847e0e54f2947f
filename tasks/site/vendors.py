"""The makers of imaging equipment, by the names they write into Manufacturer.

Manufacturer is free text: it holds the same maker in ten spellings, the name of a hospital's own software, or
anything else. A page counts by the makers of this list and everything else as one, so that no text of a source
can reach it.
"""

from __future__ import annotations

import re

OTHER_VENDOR = "other"

_VENDORS = {
    "Agfa": "agfa",
    "Bruker": "bruker",
    "Canon": "canon|toshiba",
    "Carestream": "carestream|kodak|eastman",
    "Carl Zeiss": "carl zeiss|zeiss",
    "Elekta": "elekta|cms inc|impac",
    "Esaote": "esaote",
    "Fujifilm": "fuji|hitachi",
    "GE HealthCare": "ge|general electric|gems",
    "Heidelberg Engineering": "heidelberg",
    "Hologic": "hologic|lorad",
    "Konica Minolta": "konica|minolta",
    "Leica": "leica|aperio",
    "Mindray": "mindray|shenzhen mindray",
    "Neusoft": "neusoft",
    "Nikon": "nikon",
    "Olympus": "olympus",
    "Philips": "philips|adac|picker|marconi|atl",
    "Planmeca": "planmeca",
    "RaySearch": "raysearch",
    "Samsung": "samsung|medison",
    "Shimadzu": "shimadzu",
    "Siemens Healthineers": "siemens|acuson|cti",
    "Sirona": "sirona|dentsply",
    "Topcon": "topcon",
    "United Imaging": "uih|united imaging|shanghai united imaging",
    "Varian": "varian",
    "Vieworks": "vieworks",
}
_STARTS = tuple(
    (vendor, re.compile(rf"(?:{names})(?![^\W\d_])", re.IGNORECASE)) for vendor, names in _VENDORS.items()
)
VENDORS = frozenset(_VENDORS)
"""Every maker a page may name."""


def find_vendor(manufacturer: str) -> str:
    """Find the maker a text begins with; `other` where it begins with none of them."""
    text = manufacturer.strip()
    return next((vendor for vendor, start in _STARTS if start.match(text)), OTHER_VENDOR)
