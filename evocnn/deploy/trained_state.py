"""What a training ended with, as a model."""

from collections.abc import Mapping

import torch

from evocnn.deploy.description import Input, Origin
from evocnn.deploy.model import Model
from evocnn.genotype import JSON, Chromosome, Shape
from evocnn.phenotype import build
from evocnn.training.data import Framing
from evocnn.training.data.framing import Fit
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.images import resident
from evocnn.training.state import load_weights


def model_of_state(
    evaluator: TrainingEvaluator,
    chromosome: Chromosome,
    state: bytes,
    origin: Origin,
    *,
    fit: Fit = "crop",
    steps: tuple[Mapping[str, JSON], ...] = (),
) -> Model:
    """Return the model of a network, given the state that its training left.

    Args:
        evaluator: What trained it.
        chromosome: The network.
        state: As `Evaluation.state` has it.
        origin: Where it comes from.
        fit: What happens to images of another aspect ratio; see `Framing`.
        steps: What was done.

    Raises:
        JournalError: The state is none.
    """
    images, pool_order = evaluator.training, evaluator.protocol.pool_order
    network = build(chromosome, Shape(*images.shape), images.n_classes, pool_order=pool_order)
    network.load_state_dict(load_weights(state)[0])
    statistics = resident(images, torch.device("cpu"))
    if evaluator.pretrained is not None:
        statistics = evaluator.pretrained.normalizing(statistics)
    n_channels, height, width = images.shape
    framing = Framing((height, width), fit, "grey" if n_channels == 1 else "rgb")
    mean, deviation = (
        tuple(figures.flatten().tolist()) for figures in (statistics.mean, statistics.deviation)
    )
    form = Input(images.shape, framing, mean, deviation)
    return Model(network.eval(), chromosome, form, images.class_names, origin, steps)
