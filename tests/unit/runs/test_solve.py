"""Searching a problem: repeatable, resumable, and better than chance."""

from pathlib import Path

import pytest

from evocnn.errors import ExperimentError, ReplayError
from evocnn.problems import landscape, zdt
from evocnn.runs import open_run, solve
from evocnn.search import SteadyStateNSGA2

PROBLEM = zdt(1, 3)


def test_a_search_spends_its_budget_and_comes_near_to_the_front() -> None:
    run = solve(PROBLEM, budget=400, population=20)
    assert run.status == "finished"
    assert len(run.records) == 400
    assert PROBLEM.gap(run.front.losses) < 0.2 < PROBLEM.gap(solve(PROBLEM, "random").front.losses)


def test_the_same_seed_gives_the_same_search_and_another_one_another() -> None:
    keys = [
        [record.key for record in solve(landscape(), seed=seed, budget=30, window=4).records]
        for seed in (1, 1, 2)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_a_search_goes_on_in_its_folder(tmp_path: Path) -> None:
    solve(PROBLEM, budget=20, population=5, folder=tmp_path / "run")
    longer = solve(PROBLEM, budget=40, population=5, folder=tmp_path / "run")
    at_once = solve(PROBLEM, budget=40, population=5)
    assert [record.key for record in longer.records] == [record.key for record in at_once.records]
    again = open_run(tmp_path / "run")
    assert again.name == "zdt1"
    assert again.front.hypervolume == at_once.front.hypervolume


def test_another_search_is_refused_in_its_folder(tmp_path: Path) -> None:
    solve(PROBLEM, budget=10, folder=tmp_path)
    with pytest.raises(ReplayError, match=r"must hold .*'seed': 1.* but it held .*'seed': 0"):
        solve(PROBLEM, budget=10, folder=tmp_path, seed=1)


def test_an_algorithm_may_be_a_class() -> None:
    by_class = solve(PROBLEM, SteadyStateNSGA2, budget=30)
    assert [r.key for r in by_class.records] == [r.key for r in solve(PROBLEM, "nsga2", budget=30).records]


def test_unknown_algorithms_and_options_are_refused() -> None:
    with pytest.raises(ExperimentError, match="an algorithm must be one of"):
        solve(PROBLEM, "nsga9")
    with pytest.raises(ExperimentError, match="an option of algorithm 'random'"):
        solve(PROBLEM, "random", depth=3)
