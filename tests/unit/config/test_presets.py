"""Presets: each is a space for images of any shape; a few lines extend one; a run's record holds it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.config import Experiment, load_experiment, presets, space_of, to_plain
from evocnn.config.presets import extended, preset_names
from evocnn.errors import ExperimentError
from evocnn.genotype import Choice, Range

Write = Callable[..., Path]
NAMES = ("cnn-ga", "evocnn", "mobile", "resnet-like", "tiny", "vgg-like")
SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 100, 100), (1, 1, 17)]
HEAD = 'name = "mine"\n[data]\nsource = "digits"\n'
NEW_TINY = """\
source = "a later version"
[layers.conv]
filters = [1000, 2000]
kernel = 9
[layers.pool]
"""


def experiment_of(**space: Any) -> Experiment:
    return Experiment.from_dict({"name": "mine", "data": {"source": "digits"}, "space": space})


def alleles_by_name(experiment: Experiment) -> dict[str, Any]:
    return {alleles.gene.name(): alleles for alleles in experiment.space.layers}


@pytest.fixture
def later_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Return a function after whose call the preset `tiny` is another one."""

    def install() -> None:
        (tmp_path / "presets").mkdir()
        (tmp_path / "presets" / "tiny.toml").write_text(NEW_TINY)
        monkeypatch.setattr(presets, "_FOLDER", tmp_path / "presets")
        preset_names.cache_clear()

    yield install
    preset_names.cache_clear()


def test_the_presets_are_these() -> None:
    assert preset_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_states_its_source(name: str) -> None:
    source = experiment_of(preset=name).space.source
    assert re.search(r"\b(19|20)\d\d\b.*arXiv:\d{4}\.\d{4,5}", source), source


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_space_for_images_of_any_shape(name: str, shape: tuple[int, int, int]) -> None:
    space = space_of(experiment_of(preset=name), shape, 10)
    rng = np.random.default_rng(4)
    samples = [space.sample(rng) for _ in range(25)]
    for chromosome in samples:
        assert space.limits.excess(chromosome.counts(space.input_shape, 10))[0] <= 1
        assert len(chromosome.layers) <= space.limits.depth
        assert space.from_json(chromosome.to_json()) == chromosome == space.parse(chromosome.text)
    assert len({chromosome.key for chromosome in samples}) == 25
    assert max(len(chromosome.layers) for chromosome in samples) > 1


def test_an_experiment_takes_a_preset_whole(write: Write) -> None:
    experiment = load_experiment(write(HEAD + '[space]\npreset = "tiny"\n'))
    layers = ["conv", "residual", "depthwise_separable", "pool", "dropout", "link"]
    assert [*alleles_by_name(experiment)] == layers
    assert (experiment.space.founder_depth, experiment.space.limits.parameters) == ((2, 5), 50_000)


def test_a_few_lines_extend_a_preset(write: Write) -> None:
    text = """
[space]
preset = "tiny"
founder_depth = [1, 4]

[space.limits]
parameters = 30_000
activations = 100_000

[space.layers]
residual = false

[space.layers.conv]
filters = [4, 12]
stride = [1, 2]

[space.layers.dense_concat]
filters = [8, 16]
kernel = 3

[space.recipe]
learning_rate = { low = 0.1, high = 0.2 }
smoothing = [0, 0.1]
"""
    plain, mine = experiment_of(preset="tiny"), load_experiment(write(HEAD + text))
    before, after = alleles_by_name(plain), alleles_by_name(mine)
    assert [*after] == ["conv", "depthwise_separable", "pool", "dropout", "link", "dense_concat"]
    conv = before["conv"].fields | {"filters": Choice((4, 12)), "stride": Choice((1, 2))}
    assert (after["conv"].fields, after["conv"].weight) == (conv, 3.0)  # a list replaces, the rest stays
    assert all(after[name] == before[name] for name in ("depthwise_separable", "pool", "dropout", "link"))
    learning_rate = Range(0.1, 0.2)  # a range replaces as a whole: it is logarithmic in the preset
    assert mine.space.recipe.fields == plain.space.recipe.fields | {
        "learning_rate": learning_rate,
        "smoothing": Choice((0, 0.1)),
    }
    assert mine.space.head == plain.space.head
    assert dict(mine.space.limits) == {
        "parameters": 30_000,
        "flops": 12_000_000,
        "activations": 100_000,
        "depth": 8,
    }
    assert (mine.space.founder_depth, mine.space.source) == ((1, 4), plain.space.source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": {"residul": False}}, r"'space.layers.residul': .* 'residul'; did you mean 'residual'\?"),
        (
            {"layers": {"bottleneck": False}},
            "bottleneck': 'bottleneck = false' must leave out a gene of a preset, but there was none; remove",
        ),
        ({"limits": {"parametrs": False}}, "'space.limits.parametrs' is not known"),
        ({"layers": {"conv": {"filters": False}}}, r"must have alleles for \['filters'\], but had none"),
        ({"layers": False}, "a space must have a layer gene, but it had none; name a preset or add"),
        ({"recipe": {"learning_rate": {"low": 0.1}}}, "'space.recipe.learning_rate': a range must be"),
        ({"recipe": {"learning_rate": {"scale": "linear"}}}, "'space.recipe.learning_rate': a range must be"),
    ],
)
def test_what_extends_nothing_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        experiment_of(preset="tiny", **change)


def test_false_takes_anything_of_the_preset_away() -> None:
    experiment = experiment_of(
        preset="tiny", limits={"flops": False}, founder_depth=False, head={"units": False}, recipe=False
    )
    assert (experiment.space.limits.flops, experiment.space.limits.depth) == (None, 8)
    assert experiment.space.founder_depth == (2, 6)  # a space's default
    assert "units" not in experiment.space.head.fields
    assert experiment.space.recipe.fields == {}


def test_objects_replace_what_a_preset_says() -> None:
    rate = Range(0.1, 0.2)
    experiment = experiment_of(
        preset="tiny", recipe={"learning_rate": rate}, layers={"conv": {"filters": Choice((3,))}}
    )
    assert experiment.space.recipe.fields["learning_rate"] == rate
    assert alleles_by_name(experiment)["conv"].fields["filters"] == Choice((3,))


def test_genes_of_ones_own_join_a_preset(write: Write) -> None:
    write("from evocnn.genotype import Conv\nclass Wide(Conv):\n    code = 'wide'\n", "own_preset_gene.py")
    wide = '[space.layers.wide]\ngene = "own_preset_gene:Wide"\nfilters = 4\nkernel = 3\n'
    text = f'[space]\npreset = "tiny"\n{wide}'
    assert [*alleles_by_name(load_experiment(write(HEAD + text)))][-1] == "wide"


def test_extending_changes_no_table_that_was_given() -> None:
    given = {"preset": "tiny", "layers": {"conv": {"filters": [4]}, "pool": False}}
    copy = json.loads(json.dumps(given))
    first, second = extended(given), extended(given)
    assert given == copy
    assert first == second
    assert "preset" not in first
    assert extended({"layers": {"pool": False}}) == {
        "layers": {"pool": False}
    }  # without a preset nothing goes


@pytest.mark.parametrize(
    ("name", "hint"),
    [('"tyny"', r"'tyny'; did you mean 'tiny'\?"), ('"zzz"', "'zzz'; choose one"), ("5", "5; choose one")],
)
def test_an_unknown_preset_is_told_with_its_line(name: str, hint: str, write: Write) -> None:
    path = write(f"{HEAD}\n[space]\npreset = {name}\n")
    message = rf"^{path}:6: 'space.preset': a preset must be one of {', '.join(NAMES)}, but it was {hint}$"
    with pytest.raises(ExperimentError, match=message):
        load_experiment(path)


def test_a_preset_can_be_set_on_the_command_line(write: Write, experiment_text: str) -> None:
    path = write(HEAD)
    assert load_experiment(path, ["space.preset=tiny"]).space == experiment_of(preset="tiny").space
    changed = load_experiment(path, ["space.preset=mobile", "space.layers.conv.kernel=[3]"])
    assert alleles_by_name(changed)["conv"].fields["kernel"] == Choice((3,))
    mine = load_experiment(write(experiment_text), ["space.preset=tiny"])  # goes below what the file says
    assert alleles_by_name(mine)["conv"].fields["filters"] == Choice((4, 8))
    assert "residual" in alleles_by_name(mine)
    message = r"as changed on the command line: 'space\.preset': a preset must .*; did you mean 'tiny'\?$"
    with pytest.raises(ExperimentError, match=message):
        load_experiment(path, ["space.preset=tyny"])


def test_a_mistake_that_extends_a_preset_keeps_its_line(write: Write) -> None:
    path = write(f'{HEAD}[space]\npreset = "tiny"\n[space.layers.conv]\nfilters = [4, 0]\nkernl = 3\n')
    with pytest.raises(ExperimentError, match=rf"^{path}:6: 'space.layers.conv': .* 'kernl'; did you mean"):
        load_experiment(path)


def test_the_depth_of_a_presets_founders_follows_a_lower_limit(write: Write) -> None:
    tables = '[space]\npreset = "cnn-ga"\n[space.limits]\ndepth = 3\n'
    assert load_experiment(write(HEAD + tables)).space.founder_depth == (3, 3)


def test_a_depth_of_founders_beyond_the_limit_is_refused(write: Write) -> None:
    path = write(f'{HEAD}[space]\npreset = "cnn-ga"\nfounder_depth = [4, 10]\nlimits = {{ depth = 3 }}\n')
    message = (
        rf"^{path}:6: 'space.founder_depth': .* the depth limit 3, but it was \[4, 10\]; correct either$"
    )
    with pytest.raises(ExperimentError, match=message):
        load_experiment(path)


def test_a_record_holds_the_whole_preset(write: Write, later_version: Callable[[], None]) -> None:
    text = '[space]\npreset = "tiny"\n[space.layers]\npool = false\n[space.layers.conv]\nkernel = [3]\n'
    path = write(HEAD + text)
    before = load_experiment(path)
    recorded = json.loads(json.dumps(to_plain(before.tables), allow_nan=False))
    assert "preset" not in recorded["space"]
    assert (recorded["space"]["layers"]["conv"]["kernel"], "pool" in recorded["space"]["layers"]) == (
        [3],
        False,
    )

    later_version()
    again = Experiment.from_dict(recorded)
    assert again.space == before.space
    assert again.tables == before.tables
    spaces = [space_of(experiment, (1, 8, 8), 10) for experiment in (before, again)]
    one, other = ([space.sample(np.random.default_rng(n)).key for n in range(9)] for space in spaces)
    assert one == other
    assert load_experiment(path).space.source == "a later version"  # a new run takes the new one
