"""A cohort on disk: the same files by any number of processes, whatever interrupts them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its name everywhere)
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from cohorts import interrupted_case, tiny_case
from mumap_node import __version__
from mumap_node.errors import ConfigurationError
from mumap_node.training.simulation.cohort import Cohort, CohortCase, Plan
from mumap_node.training.simulation.making import run, write_case
from mumap_node.training.simulation.objects.volumes import whole_counts
from validators import errors

PLAN = Plan(seed=7, software_version=__version__, projections=True)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    return run(tmp_path_factory.mktemp("cohort"), PLAN, range(3), tiny_case)


def test_a_case_has_all_its_files_and_nothing_else_lies_about(cohort):
    in_case = {"nac.dcm", "map.dcm", "projections.dcm", "labels.nii.gz", "segments.nii.gz",
               "case.json"}  # fmt: skip

    assert set(files_of(cohort.folder)) == {
        "manifest.json",
        *(f"case-{index:05d}/{name}" for index in range(3) for name in in_case),
    }


@pytest.mark.parametrize(("volumes", "is_measured"), [((), True), (("somebody",), False)])
def test_height_and_weight_are_stated_of_drawn_patients_only(volumes, is_measured, tmp_path):
    write_case(tiny_case(7, 0), tmp_path / "case-00000", replace(PLAN, volumes=volumes))

    nac = dcmread(tmp_path / "case-00000" / "nac.dcm")

    assert ("PatientSize" in nac, "PatientWeight" in nac) == (is_measured, is_measured)


def test_two_processes_make_the_same_bytes_as_one(cohort, tmp_path):
    other = run(tmp_path, PLAN, range(3), tiny_case, jobs=2)

    assert files_of(other.folder) == files_of(cohort.folder)


def test_an_interrupted_run_keeps_what_is_complete_and_goes_on(cohort, tmp_path):
    with pytest.raises(ConfigurationError):
        run(tmp_path, PLAN, range(3), interrupted_case)
    (tmp_path / ".case-00002").mkdir()
    (tmp_path / ".case-00002" / "nac.dcm").write_bytes(b"half")
    kept = files_of(tmp_path / "case-00000")
    told: list[tuple[int, int]] = []

    run(tmp_path, PLAN, range(3), tiny_case, progress=lambda *counts: told.append(counts))

    assert files_of(tmp_path) == files_of(cohort.folder)
    assert files_of(tmp_path / "case-00000") == kept
    assert told == [(2, 3), (3, 3)]


def test_a_cohort_grows_by_later_cases(cohort, tmp_path):
    shutil.copytree(cohort.folder, tmp_path / "grown")

    grown = run(tmp_path / "grown", PLAN, range(4, 5), tiny_case)

    assert [case.index for case in grown] == [0, 1, 2, 4]
    assert json.loads((grown.folder / "manifest.json").read_text())["seed"] == 7


@pytest.mark.parametrize(
    "other",
    [
        Plan(8, __version__, projections=True),
        Plan(7, "0.0.1", projections=True),
        Plan(7, __version__, projections=False),
        Plan(7, __version__, projections=True, volumes=("ct.nii",)),
    ],
)
def test_a_folder_of_another_cohort_is_refused(cohort, other):
    before = files_of(cohort.folder)

    with pytest.raises(ConfigurationError, match="cohort-mismatch"):
        run(cohort.folder, other, range(3), tiny_case)

    assert files_of(cohort.folder) == before


def test_cases_without_a_manifest_are_refused(tmp_path):
    (tmp_path / "case-00000").mkdir()

    with pytest.raises(ConfigurationError, match="no-cohort"):
        run(tmp_path, PLAN, range(1), tiny_case)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"seed": 1}', "\xff"])
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content, encoding="latin-1")

    with pytest.raises(ConfigurationError, match="no-cohort"):
        Cohort.open(tmp_path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="output-not-writable"):
        run(tmp_path / "file", PLAN, range(1), tiny_case)


def test_a_case_is_read_back_as_it_was_simulated(cohort):
    simulated = tiny_case(7, 1)
    case = list(Cohort.open(cohort.folder))[1]

    nac, mumap = case.nac(), case.mumap()

    np.testing.assert_array_equal(nac.voxels, whole_counts(simulated.nac).voxels)
    np.testing.assert_allclose(mumap.voxels, simulated.lac.voxels, atol=0.5e-4 + 1e-7)
    for volume in (nac, mumap):
        np.testing.assert_allclose(volume.geometry.affine, simulated.nac.geometry.affine, atol=1e-5)
        assert volume.geometry.frame_of_reference_uid
    np.testing.assert_array_equal(case.labels(), simulated.labels)
    np.testing.assert_array_equal(case.segments(), simulated.segments)


def test_projections_are_read_back_with_every_window(cohort):
    simulated = tiny_case(7, 1).acquired
    case = list(cohort)[1]

    projections = case.projections()

    assert case.has_projections()
    assert list(projections.scan.windows_kev) == ["photopeak", "lower", "upper"]
    np.testing.assert_array_equal(
        projections.counts, [simulated.photopeak, simulated.lower, simulated.upper]
    )
    np.testing.assert_allclose(projections.scan.orbit.radii_mm, simulated.orbit.radii_mm)


def test_labels_lie_where_the_reconstruction_lies(cohort):
    case = next(iter(cohort))
    geometry = case.nac().geometry

    labels = sitk.ReadImage(case.folder / "labels.nii.gz")

    index = (3, 5, 2)
    here = labels.TransformIndexToPhysicalPoint(index[::-1])
    np.testing.assert_allclose(here, geometry.to_patient(index), atol=1e-3)


def test_a_case_tells_what_was_drawn(cohort):
    facts = list(cohort)[2].facts()

    assert (facts["seed"], facts["index"], facts["anatomy"]) == (7, 2, "drawn")
    assert facts["strata"]["core"] is True
    assert facts["camera"]["photopeak_kev"] == [126.45, 154.55]
    assert facts["heart"]["centre_mm"] == [40.0, -30.0, 0.0]
    assert 17 <= facts["patient"]["bmi"] <= 45
    assert facts["conditions"]["motion"] is None


def test_every_object_of_a_case_is_valid(cohort):
    case = next(iter(cohort))

    assert [errors(file) for file in sorted(case.folder.glob("*.dcm"))] == [[], [], []]


def test_a_cohort_without_projections_has_none(tmp_path):
    plan = Plan(7, __version__, projections=False)
    case = CohortCase(tmp_path / "case-00000")

    write_case(tiny_case(7, 0, scatter_windows=False), case.folder, plan)

    assert not case.has_projections()
    assert sorted(path.name for path in case.folder.iterdir()) == [
        "case.json",
        "labels.nii.gz",
        "map.dcm",
        "nac.dcm",
        "segments.nii.gz",
    ]


def test_a_case_appears_only_when_it_is_complete(tmp_path, monkeypatch):
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError

    monkeypatch.setattr("SimpleITK.WriteImage", fail)

    with pytest.raises(OSError):  # noqa: PT011  (which one does not matter)
        write_case(tiny_case(7, 0), tmp_path / "case-00000", PLAN)

    assert not (tmp_path / "case-00000").exists()


@given(st.integers(0, 100), st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_ct_volumes_lend_their_anatomy_in_turn(index, names):
    plan = Plan(0, __version__, projections=True, volumes=tuple(names))

    assert plan.anatomy_of(index) == names[index % len(names)]
    assert plan.anatomy_of(index) == plan.anatomy_of(index + len(names))
