"""A synthetic map beside a measured one of the same study: an NM map of another maker, or a CT."""

from collections.abc import Sequence
from itertools import product

from pydicom import Dataset

from mumap_node.dicom.ct_series import read_ct
from mumap_node.dicom.elements import text
from mumap_node.dicom.measured_map import is_map, read_any_map, read_map, require_plausible
from mumap_node.errors import InputRejected
from mumap_node.imaging import attenuation, regions, resampling
from mumap_node.imaging.comparison import Comparison, compare
from mumap_node.imaging.metrics import NO_TISSUES, tissues_of
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.target import TARGET_FWHM_MM, to_truth
from mumap_node.imaging.volume import Geometry, Volume
from mumap_node.pipeline import Request, Source, read_source

MEASURED_KEV = attenuation.EMISSION_ENERGY_KEV["Tc-99m"]
"""Photon energy that the LACs of CTs, and of maps that are believed, hold for."""

CT_MARGIN_MM = 4 * TARGET_FWHM_MM
"""Of CT slices beyond the reconstruction's, which blur into it; others are not read."""


def compare_with_measured(
    source: Dataset,
    synthetic: Dataset,
    measured: Sequence[Dataset],
    card: ModelCard,
    request: Request,
) -> Comparison:
    """Compare a stored map with what was measured of the same patient.

    Both are looked at on the grid of the reconstruction: of projections, on the slices that a
    detector saw.

    Args:
        source: What the map answers, as received.
        synthetic: The map as stored, standard profile.
        measured: The one NM map, or all instances of the one CT series, to compare with.
        card: Of the model that made the map.
        request: What its route asked for.

    Raises:
        InputRejected: ``other-frame`` where nobody says that both lie in one frame of reference;
            ``missing-geometry`` where projections do not say at which height they lie;
            ``other-coefficients`` where the LACs do not hold for the same photons;
            ``misregistered`` where the measured map shows none of the patient; or why one
            cannot be read or believed.
    """
    _require_one_frame([source, *measured])
    read = read_source(source, card, request)
    _require_height(read)
    nac = read.reconstruction
    lac = read_measured(measured, nac.volume.geometry)
    if not regions.body(lac.voxels).any():
        raise InputRejected(
            "misregistered",
            "expected a measured map of what the reconstruction shows, found nothing there",
        )
    is_ct = not is_map(measured[0])
    converted = _at_energy(lac, card, nac.acquisition.emission_energy_kev, is_ct=is_ct)
    mumap = resampling.onto(read_any_map(synthetic), nac.volume.geometry)
    tissues = NO_TISSUES if converted is lac else tissues_of(lac)
    return compare(mumap, converted, nac.volume, read.projections, tissues=tissues)


def read_measured(datasets: Sequence[Dataset], onto: Geometry) -> Volume:
    """Read a measured map or a CT series, and bring it onto the grid of a reconstruction.

    Args:
        datasets: One NM map, or all instances of a CT series.
        onto: Transaxial grid.

    Returns:
        LAC in 1/cm at 140.5 keV, without a CT's couch; NaN beyond what was measured.

    Raises:
        InputRejected: ``ambiguous-truth`` where there are several maps, or why it cannot be read
            or believed.
    """
    if is_map(datasets[0]):
        if len(datasets) > 1:
            raise InputRejected("ambiguous-truth", f"expected one map, found {len(datasets)}")
        return resampling.onto(read_map(datasets[0]), onto, outside=float("nan"))
    z_mm = onto.to_patient(list(product(*((0, size - 1) for size in onto.shape))))[:, 2]
    ct = read_ct(datasets, (z_mm.min() - CT_MARGIN_MM, z_mm.max() + CT_MARGIN_MM))
    require_plausible(ct)
    return to_truth(ct, onto)


def _require_one_frame(datasets: Sequence[Dataset]) -> None:
    frames = {text(dataset, "FrameOfReferenceUID") for dataset in datasets}
    if len(frames) > 1 or "" in frames:
        found = "one without it" if "" in frames else f"{len(frames)} different"
        raise InputRejected(
            "other-frame",
            f"expected source and measured map of one Frame of Reference UID, found {found}",
        )


def _require_height(source: Source) -> None:
    if source.projections is not None and source.projections.middle_z_mm is None:
        raise InputRejected(
            "missing-geometry",
            "expected Image Position (Patient) in the projections, to lay a measured map on them",
        )


def _at_energy(lac: Volume, card: ModelCard, emission_energy_kev: float, *, is_ct: bool) -> Volume:
    """A measured map as the synthetic one is: narrow beam, at the energy of the source.

    A CT is converted. At what energy a vendor's map holds, no header says: it may have been made
    for the source's, or for that of technetium.
    """
    if card.output.beam == "broad":
        raise InputRejected(
            "other-coefficients", "expected a model of narrow-beam coefficients, as CTs give them"
        )
    if abs(emission_energy_kev - MEASURED_KEV) <= attenuation.ENERGY_TOLERANCE_KEV:
        return lac
    if not is_ct:
        raise InputRejected(
            "other-coefficients",
            f"expected a source of {MEASURED_KEV:g} keV to compare with an NM map, found "
            f"{emission_energy_kev:g} keV",
        )
    return lac.with_voxels(attenuation.at_energy(lac.voxels, MEASURED_KEV, emission_energy_kev))
