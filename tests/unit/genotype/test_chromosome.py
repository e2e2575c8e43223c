"""The chromosome: its key, JSON form, trace, canonical form and counts."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from evocnn.errors import GeneError
from evocnn.genotype import (
    LAYERS,
    Bottleneck,
    Chromosome,
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
    SearchSpace,
    Shape,
)
from evocnn.genotype.gene import Gene

EXAMPLE = Chromosome((Conv(32, 3), Pool(), Residual(64, 3)), Head(), Recipe())
EXAMPLE_KEY = "7bed1da62b3bdf642bb59407aca15e66"


def of(*layers: LayerGene) -> Chromosome:
    return Chromosome(layers, Head(), Recipe())


def test_equal_content_has_one_key() -> None:
    other = Chromosome(
        (Conv(32, 3, 1, "same"), Pool(2, "max"), Residual(64, 3)), Head("gap", (), 0), Recipe("sgd", 0.05, 0)
    )
    assert other == EXAMPLE
    assert other.key == EXAMPLE.key


def test_the_key_stays_what_recorded_runs_hold() -> None:
    # A change here means that no recorded run finds its own evaluations again.
    assert EXAMPLE.key == EXAMPLE_KEY


def test_the_key_is_the_same_in_another_process() -> None:
    code = (
        "import json, sys; from evocnn.genotype import LAYERS, Chromosome;"
        "print(Chromosome.from_json(json.loads(sys.argv[1]), LAYERS).key)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(EXAMPLE.to_json())],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == EXAMPLE.key


@pytest.mark.parametrize(
    ("whole", "real"),
    [
        (Recipe(learning_rate=1), Recipe(learning_rate=1.0)),
        (Recipe(weight_decay=0), Recipe(weight_decay=0.0)),
        (Recipe(weight_decay=0), Recipe(weight_decay=-0.0)),
    ],
)
def test_a_number_gives_one_key_whether_whole_or_real(whole: Recipe, real: Recipe) -> None:
    assert replace(EXAMPLE, recipe=whole).key == replace(EXAMPLE, recipe=real).key


# Each gene once, and once more with every field at another value.
VARIANTS = [
    (Conv(8, 3), Conv(16, 5, 2, "valid", "gelu", "none", 2, 4)),
    (Residual(8, 3), Residual(16, 5, 2, "gelu", "none", 0.1)),
    (Bottleneck(8), Bottleneck(16, 5, 2, 2, "gelu", "none", 0.1)),
    (DepthwiseSeparable(8, 3), DepthwiseSeparable(16, 5, 2, "gelu", "none")),
    (InvertedResidual(8), InvertedResidual(16, 5, 2, 3, 4, "gelu", "none", 0.1)),
    (DenseConcat(8), DenseConcat(16, 5, "gelu", "none")),
    (Pool(), Pool(3, "average")),
    (Dropout(0.1), Dropout(0.2)),
    (Link(1), Link(2, "concat", "none", 0.1)),
    (Head(), Head("flatten", (8,), 0.1, "gelu")),
    (
        Recipe(),
        Recipe(
            "adam",
            0.1,
            0.1,
            32,
            5,
            "step",
            0.2,
            "he",
            *(0.5, 0.1, 15.0, 0.1, 0.2, 0.3, 0.4, 0.25),  # a strength for each kind of augmentation
            1.0,
            0.9,
        ),
    ),
]


def test_the_variants_hold_every_gene_of_the_package() -> None:
    assert {type(gene) for gene, _ in VARIANTS} == {*LAYERS, Head, Recipe}


def around(gene: Gene) -> Chromosome:
    if isinstance(gene, Head):
        return replace(EXAMPLE, head=gene)
    return replace(EXAMPLE, recipe=gene) if isinstance(gene, Recipe) else of(gene)  # type: ignore[arg-type]


@pytest.mark.parametrize(("gene", "other"), VARIANTS)
def test_key_and_text_change_with_every_field(gene: Gene, other: Gene) -> None:
    changed = [replace(gene, **{f.name: getattr(other, f.name)}) for f in fields(gene)]
    assert len({around(g).key for g in [gene, *changed]}) == len(changed) + 1
    assert len({around(g).text for g in [gene, *changed]}) == len(changed) + 1


def test_genes_of_another_type_or_order_have_another_key() -> None:
    chromosomes = [
        of(Conv(8, 3), Pool()),
        of(Pool(), Conv(8, 3)),
        of(Residual(8, 3), Pool()),
        of(DepthwiseSeparable(8, 3), Pool()),
        of(Conv(8, 3)),
        of(Conv(8, 3), Conv(8, 3)),
        of(),
    ]
    assert len({chromosome.key for chromosome in chromosomes}) == len(chromosomes)


def test_json_is_plain_and_complete() -> None:
    assert json.loads(json.dumps(EXAMPLE.to_json())) == {
        "layers": [
            {
                "gene": "conv",
                "filters": 32,
                "kernel": 3,
                "stride": 1,
                "padding": "same",
                "activation": "relu",
                "normalization": "batch",
                "dilation": 1,
                "groups": 1,
            },
            {"gene": "pool", "size": 2, "kind": "max"},
            {
                "gene": "residual",
                "filters": 64,
                "kernel": 3,
                "stride": 1,
                "activation": "relu",
                "normalization": "batch",
                "drop_path": 0.0,
            },
        ],
        "head": {"pooling": "gap", "units": [], "dropout": 0.0, "activation": "relu"},
        "recipe": {
            "optimizer": "sgd",
            "learning_rate": 0.05,
            "weight_decay": 0.0,
            "batch_size": 64,
            "epochs": 0,
            "schedule": "cosine",
            "smoothing": 0.0,
            "initialization": "torch",
            "clip": 0.0,
            "average": 0.0,
            "flip": 0.0,
            "shift": 0.0,
            "rotate": 0.0,
            "elastic": 0.0,
            "noise": 0.0,
            "cutout": 0.0,
            "mixup": 0.0,
            "brightness": 0.0,
        },
    }


def test_json_and_text_of_sampled_chromosomes_read_back(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    for chromosome in random_chromosomes(space, 50):
        written = json.loads(json.dumps(chromosome.to_json()))
        assert space.from_json(written).key == chromosome.key
        assert space.parse(chromosome.text) == chromosome


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": {}}, "layers must be a list, but it was {}"),
        ({"layers": ["conv"]}, r"a layer's gene must be one of \['bottleneck', .*\], but it was 'conv'"),
        ({"layers": [{"gene": "attention"}]}, "a layer's gene must be one of .* but it was 'attention'"),
        ({"layers": [{"gene": "os.system"}]}, "a layer's gene must be one of .* but it was 'os.system'"),
        ({"layers": [{"gene": []}]}, r"a layer's gene must be one of .* but it was \[\]"),
        ({"layers": [{"gene": None}]}, "a layer's gene must be one of .* but it was None"),
        ({"layers": [{"size": 2, "kind": "max"}]}, "a layer's gene must be one of .* but it was None"),
        ({"layers": [{"gene": "pool", "size": 2}]}, "gene 'pool' must have the fields"),
        ({"layers": [{"gene": "pool", "size": 0, "kind": "max"}]}, r"Pool\.size must be a whole number"),
        ({"head": None}, "gene 'head' must have the fields .* but it was None"),
        ({"recipe": {"optimizer": "sgd"}}, "gene 'recipe' must have the fields"),
        ({"age": 3}, "a chromosome must have layers, head and recipe, but it was"),
    ],
)
def test_json_that_is_no_chromosome_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(GeneError, match=message):
        Chromosome.from_json({**EXAMPLE.to_json(), **change}, LAYERS)  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [None, [], "conv", {"layers": []}])
def test_json_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(GeneError, match="a chromosome must have layers, head and recipe, but it was"):
        Chromosome.from_json(value, LAYERS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inert", "shape"),
    [
        (Pool(), Shape(4, 1, 1)),
        (Pool(3, "average"), Shape(4, 1, 1)),
        (Conv(8, 5, padding="valid"), Shape(1, 4, 9)),
        (Conv(8, 5, padding="valid"), Shape(1, 9, 4)),
        (Conv(8, 3, padding="valid", dilation=2), Shape(1, 9, 4)),
        (Dropout(0), Shape(1, 8, 8)),
        (Link(3), Shape(1, 8, 8)),  # behind the other two genes, it still reaches before the image
        (Link(3, "concat"), Shape(1, 8, 8)),
    ],
)
def test_a_gene_that_cannot_apply_is_inert(inert: LayerGene, shape: Shape) -> None:
    chromosome = of(inert, Conv(4, 3), inert)
    canonical = chromosome.canonical(shape)
    assert canonical.layers == (Conv(4, 3),)
    assert chromosome.features(shape) == canonical.features(shape)
    assert chromosome.counts(shape, 10) == canonical.counts(shape, 10)


def test_a_gene_can_become_inert_by_those_ahead_of_it() -> None:
    chromosome = of(Pool(4), Pool(2), Conv(4, 2, padding="valid"), Pool(2))
    assert chromosome.canonical(Shape(1, 8, 8)).layers == (Pool(4), Pool(2))
    assert chromosome.canonical(Shape(1, 16, 16)).layers == chromosome.layers[:3]


def test_the_canonical_form_is_idempotent(
    space: SearchSpace, random_chromosomes: Callable[..., list[Chromosome]]
) -> None:
    chromosomes = random_chromosomes(space, 100)
    changed = 0
    for chromosome in chromosomes:
        canonical = chromosome.canonical(space.input_shape)
        assert canonical.canonical(space.input_shape) == canonical
        assert canonical.counts(space.input_shape, 10) == chromosome.counts(space.input_shape, 10)
        assert (canonical.head, canonical.recipe) == (chromosome.head, chromosome.recipe)
        changed += canonical != chromosome
    assert changed > 10  # or the assertions above are about nothing


def test_a_trace_is_a_chain_of_shapes_from_the_image_on() -> None:
    chromosome = of(Conv(4, 3, 2), Dropout(0), Pool(), Residual(8, 3))
    assert list(chromosome.trace(Shape(3, 9, 7))) == [
        (Conv(4, 3, 2), ((3, 9, 7),), (4, 5, 4)),
        (Pool(), ((4, 5, 4),), (4, 2, 2)),
        (Residual(8, 3), ((4, 2, 2),), (8, 2, 2)),
    ]
    assert chromosome.features(Shape(3, 9, 7)) == Shape(8, 2, 2)


def test_a_trace_gives_a_link_what_entered_the_genes_that_it_skips() -> None:
    chromosome = of(Conv(4, 3, 2), Pool(), Link(1), Link(3, "concat"), Conv(2, 1))
    assert list(chromosome.trace(Shape(3, 9, 7))) == [
        (Conv(4, 3, 2), ((3, 9, 7),), (4, 5, 4)),
        (Pool(), ((4, 5, 4),), (4, 2, 2)),
        (Link(1), ((4, 2, 2), (4, 5, 4)), (4, 2, 2)),
        (Link(3, "concat"), ((4, 2, 2), (3, 9, 7)), (7, 2, 2)),
        (Conv(2, 1), ((7, 2, 2),), (2, 2, 2)),
    ]


@pytest.mark.parametrize(("back", "reads"), [(1, (4, 5, 4)), (2, (3, 9, 7)), (3, None)])
def test_a_link_counts_active_genes_only(back: int, reads: tuple[int, int, int] | None) -> None:
    inert = (Dropout(0), Conv(4, 11, padding="valid"))
    layers = (*inert, Conv(4, 3, 2), *inert, Link(9), Pool(), *inert, Link(back))
    steps = list(of(*layers).trace(Shape(3, 9, 7)))
    assert [step.gene for step in steps[:2]] == [Conv(4, 3, 2), Pool()]
    assert [step.inputs[1] for step in steps[2:]] == ([] if reads is None else [reads])
    assert list(of(*layers).canonical(Shape(3, 9, 7)).trace(Shape(3, 9, 7))) == steps


def test_a_link_that_is_inert_is_skipped_by_the_next() -> None:
    assert of(Link(1), Conv(4, 3), Link(2), Link(1)).canonical(Shape(1, 8, 8)) == of(Conv(4, 3), Link(1))


def test_counts_are_the_sum_over_active_genes_and_head() -> None:
    chromosome = of(Conv(4, 3), Dropout(0), Pool())
    expected = (
        Conv(4, 3).counts(Shape(1, 8, 8)) + Pool().counts(Shape(4, 8, 8)) + Head().counts(Shape(4, 4, 4), 10)
    )
    assert chromosome.counts(Shape(1, 8, 8), 10) == expected
    linked = of(Conv(4, 3), Pool(), Link(2, "concat"), Conv(2, 3))
    expected = (
        Conv(4, 3).counts(Shape(1, 8, 8))
        + Pool().counts(Shape(4, 8, 8))
        + Link(2, "concat").counts(Shape(4, 4, 4), Shape(1, 8, 8))
        + Conv(2, 3).counts(Shape(5, 4, 4))
        + Head().counts(Shape(2, 4, 4), 10)
    )
    assert linked.counts(Shape(1, 8, 8), 10) == expected
    assert of().counts(Shape(2, 8, 8), 10) == Head().counts(Shape(2, 8, 8), 10) != Counts()


def test_counts_are_those_of_the_shape_and_classes_asked_for_though_others_were_before() -> None:
    chromosome = of(Conv(4, 3), Pool())
    for shape, n_classes in ((Shape(1, 8, 8), 10), (Shape(3, 8, 8), 10), (Shape(3, 8, 8), 5)):
        assert chromosome.counts(shape, n_classes) == of(Conv(4, 3), Pool()).counts(shape, n_classes)
    wider = replace(chromosome, layers=(Conv(8, 3), Pool()))
    assert wider.counts(Shape(1, 8, 8), 10) == of(Conv(8, 3), Pool()).counts(Shape(1, 8, 8), 10)


def test_a_chromosome_crosses_a_process() -> None:
    assert EXAMPLE.key == EXAMPLE_KEY  # computed and kept before it is pickled
    copy = pickle.loads(pickle.dumps(EXAMPLE))
    assert copy == EXAMPLE
    assert hash(copy) == hash(EXAMPLE)
    assert replace(copy, layers=()).key != EXAMPLE_KEY
