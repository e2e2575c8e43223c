"""The peer: the training loop of PyTorch's tutorials, as it is and tuned by hand, in plain PyTorch.

Networks are written as torchvision and the papers write them: convolution, normalization, activation,
pool, in torch's usual order of dimensions. Nothing here is evocnn's but the genes that say what to build.
"""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from evocnn.genotype import (
    Chromosome,
    Conv,
    DepthwiseSeparable,
    InvertedResidual,
    LayerGene,
    Pool,
    Residual,
)

BATCH_SIZE = 64
LEARNING_RATE = 0.05
MEAN, DEVIATION = 0.5, 0.29  # of the random pixels


class Images(Dataset[tuple[Tensor, int]]):
    """Images that are turned into normalized tensors one by one, as `ToTensor` and `Normalize` do it.

    torchvision itself is no requirement: its wheels do not load beside a CPU build of torch. What its
    transforms check of their input is left out here, which favours the peer.
    """

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.pixels = pixels
        self.labels = labels

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Return an image, `(1, height, width)`, and its class."""
        image = Image.fromarray(self.pixels[number, 0])
        tensor = torch.from_numpy(np.array(image)).view(image.size[1], image.size[0], 1)
        tensor = tensor.permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        mean, deviation = torch.as_tensor([MEAN]), torch.as_tensor([DEVIATION])
        normalized = tensor.clone().sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))
        return normalized, int(self.labels[number])


def batches_of_loader(pixels: np.ndarray, labels: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches from a DataLoader as tutorials make it."""
    while True:
        yield from DataLoader(Images(pixels, labels), batch_size=BATCH_SIZE, shuffle=True)


def batches_in_memory(pixels: np.ndarray, labels: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches by index from normalized tensors in memory."""
    images = torch.from_numpy(pixels).float().div_(255).sub_(MEAN).div_(DEVIATION)
    classes = torch.from_numpy(labels)
    while True:
        for index in torch.randperm(len(classes)).split(BATCH_SIZE):
            yield images.index_select(0, index), classes.index_select(0, index)


def training_rate(
    network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], seconds: float, n_warmup: int
) -> float:
    """Return images trained per second.

    Args:
        network: The network.
        batches: Images and classes.
        seconds: How long is measured.
        n_warmup: Steps that are taken before.
    """
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=0.9, nesterov=True)
    network.train()
    n_images, start = 0, perf_counter()
    for number, (images, labels) in enumerate(batches, start=1):
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        n_images += len(labels)
        if number == n_warmup:
            n_images, start = 0, perf_counter()
        elif number > n_warmup and perf_counter() - start > seconds:
            break
    return n_images / (perf_counter() - start)


def plain_network(chromosome: Chromosome, n_classes: int) -> nn.Sequential:
    """Return the network of a chromosome of 28x28 grey images, written in plain PyTorch."""
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for gene in chromosome.layers:
        layers.append(_layer(gene, channels))
        channels = getattr(gene, "filters", channels)
        side = side // gene.size if isinstance(gene, Pool) else -(-side // getattr(gene, "stride", 1))
    head = chromosome.head
    if head.pooling == "gap":
        layers.append(nn.AdaptiveAvgPool2d(1))
    layers.append(nn.Flatten())
    width = channels * (1 if head.pooling == "gap" else side * side)
    for units in head.units:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def _layer(gene: LayerGene, channels: int) -> nn.Module:
    match gene:
        case Conv():
            return _convolution(channels, gene.filters, gene.kernel, gene.stride)
        case Pool():
            return nn.MaxPool2d(gene.size)
        case Residual():
            return ResidualBlock(channels, gene.filters, gene.kernel, gene.stride)
        case DepthwiseSeparable():
            return nn.Sequential(
                _convolution(channels, channels, gene.kernel, gene.stride, groups=channels),
                _convolution(channels, gene.filters, 1),
            )
        case InvertedResidual():
            return InvertedBlock(channels, gene.filters, gene.kernel, gene.stride, gene.expansion)
        case _:
            raise NotImplementedError(gene.text)


def _convolution(
    fan_in: int, fan_out: int, kernel: int, stride: int = 1, groups: int = 1, *, is_active: bool = True
) -> nn.Sequential:
    """Return convolution, batch normalization and ReLU."""
    convolution = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    activation = [nn.ReLU(inplace=True)] if is_active else []
    return nn.Sequential(convolution, nn.BatchNorm2d(fan_out), *activation)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut (He et al. 2015, figure 2)."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(fan_in, fan_out, kernel, stride)
        self.second = _convolution(fan_out, fan_out, kernel, is_active=False)
        projects = stride > 1 or fan_in != fan_out
        self.shortcut = (
            _convolution(fan_in, fan_out, 1, stride, is_active=False) if projects else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c', h', w')` for `(n, c, h, w)`."""
        return functional.relu(self.second(self.first(x)) + self.shortcut(x), inplace=True)


class InvertedBlock(nn.Module):
    """Expansion, depthwise convolution, linear projection (Sandler et al. 2018, figure 3)."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = fan_in * expansion
        self.layers = nn.Sequential(
            _convolution(fan_in, hidden, 1),
            _convolution(hidden, hidden, kernel, stride, groups=hidden),
            _convolution(hidden, fan_out, 1, is_active=False),
        )
        self.adds_input = stride == 1 and fan_in == fan_out

    def forward(self, x: Tensor) -> Tensor:
        """Return `(n, c', h', w')` for `(n, c, h, w)`."""
        return x + self.layers(x) if self.adds_input else self.layers(x)
