"""Makes the gate of a model: statistics of its training inputs, limits from inputs held back."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging import preprocess, quality
from mumap_node.imaging.appearance import Appearance, describe
from mumap_node.imaging.model_card import Typicality
from mumap_node.imaging.typicality import Population, encode
from mumap_node.pipeline import Model
from mumap_node.training.gate import writing
from mumap_node.training.gate.calibration import Scores, calibrate, score
from mumap_node.training.gate.fitting import fit
from mumap_node.training.gate.looks import Way, look_at
from mumap_node.training.pairs.sources import PairSource
from mumap_node.training.pairs.splitting import split
from mumap_node.training.parallel import in_processes

HELD_BACK = 0.25
"""Share of the patients that the limits are from, not the statistics."""

FEWEST = 4
"""Usable pairs without which nothing can be fitted; some hundred make a gate worth having."""

Progress = Callable[[int, int], None]


def make_gate(
    folder: Path, model: Model, sources: Sequence[PairSource], jobs: int, progress: Progress
) -> Typicality:
    """Fit the gate of a model and write it into its folder.

    Args:
        folder: Of the model; gets typicality.npz, and the table in its card.
        model: Its card and network, which is asked for its agreement with itself.
        sources: Pairs it was trained with; some are held back here, patient by patient, and
            those that cannot be believed are left out.
        jobs: Processes at once.
        progress: Told how many of the pairs are done.

    Returns:
        The table that was written.

    Raises:
        ConfigurationError: ``no-pairs``, or the card is wrong.
    """
    learned, held = split(sources, HELD_BACK)
    found = []
    for look in in_processes(look_at, learned, jobs):
        found.append(look)
        progress(len(found), len(sources))
    # in one order, so that sums are the same whatever was done first
    looks = sorted(filter(None, found), key=lambda look: look.key)
    if len(looks) < FEWEST:
        problem = f"expected at least {FEWEST} usable pairs to learn from, found {len(looks)}"
        raise ConfigurationError("no-pairs", [problem])
    mistaken: dict[Way, list[Appearance]] = defaultdict(list)
    for look in looks:
        for way, appearance in look.mistaken.items():
            mistaken[way].append(appearance)
    population = fit([look.good for look in looks], mistaken)
    scores = []
    for done, source in enumerate(held, len(learned) + 1):
        with suppress(InputRejected):
            scores.append(_score(model, population, source))
        progress(done, len(sources))
    if not scores:
        raise ConfigurationError("no-pairs", ["expected usable pairs to take limits from"])
    content = encode(population)
    limits = calibrate(scores, writing.digest(content))
    writing.write(folder, content, limits)
    return limits


def _score(model: Model, population: Population, source: PairSource) -> Scores:
    nac = source.load().nac
    prepared = preprocess.prepare(nac, model.card)
    output = prepared.with_voxels(model.predict(prepared.voxels))
    deviation = quality.self_deviation_per_cm(prepared, output, model.predict, model.card)
    return score(population, describe(nac), deviation)
