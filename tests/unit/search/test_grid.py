"""Grid search: all combinations, counted ahead, each made when it is asked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evocnn.errors import ExperimentError
from evocnn.genotype import Choice, Choose, Fidelity, Range
from evocnn.search import Breeding, Budget, Ending, Grid, Planned
from evocnn.search.algorithms import grid as module
from evocnn.search.algorithms.grid import estimated_size, walk
from evocnn.store import Journal

SAID = "grid: 8 combinations; what is the same after repair counts once"


class Tree:
    """A space whose decisions depend on each other: `a`, or `b` with a rate and perhaps a size."""

    def compose(self, choose: Choose) -> str:
        if choose("kind", Choice(("a", "b"))) == "a":
            return "a"
        rate = choose("rate", Range(0.01, 1.0, log=True))
        size = choose("size", Choice((1, 2))) if rate < 1 else "-"
        return f"b {rate:g} {size}"


def made(toy: Any, n_bits: int = 3, **options: Any) -> Grid:
    forbidden = options.pop("forbidden", "")
    space = toy.BitSpace(n_bits=n_bits, forbidden=forbidden)
    return Grid(Breeding(space, toy.BitVariation(), toy.FIDELITY), **options)


def test_every_branch_is_walked_the_last_decision_fastest() -> None:
    assert list(walk(Tree(), 3)) == ["a", "b 0.01 1", "b 0.01 2", "b 0.1 1", "b 0.1 2", "b 1 -"]
    assert list(walk(Tree(), 2)) == ["a", "b 0.01 1", "b 0.01 2", "b 1 -"]


def test_the_size_of_a_large_grid_is_estimated(toy: Any) -> None:
    assert estimated_size(toy.BitSpace(n_bits=40), 3) == 2**40
    assert estimated_size(Tree(), 3) in (5, 6)  # walks vary: 2 or 6 or 12 combinations


def test_all_are_asked_once_and_then_the_search_is_complete(toy: Any, journal: Journal) -> None:
    outcome = toy.search(journal, made(toy), space=toy.BitSpace(3), evaluations=50)
    assert outcome.ending is Ending.COMPLETE
    assert [record.text for record in outcome.records] == [f"{n:03b}" for n in range(8)]
    again = toy.search(journal, made(toy), space=toy.BitSpace(3), evaluations=50)
    assert (again.ending, again.calls, again.records) == (Ending.COMPLETE, [], outcome.records)


def test_what_repair_makes_equal_is_asked_once(toy: Any, journal: Journal) -> None:
    space = toy.BitSpace(3, forbidden="010")
    grid = made(toy, forbidden="010")
    assert grid.plan(Budget(evaluations=7)) == (
        "grid: 8 combinations; what is the same after repair counts once"
    )  # seven networks: all are paid for
    outcome = toy.search(journal, grid, space=space, evaluations=50)
    assert sorted(outcome.calls) == ["000", "001", "011", "100", "101", "110", "111"]


def test_a_budget_below_the_count_is_said(toy: Any, journal: Journal) -> None:
    grid = made(toy)
    assert isinstance(grid, Planned)
    assert grid.plan(Budget(evaluations=8)) == SAID
    assert grid.plan(Budget(seconds=1)) == SAID
    assert grid.plan(Budget(evaluations=5)).endswith("; the budget is for the first 5 of them alone")
    outcome = toy.search(journal, grid, space=toy.BitSpace(3), evaluations=5)
    assert (outcome.ending, len(outcome.records)) == (Ending.FINISHED, 5)


class Uneven:
    """Three bits; each one that is set adds an epoch to two."""

    def __init__(self, toy: Any) -> None:
        self._space = toy.BitSpace(3)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._space, name)

    def fidelity(self, genome: Any, fidelity: Fidelity) -> Fidelity:
        return replace(fidelity, epochs=2 + genome.text.count("1"))


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 6, 26, 27, 28, 99])
def test_a_budget_of_epochs_is_said_as_it_will_be_spent(
    toy: Any, new_journal: Callable[[], Journal], epochs: int
) -> None:
    """The epochs are 2, 3, 3, 4, 3, 4, 4, 5: 28 together."""
    space = Uneven(toy)
    grid = Grid(Breeding(space, toy.BitVariation(), Fidelity(9, 10)))
    said = grid.plan(Budget(epochs=epochs))
    n = len(toy.search(new_journal(), grid, space=space, evaluations=None, epochs=epochs).records)
    own = f"; the budget is for the first {n} of them alone" if n < 8 else ""
    assert said == f"{SAID}{own}"
    assert n == {1: 1, 2: 1, 3: 2, 5: 2, 6: 3, 26: 8, 27: 8, 28: 8, 99: 8}[epochs]


def test_given_founders_come_first_and_once(toy: Any, journal: Journal) -> None:
    founders = (toy.Bits("11111"), toy.Bits("101"), toy.Bits("11111"))
    space = toy.BitSpace(3, founders=founders)
    grid = Grid(Breeding(space, toy.BitVariation(), toy.FIDELITY))
    assert grid.plan(Budget(evaluations=4)) == (
        "grid: 8 combinations and 3 given founders; what is the same after repair counts once; "
        "the budget is for the first 4 of them alone"
    )
    outcome = toy.search(journal, grid, space=space, evaluations=50)
    assert [record.text for record in outcome.records] == [
        *("11111", "101", "000", "001", "010", "011", "100", "110", "111")
    ]


def test_too_large_a_grid_is_refused_with_its_count(toy: Any) -> None:
    assert made(toy, n_bits=4, limit=16).plan(Budget()).startswith("grid: 16 combinations")
    with pytest.raises(ExperimentError, match=r"at most 16 combinations, but it held about 32; give fewer"):
        made(toy, n_bits=5, limit=16)
    with pytest.raises(ExperimentError, match=r"at most 10 combinations, but it held about 10\^12; "):
        made(toy, n_bits=40, limit=10)


def test_a_large_grid_is_made_as_it_is_asked(
    toy: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2**40 combinations: none beyond what is needed can have been made."""
    monkeypatch.setattr(module, "N_PROBES", 10)  # of walks that are all alike here
    space = toy.BitSpace(40)
    grid = made(toy, n_bits=40, limit=10**13)
    assert grid.plan(Budget(evaluations=3)) == (
        "grid: about 10^12 combinations; what is the same after repair counts once; "
        "the budget is for the first 3 of them alone"
    )
    outcome = toy.search(journal, grid, space=space, evaluations=3)
    assert [record.text for record in outcome.records] == [f"{n:040b}" for n in range(3)]
    again = toy.search(journal, made(toy, n_bits=40, limit=10**13), space=space, evaluations=5)
    assert [record.text for record in again.records] == [f"{n:040b}" for n in range(5)]
    assert len(again.calls) == 2


def test_a_range_needs_two_steps(toy: Any) -> None:
    with pytest.raises(ExperimentError, match="steps of a grid must be at least 2, but they were 1"):
        made(toy, steps=1)
