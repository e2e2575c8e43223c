"""The depth sweep: what everyone does by hand, as a control."""

from collections.abc import Collection
from typing import Literal

import numpy as np

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Status
from evocnn.genotype import Chromosome, SearchSpace, unlimited_baseline
from evocnn.genotype.limits import LIMITING
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import Breeding
from evocnn.search.budget import Budget, Ending

PATIENCE = 2  # layers added in a row without a rise in validation accuracy
FILTERS = (32, 16, 8, 4)  # of the first layer
ROOM = 6  # layers for which the first width leaves room, if any does


class DepthSweep:
    """Adds a layer at a time to a plain baseline until validation accuracy has stopped rising.

    It begins with one convolution, trains each network in full, waits for it, and is complete once two
    layers in a row gave no higher accuracy than the best before. What failed gave none. It is complete,
    too, where the next network would break the limits: a narrower one would not show what depth does. So the
    width is chosen ahead, the widest that leaves room for six layers within the limits. The baseline is
    `evocnn.genotype.baseline`'s; nothing but depth is tried, so the space's given founders are not asked.

    Args:
        breeding: Makes candidates of genomes.

    Raises:
        ExperimentError: The space is not one of networks, or their layers are held.
    """

    def __init__(self, breeding: Breeding) -> None:
        self._breeding = breeding
        self._space = network_space(breeding, "depth-sweep")
        if self._space.held.layers is not None:
            message = "a depth-sweep must add layers, but they were held; let layers evolve"
            raise ExperimentError(message)
        self._filters = max(FILTERS, key=lambda filters: (self._room(filters), filters))
        self._n_layers = 0
        self._is_waiting = False
        self._best = -1.0
        self._n_best = 0  # layers of the best
        self._n_without_rise = 0
        self._limit = ""  # that the next network would break

    def plan(self, budget: Budget) -> str:
        """Return what is done by hand, and with what it begins."""
        del budget
        return (
            "depth-sweep, the manual method: one layer more at a time until validation accuracy has not "
            f"risen for {PATIENCE} steps; begins with {self._space.repair(self._network(1)).genome.text}"
        )

    def outcome(self) -> str:
        """Return which depth was best, and why no deeper network was tried."""
        best = f"the best network had {_layers(self._n_best)}" if self._n_best else "no network was trained"
        if self._n_without_rise == PATIENCE:
            return f"depth-sweep: {best}; {PATIENCE} layers more gave no higher validation accuracy"
        if self._limit:
            return f"depth-sweep: {best}; limited: {self._limit}, so whether more depth helps is not known"
        return f"depth-sweep: {best}; it was at {_layers(self._n_layers)} when the search ended"

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate | Literal[Ending.COMPLETE] | None:
        """Return the network with one layer more, once the one before has been told."""
        del ticket, rng
        if self._is_waiting:
            return None
        network = self._network(self._n_layers + 1)
        self._limit = self._limit_of(network)
        if self._n_without_rise == PATIENCE or self._limit:
            return Ending.COMPLETE
        self._n_layers += 1
        self._is_waiting = True
        return self._breeding.given(network)

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Take the accuracy of the network with the most layers so far."""
        del ticket
        self._is_waiting = False
        is_ok = evaluation.status is Status.OK
        accuracy = evaluation.metrics["validation_accuracy"] if is_ok else -1.0
        self._n_without_rise = 0 if accuracy > self._best else self._n_without_rise + 1
        if accuracy > self._best:
            self._best, self._n_best = accuracy, self._n_layers

    def needed_states(self) -> Collection[int]:
        """Return nothing: no candidate is continued."""
        return ()

    def _network(self, n_layers: int) -> Chromosome:
        """Return the plain network of some layers."""
        return unlimited_baseline(self._space, n_layers, self._filters)

    def _room(self, filters: int) -> int:
        """Return how many layers, of six, the limits leave room for where the first has so many filters."""
        for n_layers in range(1, ROOM + 1):
            changes = self._space.repair(unlimited_baseline(self._space, n_layers, filters)).changes
            if not LIMITING.isdisjoint(changes):
                return n_layers - 1
        return ROOM

    def _limit_of(self, network: Chromosome) -> str:
        """Return in words why a network cannot be tried as it is; nothing where it can, or is the first."""
        space, repaired = self._space, self._space.repair(network)
        if not self._n_layers:
            return ""
        if LIMITING.isdisjoint(repaired.changes):
            same = "the images are too small for another layer"
            return same if self._breeding.is_asked(repaired.genome) else ""
        counts, limits = network.counts(space.input_shape, space.n_classes), space.limits
        found = {"depth": len(network.canonical(space.input_shape).layers)}
        found |= {name: getattr(counts, name) for name in ("parameters", "flops", "activations")}
        broken = [
            f"{name} {value:,} of {getattr(limits, name):,.0f}"
            for name, value in found.items()
            if value > getattr(limits, name)
        ]
        return f"with {_layers(self._n_layers + 1)} it would break space.limits ({', '.join(broken)})"


def _layers(n: int) -> str:
    return f"{n} layer{'s' if n > 1 else ''}"


def network_space(breeding: Breeding, name: str) -> SearchSpace:
    """Return the space of a breeding, which must be one of networks.

    Args:
        breeding: The breeding.
        name: The algorithm's, for the message.

    Raises:
        ExperimentError: It is another kind of space.
    """
    if not isinstance(breeding.space, SearchSpace):
        message = (
            f"{name} must have a space of networks, but it was {breeding.space!r}; choose another algorithm"
        )
        raise ExperimentError(message)
    return breeding.space
