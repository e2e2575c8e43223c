"""Networks of one's own as chromosomes: what gives the same, what differs and says so, what is refused."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evocnn.config import Experiment
from evocnn.config.parts import space_of
from evocnn.deploy.sequential import import_network, network_named, space_lines
from evocnn.errors import ExperimentError, GeneError
from evocnn.genotype import Shape
from evocnn.phenotype import build

IMAGE = (3, 8, 8)
CLASSIFIER = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def trained(network: nn.Module) -> nn.Module:
    """Return the network with random statistics and scales, some of them negative, as training may leave."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm) and module.affine:
            nn.init.normal_(module.weight, generator=generator)
            nn.init.normal_(module.bias, generator=generator)
    return network


class Plain(nn.Module):
    """As tutorials write networks: functions between modules, flattened by `view`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 5, padding=2)
        self.second = nn.Conv2d(4, 6, 5)
        self.dense = nn.Linear(6 * 5 * 5, 9)
        self.out = nn.Linear(9, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.first(x)), 2)
        x = torch.relu(functional.max_pool2d(self.second(x), 2))
        x = x.view(x.size(0), -1)
        x = functional.dropout(functional.relu(self.dense(x)), 0.25, self.training)
        return functional.log_softmax(self.out(x), dim=1)


class Averaged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh())
        self.out = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.features(x).mean(dim=(2, 3)))


class Skipping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Clamping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 1)


def unit(*behind: nn.Module, **geometry: Any) -> list[nn.Module]:
    return [nn.Conv2d(3, 4, 3, **geometry), *behind]


NESTED = nn.Sequential(
    nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
    nn.Dropout(0.1),
    nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding="valid", groups=4), nn.Identity(), nn.GELU()),
    nn.Flatten(),
    nn.Sequential(nn.Linear(16, 7), nn.SiLU(), nn.Dropout(0.5), nn.Linear(7, 5)),
)
NAMED: dict[str, tuple[nn.Module, tuple[int, ...], str, str]] = {
    "nested, textbook order": (
        NESTED,
        IMAGE,
        "conv8k3 · pool · drop.1 · conv16k3s2 valid gelu norm=none groups=4 | flatten dense7 drop.5 silu",
        "textbook",
    ),
    "functions": (
        Plain(),
        (1, 28, 28),
        "conv4k5 norm=none · pool · conv6k5 valid norm=none · pool | flatten dense9 drop.25",
        "early",
    ),
    "means": (Averaged(), IMAGE, "conv4k3 valid tanh norm=none | gap", "early"),
    "pool ahead of normalization": (
        nn.Sequential(*unit(nn.AvgPool2d(2), nn.BatchNorm2d(4), nn.SiLU()), *CLASSIFIER),
        IMAGE,
        "conv4k3 valid silu · pool average | gap",
        "early",
    ),
    "pool behind an activation": (
        nn.Sequential(*unit(nn.GELU(), nn.AvgPool2d(3)), *CLASSIFIER),
        IMAGE,
        "conv4k3 valid gelu norm=none · pool3 average | gap",
        "textbook",
    ),
    "pool ahead of the activation": (
        nn.Sequential(*unit(nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.LeakyReLU()), *CLASSIFIER),
        IMAGE,
        "conv4k3 valid leaky_relu · pool | gap",
        "textbook",
    ),
    "average pool of the whole image": (
        nn.Sequential(
            *unit(nn.GroupNorm(1, 4), nn.ReLU(), bias=False), nn.AvgPool2d(6), nn.Flatten(), nn.Linear(4, 2)
        ),
        IMAGE,
        "conv4k3 valid norm=group | gap",
        "early",
    ),
    "dilation, no biases": (
        nn.Sequential(
            *unit(nn.ReLU(), padding=2, dilation=2, bias=False),
            nn.AdaptiveAvgPool2d((8, 8)),
            nn.Flatten(),
            nn.Linear(256, 2, bias=False),
            nn.Softmax(dim=1),
        ),
        IMAGE,
        "conv4k3 norm=none dilation=2 | flatten",
        "early",
    ),
}


@pytest.mark.parametrize(("network", "shape", "text", "pool_order"), NAMED.values(), ids=NAMED)
def test_what_is_built_gives_what_the_network_gives(
    network: nn.Module, shape: tuple[int, ...], text: str, pool_order: str
) -> None:
    """Wherever normalization stands; its scales and statistics are not those of the start."""
    network = trained(network).eval()
    found = import_network(network, shape)
    assert found.chromosome.text == f"{text} | adamw lr=.001"
    assert found.pool_order == pool_order
    assert found.network is not None
    images = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    expected, scores = network(images), found.network(images)
    last = list(network.modules())[-1]
    if isinstance(last, nn.Softmax):
        scores = scores.softmax(dim=1)
    if isinstance(network, Plain):
        scores = scores.log_softmax(dim=1)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-4)


def test_the_network_itself_stays_as_it_is() -> None:
    network = Plain().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = import_network(network, (1, 28, 28))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert found.network is not None
    own = {id(p) for p in network.parameters()}
    assert not own & {id(p) for p in found.network.parameters()}


DIFFERENT: dict[str, tuple[list[nn.Module], str]] = {
    "slope": (unit(nn.LeakyReLU(0.3)), r"LeakyReLU\(negative_slope=0.3\)\) has the slope 0.01"),
    "eps": (unit(nn.BatchNorm2d(4, eps=0.5), nn.ReLU()), "has eps 1e-05"),
    "groups": (unit(nn.GroupNorm(2, 4), nn.ReLU()), "has num_groups 1"),
    "biases": (unit(nn.GroupNorm(1, 4), nn.ReLU()), "loses its biases$"),
    "statistics": (
        unit(nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU()),
        "has track_running_stats True",
    ),
}


@pytest.mark.parametrize(("features", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_another_constant_is_told_and_weights_are_left(features: list[nn.Module], expected: str) -> None:
    torch.manual_seed(0)
    found = import_network(nn.Sequential(*features, *CLASSIFIER), IMAGE)
    assert any(re.search(expected, text) for text in found.differences)
    assert found.network is None
    assert found.deviation > 1e-4


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (nn.Sequential(*unit(nn.BatchNorm2d(4), nn.ReLU()), *CLASSIFIER), "loses its biases"),
        (nn.Sequential(*unit(nn.ReLU(), bias=False), *CLASSIFIER), "gains biases, as it has no norm"),
        (nn.Sequential(*unit(nn.ReLU(), nn.Dropout2d(0.5)), *CLASSIFIER), "not whole channels"),
        (nn.Sequential(*unit(nn.BatchNorm2d(4, momentum=0.01), nn.ReLU()), *CLASSIFIER), "has momentum 0.1"),
        (
            nn.Sequential(
                *unit(nn.ReLU()), nn.Flatten(), nn.Dropout(0.3), nn.Linear(144, 3), nn.ReLU(), nn.Linear(3, 2)
            ),
            "is left out; heads drop values only ahead of the output",
        ),
        (Plain(), "is left out; networks of evocnn give scores"),
        (
            nn.Sequential(
                *unit(nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU()),
                nn.Conv2d(4, 4, 1),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.MaxPool2d(2),
                *CLASSIFIER,
            ),
            r"'1' \(MaxPool2d\(.*\)\) is computed behind the activation",
        ),
    ],
    ids=["bias", "no bias", "channels", "momentum", "dropout", "softmax", "both orders"],
)
def test_what_changes_training_alone_is_told_too(network: nn.Module, expected: str) -> None:
    found = import_network(network, (1, 28, 28) if isinstance(network, Plain) else IMAGE)
    assert any(re.search(expected, text) for text in found.differences), found.differences
    assert found.network is not None


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "activation": (
        nn.Sequential(*unit(nn.ReLU6()), *CLASSIFIER),
        r"'1' \(ReLU6\(\)\) cannot be expressed: behind the convolution '0'",
    ),
    "nested": (nn.Sequential(nn.Sequential(*unit(nn.ELU()))), r"'0\.1' \(ELU"),
    "no activation": (nn.Sequential(*unit()), r"'0' \(Conv2d\(3, 4, .*\)\) cannot be expressed: behind"),
    "normalization behind": (
        nn.Sequential(*unit(nn.ReLU(), nn.BatchNorm2d(4))),
        r"'2' \(BatchNorm2d.* in this",
    ),
    "average pool inside": (
        nn.Sequential(*unit(nn.BatchNorm2d(4), nn.AvgPool2d(2), nn.ReLU())),
        r"'2' \(AvgPool2d.* only a max pool ahead of",
    ),
    "overlap": (nn.Sequential(*unit(nn.ReLU(), nn.MaxPool2d(3, 2))), r"'2' \(MaxPool2d.* without overlap"),
    "padded pool": (nn.Sequential(nn.MaxPool2d(2, padding=1)), "pools must be without overlap, padding"),
    "ceil": (nn.Sequential(nn.MaxPool2d(3, ceil_mode=True)), "and ceil_mode"),
    "oblong": (nn.Sequential(nn.Conv2d(3, 4, (1, 3)), nn.ReLU()), "kernel_size must be the same in both"),
    "padding": (nn.Sequential(*unit(nn.ReLU(), padding=3)), "padding must be none, or half of an odd"),
    "even": (nn.Sequential(nn.Conv2d(3, 4, 4, padding=2), nn.ReLU()), "padding must be none, or half"),
    "reflection": (
        nn.Sequential(*unit(nn.ReLU(), padding=1, padding_mode="reflect")),
        "padding must be zeros",
    ),
    "transposed": (
        nn.Sequential(nn.ConvTranspose2d(3, 4, 3)),
        r"'0' \(ConvTranspose2d.* no gene has such .* there may be convolutions, each with",
    ),
    "grid of pools": (nn.Sequential(nn.AdaptiveAvgPool2d(2)), r"'0' \(AdaptiveAvgPool2d.* no gene"),
    "no head": (nn.Sequential(*unit(nn.ReLU())), "must end in a linear layer, but it did not: features must"),
    "unflattened": (nn.Sequential(nn.Linear(8, 2)), r"'0' \(Linear.* in flattening all of them"),
    "partly flattened": (nn.Sequential(nn.Flatten(2), nn.Linear(64, 2)), r"'1' \(Linear.* all of them"),
    "no output": (nn.Sequential(nn.Flatten()), "did not: a head must have dense layers"),
    "dense norm": (
        nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)),
        r"'2' \(BatchNorm1d.* nothing but a softmax may follow",
    ),
    "two activations": (
        nn.Sequential(
            nn.Flatten(), nn.Linear(192, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)
        ),
        r"'4' \(Tanh\(\)\) cannot be expressed: all dense layers must have one activation.* has relu",
    ),
    "skip": (Skipping(), "layer 'add' must read .* it reads x and inner; only sequential"),
    "function": (Clamping(), "layer 'clamp' cannot be expressed: no gene does what this function does"),
    "values": (Branching(), "must be traceable by torch.fx, but: symbolically traced variables"),
    "size": (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), "must take images of 3x8x8, but: .* give --shape"),
    "twice": (
        nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()] * 2),
        r"'0' \(Conv2d.* must be used once, but it was used again",
    ),
}


@pytest.mark.parametrize(("network", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_layer_that_cannot_be_expressed_is_named(network: nn.Module, expected: str) -> None:
    with pytest.raises(GeneError, match=expected):
        import_network(network, IMAGE)


def test_the_shape_is_seen_where_one_usual_size_passes() -> None:
    assert import_network(Plain()).shape == Shape(1, 28, 28)
    with pytest.raises(ExperimentError, match=r"but several were; give --shape 3,H,W"):
        import_network(nn.Sequential(*unit(nn.ReLU()), *CLASSIFIER))
    with pytest.raises(ExperimentError, match=r"but none of 8, .* was; give --shape 3,H,W"):
        import_network(nn.Sequential(nn.Flatten(), nn.Conv2d(3, 4, 3)))


@pytest.mark.parametrize(("network", "shape", "text", "pool_order"), NAMED.values(), ids=NAMED)
def test_the_lines_are_a_space_that_begins_with_the_network_unchanged(
    network: nn.Module, shape: tuple[int, ...], text: str, pool_order: str
) -> None:
    found = import_network(network, shape)
    tables = tomllib.loads("\n".join(space_lines(found)))
    experiment = Experiment.from_dict({"name": "a", "data": {"source": "digits"}, **tables})
    space = space_of(experiment, found.shape, found.n_classes)
    (founder,) = space.founders
    assert founder == found.chromosome
    assert space.repair(founder).genome == founder
    assert space.pool_order == pool_order
    built = build(founder, found.shape, found.n_classes, pool_order=space.pool_order)
    assert found.network is not None
    built.load_state_dict(found.network.state_dict())  # it is what a run would build


def test_a_deep_network_raises_the_limit_and_even_kernels_leave_padded_alleles_possible() -> None:
    features = [m for _ in range(13) for m in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())]
    network = nn.Sequential(
        *features, nn.Conv2d(3, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )
    tables = tomllib.loads("\n".join(space_lines(import_network(network, IMAGE))))
    assert tables["space"]["limits"] == {"depth": 14}
    assert tables["space"]["layers"]["conv"]["kernel"] == 3
    experiment = Experiment.from_dict({"name": "a", "data": {"source": "digits"}, **tables})
    (founder,) = experiment.space.given_founders
    assert founder.layers[-1].text == "conv3k2 valid norm=none"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that writes a module and returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text: str) -> str:
        name = f"factory_{abs(hash(text))}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def test_a_factory_may_be_a_function_a_class_or_the_network_itself(
    module: Callable[[str], str], tmp_path: Path
) -> None:
    name = module(
        "from torch import nn\nclass Net(nn.Sequential): pass\ndef make(): return Net()\nnetwork = Net()"
    )
    for attribute in ("make", "Net", "network"):
        assert type(network_named(f"{name}:{attribute}", tmp_path)).__name__ == "Net"


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("def make(n): pass", ":make", r"when called without arguments, but it raised TypeError"),
        ("def make(): return 3", ":make", r"must give a torch.nn.Module, but it gave 3"),
        ("", ":make", r"but it has no 'make'"),
        ("", "", r"must be named MODULE:FACTORY"),
    ],
    ids=["arguments", "number", "missing", "no colon"],
)
def test_what_gives_no_network_is_refused(
    module: Callable[[str], str], tmp_path: Path, text: str, attribute: str, expected: str
) -> None:
    with pytest.raises(ExperimentError, match=expected):
        network_named(module(text + "\n#" + expected) + attribute, tmp_path)
