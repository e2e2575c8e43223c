"""Muon for weights of any number of dimensions: torch's own takes matrices only."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic, in Jordan et al. 2024
N_ITERATIONS = 5
LEAST_NORM = 1e-7
RMS = 0.2  # of an update at a learning rate of 1, as those of AdamW (Liu et al. 2025, section 2.2)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose every update is made orthogonal, with decoupled weight decay.

    A convolution's weights are a matrix of one row a filter, `(out, in * kernel * kernel)`. Updates
    are scaled to the size of AdamW's, so both share a learning rate.

    Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks"; Liu et al.
    (2025), "Muon is Scalable for LLM Training", equation 4.

    Args:
        weights: Weights of two dimensions or more.
        learning_rate: Learning rate.
        weight_decay: Share of the weights, times the learning rate, that a step takes away.
    """

    def __init__(self, weights: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": learning_rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # noqa: ARG002 - the signature of every optimizer
        """Take a step along the gradients."""
        for group in self.param_groups:
            rate, decay = group["lr"], group["weight_decay"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
                update = orthogonalized(weight.grad.lerp(momentum, MOMENTUM).flatten(1))  # (out, the rest)
                scale = RMS * max(update.shape) ** 0.5
                weight.mul_(1 - rate * decay).sub_(update.view_as(weight) * (rate * scale))


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return nearly the orthogonal matrix next to a matrix: singular values of 0.7 to 1.2.

    Five Newton-Schulz iterations (Jordan et al. 2024) in the matrix's own precision.

    Args:
        matrix: Shape `(rows, columns)`.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / x.norm().clamp_min(LEAST_NORM)
    a, b, c = COEFFICIENTS
    for _ in range(N_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if is_tall else x
