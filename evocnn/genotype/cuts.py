"""Cuts of a backbone that no network within the limits can have, told before anything is trained."""

from collections.abc import Iterator

from evocnn.genotype.space import SearchSpace

_COUNTS = ("parameters", "flops", "activations")


def impossible_cuts(space: SearchSpace) -> Iterator[str]:
    """Yield a sentence for each limit that keeps cuts of a space's backbone from ever occurring."""
    roots = () if space.backbone is None else space.backbone.by_width()
    smallest = {root.cut: space.smallest_behind([(root,)]) for root in roots}
    counts = {cut: one.counts(space.input_shape, space.n_classes) for cut, one in smallest.items()}
    for name in _COUNTS:
        limit = getattr(space.limits, name)
        beyond = {cut: getattr(count, name) for cut, count in counts.items() if getattr(count, name) > limit}
        if beyond:
            needs = ", ".join(f"{cut} ({n:,})" for cut, n in beyond.items())
            yield (
                f"space.limits.{name} should allow all cuts of the backbone, but it was {limit:,.0f}, with "
                f"which these can never occur (what the smallest network with each has): {needs}; raise it, "
                "or leave them out of space.backbone.cut"
            )
