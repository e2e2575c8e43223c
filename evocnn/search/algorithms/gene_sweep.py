"""The sweep of one gene field, with all others held, repeated over seeds."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np

from evocnn.errors import ExperimentError, did_you_mean
from evocnn.evaluation import Evaluation
from evocnn.genotype import Chromosome, baseline
from evocnn.genotype.gene import Gene
from evocnn.genotype.limits import LIMITING
from evocnn.genotype.text_form import Value
from evocnn.search.algorithm import Candidate
from evocnn.search.algorithms.depth_sweep import network_space
from evocnn.search.breeding import Breeding
from evocnn.search.budget import Budget, Ending

N_BASELINE_LAYERS = 4
EPOCHS = "training.epochs"


class GeneSweep:
    """Trains one network with a field at each of some values, each in full and with several seeds.

    All values come with the first seed, then all with the second, and so on: ticket `t` has value
    `t % n_values` and replicate `t // n_values`. They need not be alleles of the space. Then it is
    complete. The space's given founders are not asked.

    Args:
        breeding: Makes candidates of genomes.
        gene: Which field: `layers.0.filters` of one locus, `conv.filters` of all genes of a type,
            `head.dropout`, `recipe.batch_size`, or `training.epochs`.
        values: The field's values.
        seeds: Trainings of each, which differ in initialization, order of images and augmentation.
        chromosome: The network's text form; a plain one of four convolutions where it is not given.

    Raises:
        ExperimentError: The space is not one of networks, there is no such field, a value has no effect
            or breaks the limits, or there are too few values or seeds.
        GeneError: The text is no chromosome of the space, or a value breaks the field's rule.
    """

    def __init__(
        self,
        breeding: Breeding,
        *,
        gene: str,
        values: Sequence[Any],
        seeds: int = 3,
        chromosome: str | None = None,
    ) -> None:
        self._breeding = breeding
        self._space = space = network_space(breeding, "gene-sweep")
        self._values = list(values)
        if seeds < 1 or len(values) < 1:
            message = (
                "a gene-sweep must have at least one value and one seed, but it had "
                f"{len(values)} and {seeds}; give more"
            )
            raise ExperimentError(message)
        self._gene = gene
        self._n_seeds = seeds
        given = None if chromosome is None else space.repair(space.parse(chromosome)).genome
        self._base = given or baseline(space, N_BASELINE_LAYERS)
        self._candidates = [self._candidate(value) for value in self._values]
        first: dict[Any, int] = {}
        for number, (value, one) in enumerate(zip(self._values, self._candidates, strict=True)):
            before = first.setdefault((one.request.genome.key, one.request.fidelity), number)
            if before < number:
                known = self._values[before]
                message = (
                    f"values of {gene} must differ in effect, but {known!r} and {value!r} gave the same "
                    f"network, {one.request.genome.text}; leave one out, give another --chromosome, or let "
                    "what is held evolve"
                )
                raise ExperimentError(message)
        self._n_asked = 0

    def plan(self, budget: Budget) -> str:
        """Return what is trained how often, and what of it a budget leaves out."""
        n_values, values = len(self._values), ", ".join(map(str, self._values))
        return (
            f"gene-sweep: {self._gene} at {values}, {self._n_seeds} seeds each, "
            f"{n_values * self._n_seeds} trainings; all else as in {self._base.text}"
        ) + budget.unpaid([one.request.fidelity.stop for one in self._candidates] * self._n_seeds)

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | Literal[Ending.COMPLETE]:
        """Return the next value, with the next seed after the last one."""
        del ticket, rng
        replicate, number = divmod(self._n_asked, len(self._values))
        if replicate == self._n_seeds:
            return Ending.COMPLETE
        self._n_asked += 1
        candidate = self._candidates[number]
        return replace(candidate, request=replace(candidate.request, replicate=replicate))

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Ignore what was found."""

    def needed_states(self) -> Collection[int]:
        """Return nothing: no candidate is continued."""
        return ()

    def _candidate(self, value: Any) -> Candidate:
        """Return the candidate with the field at a value.

        Raises:
            ExperimentError: The value breaks the limits, or cannot have an effect.
        """
        if self._gene == EPOCHS:
            return self._trained_for(value)
        genome = varied(self._base, self._gene, value)
        repaired = self._space.repair(genome)
        if not LIMITING.isdisjoint(repaired.changes):
            message = (
                f"the network with {self._gene} at {value!r} must keep the limits, but repair made it "
                f"{repaired.genome.text}; leave the value out or raise space.limits"
            )
            raise ExperimentError(message)
        return self._breeding.given(genome)

    def _trained_for(self, epochs: Any) -> Candidate:
        if type(epochs) is not int or epochs < 1 or self._base.recipe.epochs:
            message = (
                f"{EPOCHS} must be a whole number of at least 1, for a network without epochs of its own, "
                f"but it was {epochs!r} for {self._base.text}; correct it, or sweep recipe.epochs"
            )
            raise ExperimentError(message)
        candidate = self._breeding.given(self._base)
        fidelity = replace(candidate.request.fidelity, epochs=epochs)
        return replace(candidate, request=replace(candidate.request, fidelity=fidelity))


def varied(chromosome: Chromosome, path: str, value: Value | Sequence[int]) -> Chromosome:
    """Return a chromosome with one field at a value.

    Args:
        chromosome: The chromosome.
        path: `layers.0.filters`, `conv.filters`, `head.dropout` or `recipe.batch_size`.
        value: The value; a single number stands for a list of one, too.

    Raises:
        ExperimentError: The chromosome has no such field.
        GeneError: The value breaks the field's rule.
    """
    owner, _, field = path.rpartition(".")
    if owner in ("head", "recipe"):
        return replace(chromosome, **{owner: _with(getattr(chromosome, owner), field, value, path)})
    layers = {n for n, gene in enumerate(chromosome.layers) if owner in (f"layers.{n}", gene.name())}
    if not layers:
        owners = list(dict.fromkeys(["recipe", "head", *(gene.name() for gene in chromosome.layers)]))
        owners += [f"layers.{n}" for n in range(len(chromosome.layers))]
        hint = did_you_mean(owner, owners) or f"; write {EPOCHS} for the epochs of all"
        message = f"a swept gene must be one of {', '.join(owners)}, but it was '{owner}' in '{path}'{hint}"
        raise ExperimentError(message)
    changed = (
        _with(gene, field, value, path) if n in layers else gene for n, gene in enumerate(chromosome.layers)
    )
    return replace(chromosome, layers=tuple(changed))


def _with(gene: Gene, name: str, value: Any, path: str) -> Any:
    known = [f.name for f in fields(gene)]
    if name not in known:
        hint = did_you_mean(name, known) or "; correct it"
        message = (
            f"a field of {gene.name()} must be one of {', '.join(known)}, but it was '{name}' in "
            f"'{path}'{hint}"
        )
        raise ExperimentError(message)
    if isinstance(getattr(gene, name), tuple):
        value = tuple(value) if isinstance(value, Sequence) else (value,)
    return gene.having(**{name: value})
