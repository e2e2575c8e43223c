"""The training protocol: what all candidates of a search have in common."""

import hashlib
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class LatencyTerms:
    """On what latency is measured.

    Attributes:
        batch_size: Images in a batch.
        n_threads: Threads of the CPU that compute it.
    """

    batch_size: int = 1
    n_threads: int = 1


@dataclass(frozen=True, slots=True)
class Protocol:
    """How candidates are trained, whatever their recipe.

    Attributes:
        seed: The run's seed; training seeds follow from it.
        pool_order: `early` or `textbook`, see `evocnn.phenotype.build`.
        patience: Epochs without improvement after which training stops; None for never.
        least_improvement: Rise in validation accuracy that counts as one.
        warmup: Share of the steps in which the learning rate rises to its peak, ahead of the recipe's
            schedule.
        timeout: Wall-clock seconds of training after which a candidate is given up; None for never.
            Of lanes on a GPU, the turns of the others count too.
        is_timed: Whether the seconds of training are a metric, by the same clock.
        latency: On what latency is measured; None where it is no metric.
    """

    seed: int
    pool_order: str = "early"
    patience: int | None = None
    least_improvement: float = 0.0
    warmup: float = 0.1
    timeout: float | None = None
    is_timed: bool = False
    latency: LatencyTerms | None = None

    @property
    def digest(self) -> str:
        """Digest of all that a result depends on: everything but the timeout."""
        parts = sorted((name, value) for name, value in asdict(self).items() if name != "timeout")
        return hashlib.sha256(repr(parts).encode()).hexdigest()
