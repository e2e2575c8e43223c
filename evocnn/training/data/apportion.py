"""Whole shares in proportion: how many images of each class a subset gets."""

import numpy as np
import numpy.typing as npt


def apportion(
    weights: npt.NDArray[np.int64],
    total: int,
    least: npt.NDArray[np.int64],
    most: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Share out a total in proportion to weights, by largest remainders within bounds.

    Args:
        weights: Not negative, with a positive sum, shape `(n,)`.
        total: What is shared out; `least.sum() <= total <= most.sum()`.
        least: Smallest share of each, shape `(n,)`.
        most: Largest share of each, at least `least`, shape `(n,)`.

    Returns:
        Shares that sum to `total`, shape `(n,)`. Where no bound binds, each is its exact quota
        rounded down or up (Hamilton's method); ties go to the lower index.
    """
    scale = int(weights.sum())
    quotas = weights * total  # in units of 1 / scale, so that nothing is rounded
    shares = np.clip(quotas // scale, least, most)
    while (missing := total - int(shares.sum())) != 0:
        owed = quotas - shares * scale
        if missing > 0:
            shares[np.argmax(np.where(shares < most, owed, np.iinfo(np.int64).min))] += 1
        else:
            shares[np.argmin(np.where(shares > least, owed, np.iinfo(np.int64).max))] -= 1
    return shares
