"""From an experiment file to objects."""

from evocnn.config.experiment import Experiment, load_experiment, parse_budget
from evocnn.config.parts import Parts, build_parts, space_of

__all__ = ["Experiment", "Parts", "build_parts", "load_experiment", "parse_budget", "space_of"]
