"""Projections on the node's grid read like a reconstruction: its place, one window, one head."""

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian

from builders import file_of
from mumap_node.dicom.acquisition import read_acquisition
from mumap_node.dicom.elements import items, numbers, text, value
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.geometry import read_geometry, read_slice_numbers
from mumap_node.dicom.projections.header import as_reconstruction
from mumap_node.dicom.projections.reading import read_projections
from tomos import SIX_WINDOWS, acquired, gated, ge_like, orbit_of, siemens_like, tomo

PAIR = acquired(orbit_of(heads=2, apart_deg=-90), heads=2, windows_kev=SIX_WINDOWS)

LAYOUTS = {
    "generic": tomo(PAIR),
    "Siemens-like": siemens_like(PAIR),
    "GE-like": ge_like(PAIR),
    "gated": gated(tomo(PAIR)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_header_places_a_map_where_the_grid_is(layout):
    dataset = read_dataset(to_bytes(LAYOUTS[layout]))
    grid = read_projections(dataset).grid

    header = as_reconstruction(dataset, grid)

    found = read_geometry(header, read_slice_numbers(header), *grid.shape[1:])
    np.testing.assert_allclose(found.affine, grid.affine, atol=1e-6)
    assert (found.shape, found.frame_of_reference_uid) == (
        grid.shape,
        grid.frame_of_reference_uid,
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_header_has_the_photopeak_alone_and_one_collimator(layout):
    dataset = read_dataset(to_bytes(LAYOUTS[layout]))
    projections = read_projections(dataset)

    header = as_reconstruction(dataset, projections.grid)
    header.NumberOfEnergyWindows = header.NumberOfDetectors = 1

    assert read_acquisition(header) == projections.acquisition


def test_nothing_of_the_frames_is_left():
    header = header_of(LAYOUTS["gated"])

    for keyword in ("PixelData", "AngularViewVector", "TimeSlotVector", "DetectorVector"):
        assert keyword not in header
    assert not items(header, "GatedInformationSequence")


def test_what_the_header_is_made_from_stays_as_it_was():
    dataset = read_dataset(to_bytes(LAYOUTS["generic"]))
    before = to_bytes(dataset)

    as_reconstruction(dataset, read_projections(dataset).grid)

    assert to_bytes(dataset) == before


def test_patient_and_study_are_carried_over_from_any_encoding():
    dataset = read_dataset(file_of(tomo(PAIR), ExplicitVRBigEndian))
    header = as_reconstruction(dataset, read_projections(dataset).grid)

    for keyword in ("PatientName", "StudyInstanceUID", "SeriesDescription"):
        assert value(header, keyword) == value(dataset, keyword) != b""


def test_a_focal_distance_of_0_is_kept_and_an_absent_name_left_out():
    dataset = LAYOUTS["Siemens-like"]
    for detector in dataset.DetectorInformationSequence:
        detector.FocalDistance = "0"

    (detector,) = header_of(dataset).DetectorInformationSequence

    assert numbers(detector, "FocalDistance", 1) == (0.0,)
    assert text(detector, "CollimatorGridName") == ""


def test_a_focal_distance_that_is_not_stated_is_not_made_up():
    dataset = tomo(PAIR)
    for detector in dataset.DetectorInformationSequence:
        del detector.FocalDistance

    (detector,) = header_of(dataset).DetectorInformationSequence

    assert "FocalDistance" not in detector


def header_of(dataset: Dataset) -> Dataset:
    stored = read_dataset(to_bytes(dataset))
    return as_reconstruction(stored, read_projections(stored).grid)
