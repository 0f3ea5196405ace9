"""What tells known mistakes from good inputs."""

import numpy as np
import pytest

from mumap_node.imaging.appearance import describe
from mumap_node.imaging.model_card import Mistake
from mumap_node.training.gate.bad_inputs import mirrored, upside_down
from mumap_node.training.gate.fitting import fit
from populations import LEARNED, RANDOM, torso


@pytest.mark.parametrize("rare", [mirrored, upside_down], ids=["mirrored", "upside down"])
def test_a_way_to_make_a_mistake_counts_as_much_where_few_inputs_were_made_by_it(rare):
    good = [torso(seed) for seed in LEARNED]
    common = upside_down if rare is mirrored else mirrored
    mistaken = {
        (Mistake.CORRECTED, "rare"): [describe(rare(volume, RANDOM)) for volume in good[:8]],
        (Mistake.CORRECTED, "common"): [describe(common(volume, RANDOM)) for volume in good],
    }

    population = fit([describe(volume) for volume in good], mistaken)

    def mean_resemblance(way):
        scores = [population.resemblance(look)[Mistake.CORRECTED] for look in mistaken[way]]
        return np.mean(scores)

    assert population.mistakes.tolist() == [Mistake.CORRECTED]
    both = [mean_resemblance((Mistake.CORRECTED, way)) for way in ("rare", "common")]
    assert np.mean(both) == pytest.approx(1)
    assert min(both) > 0.5
