"""From an experiment file to objects."""

from evocnn.config.experiment import Experiment, load_experiment, parse_budget
from evocnn.config.parts import Parts, build_parts, space_of
from evocnn.config.references import to_plain

__all__ = ["Experiment", "Parts", "build_parts", "load_experiment", "parse_budget", "space_of", "to_plain"]
