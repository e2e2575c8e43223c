"""A predictor of accuracy, learned from the candidates that a search has told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_PENALTIES = np.logspace(-2, 4, 13)


class Predictor:
    """Ridge regression (Hoerl and Kennard 1970) from what describes a genome to its rank among those told.

    Ranks, because a few networks that hardly learned would bend a regression on accuracies. The
    penalty is the one with the least squared error when each candidate is left out in turn.

    Args:
        describe: From a genome to numbers, by the same names for each; `Space.describe`.
    """

    name = "predictor"

    def __init__(self, describe: Callable[[Any], Mapping[str, float]]) -> None:
        self._describe = describe
        self._model: Any = None

    def __call__(self, genome: Any) -> float | None:
        """Return the share of the candidates told that a genome is expected to beat; None before `fit`."""
        return None if self._model is None else float(self._model.predict([self._row(genome)])[0])

    def fit(self, genomes: Sequence[Any], accuracies: Sequence[float]) -> bool:
        """Learn anew from genomes and their accuracies, and return True: predictions change."""
        from sklearn.linear_model import RidgeCV  # noqa: PLC0415 - a second that other searches need not pay
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

        order = np.sort(accuracies)
        beaten = np.searchsorted(order, accuracies) + np.searchsorted(order, accuracies, side="right")
        self._model = make_pipeline(StandardScaler(), RidgeCV(_PENALTIES))
        self._model.fit([self._row(genome) for genome in genomes], beaten / (2 * len(order)))
        return True

    def _row(self, genome: Any) -> list[float]:
        return [*self._describe(genome).values()]
