"""The algorithms (ask/tell) and the driver (tickets, virtual clock, journal)."""

from evocnn.search.algorithm import Algorithm, Candidate, Variation
from evocnn.search.algorithms import GenerationalNSGA2, RandomSearch, SteadyStateNSGA2
from evocnn.search.breeding import Breeding
from evocnn.search.budget import Budget, Ending
from evocnn.search.driver import Driver
from evocnn.search.predictor import Predictor
from evocnn.search.rejection import Rejection, RejectionReport
from evocnn.search.rungs import Rungs

__all__ = [
    "Algorithm",
    "Breeding",
    "Budget",
    "Candidate",
    "Driver",
    "Ending",
    "GenerationalNSGA2",
    "Predictor",
    "RandomSearch",
    "Rejection",
    "RejectionReport",
    "Rungs",
    "SteadyStateNSGA2",
    "Variation",
]
