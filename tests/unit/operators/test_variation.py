"""What breeding applies, how often, and what it says of it."""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evocnn.errors import OperatorError
from evocnn.genotype import (
    Chromosome,
    Conv,
    GeneAlleles,
    Head,
    Limits,
    Link,
    Pool,
    Recipe,
    SearchSpace,
)
from evocnn.operators import AddGene, Offspring, OnePoint, Variation, Weighted

MOTHER = Chromosome((Conv(8, 3), Pool(), Conv(8, 5)), Head(), Recipe())
FATHER = Chromosome((Conv(16, 3), Pool(), Conv(16, 5)), Head("gap", (16,)), Recipe("adam"))
STRANGE = Chromosome(("conv8k3",), Head(), Recipe())  # type: ignore[arg-type]
STRANGE_GENE = "operator 'mine' must return a chromosome of the space's layer genes, but it was 'conv8k3'"


@pytest.fixture
def any_space(make_space: Callable[..., SearchSpace]) -> SearchSpace:
    return make_space()


def exchange(mother: Chromosome, father: Chromosome, space: object, rng: object) -> Any:
    return father, mother


def mix(mother: Chromosome, father: Chromosome, space: object, rng: object) -> Any:
    return replace(mother, head=father.head), replace(father, head=mother.head)


def keep(parent: Chromosome, space: object, rng: object) -> Chromosome:
    return parent


def change(parent: Chromosome, space: object, rng: object) -> Chromosome:
    recipe = parent.recipe
    return replace(parent, recipe=recipe.having(learning_rate=recipe.learning_rate / 2))


def names_of(variation: Variation, space: SearchSpace, n: int = 200) -> Counter[tuple[str, ...]]:
    rng = np.random.default_rng(0)
    return Counter(variation.breed(MOTHER, FATHER, space, rng).operators for _ in range(n))


def bred(variation: Variation, space: SearchSpace, seed: int = 0) -> Offspring:
    return variation.breed(MOTHER, FATHER, space, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("crossover_rate", "mutation_rate", "names"),
    [
        (1.0, 1.0, {("cross", "change")}),
        (1.0, 0.0, {("cross",)}),
        (0.0, 0.0, {("change",)}),  # one of a single parent is always mutated
        (0.5, 0.5, {("cross", "change"), ("cross",), ("change",)}),
    ],
)
def test_the_operators_that_made_an_offspring_are_named(
    any_space: SearchSpace, crossover_rate: float, mutation_rate: float, names: set[tuple[str, ...]]
) -> None:
    variation = Variation(
        [Weighted("cross", mix)], [Weighted("change", change)], crossover_rate, mutation_rate
    )
    assert set(names_of(variation, any_space)) == names


def test_rates_and_weights_are_kept(any_space: SearchSpace) -> None:
    # Binomial, 5 standard deviations, four shares: a false alarm in fewer than 1 of 400,000 seeds.
    variation = Variation(
        [Weighted("cross", mix)],
        [Weighted("rare", change, 0.5), Weighted("frequent", change, 1.5)],
        crossover_rate=0.3,
        mutation_rate=0.6,
    )
    n = 2000
    counts = names_of(variation, any_space, n)
    for names, share in (
        (("cross",), 0.3 * 0.4),
        (("cross", "frequent"), 0.3 * 0.6 * 0.75),
        (("rare",), 0.7 * 0.25),
        (("frequent",), 0.7 * 0.75),
    ):
        assert abs(counts[names] - n * share) < 5 * math.sqrt(n * share * (1 - share))


def test_either_offspring_of_a_crossover_is_taken(any_space: SearchSpace) -> None:
    variation = Variation([Weighted("cross", mix)], [], crossover_rate=1.0)
    found = {bred(variation, any_space, seed).genome for seed in range(30)}
    assert found == set(mix(MOTHER, FATHER, None, None))


def test_an_offspring_takes_after_the_parent_whose_layers_it_begins_with(any_space: SearchSpace) -> None:
    variation = Variation([Weighted("mix", mix)], [], crossover_rate=1.0)
    found = [bred(variation, any_space, seed) for seed in range(20)]
    assert {child.takes_after for child in found} == {0, 1}
    for child in found:
        assert child.genome.layers == (MOTHER, FATHER)[child.takes_after].layers


def test_an_offspring_of_the_mother_alone_takes_after_her(any_space: SearchSpace) -> None:
    for crossovers in ([], [Weighted("exchange", exchange)]):  # which may return her as the father's
        variation = Variation(crossovers, [Weighted("change", change)], crossover_rate=1.0)
        found = [bred(variation, any_space, seed) for seed in range(20)]
        assert {child.takes_after for child in found if child.n_parents == 1} == {0}


def both(variation: Variation, space: SearchSpace, seed: int = 0) -> tuple[Offspring, Offspring]:
    return variation.breed_both(MOTHER, FATHER, space, np.random.default_rng(seed))


def test_both_offspring_of_one_crossover_are_taken(any_space: SearchSpace) -> None:
    cuts = [
        both(Variation([Weighted("cut", OnePoint())], [], 1.0, 0.0), any_space, seed) for seed in range(9)
    ]
    for first, second in cuts:
        assert {*first.genome.layers, *second.genome.layers} == {*MOTHER.layers, *FATHER.layers}
    assert len({first.genome for first, _ in cuts}) > 1
    mixed = both(Variation([Weighted("mix", mix)], [], 1.0, 0.0), any_space)
    assert mixed == tuple(Offspring(one, ("mix",), 2, {}, 0) for one in mix(MOTHER, FATHER, None, None))


def test_without_crossover_each_parent_has_an_offspring_of_its_own(any_space: SearchSpace) -> None:
    for crossovers in ([], [Weighted("keep", lambda *parents: parents[:2])]):  # or one that changes nothing
        made = both(Variation(crossovers, [Weighted("change", change)], 1.0), any_space)
        changed = [change(parent, None, None) for parent in (MOTHER, FATHER)]
        assert made == tuple(Offspring(one, ("change",), 1, {}, 0) for one in changed)


def test_both_offspring_are_mutated_and_repaired_each_for_itself(any_space: SearchSpace) -> None:
    def litter(parent: Chromosome, space: object, rng: np.random.Generator) -> Chromosome:
        links = [Link(12)] * int(rng.integers(3))
        return replace(change(parent, None, None), layers=(*parent.layers, *links))

    variation = Variation([Weighted("mix", mix)], [Weighted("litter", litter)], 1.0, 0.5)
    found = [both(variation, any_space, seed) for seed in range(60)]
    assert {tuple(len(one.operators) for one in pair) for pair in found} == {(1, 1), (1, 2), (2, 1), (2, 2)}
    repairs = {tuple(one.repairs.get("inert", 0) for one in pair) for pair in found}
    assert {(0, 1), (1, 0), (1, 2), (2, 1)} <= repairs


def test_a_crossover_that_only_returns_its_parents_is_followed_by_a_mutation_and_not_named(
    any_space: SearchSpace,
) -> None:
    variation = Variation([Weighted("cross", exchange)], [Weighted("change", change)], 1.0, mutation_rate=0.0)
    found = [bred(variation, any_space, seed) for seed in range(20)]
    assert {child.operators for child in found} == {("change",)}
    assert {child.n_parents for child in found} == {1, 2}  # the mother alone, or as if from both
    changed = {change(parent, None, None) for parent in (MOTHER, FATHER)}
    assert {child.genome for child in found} == changed


def test_a_mutation_that_changes_nothing_gives_way_to_another(any_space: SearchSpace) -> None:
    mutations = [Weighted("keep", keep, 1e6), Weighted("change", change, 1e-6), Weighted("too", keep, 1e6)]
    for crossover_rate, names in ((0.0, ("change",)), (1.0, ("cross", "change"))):
        variation = Variation([Weighted("cross", mix)], mutations, crossover_rate, 1.0)
        assert set(names_of(variation, any_space, 20)) == {names}


def test_a_mutation_back_to_a_parent_gives_way_to_another(any_space: SearchSpace) -> None:
    def go_back(parent: Chromosome, space: object, rng: object) -> Chromosome:
        return FATHER if parent.layers == MOTHER.layers else MOTHER

    mutations = [Weighted("back", go_back, 1e6), Weighted("change", change, 1e-6)]
    assert set(names_of(Variation([Weighted("cross", mix)], mutations, 1.0, 1.0), any_space, 20)) == {
        ("cross", "change")
    }


def test_each_mutation_is_tried_once(any_space: SearchSpace) -> None:
    tried: list[str] = []

    def trying(name: str) -> Any:
        return lambda parent, space, rng: tried.append(name) or parent

    variation = Variation([], [Weighted(name, trying(name)) for name in "abc"], crossover_rate=0.0)
    child = bred(variation, any_space)
    assert sorted(tried) == ["a", "b", "c"]
    assert child == (MOTHER, (), 1, {}, 0)


def test_without_operators_the_mother_is_repaired(any_space: SearchSpace) -> None:
    large = Chromosome((Conv(32, 3), Conv(32, 5), Conv(32, 5)), Head(), Recipe())
    child = Variation([], []).breed(large, FATHER, any_space, np.random.default_rng(0))
    assert child.operators == ()
    assert child.genome == any_space.repair(large).genome != large


def test_offspring_are_repaired(make_space: Callable[..., SearchSpace]) -> None:
    space = make_space(limits=Limits(parameters=3000, depth=6))
    variation = Variation([Weighted("cross", OnePoint())], [Weighted("add", AddGene())])
    rng = np.random.default_rng(2)
    child = MOTHER
    for _ in range(100):
        child = variation.breed(child, FATHER, space, rng).genome
        assert space.repair(child).genome == child
        assert space.limits.excess(child.counts(space.input_shape, space.n_classes))[0] <= 1


@pytest.mark.parametrize(("crossover_rate", "inert"), [(0.0, 1), (1.0, 2)])
def test_what_was_repaired_behind_each_operator_is_added_up(
    any_space: SearchSpace, crossover_rate: float, inert: int
) -> None:
    def littered(parent: Chromosome) -> Chromosome:
        return replace(change(parent, None, None), layers=(*parent.layers, Link(12)))

    variation = Variation(
        [Weighted("cross", lambda mother, father, space, rng: (littered(mother), littered(father)))],
        [Weighted("change", lambda parent, space, rng: littered(parent))],
        crossover_rate,
        1.0,
    )
    child = bred(variation, any_space)
    assert child.repairs == {"inert": inert}
    assert Link(12) not in child.genome.layers


def broken(*arguments: object) -> Any:
    message = "own fault"
    raise KeyError(message)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            None,
            f"operator 'mine' must return a chromosome, but it was None on {re.escape(MOTHER.text)}; ",
        ),
        ("conv8k3", "operator 'mine' must return a chromosome, but it was 'conv8k3'"),
        ((MOTHER, FATHER), r"operator 'mine' must return a chromosome, but it was \(Chromosome"),
        (Chromosome([Conv(8, 3)], Head(), Recipe()), "operator 'mine' must return a chromosome"),  # type: ignore[arg-type]
        (STRANGE, STRANGE_GENE),
        (Chromosome((Head(),), Head(), Recipe()), "of the space's layer genes, but it was Head"),  # type: ignore[arg-type]
        (
            Chromosome((), "gap", Recipe()),
            "operator 'mine' must return a chromosome with a head and a recipe",
        ),  # type: ignore[arg-type]
        (Chromosome((), Head(), None), "operator 'mine' must return a chromosome with a head and a recipe"),  # type: ignore[arg-type]
    ],
)
def test_a_mutation_that_returns_nonsense_is_named(
    any_space: SearchSpace, returned: Any, message: str
) -> None:
    """To see it fail: take the first check out of `_checked`."""
    variation = Variation([], [Weighted("mine", lambda *_: returned)])
    with pytest.raises(OperatorError, match=message):
        variation.breed(MOTHER, FATHER, any_space, np.random.default_rng(0))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "operator 'mine' must return a pair of chromosomes, but it was None"),
        (MOTHER, "operator 'mine' must return a pair of chromosomes"),
        ((MOTHER,), "operator 'mine' must return a pair of chromosomes"),
        ([MOTHER, FATHER], "operator 'mine' must return a pair of chromosomes"),
        ((None, None), "operator 'mine' must return a chromosome, but it was None"),
        ((STRANGE, STRANGE), STRANGE_GENE),
    ],
)
@pytest.mark.parametrize("mutation_rate", [0.0, 1.0])
def test_a_crossover_that_returns_nonsense_is_named(
    any_space: SearchSpace, returned: Any, message: str, mutation_rate: float
) -> None:
    """To see it fail: take the check of genes out of `_checked`."""
    crossovers, mutations = [Weighted("mine", lambda *_: returned)], [Weighted("change", AddGene())]
    variation = Variation(crossovers, mutations, 1.0, mutation_rate)
    with pytest.raises(OperatorError, match=message):  # and not the mutation that it was handed to
        variation.breed(MOTHER, FATHER, any_space, np.random.default_rng(0))


@pytest.mark.fault
@pytest.mark.parametrize("crossover_rate", [0.0, 1.0])
def test_an_operator_that_raises_is_named_with_its_parents(
    any_space: SearchSpace, crossover_rate: float
) -> None:
    """To see it fail: catch nothing in `_applied`."""
    variation = Variation([Weighted("cross", broken)], [Weighted("change", broken)], crossover_rate)
    name = "cross" if crossover_rate else "change"
    with pytest.raises(
        OperatorError, match=f"operator '{name}' must return .* it raised KeyError.'own fault'"
    ) as raised:
        variation.breed(MOTHER, FATHER, any_space, np.random.default_rng(0))
    assert isinstance(raised.value.__cause__, KeyError)
    assert MOTHER.text in str(raised.value)
    assert (FATHER.text in str(raised.value)) == bool(crossover_rate)

    line = f"{__file__}:{broken.__code__.co_firstlineno + 2} (raise KeyError(message))"
    assert f"KeyError('own fault') at {line} on " in str(raised.value)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("attribute", "value"), [("layers", ()), ("layers", [Conv(8, 3)]), ("recipe", Recipe("adam"))]
)
def test_an_operator_that_changes_its_parent_is_named(
    any_space: SearchSpace, attribute: str, value: object
) -> None:
    """To see it fail: compare no hashes in `_applied`."""

    def meddle(parent: Chromosome, *_: object) -> Chromosome:
        child = replace(parent)
        object.__setattr__(parent, attribute, value)
        return child

    parent = replace(MOTHER)
    with pytest.raises(
        OperatorError, match=f"operator 'mine' .* it changed {re.escape(parent.text)}; build the offspring"
    ):
        Variation([], [Weighted("mine", meddle)]).breed(parent, FATHER, any_space, np.random.default_rng(0))


def test_breeding_follows_from_the_stream_alone(any_space: SearchSpace) -> None:
    variation = Variation([Weighted("cross", OnePoint())], [Weighted("add", AddGene())])
    runs = [
        [variation.breed(MOTHER, FATHER, any_space, rng) for _ in range(20)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    ]
    assert runs[0] == runs[1]
    assert len({child.genome for child in runs[0]}) > 5


def test_a_gene_of_another_space_is_refused(make_space: Callable[..., SearchSpace]) -> None:
    space = make_space(layers=(GeneAlleles(Pool, {}),), limits=Limits())
    with pytest.raises(
        OperatorError, match="operator 'keep' must return a chromosome of the space's layer genes"
    ):
        Variation([], [Weighted("keep", keep)]).breed(MOTHER, FATHER, space, np.random.default_rng(0))


@pytest.mark.parametrize(("crossover_rate", "n_parents"), [(0.0, 1), (1.0, 2)])
def test_only_a_crossover_has_two_parents(
    any_space: SearchSpace, crossover_rate: float, n_parents: int
) -> None:
    variation = Variation([Weighted("cross", OnePoint())], [Weighted("add", AddGene())], crossover_rate)
    assert bred(variation, any_space).n_parents == n_parents


def test_the_parents_of_these_tests_need_no_repair(any_space: SearchSpace) -> None:
    assert [any_space.repair(parent) for parent in (MOTHER, FATHER)] == [(MOTHER, {}), (FATHER, {})]
