"""Networks made by hand are expressible, and their sizes are the published ones."""

import pickle

import pytest

from evocnn.errors import GeneError
from evocnn.genotype import REFERENCE_NETWORKS, Shape, reference_network


def conv(fan_in: int, filters: int, kernel: int) -> int:
    """Weights and biases of a convolution."""
    return (fan_in * kernel**2 + 1) * filters


def normed(fan_in: int, filters: int, kernel: int) -> int:
    """Weights of a convolution, and scale and shift of its normalization."""
    return fan_in * kernel**2 * filters + 2 * filters


def linear(fan_in: int, fan_out: int) -> int:
    return (fan_in + 1) * fan_out


def residual(fan_in: int, filters: int) -> int:
    """He et al. 2015, figure 2; where channels change, with a projection."""
    shortcut = normed(fan_in, filters, 1) if fan_in != filters else 0
    return normed(fan_in, filters, 3) + normed(filters, filters, 3) + shortcut


def inverted(fan_in: int, filters: int, expansion: int = 6) -> int:
    """Sandler et al. 2018, table 1."""
    hidden = expansion * fan_in
    expand = normed(fan_in, hidden, 1) if expansion > 1 else 0
    return expand + normed(1, hidden, 3) + normed(hidden, filters, 1)


BY_HAND = {
    "lenet-5": conv(1, 6, 5) + conv(6, 16, 5) + conv(16, 120, 5) + linear(120, 84) + linear(84, 10),
    "tutorial": (
        conv(1, 32, 3) + conv(32, 64, 3) + conv(64, 64, 3) + linear(3 * 3 * 64, 64) + linear(64, 10)
    ),
    "vgg-11": (
        conv(3, 64, 3)
        + conv(64, 128, 3)
        + conv(128, 256, 3)
        + conv(256, 256, 3)
        + conv(256, 512, 3)
        + 3 * conv(512, 512, 3)
        + linear(7 * 7 * 512, 4096)
        + linear(4096, 4096)
        + linear(4096, 1000)
    ),
    "vgg-like": (
        normed(3, 32, 3)
        + normed(32, 32, 3)
        + normed(32, 64, 3)
        + normed(64, 64, 3)
        + normed(64, 128, 3)
        + normed(128, 128, 3)
        + linear(4 * 4 * 128, 128)
        + linear(128, 10)
    ),
    "resnet-20": (
        normed(3, 16, 3)
        + 3 * residual(16, 16)
        + (residual(16, 32) + 2 * residual(32, 32))
        + (residual(32, 64) + 2 * residual(64, 64))
        + linear(64, 10)
    ),
    "resnet-like": (
        normed(1, 16, 3)
        + 2 * residual(16, 16)
        + (residual(16, 32) + residual(32, 32))
        + (residual(32, 64) + residual(64, 64))
        + linear(64, 10)
    ),
    "mobilenet-v2": (
        normed(3, 32, 3)
        + inverted(32, 16, 1)
        + (inverted(16, 24) + inverted(24, 24))
        + (inverted(24, 32) + 2 * inverted(32, 32))
        + (inverted(32, 64) + 3 * inverted(64, 64))
        + (inverted(64, 96) + 2 * inverted(96, 96))
        + (inverted(96, 160) + 2 * inverted(160, 160))
        + inverted(160, 320)
        + normed(320, 1280, 1)
        + linear(1280, 1000)
    ),
    "mobile-like": (
        normed(1, 16, 3)
        + inverted(16, 16, 1)
        + (inverted(16, 24) + inverted(24, 24))
        + (inverted(24, 32) + inverted(32, 32))
        + inverted(32, 64)
        + normed(64, 128, 1)
        + linear(128, 10)
    ),
}
PUBLISHED = {
    "lenet-5": 61_706,
    "tutorial": 93_322,
    "vgg-11": 132_863_336,
    "resnet-20": 272_474,
    "mobilenet-v2": 3_504_872,
}


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_a_reference_network_has_as_many_parameters_as_were_published_or_computed(name: str) -> None:
    network = REFERENCE_NETWORKS[name]
    counts = reference_network(name).counts(network.input_shape, network.n_classes)
    assert counts.parameters == network.parameters == BY_HAND[name] == PUBLISHED.get(name, BY_HAND[name])


def test_lenet_reads_padded_digits_or_the_fields_that_held_them() -> None:
    same = reference_network("lenet-5")
    valid = REFERENCE_NETWORKS["lenet-5"].text.replace("conv6k5 tanh", "conv6k5 valid tanh")
    fields = type(same).parse(valid, {type(gene) for gene in same.layers})
    assert fields.counts(Shape(1, 32, 32), 10) == same.counts(Shape(1, 28, 28), 10)


def test_resnet_20_without_projections_has_the_size_of_the_paper() -> None:
    projections = normed(16, 32, 1) + normed(32, 64, 1)
    assert REFERENCE_NETWORKS["resnet-20"].parameters - projections == 269_722  # 0.27 M


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_a_reference_network_is_written_as_its_chromosome_writes_itself(name: str) -> None:
    network, chromosome = REFERENCE_NETWORKS[name], reference_network(name)
    assert chromosome.text == network.text
    assert chromosome.canonical(network.input_shape) == chromosome  # no gene is inert
    assert chromosome.recipe.epochs == 0  # the experiment's


@pytest.mark.parametrize("name", ["resnet-like", "mobile-like", "vgg-like", "lenet-5", "tutorial"])
@pytest.mark.parametrize("shape", [Shape(1, 28, 28), Shape(3, 32, 32)])
def test_founders_suit_small_images(name: str, shape: Shape) -> None:
    limit = {"vgg-like": 1_000_000}.get(name, 300_000)
    chromosome = reference_network(name)
    assert chromosome.counts(shape, 10).parameters < limit
    assert chromosome.canonical(shape) == chromosome


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnet-2",
            r"a reference network must be one of \['lenet-5', .* 'resnet-2'; did you mean 'resnet-20'\?",
        ),
        ("", "a reference network must be one of .* but it was ''; choose one"),
    ],
)
def test_an_unknown_network_is_refused(name: str, message: str) -> None:
    with pytest.raises(GeneError, match=message):
        reference_network(name)


def test_the_networks_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        REFERENCE_NETWORKS["mine"] = REFERENCE_NETWORKS["lenet-5"]  # type: ignore[index]
    assert all(pickle.loads(pickle.dumps(network)) == network for network in REFERENCE_NETWORKS.values())
