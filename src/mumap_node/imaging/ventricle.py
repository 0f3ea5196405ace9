"""A left ventricle as a bright shell around a cavity, fitted to counts.

The shell is half an ellipsoid with an open base and the blurred profile of a wall in SPECT. Its
uptake may differ around and along the axis, so that neither a defect nor the attenuation of the
inferior wall turns it. Workstations fit an ellipsoid to a surface of maxima (Germano 1995, J Nucl
Med 36:1107); here the counts themselves are fitted, so that the cavity and what lies beside the
heart have a say.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mumap_node.imaging.volume import Matrix, Volume

Values = NDArray[np.float64]

Shell = NDArray[np.float64]
"""Seven numbers: x, y, z of the middle of the axis in LPS mm; the axis from base to apex, in
degrees from the patient's left to the front, and from there to the feet; radius and length of
the middle of the wall in mm, as a mean over the beat."""

USUAL = np.array((45.0, 33.0, 26.0, 70.0))
USUAL_SD = np.array((13.0, 12.0, 4.0, 8.0))
"""Direction, radius and length in adults, and their spread. They decide only what the counts
leave open, such as where the axis points behind a large defect."""

WIDEST = 0.3
"""Where along its length, from the base, the shell is widest."""

BEHIND = 2.1
"""From the widest place the ellipsoid would close at this many distances beyond the base; so it
is an eighth narrower at the base."""

SEPTAL_STEP_MM = 5.0
"""How much further from the base the septum begins: its upper part is a thin membrane."""

BASE_EDGE_MM = 5.0
CAVITY_EDGE_MM = 4.0
"""Scales of the logistic ends of the wall at the base, and of what fills the cavity."""

WALL_SIGMA_MM = 7.0
"""Of the wall's Gaussian profile: some 10 mm that move, seen with a FWHM of some 15 mm."""

REACH_MM, BEFORE_BASE_MM = 22.0, 12.0
"""Voxels count up to here outside the middle of the wall, and before the base."""

FADES_OVER_MM = 8.0
"""Outside the wall voxels count the less the further they are: other organs lie there."""

ODD_ABOVE = 0.2
"""Relative to the wall. Voxels that differ more from the model lose their say: gut, for example
(weights of Cauchy)."""

RIDGE = 0.5
"""How many voxels of wall must differ for its uptake to be seen as uneven."""

NOISE = 0.5
"""Standard deviation of a voxel relative to the wall; so large because neighbours err alike."""

FAINTEST_WALL, FEWEST_VOXELS = 1e-4, 200
"""Relative to the largest count, and of those that count: with less nothing can be fitted."""

LOWEST = np.array((-np.inf, -np.inf, -np.inf, -60.0, -20.0, 15.0, 40.0))
HIGHEST = np.array((np.inf, np.inf, np.inf, 150.0, 70.0, 45.0, 125.0))
LONGEST_STEP = np.array((6.0, 6.0, 6.0, 10.0, 10.0, 3.0, 8.0))
"""What a fit may pass through, and how far it goes at once, in the units of a shell."""

DIFFERENCE = np.array((1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0))
"""For derivatives, in the units of a shell."""

STEPS, SETTLED = 12, 0.3
"""Of a fit at most, and the change in mm and degrees below which it ends."""

CUBE_MM = 75.0
"""Half the edge of the cube of voxels, around the start, that a fit looks at."""

PARTS = 8
"""Ways in which the uptake of the wall may differ."""

PERFUSED_ABOVE = 0.4
"""Of the wall's 90th percentile: less is a defect."""


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """The shell that explains the counts best, and how well it does.

    Attributes:
        shell: As ``Shell`` says.
        cavity: What fills the cavity, relative to the mean of the wall.
        around: What lies around the heart, relative to the mean of the wall.
        explained: Share of the variance in and around the wall that the model explains.
        perfused: Share of the wall that is no defect.
        inside: Share of the wall that lies in the volume.
        axis_sd_deg: Uncertainty of the axis.
    """

    shell: Shell
    cavity: float
    around: float
    explained: float
    perfused: float
    inside: float
    axis_sd_deg: float


def axis_of(shell: Shell) -> Values:
    """Unit vector in LPS from base to apex."""
    front, down = np.deg2rad(shell[3:5])
    return np.array((np.cos(down) * np.cos(front), -np.cos(down) * np.sin(front), -np.sin(down)))


def wall_at(points_mm: Matrix, shell: Shell) -> tuple[Values, Values, Values]:
    """How much of a shell's wall is at places.

    Args:
        points_mm: LPS, last axis 3.
        shell: The shell.

    Returns:
        How much wall there is, 0-1; the distance outside the middle of the wall in mm, negative
        in the cavity; and the distances in mm from the base along the axis, from the axis to the
        anterior and from it to the lateral wall, first axis 3.
    """
    axis, (radius, length) = axis_of(shell), shell[5:]
    anterior = np.array((0.0, 0.0, 1.0)) - axis[2] * axis
    anterior /= np.linalg.norm(anterior)
    directions = np.stack((axis, anterior, np.cross(-axis, anterior)))
    place: Values = np.moveaxis((points_mm - shell[:3]) @ directions.T, -1, 0)
    place[0] += length / 2
    along, lateral = place[0], place[2]
    beyond = along - WIDEST * length
    reach = length * np.where(beyond > 0, 1 - WIDEST, WIDEST * BEHIND)
    u, v = beyond / reach, np.hypot(place[1], lateral) / radius
    size = np.hypot(u, v)
    distance = size * (size - 1) / (np.hypot(u / reach, v / radius) + 1e-6)
    begins = SEPTAL_STEP_MM * np.clip(-lateral / radius, 0, 1)
    profile = np.exp(-0.5 * (distance / WALL_SIGMA_MM) ** 2)
    return profile * _logistic((along - begins) / BASE_EDGE_MM), distance, place


def fit(counts: Volume, start: Shell) -> Fit | None:
    """Move, turn and stretch a shell until it explains the counts.

    Gauss-Newton steps for the shell and the uptake of its parts together.

    Args:
        counts: 0 to 1, on an upright grid of cubes; NaN where nobody knows.
        start: Some 20 mm and 30 degrees off at most.

    Returns:
        None where there is no wall to fit.
    """
    points, values = _cube(counts, start[:3])
    explanation = _Explanation.of(points, values, start)
    for _ in range(STEPS):
        if explanation is None:
            return None
        step, _ = explanation.step()
        if np.abs(step[:5]).max() < SETTLED:
            break
        shell = np.clip(explanation.shell + step, LOWEST, HIGHEST)
        explanation = _Explanation.of(points, values, shell)
    return None if explanation is None else explanation.judged(points, values)


@dataclass(frozen=True, eq=False, slots=True)
class _Explanation:
    """What a shell says about the voxels that count.

    Attributes:
        shell: The shell.
        points: Where the voxels lie, LPS mm, (voxel, 3).
        patterns: What they may be made of, (voxel, pattern).
        uptake: Of each pattern.
        difference: Of the counts from the patterns' sum.
        weights: How much a voxel has to say.
    """

    shell: Shell
    points: Matrix
    patterns: Values
    uptake: Values
    difference: Values
    weights: Values

    @classmethod
    def of(cls, points: Matrix, values: Values, shell: Shell) -> Self | None:
        """Find the uptake that explains the counts best; None without a wall."""
        _, distance, place = wall_at(points, shell)
        counts = (distance < REACH_MM) & (place[0] > -BEFORE_BASE_MM) & ~np.isnan(values)
        if counts.sum() < FEWEST_VOXELS:
            return None
        points, values = points[counts], values[counts]
        patterns = _patterns(points, shell)
        near = np.exp(-0.5 * (np.maximum(distance[counts], 0) / FADES_OVER_MM) ** 2)
        weights = near
        for _ in range(2):
            weighted = patterns.T * weights
            uptake = np.linalg.solve(weighted @ patterns + _ridge(), weighted @ values)
            if uptake[0] < FAINTEST_WALL:
                return None
            difference = values - patterns @ uptake
            weights = near / (1 + (difference / (ODD_ABOVE * uptake[0])) ** 2)
        return cls(shell, points, patterns, uptake, difference, weights)

    def step(self) -> tuple[Shell, Values]:
        """How to change the shell, and the covariance of its numbers."""
        slopes = [
            (_patterns(self.points, self.shell + change) - self.patterns) @ self.uptake
            / change.sum()
            for change in np.diag(DIFFERENCE)
        ]  # fmt: skip
        precision = 1 / (NOISE * self.uptake[0]) ** 2
        jacobian = np.column_stack((*slopes, self.patterns))
        weighted = jacobian.T * (self.weights * precision)
        normal, gradient = weighted @ jacobian, weighted @ self.difference
        normal[7:, 7:] += _ridge() * precision
        gradient[7:] -= _ridge() @ self.uptake * precision
        normal[range(3, 7), range(3, 7)] += 1 / USUAL_SD**2
        gradient[3:7] += (USUAL - self.shell[3:]) / USUAL_SD**2
        unit = np.sqrt(np.diag(normal))
        covariance = np.linalg.inv(normal / np.outer(unit, unit)) / np.outer(unit, unit)
        step = (covariance @ gradient)[:7]
        return step / max(1.0, float((np.abs(step) / LONGEST_STEP).max())), covariance[:7, :7]

    def judged(self, points: Matrix, values: Values) -> Fit:
        """How good it is, as seen on all voxels around, those beyond the volume too."""
        of_wall = wall_at(points, self.shell)[0] > 0.5
        parts = _patterns(points[of_wall], self.shell) * self.uptake
        wall, own = parts.sum(axis=1), parts[:, :PARTS].sum(axis=1)
        there = self.difference + self.patterns @ self.uptake
        variance = self.weights @ (there - np.average(there, weights=self.weights)) ** 2
        front, down = np.diag(self.step()[1])[3:5]
        return Fit(
            shell=self.shell,
            cavity=float(self.uptake[PARTS] / wall.mean()),
            around=float(self.uptake[PARTS + 1] / wall.mean()),
            explained=float(1 - self.weights @ self.difference**2 / variance),
            perfused=float((own > PERFUSED_ABOVE * np.percentile(own, 90)).mean()),
            inside=float((~np.isnan(values[of_wall])).mean()),
            axis_sd_deg=float(np.sqrt(front * np.cos(np.deg2rad(self.shell[4])) ** 2 + down)),
        )


def _patterns(points_mm: Matrix, shell: Shell) -> Values:
    """What counts are made of, as columns: the parts of the wall, the cavity, what is around.

    The wall is even, or rises to one side, to two that face each other, along the axis, or along
    the axis on one side.
    """
    wall, distance, (along, anterior, lateral) = wall_at(points_mm, shell)
    across = np.hypot(anterior, lateral) + 1e-6
    off_axis = np.clip(across / (0.6 * shell[5]), 0, 1)  # at the apex no wall is the anterior one
    cosine, sine = anterior / across * off_axis, lateral / across * off_axis
    rise = np.clip(along / shell[6], 0, 1) - 0.6
    parts = (np.ones_like(wall), cosine, sine, cosine**2 - sine**2, 2 * cosine * sine,
             rise, rise * cosine, rise * sine)  # fmt: skip
    cavity = _logistic(-distance / CAVITY_EDGE_MM)
    return np.column_stack((*(wall * part for part in parts), cavity, 1 - cavity))


def _ridge() -> Values:
    """What keeps the wall even where little is known; next to nothing for its mean."""
    return np.diag((1e-6, *[RIDGE] * (PARTS - 1), 1e-6, 1e-6))


def _cube(counts: Volume, centre_mm: Values) -> tuple[Matrix, Values]:
    """Places and counts of the voxels around a place; NaN beyond the volume."""
    geometry = counts.geometry
    middle = np.rint(geometry.to_index(centre_mm)).astype(int)
    half = round(CUBE_MM / geometry.spacing_mm[0])
    index = np.moveaxis(np.indices([2 * half + 1] * 3), 0, -1).reshape(-1, 3) + middle - half
    exists = ((index >= 0) & (index < geometry.shape)).all(axis=1)
    values = np.full(len(index), np.nan)
    values[exists] = counts.voxels[tuple(index[exists].T)]
    return geometry.to_patient(index), values


def _logistic(x: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))
