"""Contradictions among the elements that describe the pixels (PS3.3 C.7.6.3): recorded, never resolved.

Which of two contradicting elements is wrong only the pixels could tell, and header cleaning does not
look at pixels. The header stays as it is, so that whoever decodes the image sees what the device wrote.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.cleaning.rules import Rule
from tasks.dicom.dictionary import format_tag, tag_of
from tasks.dicom.element import DataSet
from tasks.dicom.values import numbers_of, text_of
from tasks.records import Finding

DIMENSIONS = Rule("dimensions", "BAD_DIMENSIONS", "Rows or Columns of zero is recorded.")
PIXEL_MODULE = Rule(
    "pixel-module",
    "BAD_PIXEL_MODULE",
    "Samples, bits and photometric interpretation that are missing, not among the standard's or contradict each "
    "other are recorded.",
)
PIXEL_RULES = (DIMENSIONS, PIXEL_MODULE)

SAMPLES_OF = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "HSV": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_PARTIAL_422": 3,
    "YBR_PARTIAL_420": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
    "XYB": 3,
    "ARGB": 4,
    "CMYK": 4,
}
"""Samples per pixel of each photometric interpretation, retired ones too (PS3.3 C.7.6.3.1.2)."""

_ROWS, _COLUMNS = tag_of("Rows"), tag_of("Columns")
_SAMPLES, _PHOTOMETRIC = tag_of("SamplesPerPixel"), tag_of("PhotometricInterpretation")
_ALLOCATED, _STORED, _HIGH_BIT = tag_of("BitsAllocated"), tag_of("BitsStored"), tag_of("HighBit")
_REPRESENTATION, _PLANAR = tag_of("PixelRepresentation"), tag_of("PlanarConfiguration")


def check_pixel_module(dataset: DataSet, has_pixels: bool) -> tuple[Finding, ...]:
    """Record what is wrong with the description of the pixels, by the element that shows it.

    Parameters
    ----------
    dataset
        After `repair`.
    """
    if not has_pixels:
        return ()
    findings = [
        Finding(DIMENSIONS.rule_id, format_tag(tag), DIMENSIONS.code) for tag in _zero_dimensions(dataset)
    ]
    faults = dict.fromkeys((*_colour_faults(dataset), *_bit_faults(dataset)))
    findings += [Finding(PIXEL_MODULE.rule_id, format_tag(tag), PIXEL_MODULE.code) for tag in faults]
    return tuple(findings)


def _number(dataset: DataSet, tag: int) -> int | None:
    """Read a number; None where there is none, which `repair` has made of everything unreadable."""
    element = dataset.get(tag)
    numbers = numbers_of(element) if element is not None and element.VR in ("US", "SS") else ()
    return int(numbers[0]) if numbers else None


def _zero_dimensions(dataset: DataSet) -> Iterator[int]:
    return (tag for tag in (_ROWS, _COLUMNS) if _number(dataset, tag) == 0)


def _colour_faults(dataset: DataSet) -> Iterator[int]:
    element = dataset.get(_PHOTOMETRIC)
    expected = SAMPLES_OF.get(text_of(element).strip()) if element is not None else None
    samples = _number(dataset, _SAMPLES)
    if expected is None:
        yield _PHOTOMETRIC
    if samples is None or (expected is not None and samples != expected):
        yield _SAMPLES
    if samples is not None and samples > 1 and _number(dataset, _PLANAR) not in (0, 1):
        yield _PLANAR


def _bit_faults(dataset: DataSet) -> Iterator[int]:
    allocated = _number(dataset, _ALLOCATED)
    stored, high_bit, representation = (
        _number(dataset, tag) for tag in (_STORED, _HIGH_BIT, _REPRESENTATION)
    )
    if allocated is None or not (allocated == 1 or (allocated % 8 == 0 and 8 <= allocated <= 64)):
        yield _ALLOCATED
    if allocated in (32, 64) and stored is high_bit is representation is None:
        # Floating-point pixels have none of the three (PS3.3 C.7.6.24, C.7.6.25).
        return
    if stored is None or not 1 <= stored <= (allocated or 0):
        yield _STORED
    if stored is None or high_bit != stored - 1:
        yield _HIGH_BIT
    if representation not in (0, 1):
        yield _REPRESENTATION
