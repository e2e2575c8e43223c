"""Pruning a model to a stated sparsity, and training what is left of it on the run's training images."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from evocnn.deploy.channels import n_parameters_of, prune_channels
from evocnn.deploy.model import Model, versions
from evocnn.deploy.steps import PruneStep
from evocnn.deploy.widths import widths_of
from evocnn.errors import ExperimentError
from evocnn.evaluation import Status
from evocnn.genotype import JSON, Recipe
from evocnn.rng import derive_seed
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import undisturbed
from evocnn.training.images import Images, resident
from evocnn.training.loop import Trained, drain, training_steps
from evocnn.training.protocol import Protocol
from evocnn.training.step import EagerStep, Step

KINDS = ("channels", "weights")

Masks = Mapping[str, Tensor]  # of a network's parameters by name: true where a weight is kept


@dataclass(frozen=True)
class Pruning:
    """What is taken out of a network.

    Attributes:
        kind: `channels`, which leaves a smaller network, or `weights`, which leaves zeros.
        sparsity: Share of what goes, in (0, 1): of all parameters with channels, else of the weights of
            convolutions and linear layers.
        epochs: Passes over the training images after it.
    """

    kind: str
    sparsity: float
    epochs: int

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ExperimentError: One is not allowed.
        """
        if self.kind not in KINDS:
            message = f"what is pruned must be channels or weights, but it was '{self.kind}'; choose one"
            raise ExperimentError(message)
        if not 0 < self.sparsity < 1:
            message = f"a sparsity must lie between 0 and 1, but it was {self.sparsity:g}; write .5 for half"
            raise ExperimentError(message)


def prune(
    model: Model,
    pruning: Pruning,
    training: ImageSet,
    validation: ImageSet,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Model:
    """Return a model without its least important channels or weights, trained again with its own recipe.

    The recipe's optimizer, learning rate and schedule start anew, the schedule as long as this training
    (Renda et al. 2020, "Comparing Rewinding and Fine-tuning in Neural Network Pruning"). Weights that an
    earlier pruning set to zero stay it.

    Args:
        model: The model; left as it is.
        pruning: What goes.
        training: Images to train on.
        validation: Images to measure on; nothing is chosen by them.
        on_epoch: Hears how many epochs are done.

    Raises:
        ExperimentError: So much cannot go, or the training diverged.
        GeneError: It has a gene whose channels cannot be followed.
    """
    shape = model.input.shape
    if pruning.kind == "channels":
        network = prune_channels(model.network, shape, pruning.sparsity)
        is_sparse = any(isinstance(step, PruneStep) and step.kind == "weights" for step in model.done)
        masks = nonzero(network) if is_sparse else None
    else:
        network = deepcopy(model.network)
        masks = smallest_masked(network, pruning.sparsity)
    step = _step(network, model, training, masks)
    trained = _trained(model, step, validation, pruning.epochs, on_epoch)
    if trained.status is not Status.OK:
        message = (
            f"training after pruning to {pruning.sparsity:g} must end well, but {trained.reason}; prune less"
        )
        raise ExperimentError(message)
    done: dict[str, JSON] = {
        "step": "prune",
        "kind": pruning.kind,
        "sparsity": pruning.sparsity,
        "epochs": pruning.epochs,
        "images": len(training),
        "seconds": trained.seconds,
        "parameters": n_parameters_of(network),
        "nonzero_parameters": n_nonzero(network),
        "flops": flops_of(network, shape),
        "validation_accuracy": trained.epochs[-1].validation_accuracy,
        "versions": versions(),
    }
    if pruning.kind == "channels":
        done["widths"] = {name: list(widths) for name, widths in widths_of(network).items()}
    return model.after(done, network)


def smallest_masked(network: nn.Module, sparsity: float) -> Masks:
    """Set the smallest weights of all convolutions and linear layers to zero, and return what is kept.

    Args:
        network: Changed in place.
        sparsity: Share of these weights that go; those that are zero already count, and stay it.

    Raises:
        ExperimentError: A larger share of them is zero already.

    Han et al. (2015), "Learning both Weights and Connections for Efficient Neural Networks".
    """
    weights = _weights(network)
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    n_gone, n_zero = round(sparsity * len(sizes)), int((sizes == 0).sum())
    if n_gone < n_zero:
        least = ceil(1000 * n_zero / len(sizes)) / 1000
        message = (
            f"a sparsity must be at least {least:g}, as so many of the model's weights are zero already, but "
            f"it was {sparsity:g}; ask for more, or prune the model as it was before"
        )
        raise ExperimentError(message)
    kept = torch.ones(len(sizes), dtype=torch.bool)
    kept[sizes.argsort(stable=True)[:n_gone]] = False
    parts = kept.split([weight.numel() for weight in weights.values()])
    masks = {
        name: part.view(weight.shape) for (name, weight), part in zip(weights.items(), parts, strict=True)
    }
    apply_masks(network, masks)
    return masks


def nonzero(network: nn.Module) -> Masks:
    """Return which weights of all convolutions and linear layers are not zero."""
    return {name: weight != 0 for name, weight in _weights(network).items()}


@torch.no_grad()
def apply_masks(network: nn.Module, masks: Masks) -> None:
    """Set the weights of a network to zero that are not kept."""
    for name, mask in masks.items():
        network.get_parameter(name).mul_(mask)


class MaskedStep:
    """A step after which the weights are zero again that are not kept; see `Step`.

    Args:
        step: Takes the step.
        masks: What is kept, on the device of the network.
    """

    def __init__(self, step: Step, masks: Masks) -> None:
        self.step = step
        self.masks = masks
        self.network: nn.Module = step.network
        self.recipe: Recipe = step.recipe
        self.images: Images = step.images

    @property
    def measured(self) -> nn.Module:
        """The network whose figures count."""
        return self.step.measured

    def __call__(self, index: Tensor, learning_rate: float, seed: int) -> None:
        """Take a step."""
        self.step(index, learning_rate, seed)
        for network in {self.network, self.measured}:
            apply_masks(network, self.masks)

    def take_loss(self) -> Tensor:
        """Return the sum of all images' losses since it was last taken."""
        return self.step.take_loss()

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next steps depend on."""
        return self.step.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.step.load_state_dict(state)


def n_nonzero(network: nn.Module) -> int:
    """Return how many parameters of a network are not zero."""
    return sum(int(parameter.count_nonzero()) for parameter in network.parameters())


@torch.no_grad()
def flops_of(network: nn.Module, shape: tuple[int, int, int]) -> int:
    """Return the operations of convolutions and linear layers for an image, those with zeros included."""
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros((1, *shape)))
    n: int = counter.get_total_flops()
    return n


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights of all convolutions and linear layers by name."""
    return {
        f"{name}.weight": module.weight
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }


def _step(network: nn.Module, model: Model, training: ImageSet, masks: Masks | None) -> Step:
    """Return what trains a model's network, pruned, which goes to the GPU where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device, memory_format=torch.channels_last)
    mean, deviation = (  # not those of these images: a backbone has its own
        torch.tensor(figures, device=device).view(1, -1, 1, 1)
        for figures in (model.input.mean, model.input.deviation)
    )
    images = replace(resident(training, device), mean=mean, deviation=deviation)
    step = EagerStep(network, model.chromosome.recipe, images)
    if masks is None:
        return step
    return MaskedStep(step, {name: mask.to(device) for name, mask in masks.items()})


def _trained(
    model: Model, step: Step, validation: ImageSet, epochs: int, on_epoch: Callable[[int], None]
) -> Trained:
    """Train a step's network in place, bring it back to the CPU, and return how that went."""
    experiment = model.experiment
    protocol = Protocol(seed=experiment.seed, warmup=experiment.training.warmup)
    images = resident(validation, step.images.device, step.images)
    seed = derive_seed(experiment.seed, model.chromosome.key, "prune")
    trained = Trained()
    with undisturbed():
        for epoch in range(1, epochs + 1):
            steps = training_steps(
                step, images, epochs=epochs, stop=epoch, seed=seed, protocol=protocol, earlier=trained
            )
            trained = drain(steps)
            on_epoch(epoch)
            if trained.status is not Status.OK:
                break
    step.network.load_state_dict(step.measured.state_dict())
    step.network.to("cpu").eval()
    return trained
