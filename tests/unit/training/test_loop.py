"""The loop: order, schedule, figures, early stopping, timeouts, and training in pieces or by turns."""

from collections.abc import Callable, Generator, Iterable
from math import exp, inf, log, nan
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.evaluation import Status
from evocnn.genotype import Recipe
from evocnn.genotype.recipe import SCHEDULES
from evocnn.training import loop
from evocnn.training import step as step_module
from evocnn.training.images import Images
from evocnn.training.loop import Trained, drain, measure, training_steps
from evocnn.training.protocol import Protocol
from evocnn.training.schedule import learning_rate_share
from evocnn.training.step import EagerStep


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


def steps_of(
    network: nn.Module, training: Images, *, epochs: int = 1, **options: Any
) -> Generator[None, None, Trained]:
    settings = {
        "recipe": Recipe(learning_rate=1e-9, batch_size=4),
        "validation": numbered(6),
        "seed": 1,
        "protocol": Protocol(seed=1),
    }
    settings.update(options)
    recipe, validation = settings.pop("recipe"), settings.pop("validation")
    return training_steps(EagerStep(network, recipe, training), validation, epochs=epochs, **settings)


def trained(network: nn.Module, training: Images, **options: Any) -> Trained:
    return drain(steps_of(network, training, **options))


def training_losses(found: Trained) -> tuple[float, ...]:
    return tuple(epoch.training_loss for epoch in found.epochs)


def validation_losses(found: Trained) -> tuple[float, ...]:
    return tuple(epoch.validation_loss for epoch in found.epochs)


def validation_accuracies(found: Trained) -> tuple[float, ...]:
    return tuple(epoch.validation_accuracy for epoch in found.epochs)


def rig(monkeypatch: pytest.MonkeyPatch, *found: tuple[float, float]) -> None:
    """Let validation find these pairs of loss and accuracy, one after the other."""
    left = iter(found)
    monkeypatch.setattr(
        loop, "measure", lambda network, images: torch.tensor(next(left), dtype=torch.float64)
    )


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
    assert training_losses(found) == pytest.approx((log(2),))  # two classes, scored alike


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
    assert training_losses(found) == pytest.approx((float(expected),))


def test_smoothing_spreads_a_share_of_the_label_over_all_classes() -> None:
    training = numbered(6)
    found = trained(Watcher((2.0, 0.0)), training, recipe=Recipe(learning_rate=1e-9, smoothing=0.3))
    right, wrong = log(1 + exp(-2.0)), log(1 + exp(2.0))  # of the first class, and of the second
    expected = 0.5 * (0.85 * right + 0.15 * wrong) + 0.5 * (0.85 * wrong + 0.15 * right)
    assert training_losses(found) == pytest.approx((expected,))
    plain = trained(Watcher((2.0, 0.0)), training, recipe=Recipe(learning_rate=1e-9))
    assert validation_losses(found) == validation_losses(plain)  # which tell networks apart, not recipes


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
        found = trained(network, numbered(20, mean=10.0, deviation=5.0), recipe=recipe, seed=seed)
        return training_losses(found)

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_curves_have_one_value_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    rig(monkeypatch, (0.9, 0.3), (0.8, 0.5), (0.7, 0.4))
    found = trained(Watcher(), numbered(8), epochs=3)
    assert found.status is Status.OK
    assert len(found.epochs) == 3
    assert validation_losses(found) == (0.9, 0.8, 0.7)
    assert validation_accuracies(found) == (0.3, 0.5, 0.4)
    assert found.reason == ""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_step_has_its_share_of_the_learning_rate(monkeypatch: pytest.MonkeyPatch, schedule: str) -> None:
    rates: list[list[float]] = []

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            rates.append([group["lr"] for group in self.param_groups])

    def two_groups(network: Watcher, recipe: Recipe) -> list[Spy]:
        return [Spy([{"params": [network.scores]}, {"params": []}], lr=9.0)]

    monkeypatch.setattr(step_module, "optimizers_of", two_groups)
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
    assert (result.status, len(result.epochs)) == (Status.OK, epochs)
    assert validation_accuracies(result) == found[:epochs]


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
    assert len(found.epochs) == 1
    assert found.reason == "past its timeout of 5 s in epoch 2"


@pytest.mark.parametrize("timeout", [None, 9.0])
def test_in_time_or_without_a_timeout_training_ends_as_planned(timeout: float | None) -> None:
    protocol = Protocol(seed=1, timeout=timeout)
    found = trained(Watcher(), numbered(12), epochs=3, protocol=protocol, clock=ticking())
    assert (found.status, len(found.epochs)) == (Status.OK, 3)


@pytest.mark.fault
def test_a_huge_learning_rate_diverges() -> None:
    """Fails where training goes on whatever its loss."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    recipe = Recipe(learning_rate=1e20, batch_size=4)
    found = trained(network, numbered(12), epochs=50, recipe=recipe)
    assert found.status is Status.DIVERGED
    assert len(found.epochs) < 50  # it is given up at once
    assert found.reason == f"the training loss was {training_losses(found)[-1]} in epoch {len(found.epochs)}"


@pytest.mark.parametrize("loss", [nan, inf])
def test_a_validation_loss_that_is_not_finite_is_a_divergence(
    monkeypatch: pytest.MonkeyPatch, loss: float
) -> None:
    rig(monkeypatch, (0.5, 0.5), (loss, 0.5))
    found = trained(Watcher(), numbered(8), epochs=5)
    assert (found.status, len(found.epochs)) == (Status.DIVERGED, 2)
    assert found.reason == f"the validation loss was {loss} in epoch 2"


@pytest.mark.fault
def test_a_network_that_answers_nan_diverges() -> None:
    """Fails where training goes on whatever its loss."""
    found = trained(Watcher((nan, 0.0)), numbered(8), epochs=5)
    assert (found.status, len(found.epochs)) == (Status.DIVERGED, 1)
    assert found.reason == "the training loss was nan in epoch 1"


def test_the_network_learns_and_keeps_its_last_weights() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    training = numbered(40, mean=20.0, deviation=10.0)
    training = Images(training.pixels, (torch.arange(40) >= 20).long(), training.mean, training.deviation)
    recipe = Recipe(learning_rate=0.1, batch_size=8)
    found = trained(network, training, epochs=10, recipe=recipe, validation=training)
    assert training_losses(found)[-1] < 0.3 * training_losses(found)[0]
    assert validation_accuracies(found)[-1] > 0.9
    assert tuple(measure(network, training).tolist()) == found.epochs[-1][1:]


def test_no_epochs_train_nothing() -> None:
    found = trained(Watcher(), numbered(8), epochs=0)
    assert (found.status, found.epochs) == (Status.OK, ())


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
    loss, accuracy = measure(noisy, images).tolist()
    with torch.no_grad():
        scores = noisy.eval()((images.pixels.float() - 20.0) / 10.0)
    assert loss == pytest.approx(float(functional.cross_entropy(scores, images.labels)), rel=1e-5)
    assert accuracy == int((scores.argmax(1) == images.labels).sum()) / 50


def test_measuring_leaves_no_trace_but_the_eval_mode(noisy: nn.Module) -> None:
    before = {key: value.clone() for key, value in noisy.state_dict().items()}
    state = torch.get_rng_state()
    images = numbered(50, n_classes=3)
    first = measure(noisy.train(), images)
    assert torch.equal(measure(noisy.train(), images), first)
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


def test_it_hands_over_after_each_step_and_before_figures_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    class Loud(Watcher):
        def forward(self, x: Tensor) -> Tensor:
            events.append("step" if self.training else "measure")
            return super().forward(x)

    class Figures(Tensor):
        def tolist(self) -> Any:
            events.append("read")
            return super().tolist()

    stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda tensors: stack(tensors).as_subclass(Figures))
    for _ in steps_of(Loud(), numbered(8), epochs=2):
        events.append("others")  # noqa: PERF401 - between the events that the training adds
    assert events == ["step", "others", "step", "others", "measure", "others", "read"] * 2


def jittery(seed: int) -> nn.Module:
    """Return a network that draws in each step and whose steps depend on all before."""
    torch.manual_seed(seed)
    layers = nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(16, 2))


RESTLESS = Recipe(learning_rate=0.01, batch_size=4, noise=0.3, mixup=0.4, shift=0.2)
SCENES = numbered(22, mean=10.0, deviation=6.0)


def test_trainings_that_take_turns_come_to_what_each_comes_to_alone() -> None:
    options = {"epochs": 3, "recipe": RESTLESS}
    alone = [trained(jittery(seed), SCENES, seed=seed, **options) for seed in (1, 2)]
    both = [steps_of(jittery(seed), SCENES, seed=seed, **options) for seed in (1, 2)]
    found: list[Trained] = []
    while both:
        for steps in tuple(both):
            torch.rand(3)  # and others draw in between
            try:
                next(steps)
            except StopIteration as end:
                found.append(end.value)
                both.remove(steps)
    assert [one.epochs for one in found] == [one.epochs for one in alone]
    assert found[0].epochs != found[1].epochs


def test_each_step_of_an_epoch_draws_something_else() -> None:
    drawn: list[float] = []

    class Drawing(Watcher):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                drawn.append(float(torch.rand(())))
            return super().forward(x)

    trained(Drawing(), numbered(12), epochs=2)
    assert len(set(drawn)) == 6


def test_training_stops_at_its_rung_under_the_schedule_of_full_training() -> None:
    network = jittery(1)
    whole = trained(network, SCENES, epochs=6, recipe=RESTLESS)
    part = trained(jittery(1), SCENES, epochs=6, stop=2, recipe=RESTLESS)
    assert (part.status, part.epochs) == (Status.OK, whole.epochs[:2])


def test_going_on_equals_never_having_stopped() -> None:
    whole_network = jittery(1)
    whole = trained(whole_network, SCENES, epochs=6, recipe=RESTLESS)
    network = jittery(1)
    step, found = EagerStep(network, RESTLESS, SCENES), Trained()
    for stop in (1, 2, 6):
        torch.rand(5)
        found = drain(
            training_steps(
                step, numbered(6), epochs=6, stop=stop, seed=1, protocol=Protocol(seed=1), earlier=found
            )
        )
        assert len(found.epochs) == stop
    assert found.epochs == whole.epochs
    for one, other in zip(network.parameters(), whole_network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_has_stalled_is_not_trained_further(monkeypatch: pytest.MonkeyPatch) -> None:
    rig(monkeypatch, *accuracies(0.5, 0.4, 0.4, 0.9))
    protocol = Protocol(seed=1, patience=2)
    early = trained(Watcher(), numbered(8), epochs=9, stop=5, protocol=protocol)
    assert len(early.epochs) == 3
    network = Watcher()
    again = trained(network, numbered(8), epochs=9, protocol=protocol, earlier=early)
    assert (again.epochs, network.batches) == (early.epochs, [])


def test_patience_counts_across_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    rig(monkeypatch, *accuracies(0.5, 0.4, 0.4, 0.4, 0.9))
    protocol = Protocol(seed=1, patience=3)
    early = trained(Watcher(), numbered(8), epochs=9, stop=2, protocol=protocol)
    assert len(trained(Watcher(), numbered(8), epochs=9, protocol=protocol, earlier=early).epochs) == 4


def test_seconds_add_up_and_the_timeout_is_for_their_sum() -> None:
    protocol = Protocol(seed=1, timeout=100.0)
    early = trained(Watcher(), numbered(12), epochs=3, stop=1, protocol=protocol, clock=ticking())
    assert early.seconds == 4.0  # a look after each of three steps, and one at the end
    later = trained(Watcher(), numbered(12), epochs=3, protocol=protocol, clock=ticking(), earlier=early)
    assert later.seconds == 4.0 + 7.0
    hasty = Protocol(seed=1, timeout=9.0)
    late = trained(Watcher(), numbered(12), epochs=3, protocol=hasty, clock=ticking(), earlier=early)
    assert (late.status, late.reason) == (Status.TIMED_OUT, "past its timeout of 9 s in epoch 3")
