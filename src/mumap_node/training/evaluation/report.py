"""The report: one HTML file that needs nothing beside it, to read, print and hand on."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from mumap_node.imaging.definitions import METRICS
from mumap_node.training.evaluation import charts
from mumap_node.training.evaluation.methods import MODEL
from mumap_node.training.evaluation.pictures import Pictures
from mumap_node.training.evaluation.results import (
    SUBGROUP_METRICS,
    Document,
    corrected_with,
    shown_names,
)
from mumap_node.training.evaluation.studies import CaseResult

HEADLINE = (
    "nmae_range", "nmae_body", "acf_mean_percent",
    "segment_mean_normalised_percent", "lv_bias_percent",
)  # fmt: skip
"""Shown large, of the first stratum."""

MAP_METRICS = ("nmae_range", "nmae_body", "nmae_sum", "nmse")
LIKENESS_METRICS = (
    "ssim", "psnr_db", "dice_body", "dice_lungs", "lac_body_per_cm", "lac_soft_per_cm",
)  # fmt: skip
TISSUE_METRICS = (
    "bias_body_per_cm", "bias_lung_per_cm", "bias_soft_per_cm", "bias_bone_per_cm",
    "acf_mean_percent", "acf_95th_percent",
)  # fmt: skip
HEART_METRICS = (
    "lv_bias_percent", "segment_ape_percent", "segment_mean_normalised_percent",
    "segment_max_normalised_percent", "segment_worst_percent", "polar_distance",
)  # fmt: skip

TABLES = (
    ("The map", MAP_METRICS, "map"),
    ("Likeness, outlines and level of the map", LIKENESS_METRICS, ""),
    ("Bias by tissue, and along the way to the camera", TISSUE_METRICS, ""),
    ("The corrected heart", HEART_METRICS, "heart"),
)
"""Heading, figures, and the charts below; none is wider than a printed page."""

STRATA = {
    "core": (
        "Core stratum",
        "supine, arms up, BMI 18-35, whole heart in the field, 3-15 M counts; fixed beforehand",
    ),
    "rest": ("Rest", "everybody else"),
    "all": ("All cases", "no strata are known of them"),
}
"""Title and meaning."""


@dataclass(frozen=True, slots=True)
class ShownCase:
    """One case in pictures.

    Attributes:
        title: Why it is shown.
        name: Of the case.
        groups: Who it is.
        figures: Title and value of its figures.
        slices: Picture, as an address HTML can hold.
        polar_maps: The same; empty where nothing was reconstructed.
        failed: Checks the node would have kept the map back for.
    """

    title: str
    name: str
    groups: Mapping[str, str]
    figures: Sequence[tuple[str, str]]
    slices: str
    polar_maps: str
    failed: Sequence[str]


def render(
    document: Document, results: Sequence[CaseResult], pictures: Mapping[str, Pictures]
) -> str:
    """Write the report.

    Args:
        document: As ``results.assemble`` gives it; every figure in the report is taken from it.
        results: Of the cases, for the charts.
        pictures: Of the cases that are shown (``results.shown_names``), by name.
    """
    ordered = sorted(results, key=lambda result: result.name)
    environment = Environment(
        loader=PackageLoader("mumap_node.training.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        document=document,
        metrics=METRICS,
        strata=STRATA,
        tables=TABLES,
        headline=HEADLINE,
        subgroup_metrics=SUBGROUP_METRICS,
        model=MODEL,
        charts=_charts(ordered),
        cases=_shown_cases(document, ordered, pictures),
    )


def _charts(results: Sequence[CaseResult]) -> dict[str, list[str]]:
    """Charts by the place they have in the report; those of the heart only where there is one."""
    drawn: dict[str, list[bytes]] = {
        "map": [
            charts.distribution(results, "nmae_range"),
            charts.histogram(results, "nmae_range"),
            charts.distribution(results, "acf_mean_percent"),
            charts.joint(np.sum([result.joint_cm3 for result in results], axis=0)),
        ],
        "heart": [],
        "segments": [],
    }
    methods = corrected_with(results)
    if methods:
        drawn["heart"] = [
            charts.distribution(results, "segment_mean_normalised_percent"),
            charts.distribution(results, "lv_bias_percent"),
            *(charts.bland_altman(results, method) for method in methods),
        ]
        drawn["segments"] = [charts.segment_bias(results)]
    return {place: [_address(svg, "svg+xml") for svg in files] for place, files in drawn.items()}


def _shown_cases(
    document: Document, results: Sequence[CaseResult], pictures: Mapping[str, Pictures]
) -> list[ShownCase]:
    by_name = {result.name: result for result in results}
    typical, *worst = shown_names(document)
    titles = [("Typical: the median NMAE", typical)]
    titles += [(f"Worst {rank}", name) for rank, name in enumerate(worst, start=1)]
    return [_shown_case(title, by_name[name], pictures[name]) for title, name in titles]


def _shown_case(title: str, result: CaseResult, drawn: Pictures) -> ShownCase:
    errors = result.errors[MODEL]
    return ShownCase(
        title=title,
        name=result.name,
        groups=result.groups,
        figures=[
            (METRICS[name].title, f"{METRICS[name].shown(errors[name])} {METRICS[name].unit}")
            for name in SUBGROUP_METRICS
            if name in errors
        ],
        slices=_address(drawn.slices, "png"),
        polar_maps=_address(drawn.polar_maps, "png") if drawn.polar_maps else "",
        failed=result.failed,
    )


def _address(content: bytes, kind: str) -> str:
    """A picture as an address that holds it (RFC 2397)."""
    return f"data:image/{kind};base64,{b64encode(content).decode('ascii')}"
