"""Search strategies, one a file, and the controls that they are compared with."""

from evocnn.search.algorithms.nsga2 import GenerationalNSGA2, SteadyStateNSGA2
from evocnn.search.algorithms.random_search import RandomSearch

__all__ = ["GenerationalNSGA2", "RandomSearch", "SteadyStateNSGA2"]
