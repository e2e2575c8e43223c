"""What is told of a search: each figure follows from records that can be counted by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from evocnn.evaluation import Evaluation, Status
from evocnn.report.history.alleles import N_RANGES, OTHER, alleles_of
from evocnn.report.history.diversity import diversity_of, mean_distance
from evocnn.report.history.hypervolume import hypervolume_of
from evocnn.report.history.operator_credit import DRAWN, operator_credit
from evocnn.report.history.outcomes import outcomes_of
from evocnn.report.history.time_use import time_use_of
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


def rows(counts: Any) -> dict[str, int]:
    return {count.name: count.n for count in counts}


def test_the_hypervolume_rises_at_what_was_charged_before_it(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(
        make_record(0, 0.5, 4000, n_epochs=3, elapsed=5.0),
        make_record(1, 0.4, 4500, n_epochs=3, elapsed=7.0),  # dominated
        make_record(2, 0.9, 40, n_epochs=3, elapsed=6.0),
    )
    axes = hypervolume_of(run).axes
    volume = run.front.hypervolume
    assert axes["evaluations"].costs == (0, 0, 2, 3)
    assert axes["epochs"].costs == (0, 0, 6, 9)
    assert axes["seconds"].costs == pytest.approx((0, 5, 6, 7))
    for rise in axes.values():
        assert rise.values[0] == 0
        assert 0 < rise.values[1] < rise.values[2] == rise.values[3] == pytest.approx(volume)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 1, 2), (0, 1, 2), 0),
        ((0, 1, 2), (1, 2), 1 / 3),
        ((0, 1), (2, 3, 4, 5), 1),
        ((5, 0, 1, 2), (0, 1, 2, 6), 2 / 4),
        ((), (), 0),
    ],
)
def test_the_distance_is_edits_over_the_longer(
    first: tuple[int, ...], second: tuple[int, ...], expected: float
) -> None:
    assert mean_distance([first, second]) == pytest.approx(expected)
    assert mean_distance([first, second, second]) == pytest.approx(2 * expected / 3)
    assert mean_distance([first]) is None


def test_architectures_are_distinct_whatever_their_recipes(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    genomes = [genome(conv(8), rate=0.1), genome(conv(8), rate=0.2), genome(conv(8), pool())]
    records = [make_record(n, 0.5, 10, genome=each) for n, each in enumerate(genomes)]
    repeat = make_record(3, 0.5, 10, genome=genomes[2], continues=2)
    found = diversity_of(make_run(*records, repeat))
    assert (found.tickets, found.n_asked, found.n_distinct) == ((2,), (3,), (2,))
    assert found.distances == pytest.approx((2 / 3 * 1 / 3,))


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
    assert [gene.movement for gene in found.genes] == sorted((g.movement for g in found.genes), reverse=True)


def test_fields_of_several_kinds_of_layers_are_one_gene_and_an_empty_front_has_no_shares(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    other = {"gene": "blur", "kernel": 7}
    found = alleles_of(make_run(make_record(0, 0.1, 10, genome=genome(conv(8, 3), other))))
    (kernel,) = (gene for gene in found.genes if "kernel" in gene.name)
    assert (kernel.name, kernel.asked, kernel.front) == ("kernel (layers)", ((0.5, 0.5),), (None,))


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


def test_operators_are_credited_with_what_became_of_their_offspring(
    make_record: MakeRecord, make_run: MakeRun
) -> None:
    run = make_run(
        make_record(0, 0.5, 100, operators=()),
        make_record(1, 0.7, 100, operators=("cross", "mutate"), share=0.1),
        make_record(2, 0.8, 100, operators=("cross", "mutate"), continues=1),  # the front, until ticket 4
        make_record(3, 0.4, 200, operators=("mutate",)),
        make_record(4, 0.9, 50, operators=("mutate",)),
        make_record(5, 0.9, 50, operators=("mutate",), reused_from=4),
        make_record(6, status=Status.CRASHED, operators=("mutate",)),
    )
    found = operator_credit(run)
    counts = {row.name: (row.n_offspring, row.n_full, row.n_front, row.n_stayed) for row in found.rows}
    assert counts == {"mutate": (5, 3, 2, 1), "cross": (1, 1, 1, 0), DRAWN: (1, 1, 1, 0)}
    assert {row.name: row.n_offspring for row in found.combinations} == {
        "mutate": 4,
        "cross + mutate": 1,
        DRAWN: 1,
    }
    front = found.rows[0].front
    assert (front.share, front.low, front.high) == pytest.approx((0.4, 0.1176, 0.7693), abs=1e-4)


def test_candidates_and_epochs_add_up(make_record: MakeRecord, make_run: MakeRun) -> None:
    def stopped_early(ticket: int, n: int) -> Record:
        metrics = {"validation_accuracy": 0.9, "parameters": 10, "generalization_gap": 0.1, "epochs": n}
        full = {"epochs": 10, "n_epochs": 7, "continues": 1}
        return make_record(ticket, evaluation=Evaluation(Status.OK, metrics), **full)

    rung = {"epochs": 10, "n_epochs": 3, "share": 0.3}
    run = make_run(
        make_record(0, 0.5, 10, **rung),
        make_record(1, 0.5, 10, **rung),
        stopped_early(2, 6),
        make_record(3, 0.5, 10, reused_from=0, **{**rung, "n_epochs": 0}),
        make_record(4, evaluation=Evaluation(Status.CRASHED, reason="at 1.5 of 7"), **rung),
        make_record(5, evaluation=Evaluation(Status.CRASHED, reason="at 2 of 9"), **rung),
        make_record(6, status=Status.REJECTED, **{**rung, "n_epochs": 0}),
    )
    found = outcomes_of(run)
    assert rows(found.candidates) == {
        "trained in full": 1,
        "stopped at 30 %": 1,
        "crashed": 2,
        "rejected": 1,
        "seen before": 1,
    }
    assert rows(found.epochs) == {
        "trained": 3 + 6 + 3 + 3,
        "saved by rungs": 7,
        "saved by early stops": 4,
        "saved by reuse": 3,
        "saved by rejection": 3,
    }
    assert [(reason.reason, reason.n, reason.tickets) for reason in found.reasons] == [
        ("at 1.5 of 7", 2, (4, 5)),
        ("no reason was recorded", 1, (6,)),
    ]


@pytest.mark.parametrize(
    ("crew", "torch", "n_workers"),
    [
        ({"count": 0}, "2.0+cpu", 1),
        ({"count": 3}, "2.0+cpu", 3),
        ({"count": None}, "2.0+cpu", 4),
        ({"count": None, "address": "auto"}, "2.0+cpu", None),
        ({"count": 1}, "2.0+cu128", None),
        ({"count": 1, "gpus_per_worker": 0.0}, "2.0+cu128", 1),
    ],
)
def test_the_rest_of_the_workers_time_is_told_where_their_number_is_known(
    crew: dict[str, Any],
    torch: str,
    n_workers: int | None,
    make_record: MakeRecord,
    make_run: MakeRun,
) -> None:
    trained = [Evaluation(Status.OK, make_record(0, 0.5, 10).metrics, seconds=2.0) for _ in range(3)]
    run = make_run(*(make_record(n, evaluation=each, elapsed=10.0) for n, each in enumerate(trained)))
    machine = {"torch": torch, "cores": 4}
    run.manifest.update(workers={"gpus_per_worker": None, "address": None} | crew, environment=machine)
    found = time_use_of(run)
    assert (found.elapsed, found.training, found.n_workers) == (10, 6, n_workers)
    rest = [] if n_workers is None else [10 * n_workers - 6]
    assert [part.seconds for part in found.parts] == [6, *rest]
    assert found.notes


def test_more_training_than_the_workers_could_do_is_told(make_record: MakeRecord, make_run: MakeRun) -> None:
    evaluation = Evaluation(Status.OK, make_record(0, 0.5, 10).metrics, seconds=25.0)
    found = time_use_of(make_run(make_record(0, evaluation=evaluation, elapsed=10.0)))
    assert found.n_workers is None
    assert "cannot be told" in found.notes[0]
