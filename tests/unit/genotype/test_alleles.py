"""Alleles: drawing, stepping, shrinking, and what is refused."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evocnn.errors import GeneError, SpaceError
from evocnn.genotype import (
    Choice,
    Conv,
    Dropout,
    GeneAlleles,
    Head,
    LayerGene,
    Pool,
    Range,
    Recipe,
    Residual,
    number,
)


class Rigged:
    """A random stream whose draws are given."""

    def __init__(self, *draws: Any) -> None:
        self.draws = list(draws)

    def random(self) -> Any:
        return self.draws.pop(0)

    def standard_normal(self) -> Any:
        return self.draws.pop(0)

    def integers(self, n: int) -> Any:
        assert 0 <= self.draws[0] < n
        return self.draws.pop(0)


def steps(alleles: Choice, value: Any) -> set[Any]:
    return {alleles.step(value, np.random.default_rng(seed)) for seed in range(60)}


def test_numbers_are_put_in_order_without_repeats() -> None:
    assert Choice((16, 4, 8, 4)).values == (4, 8, 16)
    assert Choice(((32, 16), (64,), (), (16,))).values == ((), (16,), (32, 16), (64,))
    assert Choice(("valid", "same", "valid")).values == ("valid", "same")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4, {8}),
        (8, {4, 16}),
        (64, {16}),
        (5, {4, 8, 16, 64}),  # no allele: whatever is one
    ],
)
def test_a_step_among_numbers_goes_to_a_neighbour(value: int, expected: set[int]) -> None:
    assert steps(Choice((64, 4, 16, 8)), value) == expected


def test_a_step_among_words_goes_to_any_other() -> None:
    assert steps(Choice(("relu", "gelu", "silu")), "gelu") == {"relu", "silu"}


def test_a_step_where_there_is_one_allele_stays() -> None:
    assert steps(Choice((3,)), 3) == {3}
    assert steps(Choice(("same",)), "same") == {"same"}


def test_a_step_in_a_real_field_finds_alleles_written_as_whole_numbers() -> None:
    assert steps(Choice((0, 1, 2)), 1.0) == {0, 2}


@pytest.mark.parametrize(("value", "expected"), [(64, 16), (16, 8), (20, 16), (4, None), (2, None)])
def test_the_next_smaller_allele(value: int, expected: int | None) -> None:
    assert Choice((4, 8, 16, 64)).smaller(value) == expected


def test_lists_are_smaller_by_their_sum() -> None:
    units = Choice(((), (16,), (32, 16), (64,)))
    assert units.smaller((64,)) == (32, 16)
    assert units.smaller((40, 1)) == (16,)
    assert units.smaller(()) is None


def test_a_choice_is_uniform() -> None:
    # Binomial, 5 standard deviations: a false alarm in fewer than 1 of 400,000 seeds.
    n, rng = 8000, np.random.default_rng(1)
    counts = Counter(Choice((1, 2, 3, 4)).sample(rng) for _ in range(n))
    assert all(abs(counts[v] - n / 4) < 5 * math.sqrt(n * 3 / 16) for v in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("alleles", "position"),
    [
        (Range(2, 5), lambda value: (value - 2) / 3),
        (Range(-3, 1), lambda value: (value + 3) / 4),
        (Range(1e-4, 1, log=True), lambda value: 1 + math.log10(value) / 4),
    ],
)
def test_a_range_is_uniform_on_its_own_scale(alleles: Range, position: Any) -> None:
    # Binomial, 5 standard deviations in each of 10 bins: a false alarm in fewer than 1 of 170,000 seeds.
    n, rng = 8000, np.random.default_rng(2)
    positions = [position(alleles.sample(rng)) for _ in range(n)]
    counts, _ = np.histogram(positions, bins=10, range=(-1e-9, 1 + 1e-9))
    assert counts.sum() == n
    assert np.abs(counts - n / 10).max() < 5 * math.sqrt(n * 0.09)


@pytest.mark.parametrize(
    ("alleles", "draw", "expected"),
    [
        (Range(0, 1), 0.123456, 0.123),
        (Range(0, 1), 0.000123456, 0.000123),
        (Range(0, 100), 0.98765, 98.8),
        (Range(0, 100000), 0.98765, 98800),
        (Range(-1, 1), 0.123456, -0.753),
        (Range(0, 1), 0.0, 0.0),
        (Range(0.01, 1, log=True), 0.25, 0.0316),
        (Range(0.12345, 0.5), 0.0, 0.12345),  # a bound is kept, whatever its digits
        (Range(0.1, 0.12345), 0.99999, 0.123),
        (Range(0.1, 0.12351), 0.99999, 0.12351),
    ],
)
def test_a_range_gives_three_significant_digits(alleles: Range, draw: float, expected: float) -> None:
    assert alleles.sample(Rigged(draw)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alleles", "value", "normal", "expected"),
    [
        (Range(0, 1), 0.5, 1.0, 0.75),
        (Range(0, 1), 0.5, -1.0, 0.25),
        (Range(0, 1), 0.9, 1.0, 0.85),  # 1.15, reflected at 1
        (Range(0, 1), 0.1, -1.0, 0.15),  # -0.15, reflected at 0
        (Range(0, 1), 0.5, 8.0, 0.5),  # 2.5: reflected at 1 and at 0
        (Range(-1, 1), -0.5, 1.0, 0.0),
        (Range(-4, -2), -3, -1.0, -3.5),
        (Range(10, 30), 20, 1.0, 25.0),
        (Range(0.0001, 1, log=True), 0.01, 1.0, 0.1),
        (Range(0.0001, 1, log=True), 0.1, 2.0, 0.1),  # two steps of a decade, reflected at 1
    ],
)
def test_a_step_in_a_range_is_a_quarter_of_it_a_standard_deviation(
    alleles: Range, value: float, normal: float, expected: float
) -> None:
    assert alleles.step(value, Rigged(normal)) == pytest.approx(expected)  # type: ignore[arg-type]


def test_a_step_from_off_a_log_scale_leads_onto_it() -> None:
    alleles = Range(0.0001, 1, log=True)
    for value in (0.0, 1e-300, 1e300):
        assert 0.0001 <= alleles.step(value, Rigged(0.3)) <= 1  # type: ignore[arg-type, operator]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0, 1), st.floats(-50, 50), st.booleans())
def test_a_range_keeps_its_bounds(low: float, extent: float, draw: float, normal: float, log: bool) -> None:
    low = abs(low) + 1e-6 if log else low
    alleles = Range(low, low + extent, log=log)
    value = alleles.sample(Rigged(draw))  # type: ignore[arg-type]
    assert alleles.low <= value <= alleles.high  # type: ignore[operator]
    assert alleles.low <= alleles.step(value, Rigged(normal)) <= alleles.high  # type: ignore[arg-type, operator]


@pytest.mark.parametrize(
    ("low", "high", "log", "message"),
    [
        (1, 1, False, r"a range must rise from low to high, but it was \[1, 1\]; exchange"),
        (2, 1, False, r"must rise from low to high, but it was \[2, 1\]"),
        (float("nan"), 1, False, r"must rise from low to high, but it was \[nan, 1\]"),
        (0, 1, True, r"must rise from low to high, above 0 on a log scale, but it was \[0, 1\]"),
        (-1, 1, True, "above 0 on a log scale"),
    ],
)
def test_a_range_without_extent_is_refused(low: float, high: float, log: bool, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Range(low, high, log=log)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), r"alleles must hold at least one value, but they were \[\]"),
        (({},), "an allele must be a number, a word or numbers, but it was {}"),
        ((3, None), "an allele must be .* but it was None"),
        ((True,), "an allele must be .* but it was True"),
        (((16, "a"),), r"an allele must be .* but it was \(16, 'a'\)"),
        (((16, [8]),), r"an allele must be .* but it was \(16, \[8\]\)"),
    ],
)
def test_values_that_are_no_alleles_are_refused(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Choice(values)


CONV = GeneAlleles(
    Conv, {"filters": Choice((8, 16, 32)), "kernel": Choice((3,)), "activation": Choice(("relu", "gelu"))}
)


@pytest.mark.parametrize(
    ("gene", "alleles", "message"),
    [
        (
            Conv,
            {"filter": Choice((8,))},
            r"a field of conv must be one of .* but it was 'filter'.*'filters'\?",
        ),
        (Conv, {"zzz": Choice((8,))}, "a field of conv must be one of .* 'zzz'; correct the name"),
        (Conv, {"filters": Choice((8,))}, r"conv must have alleles for \['kernel'\], but had none"),
        (Pool, {"size": Choice((2, 1))}, r"an allele is refused: Pool\.size must be a whole"),
        (Pool, {"size": Choice((2, "a"))}, r"an allele is refused: Pool\.size must be a whole"),
        (Pool, {"size": Range(2, 5)}, "must be whole numbers, but they were a range from 2 to 5; list them"),
        (
            Dropout,
            {"rate": Range(0, 1)},
            r"an allele is refused: .* below 1, but it was 1\.0",
        ),
        (
            Conv,  # each beside the first of the other is legal, the pair of the last is not
            {"filters": Choice((8,)), "kernel": Choice((3, 4)), "padding": Choice(("valid", "same"))},
            r"an allele is refused: kernel of Conv must be odd with same padding",
        ),
    ],
)
def test_alleles_that_a_gene_does_not_take_are_refused(
    gene: type[LayerGene], alleles: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpaceError, match=message):
        GeneAlleles(gene, alleles)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_share_is_refused(weight: float) -> None:
    with pytest.raises(SpaceError, match="weight of pool must be a number above 0, but it was"):
        GeneAlleles(Pool, {}, weight)


def test_a_rule_between_fields_of_a_users_gene_is_heard() -> None:
    @dataclass(frozen=True, slots=True)
    class Ordered(LayerGene):
        low: int = number(default=1)
        high: int = number(default=2)

        def check(self) -> None:
            if self.low > self.high:
                message = "low must not exceed high"
                raise GeneError(message)

    with pytest.raises(SpaceError, match="low must not exceed high"):
        GeneAlleles(Ordered, {"low": Choice((1, 3)), "high": Choice((2, 4))})


def test_a_sampled_gene_has_its_alleles_and_defaults() -> None:
    rng = np.random.default_rng(3)
    genes = {CONV.sample(rng) for _ in range(200)}
    assert genes == {Conv(f, 3, activation=a) for f in (8, 16, 32) for a in ("relu", "gelu")}


def test_an_altered_gene_differs_in_one_free_field_by_a_step() -> None:
    genes = {CONV.alter(Conv(16, 3), np.random.default_rng(seed)) for seed in range(60)}
    assert genes == {Conv(8, 3), Conv(32, 3), Conv(16, 3, activation="gelu")}


def test_a_gene_without_free_fields_is_not_altered() -> None:
    fixed = GeneAlleles(Conv, {"filters": Choice((8,)), "kernel": Choice((3,))})
    assert fixed.free == ()
    assert fixed.alter(Conv(8, 3), np.random.default_rng(0)) == Conv(8, 3)


@pytest.mark.parametrize(
    ("alleles", "width"),
    [
        (CONV, "filters"),
        (GeneAlleles(Residual, {"filters": Choice((8,)), "kernel": Choice((3,))}), "filters"),
        (GeneAlleles(Head, {}), "units"),
        (GeneAlleles(Pool, {}), None),
        (GeneAlleles(Recipe, {}), None),
    ],
)
def test_the_width_of_a_gene(alleles: GeneAlleles[Any], width: str | None) -> None:
    assert alleles.width == width


def test_a_gene_shrinks_by_its_width_alone() -> None:
    gene = Conv(32, 3, activation="gelu")
    assert CONV.shrink(gene) == Conv(16, 3, activation="gelu")
    assert CONV.shrink(Conv(8, 3)) is None
    assert GeneAlleles(Pool, {"size": Choice((2, 3))}).shrink(Pool(3)) is None
    assert GeneAlleles(Head, {}).shrink(Head(units=(8,))) is None


def test_the_smallest_gene_has_the_least_of_every_field() -> None:
    alleles = GeneAlleles(
        Conv, {"filters": Choice((32, 8)), "kernel": Choice((5, 3)), "stride": Choice((2, 1))}
    )
    assert alleles.smallest() == Conv(8, 3, 1)
    assert GeneAlleles(Recipe, {"learning_rate": Range(0.01, 0.1)}).smallest() == Recipe(learning_rate=0.01)


def test_recipes_of_ranges_are_written_as_they_are_kept() -> None:
    alleles = GeneAlleles(Recipe, {"learning_rate": Range(1e-5, 1, log=True)})
    rng = np.random.default_rng(4)
    for _ in range(200):
        recipe = alleles.alter(alleles.sample(rng), rng)
        assert Recipe.parse(recipe.text) == recipe
        assert len(recipe.text) <= len("sgd lr=1.23e-05")
