"""Genes are checked, frozen values with a name and a JSON form."""

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass

import pytest

from evocnn.errors import GeneError
from evocnn.genotype import (
    Bottleneck,
    Conv,
    Counts,
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
    Shape,
    number,
)
from evocnn.genotype.gene import Gene


@pytest.mark.parametrize(
    ("gene", "fields", "message"),
    [
        (
            Conv,
            {"filters": 0, "kernel": 3},
            r"Conv\.filters must be a whole number of at least 1, but it was 0",
        ),
        (Conv, {"filters": 8.0, "kernel": 3}, r"Conv\.filters must be a whole number .* but it was 8\.0"),
        (Conv, {"filters": True, "kernel": 3}, r"Conv\.filters must be a whole number .* but it was True"),
        (Conv, {"filters": "8", "kernel": 3}, r"Conv\.filters must be a whole number .* but it was '8'"),
        (
            Conv,
            {"filters": 8, "kernel": 3, "dilation": 2**31},
            r"Conv\.dilation must be a whole number of at most 2,147,483,647, but it was 2147483648; choose",
        ),
        (Conv, {"filters": 8, "kernel": 0}, r"Conv\.kernel must be a whole number of at least 1"),
        (
            Conv,
            {"filters": 8, "kernel": 4},
            "kernel of Conv must be odd with same padding, but it was 4; take 3",
        ),
        (Conv, {"filters": 8, "kernel": 3, "stride": 0}, r"Conv\.stride must be .* at least 1, but it was 0"),
        (Conv, {"filters": 8, "kernel": 3, "padding": "full"}, r"Conv\.padding must be one of same, valid"),
        (
            Conv,
            {"filters": 8, "kernel": 3, "activation": "elu"},
            r"Conv\.activation must be one of relu, gelu",
        ),
        (Conv, {"filters": 8, "kernel": 3, "normalization": None}, r"Conv\.normalization .* but it was None"),
        (
            Residual,
            {"filters": 8, "kernel": 2},
            "kernel of Residual must be odd .* but it was 2; take 1 or 3",
        ),
        (DepthwiseSeparable, {"filters": 8, "kernel": 6}, "kernel of DepthwiseSeparable must be odd"),
        (Conv, {"filters": 8, "kernel": 3, "dilation": 0}, r"Conv\.dilation must be .* at least 1, .* was 0"),
        (Conv, {"filters": 8, "kernel": 3, "groups": 0}, r"Conv\.groups must be .* at least 1, but it was 0"),
        (Residual, {"filters": 8, "kernel": 3, "drop_path": 1}, r"Residual\.drop_path must be .* below 1"),
        (Bottleneck, {"filters": 8, "kernel": 2}, "kernel of Bottleneck must be odd"),
        (Bottleneck, {"filters": 8, "reduction": 0}, r"Bottleneck\.reduction must be .* at least 1"),
        (Bottleneck, {"filters": 8, "drop_path": -0.1}, r"Bottleneck\.drop_path must be .* at least 0"),
        (InvertedResidual, {"filters": 8, "kernel": 4}, "kernel of InvertedResidual must be odd"),
        (InvertedResidual, {"filters": 8, "expansion": 0}, r"InvertedResidual\.expansion must be .* least 1"),
        (InvertedResidual, {"filters": 8, "squeeze": -1}, r"InvertedResidual\.squeeze must be .* least 0"),
        (DenseConcat, {"filters": 8, "kernel": 2}, "kernel of DenseConcat must be odd"),
        (DenseConcat, {"filters": 0}, r"DenseConcat\.filters must be .* at least 1, but it was 0"),
        (Link, {"back": 0}, r"Link\.back must be a whole number of at least 1, but it was 0"),
        (Link, {"back": 1, "merge": "mul"}, r"Link\.merge must be one of add, concat, but it was 'mul'"),
        (Pool, {"size": 1}, r"Pool\.size must be a whole number of at least 2, but it was 1"),
        (Pool, {"kind": "min"}, r"Pool\.kind must be one of max, average, but it was 'min'"),
        (Dropout, {"rate": 1.0}, r"Dropout\.rate must be a finite number of at least 0 and below 1, .* 1\.0"),
        (Dropout, {"rate": -0.1}, r"Dropout\.rate must be .* but it was -0\.1"),
        (Dropout, {"rate": float("nan")}, r"Dropout\.rate must be .* but it was nan"),
        (Head, {"pooling": "max"}, r"Head\.pooling must be one of gap, flatten, but it was 'max'"),
        (
            Head,
            {"units": (16, 0)},
            r"Head\.units must be a list of whole numbers above 0, such as \[64\], but it was \(16, 0\)",
        ),
        (
            Head,
            {"units": [16]},
            r"Head\.units must be a list of whole numbers above 0, such as \[64\], but it was \[16\]",
        ),
        (
            Head,
            {"units": 16},
            r"Head\.units must be a list of whole numbers above 0, such as \[64\], but it was 16",
        ),
        (Head, {"activation": "elu"}, r"Head\.activation must be one of relu, .* but it was 'elu'"),
        (Head, {"dropout": 1}, r"Head\.dropout must be .* below 1, but it was 1"),
        (Recipe, {"optimizer": "lion"}, r"Recipe\.optimizer must be one of sgd, adam, adamw"),
        (Recipe, {"learning_rate": 0}, r"Recipe\.learning_rate must be a finite number of at least 1e-12"),
        (Recipe, {"learning_rate": float("inf")}, r"Recipe\.learning_rate must be .* but it was inf"),
        (Recipe, {"learning_rate": 10**400}, r"Recipe\.learning_rate must be a finite number"),
        (Recipe, {"learning_rate": True}, r"Recipe\.learning_rate must be .* but it was True"),
        (Recipe, {"weight_decay": -1}, r"Recipe\.weight_decay must be .* but it was -1"),
        (Recipe, {"batch_size": 1}, r"Recipe\.batch_size must be a whole number of at least 2, but it was 1"),
    ],
)
def test_a_field_that_breaks_its_rule_is_refused(
    gene: type[Gene], fields: dict[str, object], message: str
) -> None:
    with pytest.raises(GeneError, match=message):
        gene(**fields)


@pytest.mark.parametrize(
    "gene",
    [
        Conv(1, 1),
        Conv(8, 2, padding="valid"),
        Residual(1, 1),
        Bottleneck(1, 1, reduction=9),
        InvertedResidual(1, 1, expansion=1, squeeze=99),
        DenseConcat(1, 1),
        Link(99, drop_path=0.999),
        Pool(2),
        Dropout(0.999),
        Recipe("adam", 1e-12),
    ],
)
def test_values_at_the_edge_of_a_rule_are_taken(gene: Gene) -> None:
    assert gene == type(gene).from_json(gene.to_json())


@pytest.mark.parametrize(
    ("whole", "real"),
    [
        (Recipe(learning_rate=1), Recipe(learning_rate=1.0)),
        (Recipe(weight_decay=0), Recipe(weight_decay=-0.0)),
        (Dropout(0), Dropout(-0.0)),
    ],
)
def test_one_number_has_one_form(whole: Gene, real: Gene) -> None:
    assert str(whole.to_json()) == str(real.to_json())
    assert whole.text == real.text


def test_genes_are_values() -> None:
    gene = Conv(32, 3)
    assert gene == Conv(32, 3)
    assert hash(gene) == hash(Conv(32, 3))
    assert gene != Residual(32, 3)
    assert pickle.loads(pickle.dumps(gene)) == gene
    with pytest.raises(FrozenInstanceError, match="filters"):
        gene.filters = 16  # type: ignore[misc]


@pytest.mark.parametrize(
    ("gene", "name"),
    [
        (Conv, "conv"),
        (DepthwiseSeparable, "depthwise_separable"),
        (Link, "link"),
        (Head, "head"),
        (Recipe, "recipe"),
    ],
)
def test_a_gene_is_named_after_its_class(gene: type[Gene], name: str) -> None:
    assert gene.name() == name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"size": 2}, r"gene 'pool' must have the fields \['kind', 'size'\], but it was {'size': 2}"),
        ({"size": 2, "kind": "max", "stride": 1}, "gene 'pool' must have the fields"),
        ([2, "max"], r"gene 'pool' must have the fields .* but it was \[2, 'max'\]"),
        (None, "gene 'pool' must have the fields .* but it was None"),
        ({"size": "2", "kind": "max"}, r"Pool\.size must be a whole number"),
        ({"size": [2], "kind": "max"}, r"Pool\.size must be a whole number .* but it was \(2,\)"),
    ],
)
def test_json_that_is_no_gene_is_refused(value: object, message: str) -> None:
    with pytest.raises(GeneError, match=message):
        Pool.from_json(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("units", [["16"], [[16]], [16.0], [True], [None]])
def test_json_with_other_things_than_numbers_in_a_list_is_refused(units: list[object]) -> None:
    with pytest.raises(
        GeneError, match=r"Head\.units must be a list of whole numbers above 0, such as \[64\]"
    ):
        Head.from_json({**Head().to_json(), "units": units})  # type: ignore[dict-item]


def test_counts_add_up_field_by_field() -> None:
    assert Counts(1, 2, 3, 4) + Counts(10, 20, 30, 40) == Counts(11, 22, 33, 44)


def test_the_size_of_a_shape_is_its_number_of_values() -> None:
    assert Shape(3, 4, 5).size == 60


def test_a_rule_of_the_users_own_holds_too() -> None:
    @dataclass(frozen=True, slots=True)
    class Shift(LayerGene):
        by: float = number(default=0.5, low=-1, below=1)

    assert Shift(-1).by == -1.0
    with pytest.raises(GeneError, match=r"Shift\.by must be a finite number of at least -1 and below 1"):
        Shift(1)


def test_genes_and_operators_need_no_torch() -> None:
    code = "import sys, evocnn.genotype, evocnn.operators; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
