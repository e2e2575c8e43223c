"""The evaluator of CNNs: builds, trains and measures one candidate."""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import torch
from torch import nn

from evocnn.errors import GeneError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status, identity
from evocnn.genotype import Chromosome, Recipe, Shape
from evocnn.genotype.backbone import frozen_layers
from evocnn.genotype.memory import activation_memory
from evocnn.genotype.morphism import morphism
from evocnn.phenotype import Network, build
from evocnn.phenotype.inheritance import inherit
from evocnn.phenotype.matching import inherit_matching
from evocnn.rng import derive_seed
from evocnn.training.augmentation import changes_images
from evocnn.training.data import ImageSet, training_subset
from evocnn.training.features import KeptFeatures
from evocnn.training.images import Images, resident
from evocnn.training.initialization import initialize
from evocnn.training.latency import measure_latency
from evocnn.training.loop import Epoch, Trained, drain, measure, training_steps
from evocnn.training.pretrained import Pretrained, extractor_of
from evocnn.training.protocol import Protocol
from evocnn.training.state import load_state, load_weights, save_state
from evocnn.training.step import EagerStep, Step

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
        pretrained: The network that the candidates' backbone is cut from, where they have one.
    """

    training: ImageSet
    validation: ImageSet
    protocol: Protocol
    gpu_share: float = 1.0
    measures: Mapping[str, Measure] = field(default_factory=dict)
    pretrained: Pretrained | None = None
    _resident: tuple[Images, Images, Images] | None = field(default=None, init=False, repr=False)
    _features: KeptFeatures | None = field(default=None, init=False, repr=False)

    @property
    def context(self) -> str:
        """Digest of data, protocol and pretrained weights."""
        pretrained = () if self.pretrained is None else (self.pretrained.identity,)
        parts = (self.training.digest, self.validation.digest, self.protocol.digest, *pretrained)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        """Return what training the candidate found.

        Raises:
            GeneError: The genome is no chromosome, or the fidelity is not on all training images.
            JournalError: The request's state is not that of its own training.
        """
        with undisturbed():
            return drain(self.steps(request))

    def steps(
        self, request: EvaluationRequest, make_step: Callable[[nn.Module, Recipe, Images], Step] = EagerStep
    ) -> Generator[None, None, Evaluation]:
        """Evaluate, handing over as `training_steps` does; to be run where `undisturbed` is.

        Args:
            request: As for a call.
            make_step: Makes what takes the optimization steps.

        Returns:
            What training found; raises what a call does.
        """
        chromosome = self._checked(request)
        start = perf_counter()
        fidelity = chromosome.recipe.at(request.fidelity)
        network = self._network(chromosome, request.replicate)
        earlier = Trained(n_inherited=self._inherit(network, chromosome, request))
        training, validation, subset = self._read_by(network, chromosome)
        step = make_step(network, chromosome.recipe, training)
        donor = _donor(request)
        whole = replace(request, fidelity=replace(fidelity, share=1.0))
        name = identity(whole, self.context, "" if donor is None else donor.key)
        if request.state is not None:
            earlier = load_state(request.state, step, name, fidelity.stop)
        trained = yield from training_steps(
            step,
            validation,
            epochs=fidelity.epochs,
            stop=fidelity.stop,
            seed=self._seed(chromosome, request.replicate),
            protocol=self.protocol,
            earlier=earlier,
        )
        curves = {curve: tuple(getattr(epoch, curve) for epoch in trained.epochs) for curve in Epoch._fields}
        if trained.status is not Status.OK:
            return Evaluation(trained.status, {}, curves, perf_counter() - start, trained.reason)
        figures = measure(step.measured, subset)
        yield
        _let_read(step.measured, features=False)
        metrics = self._metrics(chromosome, trained, step.measured, training_accuracy=float(figures[1]))
        saved = save_state(step, trained, name) if request.saves_state else None
        return Evaluation(trained.status, metrics, curves, perf_counter() - start, state=saved)

    def _checked(self, request: EvaluationRequest) -> Chromosome:
        """Return the chromosome of a request that can be carried out.

        Raises:
            GeneError: It cannot.
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
        return chromosome

    def _network(self, chromosome: Chromosome, replicate: int) -> Network:
        """Return the chromosome's network with its initial weights, on the device."""
        shape, n_classes = Shape(*self.training.shape), self.training.n_classes
        torch.manual_seed(self._seed(chromosome, replicate))
        network = build(chromosome, shape, n_classes, pool_order=self.protocol.pool_order)
        initialize(network, chromosome.recipe.initialization)
        if self.pretrained is not None:
            self.pretrained.put_into(network)
        _check_parameters(network, chromosome, chromosome.counts(shape, n_classes).parameters)
        network.to(self._images()[0].device, memory_format=torch.channels_last)
        return network

    def _inherit(self, network: Network, chromosome: Chromosome, request: EvaluationRequest) -> int:
        """Give a new network its donor's weights, if it has a donor, and return their epochs.

        Raises:
            GeneError: The donor's state or genome is missing.
            JournalError: The donor's state is none.
        """
        donor = _donor(request)
        if donor is None or request.state is not None:
            return 0
        if request.donor_state is None:
            raise _missing_donor(request)
        weights, n_epochs = load_weights(request.donor_state)
        shape, pool_order = Shape(*self.training.shape), self.protocol.pool_order
        trained = build(donor, shape, self.training.n_classes, pool_order=pool_order)
        trained.load_state_dict(weights)
        plan = morphism(donor, chromosome, shape, pool_order=pool_order)
        if plan is None:
            inherit_matching(network, trained, chromosome, donor, shape)
        else:
            inherit(network, trained, plan)
        if self.pretrained is not None:  # what the donor trained may be frozen here
            self.pretrained.put_into(network, frozen_alone=True)
        return n_epochs

    def _read_by(self, network: Network, chromosome: Chromosome) -> tuple[Images, ...]:
        """Return the three sets of images, or what the network's frozen layers make of them.

        Where there is augmentation, the frozen layers see other images each time, and are computed.
        """
        images, extractor = self._images(), extractor_of(network)
        if extractor is None or not extractor.n_frozen or changes_images(chromosome.recipe):
            return images
        if self._features is None:
            self._features = KeptFeatures(images)
        frozen = frozen_layers(chromosome, Shape(*self.training.shape))
        features = self._features.of(extractor, len(frozen), frozen[-1].output.size)
        _let_read(network, features=features is not None)
        return features or images

    def _seed(self, chromosome: Chromosome, replicate: int) -> int:
        return derive_seed(self.context, chromosome.key, replicate)

    def _metrics(
        self, chromosome: Chromosome, trained: Trained, network: nn.Module, training_accuracy: float
    ) -> dict[str, float]:
        """Return the metrics of a success."""
        shape, n_classes, protocol = Shape(*self.training.shape), self.training.n_classes, self.protocol
        counts = chromosome.counts(shape, n_classes)
        memory = activation_memory(chromosome, shape, n_classes, pool_order=protocol.pool_order)
        last = trained.epochs[-1]
        metrics = {
            "validation_accuracy": last.validation_accuracy,
            "training_accuracy": training_accuracy,
            "generalization_gap": max(0.0, round(training_accuracy - last.validation_accuracy, DIGITS)),
            "validation_loss": last.validation_loss,
            "parameters": float(counts.parameters),
            "flops": float(counts.flops),
            "model_bytes": float(sum(tensor.nbytes for tensor in network.state_dict().values())),
            "activation_memory": float(memory),
            "epochs": float(len(trained.epochs)),
            "lineage_epochs": float(trained.n_inherited + len(trained.epochs)),
        }
        if protocol.is_timed:
            metrics["training_seconds"] = trained.seconds
        if protocol.latency is not None:
            validation = self._images()[1]
            index = torch.arange(protocol.latency.batch_size, device=validation.device) % len(validation)
            latency = measure_latency(network, validation.batch(index)[0], protocol.latency.n_threads)
            metrics |= {"latency": latency.median, "latency_spread": latency.spread}
        own = {name: measure_own(dict(metrics), chromosome) for name, measure_own in self.measures.items()}
        return metrics | own

    def _images(self) -> tuple[Images, Images, Images]:
        """Return training, validation and training-subset images, on the device, loaded once a process."""
        if self._resident is None:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            if device.type == "cuda":  # pragma: no cover - GPU branch
                torch.cuda.set_per_process_memory_fraction(self.gpu_share)
            subset = training_subset(self.training, len(self.validation), self.protocol.seed)
            training = resident(self.training, device)
            if self.pretrained is not None:
                training = self.pretrained.normalizing(training)
            self._resident = (
                training,
                resident(self.validation, device, training),
                resident(subset, device, training),
            )
        return self._resident

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tensors behind: every process makes its own."""
        return {**self.__dict__, "_resident": None, "_features": None}


def _let_read(network: nn.Module, *, features: bool) -> None:
    """Let a network read features, or images, where it begins with a backbone."""
    extractor = extractor_of(network) if isinstance(network, Network) else None
    if extractor is not None:
        extractor.reads_features = features


def _donor(request: EvaluationRequest) -> Chromosome | None:
    """Return the chromosome whose weights a request starts from, if it does; part of its training's name.

    Raises:
        GeneError: It is missing.
    """
    if request.donor is None:
        return None
    if not isinstance(request.donor_genome, Chromosome):
        raise _missing_donor(request)
    return request.donor_genome


def _missing_donor(request: EvaluationRequest) -> GeneError:
    message = (
        f"a request that inherits must bring the state and the Chromosome of its donor, ticket "
        f"{request.donor}, but it did not; leave the donor out to start anew"
    )
    return GeneError(message)


def _check_parameters(network: Network, chromosome: Chromosome, n_counted: int) -> None:
    """Raise where a network has another number of parameters than its genes count, frozen backbones included.

    Raises:
        GeneError: A gene's counts are wrong.
    """
    n_trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    if (extractor := extractor_of(network)) is not None:
        n_trained += sum(p.numel() for p in extractor.frozen.parameters())
    if n_trained != n_counted:
        names = ", ".join(dict.fromkeys(gene.name() for gene in chromosome.layers))
        message = (
            f"counts of {names} must add up to the network's {n_trained} parameters, but they were "
            f"{n_counted}; correct the counts of a gene of your own, evocnn.testing.check_gene tells which"
        )
        raise GeneError(message)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Use one thread, and give the caller's number of threads and random state back after.

    More threads would give other bits, and a worker a core is faster than threads in one.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())[:1]):  # the one that trains
            yield
    finally:
        torch.set_num_threads(n_threads)
