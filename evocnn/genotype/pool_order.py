"""Where pools are computed: both orders put some of them inside the block ahead."""

from collections.abc import Sequence
from itertools import pairwise

from evocnn.genotype.chromosome import ActiveGene
from evocnn.genotype.gene import LayerGene
from evocnn.genotype.layers import POOLING, InvertedResidual, Pool

POOL_ORDERS = ("early", "textbook")
NON_DECREASING = ("relu", "leaky_relu", "tanh")  # the largest value stays the largest


def pools_within(active: Sequence[ActiveGene], pool_order: str = "early") -> set[int]:
    """Return the numbers of the pools that are computed inside the gene ahead of them.

    Those are pools directly behind one of the package's genes of convolutions, unless a link reads
    what lies between. With the early order all of them are computed right after the gene's last
    convolution. With the textbook order some are computed right ahead of its last activation: max
    pools behind an activation that never decreases, where that gives the same.

    Args:
        active: The active genes of a chromosome, in order.
        pool_order: `early` or `textbook`.
    """
    sources = {number - step.gene.skip for number, step in enumerate(active) if step.gene.skip}
    genes = [step.gene for step in active]
    return {
        number
        for number, (ahead, gene) in enumerate(pairwise(genes), start=1)
        if isinstance(gene, Pool) and isinstance(ahead, POOLING) and not hasattr(ahead, "module")
        if number not in sources and (pool_order == "early" or _may_change_places(ahead, gene))
    }


def _may_change_places(ahead: LayerGene, pool: Pool) -> bool:
    """Return whether a gene's last activation and the pool behind it give the same in either order."""
    is_linear = isinstance(ahead, InvertedResidual)  # it ends without an activation
    return pool.kind == "max" and not is_linear and getattr(ahead, "activation", "") in NON_DECREASING
