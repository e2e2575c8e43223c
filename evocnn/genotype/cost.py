"""What training a network is predicted to cost: a fixed formula, its constants part of the run."""

from dataclasses import dataclass

from evocnn.genotype.gene import Counts
from evocnn.genotype.genome import Fidelity


@dataclass(frozen=True, slots=True)
class CostModel:
    """Predicted seconds of training on one worker.

    The virtual clock needs ratios, not seconds: a machine twice as fast changes no order.

    Attributes:
        start: Seconds to build and to begin.
        per_flop: Seconds a floating-point operation of the forward pass (backward included).
        per_activation: Seconds a value written in the forward pass (backward included).
        per_operation: Seconds an operation and step, whatever its size (backward included).
    """

    start: float = 0.02
    per_flop: float = 1.0e-10
    per_activation: float = 3.0e-9
    per_operation: float = 6.0e-5

    def seconds(self, counts: Counts, fidelity: Fidelity, batch_size: int) -> float:
        """Return the predicted seconds.

        Args:
            counts: The network's counts for one image.
            fidelity: Epochs and images.
            batch_size: Images in a step.
        """
        steps = -(-fidelity.n_images // batch_size)
        an_image = self.per_flop * counts.flops + self.per_activation * counts.activations
        an_epoch = fidelity.n_images * an_image + steps * self.per_operation * (counts.operations + 4)
        return self.start + fidelity.stop * an_epoch
