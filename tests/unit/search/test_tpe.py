"""Optuna's tree-structured Parzen estimator as an algorithm."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.evaluation import Evaluation, Objective, Objectives, Status
from evocnn.genotype import (
    Choice,
    Choose,
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    Range,
    Recipe,
    SearchSpace,
)
from evocnn.search import Breeding, Candidate, TreeParzenEstimator, driver
from evocnn.store import Journal

ONE = Objectives((Objective("ones", 1.0),))


def rng_of(ticket: int) -> np.random.Generator:
    return np.random.default_rng([ticket, 5])


def made(toy: Any, n_bits: int = 8, objectives: Objectives | None = None) -> TreeParzenEstimator:
    breeding = Breeding(toy.BitSpace(n_bits=n_bits), toy.BitVariation(), toy.FIDELITY)
    return TreeParzenEstimator(breeding, objectives or toy.OBJECTIVES)


@pytest.mark.parametrize("several", [False, True], ids=["one objective", "two"])
def test_a_search_that_was_cut_goes_on_as_if_it_had_not_been(
    toy: Any, new_journal: Callable[[], Journal], several: bool
) -> None:
    objectives = toy.OBJECTIVES if several else ONE
    whole = toy.search(new_journal(), made(toy, objectives=objectives), evaluations=24)
    journal = new_journal()
    toy.search(journal, made(toy, objectives=objectives), evaluations=15)
    resumed = toy.search(journal, made(toy, objectives=objectives), evaluations=24)
    assert resumed.log == whole.log
    assert toy.timeless(resumed.records) == toy.timeless(whole.records)
    other = toy.search(new_journal(), made(toy, objectives=objectives), evaluations=24, seed=2)
    assert other.log != whole.log


def test_it_finds_more_than_random_draws(toy: Any, new_journal: Callable[[], Journal]) -> None:
    """The mean of leading ones over three seeds; random draws of 12 bits have 1 each."""
    ones = [
        record.metrics["ones"]
        for seed in range(3)
        for record in toy.search(
            new_journal(), made(toy, 12, ONE), space=toy.BitSpace(12), seed=seed, evaluations=60
        ).records[30:]
    ]
    assert float(np.mean(ones)) > 2.5


def test_nothing_is_asked_twice_while_there_is_something_new(toy: Any, journal: Journal) -> None:
    """Five bits: 32 genomes, of which 26 are asked, some while others are in flight."""
    space = toy.BitSpace(5)
    outcome = toy.search(journal, made(toy, 5), space=space, evaluations=26, window=8)
    assert len({record.text for record in outcome.records}) == 26


def test_a_space_that_is_asked_through_ends_exhausted(
    toy: Any, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "MAX_DUPLICATES", 4)
    outcome = toy.search(journal, made(toy, 2), space=toy.BitSpace(2), evaluations=50)
    assert outcome.ending == "exhausted"
    assert sorted(outcome.calls) == ["00", "01", "10", "11"]


def test_failures_are_told_as_failed_and_bounds_as_a_constraint(toy: Any) -> None:
    bounded = Objectives((Objective("ones", 1.0, floor=4.0), Objective("zeros", -2.0)))
    algorithm = made(toy, objectives=bounded)
    answers = [
        Evaluation(Status.OK, {"ones": 3.0, "zeros": 2.0}),
        Evaluation(Status.DIVERGED, reason="rigged"),
        Evaluation(Status.OK, {"ones": 5.0, "zeros": 1.0}),
    ]
    for ticket in range(3):
        algorithm.ask(ticket, rng_of(ticket))
    for ticket in (2, 0, 1):
        algorithm.tell(ticket, answers[ticket])
    trials = algorithm._study.trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert [trial.values for trial in trials] == [[-3.0, 2.0], None, [-5.0, 1.0]]  # losses
    assert [trial.constraints for trial in trials] == [
        {"floors and ceilings": 0.25},
        {},
        {"floors and ceilings": 0.0},
    ]


class Mixed:
    """A space of one decision of each kind; a genome is what was chosen."""

    def __init__(self, toy: Any) -> None:
        self._toy = toy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._toy.BitSpace(), name)

    def compose(self, choose: Choose) -> Any:
        kinds = {"rate": Range(0.001, 0.1, log=True), "size": Choice((8, 64, 16)), "word": Choice(("a", "b"))}
        return self._toy.Bits(" ".join(f"{choose(name, alleles)}" for name, alleles in kinds.items()))


def test_ranges_are_floats_numbers_are_places_and_words_are_categories(toy: Any) -> None:
    algorithm = TreeParzenEstimator(Breeding(Mixed(toy), toy.BitVariation(), toy.FIDELITY), ONE)
    candidate = algorithm.ask(0, rng_of(0))
    assert isinstance(candidate, Candidate)
    rate, size, word = candidate.request.genome.text.split()
    (trial,) = algorithm._study.trials
    kinds = trial.distributions
    assert (kinds["rate"].low, kinds["rate"].high, kinds["rate"].log) == (0.001, 0.1, True)
    assert (kinds["size"].low, kinds["size"].high) == (0, 2)
    assert kinds["word"].choices == (0, 1)
    assert float(rate) == pytest.approx(trial.params["rate"], rel=0.01)
    assert len(rate.strip("0.")) <= 3  # three digits, as all ranges have
    assert int(size) == (8, 16, 64)[trial.params["size"]]
    assert word == "ab"[trial.params["word"]]


CONV = GeneAlleles(Conv, {"filters": Choice((4, 8, 16)), "kernel": Choice((3,))})
RATES = GeneAlleles(
    Recipe, {"learning_rate": Range(0.01, 0.1, log=True), "optimizer": Choice(("sgd", "adam"))}
)
GIVEN = ("conv8k3 > conv12k5 | gap | adam lr=.02", "conv16k3 | gap | sgd lr=.5")


def test_given_founders_come_first_and_optuna_hears_of_the_nearest_network(
    toy: Any, make_space: Callable[..., SearchSpace]
) -> None:
    founders = tuple(Chromosome.parse(text, (Conv,)) for text in (*GIVEN, GIVEN[0]))
    space = make_space(layers=(CONV,), recipe=RATES, head=GeneAlleles(Head, {}), founders=founders)
    algorithm = TreeParzenEstimator(Breeding(space, toy.BitVariation(), toy.FIDELITY), ONE)
    asked = [algorithm.ask(ticket, rng_of(ticket)).request.genome for ticket in range(5)]
    assert asked[:2] == list(founders[:2])
    assert len({genome.key for genome in asked}) == 5  # what is given twice is asked once
    for ticket in (1, 0):
        algorithm.tell(ticket, Evaluation(Status.OK, {"ones": float(ticket)}))
    first, second, *others = algorithm._study.trials
    names = ("depth", "layers.0.conv.filters", "layers.1.conv.filters")
    assert [first.params[name] for name in names] == [0, 1, 1]  # 12 filters lie between 8 and 16
    assert (first.params["recipe.learning_rate"], first.params["recipe.optimizer"]) == (0.02, 1)
    assert (second.params["recipe.learning_rate"], second.params["recipe.optimizer"]) == (0.1, 0)
    assert second.params["layers.0.conv.filters"] == 2
    assert [trial.state.name for trial in (first, second)] == ["COMPLETE", "COMPLETE"]
    assert [trial.values for trial in (first, second)] == [[0.0], [-1.0]]
    assert {trial.state.name for trial in others} == {"RUNNING"}


def test_given_founders_of_another_kind_of_space_are_asked_and_the_search_resumes(
    toy: Any, new_journal: Callable[[], Journal]
) -> None:
    space = toy.BitSpace(8, founders=(toy.Bits("11111111"), toy.Bits("00000000")))

    def made_anew() -> TreeParzenEstimator:
        return TreeParzenEstimator(Breeding(space, toy.BitVariation(), toy.FIDELITY), ONE)

    whole = toy.search(new_journal(), made_anew(), space=space, evaluations=20)
    journal = new_journal()
    toy.search(journal, made_anew(), space=space, evaluations=1)
    resumed = toy.search(journal, made_anew(), space=space, evaluations=20)
    assert [record.text for record in whole.records[:2]] == ["11111111", "00000000"]
    assert toy.timeless(resumed.records) == toy.timeless(whole.records)


def test_optuna_is_imported_by_the_first_ask_alone(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)  # importing it fails from here on
    algorithm = made(toy)
    with pytest.raises(ImportError, match="optuna"):
        algorithm.ask(0, rng_of(0))
