"""Requests, evaluations and statuses; objectives, fitness and Pareto tools."""

from evocnn.evaluation.evaluation import (
    Evaluation,
    EvaluationRequest,
    Evaluator,
    Status,
    evaluate_safely,
    identity,
)
from evocnn.evaluation.fitness import Fitness, Individual
from evocnn.evaluation.metrics import METRICS, TIMED
from evocnn.evaluation.objectives import Objective, Objectives
from evocnn.evaluation.pareto import (
    crowding_distances,
    hypervolume,
    knee,
    nondominated_ranks,
    ranks_with_last,
)

__all__ = [
    "METRICS",
    "TIMED",
    "Evaluation",
    "EvaluationRequest",
    "Evaluator",
    "Fitness",
    "Individual",
    "Objective",
    "Objectives",
    "Status",
    "crowding_distances",
    "evaluate_safely",
    "hypervolume",
    "identity",
    "knee",
    "nondominated_ranks",
    "ranks_with_last",
]
