"""Contested members of the front trained again."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, EvaluationRequest, Objective, Objectives, Status
from evocnn.search import Candidate
from evocnn.search.confirmation import MOST_TRAININGS, Confirmation

OBJECTIVES = Objectives((Objective("accuracy", 1.0), Objective("size", -1.0)))
# Accuracies beyond doubt, but for the two in the middle.
FOUND = {"1000": (0.90, 8.0), "0100": (0.80, 4.0), "0010": (0.799, 3.0), "0001": (0.5, 1.0)}
SPREAD = 0.01


class Given:
    """Asks what it is given, then nothing new: the last again and again."""

    def __init__(self, toy: SimpleNamespace, texts: list[str]) -> None:
        self.toy, self.texts, self.told = toy, texts, []

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        del ticket, rng
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return Candidate(EvaluationRequest(self.toy.Bits(text), self.toy.FIDELITY))

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        del evaluation
        self.told.append(ticket)

    def needed_states(self) -> tuple[int, ...]:
        return ()


def run(toy: SimpleNamespace, share: float, n: int, spread: float = SPREAD) -> tuple[list[Any], Given]:
    """Return what was asked, each told at once."""
    inner = Given(toy, [*FOUND, "0000"])
    confirmation = Confirmation(inner, OBJECTIVES, share)
    asked, rng = [], np.random.default_rng(0)
    for ticket in range(n):
        candidate = confirmation.ask(ticket, rng)
        asked.append(candidate.request)
        text, replicate = candidate.request.genome.text, candidate.request.replicate
        accuracy, size = FOUND.get(text, (0.1, 9.0))
        metrics = {"accuracy": accuracy + spread * (-1) ** replicate, "size": size}
        confirmation.tell(ticket, Evaluation(Status.OK, metrics))
    return asked, inner


def test_only_a_share_of_the_trainings_is_repeated_and_the_other_never_hears_of_them(
    toy: SimpleNamespace,
) -> None:
    asked, inner = run(toy, 0.25, 40)
    repeated = [ticket for ticket, request in enumerate(asked) if request.replicate]
    assert 0 < len(repeated) <= 10
    assert not set(repeated) & set(inner.told)
    assert len(inner.told) == 40 - len(repeated)


def test_neighbours_that_are_close_are_repeated_with_new_seeds(toy: SimpleNamespace) -> None:
    asked, _ = run(toy, 0.5, 40)
    repeated = [(request.genome.text, request.replicate) for request in asked if request.replicate]
    assert len(set(repeated)) == len(repeated)  # another seed each time
    late = {text for text, _ in repeated[6:]}  # once the spread is known
    assert late == {"0100", "0010"}
    assert max(replicate for _, replicate in repeated) < MOST_TRAININGS


def test_nothing_is_repeated_once_the_order_is_certain(toy: SimpleNamespace) -> None:
    asked, _ = run(toy, 0.5, 60, spread=1e-5)
    assert 3 <= sum(request.replicate > 0 for request in asked) < 12


def test_a_repeated_training_starts_from_scratch_and_in_full(toy: SimpleNamespace) -> None:
    asked, _ = run(toy, 0.5, 20)
    repeated = [request for request in asked if request.replicate]
    assert all(request.continues is None and not request.saves_state for request in repeated)
    assert all(request.fidelity.is_full for request in repeated)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_the_share_lies_between_none_and_all(toy: SimpleNamespace, share: float) -> None:
    with pytest.raises(ExperimentError, match=f"confirm must be a share above 0 .* it was {share}"):
        Confirmation(Given(toy, ["0000"]), OBJECTIVES, share)
