"""The network that one would begin with by hand."""

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import LayerGene
from evocnn.genotype.gene_alleles import GeneAlleles
from evocnn.genotype.head import Head
from evocnn.genotype.layers import Conv, Pool
from evocnn.genotype.recipe import Recipe

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace

FILTERS = 32
LEAST_SIDE = 8  # of an image that is still pooled
SGD_RATE, ADAPTIVE_RATE = 0.05, 0.001  # learning rates: of SGD, and of all other optimizers


def baseline(space: "SearchSpace", n_layers: int) -> Chromosome:
    """Return the plain network of some layers, as `unlimited_baseline` makes it, repaired."""
    return space.repair(unlimited_baseline(space, n_layers)).genome


def unlimited_baseline(space: "SearchSpace", n_layers: int, filters: int = FILTERS) -> Chromosome:
    """Return the plain network of some layers that one would begin with by hand, whatever the limits.

    3x3 convolutions, the first of 32 filters, with batch normalization and ReLU; after every two of them,
    where the image still has 8 positions a side, a maximum pool of 2, and filters doubled (Simonyan and
    Zisserman 2014); global average pooling, no dense layer, no dropout; SGD at 0.05, weight decay 0.0005, or
    another optimizer at 0.001, batches of 64, half a cosine, no augmentation; of epochs of its own the most.
    Each field is at the nearest of its alleles, or at its default where it has none. Where the space has no
    convolution, the first gene type with a width takes its place; where it has no pool, a stride of 2 does.

    Args:
        space: The space.
        n_layers: Number of convolutions; pools are not counted.
        filters: Of the first one.
    """
    types = {alleles.gene: alleles for alleles in space.layers}
    wide = [alleles for alleles in space.layers if alleles.width]
    convolution = types.get(Conv) or next(iter(wide), space.layers[0])
    pool = types.get(Pool)
    head, recipe = space.head.nearest(Head()), _recipe(space.recipe)
    layers: list[LayerGene] = [] if space.backbone is None else [space.backbone.smallest()]
    for number in range(n_layers):
        shape = Chromosome(tuple(layers), head, recipe).features(space.input_shape)
        stride = 1
        if number and number % 2 == 0 and min(shape.height, shape.width) >= LEAST_SIDE:
            filters *= 2
            if pool is None:
                stride = 2
            else:
                layers.append(_plain(pool))
        wanted = {"kernel": 3, "stride": stride, convolution.width: filters}
        layers.append(_plain(convolution, **{name: value for name, value in wanted.items() if name}))
    return space.held.applied(Chromosome(tuple(layers), head, recipe))


def _plain(alleles: GeneAlleles[LayerGene], **wanted: Any) -> LayerGene:
    """Return the gene nearest to what is wanted, and to its type's defaults elsewhere."""
    smallest = alleles.smallest()
    values = {}
    for f in fields(alleles.gene):
        default = getattr(smallest, f.name) if f.default is MISSING else f.default
        value = wanted.get(f.name, default)
        values[f.name] = alleles.fields[f.name].nearest(value) if f.name in alleles.fields else default
    return alleles.gene(**values)


def _recipe(alleles: GeneAlleles[Recipe]) -> Recipe:
    optimizer = alleles.nearest(Recipe()).optimizer
    rate = SGD_RATE if optimizer == "sgd" else ADAPTIVE_RATE
    most = 10**9  # epochs, where a recipe has its own
    return alleles.nearest(Recipe(optimizer, rate, weight_decay=0.0005, epochs=most))
