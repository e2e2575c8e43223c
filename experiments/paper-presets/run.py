"""The spaces and algorithm settings of EvoCNN and of CNN-GA, searched with a reduced budget.

    evocnn reproduce experiments/paper-presets [--quick] [--data FOLDER]

FOLDER holds `fashion-mnist/` and `cifar10/`. It shows that both papers can be written down as experiment
files, and what a search finds in the time. It repeats neither: README.md lists each difference.
"""

from collections.abc import Mapping
from pathlib import Path

from evocnn.cli.search_study import search_figures
from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import made_on
from evocnn.config import load_experiment
from evocnn.report.figures import Figure
from evocnn.report.front_plot import plot_front
from evocnn.report.front_table import front_markdown

HERE = Path(__file__).parent
PAPERS = {"evocnn": "fashion-mnist", "cnn-ga": "cifar10"}  # the folder of the images
QUICK = ["data.images=300", "training.epochs=1", "search.population=10", "search.budget=14"]
QUICK_FLOPS = "space.limits.flops=20000000"


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search as both papers do; return what each search found."""
    runs = {}
    for paper, images in PAPERS.items():
        settings = [*QUICK, QUICK_FLOPS] if asked.is_quick else []
        experiment = load_experiment(HERE / f"{paper}.toml", settings)
        runs[paper] = kept_run(experiment, asked.runs / paper, asked.data_of(images), asked.workers)
    figures: dict[str, Figure] = {}
    for paper, run in runs.items():
        asked.write(f"results-{paper}.md", [*front_markdown(run), "", made_on()])
        plot_front(run, asked.out / f"{paper}.png")
        figures |= {f"{paper}.{name}": figure for name, figure in search_figures(run).items()}
    return figures


if __name__ == "__main__":
    perform(study, __doc__)
