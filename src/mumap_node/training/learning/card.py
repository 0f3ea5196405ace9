"""The model card a training run ends with; what training cannot know has careful defaults."""

from collections.abc import Mapping
from typing import Any

from mumap_node.imaging.attenuation import EMISSION_ENERGY_KEV
from mumap_node.imaging.model_card import ModelCard
from mumap_node.training.learning.plan import Plan

LIMITS: Mapping[str, Any] = {
    "radionuclides": ["Tc-99m"],
    "energy_window_kev": [120.0, 160.0],
    "collimator_types": ["PARA", "UNKN", ""],
    "matrix": [48, 256],
    "slices": [16, 256],
    "spacing_mm": [2.5, 10.0],
    "field_of_view_mm": [330.0, 700.0],
}
"""Tc-99m behind parallel holes; the grids of cameras with large detectors, zoomed in or not."""

PLAUSIBILITY: Mapping[str, Any] = {
    "body_99th_percentile_per_cm": [0.14, 0.30],
    "maximum_per_cm": 0.60,
    "soft_tissue_mode_per_cm": [0.140, 0.165],
    "soft_tissue_mode_warn_per_cm": [0.130, 0.175],
    "air_mean_per_cm": {"warn": 0.005, "fail": 0.012},
    "body_component_share": {"warn": 0.98, "fail": 0.90},
    "body_area_cm2": [250.0, 1400.0],
    "area_change_share": {"warn": 0.20},
    "border_contact_share": {"warn": 0.10, "fail": 0.50},
    "hot_spot_outside_share": {"warn": 0.10, "fail": 0.40},
    "outline_dice": {"warn": 0.80, "fail": 0.65},
    "lungs": {
        "mean_per_cm": [0.02, 0.08],
        "share_of_body": [0.03, 0.45],
        "left_share": [0.25, 0.65],
    },
}
"""Those of the baseline, with lungs; the outline of the emission lies inside that of the body.
Wider where true maps of simulated patients would fail otherwise: an implanted device reaches
0.53/cm; a field of 340 mm cuts 40 % of an outline off; without correction, lung and skin can be as
bright as the heart, and up to 36 % of the brightest voxels lie outside of soft tissue. A body
that is cut off at more than half of its outline is stopped on purpose; routes may relax that."""

RECONSTRUCTION: Mapping[str, Any] = {
    "iterations": 6,
    "subsets": 8,
    "cutoff_per_cm": 0.45,
    "order": 6.0,
}
"""Of projections: the middle of what simulated sites choose (30 to 100 updates, 0.3 to 0.6 /cm)."""

MEASUREMENT: Mapping[str, Any] = {
    "to_head_mm": [-8.0, 8.0],
    "to_back_mm": [-5.0, 6.0],
    "to_left_mm": [-11.0, 3.0],
    "scale": [0.75, 1.15],
    "distance_mm": {"warn": 12.0},
    "spared": {"warn": 1.0},
    "over_air": {"warn": 5.0, "fail": 0.0},
    "over_mirrored": {"warn": 0.4, "fail": 0.0},
    "over_filled": {"warn": 0.2},
}
"""What passed nine of ten maps of simulated patients. Only a map whose mirror image, or none at
all, explains the counts better is stopped: real cameras, with beds and motion, differ more."""

GOLDEN_TOLERANCE = 5e-4
"""Network units, some 1e-4/cm: ten times what another processor, or a GPU, rounds differently."""

INTENDED_USE = "RESEARCH; not a medical device, not for diagnosis"


def draft_content(plan: Plan) -> dict[str, Any]:
    """The content of a card before there is a network: name, texts and checksum are not known."""
    return {
        "name": "draft",
        "version": "0",
        "sha256": "0" * 64,
        "summary": "Residual 3D U-Net from a nAC reconstruction to its attenuation map",
        "intended_use": INTENDED_USE,
        "training_population": "not stated",
        "input": plan.input.model_dump(mode="json"),
        "reconstruction": dict(RECONSTRUCTION),
        "output": {
            "lac_per_cm_per_unit": plan.lac_per_cm_per_unit,
            "emission_energy_kev": EMISSION_ENERGY_KEV["Tc-99m"],
            "beam": "narrow",
        },
        "limits": dict(LIMITS),
        "plausibility": dict(PLAUSIBILITY),
        "measurement": dict(MEASUREMENT),
        "golden": {"tolerance": GOLDEN_TOLERANCE},
    }


def draft_card(plan: Plan) -> ModelCard:
    """The card training prepares its cases with, as the node will with the finished one."""
    return ModelCard.model_validate(draft_content(plan))
