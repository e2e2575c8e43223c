import math

import numpy as np
import pytest

from evocnn.errors import ExperimentError
from evocnn.evaluation import Evaluation, Objective, Objectives, Status

ACCURACY = Objective("accuracy", 2.0, floor=0.2, reference=0.1)
SIZE = Objective("size", -1.0, log=True, ceiling=1000.0, reference=10_000.0)
METRICS = {"accuracy": 0.9, "size": 100.0}


def ok(**metrics: float) -> Evaluation:
    return Evaluation(Status.OK, metrics)


def test_fitness_holds_the_scaled_values_under_the_weights() -> None:
    fitness = Objectives((ACCURACY, SIZE)).fitness(ok(**METRICS))
    assert fitness.weights == (2.0, -1.0)
    assert fitness.values == pytest.approx((0.9, 2.0))
    assert fitness.wvalues == pytest.approx((1.8, -2.0))
    assert fitness.violation == 0


def test_losses_turn_by_the_sign_of_a_weight_and_not_by_its_size() -> None:
    objectives = Objectives((ACCURACY, SIZE))
    np.testing.assert_allclose(objectives.losses([0.9, 2.0]), [-0.9, 2.0])
    np.testing.assert_allclose(objectives.losses((0.9, 2.0)), [-0.9, 2.0])


def test_the_reference_is_in_the_metrics_units_and_its_losses_on_the_scale() -> None:
    objectives = Objectives((ACCURACY, SIZE))
    assert objectives.reference_point == {"accuracy": 0.1, "size": 10_000.0}
    np.testing.assert_allclose(objectives.reference_losses, [-0.1, 4.0])


@pytest.mark.parametrize(
    ("value", "scaled"), [(1.0, 0.0), (1000.0, 3.0), (50.0, math.log10(50)), (0.01, -2.0), (0.0, -6.0)]
)
def test_a_log_scale_is_decimal_and_bounded_below(value: float, scaled: float) -> None:
    assert SIZE.scaled(value) == pytest.approx(scaled)
    assert ACCURACY.scaled(value) == value


@pytest.mark.parametrize(
    ("value", "violation"),
    [(0.2, 0.0), (0.5, 0.0), (2.0, 0.0), (0.1, 0.5), (0.0, 1.0), (3.0, 0.5), (4.0, 1.0)],
)
def test_violation_is_the_share_by_which_a_bound_is_missed(value: float, violation: float) -> None:
    assert Objective("x", 1.0, floor=0.2, ceiling=2.0).violation(value) == pytest.approx(violation)


def test_violation_counts_on_the_raw_value_also_on_a_log_scale() -> None:
    assert SIZE.violation(1500.0) == pytest.approx(0.5)
    assert SIZE.violation(1000.0) == 0


def test_a_bound_at_or_below_zero_has_a_violation_too() -> None:
    assert Objective("x", 1.0, floor=0.0).violation(-0.25) == 0.25
    assert Objective("x", 1.0, floor=-2.0).violation(-3.0) == 0.5
    assert Objective("x", 1.0, ceiling=0.0).violation(0.25) == 0.25
    assert Objective("x", 1.0).violation(-1e9) == 0


def test_violations_of_several_objectives_add_up() -> None:
    fitness = Objectives((ACCURACY, SIZE)).fitness(ok(accuracy=0.1, size=2000.0))
    assert fitness.violation == pytest.approx(0.5 + 1.0)


def test_a_missing_metric_is_named_beside_those_that_exist() -> None:
    objectives = Objectives((Objective("latency", -1.0),))
    message = r"objective 'latency' must be a metric among \['accuracy', 'size'\]; correct the name"
    with pytest.raises(ExperimentError, match=message):
        objectives.fitness(ok(**METRICS))


def test_before_the_end_of_training_only_bounds_of_what_it_does_not_change_count() -> None:
    accuracy = Objective("validation_accuracy", 1.0, floor=0.8)
    objectives = Objectives((accuracy, Objective("parameters", -1.0, ceiling=100.0)))
    small, large = ok(validation_accuracy=0.4, parameters=50.0), ok(validation_accuracy=0.4, parameters=150.0)
    assert objectives.fitness(small).violation == pytest.approx(0.5)
    assert objectives.fitness(small, is_full=False).violation == 0
    assert objectives.fitness(large, is_full=False).violation == pytest.approx(0.5)
