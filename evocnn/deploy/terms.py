"""What full trainings of a run's networks have in common, and each one's length, seed and file."""

from dataclasses import dataclass, replace
from pathlib import Path

from evocnn.config import Parts, build_parts
from evocnn.deploy.model import SUFFIX
from evocnn.genotype import Chromosome
from evocnn.runs import Run
from evocnn.runs.folder import MODELS
from evocnn.runs.search import check_data
from evocnn.store import Record
from evocnn.training.data import ImageSet, training_subset
from evocnn.training.evaluator import TrainingEvaluator

KEY_LETTERS = 12  # of a chromosome's key in the name of its folder


@dataclass(frozen=True)
class Terms:
    """What all full trainings of one command have in common.

    Attributes:
        run: The run whose networks are trained.
        parts: Its space and data, with an evaluator that never stops early and gives nothing up.
        data_path: Images in place of the experiment's own; None for none.
        epochs: Length of a training; None for that of the search.
        all_data: Whether the evaluator trains on all training images of the source: the validation images,
            too, and those that `data.images` left out. What it then measures as validation are images that
            it trained on: no figure to be shown.
    """

    run: Run
    parts: Parts
    data_path: Path | None
    epochs: int | None = None
    all_data: bool = False

    @property
    def training(self) -> ImageSet:
        """The training images."""
        return self.parts.evaluator.training


@dataclass(frozen=True)
class FullTraining:
    """One network to be trained in full with one seed.

    Attributes:
        record: What the search found of it.
        pick: How it was asked for.
        chromosome: The network; its recipe has the length of this training where it states one.
        epochs: Length of the training and of its schedule.
        seed: 0, 1, ...
        path: The model's file; what belongs to it lies beside it.
    """

    record: Record
    pick: str
    chromosome: Chromosome
    epochs: int
    seed: int
    path: Path


def terms_of(
    run: Run, data: Path | None = None, *, epochs: int | None = None, all_data: bool = False
) -> Terms:
    """Return the terms of full training of a run's networks; reads the training data.

    Args:
        run: The run.
        data: Where its images lie now, if elsewhere.
        epochs: Length of a training; that of the search if not given.
        all_data: Whether to train on all training images of the source: the validation images, too, and
            those that `data.images` left out.

    Raises:
        ReplayError: The data are not those of the run.
        EvocnnError: Its experiment or its data cannot be used.
    """
    experiment, path = run.experiment, run.data_path(data)
    parts = build_parts(experiment, path)
    check_data(run, parts)
    searched = parts.evaluator
    training, validation = searched.training, searched.validation
    if all_data:
        training = parts.data
        validation = training_subset(training, len(validation), experiment.seed)
    protocol = replace(searched.protocol, patience=None, timeout=None, is_timed=True, latency=None)
    evaluator = TrainingEvaluator(training, validation, protocol, pretrained=searched.pretrained)
    return Terms(run, replace(parts, evaluator=evaluator), path, epochs, all_data)


def full_training(terms: Terms, record: Record, pick: str, seed: int) -> FullTraining:
    """Return the training of a network of the run; the same one always has the same file."""
    chromosome = terms.parts.space.from_json(record.genome)
    key = chromosome.key  # the record's own might lead out of the folder, where the run is anyone's
    searched = terms.run.experiment.training.epochs if record.donor is not None else record.epochs
    epochs = terms.epochs or chromosome.recipe.epochs or searched
    if chromosome.recipe.epochs:
        chromosome = replace(chromosome, recipe=chromosome.recipe.having(epochs=epochs))
    name = f"{key[:KEY_LETTERS]}-{epochs}-epochs{'-all-data' if terms.all_data else ''}"
    file = f"model{f'-seed{seed}' if seed else ''}{SUFFIX}"
    return FullTraining(record, pick, chromosome, epochs, seed, terms.run.folder / MODELS / name / file)
