from collections.abc import Callable, Iterable
from math import exp, inf, log, nan
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.errors import GeneError
from evocnn.evaluation import Status
from evocnn.genotype import Recipe
from evocnn.genotype.recipe import SCHEDULES
from evocnn.training import loop
from evocnn.training.loop import Images, Trained, measure, train
from evocnn.training.protocol import Protocol
from evocnn.training.schedule import learning_rate_share


def numbered(n: int, n_classes: int = 2, mean: float = 0.0, deviation: float = 1.0) -> Images:
    """Return images of 1x2x2 whose pixels all hold their index."""
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2).clone()
    statistics = (torch.full((1, 1, 1, 1), value) for value in (mean, deviation))
    return Images(pixels, torch.arange(n) % n_classes, *statistics)


class Watcher(nn.Module):
    """Scores every image alike, and writes down what it is given.

    Args:
        scores: One score a class.
        draws: Random numbers that each training step uses up, as dropout does.
    """

    def __init__(self, scores: Iterable[float] = (0.0, 0.0), draws: int = 0) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(tuple(scores)))
        self.draws = draws
        self.batches: list[list[int]] = []  # of the training mode

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.batches.append(x[:, 0, 0, 0].int().tolist())
            torch.rand(self.draws)
        return self.scores.expand(len(x), -1)


def trained(network: nn.Module, training: Images, *, epochs: int = 1, **options: Any) -> Trained:
    settings = {
        "recipe": Recipe(learning_rate=1e-9, batch_size=4),
        "validation": numbered(6),
        "seed": 1,
        "protocol": Protocol(seed=1),
    }
    settings.update(options)
    recipe, validation = settings.pop("recipe"), settings.pop("validation")
    return train(network, recipe, training, validation, epochs=epochs, **settings)


def rig(monkeypatch: pytest.MonkeyPatch, *found: tuple[float, float]) -> None:
    """Let validation find these pairs of loss and accuracy, one after the other."""
    left = iter(found)
    monkeypatch.setattr(loop, "measure", lambda network, images: next(left))


def test_an_epoch_shows_every_image_once_in_a_new_order() -> None:
    network = Watcher()
    trained(network, numbered(14), epochs=3)
    assert [len(batch) for batch in network.batches] == [4, 4, 4, 2] * 3
    epochs = [sum(network.batches[i : i + 4], []) for i in (0, 4, 8)]  # noqa: RUF017 - three lists
    assert all(sorted(epoch) == list(range(14)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [(13, 4, [4, 4, 4]), (12, 4, [4, 4, 4]), (1, 4, [1]), (5, 5, [5]), (3, 2, [2])],
)
def test_a_single_image_left_over_sits_out(n: int, batch_size: int, sizes: list[int]) -> None:
    network = Watcher()
    found = trained(network, numbered(n), recipe=Recipe(batch_size=batch_size, learning_rate=1e-9))
    assert [len(batch) for batch in network.batches] == sizes
    assert found.training_losses == pytest.approx((log(2),))  # two classes, scored alike


def test_batch_normalization_at_1x1_stands_an_awkward_number_of_images() -> None:
    network = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 2)
    )
    assert trained(network, numbered(33), recipe=Recipe(batch_size=16)).status is Status.OK


def test_order_follows_from_seed_and_epoch_alone() -> None:
    def batches(seed: int, draws: int, epochs: int = 2) -> list[list[int]]:
        network = Watcher(draws=draws)
        trained(network, numbered(14), epochs=epochs, seed=seed)
        return network.batches

    torch.manual_seed(3)
    first = batches(seed=1, draws=0)
    assert batches(seed=1, draws=5) == first  # whatever a network draws in an epoch
    assert batches(seed=1, draws=0, epochs=3)[:8] == first
    assert batches(seed=2, draws=0) != first


def test_the_training_loss_is_the_mean_over_images_and_not_over_batches() -> None:
    training = numbered(6)
    training = Images(training.pixels, torch.tensor([0, 0, 0, 0, 0, 1]), training.mean, training.deviation)
    found = trained(Watcher((2.0, 0.0)), training)
    expected = functional.cross_entropy(torch.tensor([[2.0, 0.0]] * 6), training.labels)
    assert found.training_losses == pytest.approx((float(expected),))


def test_smoothing_spreads_a_share_of_the_label_over_all_classes() -> None:
    training = numbered(6)
    found = trained(Watcher((2.0, 0.0)), training, recipe=Recipe(learning_rate=1e-9, smoothing=0.3))
    right, wrong = log(1 + exp(-2.0)), log(1 + exp(2.0))  # of the first class, and of the second
    expected = 0.5 * (0.85 * right + 0.15 * wrong) + 0.5 * (0.85 * wrong + 0.15 * right)
    assert found.training_losses == pytest.approx((expected,))
    plain = trained(Watcher((2.0, 0.0)), training, recipe=Recipe(learning_rate=1e-9))
    assert found.validation_losses == plain.validation_losses  # which tell networks apart, not recipes


def test_a_mixture_is_to_be_both_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    others = torch.tensor([1, 1, 0, 0])
    monkeypatch.setattr(loop, "mixed", lambda images, labels, alpha: (images + 5, others, 0.75))
    labels, network = torch.tensor([0, 1, 0, 1]), Watcher((2.0, 0.0))
    images = torch.zeros(4, 1, 2, 2)
    found = loop.training_loss(network.train(), images, labels, Recipe(mixup=0.4))
    right, wrong = log(1 + exp(-2.0)), log(1 + exp(2.0))
    losses = [0.75 * right + 0.25 * wrong, wrong, right, 0.75 * wrong + 0.25 * right]
    assert float(found.detach()) == pytest.approx(sum(losses) / 4)
    assert network.batches == [[5, 5, 5, 5]]  # the mixed images


def test_training_images_are_augmented_and_validation_images_are_not() -> None:
    class Sums(Watcher):
        def forward(self, x: Tensor) -> Tensor:
            self.sums.append((self.training, x.sum(dim=(1, 2, 3)).tolist()))
            return super().forward(x)

        sums: ClassVar[list[tuple[bool, list[float]]]] = []

    plain = {4.0 * n for n in range(8)}
    recipe = Recipe(learning_rate=1e-9, batch_size=4, noise=0.5)
    trained(Sums(), numbered(8), recipe=recipe, validation=numbered(6))
    shown = {value for is_training, sums in Sums.sums for value in sums if is_training}
    assert not shown & plain
    assert len(shown) == 8
    assert [sums for is_training, sums in Sums.sums if not is_training] == [[4.0 * n for n in range(6)]]


def test_augmentations_follow_from_the_seed() -> None:
    def losses(seed: int) -> tuple[float, ...]:
        torch.manual_seed(1)
        network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
        recipe = Recipe(learning_rate=0.01, batch_size=4, shift=0.2, noise=0.5, mixup=0.4, cutout=0.3)
        return trained(
            network, numbered(20, mean=10.0, deviation=5.0), recipe=recipe, seed=seed
        ).training_losses

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_what_cannot_be_trained_is_refused_before_anything_is() -> None:
    network = Watcher()
    with pytest.raises(GeneError, match=r"^recipe.optimizer must be another one .*, but it was muon, .*"):
        trained(network, numbered(8), recipe=Recipe("muon"))
    assert network.batches == []


def test_curves_have_one_value_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    rig(monkeypatch, (0.9, 0.3), (0.8, 0.5), (0.7, 0.4))
    found = trained(Watcher(), numbered(8), epochs=3)
    assert found.status is Status.OK
    assert found.epochs == len(found.training_losses) == 3
    assert found.validation_losses == (0.9, 0.8, 0.7)
    assert found.validation_accuracies == (0.3, 0.5, 0.4)
    assert found.reason == ""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_step_has_its_share_of_the_learning_rate(monkeypatch: pytest.MonkeyPatch, schedule: str) -> None:
    rates: list[list[float]] = []

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            rates.append([group["lr"] for group in self.param_groups])

    def two_groups(network: Watcher, recipe: Recipe) -> Spy:
        return Spy([{"params": [network.scores]}, {"params": []}], lr=9.0)

    monkeypatch.setattr(loop, "optimizer_of", two_groups)
    trained(
        Watcher(),
        numbered(13),
        epochs=5,
        recipe=Recipe(learning_rate=0.5, batch_size=4, schedule=schedule),
        protocol=Protocol(seed=1, warmup=0.4),
    )
    expected = [0.5 * learning_rate_share(schedule, step, 15, 0.4) for step in range(15)]
    assert rates == [[rate, rate] for rate in expected]


def accuracies(*values: float) -> list[tuple[float, float]]:
    return [(1.0, value) for value in values]


@pytest.mark.parametrize(
    ("found", "patience", "least", "epochs"),
    [
        ((0.5, 0.6, 0.6, 0.6, 0.9, 0.9), 2, 0.0, 4),  # epochs 3 and 4 brought nothing
        ((0.5, 0.6, 0.6, 0.6, 0.9, 0.9), 3, 0.0, 6),  # just before its patience ends
        ((0.5, 0.4, 0.9, 0.9, 0.9, 0.9), 1, 0.0, 2),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), 1, 0.0, 6),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), None, 0.5, 6),
        ((0.6, 0.5, 0.4, 0.3, 0.2, 0.1), None, 0.0, 6),
        ((0.5, 0.53, 0.56, 0.58, 0.6, 0.6), 2, 0.05, 5),  # 0.56 counts, for it beats 0.5 by more than 0.05
        ((0.5, 0.54, 0.58, 0.62, 0.66, 0.7), 1, 0.05, 2),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 3, 0.0, 4),
    ],
)
def test_early_stopping(
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[float, ...],
    patience: int | None,
    least: float,
    epochs: int,
) -> None:
    rig(monkeypatch, *accuracies(*found))
    protocol = Protocol(seed=1, patience=patience, least_improvement=least)
    result = trained(Watcher(), numbered(8), epochs=6, protocol=protocol)
    assert (result.status, result.epochs) == (Status.OK, epochs)
    assert result.validation_accuracies == found[:epochs]
    assert len(result.training_losses) == epochs


def ticking(seconds: float = 1.0) -> Callable[[], float]:
    """Return a clock that moves by so many seconds whenever somebody looks."""
    times = iter(range(10_000))
    return lambda: 100.0 + seconds * next(times)


def test_a_timeout_ends_training_after_the_step_that_passed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rig(monkeypatch, *accuracies(0.5, 0.6, 0.7))
    network = Watcher()
    protocol = Protocol(seed=1, timeout=5.0)
    found = trained(network, numbered(12), epochs=3, protocol=protocol, clock=ticking())
    assert found.status is Status.TIMED_OUT
    assert len(network.batches) == 6  # 5 s are allowed; the sixth step passes them
    assert found.epochs == len(found.training_losses) == len(found.validation_losses) == 1
    assert found.reason == "past its timeout of 5 s in epoch 2"


@pytest.mark.parametrize("timeout", [None, 9.0])
def test_in_time_or_without_a_timeout_training_ends_as_planned(timeout: float | None) -> None:
    protocol = Protocol(seed=1, timeout=timeout)
    found = trained(Watcher(), numbered(12), epochs=3, protocol=protocol, clock=ticking())
    assert (found.status, found.epochs) == (Status.OK, 3)


def test_a_huge_learning_rate_diverges() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    recipe = Recipe(learning_rate=1e20, batch_size=4)
    found = trained(network, numbered(12), epochs=50, recipe=recipe)
    assert found.status is Status.DIVERGED
    assert found.epochs < 50  # it is given up at once
    assert found.reason == f"the training loss was {found.training_losses[-1]} in epoch {found.epochs}"
    assert len(found.validation_losses) == found.epochs


@pytest.mark.parametrize("loss", [nan, inf])
def test_a_validation_loss_that_is_not_finite_is_a_divergence(
    monkeypatch: pytest.MonkeyPatch, loss: float
) -> None:
    rig(monkeypatch, (0.5, 0.5), (loss, 0.5))
    found = trained(Watcher(), numbered(8), epochs=5)
    assert (found.status, found.epochs) == (Status.DIVERGED, 2)
    assert found.reason == f"the validation loss was {loss} in epoch 2"


def test_a_network_that_answers_nan_diverges() -> None:
    found = trained(Watcher((nan, 0.0)), numbered(8), epochs=5)
    assert (found.status, found.epochs) == (Status.DIVERGED, 1)
    assert found.reason == "the training loss was nan in epoch 1"


def test_the_network_learns_and_keeps_its_last_weights() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    training = numbered(40, mean=20.0, deviation=10.0)
    training = Images(training.pixels, (torch.arange(40) >= 20).long(), training.mean, training.deviation)
    recipe = Recipe(learning_rate=0.1, batch_size=8)
    found = trained(network, training, epochs=10, recipe=recipe, validation=training)
    assert found.training_losses[-1] < 0.3 * found.training_losses[0]
    assert found.validation_accuracies[-1] > 0.9
    assert measure(network, training) == (found.validation_losses[-1], found.validation_accuracies[-1])


def test_no_epochs_train_nothing() -> None:
    found = trained(Watcher(), numbered(8), epochs=0)
    assert found == Trained(Status.OK, 0, (), (), ())


@pytest.fixture
def noisy() -> nn.Module:
    """A network that scores otherwise in training mode: batch statistics, dropout."""
    torch.manual_seed(2)
    layers = (nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 3))
    return nn.Sequential(*layers)


@pytest.mark.parametrize("batch", [1, 7, 50, 512])
def test_measuring_equals_the_direct_computation(
    noisy: nn.Module, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(loop, "EVALUATION_BATCH", batch)
    images = numbered(50, n_classes=3, mean=20.0, deviation=10.0)
    noisy.train()
    loss, accuracy = measure(noisy, images)
    with torch.no_grad():
        scores = noisy.eval()((images.pixels.float() - 20.0) / 10.0)
    assert loss == pytest.approx(float(functional.cross_entropy(scores, images.labels)), rel=1e-5)
    assert accuracy == int((scores.argmax(1) == images.labels).sum()) / 50


def test_measuring_leaves_no_trace_but_the_eval_mode(noisy: nn.Module) -> None:
    before = {key: value.clone() for key, value in noisy.state_dict().items()}
    state = torch.get_rng_state()
    images = numbered(50, n_classes=3)
    first = measure(noisy.train(), images)
    assert measure(noisy.train(), images) == first
    assert not noisy.training
    assert all(torch.equal(value, before[key]) for key, value in noisy.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in noisy.parameters())


def test_training_goes_back_to_the_training_mode_after_each_measure() -> None:
    modes = []

    class Moody(Watcher):
        def forward(self, x: Tensor) -> Tensor:
            modes.append(self.training)
            return super().forward(x)

    trained(Moody(), numbered(8), epochs=2)
    assert modes == [True, True, False, True, True, False]


def test_batches_are_normalized_channels_last_floats_with_their_labels() -> None:
    pixels = torch.arange(2 * 3 * 2 * 2, dtype=torch.uint8).view(2, 3, 2, 2)
    mean, deviation = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1), torch.full((1, 3, 1, 1), 2.0)
    images = Images(pixels, torch.tensor([4, 5]), mean, deviation)
    assert len(images) == 2
    batch, labels = images.batch(torch.tensor([1]))
    assert batch.dtype is torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(batch, (pixels[1:].float() - mean) / 2)
    assert labels.tolist() == [5]
    assert images.pixels is pixels
    assert pixels[0, 0, 0, 0] == 0  # what is resident stays as it is
    assert images.batch(slice(0, 2))[0].shape == (2, 3, 2, 2)
