"""Claims: breeding takes below 1 ms; at most 20 % of offspring repeat a network; and the front gains by it.

    evocnn reproduce benchmarks/breeding [--quick]

Three measurements in the space of experiments/fashion-mnist:

- The time of one ask, that is breeding with repair, canonical form and key, for parents of 12 layer
  genes, also in the presets' spaces and with each kind of rates.
- The share of offspring whose network was seen before, over 30 generations of 24, with the default
  variation and with naive rates: DEAP's `varAnd` at its tutorial's rates (crossover 0.5, mutation
  0.2), the same operators, nothing done about offspring that equal a parent.
- The hypervolume that both reach on a synthetic landscape, one run a seed, with the same number of
  offspring, repeated ones included.

On the landscape accuracy rises with the logarithm of size, and falls with the distance of the
learning rate from 0.02, of the last resolution from 5, and with every ReLU.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import exp, log10
from pathlib import Path
from statistics import mean, median, stdev
from time import perf_counter

import numpy as np
from scipy.stats import wilcoxon

from evocnn import Experiment, load_experiment
from evocnn.cli.study import Asked, perform
from evocnn.config.operator_names import default_crossovers, default_mutations
from evocnn.config.parts import space_of
from evocnn.config.presets import preset_names
from evocnn.evaluation import Evaluation, Individual, Objective, Objectives, Status, hypervolume
from evocnn.genotype import Chromosome, SearchSpace
from evocnn.operators import RATES, Variation, assign_ranks, select_nsga2, tournament
from evocnn.report.figures import Figure
from evocnn.rng import derive_seed
from evocnn.store import environment

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "fashion-mnist" / "experiment.toml"
SEGMENTS = ("layers", "head", "recipe")
GENERATIONS = 30
POPULATION = 24
GENES = 12
ASKS = 500
N_PARENTS = 100
ROUNDS = 5
SEEDS, QUICK_SEEDS = 30, 3
NAIVE_CROSSOVER, NAIVE_MUTATION = 0.5, 0.2
OBJECTIVES = Objectives(
    (
        Objective("validation_accuracy", 1.0, floor=0.2, reference=0.1),
        Objective("parameters", -1.0, log=True, reference=50_000.0),
    )
)

Breed = Callable[[Chromosome, Chromosome, SearchSpace, np.random.Generator], Chromosome]


def default_breed(
    mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator
) -> Chromosome:
    """Return an offspring as a search has it."""
    child: Chromosome = DEFAULT.breed(mother, father, space, rng).genome
    return child


def naive_breed(
    mother: Chromosome, father: Chromosome, space: SearchSpace, rng: np.random.Generator
) -> Chromosome:
    """Return an offspring as `deap.algorithms.varAnd` makes it."""
    child = mother
    if rng.random() < NAIVE_CROSSOVER:
        crossover = DEFAULT.crossovers[int(rng.integers(len(DEFAULT.crossovers)))].operator
        child = crossover(mother, father, space, rng)[0]
    if rng.random() < NAIVE_MUTATION:
        mutation = DEFAULT.mutations[int(rng.integers(len(DEFAULT.mutations)))].operator
        child = mutation(child, space, rng)
    return space.repair(child).genome


DEFAULT = Variation(default_crossovers(SEGMENTS), default_mutations(SEGMENTS))
FORMS: dict[str, Breed] = {"default": default_breed, "naive": naive_breed}


def landscape(chromosome: Chromosome, space: SearchSpace) -> Evaluation:
    """Return the figures of a chromosome, computed and not trained."""
    parameters = chromosome.counts(space.input_shape, space.n_classes).parameters
    side = max(chromosome.features(space.input_shape)[1:])
    words = [getattr(gene, "activation", "silu") for gene in chromosome.layers]
    accuracy = (
        0.99
        - 0.35 * exp(-0.9 * (log10(parameters) - 2))
        - 0.03 * log10(chromosome.recipe.learning_rate / 0.02) ** 2
        - 0.01 * abs(side - 5)
        - 0.02 * words.count("relu") / max(1, len(words))
    )
    metrics = {"validation_accuracy": max(0.0, accuracy), "parameters": float(parameters)}
    return Evaluation(Status.OK, metrics)


def search(breed: Breed, space: SearchSpace, seed: int) -> tuple[float, float]:
    """Return the share of offspring seen before and the final hypervolume of a generational NSGA-II."""
    rng = np.random.default_rng(seed)

    def individual(ticket: int, genome: Chromosome) -> Individual:
        return Individual(ticket, genome, OBJECTIVES.fitness(landscape(genome, space)))

    population = [individual(n, space.sample(rng)) for n in range(POPULATION)]
    seen = {one.genome.key for one in population}
    n_repeated = 0
    for generation in range(1, GENERATIONS + 1):
        assign_ranks(population)
        known = {one.genome.key: one for one in population}
        for n in range(POPULATION):
            mother, father = tournament(population, rng).genome, tournament(population, rng).genome
            child = breed(mother, father, space, rng)
            n_repeated += child.key in seen
            seen.add(child.key)
            known.setdefault(child.key, individual(generation * POPULATION + n, child))
        population = select_nsga2(list(known.values()), POPULATION)
    values = np.array([one.fitness.wvalues for one in population])
    front = hypervolume(-values, OBJECTIVES.reference_losses)
    return n_repeated / (GENERATIONS * POPULATION), front


def preset_space(name: str) -> SearchSpace:
    """Return a preset's space for 28x28 grey images."""
    tables = {"name": "breeding", "data": {"source": "digits"}, "space": {"preset": name}}
    return space_of(Experiment.from_dict(tables), (1, 28, 28), 10)


def milliseconds_of_asking(space: SearchSpace, rates: str, seed: int) -> float:
    """Return the median milliseconds of breeding one offspring from parents of 12 layer genes."""
    variation = replace(DEFAULT, rates=RATES[rates]())
    rng = np.random.default_rng(seed)
    deep = replace(space, limits=replace(space.limits, depth=GENES), founder_depth=(GENES, GENES))
    parents = []
    while len(parents) < N_PARENTS:
        parent = deep.sample(rng)
        if len(parent.layers) == GENES:
            parents.append(parent)
    _ = [parent.key for parent in parents]  # which a search knows, since it has asked them
    times = []
    for _ in range(ASKS):
        mother, father = (parents[int(n)] for n in rng.integers(len(parents), size=2))
        start = perf_counter()
        _ = variation.breed(mother, father, deep, rng).genome.key
        times.append(1000 * (perf_counter() - start))
    return median(times)


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure, write the tables, and return the figures."""
    n_rounds, n_seeds = (1, QUICK_SEEDS) if asked.is_quick else (ROUNDS, SEEDS)
    space = space_of(load_experiment(EXPERIMENT), (1, 28, 28), 10)
    spaces = {"fashion-mnist": space, **{name: preset_space(name) for name in preset_names()}}
    times: dict[tuple[str, str], list[float]] = {(name, rates): [] for name in spaces for rates in RATES}
    for seed in range(n_rounds):
        for (name, rates), own in times.items():
            own.append(milliseconds_of_asking(spaces[name], rates, seed))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in FORMS}
    for seed in range(n_seeds):
        for name, breed in FORMS.items():
            found[name].append(search(breed, space, derive_seed("breeding", seed)))
    asked.write("results.md", report(times, found).splitlines())
    slowest = max(map(median, times.values()))
    figures = {"slowest_ask": Figure(slowest, slowest, "ms")}  # twice as long on a busy machine
    for name, pairs in found.items():
        shares, fronts = zip(*pairs, strict=True)
        figures[f"{name}.seen_before"] = Figure(mean(shares), 0.03, is_exact=True)
        figures[f"{name}.hypervolume"] = Figure(mean(fronts), 0.05, is_exact=True)
    return figures


def report(times: dict[tuple[str, str], list[float]], figures: dict[str, list[tuple[float, float]]]) -> str:
    """Return the results as Markdown."""
    where, n_rounds = environment(), len(next(iter(times.values())))
    medians = {key: median(values) for key, values in times.items()}
    worst = max(medians.values())
    names = dict.fromkeys(name for name, _ in times)
    asks = [f"| {n} | {' | '.join(f'{medians[n, rates]:.2f}' for rates in RATES)} |" for n in names]
    rows = []
    for name, pairs in figures.items():
        shares, fronts = zip(*pairs, strict=True)
        rows.append(
            f"| {name} | {mean(shares):.3f} ± {stdev(shares):.3f} "
            f"| {mean(fronts):.4f} ± {stdev(fronts):.4f} |"
        )
    default, naive = ([front for _, front in figures[name]] for name in FORMS)
    n_better = sum(a > b for a, b in zip(default, naive, strict=True))
    p = wilcoxon(default, naive, alternative="greater").pvalue
    share = mean(pair[0] for pair in figures["default"])
    return f"""# Breeding

Space of experiments/fashion-mnist, unless it says otherwise.

## Time of one ask

Breed, repair, canonical form and key, in milliseconds, parents of {GENES} layer genes: the median of
{n_rounds} interleaved rounds' medians of {ASKS} asks each.

| space | {" | ".join(RATES)} |
|---|{"---|" * len(RATES)}
{chr(10).join(asks)}

Bar: below 1 ms. {"Met" if worst < 1 else "Missed"}: the largest median is {worst:.2f} ms.

## Networks seen before, and the front

{GENERATIONS} generations of {POPULATION} offspring, n = {len(default)} seeds, mean ± standard deviation.

| variation | share of offspring seen before | hypervolume |
|---|---|---|
{chr(10).join(rows)}

Bars: at most 0.20 seen before ({"met" if share <= 0.2 else "missed"}); hypervolume no worse than with naive
rates: higher in {n_better} of {len(default)} seeds, Wilcoxon's signed-rank test for higher: p = {p:.2g}
({"met" if mean(default) >= mean(naive) else "missed"}). Reference point: {OBJECTIVES.reference_point}.

Command: `evocnn reproduce benchmarks/breeding`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {os.getloadavg()[0]:.1f};
Python {where["python"]}, numpy {where["numpy"]}, moocore {where["moocore"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
