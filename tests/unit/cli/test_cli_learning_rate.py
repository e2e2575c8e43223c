"""The command that tests which learning rates train the networks of a space."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.cli import learning_rate as command
from evocnn.cli.learning_rate import founders_to_test
from evocnn.genotype import Choice, Chromosome, GeneAlleles, Held, Range, Recipe, SearchSpace

Call = Callable[..., Any]
MakeSpace = Callable[..., SearchSpace]
NETWORK = "conv4k3 > pool | gap | adamw lr=.1"
RATE = r"[\d.e-]+"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return tmp_path / "rates.svg"


@pytest.fixture
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take fewer steps than are asked for, where the ranges themselves do not matter."""
    monkeypatch.setattr("evocnn.training.learning_rate_range.N_STEPS", 60)


def test_a_chromosome_is_tested_and_the_line_it_gives_bounds_the_allele(
    evocnn: Call, tiny: Path, picture: Path
) -> None:
    said = evocnn("lr-range", tiny, "--chromosome", NETWORK, "--out", picture)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "tiny: learning rates from 1e-06 to 10 in 200 steps; 300 training images"
    assert re.fullmatch(rf" *{RATE} +{RATE} +94  conv4k3 · pool \| gap \| adamw lr=\.1 *", lines[2])
    assert lines[3] == f"wrote {picture}"
    assert re.fullmatch(rf"adamw: {RATE} to {RATE}, median of 1", lines[5])
    assert lines[7] == "to bound the allele, write into [space.recipe]:"
    bounds = tomllib.loads(lines[8])["learning_rate"]
    assert 1e-6 < bounds["low"] < bounds["high"] < 10
    key, _, value = lines[8].partition(" = ")
    shown = evocnn("space", tiny, "--samples", "1", "--set", f"space.recipe.{key}={value}").out
    assert f"{bounds['low']:g} to {bounds['high']:g}, log" in shown
    assert picture.read_bytes().startswith(b"<?xml")


def test_founders_are_tested_under_each_optimizer_and_one_range_spans_them(
    evocnn: Call, tiny: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "N_NETWORKS", 2)
    said = evocnn("lr-range", tiny, "--out", picture, "--set", 'space.recipe.optimizer=["sgd", "adam"]')
    assert (said.code, said.err) == (0, "")
    rows = re.findall(rf"^ *{RATE} +{RATE} +\d+  (.*?\| gap) \| (\w+) lr=", said.out, re.MULTILINE)
    assert [optimizer for _, optimizer in rows] == ["sgd", "sgd", "adam", "adam"]
    assert [network for network, _ in rows[:2]] == [network for network, _ in rows[2:]]
    medians = re.findall(rf"^\w+: ({RATE}) to ({RATE}), median of [12]$", said.out, re.MULTILINE)
    low, high = min((low for low, _ in medians), key=float), max((high for _, high in medians), key=float)
    assert len(medians) == 2
    assert "to bound the allele, which holds for all optimizers, write" in said.out
    assert f'learning_rate = {{ low = {low}, high = {high}, scale = "log" }}\n' in said.out


@pytest.mark.usefixtures("_few_steps")
def test_a_network_of_a_run_is_tested_on_the_data_of_the_run(
    evocnn: Call, tiny: Path, tmp_path: Path, picture: Path
) -> None:
    own, labels = tmp_path / "own.npz", np.arange(400) % 4
    pixels = np.random.default_rng(0).integers(0, 60, (400, 5, 5, 1)) + 60 * labels[:, None, None, None]
    np.savez(own, images=pixels.astype(np.uint8), labels=labels)
    run = tmp_path / "run"
    assert evocnn("run", tiny, "--data", own, "--out", run, "--workers", "0").code == 0
    picked = json.loads(evocnn("show", run, "--pick", "smallest", "--json").out)
    said = evocnn("lr-range", run, "--pick", "smallest", "--out", picture, "--set", "data.images=200")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("tiny: learning rates from 1e-06 to 10 in 200 steps; 150 training images")
    assert picked["text"].replace(" > ", " · ") in said.out


@pytest.mark.usefixtures("_few_steps")
def test_images_that_tell_nothing_have_no_range(
    evocnn: Call, tiny: Path, tmp_path: Path, picture: Path
) -> None:
    path = tmp_path / "flat.npz"
    np.savez(path, images=np.zeros((40, 4, 4, 1), dtype=np.uint8), labels=np.arange(40) % 4)  # no test split
    said = evocnn(
        *("lr-range", tiny, "--data", path, "--set", "data.images=40", "--out", picture),
        *("--chromosome", NETWORK),
    )
    assert (said.code, picture.exists()) == (2, True)
    assert "adamw: the loss of 1 of 1 did not fall at any rate\n" in said.out
    assert re.search(r"^ +- +- +64  conv4k3", said.out, re.MULTILINE)
    assert "learning_rate =" not in said.out
    assert (
        "error: the training loss must fall at some rate from 1e-06 to 10, but it did so for none" in said.err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--chromosome", "conv4k3 | gap"), r"a chromosome must have three parts divided by '\|'"),
        (("--chromosome", "res8k3 | gap | sgd lr=.1"), "'res8k3' must be the text form of one of conv, pool"),
        (("--pick", "knee"), r"--pick must choose the one network, .*tiny.toml' was no run folder; name one"),
        (("--out", "rates.jpg"), r"a plot's file must end in .* 'rates.jpg'; change the ending"),
        (("--set", "space.limit=1"), "'space.limit' is not known; .*; did you mean 'limits'?"),
        (("--data", "nothing"), "data path .*nothing must be a folder with IDX files"),
    ],
)
def test_a_mistake_ends_in_one_line_and_code_2(
    arguments: tuple[str, ...], message: str, evocnn: Call, tiny: Path
) -> None:
    said = evocnn("lr-range", tiny, *arguments)
    assert (said.code, said.out) == (2, "")
    assert re.fullmatch(rf"error: .*{message}.*\n", said.err)


def test_ctrl_c_ends_it_with_130(
    evocnn: Call, tiny: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(command, "learning_rate_ranges", interrupted)
    said = evocnn("lr-range", tiny, "--chromosome", NETWORK, "--out", picture)
    assert (said.code, said.err, picture.exists()) == (130, "", False)


@pytest.mark.usefixtures("_few_steps")
def test_a_picture_goes_into_runs_by_default(
    evocnn: Call, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "plot_learning_rates", lambda name, found, path: path.parent.mkdir())
    said = evocnn("lr-range", tiny, "--chromosome", NETWORK)
    assert f"wrote {Path('runs') / 'tiny-lr-range.png'}\n" in said.out


def test_help_gives_an_example(evocnn: Call) -> None:
    said = evocnn("lr-range", "--help")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"Usage: .*evocnn lr-range ", said.out)
    assert "Example: evocnn lr-range " in said.out


def test_given_founders_come_first_and_drawn_ones_fill_up(make_space: MakeSpace) -> None:
    given = Chromosome.parse("conv8k3 | gap | sgd lr=.05 batch=32", make_space().genes)
    sgd = GeneAlleles(Recipe, {"learning_rate": Range(0.001, 0.1, log=True), "batch_size": Choice((32,))})
    space = make_space(recipe=sgd, founders=(given, given))
    founders = founders_to_test(space, 1)
    assert founders[0] == space.repair(given).genome
    assert len(set(founders)) == len(founders) == 5
    assert founders == founders_to_test(space, 1)
    assert founders[1:] != founders_to_test(space, 2)[1:]


def test_a_held_recipe_keeps_its_optimizer(make_space: MakeSpace) -> None:
    held = Recipe(optimizer="nadam", learning_rate=0.01)
    founders = founders_to_test(make_space(held=Held(recipe=held)), 1)
    assert {founder.recipe for founder in founders} == {held}
    assert len(founders) == 5
