from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError
from evocnn.evaluation import Objective, Status
from evocnn.report.front_plot import _staircase, plot_front
from evocnn.report.picture import FORMATS
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]
MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}
KNEE = "knee: "


def one() -> dict[str, Any]:
    return {"weight": 1, "reference": 0, "measure": lambda metrics, genome: 1.0}


@pytest.fixture
def example(make_record: MakeRecord, make_run: MakeRun) -> Run:
    """Return a run with a front of three, a dominated, a failed, an infeasible and a reused record."""
    return make_run(
        make_record(0, 0.5, 4000),
        make_record(1, 0.97, 4096, 0.125),
        make_record(2, 0.4, 16, 0.0),
        make_record(3, 0.95, 64, 0.02, text="conv8k3 · pool | gap | sgd lr=.05"),
        make_record(4, status=Status.DIVERGED),
        make_record(5, 0.2, 1),
        make_record(6, 0.97, 4096, 0.125, reused_from=1),
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], Figure]:
    """Return a function that draws a run's front and returns the figure instead of a file."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))

    def draw(run: Run) -> Figure:
        plot_front(run, Path("front.png"))
        return figures[-1]

    return draw


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("ending", FORMATS)
def test_files_of_each_format(ending: str, example: Run, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"front{ending}"
    plot_front(example, path)
    assert path.read_bytes().startswith(MAGIC[ending])
    assert path.stat().st_size > 5000


@pytest.mark.parametrize("name", ["front.jpg", "front", "front.PNG", ".png", "front.png.txt"])
def test_other_endings_are_refused(name: str, example: Run, tmp_path: Path) -> None:
    with pytest.raises(
        ExperimentError, match=r"a plot's file must end in .png, .svg, .pdf, but it was '.*'; cha"
    ):
        plot_front(example, tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_told(example: Run, tmp_path: Path) -> None:
    (tmp_path / "front.png").mkdir()
    with pytest.raises(
        ExperimentError, match=r"must be writable, but '.*front.png' was not: Is a directory; give"
    ):
        plot_front(example, tmp_path / "front.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ExperimentError, match=r"must be writable, but '.*' was not: (Not a directory|File exists)"
    ):
        plot_front(example, tmp_path / "file" / "front.png")


def test_size_runs_across_and_accuracy_up(example: Run, drawn: Callable[[Run], Figure]) -> None:
    figure = drawn(example)
    axes, _ = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("parameters", "validation accuracy")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert axes.get_title() == "mine: 5 networks looked at, 5 trained in full, 3 on the front"
    front, steps, knee = axes.lines
    assert [*zip(front.get_xdata(), front.get_ydata(), strict=True)] == [(16, 0.4), (64, 0.95), (4096, 0.97)]
    assert [*zip(steps.get_xdata(), steps.get_ydata(), strict=True)] == [
        (16, 0.4),
        (64, 0.4),
        (64, 0.95),
        (4096, 0.95),
        (4096, 0.97),
    ]
    assert (knee.get_xdata(), knee.get_ydata()) == ([64], [0.95])
    assert len(axes.collections[0].get_offsets()) == 5
    assert legend(figure) == [
        "trained in full",
        "Pareto front of 3 objectives",
        f"{KNEE}conv8k3 · pool | gap | sgd lr=.05",
    ]


def test_a_long_knee_is_broken_into_lines(
    make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    text = " · ".join(["conv8k3"] * 20)
    lines = legend(drawn(make_run(make_record(0, 0.5, 10, text=text))))[-1].splitlines()
    assert len(lines) > 2
    assert " ".join(lines) == KNEE + text


@pytest.mark.parametrize("text", ["$x^2$", "$\\undefined{$", "a $ b $ c", "_[bold]_", "{x} % \\n"])
def test_mathematics_and_markup_stay_text(
    text: str, make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    run = make_run(make_record(0, 0.5, 1, text=text), objectives={text: one(), f"{text} too": one()})
    figure = drawn(run)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_xlabel() == text.replace("_", " ")
    texts = [axes.xaxis.label, axes.yaxis.label, axes.title, *figure.legends[0].get_texts()]
    assert not any(item.get_parse_math() for item in texts)
    assert legend(figure)[-1] == KNEE + text


@pytest.mark.parametrize("ending", FORMATS)
def test_broken_mathematics_can_be_written(
    ending: str, make_record: MakeRecord, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(make_record(0, 0.5, 1, text="$\\undefined{$"), objectives={"$\\undefined{$": one()})
    plot_front(run, tmp_path / f"front{ending}")
    assert (tmp_path / f"front{ending}").read_bytes().startswith(MAGIC[ending])


def test_an_empty_front_is_drawn_all_the_same(
    make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure], tmp_path: Path
) -> None:
    figure = drawn(make_run(make_record(0, 0.2, 10)))
    figure.draw_without_rendering()
    assert legend(figure)[0] == "trained in full"
    assert " ".join(legend(figure)[1].split()).startswith("the front is empty: no network that trained")
    assert len(legend(figure)) == 2
    assert figure.axes[0].get_title() == "mine: 1 network looked at, 1 trained in full, 0 on the front"
    (sentence,) = drawn(make_run()).texts
    assert sentence.get_text() == "mine: the front is empty: nothing has been evaluated yet"


def test_members_are_coloured_by_the_third_objective_on_the_scale_of_all_that_were_trained(
    make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    front = [make_record(0, 0.9, 64, 0.012), make_record(1, 0.8, 64, 0.010)]
    others = [make_record(n, 0.5, 4000, 0.02 + 0.004 * n) for n in range(2, 102)]
    axes, bar = drawn(make_run(*front, *others)).axes
    points = axes.collections[-1]
    assert points.get_array().tolist() == [0.012, 0.010]
    assert points.norm.vmin == 0.010  # that of the front, below the quantile
    assert 0.39 < points.norm.vmax < 0.41  # neither the largest, 0.424, nor the front's 0.012
    assert bar.get_ylabel() == "generalization gap of the front (lower is better)"


def test_two_objectives_need_no_colours(
    make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    two = {"validation_accuracy": {"weight": 1}, "parameters": {"weight": -1}}
    assert len(drawn(make_run(make_record(0, 0.9, 64), objectives=two)).axes) == 1


def test_who_was_stopped_at_a_rung_is_a_ring_and_no_part_of_the_front(
    make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    figure = drawn(
        make_run(
            make_record(0, 0.5, 64, share=0.1),
            make_record(1, 0.99, 1, share=0.1),
            make_record(2, 0.8, 64, continues=0),
        )
    )
    axes = figure.axes[0]
    rings, in_full, _ = axes.collections
    assert [points.get_offsets().tolist() for points in (rings, in_full)] == [[[1, 0.99]], [[64, 0.8]]]
    assert (len(rings.get_facecolors()), len(in_full.get_facecolors())) == (0, 1)
    assert axes.lines[0].get_xdata().tolist() == [64]
    assert legend(figure)[:2] == ["stopped at a rung", "trained in full"]
    assert axes.get_title() == "mine: 2 networks looked at, 1 trained in full, 1 on the front"


@pytest.mark.parametrize(
    ("weight", "expected"), [(1.0, [3.0, 3.0, 3.0, 3.0, 5.0]), (-1.0, [3.0, 3.0, 1.0, 1.0, 1.0])]
)
def test_stairs_keep_the_best_so_far(weight: float, expected: list[float]) -> None:
    xs, ys = _staircase([1.0, 2.0, 4.0], [3.0, 1.0, 5.0], Objective("up", weight))
    assert xs == [1.0, 2.0, 2.0, 4.0, 4.0]
    assert ys == expected
    assert np.all(np.diff(np.sign(weight) * np.array(ys)) >= 0)


def test_a_picked_network_is_marked(example: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    plot_front(example, tmp_path / "front.png", example.records[0])
    (figure,) = figures
    assert legend(figure)[-1] == "picked, ticket 0: network 0"
    mark = figure.axes[0].lines[-1]
    assert ([*mark.get_xdata()], [*mark.get_ydata()]) == ([4000], [0.5])


def test_networks_that_were_trained_again_have_bars(
    make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    figure = drawn(
        make_run(
            make_record(0, 0.9, 64, key="again"),
            make_record(1, 0.7, 64, key="again", replicate=1),
            make_record(2, 0.5, 16),
        )
    )
    (bar,) = figure.axes[0].containers
    _, _, (across, up) = bar.lines
    (x_segment,), (y_segment,) = across.get_segments(), up.get_segments()
    assert x_segment[:, 0].tolist() == [64, 64]
    assert y_segment[:, 1].tolist() == pytest.approx([0.8 - 0.02**0.5, 0.8 + 0.02**0.5])
    assert len(legend(figure)) == 3


@pytest.mark.parametrize("n_layers", [1, 30])
def test_the_legend_of_a_single_network_covers_no_point(
    n_layers: int, make_record: MakeRecord, make_run: MakeRun, drawn: Callable[[Run], Figure]
) -> None:
    figure = drawn(make_run(make_record(0, 0.5, 10, text=" · ".join(["conv8k3"] * n_layers))))
    figure.draw_without_rendering()
    assert not figure.legends[0].get_window_extent().overlaps(figure.axes[0].get_tightbbox())


def test_marks_of_knee_and_pick_leave_the_members_colour_in_sight(
    example: Run, drawn: Callable[[Run], Figure]
) -> None:
    knee = drawn(example).axes[0].lines[-1]
    assert knee.get_markerfacecolor() == "none"
