"""The backbone: the first layers of a network that was trained before; what follows them evolves."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Self, cast

from evocnn.errors import GeneError
from evocnn.genotype.chromosome import ActiveGene, Chromosome, counts_of
from evocnn.genotype.gene import Counts, LayerGene, Shape, number
from evocnn.genotype.head import Head
from evocnn.genotype.recipe import Recipe


@dataclass(frozen=True)
class PretrainedLayers:
    """The layers of a network that was trained before, without its weights.

    Attributes:
        layers: The layers ahead of its head, in order; none of them skips.
        channels: Channels of the images that it reads.
        pool_order: `early` or `textbook`, as it was trained.

    Raises:
        GeneError: There are no layers, or one of them skips.
    """

    layers: tuple[LayerGene, ...]
    channels: int
    pool_order: str = "textbook"

    def __post_init__(self) -> None:
        """Check that the layers are a chain."""
        links = [gene.text for gene in self.layers if gene.skip]
        if links or not self.layers:
            message = (
                "layers of a backbone must be a chain of at least one, none of them a link, but they were "
                f"{links or 'none'}; describe the layers up to there"
            )
            raise GeneError(message)

    def trace(self, shape: Shape) -> tuple[ActiveGene, ...]:
        """Return the layers with the shapes around them; those that cannot apply are missing.

        Args:
            shape: The shape of an image.
        """
        return _traced(self.layers, shape)

    def weighted(self, shape: Shape) -> tuple[int, ...]:
        """Return the indices of the layers that have weights."""
        steps = enumerate(self.trace(shape))
        return tuple(index for index, step in steps if counts_of([step]).parameters > 0)


@dataclass(frozen=True, slots=True)
class Backbone(LayerGene):
    """The first layers of a pretrained network: abstract; `backbone_type` makes the type of a network.

    It stands first, and nothing behind it reads the image itself. All its parameters count, those that
    are frozen too: whoever uses the network holds them all.

    Attributes:
        network: The layers that it is cut from.
        cut: Number of layers that are kept.
        trained: Number of the last layers with weights before the cut that are trained; those ahead are
            frozen, batch statistics included.
    """

    code: ClassVar[str] = "backbone"
    begins: ClassVar[bool] = True
    network: ClassVar[PretrainedLayers]
    cut: int = number("", low=1, width=True)
    trained: int = number(default=0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the network: the type itself cannot be imported."""
        return _restored, (self.network, self.cut, self.trained)

    def active(self, shape: Shape) -> tuple[ActiveGene, ...]:
        """Return the layers that are kept, with the shapes around them."""
        return self.network.trace(shape)[: self.cut]

    def frozen(self, shape: Shape) -> tuple[ActiveGene, ...]:
        """Return the layers ahead of the first that is trained."""
        active = self.active(shape)
        weighted = [index for index in self.network.weighted(shape) if index < self.cut]
        trained = weighted[max(0, len(weighted) - self.trained) :]
        return active[: trained[0]] if trained else active

    def output(self, shape: Shape) -> Shape | None:
        """Return the shape at the cut; None where channels differ, or the image is too small."""
        fits = shape.channels == self.network.channels
        is_whole = fits and len(self.network.trace(shape)) == len(self.network.layers)
        return self.active(shape)[-1].output if is_whole else None

    def canonical(self, shape: Shape) -> Self:
        """Return the gene that cuts, and trains, no more layers than there are."""
        cut = min(self.cut, len(self.network.layers))
        n_weighted = sum(index < cut for index in self.network.weighted(shape))
        return self.having(cut=cut, trained=min(self.trained, n_weighted))

    def counts(self, shape: Shape) -> Counts:
        """Return the counts of the layers that are kept, frozen or not."""
        return counts_of(self.active(shape))


def frozen_layers(chromosome: Chromosome, shape: Shape) -> tuple[ActiveGene, ...]:
    """Return the frozen layers of a chromosome's backbone on images of a shape; none where it has none."""
    return next((gene.frozen(shape) for gene in chromosome.root if isinstance(gene, Backbone)), ())


@cache  # one type a network: types are compared
def backbone_type(network: PretrainedLayers) -> type[Backbone]:
    """Return the gene type of a pretrained network, the same each time in one process."""
    body = {"network": network, "__slots__": (), "__module__": __name__}
    return cast("type[Backbone]", type("Backbone", (Backbone,), body))


def _restored(network: PretrainedLayers, cut: int, trained: int) -> Backbone:
    return backbone_type(network)(cut, trained)


@lru_cache(maxsize=256)
def _traced(layers: tuple[LayerGene, ...], shape: Shape) -> tuple[ActiveGene, ...]:
    return tuple(Chromosome(layers, Head(), Recipe()).trace(shape))
