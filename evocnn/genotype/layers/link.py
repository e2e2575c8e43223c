"""The link: a skip from an earlier layer."""

from dataclasses import dataclass
from typing import ClassVar, Self

from evocnn.genotype.gene import Counts, LayerGene, Shape, number, word
from evocnn.genotype.layers.counting import convolution, elementwise
from evocnn.genotype.layers.fields import drop_path, normalization


@dataclass(frozen=True, slots=True)
class Link(LayerGene):
    """A skip: what entered the gene `back` genes before is added to, or put behind, what arrives here.

    `link1` skips the gene ahead of it. Only active genes count, so a link never breaks; one that
    reaches before the start is inert. What comes from further up in resolution is averaged to the
    size here (He et al. 2019, figure 2c); to be added, it then passes a 1x1 convolution and
    normalization where shapes differ.

    Attributes:
        back: Number of genes that are skipped.
        merge: Whether the skip is added (He et al. 2015) or concatenated (Huang et al. 2017).
        drop_path: Rate at which training drops what arrives here and keeps the skip, per image.
    """

    code: ClassVar[str] = "link"
    back: int = number("", low=1)
    merge: str = word("add", "concat")
    normalization: str = normalization()
    drop_path: float = drop_path()

    @property
    def skip(self) -> int:
        """How many active genes back the second input lies."""
        return self.back

    def output(self, shape: Shape, source: Shape | None = None) -> Shape | None:
        """Return the shape after the sum or concatenation; None without a source."""
        if source is None:
            return None
        channels = shape.channels + (source.channels if self.merge == "concat" else 0)
        return shape._replace(channels=channels)

    def projects(self, shape: Shape, source: Shape) -> bool:
        """Return whether the skip needs a projection."""
        return self.merge == "add" and shape != source

    def resizes(self, shape: Shape, source: Shape) -> bool:
        """Return whether the skip comes from another resolution."""
        return shape[1:] != source[1:]

    def canonical(self, shape: Shape, source: Shape | None = None) -> Self:
        """Return the gene without what has no effect: norms of no projection, dropping in a concatenation."""
        if source is None:
            return self
        projects = self.projects(shape, source)
        return self.having(
            normalization=self.normalization if projects else "batch",
            drop_path=self.drop_path if self.merge == "add" else 0.0,
        )

    def counts(self, shape: Shape, source: Shape | None = None) -> Counts:
        """Return the counts of resizing, projection, and sum or concatenation."""
        source = shape if source is None else source
        total = elementwise(self.output(shape, source) or shape)
        if self.resizes(shape, source):
            total += elementwise(shape._replace(channels=source.channels))
        if self.projects(shape, source):
            total += convolution(source.channels, shape, 1, self.normalization)
        return total
