"""Searches over networks that nobody trains: recorded repairs, founders, held segments, rates, resume."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from evocnn.config.operator_names import default_crossovers, default_mutations
from evocnn.evaluation import Evaluation, EvaluationRequest, Objective, Objectives, Status
from evocnn.genotype import Chromosome, Conv, Fidelity, Head, Held, Limits, Pool, Recipe, SearchSpace
from evocnn.operators import RATES, SelfAdaptiveRates, Variation
from evocnn.rng import Purpose, stream
from evocnn.search import Algorithm, Breeding, GenerationalNSGA2, RandomSearch, Rungs, SteadyStateNSGA2
from evocnn.store import Journal
from evocnn.workers import SerialExecutor

MakeJournal = Callable[[], Journal]
MakeSpace = Callable[..., SearchSpace]
FIDELITY = Fidelity(epochs=2, n_images=100)
OBJECTIVES = Objectives((Objective("luck", 1.0), Objective("parameters", -1.0, log=True)))
SEGMENTS = ("layers", "head", "recipe")
N_PROPOSALS = 2  # for the surrogate to choose from; breeding 32, the default, takes its time
TIGHT = Limits(parameters=3_000, flops=500_000, depth=6)


@dataclass
class Counted:
    """Counts a network in place of training it; what is to be maximized follows from its key.

    Attributes:
        space: The search space.
        calls: Texts, in the order of evaluation.
    """

    space: SearchSpace
    context: str = "counted"
    calls: list[str] = field(default_factory=list)

    def __call__(self, request: EvaluationRequest, /) -> Evaluation:
        self.calls.append(request.genome.text)
        digest = hashlib.sha256(request.genome.key.encode()).digest()
        if digest[0] < 25:  # one in ten
            return Evaluation(Status.DIVERGED, reason="rigged")
        counts = request.genome.counts(self.space.input_shape, self.space.n_classes)
        metrics = {"luck": digest[1] / 255, "parameters": float(counts.parameters)}
        return Evaluation(Status.OK, metrics, seconds=len(self.calls))


def breeding_of(space: SearchSpace, rates: str = "fixed", evolve: tuple[str, ...] = SEGMENTS) -> Breeding:
    variation = Variation(default_crossovers(evolve), default_mutations(evolve), rates=RATES[rates]())
    return Breeding(space, variation, FIDELITY)


def algorithm_of(
    name: str, space: SearchSpace, rates: str = "fixed", evolve: tuple[str, ...] = SEGMENTS
) -> Algorithm:
    breeding = breeding_of(space, rates, evolve)
    if name == "random":
        return RandomSearch(breeding)
    if name == "generational":
        return GenerationalNSGA2(breeding, OBJECTIVES, 8, Rungs((1.0,)))
    return SteadyStateNSGA2(breeding, OBJECTIVES, 8, Rungs((1.0,)), proposals=N_PROPOSALS)


@pytest.fixture
def tight(make_space: MakeSpace) -> SearchSpace:
    """Return a space whose draws hardly ever fit."""
    return make_space(limits=TIGHT)


def test_the_journal_counts_the_repairs_of_every_draw(toy: Any, journal: Journal, tight: SearchSpace) -> None:
    algorithm = algorithm_of("random", tight)
    records = toy.search(journal, algorithm, space=tight, table=Counted(tight), evaluations=40).records
    kinds: set[str] = set()
    for record in records:
        drawn = tight.draw(stream(1, Purpose.BREEDING, record.ticket))
        genome, changes = tight.repair(drawn)
        assert record.key == genome.key
        assert record.repairs == changes
        kinds |= set(changes)
    assert kinds >= {"narrowed", "simplified"}
    assert any(not record.repairs for record in records)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("algorithm", ["generational", "steady"])
def test_the_journal_holds_what_breeding_said(
    toy: Any, journal: Journal, tight: SearchSpace, algorithm: str, rates: str
) -> None:
    asked: dict[int, Any] = {}

    @dataclass
    class Listening:
        inner: Any

        def ask(self, ticket: int, rng: np.random.Generator) -> Any:
            candidate = self.inner.ask(ticket, rng)
            asked[ticket] = candidate
            return candidate

        def tell(self, ticket: int, evaluation: Evaluation) -> None:
            self.inner.tell(ticket, evaluation)

        def needed_states(self) -> Any:
            return self.inner.needed_states()

    listening = Listening(algorithm_of(algorithm, tight, rates))
    records = toy.search(journal, listening, space=tight, table=Counted(tight), evaluations=80).records
    for record in records:
        candidate = asked[record.ticket]
        assert record.repairs == candidate.repairs
        assert (record.parents, record.operators) == (candidate.parents, candidate.operators)
        assert tight.from_json(record.genome) == candidate.request.genome
        assert tight.repair(tight.from_json(record.genome)).changes == {}
    assert sum(bool(record.repairs) for record in records if record.operators) >= 3
    carried = {bool(tight.from_json(record.genome).rates) for record in records if record.operators}
    assert carried == {rates == "self-adaptive"}


@pytest.mark.parametrize("algorithm", ["generational", "steady", "random"])
def test_a_search_begins_with_the_given_founders(
    toy: Any, journal: Journal, make_space: MakeSpace, algorithm: str
) -> None:
    wide, deep = Chromosome((Conv(32, 3),) * 2, Head(), Recipe()), Chromosome((Pool(),) * 7, Head(), Recipe())
    small = Chromosome((Conv(5, 3),), Head(), Recipe(learning_rate=0.0123))
    space = make_space(limits=TIGHT, founders=(wide, deep, small, small))
    searched = algorithm_of(algorithm, space)
    records = toy.search(journal, searched, space=space, table=Counted(space), evaluations=20).records
    for record, founder in zip(records, (wide, deep, small), strict=False):
        genome, changes = space.repair(founder)
        assert (record.key, record.text, record.repairs) == (genome.key, genome.text, changes)
        assert (record.parents, record.operators) == ((), ())
    assert [set(record.repairs) for record in records[:3]] == [{"narrowed"}, {"inert"}, set()]
    assert sum(record.key == small.key for record in records) == 1


@pytest.mark.parametrize("evolve", [("recipe",), ("head",), ("layers",), ("head", "recipe")], ids="-".join)
def test_a_whole_search_leaves_held_segments_alone(
    toy: Any, journal: Journal, make_space: MakeSpace, evolve: tuple[str, ...]
) -> None:
    values: dict[str, Any] = {
        "layers": (Conv(8, 3), Pool(), Conv(16, 3)),
        "head": Head("gap", (16,)),
        "recipe": Recipe("adamw", 0.002),
    }
    held = {name: value for name, value in values.items() if name not in evolve}
    space = make_space(held=Held(**held))
    algorithm = algorithm_of("steady", space, evolve=evolve)
    records = toy.search(journal, algorithm, space=space, table=Counted(space), evaluations=20).records
    genomes = [space.from_json(record.genome) for record in records]
    assert all(getattr(genome, name) == value for genome in genomes for name, value in held.items())
    assert any(record.operators for record in records)
    assert len({genome.key for genome in genomes}) == 20


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("algorithm", ["generational", "steady"])
def test_after_a_crash_rates_go_on_where_they_were(
    toy: Any, new_journal: MakeJournal, tight: SearchSpace, algorithm: str, rates: str
) -> None:
    def search(journal: Journal, *, crash_after: int | None = None) -> Any:
        return toy.search(
            journal,
            algorithm_of(algorithm, tight, rates),
            lambda table: toy.Recorder(SerialExecutor(table), crash_after=crash_after),
            space=tight,
            table=Counted(tight),
        )

    whole = search(new_journal())
    for after in (5, 40):
        journal = new_journal()
        assert search(journal, crash_after=after).ending is None
        second = search(journal)
        assert toy.timeless(second.records) == toy.timeless(whole.records)  # rates in the genomes, too
        assert second.log == whole.log
        assert len(second.calls) == 60 - after


def test_each_kind_of_rates_makes_another_search(
    toy: Any, new_journal: MakeJournal, tight: SearchSpace
) -> None:
    def texts(rates: str) -> list[str]:
        algorithm = algorithm_of("steady", tight, rates)
        return list(toy.search(new_journal(), algorithm, space=tight, table=Counted(tight)).log)

    found = [texts(rates) for rates in RATES]
    assert len({tuple(log) for log in found}) == len(RATES) == 3
    assert found == [texts(rates) for rates in RATES]


def test_credit_is_given_to_operators_whose_offspring_survive(
    toy: Any, journal: Journal, tight: SearchSpace
) -> None:
    breeding = breeding_of(tight, "credit")
    rates = breeding._variation.rates  # type: ignore[attr-defined]
    learned: list[tuple[tuple[str, ...], bool]] = []
    rates.learn = lambda operators, *, succeeded: learned.append((tuple(operators), succeeded))
    algorithm = SteadyStateNSGA2(breeding, OBJECTIVES, 8, Rungs((1.0,)), proposals=N_PROPOSALS)
    outcome = toy.search(journal, algorithm, space=tight, table=Counted(tight))
    by_ticket = {record.ticket: record for record in outcome.records}
    told = [by_ticket[ticket] for ticket in outcome.told]
    assert [operators for operators, _ in learned] == [record.operators for record in told]
    failed = [ok for (_, ok), r in zip(learned, told, strict=True) if r.evaluation.status is Status.DIVERGED]
    assert failed
    assert not any(failed)
    assert {ok for operators, ok in learned if operators} == {True, False}


def test_self_adaptive_rates_are_no_part_of_what_a_network_is(toy: Any, tight: SearchSpace) -> None:
    breeding = breeding_of(tight, "self-adaptive")
    founder = breeding.founder(np.random.default_rng(0)).request.genome
    assert founder.rates == ()
    carried = SelfAdaptiveRates().inherited(founder, default_mutations(SEGMENTS), np.random.default_rng(0))
    carrying = replace(founder, rates=carried)
    assert (carrying.key, carrying) == (founder.key, founder)
    assert tight.from_json(carrying.to_json()).rates == carried
    assert tight.repair(carrying).genome.rates == carried


def test_a_ticket_costs_the_epochs_of_its_recipe(toy: Any, journal: Journal, make_space: MakeSpace) -> None:
    space = make_space()
    genomes = [Chromosome((Conv(8, 3),), Head(), Recipe(epochs=epochs)) for epochs in (0, 2, 20)]
    requests = [EvaluationRequest(genome, FIDELITY) for genome in genomes]
    script = toy.Script(requests)
    records = toy.search(journal, script, space=space, table=Counted(space), evaluations=3).records
    costs = [record.cost - space.cost_model.start for record in sorted(records, key=lambda r: r.ticket)]
    assert costs[1] == costs[0]  # as the experiment says
    assert costs[2] == pytest.approx(10 * costs[0])
    assert {record.epochs for record in records} == {2}  # the fidelity stays the experiment's
