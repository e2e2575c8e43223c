import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evocnn.errors import GeneError
from evocnn.genotype import (
    LAYERS,
    Chromosome,
    Conv,
    DepthwiseSeparable,
    Dropout,
    Head,
    LayerGene,
    Pool,
    Recipe,
    Residual,
    number,
)
from evocnn.genotype.gene import Gene
from evocnn.genotype.layers import ACTIVATIONS, NORMALIZATIONS
from evocnn.genotype.recipe import OPTIMIZERS

# The fields' own rules, not some space's alleles: whatever a gene may hold must survive its text.
whole = st.integers(1, 10**9)
odd = st.integers(0, 50).map(lambda n: 2 * n + 1)
rates = st.floats(0, 1, exclude_max=True)
words = {"activation": st.sampled_from(ACTIVATIONS), "normalization": st.sampled_from(NORMALIZATIONS)}
layer_genes = st.one_of(
    st.builds(Conv, whole, odd, whole, st.sampled_from(("same", "valid")), **words),
    st.builds(Conv, whole, whole, whole, st.just("valid"), **words),
    st.builds(Residual, whole, odd, whole, **words),
    st.builds(DepthwiseSeparable, whole, odd, whole, **words),
    st.builds(Pool, st.integers(2, 10**9), st.sampled_from(("max", "average"))),
    st.builds(Dropout, rates),
)
heads = st.builds(Head, st.sampled_from(("gap", "flatten")), st.lists(whole, max_size=12).map(tuple), rates)
recipes = st.builds(
    Recipe,
    st.sampled_from(OPTIMIZERS),
    st.floats(1e-12, allow_infinity=False),
    st.floats(0, allow_infinity=False),
    st.integers(2, 10**9),
)
chromosomes = st.builds(Chromosome, st.lists(layer_genes, max_size=12).map(tuple), heads, recipes)


def test_the_documented_example_reads_as_documented() -> None:
    chromosome = Chromosome((Conv(32, 3), Pool(), Residual(64, 3)), Head(), Recipe())
    assert chromosome.text == "conv32k3 · pool · res64k3 | gap | sgd lr=.05"
    assert Chromosome.parse(chromosome.text, LAYERS) == chromosome


@pytest.mark.parametrize(
    ("gene", "text"),
    [
        (Conv(32, 3), "conv32k3"),
        (Conv(8, 5, 2, "valid", "leaky_relu", "none"), "conv8k5s2 valid leaky_relu norm=none"),
        (Residual(64, 3, 2, "silu"), "res64k3s2 silu"),
        (DepthwiseSeparable(16, 7, normalization="none"), "dws16k7 norm=none"),
        (Pool(), "pool"),
        (Pool(3, "average"), "pool3 average"),
        (Dropout(0.25), "drop.25"),
        (Dropout(0), "drop0"),
        (Dropout(1e-05), "drop1e-05"),
        (Head(), "gap"),
        (Head("flatten", (64, 32), 0.5), "flatten dense64,32 drop.5"),
        (Recipe(), "sgd lr=.05"),
        (Recipe("adamw", 1.0, 0.0005, 128), "adamw lr=1 wd=.0005 batch=128"),
        (Recipe("adam", 10.5, 10), "adam lr=10.5 wd=10"),
    ],
)
def test_the_text_of_a_gene_names_what_differs_from_the_defaults(gene: Gene, text: str) -> None:
    assert gene.text == text
    assert type(gene).parse(text) == gene


@given(chromosomes)
def test_every_text_reads_back(chromosome: Chromosome) -> None:
    assert Chromosome.parse(chromosome.text, LAYERS) == chromosome


@given(chromosomes)
def test_every_json_reads_back(chromosome: Chromosome) -> None:
    assert Chromosome.from_json(chromosome.to_json(), LAYERS) == chromosome


def test_text_without_layers_reads_back() -> None:
    chromosome = Chromosome((), Head(), Recipe())
    assert chromosome.text == "no layers | gap | sgd lr=.05"
    assert Chromosome.parse(chromosome.text, LAYERS) == chromosome


def test_spaces_around_the_signs_do_not_matter() -> None:
    assert (
        Chromosome.parse("conv8k3·pool|gap|  sgd lr=.05 ", LAYERS).text == "conv8k3 · pool | gap | sgd lr=.05"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv8k3 | gap", r"three parts divided by '\|', but it was 'conv8k3 \| gap'"),
        ("conv8k3 | gap | sgd lr=.05 | x", "three parts divided by"),
        ("", "three parts divided by"),
        (
            "conv8 | gap | sgd lr=.05",
            "'conv8' must be the text form of one of conv, residual, .* none reads it",
        ),
        ("conv8k3 · · pool | gap | sgd lr=.05", "'' must be the text form of one of conv"),
        ("conv8k3x | gap | sgd lr=.05", "'conv8k3x' must be the text form"),
        ("conv8k-3 | gap | sgd lr=.05", r"Conv\.kernel must be a whole number of at least 1, but it was -3"),
        ("conv8k4 | gap | sgd lr=.05", "kernel of Conv must be odd with same padding"),
        ("conv8k3 | max | sgd lr=.05", "'max' must be the text form of one of head"),
        ("conv8k3 | gap | sgd", "'sgd' must be the text form of one of recipe"),
        ("conv8k3 | gap | lion lr=.05", "'lion lr=.05' must be the text form of one of recipe"),
        ("conv8k3 | gap | sgd lr=1e999", r"Recipe\.learning_rate must be a finite number"),
    ],
)
def test_text_that_cannot_be_read_is_refused_by_its_part(text: str, message: str) -> None:
    with pytest.raises(GeneError, match=message):
        Chromosome.parse(text, LAYERS)


@dataclass(frozen=True, slots=True)
class ScaleShift(LayerGene):
    scale: float = number("x")
    shift: float = number(default=0, low=-math.inf)
    steps: int = number(default=1, low=-5)


@given(st.builds(ScaleShift, st.floats(0, 1e30), st.floats(-1e30, 1e30), st.integers(-5, 5)))
def test_the_text_of_a_users_gene_reads_back_with_negative_numbers_too(gene: ScaleShift) -> None:
    chromosome = Chromosome((gene,), Head(), Recipe())
    assert Chromosome.parse(chromosome.text, (*LAYERS, ScaleShift)) == chromosome


def test_a_users_gene_without_a_code_is_written_by_name() -> None:
    assert ScaleShift(2, -0.5, -1).text == "scale_shiftx2 shift=-0.5 steps=-1"


def test_a_gene_derived_from_another_does_not_borrow_its_code() -> None:
    @dataclass(frozen=True, slots=True)
    class Wide(Conv):
        pass

    assert Wide(8, 3).text == "wide8k3"
    assert Conv.parse("wide8k3") is None
