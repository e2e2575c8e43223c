"""From chromosome to `torch.nn.Module`."""

from evocnn.phenotype.build import build
from evocnn.phenotype.layers import layer_module

__all__ = ["build", "layer_module"]
