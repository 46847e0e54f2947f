"""How the images of a series lie in space: what a volume made of them would be.

Positions are projected on the slice normal, the cross product of the orientation's two axes
(PS3.3 C.7.6.2.1.1); neither SliceLocation nor InstanceNumber is believed against them. A series may hold
several volumes (echoes, b-values, phases), so an image that shares its position with others is no error in
itself: a position is doubled only where it has more images than most positions have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.tables.grouping import Groups, Mask, Real, Whole, most_common
from tasks.tables.spacing import Stated, count_absent, find_unit

SAME_POSITION_MM = 1e-2
"""Images nearer than this are at one position: volumes of one series repeat theirs to some decimals only."""
UNIT_TOLERANCE = 1e-3
"""How far a cosine's length or product may be off: headers round to three decimals at worst."""

REACH_MM = 1e6
"""A position a kilometre from its origin is none, and sums of such would overflow."""

_BILLION = 1_000_000_000
_DECIMALS = 6
"""Of the lengths and angles given: a nanometre is below what any DICOM writer states."""
_FEWEST_POSITIONS = 3


@dataclass(frozen=True, slots=True)
class Stacks:
    """The geometry of each group; NaN or -1 where the contract asks for null."""

    slice_count: Whole
    spacing_median_mm: Real
    spacing_deviation_mm: Real
    missing_slices: Whole
    doubled_positions: Whole
    thin_positions: Whole
    shear_deg: Real


def to_vectors(column: pa.ChunkedArray, width: int) -> Real:
    """Turn a column of lists into an array of shape (rows, `width`); NaN where null or of another length."""
    vectors = np.full((len(column), width), np.nan)
    fitting = pc.fill_null(pc.equal(pc.list_value_length(column), width), False)
    numbers = pc.list_flatten(column.filter(fitting)).to_numpy()
    vectors[fitting.to_numpy()] = numbers.reshape(-1, width)
    return vectors


def is_known(vectors: Real) -> Mask:
    """Tell which rows hold a whole vector."""
    known: Mask = np.logical_and.reduce(np.isfinite(vectors), axis=1)
    return known


def is_within_reach(positions: Real) -> Mask:
    """Tell which rows hold a position that a patient could have."""
    near: Mask = np.logical_and.reduce(np.abs(positions) <= REACH_MM, axis=1)
    return near


def is_orthonormal(orientations: Real) -> Mask:
    """Tell which rows are two unit vectors at a right angle."""
    rows, columns = orientations[:, :3], orientations[:, 3:]
    with np.errstate(over="ignore", invalid="ignore"):
        errors = (_dot(rows, rows) ** 0.5 - 1, _dot(columns, columns) ** 0.5 - 1, _dot(rows, columns))
    orthonormal: Mask = np.logical_and.reduce([np.abs(error) <= UNIT_TOLERANCE for error in errors])
    return orthonormal


def round_to(values: Real, step: float) -> Real:
    """Give values in whole steps, so that equal means equal; 0.0 for -0.0."""
    with np.errstate(over="ignore"):
        steps: Real = np.round(values / step) + 0.0
    return steps


def count_differing(groups: Groups, vectors: Real, rows: Mask, tolerance: float) -> tuple[Whole, Whole]:
    """Compare vectors with the one that most rows of their group have.

    Equal up to rounding is equal: whole steps alone would part two values that lie on either side of a border.

    Parameters
    ----------
    rows
        Those that count, all with a known vector.
    tolerance
        Largest difference of a component that is none.

    Returns
    -------
    tuple
        Of each group, the number of different vectors, and the number of rows whose vector is not the usual one.
    """
    known = np.flatnonzero(rows)
    steps = round_to(vectors[known], tolerance)
    _, kinds = np.unique(steps, axis=0, return_inverse=True)
    kinds = kinds.reshape(-1).astype(np.int64)
    usual = np.full((groups.count, vectors.shape[1]), np.nan)
    present, common = most_common(groups.ids[known], kinds)
    example = np.full(len(steps), len(known))
    np.minimum.at(example, kinds, np.lexsort(vectors[known].T).argsort())
    smallest = known[np.lexsort(vectors[known].T)]
    usual[present] = vectors[smallest[example[common]]]
    with np.errstate(over="ignore", invalid="ignore"):
        far = np.abs(vectors[known] - usual[groups.ids[known]]).max(axis=1, initial=0) > tolerance
    others = np.zeros(len(vectors), np.bool_)
    others[known[far]] = True
    different = groups.distinct(list(round_to(vectors, 10 * tolerance).T), others)
    return different + groups.any(rows), groups.sizes(others)


def measure_stacks(groups: Groups, positions: Real, orientations: Real, stated: Stated) -> Stacks:
    """Measure the stack that the rows of each group make.

    Parameters
    ----------
    positions, orientations
        Image Position in mm and Image Orientation (Patient) of each row, shapes (rows, 3) and
        (rows, 6), all known and within reach; the orientations of a group are equal but for rounding.
    stated
        What headers say about the same rows and groups.
    """
    normals = _normals(groups, orientations)
    distances = _dot(positions, normals[groups.ids])
    sound = groups.all(np.isfinite(distances))[groups.ids]
    ids, distances, positions = groups.ids[sound], distances[sound], positions[sound]
    order = np.lexsort((*positions.T, distances, ids))
    ids, distances, positions = ids[order], distances[order], positions[order]
    numbers = stated.numbers[sound][order]
    first = np.flatnonzero(_begins(ids, distances))
    images = np.diff(first, append=len(ids))
    slices = Groups(ids[first], groups.count)
    sizes = slices.sizes()
    single = np.where(images == 1, numbers[first], np.nan)
    median, deviation, missing = _measure_spacing(slices, distances[first], single, stated)
    doubled, thin = _count_uneven(slices, images)
    return Stacks(
        np.where(sizes, sizes, -1),
        median,
        deviation,
        missing,
        np.where(sizes, doubled, -1),
        np.where(sizes, thin, -1),
        _measure_shear(slices, positions[first], normals),
    )


def _normals(groups: Groups, orientations: Real) -> Real:
    """Give each group's slice normal as a unit vector; NaN where its axes span no plane.

    One normal serves the whole group: at half a metre from the origin, a cosine's fourth decimal
    is worth 0.05 mm. The mean is taken of whole billionths, whose sum does not depend on the order.
    """
    totals = np.zeros((groups.count, 6), np.int64)
    np.add.at(totals, groups.ids, np.rint(np.clip(orientations, -2, 2) * _BILLION).astype(np.int64))
    axes = totals / np.maximum(groups.sizes(), 1)[:, None] / _BILLION
    normals = np.cross(axes[:, :3], axes[:, 3:])
    lengths = np.linalg.norm(normals, axis=1)
    lengths[lengths < UNIT_TOLERANCE] = np.nan
    units: Real = normals / lengths[:, None]
    return units


def _begins(ids: Whole, distances: Real) -> Mask:
    """Mark the first image of each position, in images sorted by group and distance."""
    begins = np.ones(len(ids), np.bool_)
    begins[1:] = (ids[1:] != ids[:-1]) | (np.diff(distances) >= SAME_POSITION_MM)
    return begins


def _measure_spacing(slices: Groups, places: Real, numbers: Real, stated: Stated) -> tuple[Real, Real, Whole]:
    """Give the median distance between neighbours, the worst deviation from it, and the slices missing."""
    inner = slices.ids[1:] == slices.ids[:-1]
    gaps, distances = Groups(slices.ids[1:][inner], slices.count), np.diff(places)[inner]
    enough = slices.sizes() >= _FEWEST_POSITIONS
    median = _medians(gaps, distances)
    median[~enough] = np.nan
    used = enough[gaps.ids]
    ids, distances, typical = gaps.ids[used], distances[used], median[gaps.ids[used]]
    deviation = np.full(slices.count, np.nan)
    deviation[enough] = 0
    np.maximum.at(deviation, ids, np.abs(distances - typical))
    gaps = Groups(ids, slices.count)
    unit = find_unit(gaps, distances, median, stated, np.diff(numbers)[inner][used])
    missing = np.where(enough, count_absent(gaps, distances, unit), -1)
    return np.round(median, _DECIMALS), np.round(deviation, _DECIMALS), missing


def _medians(groups: Groups, values: Real) -> Real:
    """Give each group's median, the lower of two; NaN for a group without rows.

    The mean of two would be no distance that occurs: of 2.5 and 5 mm, one is the usual and the other a gap.
    """
    medians = np.full(groups.count, np.nan)
    sizes = groups.sizes()
    starts, present = np.cumsum(sizes) - sizes, sizes > 0
    ordered = values[np.lexsort((values, groups.ids))]
    medians[present] = ordered[(starts + (sizes - 1) // 2)[present]]
    return medians


def _count_uneven(slices: Groups, images: Whole) -> tuple[Whole, Whole]:
    """Count the positions with more, and those with fewer images than most positions of their group have."""
    usual = np.zeros(slices.count, np.int64)
    present, common = most_common(slices.ids, images)
    usual[present] = common
    return slices.sizes(images > usual[slices.ids]), slices.sizes(images < usual[slices.ids])


def _measure_shear(slices: Groups, positions: Real, normals: Real) -> Real:
    """Give the angle in degrees between the line from first to last position and the slice normal."""
    sizes = slices.sizes()
    enough = sizes >= _FEWEST_POSITIONS
    last = (np.cumsum(sizes) - 1)[enough]
    line = positions[last] - positions[last - sizes[enough] + 1]
    along = _dot(line, normals[enough])
    across = np.linalg.norm(line - along[:, None] * normals[enough], axis=1)
    shear = np.full(slices.count, np.nan)
    shear[enough] = np.round(np.degrees(np.arctan2(across, along)), _DECIMALS)
    return shear


def _dot(left: Real, right: Real) -> Real:
    products: Real = np.einsum("ij,ij->i", left, right)
    return products
