"""A study of a front: its best networks up to some sizes, trained in full, and one look at the test split."""

from collections.abc import Sequence
from pathlib import Path

from evocnn.cli.search_study import search_figures
from evocnn.cli.study import Asked
from evocnn.cli.tested import best_up_to, tested_figures, tested_in_full, tested_lines
from evocnn.report.figures import Figure
from evocnn.report.front_plot import plot_front
from evocnn.report.front_table import front_markdown
from evocnn.runs import Run, Workers


def tested_front(
    asked: Asked,
    run: Run,
    data: Path | None,
    workers: Workers,
    *,
    ceilings: Sequence[int],
    epochs: int,
    tolerance: float,
) -> dict[str, Figure]:
    """Train the best networks of a run in full and test them; write the front and the tests, return figures.

    Args:
        asked: What the study is asked for; its quick form leaves the validation images out of training.
        run: The run.
        data: Where its images lie.
        workers: Where networks are trained.
        ceilings: Numbers of parameters, see `best_up_to`.
        epochs: Length of a training.
        tolerance: Of test accuracies.

    Raises:
        ExperimentError: No network is as small, or nothing could be trained.
        typer.Exit: Somebody asked to stop.
    """
    chosen = best_up_to(run, ceilings)
    tested = tested_in_full(run, chosen, data, workers, epochs, all_data=not asked.is_quick)
    plot_front(run, asked.out / "front.png")
    asked.write("front.md", front_markdown(run))
    asked.write("results.md", tested_lines(tested))
    return search_figures(run) | tested_figures(tested, tolerance)
