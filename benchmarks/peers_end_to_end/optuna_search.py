"""The peer: Optuna's NSGA-II sampler around the training loop of Optuna's own PyTorch example.

Written anew after what the example does: Fashion-MNIST images that a DataLoader turns into tensors one
by one and stacks into batches, an optimizer of the trial's choice at a learning rate that stays, a pass
over the validation images after every epoch, and `study.optimize` with a timeout. What differs: two
objectives, for which Optuna has no pruning, and two jobs at a time with one thread each. torchvision
is no requirement, since its wheels do not load beside a CPU build of torch; `Images` does what its data
set and `ToTensor` do, and leaves out what they check.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import optuna
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from evocnn.config import Parts
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import Alleles, Choice, Recipe
from evocnn.phenotype import build
from evocnn.training.data import ImageSet

N_JOBS = 2


class Images(Dataset[tuple[Tensor, int]]):
    """Images that are turned into tensors of values between 0 and 1, one by one."""

    def __init__(self, images: ImageSet) -> None:
        self.pixels = images.images  # (n, 1, height, width)
        self.labels = images.labels

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        """Return an image, `(1, height, width)`, and its class."""
        image = Image.fromarray(self.pixels[number, 0])
        tensor = torch.from_numpy(np.array(image)).view(image.size[1], image.size[0], 1)
        return tensor.permute(2, 0, 1).contiguous().to(torch.float32).div(255), int(self.labels[number])


def optuna_search(
    parts: Parts, *, epochs: int, population: int, seconds: float, seed: int, start: float
) -> list[tuple[float, Evaluation]]:
    """Return what a search finds, each with the seconds since `start`, in order of finishing.

    Args:
        parts: Space, objectives and images.
        epochs: Of every training.
        population: Of NSGA-II.
        seconds: After which no trial is begun any more.
        seed: The sampler's.
        start: Reading of `perf_counter` from which seconds count.
    """
    objectives = parts.objectives
    found: list[tuple[float, Evaluation]] = []

    def objective(trial: optuna.Trial) -> list[float]:
        genome = parts.space.repair(parts.space.compose(partial(suggested, trial))).genome
        network = build(genome, parts.space.input_shape, parts.space.n_classes, pool_order="textbook")
        accuracy = trained(network, genome.recipe, parts, epochs)
        n_parameters = sum(parameter.numel() for parameter in network.parameters())
        metrics = {"validation_accuracy": accuracy, "parameters": float(n_parameters)}
        evaluation = Evaluation(Status.OK, metrics)
        found.append((perf_counter() - start, evaluation))
        fitness = objectives.fitness(evaluation)
        trial.set_constraint("floors", fitness.violation)
        losses: list[float] = objectives.losses(fitness.values).tolist()
        return losses

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=seed)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * len(objectives.items))
    study.optimize(objective, timeout=seconds, n_jobs=N_JOBS)
    return found


def suggested(trial: optuna.Trial, name: str, alleles: Alleles) -> Any:
    """Return the allele that Optuna suggests for a decision: a float, or a place in a list."""
    if isinstance(alleles, Choice):
        return alleles.values[trial.suggest_categorical(name, range(len(alleles.values)))]
    return trial.suggest_float(name, alleles.low, alleles.high, log=alleles.log)


def trained(network: nn.Module, recipe: Recipe, parts: Parts, epochs: int) -> float:
    """Train a network and return its validation accuracy after the last epoch."""
    batch_size = recipe.batch_size
    training_loader = DataLoader(Images(parts.evaluator.training), batch_size=batch_size, shuffle=True)
    validation_loader = DataLoader(Images(parts.evaluator.validation), batch_size=batch_size, shuffle=True)
    optimizer = OPTIMIZERS[recipe.optimizer](
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    accuracy = 0.0
    for _ in range(epochs):
        network.train()
        for images, labels in training_loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
        network.eval()
        n_correct = 0
        with torch.no_grad():
            for images, labels in validation_loader:
                predicted = network(images).argmax(dim=1)
                n_correct += int(predicted.eq(labels).sum().item())
        accuracy = n_correct / len(parts.evaluator.validation)
    return accuracy


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "adamw": torch.optim.AdamW,
}
