"""Cells of NAS-Bench-201, their variation, and the table they are looked up in."""

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evocnn.errors import DataError, ExperimentError, GeneError
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import Fidelity
from evocnn.problems import Cell, CellSpace, CellVariation, nasbench201
from evocnn.problems.cells import EDGES, OPERATIONS

SPACE = CellSpace()
CELL = Cell(("nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3"))


def metrics_of(problem: Any, cell: Cell) -> dict[str, float]:
    return dict(problem.evaluator(EvaluationRequest(cell, problem.fidelity)).metrics)


def test_the_text_is_the_benchmarks_own_form() -> None:
    assert CELL.text == (
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    )


def test_a_cell_survives_json() -> None:
    assert SPACE.from_json(CELL.to_json()) == CELL


@pytest.mark.parametrize("value", [["none"] * 5, ["none"] * 5 + ["conv"], "none"])
def test_what_is_no_cell_is_refused(value: Any) -> None:
    with pytest.raises(GeneError, match="a cell must have 6 operations among"):
        SPACE.from_json(value)


def test_decisions_reach_each_edge_in_order() -> None:
    chosen = dict(zip(EDGES, CELL.operations, strict=True))
    assert SPACE.compose(lambda edge, _: chosen[edge]) == CELL


def test_a_description_tells_what_the_open_paths_do() -> None:
    described = SPACE.describe(CELL)  # open: 0>3 pool; 0>1>3 conv, conv; 0>1>2>3 conv, skip, conv
    assert described["edges"] == 5
    assert (described["nor_conv_3x3"], described["nor_conv_3x3 used"]) == (2, 2)
    assert described["nor_conv_3x3 on paths"] == 3
    assert [described[f"paths of {depth} convolutions"] for depth in range(4)] == [1, 0, 2, 0]
    assert described["identities"] == 0
    assert SPACE.describe(Cell(("none", "none", "none", "skip_connect", "none", "none")))["identities"] == 1


def test_the_number_of_parameters_is_that_of_the_benchmark() -> None:
    largest, smallest = Cell(("nor_conv_3x3",) * 6), Cell(("none",) * 6)
    counts = [round(math.exp(SPACE.describe(cell)["log parameters"])) for cell in (largest, smallest)]
    assert counts == [1_531_546, 73_306]  # as in the published table


def test_what_lies_on_no_open_path_is_counted_apart() -> None:
    closed = Cell(("nor_conv_1x1", "none", "none", "skip_connect", "none", "avg_pool_3x3"))
    described = SPACE.describe(closed)
    assert (described["nor_conv_1x1"], described["nor_conv_1x1 used"]) == (1, 0)
    assert described["edges"] == 1


def test_cost_rises_with_convolutions_and_epochs() -> None:
    once, twice = Fidelity(1, 1), Fidelity(2, 1)
    costs = [SPACE.cost(Cell((operation,) * 6), once) for operation in OPERATIONS]
    assert costs[OPERATIONS.index("nor_conv_3x3")] == max(costs)
    assert min(costs) > 0
    assert SPACE.cost(CELL, twice) == 2 * SPACE.cost(CELL, once)


def test_no_offspring_equals_a_parent() -> None:
    rng = np.random.default_rng(0)
    near = Cell(("none", *CELL.operations[1:]))
    for mother, father in ((CELL, near), (CELL, CELL), (CELL, SPACE.draw(rng))):
        for _ in range(300):
            child = CellVariation(mutation_rate=0.3).breed(mother, father, SPACE, rng)
            assert child.genome not in {mother, father}
            assert child.operators
            assert child.n_parents == 1 or mother != father


def test_without_mutation_each_edge_comes_from_a_parent() -> None:
    mother, father = Cell(("none",) * 6), Cell(("skip_connect",) * 6)
    rng = np.random.default_rng(0)
    children = [
        CellVariation(1.0, 0.0).breed(mother, father, SPACE, rng).genome.operations for _ in range(300)
    ]
    n_mothers = [sum(child[edge] == "none" for child in children) for edge in range(6)]
    crossed = [child for child in children if set(child) <= {"none", "skip_connect"}]
    assert len(crossed) > 280  # all but copies of a parent, 1 of 32, which are mutated
    assert all(100 < n < 200 for n in n_mothers)  # 5 standard deviations, odds below 1e-5


def test_of_two_children_each_has_the_edges_that_the_other_has_not() -> None:
    mother, father = Cell(("none",) * 6), Cell(("skip_connect",) * 6)
    rng = np.random.default_rng(0)
    pairs = [CellVariation(1.0, 0.0).breed_both(mother, father, SPACE, rng) for _ in range(100)]
    crossed = [pair for pair in pairs if all(child.operators == ("uniform",) for child in pair)]
    assert len(crossed) > 80  # all but copies of the parents, 1 of 32, which are mutated
    for first, second in crossed:
        both = zip(first.genome.operations, second.genome.operations, strict=True)
        assert all({*edge} == {"none", "skip_connect"} for edge in both)
        n_mothers = first.genome.operations.count("none")
        assert first.takes_after == (n_mothers < 3)  # 0: of mother and father, the mother
        assert second.takes_after == (n_mothers < 3)  # 0: of father and mother, the father


def test_without_crossover_each_parent_has_a_child_of_its_own() -> None:
    mother, father = Cell(("none",) * 6), Cell(("skip_connect",) * 6)
    for seed in range(20):
        pair = CellVariation(0.0).breed_both(mother, father, SPACE, np.random.default_rng(seed))
        assert [child[1:] for child in pair] == [(("alter_edge",), 1, {}, 0)] * 2
        for child, parent in zip(pair, (mother, father), strict=True):
            n_kept = sum(a == b for a, b in zip(child.genome.operations, parent.operations, strict=True))
            assert n_kept == 5


def test_the_table_gives_fractions_and_seconds(cell_file: Path, cell_arrays: dict[str, Any]) -> None:
    problem = nasbench201(cell_file)
    row = 4321
    cell = Cell(tuple(OPERATIONS[index] for index in cell_arrays["arch"][row]))
    assert metrics_of(problem, cell) == pytest.approx(
        {
            "validation_accuracy": cell_arrays["val12_cifar10"][row] / 100,
            "parameters": cell_arrays["params_cifar10"][row],
            "flops": cell_arrays["flops_cifar10"][row],
            "latency": cell_arrays["latency_ms_raspi4"][row] / 1000,
        }
    )
    assert metrics_of(nasbench201(cell_file, device="phone"), cell)["latency"] == pytest.approx(0.25)


def test_test_accuracies_are_looked_up_apart(cell_file: Path) -> None:
    table: Any = nasbench201(cell_file).evaluator
    assert table.test_accuracy(CELL) == pytest.approx(0.66)
    assert table.test_accuracy(CELL, epochs=12) == pytest.approx(0.33)


def test_operations_in_another_order_give_the_same_table(
    cell_file: Path, cell_arrays: dict[str, Any], tmp_path: Path
) -> None:
    turned = {**cell_arrays, "arch": 4 - cell_arrays["arch"], "ops": cell_arrays["ops"][::-1]}
    np.savez(tmp_path / "turned.npz", **turned)
    ours, theirs = nasbench201(cell_file), nasbench201(tmp_path / "turned.npz")
    assert metrics_of(ours, CELL) == metrics_of(theirs, CELL)
    assert ours.evaluator.context == theirs.evaluator.context


def test_another_device_is_another_context(cell_file: Path) -> None:
    ours, theirs = nasbench201(cell_file), nasbench201(cell_file, device="phone")
    assert ours.evaluator.context != theirs.evaluator.context


def test_the_front_is_that_of_all_cells(cell_file: Path, cell_arrays: dict[str, Any]) -> None:
    problem = nasbench201(cell_file, ["validation_accuracy", "parameters"])
    accuracy, parameters = cell_arrays["val12_cifar10"] / 100, cell_arrays["params_cifar10"]
    best = [accuracy[parameters == size].max() for size in sorted(set(parameters))]
    improving = [value for index, value in enumerate(best) if value > max(best[:index], default=0)]
    assert sorted(-problem.front[:, 0]) == pytest.approx(improving)
    assert problem.front[:, 1].min() == pytest.approx(3.0)  # the logarithm of 1,000
    assert problem.gap(problem.front) == pytest.approx(0.0)


def test_the_gap_is_that_of_normalized_objectives(cell_file: Path) -> None:
    problem = nasbench201(cell_file, ["validation_accuracy", "parameters"])
    table: Any = problem.evaluator
    accuracy, size = table.metrics["validation_accuracy"], np.log10(table.metrics["parameters"])
    point = np.array([[-accuracy[7], size[7]]])
    side = (accuracy[7] - accuracy.min()) / np.ptp(accuracy) * (size.max() - size[7]) / np.ptp(size)
    whole = problem.best_hypervolume / np.ptp(accuracy) / np.ptp(size)
    assert problem.gap(point) == pytest.approx(1 - side / whole)


def test_one_objective_has_a_front_of_one(cell_file: Path, cell_arrays: dict[str, Any]) -> None:
    problem = nasbench201(cell_file, ["validation_accuracy"])
    assert problem.front.tolist() == [[pytest.approx(-cell_arrays["val12_cifar10"].max() / 100)]]


def test_a_table_pickles(cell_file: Path) -> None:
    problem = nasbench201(cell_file)
    assert metrics_of(pickle.loads(pickle.dumps(problem)), CELL) == metrics_of(problem, CELL)


def test_unknown_objectives_and_devices_are_refused(cell_file: Path) -> None:
    with pytest.raises(ExperimentError, match="did you mean 'parameters'"):
        nasbench201(cell_file, ["parameter"])
    with pytest.raises(ExperimentError, match="objectives must be among"):
        nasbench201(cell_file, [])
    with pytest.raises(DataError, match="did you mean 'raspi4'"):
        nasbench201(cell_file, device="raspi5")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cells.npz"
    with pytest.raises(DataError, match=r"must be a NumPy archive \(.npz\) of NAS-Bench-201"):
        nasbench201(path)
    path.write_text("no archive", encoding="utf-8")
    with pytest.raises(DataError, match=r"must be a NumPy archive \(.npz\) of NAS-Bench-201"):
        nasbench201(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"must be a NumPy archive \(.npz\) of NAS-Bench-201"):
        nasbench201(tmp_path / "array.npy")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("ops", np.array(["conv"]), r"'ops' of '.*' must be \['none'"),
        ("arch", np.zeros((15_625, 6), dtype=int), "must hold each cell once, but 15624 were repeated"),
        ("arch", np.full((15_625, 6), 5), "must hold indices of operations"),
        ("arch", np.zeros((7, 6), dtype=int), r"but it was of shape \(7, 6\)"),
        ("val12_cifar10", np.zeros(7), r"must hold 15625 numbers, but it was of shape \(7,\)"),
        ("flops_cifar10", None, "'flops_cifar10' of '.*' must hold 15625 numbers, but it was missing"),
        ("params_cifar10", np.full(15_625, np.nan), "'params_cifar10' of '.*' must be finite"),
    ],
)
def test_a_file_of_another_form_is_refused(
    cell_arrays: dict[str, Any], tmp_path: Path, name: str, value: Any, complaint: str
) -> None:
    arrays = {**cell_arrays, name: value}
    np.savez(tmp_path / "cells.npz", **{key: array for key, array in arrays.items() if array is not None})
    with pytest.raises(DataError, match=complaint):
        nasbench201(tmp_path / "cells.npz")
