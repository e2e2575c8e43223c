"""The search of experiment.toml from Python, with the parts handed over as objects; and that of the file.

evocnn reproduce experiments/own-parts
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from deap import tools
from own_parts import SqueezeExcite, n_layers, narrow_widest

import evocnn
from evocnn.cli.search_study import search_figures
from evocnn.cli.study import Asked, kept_run, perform
from evocnn.genotype import Conv, Pool
from evocnn.operators import AddGene, AlterRecipe, DeapCrossover, OnePoint, SwapKind
from evocnn.report.figures import Figure
from evocnn.report.front_table import front_markdown
from evocnn.runs import Workers

TOLERANCE = 0.1  # of the best accuracy: so short a search takes another course on another machine
COST = {"start": 0.005, "per_flop": 4.2e-11, "per_activation": 2.6e-9, "per_operation": 2.2e-4}

EXPERIMENT = evocnn.Experiment.from_dict(
    {
        "name": "own-parts",
        "seed": 3,
        "data": {"source": "digits"},
        "space": {
            "founder_depth": [2, 4],
            "founder_prior": "uniform",
            "limits": {"parameters": 20_000, "flops": 1_500_000, "depth": 6},
            "layers": {
                "conv": {"gene": Conv, "weight": 2, "filters": [8, 16, 32], "kernel": 3},
                "pool": {"gene": Pool, "kind": ["max", "average"]},
                "squeeze_excite": {"gene": SqueezeExcite, "reduction": [2, 4, 8]},
            },
            "recipe": {
                "optimizer": ["sgd", "adamw"],
                "learning_rate": {"low": 0.003, "high": 0.3, "scale": "log"},
            },
        },
        "objectives": {
            "validation_accuracy": {"weight": 1},
            "layers": {"weight": -1, "measure": n_layers, "reference": 7},
        },
        "training": {"epochs": 4, "cost": COST},
        "search": {
            "population": 8,
            "budget": 16,
            "mutation": [AddGene(), SwapKind(), AlterRecipe(), {"use": narrow_widest, "weight": 2}],
            "crossover": [OnePoint(), DeapCrossover(tools.cxMessyOnePoint)],
        },
    }
)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search with the objects, then by the file; return what was found, and how much was the same."""
    here, alone = Path(__file__).parent, Workers(0)
    by_script = kept_run(EXPERIMENT, asked.runs / "script", None, alone)
    by_file = kept_run(evocnn.load_experiment(here / "experiment.toml"), asked.runs / "file", None, alone)
    asked.write("front.md", front_markdown(by_script))
    same = [one.key == other.key for one, other in zip(by_script.records, by_file.records, strict=True)]
    figures = search_figures(by_script)
    best = replace(figures["best_validation_accuracy"], tolerance=TOLERANCE)
    return figures | {"best_validation_accuracy": best, "same_networks": Figure(sum(same) / len(same), 0)}


if __name__ == "__main__":
    perform(study, __doc__)
