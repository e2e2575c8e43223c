"""Given founders: by name and by text, in their order, ahead of what is drawn, repaired into the limits."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.config import Experiment, build_parts, load_experiment, space_of
from evocnn.errors import ExperimentError, SpaceError
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import REFERENCE_NETWORKS, Choice, SearchSpace, reference_network

Write = Callable[..., Path]
TEXT = "conv9k5 gelu · pool3 average | flatten dense7 drop.15 | adam lr=.0123 batch=48"
OWN = """\
from evocnn.genotype import Conv
class Wide(Conv):
    code = "wide"
"""
ALGORITHMS = ["nsga2", "nsga2-generational", "random", "tpe", "aging", "map-elites", "nsga3", "weighted-sum"]


def experiment_of(*names: str, algorithm: str = "nsga2", **space: Any) -> Experiment:
    return Experiment.from_dict(
        {
            "name": "mine",
            "data": {"source": "digits", "images": 400},
            "space": {"preset": "tiny", "founders": list(names), **space},
            "search": {"population": 6, "algorithm": algorithm, "rungs": [1]},
        }
    )


def digits_space(experiment: Experiment) -> SearchSpace:
    return space_of(experiment, (1, 8, 8), 10)


def first_candidates(experiment: Experiment, n: int) -> list[Any]:
    algorithm = build_parts(experiment).algorithm
    return [algorithm.ask(ticket, np.random.default_rng(ticket)) for ticket in range(n)]


def test_a_text_is_a_founder_to_the_letter() -> None:
    (founder,) = digits_space(experiment_of(TEXT)).founders
    assert founder.text == TEXT
    assert (founder.recipe.learning_rate, founder.recipe.batch_size) == (0.0123, 48)


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_every_well_known_network_can_found_a_search(name: str) -> None:
    every = ("conv", "residual", "bottleneck", "depthwise_separable", "inverted_residual", "dense_concat")
    layers = {gene: {"filters": [4, 8], "kernel": 3} for gene in every} | {
        "pool": {},
        "dropout": {},
        "link": {},
    }
    layers["dropout"], layers["link"] = {"rate": [0.1]}, {"back": [1]}
    layers["bottleneck"] |= {"reduction": [4]}
    layers["inverted_residual"] |= {"expansion": [2]}
    limits = {"parameters": 10**9, "flops": False, "depth": 40}
    space = digits_space(experiment_of(name, layers=layers, limits=limits))
    (founder,) = space.founders
    assert (founder.layers, founder.head) == (reference_network(name).layers, reference_network(name).head)
    assert space.repair(founder).genome.layers


def test_a_well_known_network_has_the_nearest_recipe_of_the_space() -> None:
    """What it was published with need not be trainable, or permitted."""
    recipe = {
        "optimizer": ["sgd", "adamw"],
        "learning_rate": {"low": 0.01, "high": 0.1},
        "batch_size": [48, 96],
    }
    experiment = experiment_of("resnet-like", recipe={**recipe, "weight_decay": False})
    (founder,) = digits_space(experiment).founders
    assert reference_network("resnet-like").recipe.text == "sgd lr=.1 wd=.0001 batch=128 step init=he"
    assert founder.recipe.text == "sgd lr=.1 batch=96"
    free = experiment.space.recipe.fields
    for f in fields(founder.recipe):
        alleles = free.get(f.name)
        if alleles is None:
            assert getattr(founder.recipe, f.name) == f.default
        elif isinstance(alleles, Choice):
            assert getattr(founder.recipe, f.name) in alleles.values


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_given_founders_come_first_and_in_order(algorithm: str) -> None:
    texts = [f"conv{n}k3 | gap | sgd lr=.1" for n in (30, 20, 10)]
    found = first_candidates(experiment_of(*texts, algorithm=algorithm), 6)
    assert [candidate.request.genome.text for candidate in found[:3]] == texts
    assert {candidate.parents for candidate in found} == {()}
    assert {candidate.operators for candidate in found} == {()}
    assert len({candidate.request.genome.key for candidate in found}) == 6  # then drawn ones


def test_what_is_drawn_follows_from_its_ticket_alone() -> None:
    given = first_candidates(experiment_of(TEXT), 6)
    drawn = first_candidates(experiment_of(), 6)
    assert [c.request.genome for c in given[1:]] == [c.request.genome for c in drawn[1:]]


def test_a_founder_that_is_given_twice_is_asked_once() -> None:
    found = first_candidates(experiment_of(TEXT, TEXT, "conv8k3 | gap | sgd lr=.1"), 3)
    assert [c.request.genome.text for c in found[:2]] == [TEXT, "conv8k3 | gap | sgd lr=.1"]
    assert found[2].request.genome.text not in {TEXT, "conv8k3 | gap | sgd lr=.1"}


def test_founders_are_repaired_into_the_limits_and_that_is_recorded() -> None:
    texts = [
        "conv96k3 · drop.1 | gap | sgd lr=.1",
        "pool · pool · pool · pool · conv8k3 | gap | sgd lr=.1",
    ]
    experiment = experiment_of(*texts, limits={"parameters": 1000})
    space = digits_space(experiment)
    found = first_candidates(experiment, 2)
    for candidate, founder in zip(found, space.founders, strict=True):
        assert (candidate.request.genome, candidate.repairs) == space.repair(founder)
        counts = candidate.request.genome.counts(space.input_shape, 10)
        assert counts.parameters <= 1000
    assert [dict(candidate.repairs) for candidate in found] == [{"narrowed": 2}, {"inert": 1}]


def test_a_founders_gene_type_must_be_in_the_space(write: Write) -> None:
    start = 'name = "mine"\n[data]\nsource = "digits"\n[space]\npreset = "tiny"\n'
    path = write(f'{start}founders = ["tutorial", "mobile-like"]\n')
    message = (
        rf"^{path}:6: 'space.founders.1': genes of given chromosomes must be among \['conv', .*, but one was "
        r"'inv16k3e1' \(inverted_residual\); add its type to the space's layers"
    )
    with pytest.raises(ExperimentError, match=message):
        load_experiment(path)
    assert digits_space(experiment_of("mobile-like", preset="mobile"))


def test_a_space_refuses_genes_that_it_lacks() -> None:
    space = digits_space(experiment_of())
    message = (
        r"genes of given chromosomes must be among \['conv', .*, but one was 'inv16k3e1' \(inverted_resid"
    )
    with pytest.raises(SpaceError, match=message):
        replace(space, founders=(reference_network("mobile-like"),))


@pytest.mark.parametrize("algorithm", ["nsga2", "nsga2-generational"])
def test_there_are_no_more_founders_than_a_population_holds(algorithm: str) -> None:
    names = [f"conv{n}k3 | gap | sgd lr=.1" for n in range(8, 15)]
    message = "'space.founders': founders must be at most search.population, which is 6, but they were 7"
    with pytest.raises(ExperimentError, match=message):
        experiment_of(*names, algorithm=algorithm)
    for without in ("random", "tpe", "grid"):
        assert len(experiment_of(*names, algorithm=without).space.founders) == 7


def test_founders_of_own_genes_by_text(write: Write) -> None:
    write(OWN, "own_founder_gene.py")
    start = 'name = "mine"\n[data]\nsource = "digits"\n[space]\npreset = "tiny"\n'
    wide = '[space.layers.wide]\ngene = "own_founder_gene:Wide"\nfilters = 4\nkernel = 3\n'
    experiment = load_experiment(write(f'{start}founders = ["wide8k5 · pool | gap | sgd lr=.1"]\n{wide}'))
    (founder,) = digits_space(experiment).founders
    assert [gene.name() for gene in founder.layers] == ["wide", "pool"]


@pytest.mark.parametrize(
    ("founder", "message"),
    [
        ("tutoral", r"a reference network must be one of .* 'tutoral'; did you mean 'tutorial'\?$"),
        ("conv8k3 · pool", "a reference network must be one of .*, but it was 'conv8k3 · pool'; choose one"),
        (
            "conv8k3 | gap",
            r"must have three parts divided by '\|', but it was 'conv8k3 \| gap'; layers | head",
        ),
        ("conv8 | gap | sgd lr=.1", "'conv8' must be the text form of one of conv, "),
        ("conv8k3 | gp | sgd lr=.1", "'gp' must be the text form of one of head"),
        ("conv8k3 | gap | sgd", "'sgd' must be the text form of one of recipe"),
        ("conv8k3 | gap | sgd lr=0", "Recipe.learning_rate must be a finite number"),
    ],
)
def test_a_founder_that_cannot_be_read_is_told_with_its_line(
    founder: str, message: str, write: Write
) -> None:
    start = 'name = "mine"\n[data]\nsource = "digits"\n[space]\npreset = "tiny"\n'
    path = write(f'{start}founders = ["tutorial", "{founder}"]\n')
    with pytest.raises(ExperimentError, match=message) as caught:
        load_experiment(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:6: 'space.founders.1': ")


@pytest.mark.parametrize(
    ("founders", "message"),
    [
        ('"tutorial"', "'space.founders' must be a list, but it was 'tutorial'"),
        ("[5]", "'space.founders.0' must"),
    ],
)
def test_founders_are_a_list_of_texts(founders: str, message: str, write: Write) -> None:
    start = 'name = "mine"\n[data]\nsource = "digits"\n[space]\npreset = "tiny"\n'
    path = write(f"{start}founders = {founders}\n")
    with pytest.raises(ExperimentError, match=rf"^{path}:6: {message}"):
        load_experiment(path)


@pytest.mark.parametrize("prior", ["informed", "uniform"])
def test_the_prior_reaches_the_space(prior: str) -> None:
    assert digits_space(experiment_of(founder_prior=prior)).founder_prior == prior


def test_founders_breed() -> None:
    algorithm = build_parts(experiment_of(TEXT, "tutorial")).algorithm
    parents: set[int] = set()
    for ticket in range(40):
        candidate = algorithm.ask(ticket, np.random.default_rng(ticket))
        assert candidate is not None
        parents |= set(candidate.parents)
        accuracy = 0.9 if ticket < 2 else 0.5
        metrics = {"validation_accuracy": accuracy, "parameters": 100.0, "generalization_gap": 0.1}
        algorithm.tell(ticket, Evaluation(Status.OK, metrics))
    assert {0, 1} <= parents
