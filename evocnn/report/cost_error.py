"""How well the cost model predicted what trainings took."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from evocnn.evaluation import Status
from evocnn.store import Record

LEAST = 3  # trainings; fewer have no ranks to speak of


class CostError(NamedTuple):
    """Real seconds against predicted ones.

    Attributes:
        n: Trainings, from their start to their end or their first rung.
        rank_correlation: Spearman's, of real and predicted seconds: 1 where the virtual clock has them
            in the right order.
        ratio: Real over predicted seconds in the median. It slows the clock and changes no order.
        factor: By which the median training differs from its prediction, times `ratio`: at least 1.
    """

    n: int
    rank_correlation: float
    ratio: float
    factor: float

    def __str__(self) -> str:
        """Return it in a sentence."""
        return (
            f"{self.n} trainings took {self.ratio:.2g} times the predicted seconds, half of them within a "
            f"factor of {self.factor:.2f} of that; rank correlation {self.rank_correlation:.2f}"
        )


def cost_error(records: Iterable[Record]) -> CostError | None:
    """Return how well the seconds of successful trainings were predicted; None for too few of them.

    Args:
        records: Of a run. Passed over are those that reuse another's evaluation, and continuations: they
            are charged with what they add, but must build and begin again, so their ratio is another.
    """
    pairs = [
        (record.evaluation.seconds, record.cost)
        for record in records
        if record.reused_from is None and record.continues is None
        if record.evaluation.status is Status.OK
        if record.cost > 0 < record.evaluation.seconds
    ]
    if len(pairs) < LEAST:
        return None
    real, predicted = np.array(pairs).T
    logs = np.log(real / predicted)
    ratio = np.median(logs)
    factor = np.median(np.abs(logs - ratio))
    ranks = np.corrcoef(_ranks(real), _ranks(predicted))[0, 1] if np.ptp(real) and np.ptp(predicted) else 0.0
    return CostError(len(pairs), float(ranks), float(np.exp(ratio)), float(np.exp(factor)))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value; equal ones share the mean of theirs."""
    ordered = np.sort(values)
    ranks: np.ndarray = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return ranks
