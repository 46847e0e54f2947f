"""Makers are counted by a closed list, whatever Manufacturer holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.site.vendors import OTHER_VENDOR, VENDORS, find_vendor


@pytest.mark.parametrize(
    ("manufacturer", "vendor"),
    [
        ("SIEMENS", "Siemens Healthineers"),
        ("Siemens HealthCare GmbH", "Siemens Healthineers"),
        (" GE MEDICAL SYSTEMS", "GE HealthCare"),
        ("GEMS", "GE HealthCare"),
        ("Philips Medical Systems", "Philips"),
        ("TOSHIBA_MEC", "Canon"),
        ("FUJI PHOTO FILM Co., ltd.", "Fujifilm"),
        ("UIH", "United Imaging"),
        ("GEORGE^DOE", OTHER_VENDOR),
        ("German Hospital", OTHER_VENDOR),
        ("Doe^Siemens", OTHER_VENDOR),
        ("", OTHER_VENDOR),
    ],
)
def test_a_maker_is_known_by_how_its_name_begins(manufacturer: str, vendor: str) -> None:
    assert find_vendor(manufacturer) == vendor


@given(st.text())
def test_no_text_comes_back(manufacturer: str) -> None:
    assert find_vendor(manufacturer) in VENDORS | {OTHER_VENDOR}
