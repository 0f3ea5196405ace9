"""The training loop: cases in random order, validation and a checkpoint after every epoch.

Order and changes of an epoch depend on seed and epoch alone: a run that was stopped and resumed
gives the weights of one that was not.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.augmentation import Augmentation, Case, Ranges
from mumap_node.training.learning.losses import gradient_l1, masked_l1
from mumap_node.training.learning.network import calculates_in_bfloat16
from mumap_node.training.learning.records import Epoch, write_epochs
from mumap_node.training.learning.run import BEST, LAST, Training
from mumap_node.training.learning.schedule import Schedule, remaining
from mumap_node.training.learning.validation import errors_of
from mumap_node.training.pairs.cache import Half

TOLD_EVERY_SECONDS = 30.0

Load = Callable[[int], tuple[Half, Half]]
"""Input and output of a case, NaN where the source has no voxels and where nobody knows them."""

Tell = Callable[[str], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Cases:
    """Prepared cases, parted by patient.

    Attributes:
        load: Gives any of them.
        learned: Which to learn from.
        validated: Which to validate with, of other patients.
    """

    load: Load
    learned: Sequence[int]
    validated: Sequence[int]


def train(
    training: Training,
    cases: Cases,
    *,
    tell: Tell,
    now: Clock = time.monotonic,
) -> Epoch:
    """Learn until the schedule ends.

    Args:
        training: A run, new or restored.
        cases: To learn from and to validate with.
        tell: Is told of the progress, a line at a time.
        now: Seconds on any clock that never runs backwards.

    Returns:
        The last epoch.

    Raises:
        ConfigurationError: ``diverged``.
    """
    plan = training.plan
    steps = -(-len(cases.learned) // plan.batch)
    seconds = plan.hours * 3600 if plan.hours else None
    schedule = Schedule(None if seconds else plan.epochs * steps, seconds, plan.warm_up)
    watched = cases.validated[: plan.validation_cases]
    started = now() - training.seconds

    def progress() -> float:
        training.seconds = now() - started
        return schedule.progress(training.step, training.seconds)

    while progress() < 1:
        means = _epoch(training, cases, schedule, progress, tell)
        training.epoch += 1
        found = errors_of(
            training.averaged,
            (_answer(cases.load, index, training.device) for index in watched),
            plan.lac_per_cm_per_unit,
        )
        done = progress()
        rate = plan.learning_rate * schedule.rate(done)
        epoch = Epoch(
            training.epoch, training.step, training.seconds, rate, *means,
            found.nmae, found.body, found.bias_per_cm,
        )  # fmt: skip
        _require_finite(found.nmae, training)
        training.epochs.append(epoch)
        is_best = found.nmae < training.lowest
        training.lowest = min(found.nmae, training.lowest)
        write_epochs(training.run, training.epochs)
        for name in (BEST, LAST) if is_best else (LAST,):  # what a run goes on from comes last
            training.save(name)
        tell(
            f"epoch {epoch.epoch}: loss {epoch.loss:.4f}, validation NMAE {epoch.nmae:.4f}"
            f"{' (best)' if is_best else ''}, inside the body {epoch.body:.4f}, "
            f"{done:.0%} done, {remaining(done, training.seconds)} left"
        )
    return training.epochs[-1]


def _epoch(
    training: Training,
    cases: Cases,
    schedule: Schedule,
    progress: Callable[[], float],
    tell: Tell,
) -> tuple[float, float, float, float]:
    """See every case once, or until the schedule ends; the mean losses."""
    losses = []
    told, steps = training.seconds, -(-len(cases.learned) // training.plan.batch)
    for number, batch in enumerate(_ahead(_batches(training, cases)), start=1):
        losses.append(_step(training, batch, schedule.rate(progress())))
        training.step += 1
        _require_finite(losses[-1][0], training)
        done = progress()
        if training.seconds - told > TOLD_EVERY_SECONDS:
            told = training.seconds
            tell(
                f"  step {number} of {steps}: loss {np.mean(losses[-50:], axis=0)[0]:.4f}, "
                f"{done:.0%} done, {remaining(done, told)} left"
            )
        if done >= 1:
            break
    loss, l1, gradient, deception = np.mean(losses, axis=0).tolist()
    return loss, l1, gradient, deception


def _step(training: Training, batch: Case, rate: float) -> tuple[float, float, float, float]:
    """Move the weights once; the losses before."""
    plan, device = training.plan, training.device
    given, truth, _, known = batch
    for group in training.optimiser.param_groups:
        group["lr"] = plan.learning_rate * rate
    half = torch.autocast(device.type, torch.bfloat16, enabled=calculates_in_bfloat16(device))
    with half:
        predicted = training.network(given)
    predicted = predicted.float() * known
    l1, gradient = masked_l1(predicted, truth, known), gradient_l1(predicted, truth, known)
    loss = l1 + plan.gradient_weight * gradient
    deception = torch.zeros(())
    if training.adversary:
        with half:
            deception = training.adversary.deception(given, predicted)
        loss = loss + plan.adversarial_weight * deception
    training.optimiser.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(training.network.parameters(), plan.largest_gradient)
    training.optimiser.step()
    if training.adversary:
        with half:
            training.adversary.learn(given, truth, predicted, rate)
    training.average()
    values = torch.stack([part.detach().cpu() for part in (loss, l1, gradient, deception)])
    first, second, third, fourth = values.tolist()
    return first, second, third, fourth


def _batches(training: Training, cases: Cases) -> Iterator[Case]:
    """All cases once, in the order and with the changes this epoch has."""
    plan = training.plan
    seed = _seed(plan.seed, training.epoch)
    order = np.random.default_rng(seed).permutation(cases.learned)
    is_sqrt = plan.input.normalisation.transform == "sqrt"
    change = Augmentation(Ranges(), is_sqrt=is_sqrt, seed=seed) if plan.augmentation else None
    for start in range(0, len(order), plan.batch):
        chosen = order[start : start + plan.batch].tolist()
        batch = [_case(cases.load, index, training.device) for index in chosen]
        if change:
            batch = [change(*case) for case in batch]
        given, truth, seen, known = (_stacked(parts) for parts in zip(*batch, strict=True))
        yield given.to(memory_format=torch.channels_last_3d), truth, seen, known


def _ahead(batches: Iterator[Case]) -> Iterator[Case]:
    """The same batches, each made while the one before is learned from."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, batches, None)
            yield batch


def _stacked(volumes: Sequence[Tensor]) -> Tensor:
    """Volumes of several sizes as one batch: zeros follow the smaller ones, as padding does."""
    sizes = np.array([volume.shape[1:] for volume in volumes])
    missing = (sizes.max(axis=0) - sizes).tolist()
    return torch.stack(
        [
            functional.pad(volume, (0, columns, 0, rows, 0, slices))
            for volume, (slices, rows, columns) in zip(volumes, missing, strict=True)
        ]
    )


def _case(load: Load, index: int, device: torch.device) -> Case:
    given, truth = (torch.from_numpy(array.astype(np.float32)).to(device) for array in load(index))
    seen = given.isfinite().float()
    known = seen * truth.isfinite()
    return given.nan_to_num()[None], truth.nan_to_num()[None], seen[None], known[None]


def _answer(load: Load, index: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Input, truth and where that is known."""
    given, truth, _, known = _case(load, index, device)
    return given, truth, known


def _require_finite(value: float, training: Training) -> None:
    if not math.isfinite(value):
        problem = (
            f"expected a finite loss, found {value} at step {training.step}; the last epoch is "
            "kept, learn anew with a lower --learning-rate"
        )
        raise ConfigurationError("diverged", [problem])


def _seed(*parts: int) -> int:
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6])
