"""evocnn evolves convolutional networks and hands back a Pareto front of them.

    import evocnn

    experiment = evocnn.load_experiment("experiments/digits/experiment.toml")
    run = evocnn.run(experiment, "runs/mine", workers=0)
    for member in run.front.members:
        print(member.text, member.metrics["validation_accuracy"])

The names below are imported when they are first used: `import evocnn` needs neither torch nor Ray.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evocnn.config import Experiment, load_experiment
    from evocnn.deploy.classifier import EvoClassifier
    from evocnn.errors import EvocnnError
    from evocnn.genotype import Chromosome, Head, LayerGene, Recipe, SearchSpace
    from evocnn.runs import Run, open_run, resume, run

__version__ = "0.1.0"

__all__ = [
    "Chromosome",
    "EvoClassifier",
    "EvocnnError",
    "Experiment",
    "Head",
    "LayerGene",
    "Recipe",
    "Run",
    "SearchSpace",
    "load_experiment",
    "open_run",
    "resume",
    "run",
]

_HOMES = {
    "Chromosome": "evocnn.genotype",
    "EvoClassifier": "evocnn.deploy.classifier",
    "EvocnnError": "evocnn.errors",
    "Experiment": "evocnn.config",
    "Head": "evocnn.genotype",
    "LayerGene": "evocnn.genotype",
    "Recipe": "evocnn.genotype",
    "Run": "evocnn.runs",
    "SearchSpace": "evocnn.genotype",
    "load_experiment": "evocnn.config",
    "open_run": "evocnn.runs",
    "resume": "evocnn.runs",
    "run": "evocnn.runs",
}


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module 'evocnn' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
