"""Which instance qualifies, and the reason why another does not."""

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from builders import EVERY_PROFILE, change, file_of, model, nac, nac_object, provenance
from mumap_node.dicom.corrections import RULES, stated_correction
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.selection import (
    ASSUMED_PARALLEL_HOLES,
    ASSUMED_UNCORRECTED,
    is_own_map,
    select_source,
)
from mumap_node.errors import InputRejected
from mumap_node.pipeline import Request, make_attenuation_map


def reason(dataset: Dataset, *, assume_nac: bool = True) -> str:
    with pytest.raises(InputRejected) as caught:
        select_source(dataset, assume_nac=assume_nac)
    return caught.value.reason


def with_private(group: int, creator: str, offset: int, vr: str, value: object) -> Dataset:
    dataset = nac_object()
    dataset.private_block(group, "SOMEBODY ELSE", create=True).add_new(offset, "LO", "x")
    dataset.private_block(group, creator, create=True).add_new(offset, vr, value)
    return read_dataset(file_of(dataset))


def test_a_silent_header_needs_the_word_of_the_site():
    assert reason(nac(), assume_nac=False) == "correction-undecidable"

    selected = select_source(nac(), assume_nac=True)

    assert selected.findings == (ASSUMED_UNCORRECTED,)


@pytest.mark.parametrize("first", ["ORIGINAL", "DERIVED"])
def test_original_and_derived_reconstructions_qualify(first):
    dataset = nac(ImageType=[first, "PRIMARY", "RECON TOMO", "EMISSION"])

    assert select_source(dataset, assume_nac=True).dataset is dataset


@pytest.mark.parametrize(
    ("image_type", "expected"),
    [
        (["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"], "projections"),
        (["ORIGINAL", "PRIMARY", "GATED TOMO", "EMISSION"], "projections"),
        (["ORIGINAL", "PRIMARY", "GATED", "EMISSION"], "gated"),
        (["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"], "gated"),
        (["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"], "not-a-reconstruction"),
        (["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"], "not-a-reconstruction"),
        (["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"], "not-emission"),
        (["DERIVED", "PRIMARY", "RECON TOMO"], "not-emission"),
        (["DERIVED"], "not-emission"),
        (b"", "not-emission"),
        (None, "not-emission"),
    ],
)
def test_other_image_types_are_refused(image_type, expected):
    assert reason(nac(ImageType=image_type)) == expected


@pytest.mark.parametrize("kind", ["TOMO", "GATED TOMO"])
def test_projections_need_the_word_of_the_site_on_the_collimator_and_no_other(kind):
    dataset = nac(ImageType=["ORIGINAL", "PRIMARY", kind, "EMISSION"])

    selected = select_source(dataset, assume_nac=False, assume_parallel_holes=True)

    assert selected.findings == (ASSUMED_PARALLEL_HOLES,)


def test_the_word_of_the_site_does_not_outweigh_a_statement_on_projections():
    dataset = nac(ImageType=["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"], CorrectedImage="SCAT")

    with pytest.raises(InputRejected, match="already-scatter-corrected"):
        select_source(dataset, assume_nac=True, assume_parallel_holes=True)


def test_other_sop_classes_are_refused():
    assert reason(nac(SOPClassUID=CTImageStorage)) == "not-nuclear-medicine"


@pytest.mark.parametrize(
    "stated",
    [
        {"CorrectedImage": "ATTN"},
        {"CorrectedImage": b"Attn"},
        {"CorrectedImage": ["UNIF", "SCAT", "ATTN", "DECY"]},
        {"ImageID": b"JASZCZAK_PHAN_DH[ATTC]"},
        {"ImageID": "TOMO_EM_IRACSCRR"},
        {"ImageID": "IRAC"},
        {"ImageID": "Stress AC"},
        {"SeriesDescription": "MPI STRESS-RR-SC-ACM"},
        {"SeriesDescription": "Rest [attc]"},
        {"SeriesDescription": "rest_ctac"},
        {"SeriesDescription": "Attenuation Corrected"},
        {"SeriesDescription": "NAC and AC"},
        {"SeriesDescription": b"STRESS\\AC "},
        {"ImageComments": "$ReconCorr$ACSCRR$Other$x"},
        {"SeriesDescription": "Rest ATT CORR"},
        {"SeriesDescription": "Rest ATT-CORR"},
        {"SeriesDescription": "Rest ATT.COR"},
        {"SeriesDescription": "ATTENCORR"},
        {"SeriesDescription": "RestAttCorr"},
        {"SeriesDescription": "Rest A.C."},
        {"SeriesDescription": "OSEM CHANG"},
        {"SeriesDescription": "chang1"},
        {"SeriesDescription": "Ruhe schwaechungskorrigiert"},
        {"SeriesDescription": "Ruhe schw\u00e4chungskorrigiert".encode("latin-1")},
        {"SeriesDescription": "Ruhe Schw\u00e4chungskorr.".encode()},
        {"SeriesDescription": "SCHWKORR"},
        {"SeriesDescription": "Absorptionskorrektur"},
        {"SeriesDescription": "corrected for attenuation"},
        {"SeriesDescription": "StressAC"},
        {"SeriesDescription": "ReconAC"},
        {"SeriesDescription": "StressAC1"},
        {"SeriesDescription": "AC2"},
        {"ImageComments": "Attenuation correction: Chang"},
        {"ImageComments": "x" * 10000 + " att. corr."},
        {"DerivationDescription": "OSEM, attenuation corrected"},
        {"AttenuationCorrectionMethod": "measured"},
    ],
    ids=str,
)
@pytest.mark.parametrize("assume_nac", [True, False])
def test_no_word_of_the_site_outweighs_a_statement_of_correction(stated, assume_nac):
    assert reason(nac(**stated), assume_nac=assume_nac) == "already-attenuation-corrected"


@pytest.mark.parametrize(
    "silent",
    [
        {"CorrectedImage": b""},
        {"CorrectedImage": ["UNIF", "DECY", "COR"]},
        {"ImageID": "IRNC"},
        {"ImageID": "ReconRest"},
        {"SeriesDescription": "STRESS NAC"},
        {"SeriesDescription": "rest non-AC"},
        {"SeriesDescription": "no AC"},
        {"SeriesDescription": "Ruhe ohne AC"},
        {"SeriesDescription": "without attenuation correction"},
        {"SeriesDescription": "StressNAC"},
        {"SeriesDescription": "nAC"},
        {"SeriesDescription": "NAC1"},
        {"SeriesDescription": "StressNoAC"},
        {"SeriesDescription": "N.A.C."},
        {"SeriesDescription": "non attenuation corrected"},
        {"SeriesDescription": "non att corr"},
        {"SeriesDescription": "ohne Schwaechungskorrektur"},
        {"SeriesDescription": "nicht schwaechungskorrigiert"},
        {"SeriesDescription": "without scatter correction"},
        {"SeriesDescription": "no SC"},
        {"SeriesDescription": "STRESS IRNC"},
        {"SeriesDescription": "BACK TACK ACUTE SCAN"},
        {"SeriesDescription": "CHANGED ATT CORONAL"},
        {"ImageComments": "attenuation correction: none"},
        {"ImageComments": "uncorrected for attenuation"},
        {"DerivationDescription": "no attenuation or scatter correction"},
        {"AttenuationCorrectionMethod": "NONE"},
        {"ScatterCorrectionMethod": b""},
        {"SeriesDescription": "RR only"},
        {"ImageComments": "$ReconCorr$RR"},
        {"ImageComments": "AC unit was loud"},
    ],
    ids=str,
)
def test_other_words_state_no_correction(silent):
    assert stated_correction(nac(**silent)) is None


@pytest.mark.parametrize(
    ("group", "creator", "offset", "vr"),
    [
        (0x0055, "SIEMENS MED NM", 0x8C, "SS"),
        (0x0011, "GEMS_GENIE_1", 0x77, "SL"),
        (0x0055, "SIEMENS MED NM", 0x96, "FL"),
        (0x0011, "GEMS_GENIE_1", 0x7D, "SH"),
    ],
)
def test_private_flags_state_a_correction_where_they_are_set(group, creator, offset, vr):
    is_set, zero = ("0.12", "0.000") if vr == "SH" else (1, 0)

    assert (
        reason(with_private(group, creator, offset, vr, is_set)) == "already-attenuation-corrected"
    )
    assert stated_correction(with_private(group, creator, offset, vr, zero)) is None
    assert stated_correction(with_private(group, "SOMEBODY 2", offset, vr, is_set)) is None


def test_every_private_block_of_a_maker_is_looked_at():
    dataset = nac_object()
    for block, flag in ((0x10, 0), (0x20, 1)):
        dataset.add_new((0x0055, block), "LO", "SIEMENS MED NM")
        dataset.add_new((0x0055, block << 8 | 0x8C), "SS", flag)

    assert reason(read_dataset(file_of(dataset))) == "already-attenuation-corrected"


@pytest.mark.parametrize("offset", [0x12, 0x30])
def test_private_names_of_ge_state_a_correction(offset):
    dataset = with_private(0x0011, "GEMS_GENIE_1", offset, "LO", "TOMO_EM_IRACSCRR")

    assert reason(dataset) == "already-attenuation-corrected"


def test_a_reconstruction_with_attenuation_maps_is_corrected():
    dataset = nac_object()
    dataset.RadiopharmaceuticalInformationSequence[0].Radiopharmaceutical = "ATTENUATION MAPS"

    assert reason(read_dataset(file_of(dataset))) == "already-attenuation-corrected"


@pytest.mark.parametrize(
    "stated",
    [
        {"CorrectedImage": ["UNIF", "SCAT"]},
        {"ImageID": "IRNCSC"},
        {"SeriesDescription": "STRESS RR-SC"},
        {"ImageComments": "$ReconCorr$SCRR"},
        {"SeriesDescription": "SCATTER CORR"},
        {"SeriesDescription": "STRESS SC"},
        {"SeriesDescription": "STRESS SC_RR"},
        {"SeriesDescription": "Streustrahlkorrektur"},
        {"ImageID": "IRNC SC"},
        {"ImageComments": "corrected for scatter"},
        {"DerivationDescription": "scatter-corrected"},
        {"ScatterCorrectionMethod": "dual window"},
    ],
    ids=str,
)
def test_scatter_corrected_input_is_refused(stated):
    assert reason(nac(**stated)) == "already-scatter-corrected"


def test_the_siemens_scatter_flag_states_a_correction():
    dataset = with_private(0x0055, "SIEMENS MED NM", 0x57, "SS", 1)

    assert reason(dataset) == "already-scatter-corrected"


def test_attenuation_is_told_before_scatter():
    dataset = nac(CorrectedImage=["SCAT", "ATTN"])

    assert reason(dataset) == "already-attenuation-corrected"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.statement)
def test_every_rule_names_its_source_and_quotes_no_value(rule):
    assert rule.source
    assert rule.reason in ("already-attenuation-corrected", "already-scatter-corrected")


@pytest.mark.parametrize("name", [b"[" * 70000, b"NO " * 20000 + b"AC", b" -" * 40000 + b"AC"])
def test_hostile_names_cost_no_time(name):
    assert stated_correction(nac(SeriesDescription=name)) is None


@pytest.mark.parametrize("text", [b"SCHW " * 2040, b"no att corr " * 850, b"CORR " * 2040])
def test_hostile_texts_cost_no_time(text):
    assert stated_correction(nac(ImageComments=text)) is None


def test_refusals_do_not_quote_what_the_header_says():
    with pytest.raises(InputRejected) as caught:
        select_source(nac(SeriesDescription="SECRET^NAME AC"), assume_nac=True)

    assert "SECRET" not in str(caught.value)


def own_map(profile: str = "standard") -> Dataset:
    request = Request(assume_nac=True, profiles=(profile,))
    made = make_attenuation_map(nac(), model(), request, provenance())
    return read_dataset(to_bytes(made.objects[profile][0]))


@pytest.mark.parametrize("profile", EVERY_PROFILE)
def test_an_own_map_is_known_again_and_never_an_input(profile):
    assert is_own_map(own_map(profile))
    assert reason(own_map(profile)) in ("not-emission", "not-nuclear-medicine")


@pytest.mark.parametrize("lost", ["ManufacturerModelName", "ContributingEquipmentSequence"])
def test_an_own_map_is_known_by_either_of_its_marks(lost):
    dataset = own_map()
    delattr(dataset, lost)

    assert is_own_map(dataset)


def test_other_objects_are_no_own_maps():
    other = nac(ImageType=["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION", "SYNTHETIC"])
    reconstruction = own_map()
    change(reconstruction, {"ImageType": ["DERIVED", "PRIMARY", "RECON TOMO", "EMISSION"]})

    assert not is_own_map(nac())
    assert not is_own_map(other)
    assert not is_own_map(reconstruction)
