"""How far apart the slices of a series were before any was lost: what tells a gap from a wide spacing.

The usual distance alone does not: of a series that lost every other slice, or of which every sixteenth was sent, all
distances are alike. So its headers are asked too, where they agree with the positions: Spacing Between Slices, and
Instance Number where it goes on in step with the distance. None of them is believed against the positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.tables.grouping import Groups, Mask, Real, Whole

_TOLERANCE = 0.03
"""Share by which equal distances may differ; the same as rule R066 allows."""
_NEAR_WHOLE = 0.05
"""How far a quotient may be from a whole number."""
_ROUNDED_UP = 0.4
"""Share of a distance that is taken for a whole one: a slice that moved half-way leaves a gap of one and a half."""
_FEWEST_NUMBERED = 4
"""Positions whose numbers must go on in step with their distance before numbers say anything."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What headers say beside positions; NaN where they say nothing.

    Attributes
    ----------
    spacings, thicknesses
        Spacing Between Slices and Slice Thickness in mm of each group.
    numbers
        Instance Number of each row.
    """

    spacings: Real
    thicknesses: Real
    numbers: Real


def find_unit(gaps: Groups, distances: Real, usual: Real, stated: Stated, steps: Real) -> Real:
    """Give the distance in mm at which each group has room for a slice.

    Parameters
    ----------
    gaps, distances
        Group and length in mm of each gap between neighbours, in the order of their places.
    usual
        The usual distance of each group; NaN where there are too few.
    stated
        What headers say.
    steps
        By how much Instance Number goes on over each gap; NaN where a place has no number, or several.
    """
    unit = usual.copy()
    for found in (_frequent(gaps, distances), _declared(usual, stated), _numbered(gaps, distances, steps)):
        fits = _is_multiple(usual, found)
        unit[fits] = found[fits]
    return unit


def _frequent(gaps: Groups, distances: Real) -> Real:
    """Give the smallest distance, where it occurs twice: where most of a series lost every other slice, it is whole."""
    found = np.full(gaps.count, np.nan)
    sizes = gaps.sizes()
    ordered = distances[np.lexsort((distances, gaps.ids))]
    starts = (np.cumsum(sizes) - sizes)[sizes > 1]
    smallest, second = ordered[starts], ordered[starts + 1]
    found[sizes > 1] = np.where(second - smallest <= _TOLERANCE * smallest, smallest, np.nan)
    return found


def _declared(usual: Real, stated: Stated) -> Real:
    """Give Spacing Between Slices, unless it is the gap between the edges of slices, as some have written it."""
    with np.errstate(invalid="ignore"):
        edges = np.abs(stated.spacings + stated.thicknesses - usual) <= _TOLERANCE * usual
        return np.where((stated.spacings > 0) & ~edges, stated.spacings, np.nan)


def _numbered(gaps: Groups, distances: Real, steps: Real) -> Real:
    """Give the distance from one number to the next, where it is the same over every gap."""
    told = np.isfinite(steps) & (steps != 0)
    each = np.divide(distances, np.abs(steps), out=np.zeros_like(distances), where=told)
    lowest, highest = np.full(gaps.count, np.inf), np.zeros(gaps.count)
    np.minimum.at(lowest, gaps.ids, each)
    np.maximum.at(highest, gaps.ids, each)
    with np.errstate(invalid="ignore"):
        one_way = gaps.all(steps > 0) | gaps.all(steps < 0)
        even: Mask = highest - lowest <= _TOLERANCE * lowest
    enough = gaps.sizes() >= _FEWEST_NUMBERED - 1
    return np.where(one_way & even & enough & np.isfinite(lowest), lowest, np.nan)


def _is_multiple(usual: Real, unit: Real) -> Mask:
    with np.errstate(divide="ignore", invalid="ignore"):
        times = usual / unit
        whole = np.rint(times)
        fits: Mask = (whole > 1) & (np.abs(times - whole) <= _NEAR_WHOLE)
    return fits


def count_absent(gaps: Groups, distances: Real, unit: Real) -> Whole:
    """Count the slices that the gaps of each group have room for."""
    with np.errstate(invalid="ignore"):
        room = np.maximum(np.floor(distances / unit[gaps.ids] + _ROUNDED_UP) - 1, 0)
    absent = np.bincount(gaps.ids, np.nan_to_num(room), gaps.count)
    return np.minimum(absent, np.iinfo(np.int32).max).astype(np.int64)
