"""One optimization step: a batch by index, augmentation, forward, backward, optimizer."""

from functools import cache, partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.genotype import Recipe
from evocnn.training.augmentation import augmented, mixed
from evocnn.training.average import Average
from evocnn.training.images import Images
from evocnn.training.optimizer import optimizers_of


class Step(Protocol):
    """Trains a network on one batch at a time, and adds up the losses on the device.

    Attributes:
        network: What is trained.
        recipe: How.
        images: The training images.
    """

    network: nn.Module
    recipe: Recipe
    images: Images

    @property
    def measured(self) -> nn.Module:
        """The network whose figures count: the average of the weights where the recipe keeps one."""
        ...

    def __call__(self, index: Tensor, learning_rate: float, seed: int) -> None:
        """Take a step, without waiting for the device.

        Args:
            index: Which images, int64 on their device, `(b,)`.
            learning_rate: Of this step.
            seed: All that is drawn in this step follows from it.
        """
        ...

    def take_loss(self) -> Tensor:
        """Return the sum of all images' losses since it was last taken: float64 on the device, `()`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next steps depend on: plain containers of tensors and numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        ...


class EagerStep:
    """The step as PyTorch runs it, one operation after the other; see `Step`.

    Args:
        network: In channels-last layout, on the images' device.
        recipe: Everything but the initialization, which the network has.
        images: The training images.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, images: Images) -> None:
        self.network = network
        self.recipe = recipe
        self.images = images
        self.optimizers = optimizers_of(network, recipe)
        self.average = Average(network, recipe.average) if recipe.average > 0 else None
        self._weights = list(network.parameters())
        self._loss = torch.zeros((), dtype=torch.float64, device=images.device)

    @property
    def measured(self) -> nn.Module:
        """The network, or its average; see `Step`."""
        return self.network if self.average is None else self.average.network

    def __call__(self, index: Tensor, learning_rate: float, seed: int) -> None:
        """Take a step; see `Step`."""
        seed_generators(seed, self.images.device)
        self.operate(index, learning_rate)
        self.update_average()

    def operate(self, index: Tensor, learning_rate: float | Tensor) -> None:
        """Do all of a step between seeding and averaging; what differs lies in the arguments' values."""
        images, labels = self.images.batch(index)  # (b, c, h, w), (b,)
        loss = training_loss(self.network, images, labels, self.recipe)
        for weight in self._weights:
            weight.grad = None  # so that a captured step makes the gradients in its graph's memory
        loss.backward()
        if self.recipe.clip > 0:
            nn.utils.clip_grad_norm_(self._weights, self.recipe.clip, foreach=True)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()
        self._loss += loss.detach() * len(index)

    def update_average(self) -> None:
        """Take the weights into the average, where the recipe keeps one."""
        if self.average is not None:
            self.average.update()

    def take_loss(self) -> Tensor:
        """Return the sum of all images' losses since it was last taken."""
        taken = self._loss.clone()
        self._loss.zero_()  # in place: a graph holds its address
        return taken

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the network, its optimizers and its average."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        """Return all that changes from step to step, by name."""
        optimizers = {f"optimizer {number}": one for number, one in enumerate(self.optimizers)}
        average = {} if self.average is None else {"average": self.average}
        return {"network": self.network, **optimizers, **average}


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the generators that a step on this device draws from: the CPU's, and a GPU's own."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":  # pragma: no cover - GPU branch
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)


def precision(device: torch.device) -> torch.autocast:
    """Return the context in which networks are trained and measured: bf16 where a GPU computes in it.

    It has no cache, for a graph must not hold weights that were cast outside of it.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=_is_half_fast(device), cache_enabled=False)


@cache
def _is_half_fast(device: torch.device) -> bool:
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))


def training_loss(network: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Return the loss on a batch after augmentation, with smoothed labels.

    Args:
        network: In training mode.
        images: Normalized, `(b, channels, height, width)`.
        labels: Classes, `(b,)`.
        recipe: Augmentation and smoothing.
    """
    loss = partial(functional.cross_entropy, label_smoothing=recipe.smoothing)
    images = augmented(images, recipe)
    if recipe.mixup == 0:
        with precision(images.device):
            return loss(network(images), labels)
    images, others, weight = mixed(images, labels, recipe.mixup)
    with precision(images.device):
        scores = network(images)  # (b, n_classes)
        return weight * loss(scores, labels) + (1 - weight) * loss(scores, others)
