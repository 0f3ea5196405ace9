"""Pairs as arrays on the model's grid, made once: an epoch then reads no DICOM.

Two files of float16 hold all cases, memory-mapped. A third says which of them are ready, so that
making them can stop at any point and go on later.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mumap_node.errors import InputRejected
from mumap_node.imaging import preprocess, resampling
from mumap_node.imaging.model_card import ModelCard
from mumap_node.training.pairs.sources import Doubtful, Pair, PairSource
from mumap_node.training.parallel import in_processes

Half = NDArray[np.float16]

FORMAT = 2
"""Counted up when the content of the arrays changes, so that old ones are not taken for new."""

Tell = Callable[[int, int], None]
"""Is told how many of how many cases are done."""


@dataclass(frozen=True, eq=False, slots=True)
class Cache:
    """Cases ready to learn from.

    Attributes:
        sources: Where they come from, in the order of the arrays' first axis.
        inputs: Network input, (case, slice, row, column); NaN where the source has no voxels.
        truths: Network output as it should be; NaN where nobody knows it.
        usable: Cases that could be made.
    """

    sources: tuple[PairSource, ...]
    inputs: Half
    truths: Half
    usable: NDArray[np.bool_]

    def indices_of(self, sources: Sequence[PairSource]) -> list[int]:
        """Where usable cases of these sources stand."""
        wanted = {source.key for source in sources}
        return [
            index
            for index, source in enumerate(self.sources)
            if source.key in wanted and self.usable[index]
        ]


def to_arrays(pair: Pair, card: ModelCard) -> tuple[Half, Half]:
    """One pair as the network sees it: input and output in network units.

    The input goes through the very code the node runs, which has 0 where the source has no
    voxels; here it is NaN, so that what was not seen is told from what took up nothing.

    Args:
        pair: Counts and LACs.
        card: Grid, normalisation and unit.
    """
    given = preprocess.prepare(pair.nac, card)
    lac = resampling.onto(pair.lac, given.geometry, outside=float("nan"))
    truth = lac.voxels / np.float32(card.output.lac_per_cm_per_unit)
    seen = np.isfinite(resampling.onto(pair.nac, given.geometry, outside=float("nan")).voxels)
    voxels = np.where(seen, given.voxels, np.float32("nan"))
    return voxels.astype(np.float16), truth.astype(np.float16)


def build(
    folder: Path, sources: Sequence[PairSource], card: ModelCard, *, jobs: int, tell: Tell
) -> tuple[Cache, list[Doubtful]]:
    """Make the arrays of pairs, or take those that are there already.

    Args:
        folder: Of all caches; each has a folder of its own, named by what it was made from.
        sources: The pairs.
        card: With a shape in its input, so that all cases have one shape.
        jobs: Processes.
        tell: Told after every case.

    Returns:
        The cases, and the pairs that could not be made, with why.
    """
    if card.input.shape is None:
        raise ValueError("expected a card with a shape, found one that follows its sources")
    place = folder / _key(sources, card)
    _allocate(place, (len(sources), *card.input.shape))
    ready = open_memmap(place / "ready.npy", mode="r+")
    missing = np.flatnonzero(ready == 0).tolist()
    doubtful = []
    work = [(index, sources[index]) for index in missing]
    made = in_processes(partial(_fill, place, card), work, jobs) if work else iter(())
    for done, refused in enumerate(made, start=1):
        if refused is not None:
            doubtful.append(refused)
        tell(len(sources) - len(missing) + done, len(sources))
    return _open(place, sources), doubtful


def _fill(place: Path, card: ModelCard, case: tuple[int, PairSource]) -> Doubtful | None:
    """Make one case; what cannot be made is told, not raised."""
    index, source = case
    try:
        given, truth = to_arrays(source.load(), card)
    except InputRejected as error:
        return Doubtful(source.key, error.reason, error.sentence)
    for name, array in (("inputs", given), ("truths", truth), ("ready", np.uint8(1))):
        whole = open_memmap(place / f"{name}.npy", mode="r+")
        whole[index] = array
        whole.flush()
    return None


def _allocate(place: Path, shape: tuple[int, ...]) -> None:
    """Sparse files of zeros; ``ready`` comes last and vouches for the others."""
    if (place / "ready.npy").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    for name in ("inputs", "truths"):
        open_memmap(place / f"{name}.npy", mode="w+", dtype=np.float16, shape=shape).flush()
    open_memmap(place / "ready.npy", mode="w+", dtype=np.uint8, shape=shape[:1]).flush()


def _open(place: Path, sources: Sequence[PairSource]) -> Cache:
    inputs, truths, ready = (
        open_memmap(place / f"{name}.npy", mode="r") for name in ("inputs", "truths", "ready")
    )
    return Cache(tuple(sources), inputs, truths, np.array(ready, dtype=bool))


def _key(sources: Sequence[PairSource], card: ModelCard) -> str:
    """Names the arrays by all they were made from, files that were written anew among it."""
    made_of = {
        "format": FORMAT,
        "input": card.input.model_dump(mode="json"),
        "unit": card.output.lac_per_cm_per_unit,
        "pairs": [(source.key, source.patient) for source in sources],
        "files": [_state((source.nac, *source.truth)) for source in sources],
    }
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


def _state(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Place, size and time of change; cheaper than their content, and as good."""
    resolved = [path.resolve() for path in files]
    states = [path.stat() for path in resolved]
    return [
        (str(path), state.st_size, state.st_mtime_ns)
        for path, state in zip(resolved, states, strict=True)
    ]
