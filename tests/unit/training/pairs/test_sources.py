"""A site's folders give pairs where it is certain which map belongs to which reconstruction."""

import json

import numpy as np
import pytest

from examinations import ct, mumap, nac, write
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.training.pairs.archive import read_file
from mumap_node.training.pairs.population import describe, read_population, write_population
from mumap_node.training.pairs.sources import of_cohort, of_site, once
from mumap_node.training.pairs.splitting import split


def only(folder):
    (source,), doubtful = of_site([folder])
    assert doubtful == []
    return source


def reasons(folder):
    return [pair.reason for pair in of_site([folder])[1]]


def test_a_map_of_the_same_study_is_found_among_other_files(tmp_path):
    write(tmp_path / "some" / "where", nac(), mumap(), nac(ImageType=["A", "B", "TOMO", "C"]))
    (tmp_path / "README").write_text("no DICOM")

    pair = only(tmp_path).load()

    assert pair.lac.geometry is pair.nac.geometry
    assert np.nanmax(pair.lac.voxels) == pytest.approx(0.179, abs=1e-3)
    assert pair.acquisition.radionuclide == "Tc-99m"


def test_a_ct_series_of_the_same_study_is_found(tmp_path):
    write(tmp_path, nac(), *ct())

    source = only(tmp_path)

    assert len(source.truth) == 60
    assert np.nanmedian(source.load().lac.voxels[8:-8, 20:28, 10:14]) > 0.02


def test_a_vendors_map_goes_before_the_ct_it_was_made_from(tmp_path):
    write(tmp_path, nac(), mumap(), *ct())

    assert len(only(tmp_path).truth) == 1


def test_rest_and_stress_of_one_patient_are_two_pairs_of_one_patient(tmp_path):
    write(tmp_path, nac(visit=0), mumap(visit=0), nac(visit=1), mumap(visit=1))

    (one, other), _ = of_site([tmp_path])

    assert one.patient == other.patient
    assert one.key != other.key


def test_a_reconstruction_without_a_partner_is_listed(tmp_path):
    write(tmp_path, nac(number=1), mumap(number=2))

    assert reasons(tmp_path) == ["no-truth"]


def test_a_map_of_another_frame_of_reference_is_no_partner(tmp_path):
    write(tmp_path, nac(), mumap(FrameOfReferenceUID="2.25.1"))

    assert reasons(tmp_path) == ["no-truth"]


def test_without_a_frame_of_reference_nothing_is_paired(tmp_path):
    write(tmp_path, nac(FrameOfReferenceUID=None), mumap(FrameOfReferenceUID=None))

    assert reasons(tmp_path) == ["no-truth"]


def test_two_maps_leave_it_open_which_was_meant(tmp_path):
    again = mumap(SeriesInstanceUID="2.25.77", SOPInstanceUID="2.25.78")
    write(tmp_path, nac(), mumap(), again)

    assert reasons(tmp_path) == ["ambiguous-truth"]


def test_two_maps_in_one_series_are_refused_when_they_are_read(tmp_path):
    write(tmp_path, nac(), mumap(), mumap(SOPInstanceUID="2.25.78"))

    with pytest.raises(InputRejected) as caught:
        only(tmp_path).load()
    assert caught.value.reason == "ambiguous-truth"


def test_a_corrected_reconstruction_is_never_an_input(tmp_path):
    write(tmp_path, nac(CorrectedImage=["ATTN"]), mumap())

    assert reasons(tmp_path) == ["already-attenuation-corrected"]


def test_a_folder_without_reconstructions_holds_no_pairs(tmp_path):
    write(tmp_path, mumap())

    with pytest.raises(ConfigurationError) as caught:
        of_site([tmp_path])
    assert caught.value.reason == "no-pairs"


def test_of_several_cts_the_one_that_is_named_is_taken(tmp_path):
    soft, sharp = ct(), ct()
    for number, dataset in enumerate(sharp):
        dataset.SeriesInstanceUID, dataset.SeriesDescription = "2.25.77", "CT 5.0 B70s"
        dataset.SOPInstanceUID = f"2.25.78{number}"
    write(tmp_path, nac(), *soft, *sharp)

    assert reasons(tmp_path) == ["ambiguous-truth"]
    (source,), doubtful = of_site([tmp_path], "b70")
    assert doubtful == []
    assert {read_file(path).SeriesInstanceUID for path in source.truth} == {"2.25.77"}
    assert [pair.reason for pair in of_site([tmp_path], "none of them")[1]] == ["no-truth"]


def test_a_copy_of_a_pair_is_listed_and_used_once(tmp_path):
    write(tmp_path, nac(), mumap(), nac())

    kept, again = once(of_site([tmp_path])[0])

    assert len(kept) == 1
    assert [pair.reason for pair in again] == ["duplicate-pair"]


def test_a_pair_that_does_not_lie_on_each_other_is_refused(tmp_path):
    write(tmp_path, nac(), mumap(shift_mm=(0, 36, 0)))

    with pytest.raises(InputRejected) as caught:
        only(tmp_path).load()
    assert caught.value.reason == "misregistered"


def test_nothing_of_a_patient_is_shown(tmp_path):
    write(tmp_path, nac(), mumap())

    assert "TOY" not in repr(only(tmp_path))
    assert only(tmp_path).patient not in repr(only(tmp_path))


# Simulated cohorts


def cohort(folder, cases, first=0, seed=7, torsos=()):
    for number in range(first, first + cases):
        case = folder / f"case-{number:05d}"
        case.mkdir(parents=True)
        for name in ("nac.dcm", "map.dcm"):
            (case / name).touch()
        strata = {"sex": "FM"[number % 2], "bmi": 20.0 + number, "core": number > 0}
        facts = {"seed": seed, "index": number, "strata": strata}
        facts["anatomy"] = torsos[number % len(torsos)] if torsos else "drawn"
        (case / "case.json").write_text(json.dumps(facts))
    manifest = {"seed": seed, "software_version": "0.1.0", "volumes": torsos}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_every_case_of_a_cohort_is_a_patient(tmp_path):
    sources = of_cohort(cohort(tmp_path / "train", 3))

    assert [source.key for source in sources] == [f"seed-7/case-0000{n}" for n in range(3)]
    assert len({source.patient for source in sources}) == 3


def test_a_patient_is_known_wherever_its_cohort_lies(tmp_path):
    """Rest and stress of another folder name would otherwise be learned from and validated with."""
    one, copy = (of_cohort(cohort(tmp_path / name, 2)) for name in ("train", "copy"))
    other = of_cohort(cohort(tmp_path / "elsewhere" / "train", 2, seed=8))

    assert [source.patient for source in one] == [source.patient for source in copy]
    assert not {source.patient for source in one} & {source.patient for source in other}
    assert not {source.key for source in one} & {source.key for source in other}


def test_cases_of_one_torso_are_one_patient(tmp_path):
    torsos = ("a.nii", "b.nii", "c.nii")
    one, other = (
        of_cohort(cohort(tmp_path / str(seed), 30, seed=seed, torsos=torsos)) for seed in (1, 2)
    )
    learned, validated = split(one + other, 0.3)

    assert len({source.patient for source in one + other}) == 3
    assert len({source.key for source in one + other}) == 60
    assert not {s.patient for s in learned} & {s.patient for s in validated}
    assert "c.nii" not in one[2].key


def test_a_case_nobody_knows_the_origin_of_is_refused(tmp_path):
    folder = cohort(tmp_path / "train", 1)
    (folder / "case-00000" / "case.json").write_text("{}")

    with pytest.raises(ConfigurationError, match="seed and index"):
        of_cohort(folder)


def test_a_folder_without_cases_is_no_cohort(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        of_cohort(tmp_path)
    assert caught.value.reason == "no-pairs"


def test_patients_are_never_parted(tmp_path):
    for number in range(6):
        write(tmp_path, nac(number, 0), mumap(number, 0), nac(number, 1), mumap(number, 1))
    sources, _ = of_site([tmp_path])

    learned, validated = split(sources, 0.3)

    assert len(learned) + len(validated) == 12
    assert not {s.patient for s in learned} & {s.patient for s in validated}
    assert learned
    assert validated


def test_more_cases_move_nobody_to_the_other_side(tmp_path):
    folder = cohort(tmp_path / "train", 100)
    before = {source.key for source in split(of_cohort(folder), 0.1)[1]}

    after = {source.key for source in split(of_cohort(cohort(folder, 100, first=100)), 0.1)[1]}

    assert 3 < len(before) < 20
    assert len(before - after) <= 1


def test_one_patient_is_too_few(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        split(of_cohort(cohort(tmp_path / "train", 1)), 0.1)
    assert caught.value.reason == "no-pairs"


def test_patients_who_share_one_id_are_told_apart_from_one_pair(tmp_path):
    write(tmp_path, *(make(number, PatientID="") for number in (1, 2) for make in (nac, mumap)))

    with pytest.raises(ConfigurationError, match="all 2 pairs have one Patient ID, or none"):
        split(of_site([tmp_path])[0], 0.1)


def test_the_population_says_how_the_simulated_patients_are_distributed(tmp_path):
    learned, validated = split(of_cohort(cohort(tmp_path / "train", 20)), 0.1)
    (tmp_path / "run").mkdir()

    write_population(describe(learned, validated, 2), tmp_path / "run")
    found = read_population(tmp_path / "run")

    assert found == describe(learned, validated, 2)
    assert found.sentence.startswith("20 simulated patients (seed 7, 20 cases, version 0.1.0): ")
    assert found.seeds == (7,)
    assert {name for name, _ in found.strata} == {"sex", "bmi", "core"}
    assert "F: " in dict(found.strata)["sex"]
    assert " to " in dict(found.strata)["bmi"]


def test_of_a_sites_patients_only_their_number_is_told(tmp_path):
    write(tmp_path, nac(0), mumap(0), nac(1), mumap(1))
    (one, other), _ = of_site([tmp_path])

    found = describe([one], [other], 0)

    assert found.sentence.startswith("2 real patients: 1 pair")
    assert found.strata == ()
