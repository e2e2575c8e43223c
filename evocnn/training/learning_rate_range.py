"""The learning-rate range test (Smith 2017): a short training under a rate that rises with every step."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from math import inf, isfinite
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from evocnn.errors import GeneError
from evocnn.genotype import Chromosome, Shape
from evocnn.phenotype import build
from evocnn.rng import derive_seed
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import undisturbed
from evocnn.training.images import Images, resident
from evocnn.training.initialization import initialize
from evocnn.training.step import EagerStep

LOWEST, HIGHEST = 1e-6, 10.0
N_STEPS = 200
KEEP = 1 - 20 / N_STEPS  # of the moving average of the losses, in a step
DELAY = round(KEEP / (1 - KEEP))  # steps by which it lags behind
ALARM = 4.0  # times the least averaged loss: nothing is learned any more (fastai, Howard and Gugger 2020)
SHARE = 0.1  # of the fall, from which on the loss counts as falling
LEAST_FALL = 0.05  # of the loss; what is less may be noise
RELAPSE = 0.5  # of the fall: where the loss climbs by as much, training was lost, whatever comes after
_REFUSED = (
    "a learning-rate range test must begin with fresh weights, but the chromosome had a backbone; take "
    "space.backbone out"
)


@dataclass(frozen=True)
class LearningRateRange:
    """What a range test found.

    The bounds follow Smith 2017, section 3.3, on the loss instead of the accuracy: the lower one is the
    rate at which the averaged loss has fallen by a tenth of its whole fall, the upper one the rate at
    which it is least, before it climbs again by half of that fall; beyond, it becomes ragged. Where it
    rises at once, the average turns at once, too, and the upper bound lies up to a factor of 2 below that.

    Attributes:
        rates: The learning rate of each step.
        losses: The training loss that each step began with.
        averages: Their exponential moving average, its bias corrected, at the rate of each step. It lags
            behind by as many steps as it is shorter.
        low: Least rate that trains; None where the loss did not fall at any rate.
        high: Greatest rate that trains; likewise.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    averages: tuple[float, ...]
    low: float | None
    high: float | None


def learning_rate_ranges(
    chromosomes: Iterable[Chromosome], training: ImageSet, *, pool_order: str, seed: int
) -> Iterator[LearningRateRange]:
    """Yield the range of each chromosome, its recipe trained as it is but for rate and schedule.

    Args:
        chromosomes: What to train, each from fresh weights.
        training: The images to train on; no others are read.
        pool_order: `early` or `textbook`, see `evocnn.phenotype.build`.
        seed: Seed of initial weights, order, augmentation and dropout.

    Raises:
        GeneError: A chromosome has a backbone.
    """
    images = resident(training, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    shape = Shape(*training.shape)
    for chromosome in chromosomes:
        if chromosome.root:
            raise GeneError(_REFUSED)
        own_seed = derive_seed("learning-rate range", seed, chromosome.key)
        with undisturbed():
            torch.manual_seed(own_seed)
            network = build(chromosome, shape, training.n_classes, pool_order=pool_order)
            initialize(network, chromosome.recipe.initialization)
            network = network.to(images.device, memory_format=torch.channels_last).train()
            found = rising(_loss_of_step(EagerStep(network, chromosome.recipe, images), own_seed))
        yield found


def rising(loss_of_step: Callable[[float], float]) -> LearningRateRange:
    """Raise the learning rate from 1e-6 to 10 in equal ratios, and return what it did to the loss.

    There are 200 steps, whatever the images: with more of them the lower bound goes down as their
    number goes up, and the upper one stays. It ends early once the averaged loss is above four times
    its least, or no number.

    Args:
        loss_of_step: Takes a step at a rate and returns the loss that the step began with.
    """
    rates = np.geomspace(LOWEST, HIGHEST, N_STEPS).tolist()
    losses: list[float] = []
    averages: list[float] = []
    total = 0.0
    for number, rate in enumerate(rates, 1):
        loss = loss_of_step(rate)
        total = KEEP * total + (1 - KEEP) * loss
        average = total / (1 - KEEP**number)  # as Kingma and Ba 2015, section 3
        if not isfinite(average) or average > ALARM * min(averages, default=inf):
            break
        losses.append(loss)
        averages.append(average)
    low, high = _bounds(rates, losses, averages[DELAY:])
    return LearningRateRange(tuple(rates[: len(losses)]), tuple(losses), tuple(averages[DELAY:]), low, high)


def median_range(found: Iterable[LearningRateRange]) -> tuple[float, float] | None:
    """Return the medians of lower and upper bounds, as ratios; None where no loss fell."""
    bounds = [(own.low, own.high) for own in found if own.low is not None]
    if not bounds:
        return None
    low, high = (10 ** np.median(np.log10(values)) for values in zip(*bounds, strict=True))
    return float(low), float(high)


def _bounds(
    rates: list[float], losses: list[float], averages: list[float]
) -> tuple[float, float] | tuple[None, None]:
    """Return where the loss begins to fall and where it is least, or None where it does not fall."""
    n_first = N_STEPS // 10  # at rates too low to train
    if len(averages) <= n_first:
        return None, None
    start, lowest = fmean(losses[:n_first]), n_first
    for n in range(n_first, len(averages)):
        fall = start - averages[lowest]
        if fall >= LEAST_FALL * start and averages[n] - averages[lowest] > RELAPSE * fall:
            break
        if averages[n] < averages[lowest]:
            lowest = n
    least = averages[lowest]
    if least > (1 - LEAST_FALL) * start:
        return None, None
    falling = max((n for n in range(lowest) if averages[n] > start - SHARE * (start - least)), default=0)
    return rates[falling], rates[lowest]


def _loss_of_step(step: EagerStep, seed: int) -> Callable[[float], float]:
    """Return a function of a learning rate that takes the next step and returns the loss it began with."""
    batches = enumerate(_batches(step.images, step.recipe.batch_size, seed))

    def loss(rate: float) -> float:
        number, index = next(batches)
        step(index, rate, derive_seed(seed, number))
        return float(step.take_loss()) / len(index)

    return loss


def _batches(images: Images, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Yield the indices of full batches, all images in a new order in each pass; for ever."""
    n_full = len(images) // batch_size or 1
    for number in count():
        torch.manual_seed(derive_seed(seed, "order", number))
        order = torch.randperm(len(images), device=images.device)
        yield from islice(order.split(batch_size), n_full)
