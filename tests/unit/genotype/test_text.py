"""The text and JSON forms of genes and chromosomes read back."""

import json
import math
from dataclasses import dataclass, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evocnn.errors import GeneError
from evocnn.genotype import (
    LAYERS,
    Bottleneck,
    Chromosome,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    Head,
    InvertedResidual,
    LayerGene,
    Link,
    Pool,
    Recipe,
    Residual,
    number,
    parse_layers,
)
from evocnn.genotype.gene import Gene
from evocnn.genotype.layers import ACTIVATIONS, NORMALIZATIONS
from evocnn.genotype.recipe import AUGMENTATIONS, INITIALIZATIONS, OPTIMIZERS, SCHEDULES

# The fields' own rules, not some space's alleles: whatever a gene may hold must survive its text.
whole = st.integers(1, 10**9)
odd = st.integers(0, 50).map(lambda n: 2 * n + 1)
rates = st.floats(0, 1, exclude_max=True)
activations, normalizations = st.sampled_from(ACTIVATIONS), st.sampled_from(NORMALIZATIONS)
words = (activations, normalizations)
layer_genes = st.one_of(
    st.builds(Conv, whole, odd, whole, st.sampled_from(("same", "valid")), *words, whole, whole),
    st.builds(Conv, whole, whole, whole, st.just("valid"), *words, whole, whole),
    st.builds(Residual, whole, odd, whole, *words, rates),
    st.builds(Bottleneck, whole, odd, whole, whole, *words, rates),
    st.builds(DepthwiseSeparable, whole, odd, whole, *words),
    st.builds(InvertedResidual, whole, odd, whole, whole, st.integers(0, 10**9), *words, rates),
    st.builds(DenseConcat, whole, odd, *words),
    st.builds(Pool, st.integers(2, 10**9), st.sampled_from(("max", "average"))),
    st.builds(Dropout, rates),
    st.builds(Link, whole, st.sampled_from(("add", "concat")), normalizations, rates),
)
units = st.lists(whole, max_size=12).map(tuple)
heads = st.builds(Head, st.sampled_from(("gap", "flatten")), units, rates, activations)
recipes = st.builds(
    Recipe,
    st.sampled_from(OPTIMIZERS),
    st.floats(1e-12, allow_infinity=False),
    st.floats(0, allow_infinity=False),
    st.integers(2, 10**9),
    st.integers(0, 10**9),
    st.sampled_from(SCHEDULES),
    rates,
    st.sampled_from(INITIALIZATIONS),
    clip=st.floats(0, allow_infinity=False),
    average=rates,
    **dict.fromkeys(AUGMENTATIONS, rates),  # for some, larger values are permitted
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
        (Conv(8, 3, dilation=2, groups=4), "conv8k3 dilation=2 groups=4"),
        (Residual(64, 3, 2, "silu"), "res64k3s2 silu"),
        (Residual(64, 3, drop_path=0.1), "res64k3 drop_path=.1"),
        (Bottleneck(64), "neck64k3"),
        (
            Bottleneck(64, 5, 2, 2, "gelu", "group", 0.2),
            "neck64k5s2 reduction=2 gelu norm=group drop_path=.2",
        ),
        (DepthwiseSeparable(16, 7, normalization="none"), "dws16k7 norm=none"),
        (InvertedResidual(24), "inv24k3e6"),
        (
            InvertedResidual(24, 5, 2, 3, 4, "tanh", "none", 0.5),
            "inv24k5s2e3 se=4 tanh norm=none drop_path=.5",
        ),
        (DenseConcat(12), "dense12k3"),
        (DenseConcat(12, 1, "leaky_relu", "group"), "dense12k1 leaky_relu norm=group"),
        (Link(1), "link1"),
        (Link(12, "concat"), "link12 concat"),
        (Link(2, "add", "none", 0.1), "link2 norm=none drop_path=.1"),
        (Pool(), "pool"),
        (Pool(3, "average"), "pool3 average"),
        (Dropout(0.25), "drop.25"),
        (Dropout(0), "drop0"),
        (Dropout(1e-05), "drop1e-05"),
        (Head(), "gap"),
        (Head("flatten", (64, 32), 0.5), "flatten dense64,32 drop.5"),
        (Head("gap", (64,), activation="gelu"), "gap dense64 gelu"),
        (Recipe(), "sgd lr=.05"),
        (
            Recipe("muon", 0.02, epochs=30, schedule="one-cycle", smoothing=0.1, initialization="he"),
            "muon lr=.02 epochs=30 one-cycle smoothing=.1 init=he",
        ),
        (Recipe(clip=1.0, average=0.99), "sgd lr=.05 clip=1 average=.99"),
        (
            Recipe(
                flip=0.5, shift=0.125, rotate=15, elastic=0.1, noise=0.2, cutout=0.3, mixup=1, brightness=2
            ),
            "sgd lr=.05 flip=.5 shift=.125 rotate=15 elastic=.1 noise=.2 cutout=.3 mixup=1 brightness=2",
        ),
        (Recipe("adamw", 1.0, 0.0005, 128), "adamw lr=1 wd=.0005 batch=128"),
        (Recipe("adam", 10.5, 10), "adam lr=10.5 wd=10"),
    ],
)
def test_the_text_of_a_gene_names_what_differs_from_the_defaults(gene: Gene, text: str) -> None:
    assert gene.text == text
    assert type(gene).parse(text) == gene


def every_word() -> list[Gene]:
    """Return each gene of the package once for each word that one of its fields may hold."""
    plain = [
        Conv(8, 3),
        Residual(8, 3),
        Bottleneck(8),
        DepthwiseSeparable(8, 3),
        InvertedResidual(8),
        DenseConcat(8),
        Pool(),
        Dropout(0.5),
        Link(1),
        Head(),
        Recipe(),
    ]
    assert {type(gene) for gene in plain} == {*LAYERS, Head, Recipe}
    return [
        replace(gene, **{f.name: word})
        for gene in plain
        for f in fields(gene)
        for word in f.metadata.get("words") or [getattr(gene, f.name)]
    ]


@pytest.mark.parametrize("gene", dict.fromkeys(every_word()), ids=lambda gene: gene.text)
def test_every_word_of_every_gene_reads_back(gene: Gene) -> None:
    layers = (gene,) if isinstance(gene, LayerGene) else ()
    head, recipe = (gene if isinstance(gene, kind) else kind() for kind in (Head, Recipe))
    chromosome = Chromosome(layers, head, recipe)  # read among all types: no other takes its text
    assert Chromosome.parse(chromosome.text, LAYERS) == chromosome
    assert Chromosome.from_json(json.loads(json.dumps(chromosome.to_json())), LAYERS) == chromosome


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
        (
            "link | gap | sgd lr=.05",
            "'link' must be the text form of one of conv, .* link, but none reads it",
        ),
        ("link0 | gap | sgd lr=.05", r"Link\.back must be a whole number of at least 1, but it was 0"),
        ("dense8 | gap | sgd lr=.05", "'dense8' must be the text form"),
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


@pytest.mark.parametrize(
    ("gene", "text", "written"),
    [
        (Recipe, "adamw batch=128 wd=.01 lr=.001", "adamw lr=.001 wd=.01 batch=128"),
        (Conv, "conv8k3 silu valid", "conv8k3 valid silu"),
        (Head, "gap drop.2 tanh dense64", "gap dense64 drop.2 tanh"),
    ],
)
def test_what_stands_behind_a_space_may_come_in_any_order(gene: type[Gene], text: str, written: str) -> None:
    """People do not remember an order; each field is still read once."""
    parsed = gene.parse(text)
    assert parsed is not None
    assert parsed.text == written
    assert gene.parse(f"{text} {text.rsplit(maxsplit=1)[-1]}") is None


def test_layers_may_be_divided_by_a_sign_that_keyboards_have() -> None:
    """`>` reads as the dot does."""
    assert parse_layers("conv8k3 > pool > conv16k3", LAYERS) == parse_layers(
        "conv8k3 · pool · conv16k3", LAYERS
    )


def test_an_unreadable_text_is_told_the_form_of_what_it_begins_like() -> None:
    """With the fields' names, and the signs between layers."""
    with pytest.raises(GeneError, match=r"write pool\[<size>\] \[max\|average\], with · or > between layers"):
        parse_layers("pool2, drop", LAYERS)
