"""The sweep of one gene field."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evocnn.errors import EvocnnError, ExperimentError
from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    Fidelity,
    GeneAlleles,
    Limits,
    Pool,
    SearchSpace,
    baseline,
)
from evocnn.search import Breeding, Budget, Candidate, Ending, GeneSweep
from evocnn.search.algorithms.gene_sweep import varied

MakeSpace = Callable[..., SearchSpace]
RNG = np.random.default_rng(0)
TEXT = "conv8k3 · pool · conv16k5 | gap dense32 | sgd lr=.05"
GENES = (Conv, Pool)


@pytest.fixture
def space(make_space: MakeSpace) -> SearchSpace:
    conv = GeneAlleles(Conv, {"filters": Choice((8, 16, 32)), "kernel": Choice((3, 5))})
    return make_space(layers=(conv, GeneAlleles(Pool, {})), limits=Limits(parameters=60_000, depth=20))


def made(space: Any, toy: Any, **options: Any) -> GeneSweep:
    options = {"chromosome": TEXT, "seeds": 1, **options}
    return GeneSweep(Breeding(space, toy.BitVariation(), Fidelity(3, 100)), **options)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("layers.2.filters", 24, "conv8k3 · pool · conv24k5 | gap dense32 | sgd lr=.05"),
        ("conv.filters", 24, "conv24k3 · pool · conv24k5 | gap dense32 | sgd lr=.05"),
        ("pool.kind", "average", "conv8k3 · pool average · conv16k5 | gap dense32 | sgd lr=.05"),
        ("head.units", 64, "conv8k3 · pool · conv16k5 | gap dense64 | sgd lr=.05"),
        ("head.units", [64, 32], "conv8k3 · pool · conv16k5 | gap dense64,32 | sgd lr=.05"),
        ("head.units", [], "conv8k3 · pool · conv16k5 | gap | sgd lr=.05"),
        ("recipe.batch_size", 32, "conv8k3 · pool · conv16k5 | gap dense32 | sgd lr=.05 batch=32"),
    ],
)
def test_a_path_names_one_field_of_one_gene_or_of_all_of_a_type(path: str, value: Any, text: str) -> None:
    chromosome = Chromosome.parse(TEXT, GENES)
    assert varied(chromosome, path, value).text == text


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "cov.filters",
            8,
            r"a swept gene must be one of recipe, .*, layers.2, .* 'cov' .*did you mean",
        ),
        ("layers.3.filters", 8, "a swept gene must be one of .* but it was 'layers.3' in 'layers.3.filters'"),
        ("filters", 8, "a swept gene must be one of .* but it was '' in 'filters'; write training.epochs"),
        ("recipe.batch", 8, "a field of recipe must be one of .* 'batch' in 'recipe.batch'"),
        ("conv.filters", 0, "Conv.filters must be a whole number of at least 1, but it was 0"),
        ("conv.filters", "many", "Conv.filters must be a whole number of at least 1, but it was 'many'"),
    ],
)
def test_a_wrong_path_or_value_is_an_error(path: str, value: Any, message: str) -> None:
    with pytest.raises(EvocnnError, match=message):
        varied(Chromosome.parse(TEXT, GENES), path, value)


def test_what_a_budget_does_not_pay_for_is_said(toy: Any, space: SearchSpace) -> None:
    sweep = made(space, toy, gene="training.epochs", values=[2, 5], seeds=2)
    whole = "gene-sweep: training.epochs at 2, 5, 2 seeds each, 4 trainings; all else as in "
    assert sweep.plan(Budget(evaluations=4)).startswith(whole)
    assert sweep.plan(Budget(evaluations=4)).endswith(TEXT)
    for budget, n in ((Budget(evaluations=3), 3), (Budget(epochs=7), 2), (Budget(epochs=8), 3)):
        assert sweep.plan(budget).endswith(f"{TEXT}; the budget is for the first {n} of them alone")
    assert sweep.plan(Budget(epochs=10)).endswith(TEXT)  # the last one overshoots


def test_all_values_are_asked_with_each_seed_in_turn(toy: Any, space: SearchSpace) -> None:
    algorithm = made(space, toy, gene="recipe.batch_size", values=[16, 32], seeds=3)
    asked = [algorithm.ask(ticket, RNG) for ticket in range(7)]
    assert asked.pop() is Ending.COMPLETE
    requests = [candidate.request for candidate in asked if isinstance(candidate, Candidate)]
    assert [(r.genome.recipe.batch_size, r.replicate) for r in requests] == [
        *((16, 0), (32, 0), (16, 1), (32, 1), (16, 2), (32, 2))
    ]
    assert {request.fidelity for request in requests} == {Fidelity(3, 100)}
    assert {request.genome.layers for request in requests} == {space.parse(TEXT).layers}
    assert algorithm.plan(Budget()) == (
        f"gene-sweep: recipe.batch_size at 16, 32, 3 seeds each, 6 trainings; all else as in {TEXT}"
    )


def test_epochs_of_training_are_a_gene_too(toy: Any, space: SearchSpace) -> None:
    algorithm = made(space, toy, gene="training.epochs", values=[1, 5])
    asked = [algorithm.ask(ticket, RNG) for ticket in range(2)]
    assert [candidate.request.fidelity.epochs for candidate in asked] == [1, 5]
    assert len({candidate.request.genome for candidate in asked}) == 1


def test_values_need_not_be_alleles_and_a_plain_network_is_the_default(toy: Any, space: SearchSpace) -> None:
    algorithm = made(space, toy, gene="layers.0.filters", values=[4, 13], chromosome=None)
    asked = [algorithm.ask(ticket, RNG).request.genome for ticket in range(2)]
    assert asked == [varied(baseline(space, 4), "layers.0.filters", n) for n in (4, 13)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"gene": "conv.filters", "values": [8, 4096]},
            "conv.filters at 4096 must keep the limits, but",
        ),
        (
            {"gene": "conv.groups", "values": [1, 3]},
            "conv.groups must differ in effect, but 1 and 3",
        ),
        (
            {"gene": "training.epochs", "values": [1, 2.5]},
            "training.epochs must be a whole .* 2.5 for",
        ),
        ({"gene": "training.epochs", "values": [0]}, "training.epochs must be a whole number of at least 1"),
        ({"gene": "training.epochs", "values": [2], "chromosome": f"{TEXT} epochs=4"}, "sweep recipe.epochs"),
        ({"gene": "conv.filters", "values": []}, "at least one value and one seed, but it had 0 and 1"),
        ({"gene": "conv.filters", "values": [4], "seeds": 0}, "and one seed, but it had 1 and 0; give more"),
    ],
)
def test_a_sweep_that_would_mislead_is_refused(
    toy: Any, space: SearchSpace, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExperimentError, match=message):
        made(space, toy, **options)


def test_a_sweep_needs_networks(toy: Any) -> None:
    with pytest.raises(ExperimentError, match="gene-sweep must have a space of networks"):
        made(toy.BitSpace(), toy, gene="conv.filters", values=[1])
