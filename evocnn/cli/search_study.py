"""The study of an experiment file: its search, its front, and its figures.

Where a folder of `experiments/` holds an experiment file alone, `python -m evocnn.cli.search_study FOLDER` is
its script.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from evocnn.cli.study import EXPERIMENT, Asked, Study, kept_run, perform
from evocnn.config import Experiment, load_experiment
from evocnn.report.figures import Figure
from evocnn.report.front_plot import plot_front
from evocnn.report.front_table import front_markdown, n_full
from evocnn.runs import Run

QUICK_SHARE, QUICK_LEAST = 4, 8  # of an experiment's budget


def search_study(file: Path) -> Study:
    """Return the study of an experiment file: its search, and what its front is like."""

    def study(asked: Asked) -> Mapping[str, Figure]:
        whole = load_experiment(file)
        settings = [f"search.budget='{_quick_budget(whole)}'"] if asked.is_quick else []
        source = whole.data.source
        data = None if source == "digits" else asked.data_of(source)  # those ship with scikit-learn
        run = kept_run(load_experiment(file, settings), asked.runs / "run", data, asked.workers)
        plot_front(run, asked.out / "front.png")
        asked.write("front.md", front_markdown(run))
        return search_figures(run)

    return study


def repeats_exactly(run: Run) -> bool:
    """Return whether nothing of the machine decides on a search's course: no clock, no measured costs."""
    experiment = run.experiment
    return experiment.training.cost is not None and experiment.search.budget.seconds is None


def search_figures(run: Run) -> dict[str, Figure]:
    """Return what a search found; bit for bit where nothing of the machine decides on its course."""
    is_exact = repeats_exactly(run)

    def figure(value: float, share: float, least: float = 0.0) -> Figure:
        return Figure(value, max(share * abs(value), least), is_exact=is_exact)

    members = run.front.members
    best = max((one.metrics["validation_accuracy"] for one in members), default=0.0)
    return {
        "training_images": Figure(run.manifest["data"]["n_training"], 0),
        "validation_images": Figure(run.manifest["data"]["n_validation"], 0),
        "best_validation_accuracy": figure(best, 0.0, 0.02),
        "hypervolume": figure(run.front.hypervolume, 0.1),
        "front_size": Figure(len(members), is_exact=is_exact),
        "looked_at": figure(len(run.candidates), 0.25),
        "trained_in_full": figure(n_full(run), 0.5, 4),
        "epochs": figure(run.n_epochs, 0.1),
    }


def _quick_budget(experiment: Experiment) -> str:
    """Return a fraction of a budget, in its own unit."""
    budget = experiment.search.budget
    if budget.seconds is not None:
        return f"{max(QUICK_LEAST, round(budget.seconds / QUICK_SHARE))}s"
    n = max(QUICK_LEAST, (budget.epochs or budget.evaluations or 0) // QUICK_SHARE)
    return f"{n} epochs" if budget.epochs else str(n)


if __name__ == "__main__":
    _folder = Path(sys.argv.pop(1)).resolve()
    sys.argv[0] = str(_folder / EXPERIMENT)
    perform(search_study(_folder / EXPERIMENT), __doc__)
