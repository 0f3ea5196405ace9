"""docs/quality.md explains every check in the order they are made, and nothing else."""

import re
from pathlib import Path

import numpy as np
import pytest

import phantoms
import populations
import tomos
from mumap_node.dicom.orientation import Entry
from mumap_node.dicom.projections.checks import check_statements
from mumap_node.dicom.selection import ASSUMED_PARALLEL_HOLES, ASSUMED_UNCORRECTED
from mumap_node.imaging import quality
from mumap_node.imaging.acquisition import Acquisition
from mumap_node.imaging.findings import Relaxable
from mumap_node.imaging.measurement import Fit, check_measurement
from mumap_node.imaging.model_card import (
    FitLimits,
    Lungs,
    Mistake,
    Typicality,
    WarnFail,
)
from mumap_node.training.torso import analytic_torso

DOCUMENT = (Path(__file__).parents[3] / "docs" / "quality.md").read_text()


def test_every_finding_is_explained():
    lungs = Lungs(mean_per_cm=(0.03, 0.06), share_of_body=(0.1, 0.4), left_share=(0.2, 0.5))
    limits = phantoms.card().plausibility.model_copy(update={"lungs": lungs})
    either = WarnFail(warn=1.0, fail=2.0)
    typicality = Typicality(
        sha256="0" * 64,
        distance=either,
        resemblance=dict.fromkeys(Mistake, either),
        self_deviation_per_cm=either,
    )
    ranges = dict.fromkeys(("to_head_mm", "to_back_mm", "to_left_mm", "scale"), (-1.0, 1.0))
    bounds = ("distance_mm", "spared", "over_air", "over_mirrored", "over_filled")
    measurement = FitLimits(**ranges, **dict.fromkeys(bounds, either))
    card = phantoms.card(plausibility=limits, typicality=typicality)
    fit = Fit(
        (0.0, 0.0, 0.0), 1.0, distance_mm=0, spared=0, over_air=9, over_mirrored=9, over_filled=9
    )
    torso = analytic_torso((16, 32, 32), 13.2)
    acquisition = Acquisition("Tc-99m", True, 140.5, (126.0, 154.0), "PARA", "LEHR")

    findings = (
        ASSUMED_UNCORRECTED,
        ASSUMED_PARALLEL_HOLES,
        *check_statements(tomos.read(tomos.gated(tomos.tomo(entry=Entry.FEET_FIRST)))),
        *quality.check_input(acquisition, torso.emission.geometry, card),
        *quality.check_typicality(torso.emission, populations.knowing_nothing(), card),
        *quality.check_agreement(torso.emission, torso.lac, np.copy, card),
        *quality.assess(torso.lac, torso.emission, card),
        *check_measurement(fit, measurement),
    )

    explained = re.findall(r"^### `(.+)`$", DOCUMENT, re.MULTILINE)
    assert explained == [finding.check for finding in findings]


@pytest.mark.parametrize("name", Relaxable)
def test_what_can_be_relaxed_says_so(name):
    text = DOCUMENT.split(f"### `{name}`")[1].split("###")[0]

    assert "**Relaxable:** yes" in text


def test_nothing_else_says_it_can_be_relaxed():
    assert DOCUMENT.count("**Relaxable:** yes") == len(Relaxable)
