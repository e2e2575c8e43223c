"""Initial weights, as a recipe names them."""

from collections.abc import Callable

from torch import Tensor, nn

INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),  # He et al. 2015
    "xavier": nn.init.xavier_uniform_,  # Glorot and Bengio 2010
    "orthogonal": nn.init.orthogonal_,  # Saxe et al. 2014
}


def initialize(network: nn.Module, name: str) -> None:
    """Draw the weights of convolutions and linear layers anew and set their biases to 0.

    Args:
        network: The network, changed in place.
        name: One of `evocnn.genotype.recipe.INITIALIZATIONS`; `torch` leaves all as it is.
    """
    if name == "torch":
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            INITIALIZERS[name](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
