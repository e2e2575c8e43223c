"""Grid search: all combinations, counted ahead."""

from typing import Any

import pytest

from evocnn.errors import ExperimentError
from evocnn.genotype import Choice, Choose, Range
from evocnn.search import Breeding, Budget, Ending, Grid, Planned
from evocnn.search.algorithms.grid import estimated_size, walk
from evocnn.store import Journal


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
        "grid: 7 genomes, of 8 combinations; the others are repaired to one of these"
    )
    outcome = toy.search(journal, grid, space=space, evaluations=50)
    assert sorted(outcome.calls) == ["000", "001", "011", "100", "101", "110", "111"]


def test_a_budget_below_the_count_is_said(toy: Any, journal: Journal) -> None:
    grid = made(toy)
    assert isinstance(grid, Planned)
    assert grid.plan(Budget(evaluations=8)) == "grid: 8 genomes, of 8 combinations"
    assert grid.plan(Budget(evaluations=5)).endswith("; the budget is for the first 5 of them alone")
    outcome = toy.search(journal, grid, space=toy.BitSpace(3), evaluations=5)
    assert (outcome.ending, len(outcome.records)) == (Ending.FINISHED, 5)


def test_too_large_a_grid_is_refused_with_its_count(toy: Any) -> None:
    assert made(toy, n_bits=4, limit=16).plan(Budget()).startswith("grid: 16 genomes")
    with pytest.raises(ExperimentError, match=r"at most 16 combinations, but it held about 32; give fewer"):
        made(toy, n_bits=5, limit=16)
    with pytest.raises(ExperimentError, match=r"at most 10 combinations, but it held about 10\^12; "):
        made(toy, n_bits=40, limit=10)


def test_a_range_needs_two_steps(toy: Any) -> None:
    with pytest.raises(ExperimentError, match="steps of a grid must be at least 2, but they were 1"):
        made(toy, steps=1)
