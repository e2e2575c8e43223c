"""The module of a backbone: the layers of a pretrained network up to a cut, the first of them frozen."""

from collections.abc import Iterable

from torch import Tensor, nn


class FeatureExtractor(nn.Module):
    """Blocks one after the other, the first of them frozen: never trained, always in eval mode.

    What is frozen gives the same features each time, so they can be computed once and read in the
    images' place.

    Attributes:
        blocks: A module for each layer, or for a layer and the pool that it computes.
        n_frozen: How many blocks are frozen.
        reads_features: Whether the input is what the frozen blocks give.
    """

    def __init__(self, blocks: Iterable[nn.Module], n_frozen: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.n_frozen = n_frozen
        self.reads_features = False
        for block in self.frozen:
            block.eval().requires_grad_(requires_grad=False)

    @property
    def frozen(self) -> nn.ModuleList:
        """The blocks that are frozen."""
        return self.blocks[: self.n_frozen]

    def features(self, images: Tensor) -> Tensor:
        """Return what the frozen blocks give."""
        for block in self.frozen:
            images = block(images)
        return images

    def forward(self, x: Tensor) -> Tensor:
        """Return the features at the cut."""
        x = x if self.reads_features else self.features(x)
        for block in self.blocks[self.n_frozen :]:
            x = block(x)
        return x

    def train(self, mode: bool = True) -> "FeatureExtractor":  # noqa: FBT001, FBT002 - as torch has it
        """Set the mode of what is trained."""
        super().train(mode)
        self.frozen.eval()
        return self
