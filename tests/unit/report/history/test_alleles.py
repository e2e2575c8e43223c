"""Shares of alleles over a search, in figures worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from evocnn.report.history.alleles import N_RANGES, OTHER, alleles_of
from evocnn.report.history.alleles_plot import alleles_figure
from evocnn.report.history.diversity import diversity_of
from evocnn.runs import Run
from evocnn.store import Record

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., Run]


def genome(*layers: dict[str, Any], **recipe: Any) -> dict[str, Any]:
    return {"layers": [*layers], "head": {"pooling": "gap"}, "recipe": recipe}


def conv(filters: int, kernel: int = 3) -> dict[str, Any]:
    return {"gene": "conv", "filters": filters, "kernel": kernel}


def pool(kind: str = "max") -> dict[str, Any]:
    return {"gene": "pool", "kind": kind}


def test_shares_of_alleles_are_told_by_window_and_on_the_front(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    early = genome(conv(8, 3), conv(8, 5), pool(), optimizer="sgd")
    late = genome(conv(16, 5), pool("average"), optimizer="adamw")
    records = [make_record(n, 0.5, 100, genome=early) for n in range(20)]
    records += [make_record(n, 0.9, 10, genome=late if n > 24 else early) for n in range(20, 40)]
    found = alleles_of(make_run(*records))
    genes = {gene.name: gene for gene in found.genes}
    assert found.tickets == ((0, 19), (20, 39))
    assert set(genes) == {
        *("kind of layer", "number of layers", "filters (conv)", "kernel (conv)", "kind (pool)"),
        "optimizer (recipe)",
    }
    kernel = genes["kernel (conv)"]
    assert (kernel.alleles, kernel.is_ordered) == (("3", "5"), True)
    assert kernel.asked == ((0.5, 0.5), (5 / 25, 20 / 25))
    assert kernel.front[0] == (0.5, 0.5)
    assert kernel.movement == pytest.approx(0.3)
    assert genes["optimizer (recipe)"].movement == pytest.approx(0.75)
    assert "From window to window they may differ by 0.31 by chance alone." in found.notes
    assert [gene.movement for gene in found.genes] == sorted((g.movement for g in found.genes), reverse=True)


def test_fields_of_several_kinds_of_layers_are_one_gene_and_an_empty_front_has_no_shares(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    other = {"gene": "blur", "kernel": 7}
    found = alleles_of(make_run(make_record(0, 0.1, 10, genome=genome(conv(8, 3), other))))
    (kernel,) = (gene for gene in found.genes if "kernel" in gene.name)
    assert (kernel.name, kernel.asked, kernel.front) == ("kernel (layers)", ((0.5, 0.5),), (None,))
    titles = {axes.get_title(loc="right") for axes in alleles_figure(found).axes}
    assert titles == {"share of those asked", ""}  # and no empty column beside it


def test_many_numbers_are_put_into_ranges_and_rare_words_together(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    genomes = [genome(rate=0.001 * 1.3**n, word=f"word {n}") for n in range(20)]
    found = alleles_of(make_run(*(make_record(n, 0.5, 10, genome=g) for n, g in enumerate(genomes))))
    genes = {gene.name: gene for gene in found.genes}
    rates, words = genes["rate (recipe)"], genes["word (recipe)"]
    assert len(rates.alleles) == N_RANGES
    assert rates.alleles[0].startswith("0.001 to ")
    assert words.alleles[-1] == OTHER
    assert words.asked[0] is not None
    assert words.asked[0][-1] == pytest.approx(13 / 20)
    assert sum(rates.asked[0] or ()) == pytest.approx(1)


def test_genomes_of_other_kinds_have_alleles_and_diversity_too(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(make_record(0, 0.5, 10, genome=["a", 1]), make_record(1, 0.5, 10, genome=["b", 1]))
    assert [gene.name for gene in alleles_of(run).genes] == ["0"]
    assert diversity_of(run).distances == (0.5,)
