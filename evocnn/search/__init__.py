"""The algorithms (ask/tell) and the driver (tickets, virtual clock, journal)."""

from evocnn.search.algorithm import Algorithm, Candidate, Concluding, Planned, Variation
from evocnn.search.algorithms import (
    NSGA3,
    AgingEvolution,
    DepthSweep,
    GenerationalNSGA2,
    GeneSweep,
    Grid,
    Islands,
    MapElites,
    RandomSearch,
    SteadyStateNSGA2,
    TreeParzenEstimator,
    WeightedSum,
)
from evocnn.search.breeding import Breeding
from evocnn.search.budget import Budget, Ending
from evocnn.search.confirmation import Confirmation
from evocnn.search.driver import Driver
from evocnn.search.predictor import Predictor
from evocnn.search.rejection import Rejection, RejectionReport
from evocnn.search.rungs import Rungs

__all__ = [
    "NSGA3",
    "AgingEvolution",
    "Algorithm",
    "Breeding",
    "Budget",
    "Candidate",
    "Concluding",
    "Confirmation",
    "DepthSweep",
    "Driver",
    "Ending",
    "GeneSweep",
    "GenerationalNSGA2",
    "Grid",
    "Islands",
    "MapElites",
    "Planned",
    "Predictor",
    "RandomSearch",
    "Rejection",
    "RejectionReport",
    "Rungs",
    "SteadyStateNSGA2",
    "TreeParzenEstimator",
    "Variation",
    "WeightedSum",
]
