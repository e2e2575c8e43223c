"""Search spaces for images of several shapes, and chromosomes drawn at random from a space."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from evocnn.genotype import (
    Bottleneck,
    Choice,
    Chromosome,
    Conv,
    DenseConcat,
    DepthwiseSeparable,
    Dropout,
    GeneAlleles,
    Head,
    InvertedResidual,
    Limits,
    Link,
    Pool,
    Range,
    Recipe,
    Residual,
    SearchSpace,
    Shape,
)
from evocnn.genotype.layers import ACTIVATIONS, NORMALIZATIONS
from evocnn.genotype.recipe import AUGMENTATIONS, INITIALIZATIONS, OPTIMIZERS, SCHEDULES

settings.register_profile("unit", deadline=None, derandomize=True)  # shared machines are slow at times
settings.load_profile("unit")

SHAPES = {
    "grey-8": Shape(1, 8, 8),
    "grey-28": Shape(1, 28, 28),
    "rgb-32": Shape(3, 32, 32),
    "rgb-100": Shape(3, 100, 100),
    "strip-17": Shape(1, 1, 17),
}

_WORDS = {"activation": Choice(ACTIVATIONS), "normalization": Choice(NORMALIZATIONS)}
_KERNEL = {"filters": Choice((4, 8, 16, 32)), "kernel": Choice((1, 3, 5)), **_WORDS}
_ODD = {**_KERNEL, "stride": Choice((1, 2))}
_BRANCH = {**_ODD, "drop_path": Choice((0, 0.2))}
_LAYERS = (
    GeneAlleles(
        Conv,
        {
            **_ODD,
            "padding": Choice(("same", "valid")),
            "dilation": Choice((1, 2)),
            "groups": Choice((1, 2, 8)),
        },
        weight=3,
    ),
    GeneAlleles(Residual, _BRANCH),
    GeneAlleles(Bottleneck, {**_BRANCH, "reduction": Choice((2, 4, 8))}),
    GeneAlleles(DepthwiseSeparable, _ODD),
    GeneAlleles(InvertedResidual, {**_BRANCH, "expansion": Choice((1, 3, 6)), "squeeze": Choice((0, 4, 16))}),
    GeneAlleles(DenseConcat, _KERNEL),
    GeneAlleles(Pool, {"size": Choice((2, 3)), "kind": Choice(("max", "average"))}, weight=2),
    GeneAlleles(Dropout, {"rate": Choice((0, 0.1, 0.5))}),
    GeneAlleles(
        Link,
        {
            "back": Choice((1, 2, 3, 5)),
            "merge": Choice(("add", "concat")),
            "normalization": Choice(NORMALIZATIONS),
            "drop_path": Choice((0, 0.2)),
        },
        weight=2,
    ),
)
_HEAD = GeneAlleles(
    Head,
    {
        "pooling": Choice(("gap", "flatten")),
        "units": Choice(((), (16,), (32, 16))),
        "dropout": Choice((0, 0.3)),
        "activation": Choice(ACTIVATIONS),
    },
)
_RECIPE = GeneAlleles(
    Recipe,
    {
        "optimizer": Choice(OPTIMIZERS),
        "learning_rate": Range(0.001, 0.1, log=True),
        "weight_decay": Choice((0, 0.0005)),
        "batch_size": Choice((32, 64)),
        "schedule": Choice(SCHEDULES),
        "smoothing": Choice((0, 0.1)),
        "initialization": Choice(INITIALIZATIONS),
        "clip": Choice((0, 1.0)),
        "average": Choice((0, 0.99)),
        **{kind: Choice((0, 0.1, 0.2)) for kind in AUGMENTATIONS},
    },
)


def _make_space(shape: Shape = SHAPES["grey-28"], **changes: Any) -> SearchSpace:
    settings = {
        "input_shape": shape,
        "n_classes": 10,
        "layers": _LAYERS,
        "head": _HEAD,
        "recipe": _RECIPE,
        "limits": Limits(parameters=50_000, flops=20_000_000, depth=8),
    }
    return SearchSpace(**{**settings, **changes})


def _random_chromosomes(space: SearchSpace, n: int, seed: int = 0) -> list[Chromosome]:
    """Return chromosomes as operators may leave them: too large, and with genes that are inert."""
    rng = np.random.default_rng(seed)
    return [
        Chromosome(
            tuple(space.sample_layer(rng) for _ in range(int(rng.integers(12)))),
            space.head.sample(rng),
            space.recipe.sample(rng),
        )
        for _ in range(n)
    ]


@pytest.fixture(scope="session")
def make_space() -> Callable[..., SearchSpace]:
    """Return a function of a shape, and of a space's settings to change, that makes a space."""
    return _make_space


@pytest.fixture(scope="session", params=SHAPES)
def space(request: pytest.FixtureRequest) -> SearchSpace:
    """Return a space with every gene and every word, for images of each shape."""
    return _make_space(SHAPES[request.param])


@pytest.fixture(scope="session")
def random_chromosomes() -> Callable[..., list[Chromosome]]:
    """Return a function of a space, a number and a seed that draws chromosomes without repair."""
    return _random_chromosomes
