"""The algorithms (ask/tell) and the driver (tickets, virtual clock, journal)."""

from evocnn.search.algorithm import Algorithm, Candidate, Variation
from evocnn.search.breeding import Breeding
from evocnn.search.driver import Budget, Driver, Ending
from evocnn.search.nsga2 import GenerationalNSGA2, SteadyStateNSGA2
from evocnn.search.random_search import RandomSearch

__all__ = [
    "Algorithm",
    "Breeding",
    "Budget",
    "Candidate",
    "Driver",
    "Ending",
    "GenerationalNSGA2",
    "RandomSearch",
    "SteadyStateNSGA2",
    "Variation",
]
