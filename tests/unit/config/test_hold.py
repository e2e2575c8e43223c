"""`evolve` and `hold`: which segments evolve, the mistakes one can make, and that the others stay as held."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import own_gene

from evocnn.config import Experiment, load_experiment, space_of
from evocnn.config.operator_names import (
    DEFAULT_CROSSOVERS,
    DEFAULT_MUTATIONS,
    default_crossovers,
    default_mutations,
)
from evocnn.config.parts import algorithm_of, objectives_of
from evocnn.config.space import SEGMENTS
from evocnn.errors import ExperimentError, SpaceError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Chromosome, Conv, Fidelity, Head, Held, Pool, Recipe, SearchSpace
from evocnn.operators import RATES, Variation

Write = Callable[..., Path]
START = 'name = "mine"\n[data]\nsource = "digits"\n[space]\npreset = "tiny"\n'  # five lines
TEXTS = {
    "layers": "conv16k3 · pool · conv32k3",
    "head": "flatten dense32 drop.2",
    "recipe": "adamw lr=.002 batch=32",
}
VALUES: dict[str, Any] = {
    "layers": (Conv(16, 3), Pool(), Conv(32, 3)),
    "head": Head("flatten", (32,), 0.2),
    "recipe": Recipe("adamw", 0.002, batch_size=32),
}
EVOLVING = [evolve for n in (1, 2) for evolve in combinations(SEGMENTS, n)]


def held_but(evolve: tuple[str, ...], **space: Any) -> Experiment:
    """Return an experiment in which the other segments are held."""
    hold = {segment: text for segment, text in TEXTS.items() if segment not in evolve}
    tables = {"preset": "tiny", "evolve": list(evolve), "hold": hold, **space}
    return Experiment.from_dict({"name": "mine", "data": {"source": "digits"}, "space": tables})


def digits_space(experiment: Experiment) -> SearchSpace:
    return space_of(experiment, (1, 8, 8), 10)


# What follows the start of the file, the line that is named, the key, and what is said of it.
HELD_HEAD, HELD_LAYERS = f'head = "{TEXTS["head"]}"', f'layers = "{TEXTS["layers"]}"'
NO_LAYERS = 'evolve = ["head", "recipe"]\n'
NO_HEAD = 'evolve = ["layers", "recipe"]\n'
NO_RECIPE = 'evolve = ["layers", "head"]\n'
MISTAKES = [
    (
        NO_LAYERS,
        4,
        "hold.layers",
        "layers must have a value where it does not evolve, but it had none; write",
    ),
    (NO_LAYERS, 4, "hold.layers", 'write its text form, such as layers = "conv32k3 · pool2 · conv64k3"$'),
    (NO_HEAD, 4, "hold.head", 'head must have a value .*, such as head = "gap dense64"$'),
    (f"{NO_RECIPE}[space.hold]", 7, "hold.recipe", 'recipe must have a value .*, such as recipe = "adamw'),
    (f"[space.hold]\n{HELD_HEAD}", 7, "hold.head", "head must be held or evolve, but it does both; take it"),
    (f"hold = {{ {HELD_LAYERS} }}", 6, "hold.layers", "layers must be held or evolve, but it does both;"),
    (
        f'{NO_LAYERS}[space.hold]\nlayers = "conv16 · pool"',
        8,
        "hold.layers",
        "'conv16' must be the text form",
    ),
    (
        f'{NO_LAYERS}[space.hold]\nlayers = "conv16k4"',
        8,
        "hold.layers",
        "kernel of Conv must be odd with same",
    ),
    (f'{NO_LAYERS}[space.hold]\nlayers = ""', 8, "hold.layers", "'' must be the text form of one of conv,"),
    (f'{NO_HEAD}[space.hold]\nhead = "gapp"', 8, "hold.head", "'gapp' must be the text form of one of head,"),
    (
        f'{NO_RECIPE}[space.hold]\nrecipe = "adamw lr=0"',
        8,
        "hold.recipe",
        "Recipe.learning_rate must be a fin",
    ),
    (f"{NO_RECIPE}[space.hold]\nrecipe = 5", 8, "hold.recipe", "must be a valid string, but it was 5;"),
    (f'{NO_RECIPE}[space.hold]\nrecip = "sgd lr=1"', 8, "hold.recip", "is not known; .* mean 'recipe'"),
    ('evolve = ["layer", "head"]', 6, "evolve.0", "must be 'layers', .* 'layer'; did you mean 'layers'"),
    ('evolve = "layers"', 6, "evolve", "must be a list, but it was 'layers';"),
    ("evolve = []", 6, "evolve", r"evolve must name a segment, but it was \[\]; name layers, head or recipe"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[0])
def test_a_mistake_is_told_with_its_line(mistake: tuple[str, int, str, str], write: Write) -> None:
    text, line, key, message = mistake
    path = write(f"{START}{text}\n")
    with pytest.raises(ExperimentError, match=message) as caught:
        load_experiment(path)
    assert str(caught.value).splitlines()[0].startswith(f"{path}:{line}: 'space.{key}'")


def test_each_mistake_is_told_once_at_its_own_segment(write: Write) -> None:
    hold = f'[space.hold]\nlayers = "cnv8"\nhead = "{TEXTS["head"]}"\nrecipe = "sgd"\n'
    path = write(f'{START}evolve = ["head"]\n{hold}')
    with pytest.raises(ExperimentError, match="cnv8") as caught:
        load_experiment(path)
    found = [line.split("'")[:2] for line in str(caught.value).splitlines()]
    assert found == [
        [f"{path}:8: ", "space.hold.layers"],
        [f"{path}:9: ", "space.hold.head"],
        [f"{path}:10: ", "space.hold.recipe"],
    ]


@pytest.mark.parametrize("evolve", EVOLVING, ids="-".join)
def test_what_is_held_arrives_in_the_space(evolve: tuple[str, ...]) -> None:
    held = {segment: value for segment, value in VALUES.items() if segment not in evolve}
    assert digits_space(held_but(evolve)).held == Held(**held)


def test_everything_evolves_unless_something_is_said() -> None:
    experiment = held_but(SEGMENTS)
    assert experiment.space.held == digits_space(experiment).held == Held()


def test_a_segment_with_a_single_value_need_not_be_held() -> None:
    """And a founder with another value is given that one."""
    space = {
        "evolve": ["layers"],
        "founders": ["conv8k3 | flatten dense16 | adam lr=.5"],
        "layers": {"conv": {"filters": [8, 16], "kernel": 3}},
        "head": {"units": [[8]]},
    }
    experiment = Experiment.from_dict({"name": "mine", "data": {"source": "digits"}, "space": space})
    assert experiment.space.held == Held(head=Head(units=(8,)), recipe=Recipe())
    made = digits_space(experiment)
    founder, changes = made.repair(made.founders[0])
    assert (founder.text, changes) == ("conv8k3 | gap dense8 | sgd lr=.05", {"held": 1})


def test_held_layers_bring_their_gene_types() -> None:
    tables = {
        "evolve": ["recipe"],
        "hold": {"layers": "conv8k4 valid · conv8k3 · pool · inv8k3e2", "head": "gap"},
    }
    experiment = Experiment.from_dict({"name": "mine", "data": {"source": "digits"}, "space": tables})
    space = digits_space(experiment)
    assert [gene.name() for gene in space.genes] == ["conv", "pool", "inverted_residual"]
    chromosome = space.sample(np.random.default_rng(0))
    assert chromosome.text.startswith("conv8k4 valid · conv8k3 · pool · inv8k3e2 | gap | ")
    assert space.repair(chromosome) == (chromosome, {})


def test_layers_with_own_genes_can_be_held(write: Write) -> None:
    counts = "Counts(parameters=shape.channels // self.size, activations=shape.size)"
    write(own_gene(counts=counts), "own_gate.py")
    hold = '[space.hold]\nlayers = "conv8k3 · own2 · pool · own"\nhead = "gap"\n'
    own = '[space.layers.own]\ngene = "own_gate:Own"\n'
    text = f'name = "mine"\n[data]\nsource = "digits"\n[space]\nevolve = ["recipe"]\n{hold}{own}'
    recipe = '[space.recipe]\noptimizer = ["sgd", "adam"]\nlearning_rate = { low = 0.01, high = 0.1 }\n'
    experiment = load_experiment(write(text + recipe))
    space = digits_space(experiment)
    assert [gene.name() for gene in space.genes] == ["own", "conv", "pool"]
    children = bred(experiment, space, 40)
    assert {child.text.split(" | ")[0] for child in children} == {"conv8k3 · own2 · pool · own"}
    assert all(space.from_json(child.to_json()) == child for child in children)


def test_own_genes_must_be_named_to_be_held(write: Write) -> None:
    path = write(f'{START}evolve = ["head", "recipe"]\n[space.hold]\nlayers = "conv8k3 · gate2"\n')
    with pytest.raises(
        ExperimentError, match=rf"^{path}:8: 'space.hold.layers': 'gate2' must be the text form"
    ):
        load_experiment(path)


def test_held_layers_beyond_the_depth_limit_are_refused() -> None:
    experiment = held_but(("head", "recipe"), hold={"layers": " · ".join(["conv8k3"] * 9)})
    with pytest.raises(
        SpaceError, match="held layers must be within the depth limit 8, but they were 9; raise"
    ):
        digits_space(experiment)


def bred(experiment: Experiment, space: SearchSpace, n: int) -> list[Chromosome]:
    """Return the first offspring of a search in which figures are random; the founders are not among them."""
    return [candidate.request.genome for candidate in asked(experiment, space, n)]


def asked(experiment: Experiment, space: SearchSpace, n: int) -> list[Any]:
    algorithm = algorithm_of(experiment, space, objectives_of(experiment, 0.1, 100), Fidelity(1, 10))
    figures = np.random.default_rng(5)
    candidates: list[Any] = []
    ticket = 0
    while len(candidates) < n:
        candidate = algorithm.ask(ticket, np.random.default_rng([ticket, 3]))
        assert candidate is not None
        assert isinstance(candidate.request, EvaluationRequest)
        if candidate.operators:
            candidates.append(candidate)
        accuracy, size, gap = figures.random(3)
        metrics = {"validation_accuracy": accuracy, "parameters": 10_000 * size, "generalization_gap": gap}
        algorithm.tell(ticket, Evaluation(Status.OK, metrics))
        ticket += 1
        assert ticket < 3 * n + 100
    return candidates


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("evolve", EVOLVING, ids="-".join)
def test_held_segments_stay_as_held_in_every_offspring(evolve: tuple[str, ...], rates: str) -> None:
    space = digits_space(held_but(evolve))
    variation = Variation(default_crossovers(evolve), default_mutations(evolve), rates=RATES[rates]())
    rng = np.random.default_rng(6)
    population = [space.sample(rng) for _ in range(8)]
    used: set[str] = set()
    for n in range(200):
        mother, father = (population[int(i)] for i in rng.integers(8, size=2))
        child = variation.breed(mother, father, space, rng)
        variation.learn(child.operators, succeeded=bool(n % 2))
        for segment in set(SEGMENTS) - set(evolve):
            assert getattr(child.genome, segment) == VALUES[segment]
        population[n % 8] = child.genome
        used |= set(child.operators)
    permitted = {name for segment in evolve for name in DEFAULT_MUTATIONS[segment]}
    assert used <= permitted | set(DEFAULT_CROSSOVERS)
    assert len(used & permitted) > len(permitted) / 2


def test_a_search_without_mutations_of_its_own_has_those_of_the_segments_that_evolve() -> None:
    experiment = held_but(("recipe",))
    used = {name for c in asked(experiment, digits_space(experiment), 60) for name in c.operators}
    assert used >= {"alter_recipe", "resample_recipe"}
    assert used - set(DEFAULT_CROSSOVERS) == {"alter_recipe", "resample_recipe"}


def test_default_mutations_are_those_of_the_segments_that_evolve() -> None:
    assert [one.name for one in default_mutations(("head",))] == ["alter_head"]
    assert {one.name: one.weight for one in default_mutations(("recipe",))} == DEFAULT_MUTATIONS["recipe"]
    all_of_them = {name: share for one in SEGMENTS for name, share in DEFAULT_MUTATIONS[one].items()}
    assert {one.name: one.weight for one in default_mutations(SEGMENTS)} == all_of_them
    assert default_mutations(("head", "head")) == default_mutations(("head",))
    assert {one.name: one.weight for one in default_crossovers(SEGMENTS)} == DEFAULT_CROSSOVERS
    without = set(DEFAULT_CROSSOVERS) - {one.name for one in default_crossovers(("head",))}
    assert without == {"homologous", "blend_recipe"}  # of layers alone, of the recipe alone


def test_mutations_that_a_file_names_are_used_whatever_evolves() -> None:
    experiment = held_but(("layers",))
    search = {"mutation": ["widen", "narrow"], "crossover": [], "population": 4}
    experiment = Experiment.from_dict({**experiment.tables, "search": search})
    candidates = asked(experiment, digits_space(experiment), 30)
    assert {name for candidate in candidates for name in candidate.operators} == {"widen", "narrow"}


def test_the_text_forms_of_the_hints_can_be_read() -> None:
    from evocnn.config.space import _EXAMPLES

    for segment in SEGMENTS:
        held = held_but((segment,), hold={k: v for k, v in _EXAMPLES.items() if k != segment}).space.held
        assert (held.layers is None, held.head is None, held.recipe is None) == tuple(
            segment == name for name in SEGMENTS
        )


@pytest.mark.parametrize(
    ("evolve", "mutation", "segment"),
    [
        (("recipe",), "add_gene", "layers"),
        (("recipe",), "net_widen", "layers"),
        (("layers",), "alter_head", "head"),
        (("head", "layers"), "alter_recipe", "recipe"),
    ],
)
def test_a_named_mutation_acts_on_what_evolves(evolve: tuple[str, ...], mutation: str, segment: str) -> None:
    tables = held_but(evolve).tables
    message = f"'search.mutation.0': a mutation must act on what evolves, .* '{mutation}' acts on {segment};"
    with pytest.raises(ExperimentError, match=message):
        Experiment.from_dict({**tables, "search": {"mutation": [mutation]}})
