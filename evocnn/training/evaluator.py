"""The evaluator of CNNs: builds, trains and measures one candidate."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import torch
from torch import nn

from evocnn.errors import GeneError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Chromosome, Shape
from evocnn.phenotype import build
from evocnn.rng import derive_seed
from evocnn.training.data import ImageSet, training_subset
from evocnn.training.initialization import initialize
from evocnn.training.loop import Images, Trained, measure, train
from evocnn.training.protocol import Protocol

Measure = Callable[[Mapping[str, float], Chromosome], float]
DIGITS = 12  # of a difference of accuracies; what follows is noise that would break ties between networks


@dataclass
class TrainingEvaluator:
    """Trains candidates on one training set and measures them on one validation set.

    One thread a process, on the GPU where the process has one. Results are the same in every
    process of one kind of CPU and one set of versions.

    Attributes:
        training: Training images.
        validation: Validation images.
        protocol: What all candidates have in common.
        gpu_share: Share of a GPU's memory that this process may take.
        measures: Metrics of the user's own, by name: functions of the other metrics and the chromosome.
    """

    training: ImageSet
    validation: ImageSet
    protocol: Protocol
    gpu_share: float = 1.0
    measures: Mapping[str, Measure] = field(default_factory=dict)
    _resident: tuple[Images, Images, Images] | None = field(default=None, init=False, repr=False)

    @property
    def context(self) -> str:
        """Digest of data and protocol."""
        parts = (self.training.digest, self.validation.digest, self.protocol.digest)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return what training the candidate from scratch found.

        Raises:
            GeneError: The genome is no chromosome, or the fidelity is not on all training images.
        """
        chromosome = request.genome
        if not isinstance(chromosome, Chromosome):
            message = (
                f"a genome to train must be a Chromosome, but it was {type(chromosome).__name__}; use "
                "its own evaluator"
            )
            raise GeneError(message)
        if request.fidelity.n_images != len(self.training):
            message = (
                f"a fidelity must have all {len(self.training)} training images, but it was "
                f"{request.fidelity.n_images}; make an evaluator with fewer images"
            )
            raise GeneError(message)
        if request.continues is not None or request.donor is not None:
            message = "a request must train from scratch, but it continues or inherits; leave that out"
            raise GeneError(message)
        start = perf_counter()
        with _one_thread():
            trained, metrics = self._train(chromosome, request)
        curves = {
            "training_loss": trained.training_losses,
            "validation_loss": trained.validation_losses,
            "validation_accuracy": trained.validation_accuracies,
        }
        return Evaluation(trained.status, metrics, curves, perf_counter() - start, trained.reason)

    def _train(self, chromosome: Chromosome, request: EvaluationRequest) -> tuple[Trained, dict[str, float]]:
        """Return how training from scratch ended, and the metrics where it succeeded."""
        training, validation, subset = self._images()
        shape, n_classes = Shape(*self.training.shape), self.training.n_classes
        seed = derive_seed(self.context, chromosome.key, request.replicate)
        torch.manual_seed(seed)
        network = build(chromosome, shape, n_classes, pool_order=self.protocol.pool_order)
        initialize(network, chromosome.recipe.initialization)
        network = network.to(training.labels.device, memory_format=torch.channels_last)
        epochs, protocol = chromosome.recipe.at(request.fidelity).epochs, self.protocol
        counts = chromosome.counts(shape, n_classes)
        _check_parameters(network, chromosome, counts.parameters)
        trained = train(
            network, chromosome.recipe, training, validation, epochs=epochs, seed=seed, protocol=protocol
        )
        if trained.status is not Status.OK:
            return trained, {}
        training_accuracy = measure(network, subset)[1]
        validation_accuracy = trained.validation_accuracies[-1]
        metrics = {
            "validation_accuracy": validation_accuracy,
            "training_accuracy": training_accuracy,
            "generalization_gap": max(0.0, round(training_accuracy - validation_accuracy, DIGITS)),
            "validation_loss": trained.validation_losses[-1],
            "parameters": float(counts.parameters),
            "flops": float(counts.flops),
            "epochs": float(trained.epochs),
        }
        own = {name: measure_own(dict(metrics), chromosome) for name, measure_own in self.measures.items()}
        return trained, metrics | own

    def _images(self) -> tuple[Images, Images, Images]:
        """Return training, validation and training-subset images, on the device, loaded once a process."""
        if self._resident is None:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            if device.type == "cuda":  # pragma: no cover - GPU branch
                torch.cuda.set_per_process_memory_fraction(self.gpu_share)
            subset = training_subset(self.training, len(self.validation), self.protocol.seed)
            training = _resident(self.training, device)
            self._resident = (
                training,
                _resident(self.validation, device, training),
                _resident(subset, device, training),
            )
        return self._resident

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tensors behind: every process makes its own."""
        return {**self.__dict__, "_resident": None}


def _check_parameters(network: nn.Module, chromosome: Chromosome, n_counted: int) -> None:
    """Raise where a network has another number of parameters than its genes count.

    Raises:
        GeneError: A gene's counts are wrong.
    """
    n_trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    if n_trained != n_counted:
        names = ", ".join(dict.fromkeys(gene.name() for gene in chromosome.layers))
        message = (
            f"counts of {names} must add up to the network's {n_trained} parameters, but they were "
            f"{n_counted}; correct the counts of a gene of your own, evocnn.testing.check_gene tells which"
        )
        raise GeneError(message)


def _resident(images: ImageSet, device: torch.device, statistics: Images | None = None) -> Images:
    """Return images on a device, to be normalized by the training images' statistics per channel."""
    pixels = torch.tensor(images.images, device=device)  # a copy: arrays from Ray's store are read-only
    labels = torch.tensor(images.labels, device=device)
    if statistics is not None:
        return replace(statistics, pixels=pixels, labels=labels)
    axes = (0, 2, 3)
    mean = torch.tensor(images.images.mean(axis=axes), dtype=torch.float32, device=device).view(1, -1, 1, 1)
    deviation = torch.tensor(images.images.std(axis=axes), dtype=torch.float32, device=device).view(
        1, -1, 1, 1
    )
    return Images(pixels, labels, mean, deviation.clamp_min(1.0))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread, and give caller's number of threads and random state back after.

    More threads would give other bits, and a worker a core is faster than threads in one.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())[:1]):  # the one that trains
            yield
    finally:
        torch.set_num_threads(n_threads)
