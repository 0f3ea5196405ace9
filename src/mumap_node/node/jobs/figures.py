"""What people are shown of a comparison of a map with what was measured."""

from mumap_node.imaging.definitions import METRICS
from mumap_node.node.spool.records import Agreement

SHOWN = (
    "nmae_range",
    "nmae_body",
    "bias_body_per_cm",
    "bias_soft_per_cm",
    "bias_lung_per_cm",
    "bias_bone_per_cm",
)
"""Figures of one job; the record of all jobs has every one."""

_KINDS = {"map": "a measured map", "ct": "a CT"}


def compared_with(agreement: Agreement) -> str:
    """What a map was compared with."""
    if agreement.kind:
        counts = "" if agreement.is_registered else ", which lies elsewhere and does not count"
        return f"{_KINDS[agreement.kind]}{counts}"
    return "nothing"


def figures_of(agreement: Agreement) -> list[tuple[str, str]]:
    """Title and value of what was found, or why nothing was."""
    if agreement.reason:
        return [(agreement.reason, agreement.sentence)]
    names = [name for name in SHOWN if name in agreement.figures]
    figures = [(METRICS[name].heading, _value(name, agreement)) for name in names]
    return [*figures, ("registration", _registration(agreement))]


def _value(name: str, agreement: Agreement) -> str:
    return METRICS[name].shown(agreement.figures[name])


def _registration(agreement: Agreement) -> str:
    dice = "unknown" if agreement.dice is None else f"{agreement.dice:.2f}"
    head, back, left = agreement.shift_mm
    return (
        f"Dice {dice}; what was measured would have to move {head:g} mm to the head, {back:g} mm "
        f"to the back and {left:g} mm to the left"
    )
