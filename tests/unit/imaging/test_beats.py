"""Views that lost heartbeats are told by their counts and brought to those of the others."""

from dataclasses import replace

import numpy as np
import pytest

from measured import projections
from mumap_node.imaging.beats import with_even_views
from mumap_node.imaging.projections import Projections, ScatterWindow
from mumap_node.imaging.reconstruction import Projector
from thorax import cardiac_orbit, thorax

SHAPE, SPACING_MM = (8, 40, 40), (10.0, 10.0, 10.0)


def gated(views: int = 32, accepted: float | None = 0.9) -> tuple[Projections, Projections]:
    """What all beats would have counted, and what those accepted did, some 30 at a view."""
    orbit, torso = cardiac_orbit(views), thorax(SHAPE, SPACING_MM)
    camera = Projector(
        SHAPE, SPACING_MM, orbit, bins=SHAPE[2], bin_mm=SPACING_MM[2], lac_per_cm=torso.lac_per_cm
    )
    counts = camera.forward(torso.activity)
    shares = np.random.default_rng(2).binomial(30, accepted or 0.9, views) / 30
    whole, lost = (
        projections(
            seen,
            orbit,
            SPACING_MM[:2],
            scatter=(ScatterWindow(seen / 4, (114.0, 126.0)),),
            accepted_beats=accepted,
        )
        for seen in (counts, (counts * shares[:, None, None]).astype(np.float32))
    )
    return whole, lost


def unevenness(of: Projections, whole: Projections) -> float:
    """Spread of the views' counts beside those of all beats, relative."""
    share = of.photopeak.sum(axis=(1, 2)) / whole.photopeak.sum(axis=(1, 2))
    return float(share.std() / share.mean())


@pytest.mark.parametrize("views", [32, 60])
def test_views_get_back_what_rejected_beats_took_from_some_of_them(views):
    whole, lost = gated(views)

    even = with_even_views(lost)

    assert unevenness(lost, whole) > 0.04
    assert unevenness(even, whole) < 0.6 * unevenness(lost, whole)


def test_there_are_as_many_counts_as_before_and_as_many_more_in_every_window():
    _, lost = gated()

    even = with_even_views(lost)

    assert even.photopeak.sum() == pytest.approx(lost.photopeak.sum(), rel=1e-5)
    np.testing.assert_allclose(even.scatter[0].counts, even.photopeak / 4, rtol=1e-5)


def test_views_that_lost_nothing_hardly_change():
    whole, _ = gated()

    even = with_even_views(whole)

    np.testing.assert_allclose(even.photopeak, whole.photopeak, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("accepted", [None, 1.0, 0.99])
def test_where_hardly_a_beat_was_rejected_counts_stay_as_they_were_measured(accepted):
    _, measured = gated(accepted=accepted)

    assert with_even_views(measured) is measured


def test_few_views_or_blank_ones_tell_nothing():
    _, few = gated(views=12)
    _, measured = gated()
    counts = measured.photopeak.copy()
    counts[3] = 0
    blank = replace(measured, photopeak=counts)

    assert with_even_views(few) is few
    assert with_even_views(blank) is blank
