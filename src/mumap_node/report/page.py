"""The page: what correction would change, where the map lies, what was checked, and by what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mumap_node.imaging import correction
from mumap_node.imaging.change import Change
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.polar import SEGMENT_NAMES
from mumap_node.imaging.volume import Volume
from mumap_node.report.bullseye import CHANGE, PERFUSION, draw_bullseye
from mumap_node.report.canvas import Canvas, line_height, wrapped
from mumap_node.report.colours import AMBER, FAINT, GREEN, PAGE, RED, RULE, WORDS, Picture
from mumap_node.report.planes import SHOWN_LAC_PER_CM, draw_planes

WIDTH, HEIGHT = 1600, 1200
MARGIN = 24
LEFT, RIGHT_X = 920, 998
"""Width of the pictures, and where the words beside them begin."""

BANNER = "RESEARCH - SYNTHETIC - NOT FOR DIAGNOSIS"
TITLE = "What attenuation correction would change"
SUBTITLE = (
    "The attenuation map was predicted by a network, not measured. Reconstructions are the node's "
    "own, of the same projections."
)
SCALED = (
    "Numbers are means of segments. Each polar map is scaled to its own maximum, so a segment can "
    "fall because another one rises."
)
UNSCATTERED = "with the map an inferior wall may come out too bright."
NOT_COMPARED = (
    "None was found in the reconstruction, or the camera did not see all of it. Nothing is "
    "concluded from that about patient or map; the planes below show what is there."
)
BANNER_HEIGHT = 40
TITLE_Y, POLAR_Y, PLANES_Y, FOOTER_Y = 54, 118, 528, 1128
POLAR_SIZE, POLAR_STEP, POLAR_X = 258, 322, 34

COLUMNS = ((0, 44), (50, 118), (170, 180), (354, 224))
"""Of the table of checks: where they begin and how wide they are, in pixels."""

SMALL = 12
ROW_GAP = 2

VERDICT_COLOURS = {Verdict.FAIL: RED, Verdict.WARN: AMBER, Verdict.PASS: GREEN}
"""Gravest first, as the table is sorted."""


@dataclass(frozen=True, eq=False, slots=True)
class Report:
    """What the page tells. Nothing in it is of a patient but the images.

    Attributes:
        nac: Reconstruction without attenuation correction, in counts.
        lac: The map in 1/cm.
        change: What correction changes; None where no ventricle could be compared.
        findings: Of every check.
        model: Identity of the model.
        sha256: Of its network.
        software_version: Of the node.
        emission_energy_kev: Energy the LACs hold for.
    """

    nac: Volume
    lac: Volume
    change: Change | None
    findings: Sequence[Finding]
    model: str
    sha256: str
    software_version: str
    emission_energy_kev: float


def draw_report(report: Report) -> Picture:
    """The report as a picture of WIDTH x HEIGHT pixels, shape (HEIGHT, WIDTH, 3)."""
    canvas = Canvas(WIDTH, HEIGHT, PAGE)
    _draw_frame(canvas, report)
    _draw_hearts(canvas, report.change)
    heart = None if report.change is None else report.change.heart
    size = (LEFT, FOOTER_Y - PLANES_Y - 34)
    draw_planes(canvas, report.nac, report.lac, heart, (MARGIN, PLANES_Y), size)
    legend = (
        f"Orange: outlines of the map.  Map: black 0, white {SHOWN_LAC_PER_CM:g} 1/cm; counts in "
        "colour over it."
    )
    found = "  Blue: left ventricle as found." if heart else ""
    canvas.write(legend + found, MARGIN, FOOTER_Y - 26, SMALL, FAINT)
    y = _write_summary(canvas, report, RIGHT_X, POLAR_Y)
    _write_findings(canvas, report.findings, RIGHT_X, y + 14)
    return canvas.picture


def _draw_frame(canvas: Canvas, report: Report) -> None:
    for y in (0, HEIGHT - BANNER_HEIGHT // 2):
        height = BANNER_HEIGHT if y == 0 else BANNER_HEIGHT // 2
        size = 22 if y == 0 else 13
        canvas.fill(0, y, WIDTH, height, AMBER)
        canvas.write(BANNER, WIDTH / 2, y + height / 2, size, PAGE, bold=True, anchor="mm")
    title_x = MARGIN + LEFT // 2  # viewers write into the corners
    canvas.write(TITLE, title_x, TITLE_Y, 27, bold=True, anchor="ma")
    canvas.write(SUBTITLE, WIDTH - MARGIN, TITLE_Y + 13, 14, FAINT, anchor="ra")
    canvas.fill(MARGIN, POLAR_Y - 16, WIDTH - 2 * MARGIN, 1, RULE)
    canvas.fill(MARGIN, FOOTER_Y, WIDTH - 2 * MARGIN, 1, RULE)
    energy = f"LACs in 1/cm at {report.emission_energy_kev:.4g} keV"
    lines = [
        f"Model {report.model}   SHA-256 {report.sha256}",
        f"mumap-node {report.software_version}   {energy}",
    ]
    for number, line in enumerate(lines):
        y = FOOTER_Y + 9 + number * line_height(14)
        canvas.write(line, WIDTH / 2, y, 14, FAINT, anchor="ma")


def _draw_hearts(canvas: Canvas, change: Change | None) -> None:
    if change is None:
        canvas.write("No left ventricle to compare", MARGIN, POLAR_Y + 60, 24, AMBER, bold=True)
        canvas.write_lines(wrapped(NOT_COMPARED, 17, LEFT - 80), MARGIN, POLAR_Y + 104, 17)
        return
    shown = (
        ("Without correction (nAC)", change.uncorrected, PERFUSION),
        ("With the map (AC)", change.corrected, PERFUSION),
        ("Difference, AC - nAC", change.difference, CHANGE),
    )
    for number, (title, polar, scale) in enumerate(shown):
        x = MARGIN + POLAR_X + number * POLAR_STEP
        draw_bullseye(canvas, polar, scale, title, x, POLAR_Y, POLAR_SIZE)


def _write_summary(canvas: Canvas, report: Report, x: int, y: int) -> int:
    """The result in a few lines; returns where they end."""
    canvas.write("In short", x, y, 19, bold=True)
    y += 32
    for text in (*_changes(report.change), _checked(report.findings)):
        lines = wrapped(text, 15, WIDTH - MARGIN - x)
        canvas.write_lines(lines, x, y, 15)
        y += len(lines) * line_height(15) + 5
    return y


def _changes(change: Change | None) -> list[str]:
    if change is None:
        return []
    segments = change.difference.segments()
    rise, fall = int(np.argmax(segments)), int(np.argmin(segments))
    resolution = "modelled" if change.models_resolution else "not modelled"
    scatter = "corrected." if change.corrects_scatter else f"NOT corrected: {UNSCATTERED}"
    settings = (
        f"OSEM of {correction.ITERATIONS * correction.SUBSETS} updates or a few more, "
        f"Gaussian {correction.FILTER_FWHM_MM:g} mm"
    )
    up, down = (round(segments[at]) for at in (rise, fall))
    return [
        f"{'Most up' if up > 0 else 'Least down'}: {up:+d} points, {_named(rise)}.",
        f"{'Most down' if down < 0 else 'Least up'}: {down:+d} points, {_named(fall)}.",
        SCALED,
        f"Both reconstructions: {settings}; resolution {resolution}, scatter {scatter}",
    ]


def _named(segment: int) -> str:
    return f"{SEGMENT_NAMES[segment]} (segment {segment + 1})"


def _checked(findings: Sequence[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    passed, warned, failed = (
        verdicts.count(verdict) for verdict in (Verdict.PASS, Verdict.WARN, Verdict.FAIL)
    )
    return f"Checks of input and map: {passed} passed, {warned} warned, {failed} failed."


def _write_findings(canvas: Canvas, findings: Sequence[Finding], x: int, y: int) -> None:
    """Every check, gravest first, as many as there is room for.

    Of equals the last comes first: what is measured of a map tells more than what a header says.
    """
    canvas.write("Checks", x, y, 19, bold=True)
    y += 30
    for (at, _), name in zip(COLUMNS, ("", "check", "found", "limit"), strict=True):
        canvas.write(name, x + at, y, SMALL, FAINT)
    y += line_height(SMALL) + ROW_GAP
    rows = [
        finding
        for gravest in VERDICT_COLOURS
        for finding in reversed(findings)
        if finding.verdict is gravest
    ]
    for number, finding in enumerate(rows):
        relaxed = " (relaxed)" if finding.relaxed else ""
        cells = [
            wrapped(text, SMALL, width)
            for text, (_, width) in zip(
                (finding.check, finding.found, finding.limit + relaxed), COLUMNS[1:], strict=True
            )
        ]
        height = max(map(len, cells)) * line_height(SMALL)
        if y + height > FOOTER_Y - line_height(SMALL):
            more = f"and {len(rows) - number} more, none graver than: {finding.verdict}"
            canvas.write(more, x, y, SMALL, FAINT)
            return
        colour = VERDICT_COLOURS[finding.verdict]
        canvas.fill(x, y, COLUMNS[0][1], line_height(SMALL) - 1, colour)
        canvas.write(finding.verdict.upper(), x + COLUMNS[0][1] / 2, y + line_height(SMALL) / 2 - 1,
                     10, PAGE, bold=True, anchor="mm")  # fmt: skip
        ink = FAINT if finding.verdict is Verdict.PASS else WORDS
        for lines, (at, _) in zip(cells, COLUMNS[1:], strict=True):
            canvas.write_lines(lines, x + at, y, SMALL, ink)
        y += height + ROW_GAP
