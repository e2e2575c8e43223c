"""Pictures of a search: whatever a run holds, they are drawn, with no text cut or read as mathematics."""

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from evocnn.errors import GeneError
from evocnn.evaluation import Status
from evocnn.report.architecture_plot import architecture_figure
from evocnn.report.history.alleles import alleles_of
from evocnn.report.history.alleles_plot import alleles_figure
from evocnn.report.history.diversity import diversity_of
from evocnn.report.history.diversity_plot import diversity_figure
from evocnn.report.history.hypervolume import hypervolume_of
from evocnn.report.history.hypervolume_plot import hypervolume_figure
from evocnn.report.history.operator_credit import operator_credit
from evocnn.report.history.operator_credit_plot import operator_credit_figure
from evocnn.report.history.outcomes import outcomes_of
from evocnn.report.history.outcomes_plot import outcomes_figure
from evocnn.report.history.time_use import time_use_of
from evocnn.report.history.time_use_plot import time_use_figure
from evocnn.report.layer_table import layers_of
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]
BROKEN = "$\\undefined{$"
DRAWINGS: dict[str, Callable[[Run], Figure]] = {
    "hypervolume": lambda run: hypervolume_figure(hypervolume_of(run)),
    "diversity": lambda run: diversity_figure(diversity_of(run)),
    "alleles": lambda run: alleles_figure(alleles_of(run)),
    "operators": lambda run: operator_credit_figure(operator_credit(run)),
    "outcomes": lambda run: outcomes_figure(outcomes_of(run)),
    "time": lambda run: time_use_figure(time_use_of(run)),
}


def some_run(kind: str, make_record: MakeRecord, make_run: MakeRun) -> Run:
    """Return a run of a kind; genes, alleles and operators have names that are broken mathematics."""
    genome = {"layers": [{"gene": BROKEN, BROKEN: BROKEN}], "head": {BROKEN: 1}, "recipe": {"rate": BROKEN}}
    genomes = [genome, {**genome, "recipe": {"rate": "other"}, "head": {BROKEN: 2}}]
    changes = {"operators": (BROKEN,)}
    if kind == "one":
        return make_run(make_record(0, 0.5, 10, genome=genome, **changes))
    if kind == "failed":
        return make_run(*(make_record(n, status=Status.CRASHED, genome=genomes[n % 2]) for n in range(3)))
    if kind == "below the floor":
        return make_run(*(make_record(n, 0.1, 10, genome=genomes[n % 2]) for n in range(3)))
    if kind == "many":
        return make_run(
            *(make_record(n, 0.5 + n / 100, 9 + n, genome=genomes[n % 2], **changes) for n in range(45))
        )
    return make_run()


@pytest.mark.parametrize("kind", ["none", "one", "failed", "below the floor", "many"])
@pytest.mark.parametrize("topic", DRAWINGS)
def test_every_run_can_be_drawn(topic: str, kind: str, make_record: MakeRecord, make_run: MakeRun) -> None:
    figure = DRAWINGS[topic](some_run(kind, make_record, make_run))
    figure.draw_without_rendering()
    assert any(text.get_text() for text in figure.findobj(Text))
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()  # inches
    assert -0.02 <= drawn.x0 < drawn.x1 <= width + 0.02
    assert -0.02 <= drawn.y0 < drawn.y1 <= height + 0.02


def test_layers_of_a_network_add_up_to_what_it_costs(make_record: MakeRecord, make_run: MakeRun) -> None:
    record = make_record(0)
    table = layers_of(make_run(record), record)
    counts = table.chromosome.counts(table.shape, table.n_classes)
    assert (table.parameters, table.flops) == (counts.parameters, counts.flops)
    assert table.rows[-1].kind == "head"
    assert table.rows[-1].output.channels == 10
    figure = architecture_figure(table, BROKEN)
    figure.draw_without_rendering()
    words = [text.get_text() for text in figure.axes[1].texts]
    assert f"{counts.parameters:,}" in words


def test_a_gene_of_the_users_own_and_other_counts_than_measured_are_told(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    own = make_record(0, genome={**make_record(0).genome, "layers": [{"gene": "blur", "kernel": 3}]})
    with pytest.raises(GeneError, match=r"must be one of .* but it was 'blur'"):
        layers_of(make_run(own), own)
    unlike = make_record(0, 0.5, 10**6)
    with pytest.raises(GeneError, match=r"must have the 1,000,000 parameters that were measured, but they"):
        layers_of(make_run(unlike), unlike)
