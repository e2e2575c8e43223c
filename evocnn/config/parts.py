"""The objects that an experiment describes, once its data are known."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

from evocnn.config.data import DataSettings
from evocnn.config.experiment import ACCURACIES, Experiment
from evocnn.config.operator_names import default_crossovers, default_mutations
from evocnn.evaluation import Objective, Objectives
from evocnn.genotype import CostModel, Fidelity, Limits, SearchSpace, Shape
from evocnn.operators import RATES, Variation
from evocnn.search import (
    Algorithm,
    Breeding,
    Confirmation,
    Predictor,
    Rejection,
    Rungs,
)
from evocnn.training.data import ImageSet, load, split
from evocnn.training.data.sources import matching
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.libraries import published
from evocnn.training.pretrained import Pretrained, read_pretrained
from evocnn.training.protocol import Protocol
from evocnn.training.scores import InitialScore

_STANDARD_ERRORS = 3.0  # above the majority share, in the validation accuracy's default floor
# Compared by their logarithms, unless the experiment says otherwise.
LOG_METRICS = ("parameters", "flops", "model_bytes", "activation_memory", "training_seconds", "latency")


@dataclass(frozen=True)
class Parts:
    """What a driver needs.

    Attributes:
        data: All training images, before the split.
        space: The search space.
        objectives: What is optimized.
        evaluator: Trains candidates.
        algorithm: A fresh algorithm.
        rejection: Judges offspring ahead of training, where the experiment wants that.
    """

    data: ImageSet
    space: SearchSpace
    objectives: Objectives
    evaluator: TrainingEvaluator
    algorithm: Algorithm
    rejection: Rejection | None = None

    def charging(self, cost_model: CostModel) -> "Parts":
        """Return the parts with other constants of what a training costs; the algorithm sees none."""
        return replace(self, space=replace(self.space, cost_model=cost_model))


def build_parts(
    experiment: Experiment,
    data_path: Path | None = None,
    *,
    gpu_share: float = 0.0,
) -> Parts:
    """Return the objects that an experiment describes; reads the training data, never the test split.

    Args:
        experiment: The experiment.
        data_path: Images in place of the experiment's own.
        gpu_share: Share of a GPU's memory that one worker may take; 0 where nobody else takes any.

    Raises:
        DataError: The data cannot be used.
        SpaceError: The space permits no network on such images.
    """
    data = load_data(experiment, data_path)
    training, validation = split(
        data, validation=experiment.data.validation, seed=experiment.seed, n_images=experiment.data.images
    )
    space = space_of(experiment, data.shape, data.n_classes)
    objectives = objectives_of(experiment, validation.majority_share, len(validation))
    settings, selected = experiment.training, experiment.objectives
    measures = {name: o.measure for name, o in selected.items() if o.measure is not None}
    metrics = selected.keys() - measures
    protocol = Protocol(
        seed=experiment.seed,
        pool_order=space.pool_order,
        patience=settings.patience,
        least_improvement=settings.least_improvement,
        warmup=settings.warmup,
        timeout=settings.timeout,
        is_timed="training_seconds" in metrics,
        latency=selected["latency"].terms if "latency" in metrics else None,
    )
    evaluator = TrainingEvaluator(
        training,
        validation,
        protocol,
        min(1.0, gpu_share) or 1.0,
        measures,
        pretrained_of(experiment, space.input_shape),
    )
    fidelity = Fidelity(settings.epochs, len(training))
    algorithm = algorithm_of(experiment, space, objectives, fidelity)
    rejection = rejection_of(experiment, space, training)
    return Parts(data, space, objectives, evaluator, algorithm, rejection)


def load_data(experiment: Experiment, data_path: Path | None = None) -> ImageSet:
    """Return the training images of an experiment, from `data_path` where given; warn of what is left out."""
    images = load_split(experiment.data, "train", experiment.folder, data_path)
    for note in images.notes:
        warnings.warn(note, stacklevel=2)
    return images


def load_split(
    settings: DataSettings,
    split: str,
    folder: Path | None = None,
    data_path: Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
) -> ImageSet:
    """Return a split of the images of an experiment.

    Args:
        settings: The experiment's table of data.
        split: "train" or "test".
        folder: Where a relative path starts; the working folder, where it is left out.
        data_path: Images in place of the settings' own.
        class_names: The classes that the split must have.

    Raises:
        DataError: The data cannot be used.
    """
    own = None if settings.path is None else (folder or Path()) / settings.path
    source = settings.source if data_path is None else matching(settings.source, data_path)
    return load(source, split, data_path or own, class_names=class_names, framing=settings.framing)


def space_of(
    experiment: Experiment,
    shape: tuple[int, int, int],
    n_classes: int,
) -> SearchSpace:
    """Return the search space for images of a shape `(channels, height, width)`."""
    settings, cost = experiment.space, experiment.training.cost
    limits = {name: value for name, value in settings.limits if value is not None}
    return SearchSpace(
        Shape(*shape),
        n_classes,
        settings.all_layers,
        settings.head,
        settings.recipe,
        held=settings.held,
        founders=settings.given_founders,
        founder_prior=settings.founder_prior,
        founder_depth=settings.founder_depth,
        limits=Limits(**limits),
        pool_order=settings.pool_order,
        cost_model=CostModel() if cost is None else cost.model,
        backbone=None if settings.backbone is None else settings.backbone.alleles,
    )


def pretrained_of(experiment: Experiment, shape: Shape) -> Pretrained | None:
    """Return the network that an experiment's backbone is cut from; None where it has none.

    Raises:
        DataError: Its file cannot be used.
    """
    settings = experiment.space.backbone
    if settings is None:
        return None
    own = (experiment.folder or Path()) / settings.weights
    return read_pretrained(
        published(settings.weights).path if settings.stages else own,
        settings.network,
        shape,
        mean=settings.mean,
        deviation=settings.deviation,
        digest=settings.digest,
    )


def objectives_of(experiment: Experiment, majority_share: float, n_validation: int) -> Objectives:
    """Return the objectives; floors and references that are not given follow from the data.

    Args:
        experiment: The experiment.
        majority_share: Share of the largest class: the accuracy of a network that has learned nothing.
        n_validation: Number of validation images.
    """
    error = sqrt(majority_share * (1 - majority_share) / n_validation)
    floors = {"validation_accuracy": min(majority_share + _STANDARD_ERRORS * error, 1.0)}
    worst = dict.fromkeys(ACCURACIES, majority_share) | experiment.worst
    items = []
    for name, settings in experiment.objectives.items():
        reference = worst[name] if settings.reference is None else settings.reference
        floor = floors.get(name) if settings.floor is None else settings.floor
        log = settings.scale == "log" or (settings.scale is None and name in LOG_METRICS)
        items.append(Objective(name, settings.weight, log, floor, settings.ceiling, reference))
    return Objectives(tuple(items))


def variation_of(experiment: Experiment) -> Variation:
    """Return how offspring are made."""
    settings, evolve = experiment.search, experiment.space.segments
    return Variation(
        default_crossovers(evolve) if settings.crossover is None else settings.crossover,
        default_mutations(evolve) if settings.mutation is None else settings.mutation,
        settings.crossover_rate,
        settings.mutation_rate,
        RATES[settings.rates](),
    )


def algorithm_of(
    experiment: Experiment, space: SearchSpace, objectives: Objectives, fidelity: Fidelity
) -> Algorithm:
    """Return a fresh algorithm."""
    settings = experiment.search
    algorithm = settings.algorithm.made(
        breeding=Breeding(space, variation_of(experiment), fidelity, settings.inherit),
        objectives=objectives,
        population=settings.population,
        rungs=Rungs(settings.rungs, saves_last=settings.inherit is not None),
    )
    return algorithm if settings.confirm is None else Confirmation(algorithm, objectives, settings.confirm)


def rejection_of(experiment: Experiment, space: SearchSpace, training: ImageSet) -> Rejection | None:
    """Return what judges offspring ahead of training; None where all are trained, as in random search."""
    name = experiment.search.reject
    if name is None or experiment.search.algorithm.name == "random":
        return None
    score = (
        Predictor(space.describe)
        if name == "predictor"
        else InitialScore(name, training, experiment.seed, space.pool_order)
    )
    return Rejection(score, lambda c: c.counts(space.input_shape, space.n_classes).parameters)
