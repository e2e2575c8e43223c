"""What is told and drawn of a search space."""

from collections.abc import Callable
from dataclasses import replace
from math import inf, log10
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from evocnn.errors import ExperimentError
from evocnn.genotype import (
    Choice,
    Chromosome,
    Conv,
    Counts,
    Dropout,
    GeneAlleles,
    Head,
    Held,
    Limits,
    Pool,
    Range,
    Recipe,
    SearchSpace,
    Shape,
)
from evocnn.genotype.size import Estimate, SpaceSize
from evocnn.report.picture import FORMATS, check_ending, write_picture
from evocnn.report.space import (
    Sample,
    counted,
    draw_samples,
    powered,
    show_alleles,
    show_size,
    show_sizes,
    sizes_of,
)
from evocnn.report.space_plot import chosen_samples, plot_samples

MakeSpace = Callable[..., SearchSpace]
Capture = pytest.CaptureFixture[str]
SPACE = SearchSpace(
    Shape(1, 8, 8),
    10,
    (
        GeneAlleles(Conv, {"filters": Choice((4, 16)), "kernel": Choice((3,))}, weight=3),
        GeneAlleles(Dropout, {"rate": Range(0.1, 0.5)}, weight=0.5),
        GeneAlleles(Pool, {}),
    ),
    GeneAlleles(Head, {"units": Choice(((), (32, 16)))}),
    GeneAlleles(Recipe, {"learning_rate": Range(0.003, 0.3, log=True), "weight_decay": Choice((0, 0.0001))}),
    founder_depth=(1, 3),
    limits=Limits(parameters=1234, depth=4),
)
MAGIC = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no line of a table be broken."""
    monkeypatch.setenv("COLUMNS", "150")


def told(capsys: Capture) -> list[str]:
    """Return what was printed, line by line, blanks told once."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def sample(depth: int, parameters: int, changes: dict[str, int] | None = None) -> Sample:
    chromosome = Chromosome((Dropout(0.1),) * depth, Head(units=(parameters,)), Recipe())
    return Sample(chromosome, Counts(parameters, 2 * parameters, 30, 4), changes or {})


def samples(n: int) -> list[Sample]:
    return draw_samples(SPACE, n, np.random.default_rng(0))


def test_every_field_has_a_line_with_its_alleles(capsys: Capture) -> None:
    show_alleles("mine", SPACE)
    assert told(capsys) == [
        "mine: images of 1×8×8, 10 classes",
        "gene weight field alleles",
        "conv 3 filters 4, 16",
        "kernel 3",
        "dropout 0.5 rate 0.1 to 0.5",
        "pool 1 pool",
        "head units [], [32, 16]",
        "recipe learning_rate 0.003 to 0.3, log",
        "weight_decay 0, 0.0001",
        "limits: 1,234 parameters, 4 layers",
        "founders: 1 to 3 layers, informed; 0 given",
    ]


def test_held_segments_and_given_founders_are_told(capsys: Capture) -> None:
    held = Held((Conv(4, 3), Pool()), Head("flatten"), Recipe("adam", 0.01))
    founder = Chromosome((Conv(16, 3),), Head(), Recipe("sgd", 0.1))
    limits = Limits(flops=10**6, activations=5000, depth=4)
    show_alleles("mine", replace(SPACE, held=held, founders=(founder,), limits=limits))
    assert told(capsys) == [
        "mine: images of 1×8×8, 10 classes",
        "gene weight field alleles",
        "layers held conv4k3 · pool",
        "head held flatten",
        "recipe held adam lr=.01",
        "limits: 1,000,000 FLOPs, 5,000 activations, 4 layers",
        "founders: 1 to 3 layers, informed; 1 given",
        "conv4k3 · pool | flatten | adam lr=.01 (694 parameters, from conv16k3 | gap | sgd lr=.1)",
    ]


@pytest.mark.parametrize("text", ["[bold]x[/bold]", ":smile:", "$x$"])
def test_markup_stays_text(text: str, capsys: Capture) -> None:
    show_alleles(text, SPACE)
    assert told(capsys)[0] == f"{text}: images of 1×8×8, 10 classes"


def test_the_bound_and_the_estimate_are_told_for_architectures_and_networks(capsys: Capture) -> None:
    show_size(SpaceSize(34, 8, 8, 21_612), Estimate(12.3, 0.042, 400))
    assert told(capsys) == [
        "layer genes: 34, up to 8 in a row",
        "architectures: at most 1.5 × 10^13; about 2.0 × 10^12 distinct within the limits",
        "recipes: 21,612",
        "networks: at most 3.2 × 10^17; about 4.3 × 10^16 distinct within the limits",
        "(distinct within the limits: an estimate, its standard error 4 %)",
    ]


def test_an_estimate_without_survivors_is_told_as_a_bound(capsys: Capture) -> None:
    show_size(SpaceSize(2, 3, 1, 10), Estimate(-inf, 0.0, 5))
    assert told(capsys) == [
        "layer genes: 2, up to 3 in a row",
        "architectures: at most 15; none of 5 draws lies within the limits: fewer than about 3",
        "recipes: 10",
        "networks: at most 150; none of 5 draws lies within the limits: fewer than about 30",
    ]


def test_held_layers_are_not_counted_as_genes(capsys: Capture) -> None:
    show_size(SpaceSize(0, 0, 6, 1), Estimate(log10(6), 0.0, 100))
    assert told(capsys) == [
        "architectures: at most 6; about 6 distinct within the limits",
        "recipes: 1",
        "networks: at most 6; about 6 distinct within the limits",
        "(distinct within the limits: an estimate, its standard error less than 1 %)",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999_999, "999,999"),
        (1_000_000, "1.0 × 10^6"),
        (1_960_000, "2.0 × 10^6"),
        (9_960_000, "1.0 × 10^7"),
        (3 * 10**400, "3.0 × 10^400"),
    ],
)
def test_large_numbers_are_powers_of_ten(number: int, text: str) -> None:
    assert counted(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0.4, "0"), (1, "1"), (273_512, "270,000"), (997_000, "1.0 × 10^6")]
)
def test_small_estimates_are_told_with_two_digits(number: float, text: str) -> None:
    assert powered(log10(number)) == text


def test_sizes_are_told_by_quantiles_that_occur(capsys: Capture) -> None:
    show_sizes(
        [sample(depth, parameters) for depth, parameters in zip([1, 2, 2, 5], [7, 8000, 9, 10], strict=True)]
    )
    *_, layers, parameters, flops, activations, repaired = told(capsys)
    assert layers == "layers 1 1 2 2 5"
    assert parameters == "parameters 7 7 9 10 8,000"
    assert flops == "FLOPs 14 14 18 20 16,000"
    assert activations == "activations 30 30 30 30 30"
    assert repaired == "the limits changed 0 of 4 samples"


def test_what_repair_changed_is_told(capsys: Capture) -> None:
    show_sizes([sample(1, 1, {"narrowed": 7, "pooled": 1}), sample(1, 1), sample(1, 1, {"narrowed": 1})])
    assert told(capsys)[-1] == "the limits changed 2 of 3 samples: narrowed 2, pooled 1"


def test_samples_are_repaired_founders_with_their_counts(make_space: MakeSpace) -> None:
    space = make_space(Shape(1, 8, 8), limits=Limits(parameters=2000, depth=6), founder_depth=(4, 6))
    found = draw_samples(space, 40, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    drawn = [space.draw(rng) for _ in range(40)]
    assert [each.chromosome for each in found] == [space.repair(chromosome).genome for chromosome in drawn]
    assert [bool(each.changes) for each in found] == [
        each.chromosome != chromosome for each, chromosome in zip(found, drawn, strict=True)
    ]
    assert 0 < sum(bool(each.changes) for each in found) < 40
    assert all(each.counts == each.chromosome.counts(space.input_shape, 10) for each in found)
    assert max(sizes_of(found)["parameters"]) <= 2000


def test_samples_to_draw_are_spread_over_the_sizes() -> None:
    many = [sample(1, parameters) for parameters in range(100, 0, -1)] + [sample(9, 60)]
    chosen = chosen_samples(many)
    assert {title: each.counts.parameters for title, each in chosen.items()} == {
        "least": 1,
        "lower quartile": 26,
        "median": 51,
        "upper quartile": 75,
        "greatest": 100,
        "deepest": 60,
    }
    assert len(chosen["deepest"].chromosome.layers) == 9


def test_no_sample_is_drawn_twice() -> None:
    assert [*chosen_samples([sample(1, 5)])] == ["deepest"]
    assert len(chosen_samples([sample(1, 5), sample(2, 6)])) == 2


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that would have been written."""
    found: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: found.append(figure))
    return found


def test_the_picture_shows_networks_and_histograms(figures: list[Figure], tmp_path: Path) -> None:
    found = samples(60)
    plot_samples("$mine", SPACE, found, tmp_path / "space.png")
    (figure,) = figures
    figure.draw_without_rendering()
    drawings, histograms = figure.subfigs
    titles = [axes.get_title("left").split(":")[0] for axes in drawings.axes]
    assert titles == [*chosen_samples(found)]
    assert [axes.get_xlabel() for axes in histograms.axes] == ["layers", "parameters", "FLOPs"]
    for axes in histograms.axes:
        assert sum(bar.get_height() for bar in axes.patches) == 60
    assert [axes.get_title("right") for axes in histograms.axes] == ["limit 4", "limit 1,234", ""]
    assert [text.get_text() for text in drawings.legends[0].get_texts()] == ["conv", "pool", "dropout"]
    assert figure.get_suptitle().startswith("$mine: 60 samples")


def test_one_sample_is_drawn_all_the_same(figures: list[Figure], tmp_path: Path) -> None:
    plot_samples("mine", SPACE, samples(1), tmp_path / "space.png")
    figures[0].draw_without_rendering()
    assert len(figures[0].subfigs[0].axes) == 1


@pytest.mark.parametrize("ending", FORMATS)
def test_files_of_each_format(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"space{ending}"
    plot_samples("mine", SPACE, samples(1), path)
    assert path.read_bytes().startswith(MAGIC[ending])


def test_other_endings_are_refused(tmp_path: Path) -> None:
    message = r"a plot's file must end in .png, .svg, .pdf, but it was '.*'; change the ending"
    for name in ("space.jpg", "space", ".png"):
        with pytest.raises(ExperimentError, match=message):
            check_ending(Path(name))
        with pytest.raises(ExperimentError, match=message):
            write_picture(Figure(), tmp_path / name)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "space.png").mkdir()
    with pytest.raises(ExperimentError, match=r"must be writable, but '.*' was not: Is a directory; give"):
        write_picture(Figure(), tmp_path / "space.png")
