"""Where pools are computed: the early order puts some inside the block ahead of them."""

from collections.abc import Sequence
from itertools import pairwise

from evocnn.genotype.chromosome import ActiveGene
from evocnn.genotype.layers import POOLING, Pool

POOL_ORDERS = ("early", "textbook")


def pools_within(active: Sequence[ActiveGene]) -> set[int]:
    """Return the numbers of the pools that the early order computes inside the gene ahead of them.

    Those are the pools directly behind one of the package's genes of convolutions, unless a link
    reads what lies between.

    Args:
        active: The active genes of a chromosome, in order.
    """
    sources = {number - step.gene.skip for number, step in enumerate(active) if step.gene.skip}
    genes = [step.gene for step in active]
    return {
        number
        for number, (ahead, gene) in enumerate(pairwise(genes), start=1)
        if isinstance(gene, Pool) and isinstance(ahead, POOLING) and not hasattr(ahead, "module")
        if number not in sources
    }
