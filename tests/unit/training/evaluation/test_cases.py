import numpy as np
import pytest

from mumap_node.errors import ConfigurationError
from mumap_node.imaging import resampling
from mumap_node.imaging.heart import VALVE_PLANE_MM
from mumap_node.training.evaluation import cases
from mumap_node.training.evaluation.methods import MODEL
from mumap_node.training.evaluation.studies import measure, study
from mumap_node.training.simulation.anatomy import Tissue
from mumap_node.training.simulation.camera import Camera
from mumap_node.training.simulation.cohort import Cohort
from patients import HEART, SPACING_MM, labels, measurement, scaled_models, torso, write_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("data") / "toys")


def test_a_simulated_patient_is_read_with_all_that_is_known(cohort):
    sources = cases.of_cohort(cohort)
    found = sources[1].load()

    assert [source.name for source in sources] == ["case-00000", "case-00001"]
    assert found.name == "case-00001"
    assert found.is_core is False
    truth = resampling.onto(found.truth, torso(1).lac.geometry)
    assert truth.voxels == pytest.approx(torso(1).lac.voxels, abs=1e-4)
    assert found.source.acquisition.radionuclide == "Tc-99m"
    assert found.groups == {
        "sex": "F", "BMI": "25 to 30", "position": "supine", "arms": "up",
        "counts (million)": "3 to 6", "matrix": "64", "collimator": "LEHR", "arc": "180°",
        "in-plane field": "400 mm and more", "patient motion": "no",
        "reconstruction": "OSEM", "device": "implanted", "heart": "whole in the field",
    }  # fmt: skip
    assert sources[0].load().groups["BMI"] == "below 25"
    assert sources[0].load().groups["device"] == "none"
    np.testing.assert_array_equal(found.tissues["lung"], labels(1) == Tissue.LUNG)
    assert not found.tissues["bone"].any()
    assert sources[0].load().patient != found.patient


def test_projections_come_with_their_scatter(cohort):
    found = cases.of_cohort(cohort)[0].load().measurement

    (facts, *_) = [case.facts() for case in Cohort.open(cohort)]
    ratio = found.photopeak.sum(axis=(1, 2)) / measurement(0).photopeak.sum(axis=(1, 2))
    assert ratio == pytest.approx(1 / Camera(**facts["camera"]).decay, rel=1e-5)
    assert ratio[-1] > 1.005  # what decayed on the way to the last view is given back
    assert found.orbit.angles_deg == pytest.approx(measurement(0).orbit.angles_deg)
    assert (found.bin_mm, found.slice_mm) == (SPACING_MM, SPACING_MM)
    level = 0.1 / 6 * 28 / 2  # lower window of 6 keV below a photopeak of 28 keV
    assert found.scatter.sum() == pytest.approx(level * found.photopeak.sum(), rel=0.2)


def test_the_base_is_where_the_valve_plane_is_on_the_average(cohort):
    found = cases.of_cohort(cohort)[0].load().heart

    apex = np.array(HEART.centre_mm) + HEART.length_mm / 2 * np.array(HEART.axis)
    now = np.array(found.centre_mm) + found.length_mm / 2 * np.array(found.axis)
    assert now == pytest.approx(apex)
    assert found.length_mm == HEART.length_mm - VALVE_PLANE_MM


def test_a_patient_from_files_can_be_evaluated(cohort):
    loaded = cases.of_cohort(cohort)[0].load()
    found = measure(study(loaded, scaled_models(1.0), correct=True))

    assert found.errors[MODEL]["nmae_range"] == pytest.approx(0, abs=1e-4)
    assert found.errors[MODEL]["segment_ape_percent"] == pytest.approx(0, abs=0.1)


def test_a_folder_without_cases_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="no-pairs"):
        cases.of_cohort(tmp_path)
    with pytest.raises(ConfigurationError, match="no-pairs"):
        cases.of_site(tmp_path)


def test_pairs_of_a_site_have_no_strata(cohort):
    """The same objects, as if they came from an archive."""
    sources, rejected = cases.of_site(cohort)
    found = sources[0].load()

    assert len(sources) == 2
    assert rejected == []
    assert (found.is_core, found.heart, found.measurement) == (None, None, None)
    assert found.groups == {"matrix": "40"}


def test_a_reconstruction_without_a_map_is_rejected(cohort, tmp_path):
    for case in sorted(cohort.glob("case-*")):
        (tmp_path / case.name).mkdir()
        (tmp_path / case.name / "nac.dcm").write_bytes((case / "nac.dcm").read_bytes())
    sources, rejected = cases.of_site(tmp_path)

    assert sources == []
    assert len(rejected) == 2
