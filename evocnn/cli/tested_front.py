"""A study of a front: its best networks up to some sizes, trained in full, and one look at the test split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evocnn.cli.search_study import repeats_exactly, search_figures
from evocnn.cli.study import Asked
from evocnn.cli.tested import Tested, best_up_to, tested_figures, tested_in_full, tested_lines
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
    aims: Mapping[int, float | None],
    epochs: int,
    tolerance: float,
    beside: Sequence[Tested],
) -> dict[str, Figure]:
    """Train the best networks of a run in full and test them; write the front and the tests, return figures.

    Args:
        asked: What the study is asked for; its quick form leaves the validation images out of training.
        run: The run.
        data: Where its images lie.
        workers: Where networks are trained.
        aims: Test accuracies that are hoped for, or none, by parameters at most; the costliest first.
        epochs: Length of a training.
        tolerance: Of test accuracies.
        beside: Other networks, to be shown with them.

    Raises:
        ExperimentError: No network is as small, or nothing could be trained.
        typer.Exit: Somebody asked to stop.
    """
    chosen = best_up_to(run, list(aims))
    tested = [*tested_in_full(run, chosen, data, workers, epochs, all_data=not asked.is_quick), *beside]
    plot_front(run, asked.out / "front.png")
    asked.write("front.md", front_markdown(run))
    asked.write("results.md", tested_lines(tested))
    is_exact = repeats_exactly(run)
    figures = search_figures(run) | tested_figures(tested, tolerance, is_exact=is_exact)
    for ceiling, aim in aims.items():
        if aim is not None:
            above = round(figures[f"at_most_{ceiling}.test_accuracy"].value - aim, 6)
            figures[f"above_aim_at_{ceiling}"] = Figure(above, tolerance, is_exact=is_exact)
    return figures
