"""Instances add up to series and studies: what no single header says and every reader of a data set asks first.

Both tables are computed from columns of `instances` alone, so that they can be made of what a run is about to
publish, of what is published already, or of both, and say the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import JUDGED, SERIES, STUDIES, Contract
from tasks.tables.geometry import (
    Stacks,
    count_differing,
    is_known,
    is_orthonormal,
    is_within_reach,
    measure_stacks,
    to_vectors,
)
from tasks.tables.grouping import Groups, Mask, Ranks, Real, Whole, group_by, rank
from tasks.tables.spacing import Stated

SERIES_INPUT = (
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "PatientID",
    "FrameOfReferenceUID",
    "Modality",
    "SeriesNumber",
    "SeriesDate",
    "BodyPartExamined",
    "Manufacturer",
    "ManufacturerModelName",
    "ImageType",
    "SOPClassUID",
    "has_pixel_data",
    "InstanceNumber",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SpacingBetweenSlices",
    "SliceThickness",
)
"""Columns of `instances` that `series_table` reads."""

STUDIES_INPUT = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "PatientSex",
    "PatientAge",
    "Modality",
)
"""Columns of `instances` that `studies_table` reads."""

_STACK_MODALITIES = pa.array(["CT", "MR", "PT"])
_SAME_COSINE = 2e-3
_SAME_SPACING_MM = 1e-3


def judged_tables(instances: pa.Table) -> dict[str, pa.Table]:
    """Make the tables that the gate judges, by name, of all instances of some studies."""
    judged = instances.select(JUDGED)
    return {"instances": judged, "series": series_table(judged), "studies": studies_table(judged)}


def series_table(instances: pa.Table) -> pa.Table:
    """Make the table of `expectations.contracts.SERIES`.

    Parameters
    ----------
    instances
        Rows with the columns `SERIES_INPUT`, in any order.

    Returns
    -------
    pa.Table
        One row for each SeriesInstanceUID, ascending.
    """
    ranks = {
        name: rank(instances[name]) for name in SERIES_INPUT if not pa.types.is_list(instances[name].type)
    }
    series = ranks["SeriesInstanceUID"]
    groups = group_by(series)
    numbers = ranks["InstanceNumber"]
    images = pc.fill_null(instances["has_pixel_data"], False).to_numpy()
    localizers = _has_localizer(instances["ImageType"])
    placed = is_known(to_vectors(instances["ImageOrientationPatient"], 6))
    slices = (images | placed) & ~localizers
    spacings = to_vectors(instances["PixelSpacing"], 2)
    modality = groups.most_common(ranks["Modality"])
    return _to_table(
        SERIES,
        {
            "SeriesInstanceUID": series.values,
            **{name: groups.minimum(ranks[name]) for name in ("StudyInstanceUID", "PatientID")},
            **{name: groups.minimum(ranks[name]) for name in ("SeriesNumber", "SeriesDate")},
            "Modality": modality,
            **{
                name: groups.most_common(ranks[name])
                for name in ("BodyPartExamined", "Manufacturer", "ManufacturerModelName")
            },
            "instance_count": groups.sizes(),
            "study_distinct": _distinct(groups, ranks["StudyInstanceUID"]),
            "patient_distinct": _distinct(groups, ranks["PatientID"]),
            "modality_distinct": _distinct(groups, ranks["Modality"]),
            "frame_of_reference_distinct": _distinct(groups, ranks["FrameOfReferenceUID"]),
            "sop_class_distinct": _distinct(groups, ranks["SOPClassUID"]),
            "non_image_count": np.where(groups.any(images), groups.sizes(~images), 0),
            "rows_columns_distinct": groups.distinct(
                [ranks["Rows"].numbers, ranks["Columns"].numbers],
                ranks["Rows"].known & ranks["Columns"].known & ~localizers,
            ),
            "spacing_distinct": count_differing(
                groups, spacings, is_known(spacings) & ~localizers, _SAME_SPACING_MM
            )[0],
            "is_localizer": groups.any(localizers) & ~groups.any(slices),
            "instance_number_unique": pa.array(
                groups.sizes(numbers.known) == _distinct(groups, numbers), mask=~groups.any(numbers.known)
            ),
            "instance_number_gaps": _count_gaps(groups, instances["InstanceNumber"], numbers),
            **_describe_geometry(groups, instances, modality, slices, ranks),
        },
    )


def studies_table(instances: pa.Table) -> pa.Table:
    """Make the table of `expectations.contracts.STUDIES`.

    Parameters
    ----------
    instances
        Rows with the columns `STUDIES_INPUT`, in any order.

    Returns
    -------
    pa.Table
        One row for each StudyInstanceUID, ascending.
    """
    ranks = {name: rank(instances[name]) for name in STUDIES_INPUT}
    studies = ranks["StudyInstanceUID"]
    groups = group_by(studies)
    return _to_table(
        STUDIES,
        {
            "StudyInstanceUID": studies.values,
            **{name: groups.minimum(ranks[name]) for name in ("PatientID", "StudyDate")},
            **{name: groups.most_common(ranks[name]) for name in ("PatientSex", "PatientAge")},
            "patient_distinct": _distinct(groups, ranks["PatientID"]),
            "sex_distinct": _distinct(groups, ranks["PatientSex"]),
            "study_date_distinct": _distinct(groups, ranks["StudyDate"]),
            "series_count": _distinct(groups, ranks["SeriesInstanceUID"]),
            "instance_count": groups.sizes(),
            "modalities": groups.distinct_values(ranks["Modality"]),
            "dates_in_order": _dates_in_order(groups, ranks),
        },
    )


def _count_gaps(groups: Groups, column: pa.ChunkedArray, numbers: Ranks) -> pa.Array:
    """Count the whole numbers between the lowest and the highest that no row has; null where none is known."""
    values = pc.fill_null(column, 0).to_numpy().astype(np.int64)
    known, ids = numbers.known, groups.ids
    lowest, highest = np.full(groups.count, np.iinfo(np.int64).max), np.full(groups.count, -1 << 62)
    np.minimum.at(lowest, ids[known], values[known])
    np.maximum.at(highest, ids[known], values[known])
    gaps = highest - lowest + 1 - _distinct(groups, numbers)
    return pa.array(np.minimum(gaps, np.iinfo(np.int32).max), mask=~groups.any(known))


def _describe_geometry(
    groups: Groups, instances: pa.Table, modality: pa.Array, slices: Mask, ranks: Mapping[str, Ranks]
) -> dict[str, pa.Array | Whole]:
    positions = to_vectors(instances["ImagePositionPatient"], 3)
    orientations = to_vectors(instances["ImageOrientationPatient"], 6)
    oriented = is_known(orientations)
    counted = oriented & ~_has_localizer(instances["ImageType"])
    orientation_distinct, outliers = count_differing(groups, orientations, counted, _SAME_COSINE)
    volume = 2 * outliers <= groups.sizes(counted)
    single_frame = pc.less_equal(pc.fill_null(instances["NumberOfFrames"], 1), 1).to_numpy()
    placed = oriented & is_within_reach(positions) & single_frame
    stacked = (
        pc.is_in(modality, _STACK_MODALITIES).to_numpy(zero_copy_only=False)
        & (orientation_distinct == 1)
        & groups.any(slices)
        & groups.all(placed | ~slices)
    )
    rows = stacked[groups.ids] & slices
    spacings, thicknesses = (
        _to_numbers(groups.most_common(ranks[name])) for name in ("SpacingBetweenSlices", "SliceThickness")
    )
    stated = Stated(spacings, thicknesses, _to_numbers(instances["InstanceNumber"])[rows])
    stacks = measure_stacks(
        Groups(groups.ids[rows], groups.count), positions[rows], orientations[rows], stated
    )
    return {
        "orientation_distinct": orientation_distinct,
        "orientation_outliers": pa.array(outliers, mask=~(volume & groups.any(counted))),
        "orientation_orthonormal": pa.array(
            groups.all(is_orthonormal(orientations) | ~oriented), mask=~groups.any(oriented)
        ),
        **_stack_columns(stacks),
    }


def _stack_columns(stacks: Stacks) -> dict[str, pa.Array]:
    return {
        "slice_count": _whole_or_null(stacks.slice_count),
        "slice_spacing_median_mm": pa.array(stacks.spacing_median_mm, from_pandas=True),
        "slice_spacing_deviation_mm": pa.array(stacks.spacing_deviation_mm, from_pandas=True),
        "slice_spacing_deviation_percent": pa.array(
            np.round(100 * stacks.spacing_deviation_mm / stacks.spacing_median_mm, 3), from_pandas=True
        ),
        "missing_slices": _whole_or_null(stacks.missing_slices),
        "doubled_positions": _whole_or_null(stacks.doubled_positions),
        "thin_positions": _whole_or_null(stacks.thin_positions),
        "slice_shear_deg": pa.array(stacks.shear_deg, from_pandas=True),
    }


def _to_numbers(column: pa.Array | pa.ChunkedArray) -> Real:
    """Turn a column of numbers into an array; NaN for null."""
    numbers: Real = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    return numbers


def _whole_or_null(numbers: Whole) -> pa.Array:
    return pa.array(numbers, mask=numbers < 0)


def _has_localizer(image_types: pa.ChunkedArray) -> Mask:
    """Tell which rows have LOCALIZER among the values of Image Type (PS3.3 C.8.2.1.1.1)."""
    lists = image_types.combine_chunks()
    rows = pc.list_parent_indices(lists).filter(pc.equal(pc.list_flatten(lists), "LOCALIZER"))
    marked = np.zeros(len(lists), np.bool_)
    marked[rows.to_numpy()] = True
    return marked


def _distinct(groups: Groups, *columns: Ranks) -> Whole:
    """Count different values, or combinations of values, rows without one left out."""
    known = np.logical_and.reduce([column.known for column in columns])
    return groups.distinct([column.numbers for column in columns], known)


def _dates_in_order(groups: Groups, ranks: Mapping[str, Ranks]) -> pa.Array:
    """Tell whether nothing of a study happened before it; null where there is nothing to compare."""
    begun = groups.minimum(ranks["StudyDate"])
    earliest = [groups.minimum(ranks[name]) for name in ("SeriesDate", "AcquisitionDate", "ContentDate")]
    return pc.greater_equal(pc.min_element_wise(*earliest), begun)


def _to_table(contract: Contract, columns: Mapping[str, pa.Array | npt.NDArray[np.generic]]) -> pa.Table:
    arrays = [pa.array(columns[column.name]).cast(column.type) for column in contract.columns]
    return pa.Table.from_arrays(arrays, schema=contract.arrow_schema())
