"""The space that checks use where none is given: small, with every gene of the package."""

from dataclasses import fields

from evocnn.genotype import (
    LAYERS,
    Choice,
    GeneAlleles,
    Head,
    LayerGene,
    Limits,
    Range,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.genotype.layers import ACTIVATIONS, NORMALIZATIONS

# By field, for whichever gene has such a field. What is not named here is held at its default.
_ALLELES = {
    "filters": Choice((4, 8, 16)),
    "kernel": Choice((1, 3, 5)),
    "stride": Choice((1, 2)),
    "padding": Choice(("same", "valid")),
    "dilation": Choice((1, 2)),
    "groups": Choice((1, 2, 4)),
    "activation": Choice(ACTIVATIONS),
    "normalization": Choice(NORMALIZATIONS),
    "drop_path": Choice((0, 0.2)),
    "reduction": Choice((2, 4)),
    "expansion": Choice((1, 3)),
    "squeeze": Choice((0, 4)),
    "size": Choice((2, 3)),
    "kind": Choice(("max", "average")),
    "rate": Choice((0, 0.1, 0.5)),
    "back": Choice((1, 2, 3)),
    "merge": Choice(("add", "concat")),
}


def example_space() -> SearchSpace:
    """Return a small space with every layer gene of the package and most of their alleles.

    Images are 3x12x12, in 3 classes; networks have at most 10 layers and 30,000 parameters.
    """
    return SearchSpace(
        input_shape=Shape(3, 12, 12),
        n_classes=3,
        layers=tuple(example_alleles(gene) for gene in LAYERS),
        head=GeneAlleles(
            Head,
            {
                "pooling": Choice(("gap", "flatten")),
                "units": Choice(((), (8,), (16, 8))),
                "dropout": Choice((0, 0.3)),
                "activation": Choice(ACTIVATIONS),
            },
        ),
        recipe=GeneAlleles(
            Recipe,
            {
                "optimizer": Choice(("sgd", "adam", "adamw")),
                "learning_rate": Range(0.001, 0.1, log=True),
                "weight_decay": Choice((0, 0.0005)),
                "batch_size": Choice((8, 16, 32)),
            },
        ),
        limits=Limits(parameters=30_000, flops=6_000_000, depth=10),
    )


def example_alleles(gene: type[LayerGene]) -> GeneAlleles[LayerGene]:
    """Return alleles of a gene of the package."""
    names = [f.name for f in fields(gene)]
    return GeneAlleles(gene, {name: _ALLELES[name] for name in names if name in _ALLELES})
