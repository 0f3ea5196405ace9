"""What every figure on two maps means, and how it is shown; docs/evaluation.md tells more."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """How a figure is called and shown.

    Attributes:
        title: For people.
        unit: Of the figure as it is stored; empty for a plain number.
        digits: Shown after the decimal point.
        definition: What it means, with its denominator.
        is_signed: Whether it may be negative; 0 is best then.
    """

    title: str
    unit: str
    digits: int
    definition: str
    is_signed: bool = False

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def shown(self, value: float) -> str:
        """The value as people read it, without its unit; never -0."""
        rounded = round(value, self.digits) + 0.0
        return f"{rounded:{'+' if self.is_signed else ''}.{self.digits}f}".replace(
            "-", "\N{MINUS SIGN}"
        )


METRICS: Mapping[str, Metric] = {
    "nmae_range": Metric(
        "NMAE", "", 4,
        "mean |difference| over all voxels of the volume, air included, divided by maximum - "
        "minimum of the true map; the definition published figures presumably use",
    ),
    "nmae_body": Metric(
        "NMAE in the body", "", 4,
        "mean |difference| over the voxels of the true body (above 0.02 /cm), divided by the "
        "maximum of the true map",
    ),
    "nmae_sum": Metric(
        "NMAE of the sum", "", 4,
        "sum of |difference| over all voxels divided by the sum of the true map; another "
        "denominator, so another number",
    ),
    "nmse": Metric("NMSE", "", 4, "sum of squared differences divided by sum of the squared truth"),
    "ssim": Metric(
        "SSIM", "", 3,
        "mean structural similarity, cubic window of 7 voxels, data range = maximum - minimum of "
        "the true map (Wang 2004)",
    ),
    "psnr_db": Metric("PSNR", "dB", 1, "peak signal-to-noise ratio with the same data range"),
    "lac_body_per_cm": Metric("LAC, body", "/cm", 4, "mean of the prediction in the true body"),
    "lac_soft_per_cm": Metric(
        "LAC, soft tissue", "/cm", 4, "its mean where the truth is soft tissue (0.13-0.17 /cm)"
    ),
    "bias_body_per_cm": Metric(
        "bias, body", "/cm", 4, "mean difference, prediction - truth, in the true body",
        is_signed=True,
    ),
    "bias_lung_per_cm": Metric(
        "bias, lung", "/cm", 4,
        "mean difference in the lungs: their labels in a cohort, else where the truth "
        "has 0.02-0.08 /cm deeper than 15 mm",
        is_signed=True,
    ),
    "bias_soft_per_cm": Metric(
        "bias, soft tissue", "/cm", 4,
        "mean difference where the truth is soft tissue (0.13-0.17 /cm)",
        is_signed=True,
    ),
    "bias_bone_per_cm": Metric(
        "bias, bone", "/cm", 4,
        "mean difference in bone: its labels in a cohort, else where the truth has "
        "0.17 /cm and more",
        is_signed=True,
    ),
    "dice_body": Metric("Dice, body", "", 3, "overlap of predicted and true body"),
    "dice_lungs": Metric(
        "Dice, lungs", "", 3,
        "overlap of what has 0.02-0.08 /cm deeper than 15 mm in either map",
    ),
    "acf_mean_percent": Metric(
        "|ACF error|, mean", "%", 1,
        "|exp(line integral of the difference) - 1| from the centre of the left ventricle to the "
        "camera, mean over its angles",
    ),
    "acf_95th_percent": Metric("|ACF error|, 95th", "%", 1, "its 95th percentile over the angles"),
    "lv_bias_percent": Metric(
        "LV bias", "%", 1,
        "mean of the polar map divided by that of the reconstruction with the true map, - 1",
        is_signed=True,
    ),
    "segment_ape_percent": Metric(
        "segments, absolute", "%", 1,
        "mean over 17 segments of |difference| divided by the true segment",
    ),
    "segment_mean_normalised_percent": Metric(
        "segments, mean-normalised", "%", 1,
        "mean over 17 segments of |difference|, each map divided by the mean of its segments; in "
        "percent of that mean",
    ),
    "segment_max_normalised_percent": Metric(
        "segments, max-normalised", "%", 1,
        "the same, each map divided by its largest value; in percent of that value; one hot spot "
        "moves all segments",
    ),
    "segment_worst_percent": Metric(
        "worst segment", "%", 1, "largest of the 17 mean-normalised differences"
    ),
    "polar_distance": Metric(
        "polar-map distance", "of 100", 1,
        "mean |difference| of all polar map values, each map scaled to 0-100 (Huxohl 2023)",
    ),
}  # fmt: skip
"""Every figure, in the order they are shown; "true" is what was measured, or simulated."""
