"""How much memory a training takes on a GPU, from the chromosome alone: before its network is built."""

from statistics import median

import numpy as np

from evocnn.genotype import Chromosome, SearchSpace, Shape
from evocnn.genotype.memory import activation_memory
from evocnn.training.loop import EVALUATION_BATCH

VALUE = 4  # bytes of a float32; what is computed in bf16 takes half, so this errs on the safe side
OPTIMIZER_VALUES = {"sgd": 1, "rmsprop": 1, "muon": 1}  # kept for each weight; two where not listed
IMAGE_COPIES = 6  # of a batch: from bytes to floats, normalized, augmented, and the grid that moves them
WORKSPACE = 96 * 2**20  # of a lane: cuDNN's, cuBLAS's (32 MiB a stream on Hopper), the captured graph
N_TYPICAL = 33  # networks whose median is typical


def training_bytes(chromosome: Chromosome, shape: Shape, n_classes: int) -> int:
    """Return the predicted bytes that training a network takes at its peak, resident images aside.

    That is weights, gradients, copies in half precision, the optimizer's state and the average, and
    every value that the forward pass writes for the images of a batch, which the captured graph
    keeps. Beside it there is, at a time, a smaller batch, or what measuring validation images takes.

    Args:
        chromosome: The chromosome.
        shape: The shape of an image.
        n_classes: Number of classes.
    """
    counts, recipe = chromosome.counts(shape, n_classes), chromosome.recipe
    n_copies = 2.5 + OPTIMIZER_VALUES.get(recipe.optimizer, 2) + (recipe.average > 0)
    step = recipe.batch_size * VALUE * (counts.activations + IMAGE_COPIES * shape.size)
    measuring = EVALUATION_BATCH * (activation_memory(chromosome, shape, n_classes) + 2 * VALUE * shape.size)
    return round(VALUE * n_copies * counts.parameters) + step + max(step, measuring) + WORKSPACE


def typical_bytes(space: SearchSpace) -> int:
    """Return what a training of a typical network of a space takes at its peak, resident images aside."""
    rng = np.random.default_rng(0)  # nothing but the number of lanes depends on it
    networks = [space.sample(rng) for _ in range(N_TYPICAL)]
    return round(median(training_bytes(one, space.input_shape, space.n_classes) for one in networks))
