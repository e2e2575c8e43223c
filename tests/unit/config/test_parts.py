"""From an experiment to data, space, objectives, evaluator and algorithm."""

import gzip
import struct
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.config import Experiment, build_parts, load_experiment, space_of
from evocnn.config.parts import load_data, objectives_of
from evocnn.errors import DataError, ExperimentError, SpaceError
from evocnn.evaluation import METRICS, TIMED, EvaluationRequest
from evocnn.genotype import LAYERS, Chromosome, Fidelity, Shape
from evocnn.phenotype import build
from evocnn.search import GenerationalNSGA2, RandomSearch, SteadyStateNSGA2
from evocnn.training.data.sources import FASHION_MNIST_CLASSES

Write = Callable[..., Path]


def experiment_of(tables: dict[str, Any], **objectives: Any) -> Experiment:
    return Experiment.from_dict({**tables, "objectives": objectives} if objectives else tables)


def write_npz(path: Path) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(40, 6, 6), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(40) % 4)
    return path


def write_idx(folder: Path, n_classes: int = 10) -> Path:
    folder.mkdir()
    labels = (np.arange(4 * n_classes) % n_classes).astype(np.uint8)
    images = np.random.default_rng(0).integers(0, 256, size=(len(labels), 6, 6), dtype=np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        with gzip.open(folder / f"train-{name}-ubyte.gz", "wb") as file:
            file.write(header + array.tobytes())
    return folder


def test_parts_follow_from_the_experiment(tables: dict[str, Any]) -> None:
    parts = build_parts(Experiment.from_dict(tables), gpu_share=0.25)
    evaluator = parts.evaluator
    assert (len(evaluator.training), len(evaluator.validation)) == (300, 100)
    assert len(parts.data) > 400  # the whole training split of the digits
    assert (evaluator.protocol.seed, evaluator.protocol.patience, evaluator.protocol.timeout) == (7, 1, 30.0)
    assert (evaluator.protocol.least_improvement, evaluator.protocol.warmup) == (0.01, 0.1)
    assert (evaluator.protocol.pool_order, evaluator.gpu_share) == ("early", 0.25)
    assert (parts.space.input_shape, parts.space.n_classes) == (Shape(1, 8, 8), 10)
    candidate = parts.algorithm.ask(0, np.random.default_rng(0))
    assert candidate is not None
    fidelity = Fidelity(2, 300, 0.3)  # of two epochs, 10 and 30 % are one
    assert candidate.request == EvaluationRequest(candidate.request.genome, fidelity, saves_state=True)


@pytest.mark.parametrize("name", ["nsga2", "nsga2-generational", "random"])
def test_one_rung_trains_everybody_in_full_and_random_search_does_so_always(
    name: str, tables: dict[str, Any]
) -> None:
    tables["search"] |= {"algorithm": name} | ({} if name == "random" else {"rungs": [1]})
    candidate = build_parts(Experiment.from_dict(tables)).algorithm.ask(0, np.random.default_rng(0))
    assert candidate is not None
    assert candidate.request == EvaluationRequest(candidate.request.genome, Fidelity(2, 300))


@pytest.mark.parametrize("name", ["nsga2", "nsga2-generational"])
def test_rungs_reach_the_algorithm(name: str, tables: dict[str, Any]) -> None:
    tables["search"] |= {"algorithm": name, "rungs": [0.25, 1]}
    tables["training"]["epochs"] = 40
    candidate = build_parts(Experiment.from_dict(tables)).algorithm.ask(0, np.random.default_rng(0))
    assert candidate is not None
    assert candidate.request.fidelity == Fidelity(40, 300, 0.25)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("nsga2", SteadyStateNSGA2), ("nsga2-generational", GenerationalNSGA2), ("random", RandomSearch)],
)
def test_algorithms_by_name(name: str, kind: type[Any], tables: dict[str, Any]) -> None:
    tables["search"]["algorithm"] = name
    assert type(build_parts(Experiment.from_dict(tables)).algorithm) is kind


def test_rates_and_operators_reach_breeding(tables: dict[str, Any]) -> None:
    plain = {"use": "nsga2", "proposals": 1}
    tables["search"] |= {"algorithm": plain, "population": 2, "rungs": [1]}
    tables["search"] |= {"crossover_rate": 0.0, "mutation": ["remove_gene"]}
    experiment = Experiment.from_dict(tables)
    algorithm = build_parts(experiment).algorithm
    rng = np.random.default_rng(0)
    from evocnn.evaluation import Evaluation, Status

    for ticket in range(2):
        algorithm.ask(ticket, rng)
        metrics = dict.fromkeys(METRICS, 1.0)
        algorithm.tell(ticket, Evaluation(Status.OK, metrics))
    child = algorithm.ask(2, rng)
    assert child is not None
    assert child.operators == ("remove_gene",)
    assert set(child.parents) <= {0, 1}


def test_limits_that_are_left_out_do_not_bind(tables: dict[str, Any]) -> None:
    tables["space"]["limits"] = {"depth": 5}
    limits = space_of(Experiment.from_dict(tables), (3, 9, 7), 4).limits
    assert (limits.parameters, limits.flops, limits.depth) == (float("inf"), float("inf"), 5)


def test_limits_that_nothing_can_meet_are_refused(tables: dict[str, Any]) -> None:
    tables["space"]["limits"]["parameters"] = 1
    with pytest.raises(SpaceError, match="limits must permit some network, but the smallest has"):
        build_parts(Experiment.from_dict(tables))


def test_two_genes_of_one_name_are_refused(tables: dict[str, Any]) -> None:
    tables["space"]["layers"]["again"] = {"gene": "conv", "filters": 4, "kernel": 3}
    with pytest.raises(SpaceError, match="must have layer gene types of different names"):
        space_of(Experiment.from_dict(tables), (1, 8, 8), 10)


@pytest.mark.parametrize(("share", "n", "floor"), [(0.1, 400, 0.145), (0.5, 100, 0.65), (0.9, 9, 1.0)])
def test_the_floor_is_three_standard_errors_above_the_majority(
    share: float, n: int, floor: float, tables: dict[str, Any]
) -> None:
    (objective,) = objectives_of(experiment_of(tables, validation_accuracy={"weight": 1}), share, n).items
    assert objective.floor == pytest.approx(floor, abs=1e-12)
    assert objective.floor == min(1.0, share + 3 * sqrt(share * (1 - share) / n))


def test_a_floor_that_is_given_stands_even_at_zero(tables: dict[str, Any]) -> None:
    given = experiment_of(tables, validation_accuracy={"weight": 1, "floor": 0.0})
    assert objectives_of(given, 0.5, 100).items[0].floor == 0.0


def test_only_the_validation_accuracy_has_a_floor_of_its_own(tables: dict[str, Any]) -> None:
    names = ("training_accuracy", "generalization_gap", "parameters")
    found = objectives_of(experiment_of(tables, **{name: {"weight": 1} for name in names}), 0.1, 100)
    assert [objective.floor for objective in found.items] == [None, None, None]


def test_references_follow_from_data_and_limits(tables: dict[str, Any]) -> None:
    names = ("validation_accuracy", "training_accuracy", "generalization_gap", "parameters", "flops")
    experiment = experiment_of(tables, **{name: {"weight": 1} for name in names})
    assert objectives_of(experiment, 0.3, 100).reference_point == {
        "validation_accuracy": 0.3,
        "training_accuracy": 0.3,
        "generalization_gap": 1.0,
        "parameters": 20_000.0,
        "flops": 1_000_000.0,
    }


def test_parameters_without_a_limit_have_a_reference_all_the_same(tables: dict[str, Any]) -> None:
    del tables["space"]["limits"]["parameters"]
    found = objectives_of(experiment_of(tables, parameters={"weight": -1}), 0.1, 100)
    assert found.reference_point == {"parameters": 10_000_000.0}


@pytest.mark.parametrize(
    "layers",
    [
        "conv1k1",
        "res1k1 > neck1k1",
        "dws1k1 > inv1k1e1 > inv1k1e1",
        "dense1k1 > link1",
        "conv64k1 > dws64k3 > dense8k1",
    ],
)
def test_a_network_of_as_many_parameters_as_the_limit_lies_within_the_bytes_reference(
    layers: str, tables: dict[str, Any]
) -> None:
    """Statistics count too, which many normalizations of few weights have the most of."""
    chromosome = Chromosome.parse(" > ".join([layers] * 20) + " | gap | sgd lr=.05", LAYERS)
    shape = Shape(1, 8, 8)
    tables["space"]["limits"]["parameters"] = n = chromosome.counts(shape, 2).parameters
    (objective,) = objectives_of(experiment_of(tables, model_bytes={"weight": -1}), 0.1, 100).items
    found = sum(tensor.nbytes for tensor in build(chromosome, shape, 2).state_dict().values())
    assert 4 * n < found < objective.reference


@pytest.mark.parametrize("name", ["validation_loss", "epochs", "flops", "beauty"])
def test_what_has_no_worst_value_needs_a_reference(name: str, tables: dict[str, Any]) -> None:
    del tables["space"]["limits"]["flops"]
    settings: dict[str, Any] = {"weight": -1}
    if name == "beauty":
        settings["measure"] = lambda metrics, genome: 1.0
    with pytest.raises(
        ExperimentError, match=rf"'objectives.{name}': an objective must have a reference, .*; add one"
    ):
        experiment_of(tables, **{name: settings})
    given = experiment_of(tables, **{name: settings | {"reference": 0}})
    assert objectives_of(given, 0.1, 100).reference_point == {name: 0.0}


def test_objectives_keep_what_the_file_says(tables: dict[str, Any]) -> None:
    settings = {"weight": -2.5, "scale": "log", "floor": 1, "ceiling": 9, "reference": 5}
    (objective,) = objectives_of(experiment_of(tables, parameters=settings), 0.1, 100).items
    assert (objective.name, objective.weight, objective.log) == ("parameters", -2.5, True)
    assert (objective.floor, objective.ceiling, objective.reference) == (1, 9, 5)


def test_the_known_metrics_are_those_that_training_measures(tables: dict[str, Any]) -> None:
    tables["training"] = {"epochs": 1}
    parts = build_parts(Experiment.from_dict(tables))
    smallest = parts.space.smallest
    evaluation = parts.evaluator(EvaluationRequest(smallest, Fidelity(1, len(parts.evaluator.training))))
    assert set(evaluation.metrics) == set(METRICS) - set(TIMED)


def test_a_path_is_relative_to_the_experiment(write: Write, experiment_text: str, tmp_path: Path) -> None:
    write_npz(tmp_path / "mine.npz")
    text = experiment_text.replace('"digits"', '"npz"\npath = "mine.npz"').replace("images = 400\n", "")
    assert load_data(load_experiment(write(text))).shape == (1, 6, 6)


def test_data_in_place_of_the_files_are_recognized(tables: dict[str, Any], tmp_path: Path) -> None:
    experiment = Experiment.from_dict(tables)
    archive, folder = write_npz(tmp_path / "mine.npz"), write_idx(tmp_path / "idx", 3)
    assert (len(load_data(experiment, archive)), load_data(experiment, archive).n_classes) == (40, 4)
    assert (len(load_data(experiment, folder)), load_data(experiment, folder).n_classes) == (12, 3)


def test_data_in_place_of_a_named_set_keep_its_class_names(tables: dict[str, Any], tmp_path: Path) -> None:
    tables["data"] = {"source": "fashion-mnist"}
    experiment = Experiment.from_dict(tables)
    named = load_data(experiment, write_idx(tmp_path / "idx"))
    assert named.class_names == FASHION_MNIST_CLASSES
    assert load_data(experiment, write_npz(tmp_path / "mine.npz")).class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize("name", ["nothing", "empty", "notes.txt"])
def test_data_of_no_known_kind_are_refused(name: str, tables: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no images")
    with pytest.raises(DataError, match=r"must be a folder with IDX files .* or a .npz file, but it was"):
        load_data(Experiment.from_dict(tables), tmp_path / name)


def test_more_images_than_there_are_is_refused(tables: dict[str, Any]) -> None:
    tables["data"]["images"] = 10**6
    with pytest.raises(DataError, match=r"number of images must lie in .*, but it was 1000000; leave it out"):
        build_parts(Experiment.from_dict(tables))
