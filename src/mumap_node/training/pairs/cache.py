"""Pairs as arrays on the model's grid, made once: an epoch then reads no DICOM.

A file of float16 holds a case, as large as its source is. Files appear whole, so that making them
can stop at any point and go on later.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mumap_node.errors import InputRejected
from mumap_node.imaging import preprocess, resampling
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Voxels
from mumap_node.training.pairs.sources import Doubtful, Pair, PairSource
from mumap_node.training.parallel import in_processes

Half = NDArray[np.float16]

FORMAT = 3
"""Counted up when the content of the arrays changes, so that old ones are not taken for new."""

Tell = Callable[[int, int], None]
"""Is told how many of how many cases are done."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Cases ready to learn from.

    Attributes:
        folder: Where their arrays lie.
        sources: Where they come from, in their order.
        usable: Which of them could be made.
    """

    folder: Path
    sources: tuple[PairSource, ...]
    usable: tuple[bool, ...]

    def load(self, index: int) -> tuple[Half, Half]:
        """Input and output of a usable case, as ``to_arrays`` made them."""
        given, truth = np.load(_file(self.folder, index))
        return given, truth

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
    voxels; here it is NaN, so that what was not seen is told from what took up nothing. The truth
    goes the way back that maps take: by splines, which cost half of what linear interpolation does.

    Args:
        pair: Counts and LACs.
        card: Grid, normalisation and unit.

    Returns:
        Input, NaN where the source has no voxels, and output, NaN where nobody knows it; float16,
        (slice, row, column).
    """
    given = preprocess.prepare(pair.nac, card)
    seen, known = (
        np.isfinite(resampling.onto(volume, given.geometry, outside=float("nan")).voxels)
        for volume in (pair.nac, pair.lac)
    )
    filled = pair.lac.with_voxels(_extended(pair.lac.voxels))
    lac = resampling.onto(filled, given.geometry, is_smooth=True).voxels
    truth = lac / np.float32(card.output.lac_per_cm_per_unit)
    return _half(given.voxels, seen), _half(truth, known)


def _extended(voxels: Voxels) -> Voxels:
    """What nobody knows becomes the nearest that somebody does, so that splines end smoothly."""
    unknown = np.isnan(voxels)
    if not unknown.any() or unknown.all():
        return np.nan_to_num(voxels)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    extended: Voxels = voxels[tuple(nearest)]
    return extended


def _half(voxels: Voxels, known: NDArray[np.bool_]) -> Half:
    return np.where(known, voxels, np.float32("nan")).astype(np.float16)


def build(
    folder: Path, sources: Sequence[PairSource], card: ModelCard, *, jobs: int, tell: Tell
) -> tuple[Cache, list[Doubtful]]:
    """Make the arrays of pairs, or take those that are there already.

    Args:
        folder: Of all caches; each has a folder of its own, named by what it was made from.
        sources: The pairs.
        card: Of the model that shall learn from them.
        jobs: Processes.
        tell: Told after every case.

    Returns:
        The cases, and the pairs that could not be made, with why.
    """
    place = folder / _key(sources, card)
    place.mkdir(parents=True, exist_ok=True)
    missing = [index for index in range(len(sources)) if not _file(place, index).exists()]
    doubtful = []
    work = [(index, sources[index]) for index in missing]
    made = in_processes(partial(_fill, place, card), work, jobs) if work else iter(())
    for done, refused in enumerate(made, start=1):
        if refused is not None:
            doubtful.append(refused)
        tell(len(sources) - len(missing) + done, len(sources))
    usable = tuple(_file(place, index).exists() for index in range(len(sources)))
    return Cache(place, tuple(sources), usable), doubtful


def _fill(place: Path, card: ModelCard, case: tuple[int, PairSource]) -> Doubtful | None:
    """Make one case; what cannot be made is told, not raised."""
    index, source = case
    try:
        arrays = to_arrays(source.load(), card)
    except InputRejected as error:
        return Doubtful(source.key, error.reason, error.sentence)
    file = _file(place, index)
    draft = file.with_suffix(".part.npy")
    np.save(draft, np.stack(arrays))
    draft.replace(file)
    return None


def _file(place: Path, index: int) -> Path:
    return place / f"{index:05d}.npy"


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
