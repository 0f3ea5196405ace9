"""Plausibility of input and map, as findings; docs/quality.md explains each under its name."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mumap_node.imaging import agreement, appearance, regions, resampling
from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.attenuation import ENERGY_TOLERANCE_KEV
from mumap_node.imaging.findings import (
    Finding,
    Verdict,
    amount,
    at_least,
    at_most,
    span,
    verdict,
    within,
    worst,
)
from mumap_node.imaging.model_card import Limits, Lungs, ModelCard, Plausibility, WarnFail
from mumap_node.imaging.regions import Mask, Spacing
from mumap_node.imaging.typicality import Population
from mumap_node.imaging.volume import Geometry, Volume, Voxels

UNSTATED_COLLIMATORS = ("", "UNKN")
"""Collimator Types that say nothing (PS3.3 C.8.4.11.1)."""

LONGEST_LEFT_CUT_MM = 80.0
"""In any slice: a chord of 80 mm takes 4 mm off a body 400 mm wide."""

SAME_PLACE_MM = 1e-3
"""Affines closer than this in every element describe one grid."""


def check_input(
    acquisition: Acquisition, geometry: Geometry, card: ModelCard
) -> tuple[Finding, ...]:
    """Hold an input against the limits of a model.

    Args:
        acquisition: How the input was acquired.
        geometry: Its grid, rows and columns transaxial.
        card: Whose limits.
    """
    return (
        _radionuclide(acquisition, card.limits),
        _emission_energy(acquisition, card),
        _energy_window(acquisition, card.limits),
        _collimator(acquisition, card.limits),
        *_grid(geometry, card.limits),
    )


def check_typicality(
    nac: Volume, population: Population | None, card: ModelCard
) -> tuple[Finding, ...]:
    """Hold the look of an input against what the model was trained on.

    Args:
        nac: Finite counts, some above 0.
        population: Statistics of the training inputs; None where the model has none.
        card: Whose limits; without any of this kind nothing is checked.
    """
    if card.typicality is None or population is None:
        return ()
    look = appearance.describe(nac)
    limit = card.typicality.distance
    distance = population.distance(look)
    resemblance = population.resemblance(look)
    return (
        at_most("typicality", distance, limit.warn, limit.fail, ""),
        *(
            at_most(mistake, resemblance[mistake], limit.warn, limit.fail, "")
            for mistake, limit in card.typicality.resemblance.items()
        ),
    )


def check_agreement(
    prepared: Volume, output: Volume, predict: agreement.Predict, card: ModelCard
) -> tuple[Finding, ...]:
    """Hold a network against itself under harmless changes of its input.

    Args:
        prepared: Its input.
        output: Its answer, network units.
        predict: The network; run again only where the card has a limit.
        card: Whose limit, and how many 1/cm a network unit is.
    """
    if card.typicality is None or card.typicality.self_deviation_per_cm is None:
        return ()
    limit = card.typicality.self_deviation_per_cm
    deviation = self_deviation_per_cm(prepared, output, predict, card)
    return (at_most("self-agreement", deviation, limit.warn, limit.fail, "/cm"),)


def self_deviation_per_cm(
    prepared: Volume, output: Volume, predict: agreement.Predict, card: ModelCard
) -> float:
    """Mean in the body of how much a network's answers to one input differ, in 1/cm."""
    scale = card.output.lac_per_cm_per_unit
    body = regions.body(output.voxels * np.float32(scale))
    spread = agreement.spread(predict, prepared.voxels, output.voxels)
    return scale * float(spread.mean(where=body)) if body.any() else 0.0


def assess(mumap: Volume, nac: Volume, card: ModelCard) -> tuple[Finding, ...]:
    """Judge whether a map is plausible for its source and its model.

    Args:
        mumap: LAC in 1/cm.
        nac: The counts it was made from.
        card: Says which checks are made, and their limits.

    Returns:
        The findings in the order of docs/quality.md. After a failure without which nothing can
        be measured (values not finite, another grid, no body) the remaining checks are left out.
    """
    basic = (_finite(mumap.voxels), _geometry(mumap.geometry, nac.geometry))
    if worst(basic) is Verdict.FAIL:
        return basic
    grid = resampling.upright(nac.geometry)
    lac = resampling.onto(mumap, grid).voxels
    counts = resampling.onto(nac, grid).voxels
    body = regions.body(lac)
    limits = card.plausibility
    if not body.any():
        unit = span(limits.body_99th_percentile_per_cm, "/cm")
        return (*basic, Finding("unit", Verdict.FAIL, "no body", unit))
    return (
        *basic,
        *_values(lac, body, limits),
        *_body(body, grid.spacing_mm, limits),
        *_against_emission(lac, body, counts, grid.spacing_mm, card),
        *_lungs(lac, body, grid.spacing_mm, limits.lungs),
    )


def _radionuclide(acquisition: Acquisition, limits: Limits) -> Finding:
    is_coded = acquisition.radionuclide_is_coded
    return Finding(
        "radionuclide",
        verdict(fail=acquisition.radionuclide not in limits.radionuclides, warn=not is_coded),
        acquisition.radionuclide + ("" if is_coded else ", inferred from the energy window"),
        " or ".join(limits.radionuclides),
    )


def _emission_energy(acquisition: Acquisition, card: ModelCard) -> Finding:
    found, allowed = acquisition.emission_energy_kev, card.output.energies_kev
    fits = any(abs(found - energy) <= ENERGY_TOLERANCE_KEV for energy in allowed)
    expected = " or ".join(amount(energy, "keV") for energy in allowed)
    return Finding("emission-energy", verdict(fail=not fits), amount(found, "keV"), expected)


def _energy_window(acquisition: Acquisition, limits: Limits) -> Finding:
    window, (lowest, highest) = acquisition.energy_window_kev, limits.energy_window_kev
    limit = span(limits.energy_window_kev, "keV")
    if window is None:
        return Finding("energy-window", Verdict.WARN, "not stated", limit)
    is_outside = window[0] < lowest or window[1] > highest
    return Finding("energy-window", verdict(fail=is_outside), span(window, "keV"), limit)


def _collimator(acquisition: Acquisition, limits: Limits) -> Finding:
    found = acquisition.collimator_type
    name = acquisition.collimator_name.encode("ascii", "replace").decode()
    return Finding(
        "collimator",
        verdict(fail=found not in limits.collimator_types, warn=found in UNSTATED_COLLIMATORS),
        f"{found or 'type not stated'}, {name or 'without a name'}",
        " or ".join(allowed or "not stated" for allowed in limits.collimator_types),
    )


def _grid(geometry: Geometry, limits: Limits) -> Iterator[Finding]:
    slices, rows, columns = geometry.shape
    lowest, highest = limits.matrix
    fewest, most = limits.slices
    fits_in_plane = lowest <= min(rows, columns) and max(rows, columns) <= highest
    yield Finding(
        "matrix",
        verdict(fail=not (fits_in_plane and fewest <= slices <= most)),
        f"{rows} x {columns}, {slices} slices",
        f"{lowest} to {highest}, {fewest} to {most} slices",
    )
    _, row_mm, column_mm = geometry.spacing_mm
    yield _lengths("spacing", geometry.spacing_mm, limits.spacing_mm)
    yield _lengths("field-of-view", (rows * row_mm, columns * column_mm), limits.field_of_view_mm)


def _lengths(check: str, lengths_mm: tuple[float, ...], limit_mm: tuple[float, float]) -> Finding:
    fits = limit_mm[0] <= min(lengths_mm) and max(lengths_mm) <= limit_mm[1]
    found = " x ".join(f"{length_mm:.4g}" for length_mm in lengths_mm)
    return Finding(check, verdict(fail=not fits), f"{found} mm", span(limit_mm, "mm"))


def _finite(lac: Voxels) -> Finding:
    bad = int(np.count_nonzero(~np.isfinite(lac)))
    return Finding("finite", verdict(fail=bad > 0), f"{bad} voxels not finite", "0 voxels")


def _geometry(found: Geometry, expected: Geometry) -> Finding:
    is_same = (
        found.shape == expected.shape
        and found.frame_of_reference_uid == expected.frame_of_reference_uid
        and np.allclose(found.affine, expected.affine, rtol=0, atol=SAME_PLACE_MM)
    )
    return Finding(
        "geometry",
        verdict(fail=not is_same),
        "the source's grid" if is_same else "another grid",
        "the source's grid",
    )


def _values(lac: Voxels, body: Mask, limits: Plausibility) -> Iterator[Finding]:
    lowest, highest = float(lac.min()), float(lac.max())
    yield Finding("non-negative", verdict(fail=lowest < 0), amount(lowest, "/cm"), "at least 0 /cm")
    percentile = float(np.percentile(lac[body], 99))
    yield within("unit", percentile, limits.body_99th_percentile_per_cm, "/cm")
    yield Finding(
        "maximum",
        verdict(fail=highest > limits.maximum_per_cm),
        amount(highest, "/cm"),
        f"at most {amount(limits.maximum_per_cm, '/cm')}",
    )
    mode = regions.soft_tissue_mode_per_cm(lac)
    tolerated = limits.soft_tissue_mode_warn_per_cm
    outside = Verdict.WARN if tolerated[0] <= mode <= tolerated[1] else Verdict.FAIL
    yield within("soft-tissue", mode, limits.soft_tissue_mode_per_cm, "/cm", outside)
    air_mean = float(lac.mean(where=~body)) if not body.all() else 0.0
    yield at_most("air", air_mean, limits.air_mean_per_cm.warn, limits.air_mean_per_cm.fail, "/cm")


def _body(body: Mask, spacing_mm: Spacing, limits: Plausibility) -> Iterator[Finding]:
    share = regions.share(regions.largest_part(body), of=body)
    limit = limits.body_component_share
    yield at_least("body-component", share, limit.warn, limit.fail, "%")
    areas_cm2 = regions.areas_cm2(body, spacing_mm)
    lowest, highest = limits.body_area_cm2
    extremes = (float(areas_cm2.min()), float(areas_cm2.max()))
    yield Finding(
        "body-area",
        verdict(fail=False, warn=extremes[0] < lowest or extremes[1] > highest),
        span(extremes, "cm2"),
        span(limits.body_area_cm2, "cm2"),
    )
    limit = limits.area_change_share
    change = regions.largest_change(areas_cm2)
    yield at_most("area-change", change, limit.warn, limit.fail, "%")


def _against_emission(
    lac: Voxels, body: Mask, counts: Voxels, spacing_mm: Spacing, card: ModelCard
) -> Iterator[Finding]:
    limits = card.plausibility
    edge = regions.edge_of_field(counts)
    if card.input.shape is not None:
        voxel_mm = np.array(card.input.spacing_mm or spacing_mm)
        edge = edge | regions.edge_of_box(counts.shape, spacing_mm, voxel_mm * card.input.shape)
    yield _truncation(body, edge, spacing_mm, limits.border_contact_share)
    hot_spot = regions.hot_spot(counts)
    share = regions.share(~regions.soft_tissue(lac), of=hot_spot)
    limit = limits.hot_spot_outside_share
    yield at_most("hot-spot", share, limit.warn, limit.fail, "%")
    dice = regions.dice(body, regions.emission_outline(counts, spacing_mm))
    yield at_least("outline", dice, limits.outline_dice.warn, limits.outline_dice.fail, "")


def _truncation(body: Mask, edge: Mask, spacing_mm: Spacing, limit: WarnFail) -> Finding:
    """A long cut on the patient's left warns by itself: there the heart's photons pass."""
    outline = regions.outline(body)
    on_the_left = outline & edge & regions.left_lateral(body, spacing_mm)
    cut_mm = regions.longest_mm(on_the_left, spacing_mm)
    finding = at_most("truncation", regions.share(edge, of=outline), limit.warn, limit.fail, "%")
    is_long = cut_mm > LONGEST_LEFT_CUT_MM and finding.verdict is Verdict.PASS
    return replace(
        finding,
        verdict=Verdict.WARN if is_long else finding.verdict,
        found=f"{finding.found} of the outline, {cut_mm:.0f} mm on the patient's left",
        limit=f"{finding.limit}, {LONGEST_LEFT_CUT_MM:g} mm on the left",
    )


def _lungs(lac: Voxels, body: Mask, spacing_mm: Spacing, limits: Lungs | None) -> Iterator[Finding]:
    """Only warnings: lungs differ between patients, and emission shows them badly."""
    if limits is None:
        return
    lungs = regions.lungs(lac, spacing_mm)
    mean = float(lac.mean(where=lungs)) if lungs.any() else 0.0
    left_share = regions.share(regions.left_half(body), of=lungs)
    yield within("lung-mean", mean, limits.mean_per_cm, "/cm", outside=Verdict.WARN)
    share = regions.share(lungs, of=body)
    yield within("lung-share", share, limits.share_of_body, "%", outside=Verdict.WARN)
    yield within("left-right", left_share, limits.left_share, "%", outside=Verdict.WARN)
