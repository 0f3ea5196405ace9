"""The straight line from a nAC reconstruction, or projections, to the attenuation map."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pydicom import Dataset

from mumap_node.dicom.marks import REPORT
from mumap_node.dicom.projections.checks import check_statements
from mumap_node.dicom.projections.reading import read_projections
from mumap_node.dicom.reading import read_reconstruction
from mumap_node.dicom.secondary_capture import write_report
from mumap_node.dicom.selection import are_projections, select_source
from mumap_node.dicom.template import Template
from mumap_node.dicom.writing import Provenance, write_attenuation_map
from mumap_node.errors import InputRejected
from mumap_node.imaging import postprocess, preprocess, quality
from mumap_node.imaging.acquisition import Reconstruction
from mumap_node.imaging.beats import with_even_views
from mumap_node.imaging.change import find_change
from mumap_node.imaging.correction import scatter_of
from mumap_node.imaging.findings import Finding, Relaxable, Verdict, relax, worst
from mumap_node.imaging.measurement import check_measurement, measure
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.nac import reconstruct
from mumap_node.imaging.projections import Projections
from mumap_node.imaging.typicality import Population
from mumap_node.imaging.volume import Geometry, Volume, Voxels
from mumap_node.report.colours import Picture
from mumap_node.report.page import Report, draw_report

Predict = Callable[[Voxels], Voxels]
"""A network: float32 array (slice, row, column) in, array of the same shape out."""

Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A card and the network it describes.

    Attributes:
        card: What it expects, returns, and may be given.
        predict: The network.
        population: What its training inputs looked like; a card has limits for it or there is none.

    Raises:
        ValueError: A population without limits, or limits without a population.
    """

    card: ModelCard
    predict: Predict
    population: Population | None = None

    def __post_init__(self) -> None:
        if (self.card.typicality is None) != (self.population is None):
            raise ValueError("expected limits of typicality and a population, or neither")


@dataclass(frozen=True, slots=True)
class Request:
    """What a route, or a person, asks of the line.

    Attributes:
        assume_nac: The site's word that input without any statement is uncorrected.
        assume_parallel_holes: The site's word that projections are of parallel-hole collimators.
        relax: Card limits lowered from fail to warn.
        profiles: Output profiles to write, by name.
        templates: Templates by their names among the profiles.
        report: Whether a map of projections that may be sent gets a report for people.
    """

    assume_nac: bool = False
    assume_parallel_holes: bool = False
    relax: frozenset[Relaxable] = frozenset()
    profiles: tuple[str, ...] = ("standard",)
    report: bool = False
    templates: Mapping[str, Template] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """What a map is made from.

    Attributes:
        reconstruction: nAC, as received or as the node made it of projections.
        grid: Of the map; that of projections may have slices more, which no detector saw.
        findings: What had to be assumed.
        projections: What the reconstruction was made of; None where it was received.
    """

    reconstruction: Reconstruction
    grid: Geometry
    findings: Findings
    projections: Projections | None = None


@dataclass(frozen=True, eq=False, slots=True)
class AttenuationMap:
    """A finished map.

    Attributes:
        volume: LAC in 1/cm, on the grid and at the emission energy of its source.
        findings: Every check of input and map, in the order they were made.
        objects: The objects of the map by output profile, and the report under its own.
    """

    volume: Volume
    findings: Findings
    objects: Mapping[str, Sequence[Dataset]]

    @property
    def may_be_sent(self) -> bool:
        """Whether no check failed."""
        return worst(self.findings) is not Verdict.FAIL


def make_attenuation_map(
    dataset: Dataset, model: Model, request: Request, provenance: Provenance
) -> AttenuationMap:
    """Answer a nAC reconstruction, or projections, with the attenuation map.

    Args:
        dataset: One NM RECON TOMO, TOMO or GATED TOMO instance, as received.
        model: The network and what it expects and returns.
        request: What the route asks for.
        provenance: Who makes the map, when and with what; written into every object.

    Returns:
        The map in 1/cm on the grid of its source, or the one projections define, with findings
        and encoded objects.

    Raises:
        InputRejected: The instance can never give a map with this model and request.
    """
    source = read_source(dataset, model.card, request)
    nac = source.reconstruction
    mumap, found = predict_map(nac, model, partial(_require_fit, request=request))
    findings = (*source.findings, *relax(found, request.relax))
    energy_kev = nac.acquisition.emission_energy_kev
    mumap = postprocess.to_energy(mumap, model.card, energy_kev)
    whole = postprocess.on_whole_grid(mumap, source.grid)
    measured = source.projections
    if measured and model.card.measurement and worst(findings) is not Verdict.FAIL:
        fit = measure(measured, whole, scatter_of(measured))
        findings = (*findings, *check_measurement(fit, model.card.measurement))
    objects = {
        profile: write_attenuation_map(
            whole,
            dataset,
            model.card,
            findings,
            provenance,
            energy_kev,
            profile=request.templates.get(profile, profile),
        )
        for profile in request.profiles
    }
    if request.report and measured and worst(findings) is not Verdict.FAIL:
        picture = _draw(nac, measured, mumap, findings, model.card, provenance)
        report = write_report(picture, dataset, model.card, findings, provenance, energy_kev)
        objects[REPORT] = (report,)
    return AttenuationMap(whole, findings, objects)


def read_source(dataset: Dataset, card: ModelCard, request: Request) -> Source:
    """Read a nAC reconstruction, or reconstruct projections as a model expects them.

    Raises:
        InputRejected: It does not qualify, or cannot be read; ``projections-not-reconstructed``
            where the card does not say how to reconstruct projections.
    """
    selected = select_source(
        dataset,
        assume_nac=request.assume_nac,
        assume_parallel_holes=request.assume_parallel_holes,
    )
    if not are_projections(dataset):
        reconstruction = read_reconstruction(dataset)
        return Source(reconstruction, reconstruction.volume.geometry, selected.findings)
    if card.reconstruction is None:
        raise InputRejected(
            "projections-not-reconstructed",
            f"expected a model whose card has a table [reconstruction], {card.identity} has none",
        )
    measured = with_even_views(read_projections(dataset))
    grid = measured.grid.of_slices(measured.seen_slices)
    _require_fit(quality.check_input(measured.acquisition, grid, card), request)
    nac = Reconstruction(reconstruct(measured, card.reconstruction), measured.acquisition)
    findings = (*selected.findings, *check_statements(measured))
    return Source(nac, measured.grid, findings, measured)


def predict_map(
    source: Reconstruction, model: Model, heed: Callable[[Findings], Findings]
) -> tuple[Volume, Findings]:
    """The core of the line, which evaluations share: from counts to LACs, with every check.

    Args:
        source: The nAC reconstruction.
        model: The network and what it expects and returns.
        heed: What follows from the checks of the input, before the network is asked; may raise.

    Returns:
        The map in 1/cm at the model's energy on the grid of its source, and the findings.

    Raises:
        InputRejected: There is nothing to answer.
    """
    nac, card = source.volume, model.card
    fitness = heed(quality.check_input(source.acquisition, nac.geometry, card))
    prepared = preprocess.prepare(nac, card)
    fitness += heed(quality.check_typicality(nac, model.population, card))
    output = prepared.with_voxels(model.predict(prepared.voxels))
    agreement = quality.check_agreement(prepared, output, model.predict, card)
    mumap = postprocess.to_attenuation_map(output, card, onto=nac.geometry)
    return mumap, (*fitness, *agreement, *quality.assess(mumap, nac, card))


def _draw(
    nac: Reconstruction,
    measured: Projections,
    mumap: Volume,
    findings: Findings,
    card: ModelCard,
    provenance: Provenance,
) -> Picture:
    """The page on what a map would change."""
    return draw_report(
        Report(
            nac=nac.volume,
            lac=mumap,
            change=find_change(measured, nac.volume, mumap),
            findings=findings,
            model=card.identity,
            sha256=card.sha256,
            software_version=provenance.software_version,
            emission_energy_kev=nac.acquisition.emission_energy_kev,
        )
    )


def _require_fit(limits: Findings, request: Request) -> Findings:
    """What the model's limits say of an input; one beyond them is not worth a map."""
    findings = relax(limits, request.relax)
    failed = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    if failed:
        raise InputRejected("outside-model-limits", "; ".join(map(str, failed)))
    return findings
