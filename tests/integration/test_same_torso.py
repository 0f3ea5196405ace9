"""One torso, acquired and written in every way cameras do, is reconstructed as the ideal one is.

An acquisition over 180° without attenuation correction shows other counts than one over 360°, so
each arc has its own ideal: one head, clockwise, one energy window, written by the generic encoder.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
from pydicom import Dataset

from builders import card
from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.orientation import Entry, Side
from mumap_node.errors import InputRejected
from mumap_node.imaging.model_card import NacReconstruction
from mumap_node.imaging.reconstruction import Orbit, Projector
from mumap_node.imaging.volume import Volume, Voxels
from mumap_node.pipeline import Request, Source, read_source
from mumap_node.training.simulation.objects.projections import Projections
from thorax import LEHR, thorax
from tomos import (
    SIX_WINDOWS,
    acquired,
    gated,
    ge_like,
    in_two_rotations,
    looking,
    reordered,
    siemens_like,
    tomo,
    vectors_of,
)

SHAPE, SPACING_MM = (16, 48, 48), (8.5, 8.5, 8.5)
TORSO = thorax(SHAPE, SPACING_MM)
LIVER = TORSO.activity == np.float32(0.7)
LIKE_THE_IDEAL = 0.02
"""Of the counts of the left ventricle."""

RECONSTRUCTION = NacReconstruction(iterations=4, subsets=8, cutoff_per_cm=0.45, order=6.0)
CARD = card().model_copy(update={"reconstruction": RECONSTRUCTION})

PEAK = {"photopeak": (126.45, 154.55)}
TWO_WINDOWS = {**PEAK, "scatter": (114.0, 126.0)}


def angles(start_deg: float, arc_deg: float, views: int) -> np.ndarray:
    """Even steps over an arc; a negative one is clockwise."""
    return start_deg + arc_deg / views * np.arange(views)


SWEEPS: dict[str, list[np.ndarray]] = {
    "180, CW": [angles(225, -180, 32)],
    "180, CC": [angles(45, 180, 32)],
    "180, heads at 90, CW": [angles(225, -90, 16), angles(135, -90, 16)],
    "180, heads at 90, CC": [angles(45, 90, 16), angles(135, 90, 16)],
    "360, CW": [angles(180, -360, 48)],
    "360, CC": [angles(180, 360, 48)],
    "360, heads at 180, CW": [angles(180, -180, 24), angles(0, -180, 24)],
    "360, heads at 180, CC": [angles(180, 180, 24), angles(0, 180, 24)],
    "360, heads at 90, each all round": [angles(180, -360, 48), angles(90, -360, 48)],
}
"""Angles of each head, by arc first."""

CONTINUED = [name for name in SWEEPS if "all round" not in name]
"""Where one head goes on where the one before stopped, as files like GE's need it."""


def close_to_the_body(sweeps: Sequence[np.ndarray]) -> Orbit:
    at = np.concatenate(sweeps)
    return Orbit(at, 205 + 50 * np.abs(np.sin(np.deg2rad(at))))


@cache
def seen(name: str) -> Voxels:
    """Counts of the photopeak, attenuated and blurred as a camera sees them, without noise."""
    return counted(close_to_the_body(SWEEPS[name]))


def counted(orbit: Orbit) -> Voxels:
    camera = Projector(
        SHAPE, SPACING_MM, orbit,
        bins=SHAPE[2], bin_mm=SPACING_MM[2], resolution=LEHR, lac_per_cm=TORSO.lac_per_cm,
    )  # fmt: skip
    return np.rint(20 * camera.forward(TORSO.activity))


def torso(name: str, windows_kev: dict[str, tuple[float, float]] = TWO_WINDOWS) -> Projections:
    """What the ideal camera has, its other windows with a share of the photopeak's counts."""
    others = [np.rint(seen(name) / (3 + number)) for number in range(len(windows_kev) - 1)]
    return acquired(
        close_to_the_body(SWEEPS[name]),
        heads=len(SWEEPS[name]),
        windows_kev=windows_kev,
        counts=np.stack([seen(name), *others]),
        spacing_mm=SPACING_MM[:2],
    )


def read(dataset: Dataset) -> Source:
    """What the line makes of the bytes of the file."""
    return read_source(read_dataset(to_bytes(dataset)), CARD, Request(assume_parallel_holes=True))


def reason(dataset: Dataset) -> str:
    with pytest.raises(InputRejected) as caught:
        read(dataset)
    return caught.value.reason


@cache
def ideal(arc: str) -> Volume:
    return read(tomo(torso(f"{arc}, CW", PEAK))).reconstruction.volume


def require_like_the_ideal(dataset: Dataset, arc: str, *, per_counts: float = 1.0) -> None:
    """The same grid, anatomy within a voxel, the left ventricle's counts, the liver at the right.

    Args:
        dataset: The file.
        arc: Whose ideal.
        per_counts: Share of the ideal's counts that the file says to hold.
    """
    found, expected = read(dataset).reconstruction.volume, ideal(arc)

    np.testing.assert_allclose(found.geometry.affine, expected.geometry.affine, atol=1e-6)
    assert max(map(abs, shift_voxels(found.voxels, expected.voxels))) <= 1
    counts = ventricle(found.voxels) / per_counts
    assert counts == pytest.approx(ventricle(expected.voxels), rel=LIKE_THE_IDEAL)
    assert right_of(found.voxels) > 3


def ventricle(voxels: Voxels) -> float:
    return float(voxels[TORSO.myocardium].sum(dtype=np.float64))


def right_of(voxels: Voxels) -> float:
    """Counts where the liver is, over those of its mirror image."""
    return float(voxels[LIVER].mean() / voxels[:, :, ::-1][LIVER].mean())


def shift_voxels(one: Voxels, other: Voxels) -> list[int]:
    """By which one correlates best with the other."""
    spectrum = np.fft.fftn(one - one.mean()) * np.conj(np.fft.fftn(other - other.mean()))
    correlation = np.fft.ifftn(spectrum).real
    best = np.unravel_index(correlation.argmax(), one.shape)
    return [
        int((at + size // 2) % size - size // 2) for at, size in zip(best, one.shape, strict=True)
    ]


def in_turn(of: Projections, side: Side, entry: Entry) -> Dataset:
    """Stored view by view, the heads in turn."""
    dataset = tomo(of, side=side, entry=entry)
    vectors = vectors_of(dataset)
    return reordered(dataset, np.lexsort((vectors["DetectorVector"], vectors["AngularViewVector"])))


def woven(of: Projections, side: Side, entry: Entry) -> Dataset:
    """Two rotations, the views of the second between those of the first."""
    dataset = tomo(of, side=side, entry=entry)
    (whole,) = dataset.RotationInformationSequence
    step_deg = of.scan.orbit.angles_deg[1] - of.scan.orbit.angles_deg[0]
    turns = [deepcopy(whole) for _ in range(2)]
    for number, turn in enumerate(turns):
        turn.StartAngle = str((float(whole.StartAngle) + number * step_deg) % 360)
        turn.AngularStep = str(2 * float(whole.AngularStep))
        turn.NumberOfFramesInRotation = of.scan.views // 2
        turn.RadialPosition = list(whole.RadialPosition)[number::2]
    for detector in dataset.DetectorInformationSequence:
        detector.RadialPosition = None  # nAC has no use for it
    dataset.RotationInformationSequence = turns
    dataset.NumberOfRotations = 2
    view = vectors_of(dataset)["AngularViewVector"] - 1
    dataset.RotationVector = (1 + view % 2).tolist()
    dataset.AngularViewVector = (1 + view // 2).tolist()
    return dataset


Layout = Callable[[Projections, Side, Entry], Dataset]
LAYOUTS: dict[str, Layout] = {
    "generic": lambda of, side, entry: tomo(of, side=side, entry=entry),
    "Siemens-like, a radius for each view": siemens_like,
    "heads in turn": in_turn,
    "two rotations": lambda of, side, entry: in_two_rotations(tomo(of, side=side, entry=entry)),
    "two rotations, woven": woven,
    "gated": lambda of, side, entry: gated(tomo(of, side=side, entry=entry)),
    "upside down": lambda of, side, entry: looking(
        tomo(of, side=side, entry=entry), of, turned=True
    ),
}
LIKE_GE: dict[str, Layout] = {
    "GE-like, a radius for each view": ge_like,
    "GE-like, one radius": lambda of, side, entry: ge_like(of, side, entry, scalar=True),
    "GE-like, gated": lambda of, side, entry: gated(ge_like(of, side, entry)),
}
WAYS = [(name, layout) for layout in LAYOUTS for name in SWEEPS]
WAYS += [(name, layout) for layout in LIKE_GE for name in CONTINUED]


@pytest.mark.parametrize("arc", ["180", "360"])
def test_the_ideal_acquisition_shows_the_torso_where_it_is(arc):
    shown = ideal(arc).voxels

    assert max(map(abs, shift_voxels(shown, TORSO.activity))) <= 1
    assert right_of(shown) > 3


@pytest.mark.parametrize(("name", "layout"), WAYS)
def test_every_acquisition_in_every_layout_shows_the_torso_of_the_ideal_one(name, layout):
    dataset = {**LAYOUTS, **LIKE_GE}[layout](torso(name), Side.SUPINE, Entry.HEAD_FIRST)

    require_like_the_ideal(dataset, name[:3])


@pytest.mark.parametrize("layout", [*LAYOUTS, *LIKE_GE])
@pytest.mark.parametrize("entry", Entry)
@pytest.mark.parametrize("side", [Side.SUPINE, Side.PRONE])
def test_however_the_patient_lies_the_liver_is_on_the_right(layout, entry, side):
    dataset = {**LAYOUTS, **LIKE_GE}[layout](torso("180, heads at 90, CC"), side, entry)

    require_like_the_ideal(dataset, "180")


def test_six_windows_of_one_name_do_not_matter():
    dataset = tomo(torso("180, heads at 90, CW", SIX_WINDOWS))
    for window in dataset.EnergyWindowInformationSequence:
        window.EnergyWindowName = "Tc99m_EM"

    require_like_the_ideal(dataset, "180")


def test_beats_that_were_rejected_take_counts_and_leave_the_anatomy():
    """Of some 30 beats at each view a tenth is rejected by chance, so views differ by 6 %."""
    of = torso("180, heads at 90, CC", PEAK)
    accepted = np.random.default_rng(6).binomial(30, 0.9, of.scan.orbit.views) / 30
    of.counts[0] = np.rint(of.counts[0] * accepted[:, None, None])
    dataset = gated(tomo(of), rejected=round(911 * (1 / accepted.mean() - 1)))

    require_like_the_ideal(dataset, "180", per_counts=read(dataset).projections.accepted_beats)


def test_an_acquisition_stopped_before_its_last_view_is_read_as_what_it_is():
    of = torso("180, CW", PEAK)
    dataset = reordered(tomo(of), range(31))
    (rotation,) = dataset.RotationInformationSequence
    rotation.NumberOfFramesInRotation = 31
    rotation.ScanArc, rotation.RadialPosition = "174.4", list(rotation.RadialPosition)[:31]
    dataset.CountsAccumulated = int(of.counts[0, :31].sum())

    require_like_the_ideal(dataset, "180")


@pytest.mark.parametrize("layout", [LAYOUTS["generic"], siemens_like, ge_like])
@pytest.mark.parametrize("missing", [5, 31])
def test_a_view_the_header_promises_and_the_file_has_not_is_no_anatomy(layout, missing):
    dataset = layout(torso("180, CW", PEAK), Side.SUPINE, Entry.HEAD_FIRST)

    kept = [view for view in range(32) if view != missing]
    assert reason(reordered(dataset, kept)) == "incomplete-frames"


def test_heads_that_face_each_other_over_a_quarter_turn_see_half_of_what_is_needed():
    """An arc of 180 degrees between them, but opposite views are of the same rays."""
    sweeps = [angles(225, -90, 16), angles(45, -90, 16)]
    orbit = close_to_the_body(sweeps)
    dataset = tomo(
        acquired(
            orbit, heads=2, windows_kev=PEAK, counts=counted(orbit)[None], spacing_mm=SPACING_MM[:2]
        )
    )

    assert reason(dataset) == "incomplete-arc"


def test_a_torso_mirrored_by_mistake_would_be_seen():
    """The tests above can fail."""
    mirrored = torso("180, CW", PEAK)
    mirrored.counts[:] = mirrored.counts[..., ::-1].copy()

    with pytest.raises(AssertionError):
        require_like_the_ideal(tomo(mirrored), "180")
