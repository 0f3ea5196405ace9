"""Left is left, front is front and the head is at the head, however the camera stored the slices.

A network that knows nothing but array indices marks three voxels; two readers that know nothing
of this project say where in the patient the marks of the written object lie.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from builders import SNOMED_CT, SNOMED_RT, model, nac, provenance
from mumap_node.dicom.files import to_bytes
from mumap_node.imaging.volume import Voxels
from mumap_node.pipeline import Request, make_attenuation_map

LEFT, ANTERIOR, HEAD = 1000, 2000, 3000
"""Stored values of the marks: 0.1, 0.2 and 0.3 per cm."""

MARGIN = 2
"""Voxels between a mark and the side of the volume it marks."""

FRAMES, ROWS, COLUMNS = 7, 9, 11
SPACING_MM = {"slice": 5.0, "row": 4.0, "column": 3.0}
CENTRE_MM = np.array([12.0, -150.0, 553.5])

AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0)}
IN_PLANE = ["LP", "LA", "RP", "RA", "PL", "PR", "AL", "AR"]
"""Where rows run to, then where columns run to: all eight ways to lay a transaxial slice."""


def mark(counts: Voxels) -> Voxels:
    """The network: indices run (slice, row, column) towards the head, the back and the left."""
    slices, rows, columns = (n // 2 for n in counts.shape)
    marks = np.zeros_like(counts)
    marks[slices, rows, counts.shape[2] - 1 - MARGIN] = 0.1
    marks[slices, MARGIN, columns] = 0.2
    marks[counts.shape[0] - 1 - MARGIN, rows, columns] = 0.3
    return marks


def source(in_plane: str, sign: int, **arguments: object) -> Dataset:
    """A volume centred on CENTRE_MM, whose first voxel is wherever its axes begin."""
    row, column = (np.array(AXES[letter], float) for letter in in_plane)
    between_slices = sign * SPACING_MM["slice"]
    steps = (
        (FRAMES, between_slices * np.cross(row, column)),
        (ROWS, SPACING_MM["row"] * column),
        (COLUMNS, SPACING_MM["column"] * row),
    )
    first_mm = CENTRE_MM - sum((count - 1) / 2 * step for count, step in steps)
    return nac(
        voxels=np.ones((FRAMES, ROWS, COLUMNS)),
        position_mm=first_mm.tolist(),
        orientation=(*row, *column),
        spacing_mm=(between_slices, SPACING_MM["row"], SPACING_MM["column"]),
        **arguments,
    )


def written(dataset: Dataset, folder: Path) -> Path:
    made = make_attenuation_map(dataset, model(mark), Request(assume_nac=True), provenance())
    path = folder / "map.dcm"
    path.write_bytes(to_bytes(made.objects["standard"][0]))
    return path


def expected_mm(in_plane: str) -> dict[int, NDArray[np.float64]]:
    """Where the marks belong in the patient: so far from the centre, towards their side."""
    rows_run_left_to_right = in_plane[0] in "LR"
    along_x = (COLUMNS, "column") if rows_run_left_to_right else (ROWS, "row")
    along_y = (ROWS, "row") if rows_run_left_to_right else (COLUMNS, "column")

    def distance(count: int, spacing: str) -> float:
        return ((count - 1) / 2 - MARGIN) * SPACING_MM[spacing]

    return {
        LEFT: CENTRE_MM + np.array((distance(*along_x), 0, 0)),
        ANTERIOR: CENTRE_MM - np.array((0, distance(*along_y), 0)),
        HEAD: CENTRE_MM + np.array((0, 0, distance(FRAMES, "slice"))),
    }


def seen_by_simpleitk(path: Path) -> dict[int, NDArray[np.float64]]:
    image = SimpleITK.ReadImage(str(path))
    stored = SimpleITK.GetArrayFromImage(image)
    return {
        value: np.array(
            image.TransformIndexToPhysicalPoint(np.argwhere(stored == value)[0][::-1].tolist())
        )
        for value in (LEFT, ANTERIOR, HEAD)
    }


def seen_by_the_standard(path: Path) -> dict[int, NDArray[np.float64]]:
    """PS3.3 C.7.6.2.1.1 for the plane, C.8.4.15 for the stack, C.8.4.8 for the slice numbers."""
    dataset = dcmread(path)
    detector = dataset.DetectorInformationSequence[0]
    position = np.array(detector.ImagePositionPatient, float)
    row, column = np.array(detector.ImageOrientationPatient, float).reshape(2, 3)
    between_rows, between_columns = map(float, dataset.PixelSpacing)
    step = float(dataset.SpacingBetweenSlices) * np.cross(row, column)
    numbers = np.array(dataset.SliceVector)
    found = {}
    for value in (LEFT, ANTERIOR, HEAD):
        ((frame, i, j),) = np.argwhere(dataset.pixel_array == value)
        in_plane = j * between_columns * row + i * between_rows * column
        found[value] = position + in_plane + (numbers[frame] - numbers[0]) * step
    return found


@pytest.mark.parametrize("in_plane", IN_PLANE)
@pytest.mark.parametrize("sign", [1, -1], ids=["positive spacing", "negative spacing"])
def test_marks_lie_where_they_belong(in_plane, sign, tmp_path):
    """For head and feet first, supine and prone, as cameras of two generations code them."""
    for entry, side, coding in product(
        ("head_first", "feet_first"), ("supine", "prone"), (SNOMED_CT, SNOMED_RT)
    ):
        dataset = source(in_plane, sign, entry=entry, side=side, coding=coding)
        path = written(dataset, tmp_path)
        expected = expected_mm(in_plane)
        for reader in (seen_by_simpleitk, seen_by_the_standard):
            for value, place in reader(path).items():
                np.testing.assert_allclose(
                    place, expected[value], atol=1e-3, err_msg=f"{reader.__name__} {value}"
                )


@pytest.mark.parametrize("sign", [1, -1], ids=["positive spacing", "negative spacing"])
@pytest.mark.parametrize("order", [[7, 6, 5, 4, 3, 2, 1], [3, 1, 2, 7, 4, 6, 5]], ids=str)
def test_marks_lie_where_they_belong_whatever_order_the_frames_come_in(order, sign, tmp_path):
    """Slice numbers count along the spacing; the frame stored first lies at the position."""
    straight = source("LP", sign)
    detector = straight.DetectorInformationSequence[0]
    first_mm = [float(number) for number in detector.ImagePositionPatient]
    first_mm[2] += (order[0] - 1) * sign * SPACING_MM["slice"]
    dataset = nac(
        voxels=np.ones((FRAMES, ROWS, COLUMNS)),
        position_mm=first_mm,
        spacing_mm=(sign * SPACING_MM["slice"], SPACING_MM["row"], SPACING_MM["column"]),
        slice_vector=order,
    )

    found = seen_by_the_standard(written(dataset, tmp_path))

    for value, place in expected_mm("LP").items():
        np.testing.assert_allclose(found[value], place, atol=1e-3)


@pytest.mark.parametrize("degrees", [0.5, -8.0])
def test_marks_of_slightly_oblique_slices_lie_along_their_axes(degrees, tmp_path):
    angle = np.radians(degrees)
    column = (0.0, round(np.cos(angle), 8), round(np.sin(angle), 8))
    dataset = nac(
        voxels=np.ones((FRAMES, ROWS, COLUMNS)), orientation=(1, 0, 0, *column),
        spacing_mm=(5.0, 4.0, 3.0), position_mm=(0, 0, 0),
    )  # fmt: skip

    path = written(dataset, tmp_path)
    by_simpleitk, by_the_standard = seen_by_simpleitk(path), seen_by_the_standard(path)

    for value, place in by_the_standard.items():
        np.testing.assert_allclose(by_simpleitk[value], place, atol=1e-3)
    middle = (by_the_standard[LEFT] + by_the_standard[ANTERIOR] + by_the_standard[HEAD]) / 3
    assert by_the_standard[LEFT][0] > middle[0]
    assert by_the_standard[ANTERIOR][1] < middle[1]
    assert by_the_standard[HEAD][2] > middle[2]
