from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts import INSTANCES, SERIES, STUDIES
from tasks.tables.aggregate import SERIES_INPUT, STUDIES_INPUT, series_table, studies_table

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]
INPUT = [name for name in INSTANCES.names if name in {*SERIES_INPUT, *STUDIES_INPUT}]
SCHEMA = pa.schema([INSTANCES.column(name).arrow_field() for name in INPUT])


def an_image(number: int, **values: Any) -> dict[str, Any]:
    return {
        "StudyInstanceUID": "study",
        "SeriesInstanceUID": "series",
        "PatientID": "patient",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "InstanceNumber": number,
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "has_pixel_data": True,
        "Rows": 512,
        "Columns": 512,
        "PixelSpacing": [0.5, 0.5],
        "ImagePositionPatient": [-100.0, -100.0, 2.5 * number],
        "ImageOrientationPatient": AXIAL,
    } | values


def at(*places: float) -> list[dict[str, Any]]:
    return [
        an_image(number, ImagePositionPatient=[-100.0, -100.0, place]) for number, place in enumerate(places)
    ]


def instances(images: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(images, schema=SCHEMA)


def the_series(images: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = series_table(instances(images)).to_pylist()
    return dict(row)


def the_study(images: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = studies_table(instances(images)).to_pylist()
    return dict(row)


def rotated(vector: list[float]) -> list[float]:
    """Turn a vector by 30 degrees about x and 20 about z."""
    a, b = math.radians(30), math.radians(20)
    about_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_z = np.array([[math.cos(b), -math.sin(b), 0], [math.sin(b), math.cos(b), 0], [0, 0, 1]])
    turned: list[float] = (about_z @ about_x @ np.array(vector)).tolist()
    return turned


def test_tables_have_the_contract_s_columns() -> None:
    assert series_table(instances(at(0, 1, 2))).schema == SERIES.arrow_schema()
    assert studies_table(instances(at(0, 1, 2))).schema == STUDIES.arrow_schema()


def test_no_instances_make_no_series_and_no_studies() -> None:
    assert series_table(instances([])).schema == SERIES.arrow_schema()
    assert studies_table(instances([])).num_rows == 0


def test_an_even_stack_is_even() -> None:
    series = the_series(at(*(2.5 * number for number in range(20))))
    assert series["slice_count"] == 20
    assert series["slice_spacing_median_mm"] == 2.5
    assert series["slice_spacing_deviation_mm"] == 0
    assert (series["missing_slices"], series["doubled_positions"]) == (0, 0)
    assert series["slice_shear_deg"] == 0
    assert series["orientation_orthonormal"]


def test_the_order_of_instances_is_not_the_order_of_slices() -> None:
    series = the_series(at(7.5, 0, 5, 2.5))
    assert (series["slice_spacing_median_mm"], series["missing_slices"]) == (2.5, 0)


def test_an_oblique_stack_is_measured_along_its_normal() -> None:
    axes = rotated(AXIAL[:3]) + rotated(AXIAL[3:])
    images = [
        an_image(
            number, ImageOrientationPatient=axes, ImagePositionPatient=rotated([-100, -90, 3.0 * number])
        )
        for number in range(10)
    ]
    series = the_series(images)
    assert (series["slice_count"], series["slice_spacing_median_mm"]) == (10, 3.0)
    assert series["slice_spacing_deviation_mm"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("places", "missing"),
    [
        ((0, 1, 2, 4, 5), 1),
        ((0, 1, 2, 6, 7, 9), 4),
        ((0, 1, 2, 3.4), 0),
        ((0, 1, 2, 3, 3.2), 0),
        ((0, 1, 2, 4, 6, 8, 10, 12), 5),
        ((0, 2, 4, 6, 8, 9, 10), 4),
        ((0, 2, 4, 5, 6.5, 8.5, 10.5), 0),
        ((0, 2, 4, 5, 8, 10, 12), 0),
    ],
)
def test_gaps_have_room_for_missing_slices(places: tuple[float, ...], missing: int) -> None:
    assert the_series(at(*places))["missing_slices"] == missing


def spread(places: list[float], numbers: list[int], **stated: Any) -> dict[str, Any]:
    return the_series(
        [
            image | {"InstanceNumber": number} | stated
            for image, number in zip(at(*places), numbers, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("stated", "missing"),
    [
        ({"SpacingBetweenSlices": 2.5}, 8),
        ({"SpacingBetweenSlices": 7.5}, 0),
        ({"SpacingBetweenSlices": 7.0}, 0),
        ({"SpacingBetweenSlices": 2.5, "SliceThickness": 5.0}, 0),
        ({"SpacingBetweenSlices": -2.5}, 0),
        ({"SliceThickness": 2.5}, 0),
    ],
    ids=["every third was sent", "all", "says something else", "the gap between edges", "no length", "thin"],
)
def test_slices_that_are_missing_evenly_show_in_the_spacing_that_is_stated(
    stated: dict[str, float], missing: int
) -> None:
    assert spread([0, 7.5, 15, 22.5, 30], [1, 2, 3, 4, 5], **stated)["missing_slices"] == missing


@pytest.mark.parametrize(
    ("places", "numbers", "missing"),
    [
        ([0, 2, 4, 6], [1, 3, 5, 7], 3),
        ([0, 2, 4, 6], [8, 6, 4, 2], 3),
        ([0, 2, 4, 10, 12], [2, 4, 6, 12, 14], 8),
        ([0, 2, 4, 6], [1, 2, 3, 9], 0),
        ([0, 2, 4, 6], [1, 5, 3, 7], 0),
        ([0, 2, 4], [1, 3, 5], 0),
        ([0, 0, 2, 2, 4, 4, 6, 6], [1, 2, 3, 4, 5, 6, 7, 8], 0),
    ],
    ids=[
        "every other",
        "backwards",
        "every other, and more",
        "numbered otherwise",
        "to and fro",
        "too few to tell",
        "two at each place",
    ],
)
def test_slices_that_are_missing_evenly_show_in_their_numbers(
    places: list[float], numbers: list[int], missing: int
) -> None:
    assert spread(places, numbers)["missing_slices"] == missing


def test_the_worst_distance_between_neighbours_is_told() -> None:
    series = the_series(at(0, 2, 4, 6.5, 8.5))
    assert (series["slice_spacing_median_mm"], series["slice_spacing_deviation_mm"]) == (2.0, 0.5)


def test_a_slice_that_occurs_twice_is_a_doubled_position() -> None:
    series = the_series(at(0, 1, 2, 2, 3, 4, 4.0005))
    assert (series["slice_count"], series["doubled_positions"]) == (5, 2)


@pytest.mark.parametrize("varied", ["EchoTime", "DiffusionBValue", "TemporalPositionIdentifier"])
def test_a_series_of_several_volumes_looks_neither_doubled_nor_incomplete(varied: str) -> None:
    assert varied not in SERIES_INPUT  # positions alone decide, since many writers leave these out
    series = the_series(at(*(3.0 * number for number in range(10))) * 4)
    assert (series["slice_count"], series["doubled_positions"], series["missing_slices"]) == (10, 0, 0)


def test_a_volume_cut_short_makes_no_doubled_position_of_most() -> None:
    whole = [3.0 * number for number in range(10)]
    assert the_series(at(*whole, *whole, *whole[:3]))["doubled_positions"] == 3


def test_gantry_tilt_shows_as_shear() -> None:
    lean = math.tan(math.radians(15))
    images = [
        an_image(number, ImagePositionPatient=[0.0, lean * 5 * number, 5.0 * number]) for number in range(5)
    ]
    series = the_series(images)
    assert series["slice_shear_deg"] == pytest.approx(15, abs=1e-6)
    assert series["slice_spacing_median_mm"] == 5


@pytest.mark.parametrize(
    "change",
    [
        {"Modality": "US"},
        {"Modality": None},
        {"NumberOfFrames": 20},
        {"ImagePositionPatient": None},
        {"ImagePositionPatient": [0.0, 0.0]},
        {"ImageOrientationPatient": None},
        {"ImageOrientationPatient": SAGITTAL},
    ],
)
def test_what_is_no_stack_has_no_slices(change: dict[str, Any]) -> None:
    images = at(0, 1, 2)
    images[1] |= change
    if "Modality" in change:
        images = [image | change for image in images]
    series = the_series(images)
    assert series["slice_count"] is None
    assert series["doubled_positions"] is None
    assert series["slice_spacing_median_mm"] is None


def test_axes_that_span_no_plane_have_no_normal_and_no_slices() -> None:
    flat = [1.0, 0, 0, 1.0, 0, 0]
    series = the_series([image | {"ImageOrientationPatient": flat} for image in at(0, 1, 2)])
    assert series["slice_count"] is None
    assert series["orientation_orthonormal"] is False


@pytest.mark.parametrize("number", [1, 2])
def test_fewer_than_three_positions_have_no_spacing(number: int) -> None:
    series = the_series(at(*range(number)))
    assert series["slice_count"] == number
    assert series["doubled_positions"] == 0
    for column in (
        "slice_spacing_median_mm",
        "slice_spacing_deviation_mm",
        "missing_slices",
        "slice_shear_deg",
    ):
        assert series[column] is None


LOCALIZER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": SAGITTAL}


def test_a_localizer_beside_a_volume_is_left_out() -> None:
    images = [*at(0, 1, 2), an_image(9, Rows=888, PixelSpacing=[1.0, 1.0], **LOCALIZER)]
    series = the_series(images)
    assert (series["orientation_distinct"], series["is_localizer"]) == (1, False)
    assert (series["slice_count"], series["rows_columns_distinct"], series["spacing_distinct"]) == (3, 1, 1)
    assert the_series([an_image(1, **LOCALIZER)])["is_localizer"]


def test_images_that_lie_otherwise_than_most_are_counted() -> None:
    images = at(0, 1, 2, 3)
    images[1] |= {"ImageOrientationPatient": SAGITTAL}
    assert the_series(images)["orientation_outliers"] == 1
    images[2] |= {"ImageOrientationPatient": SAGITTAL}
    assert the_series(images)["orientation_outliers"] == 2


def test_three_planes_and_a_turning_projection_have_no_orientation_to_differ_from() -> None:
    planes = [AXIAL, SAGITTAL, [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]]
    scout = [an_image(n, ImageOrientationPatient=planes[n % 3]) for n in range(9)]
    turning = [
        an_image(n, ImageOrientationPatient=[math.cos(n / 10), math.sin(n / 10), 0.0, 0.0, 0.0, -1.0])
        for n in range(12)
    ]
    for images in (scout, turning):
        series = the_series(images)
        assert series["orientation_outliers"] is None
        assert series["orientation_distinct"] > 2


def test_equal_up_to_rounding_is_equal_on_either_side_of_a_border() -> None:
    images = at(0, 1, 2, 3)
    for image, cosine in zip(images, (0.9989999, 0.999, 0.9990001, 0.9995), strict=True):
        image["ImageOrientationPatient"] = [cosine, 0.0, 0.0, 0.0, 1.0, 0.0]
        image["PixelSpacing"] = [cosine / 2, 0.5]
    series = the_series(images)
    assert (series["orientation_distinct"], series["orientation_outliers"], series["spacing_distinct"]) == (
        1,
        0,
        1,
    )


def test_the_usual_of_two_distances_is_the_smaller() -> None:
    series = the_series(at(0, 2.5, 7.5))
    assert (series["slice_spacing_median_mm"], series["missing_slices"]) == (2.5, 1)


def test_an_image_that_one_of_several_volumes_lost_makes_a_thin_position() -> None:
    whole = [3.0 * number for number in range(10)]
    series = the_series(at(*whole, *whole[:4], *whole[5:]))
    assert (series["thin_positions"], series["doubled_positions"], series["missing_slices"]) == (1, 0, 0)


def test_positions_that_volumes_repeat_to_some_decimals_are_one() -> None:
    whole = [3.0 * number for number in range(10)]
    series = the_series(at(*whole, *[place + 0.004 for place in whole]))
    assert (series["slice_count"], series["missing_slices"], series["thin_positions"]) == (10, 0, 0)


def test_a_report_among_images_is_counted_and_leaves_the_volume_whole() -> None:
    report = an_image(
        9, has_pixel_data=False, ImageOrientationPatient=None, ImagePositionPatient=None, SOPClassUID="1.2"
    )
    series = the_series([*at(0, 1, 2), report])
    assert (series["non_image_count"], series["sop_class_distinct"], series["slice_count"]) == (1, 2, 3)
    assert the_series([report])["non_image_count"] == 0


@pytest.mark.parametrize(
    ("numbers", "gaps"), [((1, 2, 3), 0), ((1, 2, 5), 2), ((7,), 0), ((-2, 1), 2), ((None, 4), 0)]
)
def test_gaps_between_instance_numbers_are_counted(numbers: tuple[int, ...], gaps: int) -> None:
    assert the_series([an_image(0, InstanceNumber=n) for n in numbers])["instance_number_gaps"] == gaps


def test_rounding_noise_makes_no_second_orientation_and_no_second_spacing() -> None:
    images = at(0, 1, 2)
    images[1] |= {
        "ImageOrientationPatient": [1.0, -0.0, 0.00004, 0.0, 0.99996, 0.0],
        "PixelSpacing": [0.50001, 0.5],
    }
    series = the_series(images)
    assert (series["orientation_distinct"], series["spacing_distinct"], series["slice_count"]) == (1, 1, 3)


def test_the_most_common_value_wins_and_the_smallest_of_equals() -> None:
    images = at(0, 1, 2, 3, 4)
    for image, maker, model in zip(
        images, ["B", "A", "B", None, None], ["Y", "X", "X", "Y", None], strict=True
    ):
        image |= {"Manufacturer": maker, "ManufacturerModelName": model}
    series = the_series(images)
    assert (series["Manufacturer"], series["ManufacturerModelName"]) == ("B", "X")
    assert series["BodyPartExamined"] is None


def test_different_values_are_counted_without_nulls() -> None:
    images = at(0, 1, 2, 3)
    for image, rows, frame, patient in zip(
        images, [512, 512, 256, None], ["f", None, "g", "f"], "ppqp", strict=True
    ):
        image |= {
            "Rows": rows,
            "FrameOfReferenceUID": frame,
            "PatientID": patient,
            "StudyInstanceUID": patient,
        }
    series = the_series(images)
    assert series["instance_count"] == 4
    assert series["rows_columns_distinct"] == 2
    assert series["frame_of_reference_distinct"] == 2
    assert (series["patient_distinct"], series["study_distinct"], series["PatientID"]) == (2, 2, "p")


def test_the_smallest_number_and_the_earliest_day_are_the_series() -> None:
    images = at(0, 1, 2)
    for image, number, day in zip(
        images, [7, None, 3], [None, date(2024, 5, 2), date(2024, 5, 1)], strict=True
    ):
        image |= {"SeriesNumber": number, "SeriesDate": day}
    series = the_series(images)
    assert (series["SeriesNumber"], series["SeriesDate"]) == (3, date(2024, 5, 1))


@pytest.mark.parametrize(
    ("numbers", "unique"),
    [((1, 2, 3), True), ((1, 2, 1), False), ((1, None, None), True), ((None,) * 3, None)],
)
def test_instance_numbers_are_unique_or_not_or_unknown(
    numbers: tuple[int | None, ...], unique: bool | None
) -> None:
    images = [image | {"InstanceNumber": number} for image, number in zip(at(0, 1, 2), numbers, strict=True)]
    assert the_series(images)["instance_number_unique"] is unique


def test_without_orientation_nothing_is_said_of_it() -> None:
    series = the_series([image | {"ImageOrientationPatient": None} for image in at(0, 1)])
    assert series["orientation_orthonormal"] is None
    assert series["orientation_distinct"] == 0


@pytest.mark.parametrize("axes", [[1.1, 0, 0, 0, 1, 0], [1, 0, 0, 0.1, 0.995, 0], [1e200, 0, 0, 0, 1e200, 0]])
def test_skewed_or_stretched_axes_are_not_orthonormal(axes: list[float]) -> None:
    images = at(0, 1, 2)
    images[2]["ImageOrientationPatient"] = [float(cosine) for cosine in axes]
    assert the_series(images)["orientation_orthonormal"] is False


@pytest.mark.parametrize("column", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_numbers_beyond_reason_make_no_stack_and_no_warning(column: str) -> None:
    images = at(0, 1, 2)
    images[1][column] = [1e308] * len(images[1][column])
    images[2][column] = [-1e308] * len(images[1][column])
    assert (the_series(images)["slice_count"] is None) == (column != "PixelSpacing")


def test_series_keep_apart_and_come_in_order() -> None:
    images = [
        image | {"SeriesInstanceUID": name}
        for name, places in {"b": (0, 1, 2, 4), "a": (0, 2, 4), "c": (0,)}.items()
        for image in at(*places)
    ]
    rows = series_table(instances(images)).to_pylist()
    assert [row["SeriesInstanceUID"] for row in rows] == ["a", "b", "c"]
    assert [row["slice_spacing_median_mm"] for row in rows] == [2.0, 1.0, None]
    assert [row["missing_slices"] for row in rows] == [0, 1, None]


def test_a_study_adds_up() -> None:
    images = at(0, 1, 2)
    for image, series, modality, sex in zip(images, "ssr", ["CT", "CT", "PT"], ["F", "F", None], strict=True):
        image |= {"SeriesInstanceUID": series, "Modality": modality, "PatientSex": sex, "PatientAge": "062Y"}
    study = the_study(images)
    assert (study["series_count"], study["instance_count"], study["modalities"]) == (2, 3, ["CT", "PT"])
    assert (study["PatientSex"], study["sex_distinct"], study["PatientAge"]) == ("F", 1, "062Y")


def test_a_study_without_modality_lists_none() -> None:
    assert the_study([an_image(1, Modality=None)])["modalities"] == []


@pytest.mark.parametrize(
    ("study_date", "series_date", "content_date", "in_order"),
    [
        (date(2024, 5, 2), date(2024, 5, 2), None, True),
        (date(2024, 5, 2), date(2024, 5, 3), date(2024, 5, 1), False),
        (None, date(2024, 5, 2), None, None),
        (date(2024, 5, 2), None, None, None),
    ],
)
def test_nothing_of_a_study_happens_before_it(
    study_date: date | None, series_date: date | None, content_date: date | None, in_order: bool | None
) -> None:
    image = an_image(1, StudyDate=study_date, SeriesDate=series_date, ContentDate=content_date)
    assert the_study([image])["dates_in_order"] is in_order


images_of_any_kind = st.lists(
    st.builds(
        an_image,
        st.integers(0, 5),
        SeriesInstanceUID=st.sampled_from("ab"),
        StudyInstanceUID=st.sampled_from("st"),
        Modality=st.sampled_from(["CT", "MR", "US", None]),
        ImagePositionPatient=st.lists(
            st.sampled_from([0.0, 1.0, 1.0004, 2.5, 1 / 3]), min_size=3, max_size=3
        ),
        ImageOrientationPatient=st.sampled_from([AXIAL, SAGITTAL, [0.6, 0.8, 0.0, 0.0, 0.0, 1.0], None]),
        StudyDate=st.sampled_from([date(2024, 5, 1), date(2024, 5, 2), None]),
        SeriesDate=st.sampled_from([date(2024, 5, 1), date(2024, 5, 2), None]),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(images_of_any_kind, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_their_chunks_decide_anything(
    images: list[dict[str, Any]], random: Any
) -> None:
    shuffled = random.sample(images, len(images))
    cut = random.randint(0, len(images))
    chunked = pa.concat_tables([instances(shuffled[:cut]), instances(shuffled[cut:])])
    assert series_table(chunked).equals(series_table(instances(images)))
    assert studies_table(chunked).equals(studies_table(instances(images)))


@settings(max_examples=30, deadline=None)
@given(images_of_any_kind)
def test_each_series_and_study_has_one_row_and_every_instance_counts(images: list[dict[str, Any]]) -> None:
    series, studies = series_table(instances(images)), studies_table(instances(images))
    assert series["SeriesInstanceUID"].to_pylist() == sorted({image["SeriesInstanceUID"] for image in images})
    assert studies["StudyInstanceUID"].to_pylist() == sorted({image["StudyInstanceUID"] for image in images})
    assert (
        sum(series["instance_count"].to_pylist()) == sum(studies["instance_count"].to_pylist()) == len(images)
    )
