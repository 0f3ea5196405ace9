"""Training: reproducible, resumable, and better afterwards than before."""

import csv
import itertools

import numpy as np
import pytest
import torch

import toys
from mumap_node.errors import ConfigurationError
from mumap_node.training.learning.loop import _case, _stacked, train
from mumap_node.training.learning.run import Training, best_network
from mumap_node.training.learning.validation import errors_of

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(folder, plan, tell=lambda _line: None, **arguments):
    folder.mkdir(exist_ok=True)
    training = Training(plan, folder, CPU)
    train(training, toys.cases(), tell=tell, **arguments)
    return training


def weights(training):
    return [weight.detach().numpy().copy() for weight in training.averaged.parameters()]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    one, again, other = (
        run(tmp_path / name, toys.plan(seed=seed))
        for name, seed in (("one", 1), ("again", 1), ("other", 2))
    )

    assert equal(one, again)
    assert not equal(one, other)


@pytest.mark.parametrize("adversarial_weight", [0.0, 0.05])
def test_a_resumed_run_gives_the_weights_of_one_that_was_not_interrupted(
    tmp_path, adversarial_weight
):
    plan = toys.plan(epochs=3, adversarial_weight=adversarial_weight)
    whole = run(tmp_path / "whole", plan)

    def interrupt(line):
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", plan, tell=interrupt)
    resumed = Training(plan, tmp_path / "parts", CPU)
    resumed.restore()
    assert resumed.epoch == 2
    train(resumed, toys.cases(), tell=lambda _line: None)

    assert equal(whole, resumed)
    assert [epoch.epoch for epoch in resumed.epochs] == [1, 2, 3]


def test_it_learns(tmp_path):
    trained = run(tmp_path / "run", toys.plan(epochs=12, averaging=0.5, augmentation=False))

    assert trained.epochs[-1].nmae < 0.7 * trained.epochs[0].nmae
    assert trained.lowest == min(epoch.nmae for epoch in trained.epochs)


def test_a_run_leaves_a_table_a_curve_and_its_best_weights(tmp_path):
    plan = toys.plan()
    trained = run(tmp_path / "run", plan)

    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["nmae"]) > 0 for row in rows)
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not list((tmp_path / "run").glob("*.part"))
    best = best_network(tmp_path / "run", plan)
    given, truth = (
        torch.from_numpy(np.stack(part).astype(np.float32))[:, None]
        for part in zip(*toys.arrays()[4:], strict=True)
    )
    found = errors_of(
        best,
        list(zip(given.nan_to_num(), truth.nan_to_num(), truth.isfinite().float(), strict=True)),
        0.25,
    )
    assert found.nmae == pytest.approx(trained.lowest, rel=1e-5)


def test_what_a_run_goes_on_from_is_written_after_its_best_weights(tmp_path, monkeypatch):
    """A run that ends between the two neither loses its best weights nor keeps worse ones."""
    save, names = Training.save, []

    def recorded(training, name):
        names.append(name)
        save(training, name)

    monkeypatch.setattr(Training, "save", recorded)
    run(tmp_path / "run", toys.plan(epochs=1))

    assert names == ["best.pt", "last.pt"]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_learned(tmp_path):
    (given, truth), *others = toys.arrays()
    given[5, 8, 12], truth[5, 8, 12] = 6e4, np.inf
    plan = toys.plan(augmentation=False, learning_rate=1e30, largest_gradient=1e30)
    training = Training(plan, tmp_path, CPU)

    with pytest.raises(ConfigurationError) as caught:
        train(training, toys.cases([(given, truth), *others]), tell=lambda _line: None)

    assert caught.value.reason == "diverged"
    assert not (tmp_path / "best.pt").exists()


def test_what_the_source_shows_is_seen_even_where_nobody_knows_the_truth():
    made = toys.arrays()
    made[0][1][:4] = np.nan

    given, truth, seen, known = _case(made.__getitem__, 0, CPU)

    assert given[0, 2:4].any()
    assert seen[0, :14].min() == 1
    assert not seen[0, 14:].any()
    assert not known[0, :4].any()
    assert known[0, 4:14].min() == 1
    assert bool(torch.stack((given, truth)).isfinite().all())


def test_a_batch_of_several_sizes_is_padded_as_the_node_pads(tmp_path):
    """A short patient beside a long one; the loss of neither changes."""
    made = toys.arrays()
    made[0] = tuple(array[:8, :, :16] for array in made[0])

    given, truth, seen, known = zip(*(_case(made.__getitem__, i, CPU) for i in (0, 1)), strict=True)

    for short, long in (given, truth, seen, known):
        both = _stacked((short, long))
        assert both.shape == (2, 1, *toys.GRID)
        assert torch.equal(both[0, :, :8, :, :16], short)
        assert not both[0, :, 8:].any()
        assert not both[0, ..., 16:].any()
        assert torch.equal(both[1], long)
    trained = Training(toys.plan(batch=4), tmp_path, CPU)
    train(trained, toys.cases(made), tell=lambda _line: None)
    assert trained.epoch == 2


def test_a_run_without_an_epoch_has_no_best_weights(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        best_network(tmp_path, toys.plan())
    assert caught.value.reason == "no-such-run"


def test_the_clock_ends_a_run_in_the_middle_of_an_epoch(tmp_path):
    ticks = itertools.count(step=10.0)
    lines = []

    trained = run(
        tmp_path / "run",
        toys.plan(hours=0.1, batch=1),
        tell=lines.append,
        now=lambda: next(ticks),
    )

    assert trained.seconds >= 360
    assert trained.epochs[-1].learning_rate == pytest.approx(0, abs=1e-9)
    assert any(" left" in line for line in lines)
    assert any(line.startswith("  step ") for line in lines)


def test_a_discriminator_is_asked_where_it_is_wanted(tmp_path):
    plain = run(tmp_path / "plain", toys.plan())
    adversarial = run(tmp_path / "adversarial", toys.plan(adversarial_weight=0.1))

    assert plain.epochs[-1].deception == 0
    assert adversarial.epochs[-1].deception > 0
    assert not equal(plain, adversarial)
