"""Real reconstructions of two makers through the whole line, judged by independent programs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom import dcmread

from builders import edited, provenance
from mumap_node.dicom.elements import find, items, value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.patient import PATIENT, STUDY
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.errors import InputRejected
from mumap_node.imaging.findings import Relaxable, Verdict
from mumap_node.imaging.heart import find_left_ventricle
from mumap_node.node.model import open_model
from mumap_node.pipeline import AttenuationMap, Model, Request, make_attenuation_map
from validators import dcentvfy, errors, warnings_of

GE = ["recon-1.dcm", "recon-2.dcm", "recon-3.dcm"]
JASZCZAK = "jaszczak.dcm"
MODELS = Path(__file__).parents[2] / "models"
DOCS = Path(__file__).parents[2] / "docs"

GRID = (
    "Rows", "Columns", "NumberOfFrames", "NumberOfSlices", "SliceVector", "PixelSpacing",
    "SpacingBetweenSlices", "SliceThickness", "FrameOfReferenceUID",
)  # fmt: skip

EXPLAINED_WARNINGS = (  # each has its line in docs/conformance.md
    "Missing attribute or value that would be needed to build DICOMDIR",
    "Retired Person Name form",
    "Unrecognized defined term <General> for value 1 of attribute <Coding Scheme Designator>",
    "CodingSchemeDesignator is deprecated",
    "Value is zero for value 1 of attribute <Patient's",
)


@pytest.fixture(scope="module")
def uniform_body() -> Model:
    return open_model(MODELS, "uniform-body-1.0", "cpu", 1).model


@dataclass(frozen=True)
class Pair:
    """A source and its map, as files for other programs."""

    source: Path
    map: Path
    made: AttenuationMap


def mapped(source: Path, model: Model, request: Request, folder: Path) -> Pair:
    with source.open("rb") as file:
        made = make_attenuation_map(read_dataset(file), model, request, provenance())
    path = folder / f"map-{source.name}"
    path.write_bytes(to_bytes(made.objects["standard"][0]))
    return Pair(source, path, made)


@pytest.fixture(scope="module")
def pair_of(shared_data, uniform_body, tmp_path_factory) -> Callable[[str], Pair]:
    """Every source is mapped once, when the first test asks for it."""
    folder = tmp_path_factory.mktemp("real")

    @cache
    def pair(name: str) -> Pair:
        if name in GE:
            wish = Request(assume_nac=True, relax=frozenset(Relaxable))
            return mapped(shared_data / "ge-nm530c" / name, uniform_body, wish, folder)
        original = (shared_data / "mediso" / "jaszczak-recon-tomo.dcm").read_bytes()
        source = folder / name
        source.write_bytes(edited(original, ImageID=b""))
        return mapped(source, uniform_body, Request(assume_nac=True), folder)

    return pair


@pytest.fixture(params=GE)
def ge(request, pair_of) -> Pair:
    """A heart of a GE Discovery NM 530c, whose small field of view the route must relax."""
    return pair_of(request.param)


@pytest.fixture
def jaszczak(pair_of) -> Pair:
    """A water cylinder of Mediso, its Image ID blanked, which says it is corrected."""
    return pair_of(JASZCZAK)


@pytest.fixture(params=[*GE, JASZCZAK])
def pair(request, pair_of) -> Pair:
    """Any of them."""
    return pair_of(request.param)


def test_a_map_of_ge_may_be_sent_with_its_limits_relaxed(ge):
    relaxed = {finding.check for finding in ge.made.findings if finding.relaxed}

    assert ge.made.may_be_sent
    assert {"collimator", "field-of-view"} <= relaxed
    assert "relaxed by the route" in dcmread(ge.map).ImageComments


def test_without_relaxing_ge_is_outside_the_limits_of_the_model(shared_data, uniform_body):
    with (shared_data / "ge-nm530c" / GE[0]).open("rb") as file:
        dataset = read_dataset(file)

    with pytest.raises(InputRejected, match="outside-model-limits"):
        make_attenuation_map(dataset, uniform_body, Request(assume_nac=True), provenance())


def test_dciodvfy_finds_no_error_in_a_map_of_ge(ge):
    assert errors(ge.map) == []


def test_dciodvfy_errs_only_on_the_birth_date_copied_from_mediso(jaszczak):
    of_the_value, of_the_object = errors(jaszczak.map)

    assert "(0x0010,0x0030) DA Patient's Birth Date  DA [1] = <00000000>" in of_the_value
    assert of_the_object.startswith("Error - Dicom dataset contains invalid data values")


def test_every_warning_of_dciodvfy_is_explained(pair):
    unexplained = [
        line
        for line in warnings_of(pair.map)
        if not any(known in line for known in EXPLAINED_WARNINGS)
    ]

    assert unexplained == []


@pytest.mark.parametrize("warning", EXPLAINED_WARNINGS)
def test_the_conformance_statement_explains_the_warning(warning):
    assert warning in (DOCS / "conformance.md").read_text(encoding="utf-8")


def test_dcentvfy_finds_the_map_consistent_with_its_source(pair):

    assert dcentvfy(pair.source, pair.map) == ""


def test_the_grid_is_copied_to_the_last_character(pair):
    before, after = (read_dataset(path.read_bytes()) for path in (pair.source, pair.map))

    for keyword in GRID:
        assert value(after, keyword) == value(before, keyword), keyword
        assert (find(after, keyword) is None) == (find(before, keyword) is None), keyword
    (detector_before,), (detector,) = (
        items(dataset, "DetectorInformationSequence") for dataset in (before, after)
    )
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        assert value(detector, keyword) == value(detector_before, keyword), keyword


def test_patient_and_study_are_copied_byte_for_byte(pair):
    before, after = (read_dataset(path.read_bytes()) for path in (pair.source, pair.map))

    for keyword in ("SpecificCharacterSet", *PATIENT, *STUDY):
        if not items(before, keyword):
            assert value(after, keyword) == value(before, keyword), keyword


def corners_by_simpleitk(path: Path) -> NDArray[np.float64]:
    image = SimpleITK.ReadImage(str(path))
    last = [size - 1 for size in image.GetSize()]
    corners = np.array(np.meshgrid(*[(0, end) for end in last])).reshape(3, -1).T.tolist()
    return np.array([image.TransformIndexToPhysicalPoint(corner) for corner in corners])


def corners_by_pydicom(path: Path) -> NDArray[np.float64]:
    dataset = dcmread(path)
    detector = dataset.DetectorInformationSequence[0]
    row, column = np.array(detector.ImageOrientationPatient, float).reshape(2, 3)
    between_rows, between_columns = map(float, dataset.PixelSpacing)
    steps = (
        row * between_columns,
        column * between_rows,
        np.cross(row, column) * float(dataset.SpacingBetweenSlices),
    )
    last = (dataset.Columns - 1, dataset.Rows - 1, dataset.NumberOfFrames - 1)
    corners = np.array(np.meshgrid(*[(0, end) for end in last])).reshape(3, -1).T
    return np.array(detector.ImagePositionPatient, float) + corners @ np.array(steps)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom on invalid values of the source
@pytest.mark.parametrize("corners", [corners_by_pydicom, corners_by_simpleitk])
def test_other_readers_see_map_and_source_at_the_same_place(pair, corners):

    np.testing.assert_allclose(corners(pair.map), corners(pair.source), atol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_other_readers_agree_with_each_other_on_the_map(pair):
    path = pair.map

    np.testing.assert_allclose(corners_by_pydicom(path), corners_by_simpleitk(path), atol=1e-3)


def test_the_map_of_ge_covers_where_the_counts_are(ge):
    body = ge.made.volume.voxels > 0.1
    with ge.source.open("rb") as file:
        counts = dcmread(file).pixel_array

    assert body[counts > counts.max() / 2].mean() > 0.97


def test_the_same_source_gives_the_same_object(ge, uniform_body, tmp_path):
    wish = Request(assume_nac=True, relax=frozenset(Relaxable))

    again = mapped(ge.source, uniform_body, wish, tmp_path)

    assert again.map.read_bytes() == ge.map.read_bytes()


def test_mediso_is_held_as_sent_because_its_image_id_says_corrected(shared_data, uniform_body):
    with (shared_data / "mediso" / "jaszczak-recon-tomo.dcm").open("rb") as file:
        dataset = read_dataset(file)

    with pytest.raises(InputRejected, match=r"already-attenuation-corrected: .* ImageID"):
        make_attenuation_map(dataset, uniform_body, Request(assume_nac=True), provenance())


def test_a_static_image_is_no_reconstruction(shared_data, uniform_body):
    with (shared_data / "mediso" / "uniformity-static.dcm").open("rb") as file:
        dataset = read_dataset(file)

    with pytest.raises(InputRejected, match="not-a-reconstruction"):
        make_attenuation_map(dataset, uniform_body, Request(assume_nac=True), provenance())


CYLINDER_RADIUS_MM = 108.0
"""Inner radius of the Jaszczak phantom: 21.6 cm across (Data Spectrum Corporation)."""

VOXEL_MM = 4.13
INNER_SLICES = slice(2, 43)
"""The 45 slices are as high as the cylinder; the outermost hold only part of it."""


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_water_cylinder_is_filled_with_the_lac_of_water(jaszczak):
    """Inside 0.154 per cm within 2 %, air below 0.005, outline right within one voxel."""
    dataset = dcmread(jaszczak.map)
    lac = dataset.pixel_array[INNER_SLICES] * 1e-4
    counts = dcmread(jaszczak.source).pixel_array.astype(float)
    _, y, x = np.mgrid[0:1, 0:128, 0:128]
    middle = [float((counts * axis).sum() / counts.sum()) for axis in (y, x)]
    radius_mm = np.broadcast_to(np.hypot(y - middle[0], x - middle[1]) * VOXEL_MM, lac.shape)

    inside = radius_mm < CYLINDER_RADIUS_MM - VOXEL_MM
    outside = radius_mm > CYLINDER_RADIUS_MM + VOXEL_MM

    np.testing.assert_allclose(lac[inside], 0.154, rtol=0.02)
    assert lac[outside].max() < 0.005


def test_the_map_of_the_cylinder_fails_no_check(jaszczak):
    assert [found for found in jaszczak.made.findings if found.verdict is Verdict.FAIL] == []


@pytest.mark.parametrize(
    ("name", "centre_mm", "axis"),
    [  # as once found, and seen to be right in slices along and across the axis
        ("recon-1.dcm", (62, -29, 453), (0.47, -0.80, -0.37)),
        ("recon-2.dcm", (53, -32, 533), (0.51, -0.59, -0.63)),
        ("recon-3.dcm", (70, -34, 442), (0.63, -0.76, -0.15)),
    ],
)
def test_the_left_ventricle_of_a_real_patient_is_found(shared_data, name, centre_mm, axis):
    source = read_reconstruction(dcmread(shared_data / "ge-nm530c" / name))

    found = find_left_ventricle(source.volume)

    assert np.linalg.norm(np.subtract(found.centre_mm, centre_mm)) < 8
    assert np.dot(found.axis, axis) > np.cos(np.deg2rad(8))
    assert 30 < found.radius_mm < 38


def test_a_phantom_has_no_left_ventricle(shared_data):
    original = (shared_data / "mediso" / "jaszczak-recon-tomo.dcm").read_bytes()
    dataset = read_dataset(BytesIO(edited(original, ImageID=b"")))

    assert find_left_ventricle(read_reconstruction(dataset).volume) is None
