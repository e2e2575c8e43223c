"""What the frozen layers of a backbone make of images: computed once, kept, and trained on in their place."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import torch

from evocnn.phenotype.backbone import FeatureExtractor
from evocnn.training.images import Images
from evocnn.training.loop import EVALUATION_BATCH
from evocnn.training.step import precision

MOST_BYTES = 2**29  # of features in a process; a cut that writes more is computed anew for each batch
_VALUE = 4  # bytes


class KeptFeatures:
    """Features of some sets of images by the number of frozen layers; those used least recently go first.

    What is kept does not depend on what was asked before, but for the time that it takes: features that
    had to go are computed again.

    Args:
        images: The sets of images.
        most_bytes: How much is kept at a time.
    """

    def __init__(self, images: Sequence[Images], most_bytes: int = MOST_BYTES) -> None:
        self._images = images
        self._most_bytes = most_bytes
        self._kept: OrderedDict[int, tuple[Images, ...]] = OrderedDict()

    def of(self, extractor: FeatureExtractor, n_layers: int, size: int) -> tuple[Images, ...] | None:
        """Return what frozen layers make of each set, or None where that is too much to keep.

        Args:
            extractor: The layers, on the images' device.
            n_layers: How many of them are frozen.
            size: Values that they write for an image.
        """
        n_bytes = _VALUE * size * sum(map(len, self._images))
        if n_bytes > self._most_bytes:
            return None
        if n_layers not in self._kept:
            while self._kept and n_bytes + self._n_bytes() > self._most_bytes:
                self._kept.popitem(last=False)
            self._kept[n_layers] = tuple(features_of(extractor, images) for images in self._images)
        self._kept.move_to_end(n_layers)
        return self._kept[n_layers]

    def _n_bytes(self) -> int:
        return sum(images.pixels.nbytes for kept in self._kept.values() for images in kept)


@torch.no_grad()
def features_of(extractor: FeatureExtractor, images: Images) -> Images:
    """Return the features that frozen layers give, with the images' labels, in the images' place."""
    parts = []
    for index in torch.arange(len(images), device=images.device).split(EVALUATION_BATCH):
        with precision(images.device):
            parts.append(extractor.features(images.batch(index)[0]).float())
    features = torch.cat(parts)
    zero = torch.zeros(1, 1, 1, 1, device=images.device)
    return replace(images, pixels=features, mean=zero, deviation=torch.ones_like(zero))
