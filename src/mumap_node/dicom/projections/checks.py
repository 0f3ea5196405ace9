"""What the header of projections leaves open, as findings."""

from dataclasses import replace

from mumap_node.imaging.beats import has_uneven_views
from mumap_node.imaging.findings import Finding, Verdict, at_least, verdict
from mumap_node.imaging.projections import Projections

FEWEST_ACCEPTED_BEATS = 0.75
"""Share of heartbeats; with fewer, views may differ in counts by more than attenuation explains."""


def check_statements(projections: Projections) -> tuple[Finding, ...]:
    """Say what was taken from custom because the header does not state it."""
    findings = (_direction(projections), _height(projections))
    share = projections.accepted_beats
    if share is None:
        return findings
    beats = at_least("accepted-beats", share, FEWEST_ACCEPTED_BEATS, None, "%")
    if has_uneven_views(projections):
        beats = replace(beats, found=f"{beats.found}, views evened")
    return (*findings, beats)


def _direction(projections: Projections) -> Finding:
    """Head up is custom; cameras that write feet-first patients otherwise would mirror them."""
    is_open = not (projections.is_head_first or projections.direction_is_stated)
    entry = "head first" if projections.is_head_first else "head not stated to be first"
    stated = "stated" if projections.direction_is_stated else "by custom"
    return Finding(
        "frame-direction",
        verdict(fail=False, warn=is_open),
        f"{entry}, {stated}",
        "stated, or head first",
    )


def _height(projections: Projections) -> Finding:
    is_stated = projections.middle_z_mm is not None
    return Finding(
        "table-height",
        Verdict.PASS if is_stated else Verdict.WARN,
        "stated" if is_stated else "not stated, middle at 0",
        "stated",
    )
