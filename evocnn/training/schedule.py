"""The course of the learning rate, as a function of the step alone: nothing to save, nothing to restore.

Each course is torch's own scheduler of that name, stepped once a batch; the tests hold them together.
Cycles are shares of the steps, so the last one always ends with the training.
"""

from collections.abc import Callable
from math import cos, pi

MILESTONES = (0.5, 0.75)  # of the steps, at which `step` divides by 10 (He et al. 2015, section 4.2)
LEAST_EXPONENTIAL = 0.01  # what is left at the end of the exponential decay
N_RESTARTS = 3  # cycles, each twice as long as the one before (Loshchilov and Hutter 2017)
N_TRIANGLES = 4  # cycles between a tenth of the peak and the peak (Smith 2017)
LEAST_TRIANGLE = 0.1
# Smith and Topin 2018, with the shares of torch
ONE_CYCLE_RISE, ONE_CYCLE_START, ONE_CYCLE_END = 0.3, 1 / 25, 1 / 25 / 1e4


def learning_rate_share(schedule: str, step: int, n_steps: int, warmup: float) -> float:
    """Return the share of the peak learning rate at a step.

    Ahead of every schedule but the one cycle, which rises by itself, comes a linear rise.

    Args:
        schedule: One of `evocnn.genotype.recipe.SCHEDULES`.
        step: 0-based.
        n_steps: Steps of the full training.
        warmup: Share of the steps in which the learning rate rises to its peak.
    """
    if schedule == "one-cycle":
        return _one_cycle(step, n_steps)
    n_rising = round(warmup * n_steps)
    if step < n_rising:
        return (step + 1) / (n_rising + 1)
    return _COURSES[schedule](step - n_rising, max(1, n_steps - n_rising))


def _constant(step: int, n_steps: int) -> float:  # noqa: ARG001 - as those below
    return 1.0


def _step(step: int, n_steps: int) -> float:
    return float(0.1 ** sum(step >= round(share * n_steps) for share in MILESTONES))


def _exponential(step: int, n_steps: int) -> float:
    return float(LEAST_EXPONENTIAL ** (step / n_steps))


def _cosine(step: int, n_steps: int) -> float:
    return 0.5 * (1 + cos(pi * step / n_steps))


def _restarts(step: int, n_steps: int) -> float:
    place, length = step / n_steps * (2**N_RESTARTS - 1), 1.0  # in lengths of the first cycle
    while place >= length:
        place -= length
        length *= 2
    return 0.5 * (1 + cos(pi * place / length))


def _cyclical(step: int, n_steps: int) -> float:
    height = 1 - abs(2 * (step / n_steps * N_TRIANGLES % 1) - 1)
    return LEAST_TRIANGLE + (1 - LEAST_TRIANGLE) * height


def _one_cycle(step: int, n_steps: int) -> float:
    top, last = ONE_CYCLE_RISE * n_steps - 1, max(1, n_steps - 1)
    if step <= top:
        return _between(ONE_CYCLE_START, 1.0, step / top if top > 0 else 1.0)
    return _between(1.0, ONE_CYCLE_END, (step - top) / (last - top))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + cos(pi * share))


_COURSES: dict[str, Callable[[int, int], float]] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "restarts": _restarts,
    "cyclical": _cyclical,
}
