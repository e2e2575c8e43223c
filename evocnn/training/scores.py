"""Scores of networks that nobody has trained: what one batch of images says about initial weights.

Higher is better. Published as cheap stand-ins for training, they mostly follow a network's size;
what they say beyond it is measured in `benchmarks/rejection`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan

import torch
from torch import Tensor, nn

from evocnn.genotype import Chromosome, Shape
from evocnn.phenotype import build
from evocnn.rng import derive_seed
from evocnn.training.data import ImageSet, training_subset
from evocnn.training.evaluator import undisturbed
from evocnn.training.images import resident
from evocnn.training.initialization import initialize

N_IMAGES = 64  # in the batch, as in Abdelfattah et al. 2021
SMALLEST_EIGENVALUE = 1e-5  # k in Mellor et al. 2020
ACTIVATIONS = (nn.ReLU, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.Tanh)
NORMALIZATIONS = (nn.BatchNorm2d, nn.GroupNorm)


def naswot(network: nn.Module, images: Tensor) -> float:
    """Return how differently a network's units respond to different images.

    The logarithm of the determinant of the kernel `N_A - d_H(c_i, c_j)`: of N_A units, how many
    agree on a pair of images. A unit's code is 1 where its activation function reads a value above
    0; for a ReLU that is whether it passes the value on, and it is taken likewise for the others.
    Where two images have one code, or where there are no units, the score is next to minus infinity.

    Args:
        network: Just initialized; it is used up.
        images: Normalized, `(n, channels, height, width)`.

    Mellor et al. (2021), "Neural Architecture Search without Training", arXiv:2006.04647v3, section 3.
    """
    agreeing = torch.zeros(len(images), len(images), dtype=torch.float64)

    def compare(_: nn.Module, inputs: tuple[Tensor]) -> None:
        signs = torch.where(inputs[0].flatten(1) > 0, 1.0, -1.0)  # (n, units)
        agreeing.add_((signs.shape[1] + signs @ signs.T) / 2)  # products of signs: agreeing less differing

    for module in network.modules():
        if isinstance(module, ACTIVATIONS):
            module.register_forward_pre_hook(compare)
    with torch.no_grad():
        _deterministic(network)(images)
    return float(torch.linalg.slogdet(agreeing).logabsdet)


def jacobian_covariance(network: nn.Module, images: Tensor) -> float:
    """Return how little the network's Jacobians at different images are correlated.

    `-sum(log(e + k) + 1 / (e + k))` over the eigenvalues e of the matrix of correlations between
    images of the gradients of the summed class scores; k = 1e-5. A gradient without variation
    counts as one that depends on the others.

    Args:
        network: Just initialized; it is used up.
        images: Normalized, `(n, channels, height, width)`.

    Mellor et al. (2020), arXiv:2006.04647v1, section 3; Abdelfattah et al. (2021), "Zero-Cost Proxies
    for Lightweight NAS", arXiv:2101.08134, section 3.
    """
    images = images.clone().requires_grad_()
    (gradients,) = torch.autograd.grad(_deterministic(network)(images).sum(), images)  # (n, c, h, w)
    correlations = torch.corrcoef(gradients.flatten(1).double()).nan_to_num(0.0)  # (n, n)
    shifted = torch.linalg.eigvalsh(correlations) + SMALLEST_EIGENVALUE
    return -float((shifted.log() + 1 / shifted).sum())


def synflow(network: nn.Module, images: Tensor) -> float:
    """Return the logarithm of the summed synaptic flow through a network's weights.

    The flow R is what the network makes of an image of ones once weights are their absolute values,
    biases are 0, and activations and normalizations are left out; a weight's share in it is
    `weight * dR/dweight`. It is computed in double precision, since R grows exponentially with depth.

    Args:
        network: Just initialized; it is used up.
        images: Images of the shape that the network reads; their values do not matter.

    Tanaka et al. (2020), "Pruning neural networks without any data by iteratively conserving
    synaptic flow", arXiv:2006.05467, equation 1; summed as in Abdelfattah et al. (2021), section 3.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (*ACTIVATIONS, *NORMALIZATIONS)):
                setattr(parent, name, nn.Identity())
    network = network.double().eval()
    weights = [weight for weight in network.parameters() if weight.dim() > 1]
    with torch.no_grad():
        for parameter in network.parameters():
            _ = parameter.abs_() if parameter.dim() > 1 else parameter.zero_()
    flow = network(torch.ones_like(images[:1], dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(flow, weights)
    total = torch.stack([(w.detach() * g).sum() for w, g in zip(weights, gradients, strict=True)]).sum()
    return float(total.log())


SCORES: dict[str, Callable[[nn.Module, Tensor], float]] = {
    "naswot": naswot,
    "jacobian-covariance": jacobian_covariance,
    "synflow": synflow,
}


@dataclass(frozen=True)
class InitialScore:
    """One of `SCORES` of a chromosome's network with initial weights, on a fixed batch of images.

    A chromosome's score depends on nothing but the chromosome and these attributes.

    Attributes:
        name: The name in `SCORES`.
        training: Training images; the batch is a stratified subset of them.
        seed: The run's seed.
        pool_order: `early` or `textbook`, see `evocnn.phenotype.build`.
    """

    name: str
    training: ImageSet
    seed: int
    pool_order: str = "early"

    def __call__(self, chromosome: Chromosome) -> float | None:
        """Return the score, higher is better; None where there is none.

        A network that cannot be built or computed has none: training it tells why.
        """
        shape, n_classes, images = Shape(*self.training.shape), self.training.n_classes, self._images
        with undisturbed():
            torch.manual_seed(derive_seed(self.seed, chromosome.key))
            try:
                network = build(chromosome, shape, n_classes, pool_order=self.pool_order)
                initialize(network, chromosome.recipe.initialization)
                score = SCORES[self.name](network, images)
            except Exception:  # noqa: BLE001 - a bad candidate never ends a run
                return None
        return None if isnan(score) else score

    def fit(self, genomes: Sequence[Chromosome], accuracies: Sequence[float]) -> bool:
        """Return False: nothing is learned, so no score changes."""
        del genomes, accuracies
        return False

    @cached_property
    def _images(self) -> Tensor:
        subset = training_subset(self.training, N_IMAGES, self.seed)
        return resident(subset, torch.device("cpu")).batch(torch.arange(len(subset)))[0].contiguous()


def _deterministic(network: nn.Module) -> nn.Module:
    """Return the network without dropout; batch normalization uses the batch's own statistics."""
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    return network
