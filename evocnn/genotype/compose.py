"""A chromosome from named decisions, one after the other."""

from typing import TYPE_CHECKING, Any

from evocnn.genotype.alleles import Alleles, Choice
from evocnn.genotype.chromosome import Chromosome
from evocnn.genotype.gene import LayerGene
from evocnn.genotype.gene_alleles import GeneAlleles
from evocnn.genotype.genome import Choose

if TYPE_CHECKING:
    from evocnn.genotype.space import SearchSpace


def composed(space: "SearchSpace", choose: Choose) -> Chromosome:
    """Return the chromosome that decisions lead to, before repair.

    First `backbone.cut` and the like, where the space has a backbone; then `depth`; then for each locus
    behind it `layers.0.kind` and the free fields of that kind, such as `layers.0.conv.filters`; then
    `head.units` and the like, and `recipe.learning_rate` and the like. Segments that are held are not
    decided.

    Args:
        space: The space.
        choose: Called with the name of a decision and its alleles; returns one of them.
    """
    held = space.held
    root = () if space.backbone is None else (_gene("backbone", space.backbone, choose),)
    return Chromosome(
        (*root, *(_layers(space, choose) if held.layers is None else held.layers)),
        _gene("head", space.head, choose) if held.head is None else held.head,
        _gene("recipe", space.recipe, choose) if held.recipe is None else held.recipe,
    )


def answers(chromosome: Chromosome) -> Choose:
    """Return what a chromosome answers to the decisions of `composed`: each time the nearest allele.

    Where it has fewer layers than are decided at least, those that it lacks are the first of their alleles.
    """
    layers = chromosome.layers[len(chromosome.root) :]

    def choose(name: str, alleles: Alleles) -> Any:
        segment, *path = name.split(".")
        if segment == "backbone":
            return alleles.nearest(getattr(chromosome.layers[0], path[0]))
        if segment == "depth":
            return alleles.nearest(len(layers))
        if segment != "layers":
            return alleles.nearest(getattr(getattr(chromosome, segment), path[0]))
        if int(path[0]) >= len(layers):
            return alleles.values[0] if isinstance(alleles, Choice) else alleles.low
        gene = layers[int(path[0])]
        return alleles.nearest(gene.name() if path[1:] == ["kind"] else getattr(gene, path[2]))

    return choose


def _layers(space: "SearchSpace", choose: Choose) -> tuple[LayerGene, ...]:
    depths = Choice(tuple(range(space.founder_depth[0], space.limits.depth + 1)))
    kinds = {alleles.gene.name(): alleles for alleles in space.layers}
    layers = []
    for locus in range(int(choose("depth", depths))):
        kind = choose(f"layers.{locus}.kind", Choice(tuple(kinds))) if len(kinds) > 1 else next(iter(kinds))
        layers.append(_gene(f"layers.{locus}.{kind}", kinds[kind], choose))
    return tuple(layers)


def _gene(name: str, alleles: GeneAlleles[Any], choose: Choose) -> Any:
    values = {field: own.values[0] for field, own in alleles.fields.items() if isinstance(own, Choice)}
    chosen = {field: choose(f"{name}.{field}", alleles.fields[field]) for field in alleles.free}
    return alleles.gene(**{**values, **chosen})
