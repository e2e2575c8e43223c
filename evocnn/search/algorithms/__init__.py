"""Search strategies, one a file, and the controls that they are compared with."""

from evocnn.search.algorithms.aging import AgingEvolution
from evocnn.search.algorithms.depth_sweep import DepthSweep
from evocnn.search.algorithms.gene_sweep import GeneSweep
from evocnn.search.algorithms.grid import Grid
from evocnn.search.algorithms.islands import Islands
from evocnn.search.algorithms.map_elites import MapElites
from evocnn.search.algorithms.nsga2 import GenerationalNSGA2, SteadyStateNSGA2
from evocnn.search.algorithms.nsga3 import NSGA3
from evocnn.search.algorithms.random_search import RandomSearch
from evocnn.search.algorithms.tpe import TreeParzenEstimator
from evocnn.search.algorithms.weighted_sum import WeightedSum

__all__ = [
    "NSGA3",
    "AgingEvolution",
    "DepthSweep",
    "GeneSweep",
    "GenerationalNSGA2",
    "Grid",
    "Islands",
    "MapElites",
    "RandomSearch",
    "SteadyStateNSGA2",
    "TreeParzenEstimator",
    "WeightedSum",
]
