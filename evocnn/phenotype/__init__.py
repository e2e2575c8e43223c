"""From chromosome to `torch.nn.Module`."""

from evocnn.phenotype.build import Network, build
from evocnn.phenotype.layers import layer_module

__all__ = ["Network", "build", "layer_module"]
