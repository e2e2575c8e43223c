"""From an experiment file to objects."""

from evocnn.config.experiment import Experiment, load_experiment
from evocnn.config.parts import Parts, build_parts, space_of
from evocnn.config.references import to_plain
from evocnn.config.search import parse_budget

__all__ = ["Experiment", "Parts", "build_parts", "load_experiment", "parse_budget", "space_of", "to_plain"]
