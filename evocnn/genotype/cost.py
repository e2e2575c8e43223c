"""What training a network is predicted to cost: a fixed formula, its constants part of the run."""

from dataclasses import dataclass

from evocnn.genotype.gene import Counts
from evocnn.genotype.genome import Fidelity


@dataclass(frozen=True, slots=True)
class CostModel:
    """Predicted seconds of training on one worker.

    The virtual clock needs ratios, not seconds: a machine twice as fast changes no order. A run
    measures its machine's constants, see `evocnn.training.cost_measurement`; these are those of
    one core of a server's CPU.

    Attributes:
        start: Seconds to build and to begin.
        per_flop: Seconds a floating-point operation of the forward pass (backward included).
        per_activation: Seconds a value written in the forward pass (backward included).
        per_operation: Seconds an operation and step, whatever its size (backward included).
    """

    start: float = 0.005
    per_flop: float = 4.2e-11
    per_activation: float = 2.6e-9
    per_operation: float = 2.2e-4

    def seconds(self, counts: Counts, fidelity: Fidelity, batch_size: int) -> float:
        """Return the predicted seconds.

        Args:
            counts: The network's counts for one image.
            fidelity: Epochs and images.
            batch_size: Images in a step.
        """
        amounts = cost_amounts(counts, fidelity, batch_size)
        constants = (self.start, self.per_flop, self.per_activation, self.per_operation)
        return sum(constant * amount for constant, amount in zip(constants, amounts, strict=True))


def cost_amounts(counts: Counts, fidelity: Fidelity, batch_size: int) -> tuple[int, int, int, int]:
    """Return how often a training pays each constant of a cost model, in the order of its fields.

    Args:
        counts: The network's counts for one image.
        fidelity: Epochs and images.
        batch_size: Images in a step.
    """
    n_steps = fidelity.stop * -(-fidelity.n_images // batch_size)
    n_images = fidelity.stop * fidelity.n_images
    return 1, n_images * counts.flops, n_images * counts.activations, n_steps * counts.operations
