"""The search as a whole: one picture after the other, each with what it tells and its figures in a table."""

from collections.abc import Iterator
from dataclasses import dataclass

from evocnn.report.history.alleles import alleles_of
from evocnn.report.history.alleles_plot import alleles_figure
from evocnn.report.history.diversity import diversity_of
from evocnn.report.history.diversity_plot import diversity_figure
from evocnn.report.history.hypervolume import HypervolumeRise, hypervolume_of
from evocnn.report.history.hypervolume_plot import hypervolume_figure
from evocnn.report.history.operator_credit import Credit, operator_credit
from evocnn.report.history.operator_credit_plot import operator_credit_figure
from evocnn.report.history.outcomes import N_TICKETS, outcomes_of
from evocnn.report.history.outcomes_plot import outcomes_figure
from evocnn.report.history.time_use import time_use_of
from evocnn.report.history.time_use_plot import time_use_figure
from evocnn.report.picture import svg_text
from evocnn.report.wording import duration, percent
from evocnn.runs import Run

MOST_ROWS = 12  # of a course over the search
MOST_GENES = 8
MOST_REASONS = 20


@dataclass(frozen=True)
class Table:
    """Figures in rows.

    Attributes:
        caption: What they are.
        head: Names of the columns.
        rows: A cell a column, as text; the first names the row.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Topic:
    """One question about a search with its answer.

    Attributes:
        name: Where links lead to it.
        title: The question's subject.
        tells: What it is about, in a sentence.
        picture: The drawing, as SVG.
        tables: What it is drawn from.
        notes: How to read it, and what cannot be told.
    """

    name: str
    title: str
    tells: str
    picture: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


def topics_of(run: Run) -> Iterator[Topic]:
    """Yield what is to be known of a search, its progress first."""
    yield _progress(run)
    yield _alleles(run)
    yield _operators(run)
    yield _diversity(run)
    yield _outcomes(run)
    yield _time(run)


def _progress(run: Run) -> Topic:
    rise = hypervolume_of(run)
    return Topic(
        "progress",
        "Progress",
        "The hypervolume says in one number how good the whole front is; where the line is still rising at "
        "the end, a longer search is likely to find better networks.",
        svg_text(hypervolume_figure(rise), "Hypervolume against evaluations, epochs and seconds"),
        (_rise_table(rise),),
        rise.notes,
    )


def _rise_table(rise: HypervolumeRise) -> Table:
    rows = []
    for by, steps in rise.axes.items():
        end, last = steps.costs[-1], steps.values[-1]
        for share in (0.5, 0.9, 0.99, 1.0):
            reached = next(
                (
                    cost
                    for cost, value in zip(steps.costs, steps.values, strict=True)
                    if value >= share * last
                ),
                end,
            )
            at = duration(reached) if by == "seconds" else f"{reached:,.4g}"
            of = duration(end) if by == "seconds" else f"{end:,.4g}"
            rows.append((by, f"{100 * share:.0f} %", at, of, f"{share * last:.4g}"))
    head = ("by", "of the final hypervolume", "reached at", "of", "hypervolume")
    return Table("When the search had what share of its final hypervolume", head, tuple(rows))


def _alleles(run: Run) -> Topic:
    shares = alleles_of(run)
    windows = [f"{first}–{last}" for first, last in shares.tickets]
    tables = []
    for gene in shares.genes[:MOST_GENES]:
        head = ("allele", *(f"asked {windows[i]}" for i in _ends(len(windows))), "front at the end")
        rows = tuple(
            (
                allele,
                *(_share(gene.asked[i], k) for i in _ends(len(windows))),
                _share(gene.front[-1] if gene.front else None, k),
            )
            for k, allele in enumerate(gene.alleles)
        )
        tables.append(Table(f"{gene.name}: share of each value", head, rows))
    return Topic(
        "alleles",
        "Which values won",
        "Each gene can have several values, its alleles. Values that good networks share become more "
        "frequent as the search goes on.",
        svg_text(alleles_figure(shares, MOST_GENES), "Share of each allele over the search"),
        tuple(tables),
        shares.notes,
    )


def _ends(n_windows: int) -> tuple[int, ...]:
    """Return the indices of the first and the last window."""
    return tuple(sorted({0, n_windows - 1})) if n_windows else ()


def _share(shares: tuple[float, ...] | None, index: int) -> str:
    return "–" if shares is None else percent(shares[index])


def _operators(run: Run) -> Topic:
    credit = operator_credit(run)
    head = (
        "made by",
        "offspring",
        "trained in full",
        "share [95 %]",
        "entered the front",
        "share [95 %]",
        "on it at the end",
    )
    tables = [
        Table(caption, head, tuple(_credit_row(row) for row in rows[:MOST_REASONS]))
        for caption, rows in (("Operators", credit.rows), ("Combinations of operators", credit.combinations))
        if rows
    ]
    return Topic(
        "operators",
        "Which operators paid",
        "Networks are made from earlier ones by operators: a crossover of two, mutations of one. Here is how "
        "often what each made was worth a full training, and how often it entered the front.",
        svg_text(operator_credit_figure(credit), "Success of each operator, with 95 % intervals"),
        tuple(tables),
        credit.notes,
    )


def _credit_row(row: Credit) -> tuple[str, ...]:
    full, front = (
        f"{percent(share.share)} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
        for share in (row.full, row.front)
    )
    counts = (f"{n:,}" for n in (row.n_offspring, row.n_full, row.n_front, row.n_stayed))
    n_offspring, n_full, n_front, n_stayed = counts
    return row.name, n_offspring, n_full, full, n_front, front, n_stayed


def _diversity(run: Run) -> Topic:
    diversity = diversity_of(run)
    every = max(1, -(-len(diversity.tickets) // MOST_ROWS))
    rows = tuple(
        (
            f"{ticket:,}",
            "–" if distance is None else f"{distance:.3f}",
            f"{n_distinct:,}",
            f"{n_asked:,}",
        )
        for ticket, distance, n_distinct, n_asked in zip(
            diversity.tickets, diversity.distances, diversity.n_distinct, diversity.n_asked, strict=True
        )
    )[::-1][::every][::-1]
    head = ("up to ticket", "mean distance", "distinct architectures", "candidates")
    return Topic(
        "diversity",
        "Diversity",
        "A search that keeps proposing much the same networks has stopped exploring.",
        svg_text(diversity_figure(diversity), "Diversity of the candidates over the search"),
        (Table("Diversity over the search", head, rows),),
        diversity.notes,
    )


def _outcomes(run: Run) -> Topic:
    outcomes = outcomes_of(run)
    tables = [
        Table(
            "What became of the candidates",
            ("outcome", "candidates"),
            tuple((c.name, f"{c.n:,}") for c in outcomes.candidates),
        ),
        Table("Epochs", ("epochs", "number"), tuple((c.name, f"{c.n:,}") for c in outcomes.epochs)),
    ]
    if outcomes.reasons:
        rows = tuple(
            (
                reason.status,
                reason.reason,
                f"{reason.n:,}",
                ", ".join(map(str, reason.tickets)),
            )
            for reason in outcomes.reasons[:MOST_REASONS]
        )
        tables.append(
            Table("Failures", ("status", "reason", "candidates", f"tickets (at most {N_TICKETS})"), rows)
        )
    return Topic(
        "outcomes",
        "Failures and early stops",
        "Most candidates are given up early or fail; a full training is spent only on those that "
        "promise most.",
        svg_text(outcomes_figure(outcomes), "What became of the candidates, and of the epochs"),
        tuple(tables),
        outcomes.notes,
    )


def _time(run: Run) -> Topic:
    use = time_use_of(run)
    tables = [
        Table(caption, ("what", "time"), tuple((part.name, duration(part.seconds)) for part in parts))
        for caption, parts in (
            ("The workers' time", use.parts),
            ("What training went into", use.training_parts),
        )
        if parts
    ]
    return Topic(
        "time",
        "Where the time went",
        "Only training finds networks; where workers wait much, a larger search.window in the experiment "
        "file gives them more to do.",
        svg_text(time_use_figure(use), "The workers' time"),
        tuple(tables),
        use.notes,
    )
