"""A hot spot is where it is in the patient, whatever camera wrote the file and however they lay."""

from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset

from mumap_node.dicom.orientation import Entry, Side
from mumap_node.errors import InputRejected
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.reconstruction import Orbit, Projector, osem
from mumap_node.training.simulation.objects import projections as simulated
from tomos import (
    acquired,
    gated,
    ge_like,
    in_two_rotations,
    looking,
    orbit_of,
    read,
    same,
    siemens_like,
    tomo,
)

SLICES, BINS = 6, 20
SLICE_MM, BIN_MM = 8.0, 10.0
SPOT_MM = (45.0, -35.0, 12.0)
"""LPS: at the patient's left, in front, towards the head; the middle of a voxel."""

ONE = {
    "180 CW": orbit_of(),
    "360 CC": orbit_of(arc_deg=360, start_deg=0, clockwise=False),
}
PAIR = {
    "90, CW": orbit_of(heads=2, apart_deg=-90),
    "180, CC": orbit_of(heads=2, apart_deg=180, arc_deg=360, start_deg=0, clockwise=False),
}


def camera(orbit: Orbit, slice_mm: float, bin_mm: float) -> Projector:
    return Projector(
        (SLICES, BINS, BINS), (slice_mm, bin_mm, bin_mm), orbit, bins=BINS, bin_mm=bin_mm
    )


def spot(orbit: Orbit, heads: int) -> simulated.Projections:
    """The spot as the ideal camera sees it, in a body with a little of everything."""
    voxels = np.full((SLICES, BINS, BINS), 0.01, np.float32)
    x, y, z = SPOT_MM
    place = (z / SLICE_MM, y / BIN_MM, x / BIN_MM) + (np.array(voxels.shape) - 1) / 2
    voxels[tuple(place.astype(int))] = 100
    seen = np.rint(20 * camera(orbit, SLICE_MM, BIN_MM).forward(voxels))
    return acquired(
        orbit,
        heads=heads,
        windows_kev={"photopeak": (126.45, 154.55)},
        counts=seen[None].astype(np.float32),
        spacing_mm=(SLICE_MM, BIN_MM),
    )


def place_mm(found: Projections) -> np.ndarray:
    """LPS of the brightest voxel of the reconstruction, from the centre of rotation."""
    voxels = osem(
        found.photopeak,
        camera(found.orbit, found.slice_mm, found.bin_mm),
        iterations=4,
        subsets=4,
    )
    brightest = np.array(np.unravel_index(voxels.argmax(), voxels.shape))
    spacing_mm = (found.slice_mm, found.bin_mm, found.bin_mm)
    return ((brightest - (np.array(voxels.shape) - 1) / 2) * spacing_mm)[::-1]


LAYOUTS: dict[str, Callable[[simulated.Projections, Side, Entry], Dataset]] = {
    "generic": lambda of, side, entry: tomo(of, side=side, entry=entry),
    "Siemens-like": siemens_like,
    "GE-like": ge_like,
    "gated": lambda of, side, entry: gated(tomo(of, side=side, entry=entry)),
    "two rotations": lambda of, side, entry: in_two_rotations(tomo(of, side=side, entry=entry)),
    "directions stated": lambda of, side, entry: looking(tomo(of, side=side, entry=entry), of),
    "stored upside down": lambda of, side, entry: looking(
        tomo(of, side=side, entry=entry), of, turned=True
    ),
}
SPOTS = {
    **{f"one head, {name}": spot(orbit, 1) for name, orbit in ONE.items()},
    **{f"two heads at {name}": spot(orbit, 2) for name, orbit in PAIR.items()},
}


def reason(dataset: Dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value.reason


def of_detector(dataset: Dataset, **attributes: object) -> Dataset:
    """The dataset with other values in its first detector item."""
    for keyword, value in attributes.items():
        setattr(dataset.DetectorInformationSequence[0], keyword, value)
    return dataset


@pytest.mark.parametrize("of", SPOTS.values(), ids=SPOTS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("entry", Entry)
@pytest.mark.parametrize("side", [Side.SUPINE, Side.PRONE])
def test_a_hot_spot_is_reconstructed_where_it_is_in_the_patient(of, layout, entry, side):
    found = place_mm(read(layout(of, side, entry)))

    assert (np.abs(found - SPOT_MM) <= (BIN_MM, BIN_MM, SLICE_MM)).all()


def test_a_mirrored_projection_would_be_reconstructed_elsewhere():
    """The test above sees it."""
    of = SPOTS["one head, 180 CW"]
    mirrored = tomo(of)
    mirrored["PixelData"] = tomo(
        acquired(
            of.scan.orbit,
            windows_kev=of.scan.windows_kev,
            counts=of.counts[..., ::-1],
            spacing_mm=(SLICE_MM, BIN_MM),
        )
    )["PixelData"]

    assert (np.abs(place_mm(read(mirrored)) - SPOT_MM) > 2 * BIN_MM).any()


def test_rows_are_slices_and_columns_are_bins():
    """Pixel Spacing is the distance between rows, then between columns."""
    found = read(tomo(acquired(spacing_mm=(4.0, 9.0))))

    assert (found.slice_mm, found.bin_mm) == (4.0, 9.0)


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        (None, "missing-geometry"),
        (["4", "0"], "missing-geometry"),
        (["4", "900"], "implausible-geometry"),
    ],
)
def test_without_a_pixel_spacing_nothing_is_guessed(spacing, expected):
    assert reason(tomo(PixelSpacing=spacing)) == expected


def test_directions_are_said_to_be_custom_where_the_header_is_silent():
    ideal = acquired()

    assert not read(tomo(ideal)).direction_is_stated
    assert read(looking(tomo(ideal), ideal)).direction_is_stated


def test_frames_upside_down_are_turned_where_the_header_says_so():
    ideal = acquired()

    upright, turned = (read(looking(tomo(ideal), ideal, turned=turn)) for turn in (False, True))

    same(turned, ideal)
    assert turned.middle_z_mm == pytest.approx(upright.middle_z_mm) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "orientation",
    [
        ["1", "0", "0", "0", "0", "-1"],  # the view from the front, not from RAO 45
        ["-0.707107", "0.707107", "0", "0", "0", "-1"],  # mirrored
        ["0.707107", "-0.707107", "0", "0", "0", "1"],  # upside down, but not turned
    ],
    ids=str,
)
def test_a_direction_that_is_no_view_from_the_start_angle_is_refused(orientation):
    dataset = of_detector(tomo(), ImageOrientationPatient=orientation)

    assert reason(dataset) == "contradictory-orientation"


def test_directions_of_no_length_are_refused():
    dataset = of_detector(tomo(), ImageOrientationPatient=["2", "0", "0", "0", "0", "-1"])

    assert reason(dataset) == "implausible-geometry"


@pytest.mark.parametrize("orientation", [["1", "0", "0", "0", "1", "0"], ["0"] * 6], ids=str)
def test_directions_of_a_slice_say_nothing_of_a_projection(orientation):
    found = read(of_detector(tomo(), ImageOrientationPatient=orientation))

    assert not found.direction_is_stated


def test_two_heads_that_contradict_each_other_are_refused():
    ideal = acquired(PAIR["90, CW"], heads=2)
    dataset = looking(tomo(ideal), ideal)
    x, y = -ideal.scan.orbit.bin_directions[0]
    of_detector(dataset, ImageOrientationPatient=[f"{x:.6f}", f"{y:.6f}", "0", "0", "0", "1"])

    assert reason(dataset) == "contradictory-orientation"


def test_two_heads_at_different_heights_are_refused():
    dataset = of_detector(
        tomo(acquired(PAIR["90, CW"], heads=2)), ImagePositionPatient=["0", "0", "40"]
    )

    assert reason(dataset) == "ambiguous-geometry"


def test_a_height_no_patient_has_is_refused():
    dataset = of_detector(tomo(), ImagePositionPatient=["0", "0", "-3e5"])

    assert reason(dataset) == "implausible-geometry"


def test_the_height_of_the_slices_is_read_from_the_first_row():
    dataset = of_detector(tomo(), ImagePositionPatient=["0", "0", "110"])

    assert read(dataset).middle_z_mm == pytest.approx(100)


@pytest.mark.parametrize("position", [None, ["0", "0", "0"]])
def test_without_a_position_the_height_is_not_known(position):
    assert read(of_detector(tomo(), ImagePositionPatient=position)).middle_z_mm is None


def test_orientation_codes_and_patient_position_must_agree():
    assert reason(tomo(PatientPosition="FFS")) == "contradictory-orientation"
    assert reason(tomo(side=Side.PRONE, PatientPosition="HFS")) == "contradictory-orientation"


def test_files_without_orientation_codes_are_read():
    same(read(tomo(PatientOrientationCodeSequence=[])), acquired())


@pytest.mark.parametrize(
    ("attributes", "accepted"),
    [
        ({"CenterOfRotationOffset": "1.5"}, True),
        ({"CenterOfRotationOffset": "-4"}, False),
        ({"ZoomCenter": ["40", "0"]}, True),
        ({"ZoomCenter": ["0", "-40"]}, False),
    ],
    ids=str,
)
def test_the_centre_of_rotation_is_the_middle_of_the_bins(attributes, accepted):
    dataset = of_detector(tomo(CorrectedImage=["UNIF"]), **attributes)

    if accepted:
        same(read(dataset), acquired())
    else:
        assert reason(dataset) == "off-centre-rotation"


def test_an_offset_of_the_centre_that_was_corrected_does_not_matter():
    same(read(of_detector(tomo(), CenterOfRotationOffset="12")), acquired())


def test_zoom_is_part_of_the_pixel_spacing():
    found = read(of_detector(tomo(), ZoomFactor=["1.46", "1.46"]))

    assert (found.slice_mm, found.bin_mm) == (5.0, 7.0)


def test_a_tilted_detector_is_refused():
    assert read(of_detector(tomo(), GantryDetectorTilt="0.5"))
    assert reason(of_detector(tomo(), GantryDetectorTilt="10")) == "tilted-detector"


def test_height_and_traverse_of_the_table_do_not_matter():
    dataset = tomo()
    (rotation,) = dataset.RotationInformationSequence
    rotation.TableHeight, rotation.TableTraverse = "-133.5", "812"

    same(read(dataset), acquired())
