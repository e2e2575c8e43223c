"""Replicates: evaluations of one architecture under several seeds, learning rates or folds, trained together.

Their networks become groups of one, `evocnn.phenotype.grouped`: each operation is called once for all of
them, which is most of the cost of small networks on small images. All else is each evaluation's own:
initial weights, order, augmentation, schedule, early stopping, figures.

A part of the Python API. A search gives each replicate a ticket of its own instead: so workers share them, a
run resumes between them, each is charged and fails by itself, and on a GPU each has a lane.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.evaluation import Evaluation, EvaluationRequest, evaluate_safely
from evocnn.genotype import Chromosome, Recipe, Shape
from evocnn.phenotype import build
from evocnn.phenotype.grouped import grouped, is_groupable, share
from evocnn.training.augmentation import augmented, mixed
from evocnn.training.average import Average
from evocnn.training.evaluator import TrainingEvaluator, undisturbed
from evocnn.training.images import Images
from evocnn.training.optimizer import optimizers_of
from evocnn.training.step import seed_generators

FEWEST = 3  # replicates, and
MOST_VALUES = 700_000  # that one network writes in a step, forward, for it to pay: benchmarks/replicates

Job = tuple[TrainingEvaluator, EvaluationRequest]


def evaluate_replicates(jobs: Sequence[Job]) -> list[Evaluation]:
    """Evaluate several requests, together where that is possible and pays, else one after the other.

    It is possible for chromosomes that differ in nothing but the learning rate, trained from the
    start on equally many images, whose genes are all of this package and whose optimizer is not Muon,
    which looks at matrices as a whole. It pays from three on, where one network writes few values for a
    batch: of images of 8x8, most networks in batches of 32; of 28x28, hardly any. There it was 1.2 to 3
    times faster on a CPU.

    Together, each result is that of its request alone but for rounding, which training amplifies. What
    dropout draws differs. A timeout counts the time of all. One that raises does so alone, and is a failed
    evaluation.

    Args:
        jobs: Requests with the evaluators that train them; an evaluator of its own for each fold.

    Returns:
        The evaluations, in the order of the jobs.
    """
    try:
        is_group = pays(jobs) and is_possible(jobs)
    except Exception:  # noqa: BLE001 - a gene's own code; alone, its evaluation tells
        is_group = False
    return evaluate_grouped(jobs) if is_group else [evaluate_safely(*job) for job in jobs]


def pays(jobs: Sequence[Job]) -> bool:
    """Return whether training together was measured to be faster for chromosomes such as the first."""
    if len(jobs) < FEWEST:
        return False
    evaluator, request = jobs[0]
    chromosome, training = request.genome, evaluator.training
    if not isinstance(chromosome, Chromosome):
        return False
    counts = chromosome.counts(Shape(*training.shape), training.n_classes)
    return counts.activations * chromosome.recipe.batch_size <= MOST_VALUES


def is_possible(jobs: Sequence[Job]) -> bool:
    """Return whether all jobs can be trained as one network."""
    if not jobs:
        return False
    first_evaluator, first = jobs[0]
    chromosome, training = first.genome, first_evaluator.training
    pool_order = first_evaluator.protocol.pool_order
    if not isinstance(chromosome, Chromosome) or chromosome.recipe.optimizer == "muon":
        return False
    for evaluator, request in jobs:
        own = request.genome
        if not isinstance(own, Chromosome) or request.state is not None or request.saves_state:
            return False
        recipe = own.recipe.having(learning_rate=chromosome.recipe.learning_rate)
        shapes = ((len(images), images.shape, images.n_classes) for images in (evaluator.training, training))
        if replace(own, recipe=recipe) != chromosome or len(set(shapes)) > 1:
            return False
        if evaluator.protocol.pool_order != pool_order:
            return False
    return is_groupable(build(chromosome, Shape(*training.shape), training.n_classes, pool_order=pool_order))


def evaluate_grouped(jobs: Sequence[Job]) -> list[Evaluation]:
    """Evaluate requests together that `is_possible` has looked at.

    One that raises leaves the others alone; where the step of all raises, none of them can go on. What was
    not found together is evaluated alone, where an exception becomes a status.
    """
    found = _found_together(jobs)
    return [found[n] if n in found else evaluate_safely(*job) for n, job in enumerate(jobs)]


def _found_together(jobs: Sequence[Job]) -> dict[int, Evaluation]:
    """Return the evaluations of those that did not raise, by their number."""
    group = _Group()
    running = {n: evaluator.steps(request, group.join) for n, (evaluator, request) in enumerate(jobs)}
    found: dict[int, Evaluation] = {}
    with undisturbed():
        while running:  # all are at the same batch of the same epoch, but for those that have stopped
            for number, steps in list(running.items()):
                try:
                    next(steps)
                except StopIteration as end:
                    if all(isfinite(value) for value in end.value.metrics.values()):
                        found[number] = replace(end.value, seconds=end.value.seconds / len(jobs))
                    del running[number]
                except (Exception, SystemExit):  # noqa: BLE001 - a bad candidate never ends the others
                    del running[number]
            try:
                group.step()
            except Exception:  # noqa: BLE001 - such as exhausted memory
                return found
    return found


class _Asked(NamedTuple):
    """A step that is due; see `Step`."""

    index: Tensor
    learning_rate: float
    seed: int


class _Member:
    """A `Step` that is not taken at once, but with those of the other members when all have asked."""

    def __init__(self, network: nn.Module, recipe: Recipe, images: Images) -> None:
        self.network = network
        self.recipe = recipe
        self.images = images
        self.measured = network
        self.asked: _Asked | None = None
        self.loss = torch.zeros((), dtype=torch.float64, device=images.device)

    def __call__(self, index: Tensor, learning_rate: float, seed: int) -> None:
        """Ask for a step."""
        self.asked = _Asked(index, learning_rate, seed)

    def take_loss(self) -> Tensor:
        """Return the sum of all images' losses since it was last taken."""
        taken, self.loss = self.loss, torch.zeros_like(self.loss)
        return taken

    def state_dict(self) -> dict[str, Any]:
        """Refuse: replicates are trained in one piece."""
        raise NotImplementedError

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Refuse: replicates are trained in one piece."""
        raise NotImplementedError


class _Group:
    """Networks that are trained as one."""

    def __init__(self) -> None:
        self._members: list[_Member] = []
        self._network: nn.Module | None = None

    def join(self, network: nn.Module, recipe: Recipe, images: Images) -> _Member:
        """Return a new member's step; all join ahead of the first step."""
        self._members.append(_Member(network, recipe, images))
        return self._members[-1]

    def step(self) -> None:
        """Take the steps that members have asked for; those that have stopped learn in vain."""
        asked = [member.asked for member in self._members]
        given = next((one for one in asked if one is not None), None)
        if given is None:
            return  # at the end of an epoch
        network = self._network or self._begin()
        batches = [
            self._batch(member, one or given) for member, one in zip(self._members, asked, strict=True)
        ]
        images, labels, others, weights = zip(*batches, strict=True)
        scores = network(torch.cat(images, dim=1))  # (b, members, n_classes)
        losses = self._losses(scores, torch.stack(labels, dim=1))  # (members,)
        if self._recipe.mixup > 0:
            weight = torch.tensor(weights, device=scores.device)
            losses = weight * losses + (1 - weight) * self._losses(scores, torch.stack(others, dim=1))
        for parameter in self._parameters:
            parameter.grad = None
        losses.sum().backward()
        if self._recipe.clip > 0:
            self._clip()
        self._optimize([(one or given).learning_rate for one in asked])
        if self._average is not None:
            self._average.update()
        for member, loss in zip(self._members, losses.detach().double() * len(given.index), strict=True):
            member.loss += loss
            member.asked = None

    def _begin(self) -> nn.Module:
        """Make the network of all, and return it."""
        networks = [member.network for member in self._members]
        recipe = self._members[0].recipe
        self._network = grouped(networks).train()
        self._recipe = recipe
        self._parameters = list(self._network.parameters())
        self._optimizers = optimizers_of(self._network, recipe)
        self._average = Average(self._network, recipe.average) if recipe.average > 0 else None
        if self._average is not None:
            for number, member in enumerate(self._members):
                member.measured = deepcopy(member.network)
                share(self._average.network, member.measured, number, len(networks))
        return self._network

    def _batch(self, member: _Member, asked: _Asked) -> tuple[Tensor, Tensor, Tensor, float]:
        """Return a member's images after augmentation, labels, other labels and the weight of the first."""
        seed_generators(asked.seed, member.images.device)
        images, labels = member.images.batch(asked.index)
        images = augmented(images, self._recipe)
        if self._recipe.mixup > 0:
            images, others, weight = mixed(images, labels, self._recipe.mixup)
            return images, labels, others, weight
        return images, labels, labels, 1.0

    def _losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of each member, `(members,)`, for labels `(b, members)`."""
        smoothing = self._recipe.smoothing
        losses = functional.cross_entropy(
            scores.flatten(0, 1), labels.flatten(), reduction="none", label_smoothing=smoothing
        )
        return losses.view_as(labels).mean(dim=0)

    @torch.no_grad()
    def _clip(self) -> None:
        """Shorten the gradient of each member that is too long, as `clip_grad_norm_` does."""
        gradients = [self._by_member(parameter.grad) for parameter in self._parameters]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        shares = (self._recipe.clip / (norms + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(_along(shares, gradient))

    @torch.no_grad()
    def _optimize(self, learning_rates: Sequence[float]) -> None:
        """Take the optimizers' step at each member's learning rate, to which it is in proportion."""
        greatest = max(learning_rates)
        is_one = min(learning_rates) == greatest
        before = [] if is_one else [parameter.clone() for parameter in self._parameters]
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = greatest
            optimizer.step()
        if is_one:
            return
        shares = torch.tensor(learning_rates, device=self._parameters[0].device) / greatest
        for parameter, old in zip(self._parameters, before, strict=True):
            new, start = self._by_member(parameter), self._by_member(old)
            new.copy_(torch.lerp(start, new, _along(shares, new)))

    def _by_member(self, whole: Tensor) -> Tensor:
        """Return a view with a first dimension of members."""
        return whole.unflatten(0, (len(self._members), -1))


def _along(values: Tensor, like: Tensor) -> Tensor:
    """Return a value a member, to be multiplied with what has a first dimension of members."""
    return values.view(-1, *[1] * (like.ndim - 1))
