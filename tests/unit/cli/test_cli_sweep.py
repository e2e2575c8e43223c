"""The sweep of one gene, and what explains a run, from the command line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evocnn import open_run
from evocnn.cli.sweep import parsed_values
from evocnn.config import Experiment
from evocnn.errors import ExperimentError

Call = Callable[..., Any]


def test_a_sweep_is_run_shown_drawn_and_shown_again(evocnn: Call, tiny: Path, tmp_path: Path) -> None:
    run, picture = tmp_path / "run", tmp_path / "sweep.svg"
    said = evocnn(
        *("sweep", tiny, "--gene", "recipe.batch_size", "--values", "32,100", "--seeds", "2"),
        *("--chromosome", "conv4k3 | gap | sgd lr=.05", "--workers", "0", "--out", run, "--plot", picture),
    )
    assert said.code == 0
    assert (
        "gene-sweep: recipe.batch_size at 32, 100, 2 seeds each, 4 trainings; all else as in conv4k3"
        in said.err
    )
    assert said.out.startswith("tiny: sweep of recipe.batch_size; 4 of 4 trainings, 2 seeds a value\n")
    figure, seconds = r"[\d.]+ ± [\d.]+", r"[\d.]+ \[[\d.]+, [\d.]+\]"
    for value in (32, 100):
        assert re.search(rf"^ +{value} +2 +{figure} +{figure} +{seconds} +94$", said.out, re.MULTILINE)
    assert "at 32: conv4k3 | gap | sgd lr=.05 batch=32\n" in said.out
    assert picture.read_bytes().startswith(b"<?xml")
    again = evocnn("sweep", run)
    assert (again.code, again.out) == (0, said.out.replace(f"wrote {picture}\n", ""))


@pytest.mark.parametrize("chromosome", [None, "conv4k3 | gap | sgd lr=.05"])
def test_a_network_is_varied_in_the_experiment_of_a_run(
    chromosome: str | None, evocnn: Call, finished: Path, tmp_path: Path
) -> None:
    text = chromosome or open_run(finished).front.knee.text
    said = evocnn(
        *("sweep", finished, *(("--chromosome", chromosome) if chromosome else ("--pick", "knee"))),
        *("--gene", "recipe.batch_size", "--values", "8,100"),
        *("--seeds", "1", "--set", "data.images=200", "--workers", "0", "--out", tmp_path / "run"),
    )
    assert said.code == 0
    assert f"2 trainings; all else as in {text}\n" in said.err
    assert said.out.startswith("tiny: sweep of recipe.batch_size; 2 of 2 trainings, 1 seeds a value\n")
    made = open_run(tmp_path / "run").manifest["experiment"]
    ours = open_run(finished).manifest["experiment"]
    assert made["data"] == {**ours["data"], "images": 200}
    assert made["space"] == ours["space"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pick", "knee"), "a sweep must be given --gene and --values, but it was not"),
        (("--chromosome", "conv4k3 | gap | sgd"), "a sweep must be given --gene and --values, but it was no"),
        (("--pick", "bst"), "a pick must be knee, .* but it was 'bst'"),
        (
            ("--pick", "knee", "--chromosome", "conv4k3 | gap | sgd lr=.05"),
            "--pick must choose the one network, out of a run, but --chromosome gave one, too; leave",
        ),
        (("--gene", "conv.filters"), "a sweep must be given --values, but it was not"),
        (("--set", "data.imags=3", "--gene", "conv.filters"), "experiment of .*'data.imags' .*'images'"),
    ],
)
def test_a_mistake_about_a_run_ends_in_one_line_and_trains_nothing(
    arguments: tuple[str, ...], message: str, evocnn: Call, finished: Path, tmp_path: Path
) -> None:
    said = evocnn("sweep", finished, *arguments, "--out", tmp_path / "run", "--workers", "0")
    assert (said.code, said.out) == (2, "")
    assert re.search(rf"^error: .*{message}", said.err, re.MULTILINE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a sweep must be given --gene and --values, but it was not"),
        (("--gene", "recipe.epochs"), "a sweep must be given --values, but it was not"),
        (("--gene", "recipe.batch", "--values", "8"), "a field of recipe must be one of .* 'recipe.batch'"),
        (("--gene", "conv.kernel", "--values", "3", "--plot", "a.jpg"), "a plot's file must end in"),
    ],
)
def test_a_mistake_ends_in_one_line_and_leaves_no_run(
    arguments: tuple[str, ...], message: str, evocnn: Call, tiny: Path, tmp_path: Path
) -> None:
    said = evocnn("sweep", tiny, *arguments, "--out", tmp_path / "run", "--workers", "0")
    assert (said.code, said.out) == (2, "")
    assert re.search(rf"^error: .*{message}", said.err, re.MULTILINE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--set", "training.epochs=3"), "--set"),
        (("--seeds", "10"), "--seeds"),
        (("--out", "other"), "--out"),
        (("--seeds", "3", "--out", "other"), "--seeds and --out"),
    ],
)
def test_a_sweep_does_not_go_on_with_options_that_it_would_drop(
    arguments: tuple[str, ...], named: str, evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evocnn.cli.sweep.sweep_of", lambda _: None)
    monkeypatch.setattr("evocnn.cli.sweep.resumed", lambda *_: pytest.fail("it went on"))
    said = evocnn("sweep", finished, *arguments)
    assert (said.code, said.out) == (2, "")
    assert f"error: a sweep that goes on must stay as it was, but {named} would change it; leave" in said.err


def test_a_value_has_three_seeds_where_nobody_says_how_many(
    evocnn: Call, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def searched(experiment: Experiment, *_: object) -> None:
        search = experiment.search
        message = f"{search.algorithm.options['seeds']} seeds, {search.budget.evaluations} trainings"
        raise ExperimentError(message)

    monkeypatch.setattr("evocnn.cli.sweep.searched", searched)
    said = evocnn("sweep", tiny, "--gene", "recipe.batch_size", "--values", "8,100", "--out", tmp_path)
    assert said.err == "error: 3 seeds, 6 trainings\n"


def test_a_run_that_is_no_sweep_is_refused_before_it_goes_on(
    evocnn: Call, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evocnn.cli.sweep.resumed", lambda *_: pytest.fail("it went on"))
    said = evocnn("sweep", finished)
    assert said.code == 2
    assert "must be the run folder of a sweep, but its algorithm was None" in said.err


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("32,64", [32, 64]),
        ("0.1, 1e-3,sgd", [0.1, 0.001, "sgd"]),
        (";64;64,32", [[], [64], [64, 32]]),
    ],
)
def test_values_are_numbers_words_or_lists(text: str, values: list[Any]) -> None:
    assert parsed_values(text) == values


def test_importance_needs_candidates(evocnn: Call, finished: Path) -> None:
    said = evocnn("importance", finished)
    assert (said.code, said.out) == (2, "")
    assert "must have at least 20 candidates trained in full for importance, but" in said.err


def test_a_depth_sweep_says_what_it_is_and_that_it_is_complete(
    evocnn: Call, tiny: Path, tmp_path: Path
) -> None:
    said = evocnn(
        *("run", tiny, "--set", "search.algorithm=depth-sweep", "--set", "search.budget=20"),
        *("--workers", "0", "--out", tmp_path / "run"),
    )
    assert said.code == 0
    assert "depth-sweep, the manual method: one layer more at a time" in said.err
    assert "complete: the algorithm has nothing more to ask" in said.out
    again = evocnn("resume", tmp_path / "run", "--workers", "0")
    assert "this run was finished already" in again.err
    (outcome,) = (
        line for line in said.out.splitlines() if line.startswith("depth-sweep: the best network had")
    )
    assert json.loads(evocnn("show", tmp_path / "run", "--json").out)["outcome"].startswith(outcome)
