"""Runs of experiments with presets, held segments, founders and rates: what is recorded, read and resumed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from searches import without_times

from evocnn import Experiment, Run, load_experiment, open_run, resume, run
from evocnn.config import presets, space_of, to_plain
from evocnn.errors import ReplayError
from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Conv, Pool, Shape
from evocnn.runs import Observer
from evocnn.training.evaluator import TrainingEvaluator

LAYERS, HEAD = "conv8k3 · pool · conv16k3", "gap dense16"
FOUNDER = "conv16k3 · pool | gap | sgd lr=.1"
HOLDING = f"""\
name = "holding"
seed = 5
[data]
source = "digits"
images = 200
[space]
preset = "tiny"
evolve = ["recipe"]
founders = ["tutorial", "{FOUNDER}"]
[space.hold]
layers = "{LAYERS}"
head = "{HEAD}"
[space.recipe]
smoothing = [0, 0.1]
[training]
epochs = 1
[search]
population = 3
window = 2
budget = 6
rates = "self-adaptive"
"""
FREE = """\
name = "free"
seed = 5
[data]
source = "digits"
images = 200
[space]
preset = "tiny"
founder_prior = "uniform"
[space.limits]
parameters = 2_000
[training]
epochs = 1
[search]
population = 8
window = 4
budget = 30
"""


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let candidates be counted in place of being trained."""

    def evaluate(self: TrainingEvaluator, request: EvaluationRequest) -> Evaluation:
        chromosome: Any = request.genome
        shape, digits = self.training.shape, int(chromosome.key[:4], 16)
        size = chromosome.counts(Shape(*shape), self.training.n_classes).parameters
        figures = {"validation_accuracy": 0.5 + digits / 2**17, "parameters": float(size)}
        return Evaluation(Status.OK, {**figures, "generalization_gap": 0.0})

    monkeypatch.setattr(TrainingEvaluator, "__call__", evaluate)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run that was trained, of which only the recipe evolves."""
    folder = tmp_path_factory.mktemp("holding")
    return run(load_experiment(write(folder / "experiment.toml", HOLDING)), folder / "run")


def test_a_whole_search_can_evolve_the_recipe_alone(held: Run) -> None:
    assert held.status == "finished"
    assert {record.evaluation.status for record in held.records} == {Status.OK}
    parts = [record.text.split(" | ") for record in held.records]
    assert {(layers, head) for layers, head, _ in parts} == {(LAYERS, HEAD)}
    assert len({recipe for _, _, recipe in parts}) == 6
    assert [record.repairs for record in held.records[:2]] == [{"held": 1}, {"held": 1}]  # the founders
    assert parts[1][2] == "sgd lr=.1"  # the second one's own recipe
    operators = {name for record in held.records for name in record.operators}
    assert operators
    assert not operators & {"add_gene", "widen", "alter_head"}


def test_the_record_is_the_experiment_whole(held: Run) -> None:
    recorded = held.manifest["experiment"]
    assert "preset" not in recorded["space"]
    assert recorded["space"]["hold"] == {"layers": LAYERS, "head": HEAD}
    assert recorded["space"]["layers"]["link"]["back"] == [1, 2, 3]  # of the preset
    assert recorded["space"]["recipe"]["smoothing"] == [0, 0.1]
    assert (recorded["search"]["rates"], recorded["space"]["founders"]) == (
        "self-adaptive",
        ["tutorial", FOUNDER],
    )
    given = load_experiment(held.folder.parent / "experiment.toml")
    for name in ("space", "search", "training", "data", "objectives"):
        assert getattr(held.experiment, name) == getattr(given, name)
    assert to_plain(held.experiment.tables) == recorded


def test_genomes_of_a_run_can_be_read_with_its_space(held: Run) -> None:
    space = space_of(held.experiment, (1, 8, 8), 10)
    genomes = [space.from_json(record.genome) for record in held.records]
    assert [genome.key for genome in genomes] == [record.key for record in held.records]
    assert any(genome.rates for genome in genomes)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("algorithm", "rates"),
    [
        ("nsga2", "fixed"),
        ("nsga2", "self-adaptive"),
        ("nsga2", "credit"),
        ("nsga2-generational", "self-adaptive"),
        ("nsga2-generational", "credit"),
        ("random", "fixed"),
    ],
)
def test_a_resumed_run_is_the_run_in_one_go(tmp_path: Path, algorithm: str, rates: str) -> None:
    path = write(tmp_path / "experiment.toml", FREE)
    settings = [f"search.algorithm={algorithm}", f"search.rates={rates}"]
    experiment = load_experiment(path, settings)
    whole = run(experiment, tmp_path / "whole")
    told: list[object] = []
    first = run(
        experiment,
        tmp_path / "cut",
        observer=Observer(on_told=told.append, should_stop=lambda: len(told) >= 13),
    )
    assert (first.status, len(first.records)) == ("interrupted", len(told))
    second = resume(tmp_path / "cut")
    assert without_times(second.records) == without_times(whole.records)
    assert any(record.repairs for record in whole.records)

    short = run(load_experiment(path, [*settings, "search.budget=17"]), tmp_path / "short")
    assert without_times(resume(short.folder, budget=30).records) == without_times(whole.records)


@pytest.mark.fault
@pytest.mark.usefixtures("counted")
def test_a_later_versions_preset_changes_no_run(tmp_path: Path, later_tiny: Callable[[], None]) -> None:
    """To see it fail: let `_continued` take any experiment."""
    path = write(tmp_path / "experiment.toml", FREE)
    whole = run(load_experiment(path), tmp_path / "whole")
    run(load_experiment(path, ["search.budget=10"]), tmp_path / "run")
    later_tiny()
    with pytest.raises(
        ReplayError, match=r"the experiment must be that of the run in .*, but it was another"
    ):
        resume(tmp_path / "run", load_experiment(path), budget=30)
    assert without_times(resume(tmp_path / "run", budget=30).records) == without_times(whole.records)


@pytest.fixture
def later_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Return a function after whose call the preset `tiny` is another one."""

    def install() -> None:
        (tmp_path / "presets").mkdir()
        write(tmp_path / "presets" / "tiny.toml", "[layers.conv]\nfilters = [2]\nkernel = 1\n")
        monkeypatch.setattr(presets, "_FOLDER", tmp_path / "presets")
        presets.preset_names.cache_clear()

    yield install
    presets.preset_names.cache_clear()


@pytest.mark.usefixtures("counted")
def test_a_run_counts_repairs(tmp_path: Path) -> None:
    found = run(load_experiment(write(tmp_path / "experiment.toml", FREE)), tmp_path / "run")
    again = open_run(tmp_path / "run")
    assert [r.repairs for r in again.records] == [r.repairs for r in found.records]
    kinds = {kind for record in found.records for kind in record.repairs}
    assert kinds >= {"inert", "narrowed"}
    assert all(n > 0 for record in found.records for n in record.repairs.values())


@pytest.mark.usefixtures("counted")
def test_an_experiment_in_python_can_hold_genes_of_its_own(tmp_path: Path) -> None:
    space = {
        "evolve": ["head", "recipe"],
        "hold": {"layers": "conv8k3 · pool3"},
        "layers": {"anything": {"gene": Pool}, "conv": {"gene": Conv, "filters": [8], "kernel": [3]}},
        "head": {"units": [[], [8], [16]]},
        "recipe": {"learning_rate": {"low": 0.01, "high": 0.1}},
    }
    data, search = {"source": "digits", "images": 200}, {"budget": 6, "population": 3}
    experiment = Experiment.from_dict({"name": "own", "data": data, "space": space, "search": search})
    found = run(experiment, tmp_path / "run")
    assert {record.text.split(" | ")[0] for record in found.records} == {"conv8k3 · pool3"}
    assert found.experiment.space == experiment.space
