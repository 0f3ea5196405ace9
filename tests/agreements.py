"""Agreement records in a spool, as the worker would leave them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from mumap_node.node.jobs.agreements import Row
from mumap_node.node.spool.files import Spool, write_record
from mumap_node.node.spool.records import Agreement, Job
from spools import put_job

BEGIN = datetime(2026, 10, 1, 9, tzinfo=UTC)
"""When the first study was received; one follows every six hours."""

CAMERA, MODEL = "GE Infinia", "reference-tc99m-1.0"

FIGURES = {
    "nmae_range": 0.02,
    "nmae_body": 0.04,
    "lac_body_per_cm": 0.13,
    "bias_body_per_cm": 0.001,
    "bias_soft_per_cm": -0.001,
    "bias_lung_per_cm": 0.002,
    "bias_bone_per_cm": -0.01,
    "acf_mean_percent": 5.0,
}


def agreement(number: int = 0, **changes: Any) -> Agreement:
    """A comparison with a CT that counts, unless the changes say otherwise."""
    at = BEGIN + timedelta(hours=6 * number)
    usual = Agreement(
        attempt=1, measured="0" * 24, kind="ct", reason="", sentence="", figures=dict(FIGURES),
        dice=0.95, shift_mm=(0.0, 0.0, 0.0), is_registered=True,
        groups={"camera": CAMERA, "source": "reconstruction"}, model=MODEL,
        model_sha256="a" * 64, received_at=at, compared_at=at + timedelta(minutes=4),
    )  # fmt: skip
    return replace(usual, **changes)


def not_compared(number: int = 0, **changes: Any) -> Agreement:
    """A study whose CT could not be read."""
    return agreement(
        number, kind="", reason="ct-voltage", sentence="expected 80 to 140 kV, found none",
        figures={}, dice=None, is_registered=False, **changes,
    )  # fmt: skip


def put_agreement(spool: Spool, number: int, found: Agreement) -> Job:
    """A job of the spool with its comparison."""
    job = put_job(spool, number)
    write_record(spool.agreement_file(job.job_id), found)
    return job


def rows_of(*found: Agreement) -> list[Row]:
    """Comparisons of jobs that nobody wrote down."""
    return [Row(f"{number:032x}", "all", one) for number, one in enumerate(found, start=1)]


def month(studies: int = 100, changed_from: int = 60, factor: float = 1.5) -> list[Agreement]:
    """Comparisons of one camera, whose errors grow by a factor from one study on."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(studies):
        change = factor if number >= changed_from else 1.0
        nmae = 0.04 * change * np.exp(0.2 * rng.standard_normal())
        bias = 0.001 * rng.standard_normal()
        figures = {"nmae_body": float(nmae), "bias_body_per_cm": float(bias)}
        found.append(agreement(number, figures=FIGURES | figures))
    return found
