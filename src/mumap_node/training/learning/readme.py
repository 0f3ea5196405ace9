"""The README of a model: what it is, whom it learned from, how good it is, what it is not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mumap_node.imaging.model_card import ModelCard
from mumap_node.training.learning.plan import Plan
from mumap_node.training.pairs.population import Population

HEADLINE = (
    "nmae_range", "nmae_body", "dice_body", "dice_lungs", "acf_mean_percent",
    "lv_bias_percent", "segment_mean_normalised_percent",
)  # fmt: skip
"""Figures of an evaluation that are shown, where it has them."""

SUBGROUP = "nmae_range"

SIMULATED_ONLY = """\
- **It has never seen a patient.** It learned from simulated ones, and every figure above that is
  not said to be of patients is of simulated ones. They say how well it does what it was trained
  for, and nothing about patients.
- The patient table is not in its maps: no uncorrected reconstruction shows it.
- No comparison with CT-based attenuation correction in patients exists.
"""

FROM_PATIENTS = """\
- It gives the maps its site's pairs taught it, with whatever was wrong with them: breathing between
  CT and SPECT, tables, another scale.
- It knows the cameras, protocols and patients of that site. Elsewhere it has to be evaluated anew.
"""

STRATA = {
    "bmi": "BMI (kg/m²)",
    "field_mm": "in-plane field (mm)",
    "counts": "counts in the photopeak",
    "moved": "moved during the acquisition",
    "heart_in_field": "whole heart in the field",
    "core": "core stratum",
}
"""Of those whose field has another name."""

WORDS = {"True": "yes", "False": "no"}


def model_readme(
    card: ModelCard, plan: Plan, population: Population, results: Mapping[str, Any]
) -> str:
    """The page.

    Args:
        card: Of the model.
        plan: How it was trained.
        population: What it learned from.
        results: Content of the evaluation's JSON; empty where there is none.
    """
    sections = (
        f"# {card.name} {card.version}",
        "**Not a medical device. For research; not for diagnosis.**",
        card.summary + ".",
        "## What it is",
        _table(("", ""), _facts(card)),
        "## Whom it learned from",
        card.training_population + ".",
        *_strata(population),
        "## How it was trained",
        _table(("", ""), _training(plan)),
        "## What was measured",
        *_results(results),
        "## What it is not",
        _caveats(population),
    )
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    shape = " x ".join(map(str, card.input.shape or ("as large as the source:",)))
    spacing = " x ".join(f"{mm:g}" for mm in card.input.spacing_mm or ())
    limits, output = card.limits, card.output
    return [
        ("intended use", card.intended_use),
        ("input", "nAC reconstruction, float32, (slice, row, column) towards head, back and left"),
        ("grid", f"{shape} voxels of {spacing} mm; other grids are resampled, and the map back"),
        ("normalisation", f"{card.input.normalisation.transform} of relative counts"),
        ("output", f"LAC at {output.emission_energy_kev:g} keV, {output.beam} beam"),
        ("unit of the output", f"{output.lac_per_cm_per_unit:g}/cm"),
        ("radionuclides", ", ".join(limits.radionuclides)),
        ("voxels", f"{limits.spacing_mm[0]:g} to {limits.spacing_mm[1]:g} mm"),
        (
            "field of view",
            f"{limits.field_of_view_mm[0]:g} to {limits.field_of_view_mm[1]:g} mm",
        ),
        ("SHA-256", card.sha256),
    ]


def _training(plan: Plan) -> list[tuple[str, str]]:
    kind = "adversarial and regression" if plan.adversarial_weight else "regression"
    channels = ", ".join(map(str, plan.widths))
    changes = "shifted, turned, scaled, smoothed or sharpened, noisier, brighter, cut off"
    validation = (
        f"{plan.validation_share:.0%} of the patients, never learned from; the best weights are "
        f"those of the lowest NMAE on at most {plan.validation_cases} of their cases"
    )
    return [
        ("network", f"residual U-Net, strided first layer, channels {channels}"),
        ("loss", f"{kind}: L1 + {plan.gradient_weight:g} x L1 of gradients"),
        ("length", f"{plan.hours:g} hours" if plan.hours else f"{plan.epochs} epochs"),
        ("batch", str(plan.batch)),
        ("learning rate", f"{plan.learning_rate:g}, AdamW, warm-up and cosine"),
        ("augmentation", f"{changes}; never mirrored" if plan.augmentation else "none"),
        ("weights", f"running mean, decay {plan.averaging:g}"),
        ("validation", validation),
        ("seed", str(plan.seed)),
    ]


def _strata(population: Population) -> Iterator[str]:
    if population.strata:
        rows = [(STRATA.get(name, name), _in_words(found)) for name, found in population.strata]
        yield _table(("stratum", "patients learned from"), rows)


def _in_words(distribution: str) -> str:
    """Such as ``yes: 90%`` for ``True: 90%``."""
    for value, word in WORDS.items():
        distribution = distribution.replace(f"{value}:", f"{word}:")
    return distribution


def _results(results: Mapping[str, Any]) -> Iterator[str]:
    """One table a stratum: the model beside what it must beat."""
    if not results:
        yield "Nothing yet: run `mumap-node evaluate` and export again with `--evaluation`."
        return
    definitions = results["definitions"]
    for stratum, content in results["strata"].items():
        methods = content["methods"]
        shown = [name for name in HEADLINE if any(name in found for found in methods.values())]
        rows = [
            (
                _heading(definitions[name]),
                *(_interval(found.get(name), definitions[name]) for found in methods.values()),
            )
            for name in shown
        ]
        yield f"### {stratum}: {content['cases']} cases of {content['patients']} patients"
        yield (
            "Mean (95 % confidence interval of the mean, where there are five patients), "
            "standard deviation of the cases."
        )
        yield _table(("", *methods), rows)
    yield from _subgroups(results)


def _subgroups(results: Mapping[str, Any]) -> Iterator[str]:
    definition = results["definitions"][SUBGROUP]
    rows = [
        (group, value, str(found["cases"]), _interval(found.get(SUBGROUP), definition))
        for group, values in results.get("subgroups", {}).items()
        for value, found in values.items()
    ]
    if rows:
        yield "### Subgroups"
        yield _table(("subgroup", "", "cases", _heading(definition)), rows)


def _heading(definition: Mapping[str, Any]) -> str:
    unit = definition["unit"]
    return f"{definition['title']} ({unit})" if unit else str(definition["title"])


def _interval(summary: Mapping[str, Any] | None, definition: Mapping[str, Any]) -> str:
    if summary is None or summary["mean"] is None:
        return "-"
    digits = definition["digits"]
    text = f"{summary['mean']:.{digits}f}"
    if summary["low"] is not None:
        text += f" ({summary['low']:.{digits}f} to {summary['high']:.{digits}f})"
    return text if summary["sd"] is None else f"{text}, SD {summary['sd']:.{digits}f}"


def _caveats(population: Population) -> str:
    caveats = FROM_PATIENTS if population.site_patients else SIMULATED_ONLY
    return caveats + (
        "- It answers what the card's limits allow, and nothing else.\n"
        "- Narrow beam: to be used with scatter correction."
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """What stands in a table's cell without ending it."""
    return text.replace("|", "\\|")
