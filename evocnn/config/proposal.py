"""From images and a machine to an experiment that fits both: image size, limits, training and budget."""

from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import Any

import numpy as np

from evocnn.config.experiment import Experiment
from evocnn.config.parts import space_of
from evocnn.genotype import CostModel, Fidelity
from evocnn.training.data.survey import Survey

SEARCH_SECONDS = 20 * 60  # that a proposed search takes, about
LEAST_TRAININGS = 80  # full ones in that time; else smaller images are proposed, then fewer
BUDGETS = (40, 300)  # evaluations: fewer show little, and a finished run can be given more
SIDES = (128, 96, 64, 48, 32)  # pixels: shorter sides that larger images are brought to
LEAST_IMAGES = 5000  # where there are more, a search is given at least so many
LOOKS = 40_000  # images that a training sees in all its epochs, within the following bounds
EPOCHS = (8, 60)
PRESET_SIDE = 32  # pixels: images for which the limits of the preset are meant
MANY_CLASSES = 20  # more want larger networks
N_SAMPLES = 64  # networks whose mean cost is expected
WINDOW = 4  # virtual workers for each candidate that is trained at a time


@dataclass(frozen=True)
class Seen:
    """What was seen of the images of a source.

    Attributes:
        name: What to call the experiment.
        source: As `data.source`.
        path: As `data.path`; None where the source needs none.
        channels: 1 for grey, 3 for colours.
        survey: The sizes of the images.
        counts: Training images of each class.
        class_names: The classes.
        notes: What was left out when they were read.
    """

    name: str
    source: str
    path: str | None
    channels: int
    survey: Survey
    counts: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_images(self) -> int:
        """Training images."""
        return sum(self.counts)

    @property
    def majority_share(self) -> float:
        """Share of the largest class."""
        return max(self.counts) / self.n_images


@dataclass(frozen=True)
class Machine:
    """Where the search will run.

    Attributes:
        what: Its devices in words: `2 cores`.
        n_workers: Candidates that are trained at a time.
        cost: The constants of its cost model.
    """

    what: str
    n_workers: int
    cost: CostModel


@dataclass(frozen=True)
class Plan:
    """What an experiment is proposed with.

    Attributes:
        size: Height and width that images are brought to.
        n_images: How many are used, to train and to validate.
        validation: Share of them to validate on.
        epochs: Passes over those to train on.
        space: The [space] table.
        seconds: What training a network in full takes on average, predicted.
        budget: Evaluations.
        n_workers: Candidates that are trained at a time.
    """

    size: tuple[int, int]
    n_images: int
    validation: float
    epochs: int
    space: dict[str, Any]
    seconds: float
    budget: int
    n_workers: int

    @property
    def n_validation(self) -> int:
        """Images to validate on."""
        return int(self.validation * self.n_images + 0.5)

    @property
    def search_seconds(self) -> float:
        """What the search takes, predicted."""
        return self.budget * self.seconds / self.n_workers

    @property
    def population(self) -> int:
        """Individuals: a fifth of what the budget trains."""
        return min(24, max(8, self.budget // 5))


def plan_of(seen: Seen, machine: Machine) -> Plan:
    """Return what is proposed for some images and a machine.

    Images keep the largest size, and all of them are used, as long as `LEAST_TRAININGS` networks can be
    trained in full in `SEARCH_SECONDS`; else they are brought to a smaller size, and then fewer are used.
    """
    sides = sides_for(seen.survey.shorter)
    numbers = [seen.n_images]
    while numbers[-1] >= 2 * LEAST_IMAGES:
        numbers.append(_rounded(numbers[-1] / 2))
    choices = [(numbers[0], side) for side in sides] + [(n, sides[-1]) for n in numbers[1:]]
    for n_images, side in choices:
        plan = _plan(seen, machine, n_images, seen.survey.size_at(side))
        n_possible = SEARCH_SECONDS * machine.n_workers / plan.seconds
        if n_possible >= LEAST_TRAININGS:
            break
    low, high = BUDGETS
    return replace(plan, budget=10 * round(min(high, max(low, n_possible)) / 10))


def sides_for(shorter: int) -> list[int]:
    """Return the shorter sides that images may be brought to, the largest first; none is enlarged."""
    return [*([shorter] if shorter <= SIDES[0] else []), *(side for side in SIDES if side < shorter)]


def validation_share(n_images: int, n_classes: int) -> float:
    """Return the share of images to validate on: the fewer there are, the greater it must be."""
    share = 0.4 if n_images < 300 else 0.25 if n_images < 3000 else 0.2
    return share if share * n_images >= 2 * n_classes else 0.5


def accuracy_floor(majority_share: float, n_validation: int) -> float:
    """Return the least validation accuracy: clearly better than always saying the largest class.

    That is three standard errors above its share, but no more than a quarter of the way to 1, which so
    few images may leave that hardly any network reached it.
    """
    clear = 3 * sqrt(majority_share * (1 - majority_share) / n_validation)
    return round(majority_share + min(clear, (1 - majority_share) / 4), 3)


def batch_sizes(n_training: int) -> list[int]:
    """Return alleles that leave an epoch at least about ten steps, as far as batches of 4 can."""
    smallest = next((size for size in (64, 32, 16, 8) if n_training >= 20 * size), 4)
    return [smallest, 2 * smallest]


def _plan(seen: Seen, machine: Machine, n_images: int, size: tuple[int, int]) -> Plan:
    n_classes = len(seen.class_names)
    share = validation_share(n_images, n_classes)
    n_training = n_images - int(share * n_images + 0.5)
    epochs = min(EPOCHS[1], max(EPOCHS[0], ceil(LOOKS / n_training)))
    space = _space(seen, size, n_training)
    seconds = _mean_seconds(seen, machine, space, size, Fidelity(epochs, n_training))
    return Plan(size, n_images, share, epochs, space, seconds, BUDGETS[0], machine.n_workers)


def _space(seen: Seen, size: tuple[int, int], n_training: int) -> dict[str, Any]:
    """Return the [space] table: the preset, with limits that grow with the images."""
    growth = max(1.0, size[0] * size[1] / PRESET_SIDE**2)
    is_large = min(size) > PRESET_SIDE
    recipe: dict[str, Any] = {"batch_size": batch_sizes(n_training)}
    if seen.channels == 3:
        recipe |= {"flip": [0, 0.5], "rotate": [0, 10], "brightness": [0, 0.2]}
    if min(size) >= 16:
        recipe["shift"] = [0, 0.1]
    return {
        "preset": "tiny",
        "founder_depth": [3, 7] if is_large else [2, 5],
        "limits": {
            "parameters": 200_000 if is_large or len(seen.class_names) > MANY_CLASSES else 50_000,
            "flops": _rounded(12_000_000 * growth),
            "depth": 10 if is_large else 8,
        },
        "recipe": recipe,
    }


def _mean_seconds(
    seen: Seen, machine: Machine, space: dict[str, Any], size: tuple[int, int], fidelity: Fidelity
) -> float:
    """Return what training a network of a space takes on average, as a machine's cost model predicts."""
    experiment = Experiment.from_dict({"name": "proposed", "data": {"source": "digits"}, "space": space})
    searched = replace(
        space_of(experiment, (seen.channels, *size), len(seen.class_names)), cost_model=machine.cost
    )
    rng = np.random.default_rng(0)
    return float(np.mean([searched.cost(searched.sample(rng), fidelity) for _ in range(N_SAMPLES)]))


def _rounded(value: float) -> int:
    """Return a number with two digits."""
    return int(float(f"{value:.2g}"))
