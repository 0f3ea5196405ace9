"""The line from a reconstruction to its map, with networks of a few lines."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

import populations
from builders import (
    card,
    imaged_with_thallium,
    model,
    nac,
    provenance,
    torso_counts,
    water_where_counts,
)
from mumap_node.dicom.files import to_bytes
from mumap_node.dicom.projections.reading import read_projections
from mumap_node.errors import InputRejected
from mumap_node.imaging.findings import Relaxable, Verdict
from mumap_node.imaging.model_card import FitLimits, ModelCard, NacReconstruction, WarnFail
from mumap_node.imaging.volume import Quantity, Voxels
from mumap_node.pipeline import AttenuationMap, Model, Predict, Request, make_attenuation_map
from torso_tomos import torso_tomo
from validators import dcentvfy, errors

SITES_WORD = Request(assume_nac=True)


def made(model_: Model | None = None, request: Request = SITES_WORD, **source) -> AttenuationMap:
    return make_attenuation_map(nac(**source), model_ or model(), request, provenance())


def limited(**limits: object) -> ModelCard:
    usual = card()
    return usual.model_copy(update={"limits": usual.limits.model_copy(update=limits)})


def test_water_fills_where_the_counts_are():
    lac = made().volume

    assert lac.quantity is Quantity.LAC_PER_CM
    np.testing.assert_allclose(lac.voxels[torso_counts() > 0], 0.154)
    assert not lac.voxels[torso_counts() == 0].any()


def test_findings_come_in_the_order_of_the_line():
    checks = [finding.check for finding in made().findings]

    assert checks[0] == "attenuation-statement"
    assert checks.index("radionuclide") < checks.index("matrix") < checks.index("finite")


def test_what_was_assumed_is_a_warning_and_the_map_may_be_sent():
    answer = made()

    assert answer.findings[0].verdict is Verdict.WARN
    assert answer.may_be_sent


def test_nothing_is_made_without_the_word_of_the_site():
    with pytest.raises(InputRejected, match="correction-undecidable"):
        made(request=Request())


def test_an_input_beyond_the_limits_is_rejected_before_the_network_runs():
    def never(_: Voxels) -> Voxels:
        raise AssertionError("expected no prediction")

    with pytest.raises(InputRejected, match=r"outside-model-limits: spacing fail: .*8 mm"):
        made(Model(limited(spacing_mm=(1.0, 8.0)), never))


def test_a_relaxed_limit_is_a_warning_in_findings_and_object():
    request = Request(assume_nac=True, relax=frozenset({Relaxable.SPACING}))

    answer = made(Model(limited(spacing_mm=(1.0, 8.0)), model().predict), request)

    (spacing,) = (finding for finding in answer.findings if finding.check == "spacing")
    assert (spacing.verdict, spacing.relaxed) == (Verdict.WARN, True)
    assert answer.may_be_sent
    assert "spacing warn" in answer.objects["standard"][0].ImageComments
    assert "relaxed by the route" in answer.objects["standard"][0].ImageComments


def test_a_map_for_another_radionuclide_holds_for_its_energy_and_says_so():
    usual = limited(radionuclides=("Tl-201",), energy_window_kev=(50.0, 160.0))
    thallium = usual.model_copy(
        update={"output": usual.output.model_copy(update={"converts_to_kev": (72.0,)})}
    )

    answer = made(Model(thallium, model().predict), **imaged_with_thallium())

    np.testing.assert_allclose(answer.volume.voxels.max(), 0.154 * 0.1908 / 0.1537, rtol=0.01)
    assert "at 72 keV" in answer.objects["standard"][0].DerivationDescription


def gated(**changes: object) -> Model:
    """A model whose training inputs were torsos, with a network nobody asks before the gate."""
    limits = populations.limits().model_copy(update=changes)
    usual = card().model_copy(update={"typicality": limits})
    return Model(usual, model().predict, populations.population())


def test_an_input_unlike_the_training_is_rejected_before_the_network_runs():
    def never(_: Voxels) -> Voxels:
        raise AssertionError("expected no prediction")

    with pytest.raises(InputRejected, match="outside-model-limits: typicality fail"):
        made(replace(gated(), predict=never))


def test_what_the_gate_finds_is_among_the_findings():
    lenient = WarnFail(warn=1e6)
    everything = dict.fromkeys(populations.limits().resemblance, lenient)

    answer = made(gated(distance=lenient, resemblance=everything, self_deviation_per_cm=lenient))

    checks = [finding.check for finding in answer.findings]
    assert checks.index("field-of-view") < checks.index("typicality") < checks.index("mirrored")
    assert checks.index("mirrored") < checks.index("self-agreement") < checks.index("finite")
    assert answer.may_be_sent


def test_a_network_that_contradicts_itself_makes_no_map_to_send():
    lenient, strict = WarnFail(warn=1e6), WarnFail(warn=0.0, fail=1e-9)

    lenient_but_one = gated(distance=lenient, resemblance={}, self_deviation_per_cm=strict)

    answer = made(replace(lenient_but_one, predict=lambda counts: np.float32(0.1) * counts))

    assert "self-agreement" in {
        finding.check for finding in answer.findings if finding.verdict is Verdict.FAIL
    }
    assert not answer.may_be_sent


def test_limits_of_typicality_and_a_population_belong_together():
    with pytest.raises(ValueError, match="or neither"):
        Model(card(), model().predict, populations.population())
    with pytest.raises(ValueError, match="or neither"):
        Model(gated().card, model().predict)


def test_a_limit_that_can_never_be_relaxed_stays_one():
    everything = Request(assume_nac=True, relax=frozenset(Relaxable))

    with pytest.raises(InputRejected, match="outside-model-limits: radionuclide fail"):
        made(Model(limited(radionuclides=("Tl-201",)), model().predict), everything)


def test_a_map_that_fails_its_checks_is_kept_for_a_person_and_never_sent():
    answer = made(model(lambda counts: np.full_like(counts, np.nan)))

    assert not answer.may_be_sent
    assert "finite fail" in answer.objects["standard"][0].ImageComments
    assert to_bytes(answer.objects["standard"][0])


def test_a_network_that_breaks_its_promise_is_a_bug():
    with pytest.raises(ValueError, match="expected voxels of shape"):
        made(model(lambda counts: counts[1:]))


def test_every_profile_asked_for_is_written():
    assert list(made().objects) == ["standard"]
    assert made(request=Request(assume_nac=True, profiles=())).objects == {}


def test_the_same_source_gives_the_same_bytes():
    one, other = (to_bytes(made().objects["standard"][0]) for _ in range(2))

    assert one == other


axes = st.sampled_from(
    [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), (0, 1, 0, 1, 0, 0), (0, -1, 0, -1, 0, 0),
     (0.99996192, 0.00872654, 0, -0.00872654, 0.99996192, 0)]
)  # fmt: skip
spacings = st.tuples(
    st.sampled_from([-6.0, -2.5, 2.5, 6.0]), st.floats(2, 9).map(lambda mm: round(mm, 3)),
    st.floats(2, 9).map(lambda mm: round(mm, 3)),
)  # fmt: skip


@given(axes, spacings, st.permutations(range(1, 5)), st.booleans())
@settings(max_examples=25, deadline=None)
def test_map_has_the_geometry_of_its_source(orientation, spacing_mm, order, signed):
    source = nac(
        shape=(4, 5, 6), orientation=orientation, spacing_mm=spacing_mm, slice_vector=order,
        signed=signed,
    )  # fmt: skip

    answer = make_attenuation_map(source, model(), SITES_WORD, provenance())

    copied, original = answer.objects["standard"][0], source
    assert copied.SliceVector == original.SliceVector
    assert copied.PixelSpacing == original.PixelSpacing
    assert copied.SpacingBetweenSlices == original.SpacingBetweenSlices
    (theirs,), (ours,) = original.DetectorInformationSequence, copied.DetectorInformationSequence
    assert ours.ImagePositionPatient == theirs.ImagePositionPatient
    assert ours.ImageOrientationPatient == theirs.ImageOrientationPatient


RECONSTRUCTION = NacReconstruction(iterations=2, subsets=4, cutoff_per_cm=0.4, order=5)


NEVER_ENDING = RECONSTRUCTION.model_copy(update={"iterations": 10**6})


def answered(
    dataset: Dataset,
    *,
    predict: Predict = water_where_counts,
    report: bool = False,
    **changes: object,
) -> AttenuationMap:
    usual = card().model_copy(
        update={
            "reconstruction": RECONSTRUCTION,
            "limits": card().limits.model_copy(update={"slices": (8, 256)}),
            **changes,
        }
    )
    request = Request(assume_parallel_holes=True, report=report)
    return make_attenuation_map(dataset, Model(usual, predict), request, provenance())


def test_projections_are_answered_on_the_grid_of_their_acquisition():
    dataset = torso_tomo()

    answer = answered(dataset)

    grid = read_projections(dataset).grid
    np.testing.assert_array_equal(answer.volume.geometry.affine, grid.affine)
    assert answer.volume.voxels.shape == (16, 48, 48)
    stored = answer.objects["standard"][0]
    assert (stored.NumberOfFrames, stored.Rows, stored.Columns) == (16, 48, 48)
    assert (
        "projections (nAC: OSEM 2i4s, Butterworth 0.4/cm order 5)" in stored.DerivationDescription
    )
    assert stored.SourceImageSequence[0].SpatialLocationsPreserved == "NO"


def test_where_no_detector_saw_anything_there_is_no_map():
    lac = answered(torso_tomo()).volume.voxels

    assert not lac[:2].any()
    assert not lac[15:].any()
    assert (lac[2:15].max(axis=(1, 2)) > 0.15).all()


def test_what_was_assumed_of_projections_is_said():
    checks = [finding.check for finding in answered(torso_tomo()).findings]

    assert checks[:3] == ["parallel-holes", "frame-direction", "table-height"]
    assert "attenuation-statement" not in checks


def test_a_map_of_projections_conforms(tmp_path):
    source, file = torso_tomo(), tmp_path / "map.dcm"
    file.write_bytes(to_bytes(answered(source).objects["standard"][0]))
    (tmp_path / "source.dcm").write_bytes(to_bytes(source))

    assert errors(file) == []
    assert dcentvfy(tmp_path / "source.dcm", file) == ""


def test_a_model_that_does_not_say_how_to_reconstruct_answers_no_projections():
    with pytest.raises(InputRejected, match="projections-not-reconstructed"):
        answered(torso_tomo(), reconstruction=None)


def test_projections_get_a_report_where_one_is_asked_for(tmp_path):
    source = torso_tomo(seen=20)

    silent, told = (answered(source, report=report) for report in (False, True))

    assert "report" not in silent.objects
    report = told.objects["report"][0]
    assert report.SOPClassUID == SecondaryCaptureImageStorage
    assert report.SeriesInstanceUID != told.objects["standard"][0].SeriesInstanceUID
    assert report.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    (tmp_path / "report.dcm").write_bytes(to_bytes(report))
    assert errors(tmp_path / "report.dcm") == []


def test_a_map_that_may_not_be_sent_gets_no_report():
    def diverged(voxels: Voxels) -> Voxels:
        return np.full_like(voxels, np.nan)

    answer = answered(torso_tomo(), predict=diverged, report=True)

    assert not answer.may_be_sent
    assert "report" not in answer.objects


def test_a_reconstruction_gets_no_report():
    assert set(made(request=replace(SITES_WORD, report=True)).objects) == {"standard"}


def test_a_map_that_its_projections_contradict_is_not_sent():
    def water(voxels: Voxels) -> Voxels:
        return np.where(torso_counts(voxels.shape) > 0, np.float32(0.154), np.float32(0))

    def in_another_unit(voxels: Voxels) -> Voxels:
        return 10 * water(voxels)

    limits = FitLimits(
        to_head_mm=(-99, 99),
        to_back_mm=(-99, 99),
        to_left_mm=(-99, 99),
        scale=(0, 9),
        distance_mm=WarnFail(warn=99),
        spared=WarnFail(warn=9999),
        over_air=WarnFail(warn=0, fail=0),
        over_mirrored=WarnFail(warn=-9999),
        over_filled=WarnFail(warn=-9999),
    )

    wrong, right = (
        answered(torso_tomo(), predict=predict, measurement=limits)
        for predict in (in_another_unit, water)
    )

    assert [found.check for found in wrong.findings if found.verdict is Verdict.FAIL] == ["fit-air"]
    assert right.may_be_sent
    assert "fit-air" in [finding.check for finding in right.findings]


def test_projections_beyond_the_limits_are_rejected_before_they_are_reconstructed():
    few = card().limits.model_copy(update={"matrix": (48, 256), "slices": (64, 256)})

    with pytest.raises(InputRejected, match="outside-model-limits: matrix fail"):
        answered(torso_tomo(), limits=few, reconstruction=NEVER_ENDING)


def test_projections_of_no_detector_are_refused_before_they_cost_memory():
    with pytest.raises(InputRejected, match=r"oversized: .* 512 columns, found 600"):
        answered(torso_tomo(seen=1, size=600, edge_mm=1.0))
