"""Schedules: each is torch's own, step for step; a linear rise comes before."""

import warnings
from collections.abc import Callable
from itertools import product
from math import cos, pi

import pytest
import torch
from torch.optim import Optimizer, lr_scheduler

from evocnn.genotype.recipe import SCHEDULES
from evocnn.training.schedule import learning_rate_share

Scheduler = lr_scheduler.LRScheduler
TORCH: dict[str, Callable[[Optimizer, int], Scheduler]] = {
    "constant": lambda o, _: lr_scheduler.ConstantLR(o, 1.0, 0),
    "step": lambda o, n: lr_scheduler.MultiStepLR(o, [round(0.5 * n), round(0.75 * n)], 0.1),
    "exponential": lambda o, n: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / n)),
    "cosine": lr_scheduler.CosineAnnealingLR,
    "restarts": lambda o, n: lr_scheduler.CosineAnnealingWarmRestarts(o, max(1, n // 7), 2),
    "cyclical": lambda o, n: lr_scheduler.CyclicLR(o, 0.1, 1.0, max(1, n // 8), cycle_momentum=False),
    "one-cycle": lambda o, n: lr_scheduler.OneCycleLR(o, 1.0, total_steps=n, cycle_momentum=False),
}


def _torch_shares(name: str, n_steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = TORCH[name](optimizer, n_steps)
    shares = [optimizer.param_groups[0]["lr"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the epochs of torch's warm restarts are steps here
        for _ in range(n_steps - 1):
            optimizer.step()
            scheduler.step()
            shares.append(optimizer.param_groups[0]["lr"])
    return [float(share) for share in shares]


@pytest.mark.parametrize("n_steps", [56, 280])  # which the cycles divide
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_that_of_torch(name: str, n_steps: int) -> None:
    """Every share, at every step."""
    shares = [learning_rate_share(name, step, n_steps, 0.0) for step in range(n_steps)]
    assert shares == pytest.approx(_torch_shares(name, n_steps), abs=1e-12)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name not in ("one-cycle", "cyclical")])
def test_a_linear_rise_comes_before_and_the_schedule_after_it(name: str) -> None:
    """The rise ends at the peak; then the schedule runs over the steps that are left."""
    shares = [learning_rate_share(name, step, 50, 0.2) for step in range(50)]
    assert shares[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert shares[10:] == [learning_rate_share(name, step, 40, 0.0) for step in range(40)]
    assert shares[10] == 1.0


@pytest.mark.parametrize("name", ["cosine", "restarts", "cyclical", "one-cycle"])
def test_a_training_ends_at_a_low_rate_whatever_its_length(name: str) -> None:
    """The last weights are kept, so no cycle may begin anew just before the end."""
    for n_steps in range(60, 75):
        shares = [learning_rate_share(name, step, n_steps, 0.1) for step in range(n_steps)]
        assert shares[-1] < 0.25, n_steps
        assert max(shares) > 0.9, n_steps


def test_the_one_cycle_rises_by_itself() -> None:
    """No warm-up comes before it."""
    with_warmup = [learning_rate_share("one-cycle", step, 50, 0.2) for step in range(50)]
    assert with_warmup == [learning_rate_share("one-cycle", step, 50, 0.0) for step in range(50)]


def test_half_a_cosine_falls_from_the_peak_to_nothing() -> None:
    """Half of the peak is left half-way down."""
    shares = [learning_rate_share("cosine", step, 100, 0.2) for step in range(100)]
    assert shares[20:] == pytest.approx([(1 + cos(pi * k / 80)) / 2 for k in range(80)])
    assert shares[60] == pytest.approx(0.5)
    assert 0 < shares[99] < 0.001
    assert learning_rate_share("cosine", 100, 100, 0.2) == pytest.approx(0.0, abs=1e-15)


LENGTHS = [*product((1, 2, 3, 7, 1000), (0.0, 0.1, 0.5, 1.0))]  # steps, and the share that rises


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_step_of_any_training_learns(name: str) -> None:
    """No step has a rate of 0 or one beyond the peak, whatever the number of steps and the rise."""
    for n_steps, warmup in LENGTHS:
        shares = [learning_rate_share(name, step, n_steps, warmup) for step in range(n_steps)]
        assert all(0 < share <= 1 for share in shares), (n_steps, warmup)


@pytest.mark.parametrize("name", ["constant", "step", "exponential", "cosine"])
def test_without_cycles_rates_rise_once_and_fall_once(name: str) -> None:
    """Up to the peak they rise, from there they fall."""
    for n_steps, warmup in LENGTHS:
        shares = [learning_rate_share(name, step, n_steps, warmup) for step in range(n_steps)]
        peak = shares.index(max(shares))
        assert shares[: peak + 1] == sorted(shares[: peak + 1]), (n_steps, warmup)
        assert shares[peak:] == sorted(shares[peak:], reverse=True), (n_steps, warmup)
