"""A vendor's map is believed where its header states the scale, once, and its values fit."""

import contextlib
import random
import struct

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, PositronEmissionTomographyImageStorage

from examinations import file_of, mumap, nac, torso
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.measured_map import is_measured, read_any_map, read_map, read_scale
from mumap_node.errors import InputRejected
from mumap_node.imaging import resampling
from mumap_node.imaging.volume import Quantity
from mutations import cut_out, flip_header_bytes, replace_values, truncate

SILENT = {"RealWorldValueMappingSequence": None, "RescaleSlope": None, "RescaleIntercept": None}


def as_read(dataset):
    return read_dataset(file_of(dataset))


def with_siemens_scale(dataset, factor):
    block = dataset.private_block(0x0033, "SIEMENS MED NM", create=True)
    block.add_new(0x38, "FL", factor)
    return dataset


def with_mapping(dataset, slope, *, intercept=0.0, unit="/cm"):
    code, mapping = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", "unit"
    mapping.MeasurementUnitsCodeSequence = [code]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, intercept
    dataset.RealWorldValueMappingSequence = [mapping]
    return dataset


def test_a_map_comes_back_in_its_unit_and_at_its_place():
    found = read_map(as_read(mumap()))

    expected = resampling.onto(found, torso().lac.geometry)
    assert found.quantity is Quantity.LAC_PER_CM
    assert np.abs(expected.voxels - torso().lac.voxels).max() < 1e-4


@pytest.mark.parametrize(
    "state",
    [
        lambda dataset: with_mapping(dataset, 1e-4),
        lambda dataset: with_mapping(dataset, 1e-4, unit="1/cm"),
        lambda dataset: with_siemens_scale(dataset, 10000.0),
        lambda dataset: setattr(dataset, "RescaleSlope", "0.0001"),
        lambda dataset: with_siemens_scale(with_mapping(dataset, 1e-4), 10000.0),
    ],
)
def test_each_place_that_states_a_scale_is_read(state):
    dataset = mumap(**SILENT)
    state(dataset)

    assert read_scale(as_read(dataset)) == pytest.approx(1e-4)


@pytest.mark.parametrize(
    "state",
    [
        lambda _dataset: None,
        lambda dataset: setattr(dataset, "RescaleSlope", "1"),
        lambda dataset: with_mapping(dataset, 1e-4, unit="mm"),
        lambda dataset: with_mapping(dataset, 1e-4, intercept=0.1),
        lambda dataset: with_mapping(dataset, -1e-4),
        lambda dataset: with_siemens_scale(dataset, 0.0),
        lambda dataset: with_siemens_scale(with_mapping(dataset, 1e-4), 5000.0),
    ],
)
def test_a_scale_that_is_missing_odd_or_stated_twice_differently_is_refused(state):
    dataset = mumap(**SILENT)
    state(dataset)

    with pytest.raises(InputRejected) as caught:
        read_scale(as_read(dataset))
    assert caught.value.reason == "map-scale"


def test_the_creator_of_a_private_block_counts_not_its_number():
    dataset = mumap(**SILENT)
    dataset.add_new(0x00330010, "LO", "SOMEBODY ELSE")
    dataset.add_new(0x00331038, "FL", struct.unpack("<f", struct.pack("<f", 5.0))[0])

    with pytest.raises(InputRejected, match="found none"):
        read_scale(as_read(dataset))


def test_a_map_whose_soft_tissue_is_none_at_this_energy_is_refused():
    pet = with_mapping(mumap(**SILENT), 1e-4 * 0.096 / 0.154)

    with pytest.raises(InputRejected) as caught:
        read_map(as_read(pet))
    assert caught.value.reason == "implausible-truth"


def test_what_is_no_map_is_refused():
    with pytest.raises(InputRejected) as caught:
        read_map(as_read(nac()))
    assert caught.value.reason == "not-a-map"


def test_a_network_never_learns_from_maps_of_this_software():
    own = mumap(
        ImageType=["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", "SYNTHETIC"],
        ManufacturerModelName="mumap-node",
    )

    with pytest.raises(InputRejected) as caught:
        read_map(as_read(own))
    assert caught.value.reason == "own-map"


@pytest.mark.parametrize("mutate", [flip_header_bytes, cut_out, truncate, replace_values])
def test_any_map_is_read_or_refused(mutate):
    """It comes by the network as everything does."""
    file = file_of(mumap())
    for seed in range(40):
        rng = random.Random(seed)  # noqa: S311  (reproducible on purpose)
        with contextlib.suppress(InputRejected):
            read_map(read_dataset(mutate(file, rng)))


def test_a_map_of_ours_is_read_where_it_is_not_taken_for_a_measured_one():
    own = mumap(
        ImageType=["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", "SYNTHETIC"],
        ManufacturerModelName="mumap-node",
    )

    np.testing.assert_array_equal(
        read_any_map(as_read(own)).voxels, read_map(as_read(mumap())).voxels
    )


def test_a_map_for_another_energy_is_read_where_that_is_known():
    thallium = with_mapping(mumap(**SILENT), 1e-4 * 0.19 / 0.154)

    found = read_any_map(as_read(thallium)).voxels

    assert np.median(found[found > 0.1]) == pytest.approx(0.152 * 0.19 / 0.154, rel=0.02)


MAP_TYPE = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ImageType": MAP_TYPE}, True),
        ({}, False),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TOMO", "TRANSMISSION"]}, False),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "SOPClassUID": CTImageStorage}, True),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SOPClassUID": CTImageStorage}, False),
        ({"ImageType": MAP_TYPE, "SOPClassUID": PositronEmissionTomographyImageStorage}, False),
    ],
    ids=["map", "emission", "projections", "CT", "localizer", "PET"],
)
def test_a_scanners_map_and_a_ct_are_measured(attributes, expected):
    assert is_measured(as_read(nac(**attributes))) is expected


def test_an_own_map_is_not_measured():
    own = mumap(
        ImageType=[*MAP_TYPE, "SYNTHETIC"], ManufacturerModelName="mumap-node", Modality="NM"
    )

    assert not is_measured(as_read(own))
