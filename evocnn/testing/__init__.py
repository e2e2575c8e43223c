"""Conformance checks for genes, operators and algorithms of your own.

As tests::

    from evocnn.testing import check_algorithm, check_gene, check_mutation

    def test_my_gene_conforms():
        check_gene(SqueezeExcite, reduction=[2, 4, 8])

    def test_my_mutation_conforms():
        check_mutation(narrow_widest)

    def test_my_algorithm_conforms():
        check_algorithm(MyAlgorithm, sample=5)

Each check returns nothing, or raises `ConformanceError` with the rule, the value and the way out.
"""

from evocnn.errors import ConformanceError
from evocnn.testing.algorithms import check_algorithm
from evocnn.testing.example_space import example_space
from evocnn.testing.genes import check_gene
from evocnn.testing.operators import check_crossover, check_mutation

__all__ = [
    "ConformanceError",
    "check_algorithm",
    "check_crossover",
    "check_gene",
    "check_mutation",
    "example_space",
]
