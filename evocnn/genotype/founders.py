"""Founders: chromosomes drawn from a space, by known good practice or uniformly."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evocnn.genotype.alleles import Choice
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import LayerGene, Shape
from evocnn.genotype.gene_alleles import GeneAlleles, drawn
from evocnn.genotype.text_form import Value

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace

PRIORS = ("informed", "uniform")
ATTEMPTS = 10  # draws for one gene; inert ones are drawn anew
LEAST_SIDE = 4  # no founder pools an image whose longer side is shorter
WIDENING = 1 / 3  # of the width alleles, the most that founders start at and step up by

LayerAlleles = GeneAlleles[LayerGene]


def uniform(space: "SearchSpace", rng: np.random.Generator, root: tuple[LayerGene, ...] = ()) -> Chromosome:
    """Return a depth within the founders' bounds, that many layer genes, a head and a recipe.

    Args:
        space: The space.
        rng: The stream of the draw.
        root: What the layers begin with, beside those that are drawn.
    """
    low, high = space.founder_depth
    depth = int(rng.integers(low, high + 1))
    layers = (*root, *(space.sample_layer(rng) for _ in range(depth if space.layers else 0)))
    return Chromosome(layers, space.head.sample(rng), space.recipe.sample(rng))


def informed(space: "SearchSpace", rng: np.random.Generator, root: tuple[LayerGene, ...] = ()) -> Chromosome:
    """Return a chromosome after known good practice.

    It begins with a gene that has a width, such as a convolution. Resolution is halved after one or
    two of these, by a pool or a stride, until the image is small; widths start in the lowest third
    of their alleles and grow at each halving, never falling where alleles permit (Simonyan and
    Zisserman 2014; He et al. 2015). Genes without effect at their place are drawn anew, for a number
    of times. All else is drawn as in `uniform`.

    Args:
        space: The space.
        rng: The stream of the draw.
        root: What the layers begin with, beside those that are drawn.
    """
    if not space.layers:
        return uniform(space, rng, root)
    head, recipe = space.head.sample(rng), space.recipe.sample(rng)
    pools = [alleles for alleles in space.layers if _reduces(alleles, space)]
    others = [alleles for alleles in space.layers if alleles not in pools] or pools
    first = [alleles for alleles in others if alleles.width] or others
    striding = [alleles for alleles in others if max(_strides(alleles), default=1) > 1]
    low, high = space.founder_depth
    depth = len(root) + int(rng.integers(low, high + 1))
    layers = list(root)
    width: Value | None = None  # of the last gene that has one
    level = float(rng.random()) * WIDENING
    n_before_halving = int(rng.integers(1, 3))
    for _ in range(ATTEMPTS * depth):
        if len(layers) >= depth:
            break
        body = Chromosome(tuple(layers), head, recipe)
        shape = body.features(space.input_shape)
        alleles = drawn(others if layers else first, rng)  # a root has a width of its own
        is_wide = _is_wide(alleles, shape)
        n_left = n_before_halving - is_wide
        is_due = n_left <= 0 and max(shape.height, shape.width) >= LEAST_SIDE
        if is_due and striding and not pools:
            alleles = drawn(striding, rng)
        least = width if is_wide else None
        gene = _unstrided(alleles, _at_level(alleles, alleles.sample(rng), level, least))
        if _is_inert(gene, body, space):
            continue
        width, n_before_halving = (getattr(gene, str(alleles.width)) if is_wide else width), n_left
        strided = _strided(alleles, gene)
        if is_due:
            if strided and (not pools or rng.random() < 0.5):
                layers.append(strided)
            else:
                layers += [gene, drawn(pools, rng).sample(rng)] if pools else [gene]
            level = min(1.0, level + float(rng.random()) * WIDENING)
            n_before_halving = int(rng.integers(1, 3))
        else:
            layers.append(gene)
    return Chromosome(tuple(layers[:depth]), head, recipe)


def _is_inert(gene: LayerGene, body: Chromosome, space: "SearchSpace") -> bool:
    """Return whether a gene would have no effect behind a body."""
    longer = replace(body, layers=(*body.layers, gene))
    return len(longer.canonical(space.input_shape).layers) <= len(body.layers)


def _is_wide(alleles: LayerAlleles, shape: Shape) -> bool:
    """Return whether a gene type's width is the number of channels behind it; not so for growth rates."""
    gene = alleles.smallest()
    output = None if gene.skip or not alleles.width else gene.output(shape)
    return output is not None and output.channels == getattr(gene, str(alleles.width))


def _reduces(alleles: LayerAlleles, space: "SearchSpace") -> bool:
    """Return whether a gene type makes images smaller without parameters, as pools do."""
    shape, gene = space.input_shape, alleles.smallest()
    output = gene.output(shape) if not gene.skip else None
    return output is not None and output.size < shape.size and gene.counts(shape).parameters == 0


def _at_level(alleles: LayerAlleles, gene: LayerGene, level: float, least: Value | None) -> LayerGene:
    """Return the gene with the width at a share of its width's alleles, no smaller than `least`."""
    choice = alleles.fields.get(alleles.width) if alleles.width else None
    if alleles.width is None or not isinstance(choice, Choice):
        return gene
    values = choice.values
    index = min(int(level * len(values)), len(values) - 1)
    if least is not None:
        enough = least if least in values else choice.larger(least) or values[-1]
        index = max(index, values.index(enough))
    return gene.having(**{alleles.width: values[index]})


def _strides(alleles: LayerAlleles) -> tuple[int, ...]:
    choice = alleles.fields.get("stride")
    return tuple(int(v) for v in choice.values if isinstance(v, int)) if isinstance(choice, Choice) else ()


def _unstrided(alleles: LayerAlleles, gene: LayerGene) -> LayerGene:
    strides = _strides(alleles)
    return gene.having(stride=strides[0]) if strides else gene


def _strided(alleles: LayerAlleles, gene: LayerGene) -> LayerGene | None:
    larger = [stride for stride in _strides(alleles) if stride > 1]
    return gene.having(stride=larger[0]) if larger else None
