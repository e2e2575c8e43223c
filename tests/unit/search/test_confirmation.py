"""Contested members of the front trained again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, EvaluationRequest, Objective, Objectives, Status
from evocnn.search import Candidate
from evocnn.search.confirmation import MOST_TRAININGS, Confirmation
from evocnn.workers import SerialExecutor

OBJECTIVES = Objectives((Objective("accuracy", 1.0), Objective("size", -1.0)))
# Accuracies beyond doubt, but for the two in the middle.
FOUND = {"1000": (0.90, 8.0), "0100": (0.80, 4.0), "0010": (0.799, 3.0), "0001": (0.5, 1.0)}
SPREAD = 0.01


class Given:
    """Asks what it is given, then others that nobody has found anything in."""

    def __init__(self, toy: SimpleNamespace, texts: list[str]) -> None:
        self.toy, self.texts, self.told = toy, texts, []

    def ask(self, ticket: int, rng: np.random.Generator) -> Any:
        del rng
        text = self.texts.pop(0) if self.texts else f"{ticket:012b}"
        return Candidate(EvaluationRequest(self.toy.Bits(text), self.toy.FIDELITY))

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        del evaluation
        self.told.append(ticket)

    def needed_states(self) -> tuple[int, ...]:
        return ()


def run(
    toy: SimpleNamespace,
    share: float,
    n: int,
    spread: float = SPREAD,
    objectives: Objectives = OBJECTIVES,
) -> tuple[list[Any], Given]:
    """Return what was asked, each told at once."""
    inner = Given(toy, [*FOUND])
    confirmation = Confirmation(inner, objectives, share)
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


@dataclass
class Refusal:
    """Rejects every second offspring, and writes down which it was asked about."""

    asked: list[str] = field(default_factory=list)

    def objection(self, genome: Any, rng: np.random.Generator) -> str:
        del rng
        self.asked.append(genome.text)
        return "every second" if len(self.asked) % 2 else ""

    def learn(self, request: EvaluationRequest, evaluation: Evaluation) -> None:
        """Learn nothing."""


def confirmed(toy: SimpleNamespace, name: str, share: float = 0.3) -> Confirmation:
    return Confirmation(toy.algorithm(name, toy.BitSpace(n_bits=10)), toy.OBJECTIVES, share)


def searched(toy: SimpleNamespace, journal: Any, name: str, **options: Any) -> Any:
    options = {"space": toy.BitSpace(n_bits=10), "evaluations": 50, **options}
    return toy.search(journal, confirmed(toy, name), **options)


@pytest.mark.parametrize("name", ["random", "steady", "steady with rungs", "generational with rungs"])
def test_beside_any_algorithm_the_share_is_kept_and_a_crash_changes_nothing(
    toy: SimpleNamespace, new_journal: Callable[[], Any], name: str
) -> None:
    whole = searched(toy, new_journal(), name)
    repeated = [record for record in whole.records if record.replicate]
    trained = sum(record.n_epochs / record.epochs for record in whole.records)
    assert 3 <= len(repeated) <= 0.3 * trained + 1
    assert all(record.is_full and record.continues is None for record in repeated)
    known = {record.key for record in whole.records if record.is_full and not record.replicate}
    assert {record.key for record in repeated} <= known
    journal = new_journal()
    searched(toy, journal, name, executor=lambda table: toy.Recorder(SerialExecutor(table), crash_after=40))
    assert toy.timeless(searched(toy, journal, name).records) == toy.timeless(whole.records)


def test_repeated_trainings_are_not_judged_as_offspring_and_rejected_ones_count_for_nothing(
    toy: SimpleNamespace, journal: Any
) -> None:
    refusal = Refusal()
    records = searched(toy, journal, "steady", rejection=refusal).records
    repeated = sum(record.replicate > 0 for record in records)
    trained = sum(record.evaluation.status is Status.OK for record in records)
    assert sum(record.evaluation.status is Status.REJECTED for record in records) > 10
    assert 3 <= repeated <= 0.3 * trained + 1
    assert len(set(refusal.asked)) == len(refusal.asked)


class Noisy:
    """A table in which every network is contested."""

    def __init__(self, table: Any) -> None:
        self.table, self.context, self.calls = table, "noisy", table.calls

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        found = self.table(request)
        noise = 8 * np.random.default_rng((request.replicate, int(request.genome.text, 2))).random()
        return replace(found, metrics={**found.metrics, "ones": found.metrics["ones"] + noise})


def test_what_is_answered_from_the_journal_pays_for_no_repeated_training(
    toy: SimpleNamespace, journal: Any
) -> None:
    small = toy.BitSpace(n_bits=4)  # 16 networks, so that most of what is asked was asked before
    confirmation = Confirmation(toy.algorithm("random", small), toy.OBJECTIVES, 0.3)
    table = Noisy(toy.Table())
    records = toy.search(journal, confirmation, space=small, table=table, evaluations=50).records
    repeated = sum(record.replicate > 0 for record in records)
    trained = sum(record.reused_from is None for record in records)
    assert len(records) - trained > 50  # answered
    assert 3 <= repeated <= 0.3 * trained + 1


def test_what_waits_at_a_rung_keeps_its_state(toy: SimpleNamespace) -> None:
    inner = Given(toy, ["0000"])
    inner.needed_states = lambda: (3, 5)  # type: ignore[method-assign]
    assert Confirmation(inner, OBJECTIVES, 0.5).needed_states() == (3, 5)


def test_networks_below_a_floor_are_no_neighbours(toy: SimpleNamespace) -> None:
    floored = Objectives((Objective("accuracy", 1.0, floor=0.85), Objective("size", -1.0)))
    asked, _ = run(toy, 0.5, 30, objectives=floored)
    assert not any(request.replicate for request in asked)  # a single one is left


def test_the_closest_come_first(toy: SimpleNamespace) -> None:
    asked, _ = run(toy, 0.5, 20)
    first = next(request for request in asked if request.replicate)
    assert first.genome.text in ("1000", "0100")  # all that was told by then
    later = [request.genome.text for request in asked[8:] if request.replicate]
    assert later[0] in ("0100", "0010")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_the_share_lies_between_none_and_all(toy: SimpleNamespace, share: float) -> None:
    with pytest.raises(ExperimentError, match=f"confirm must be a share above 0 .* it was {share}"):
        Confirmation(Given(toy, ["0000"]), OBJECTIVES, share)
