"""Claim: two Ray workers train at least 0.9 times the candidates an hour of two bare processes.

    evocnn reproduce benchmarks/ray_workers [--quick]

Both sides evaluate the same candidates, samples of the preset `tiny`, with the same evaluator on random
images of Fashion-MNIST's shape: two bare processes that take one after the other from a pool, and two
workers of `RayExecutor`. What starting takes is measured apart: until each process has imported torch,
has the data and has trained one candidate. Both find the same figures, or the benchmark stops.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter

import numpy as np

from evocnn.cli.study import Asked, perform
from evocnn.config import Experiment
from evocnn.config.parts import space_of
from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, evaluate_safely
from evocnn.genotype import Fidelity
from evocnn.report.figures import Figure
from evocnn.store import environment
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.protocol import Protocol
from evocnn.workers import Executor
from evocnn.workers.ray_executor import RayExecutor

N_IMAGES, N_VALIDATION = 1000, 500
N_CANDIDATES = 24
N_WORKERS = 2
ROUNDS = 5
BAR = 0.9
SHAPE = (1, 28, 28)


def requests() -> list[EvaluationRequest]:
    """Return what is evaluated in each round."""
    tables = {"preset": "tiny"}
    experiment = Experiment.from_dict({"name": "workers", "data": {"source": "digits"}, "space": tables})
    space = space_of(experiment, SHAPE, 10)
    rng = np.random.default_rng(0)
    return [EvaluationRequest(space.sample(rng), Fidelity(1, N_IMAGES)) for _ in range(N_CANDIDATES)]


def make_evaluator() -> TrainingEvaluator:
    """Return an evaluator with random images."""
    rng = np.random.default_rng(0)
    sets = []
    for name, n in (("train", N_IMAGES), ("validation", N_VALIDATION)):
        pixels, labels = rng.integers(0, 256, (n, *SHAPE), dtype=np.uint8), rng.integers(0, 10, n)
        sets.append(ImageSet(pixels, labels, tuple("0123456789"), name))
    return TrainingEvaluator(*sets, Protocol(seed=0))


def hold(evaluator: Evaluator) -> None:
    """Keep the evaluator of a bare process."""
    global held  # noqa: PLW0603 - how a pool's processes keep something
    held = evaluator


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Return what a bare process's evaluator finds."""
    return evaluate_safely(held, request)


def on_ray(executor: Executor, asked: Sequence[EvaluationRequest]) -> list[Evaluation]:
    """Return what Ray workers find, each given the next request as soon as it is idle."""
    waiting = list(enumerate(asked))[::-1]
    found: dict[int, Evaluation] = {}
    while len(found) < len(asked):
        while waiting and executor.n_idle:
            executor.submit(*waiting.pop())
        found.update(executor.wait(1.0))
    return [found[ticket] for ticket in range(len(asked))]


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure both sides in each round, write the table, and return the figures."""
    evaluator, wanted = make_evaluator(), requests()
    start = perf_counter()
    pool = ProcessPoolExecutor(N_WORKERS, get_context("spawn"), hold, (evaluator,))
    list(pool.map(evaluate, wanted[:N_WORKERS]))
    starts = {"bare processes": perf_counter() - start}
    start = perf_counter()
    executor = RayExecutor(evaluator, N_WORKERS)
    while executor.n_idle < N_WORKERS:
        executor.wait(1.0)
    on_ray(executor, wanted[:N_WORKERS])
    starts["Ray workers"] = perf_counter() - start
    sides: dict[str, Callable[[], list[Evaluation]]] = {
        "bare processes": lambda: list(pool.map(evaluate, wanted)),
        "Ray workers": lambda: on_ray(executor, wanted),
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(1 if asked.is_quick else ROUNDS):
        found = {}
        for side, work in sides.items():
            start = perf_counter()
            found[side] = [dict(evaluation.metrics) for evaluation in work()]
            seconds[side].append(perf_counter() - start)
        assert found["bare processes"] == found["Ray workers"], "both must find the same figures"
        assert all(found["Ray workers"]), "every candidate must train"
    pool.shutdown()
    executor.close()
    asked.write("results.md", report(seconds, starts).splitlines())
    ratio = median(bare / ray for bare, ray in zip(*seconds.values(), strict=True))
    return {"ratio": Figure(ratio, 0.2)} | {
        f"{side.replace(' ', '_')}.start": Figure(start, None, "s") for side, start in starts.items()
    }


def report(seconds: dict[str, list[float]], starts: dict[str, float]) -> str:
    """Return the results as Markdown.

    Args:
        seconds: What each side took for all candidates, round by round.
        starts: What starting took.
    """
    where, load = environment(), os.getloadavg()[0]
    rows = []
    for side, taken in seconds.items():
        hourly = [3600 * N_CANDIDATES / one for one in taken]
        spread = f"{min(hourly):,.0f} to {max(hourly):,.0f}"
        rows.append(f"| {side} | {median(hourly):,.0f} | {spread} | {starts[side]:.1f} |")
    ratios = [bare / ray for bare, ray in zip(*seconds.values(), strict=True)]
    verdict = "Met" if median(ratios) >= BAR else "Missed"
    table = "\n".join(rows)
    return f"""# Ray workers against bare processes

{N_CANDIDATES} samples of the preset `tiny`, one epoch on {N_IMAGES:,} random images of 28x28,
{N_VALIDATION:,} more for validation; {N_WORKERS} workers of one thread each; n = {len(ratios)} interleaved
rounds.
Starting is apart: until every process has trained one candidate.

| workers | candidates an hour, median | range | start, s |
|---|---|---|---|
{table}

Bar: Ray workers train at least {BAR} times as many. {verdict}: the median of the rounds' ratios is
{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}).

Bar: the same seed gives the same figures, bit for bit, wherever it trains. Met: both sides found the same for
each candidate in every round; otherwise this script stops.

Command: `evocnn reproduce benchmarks/ray_workers`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {load:.1f};
Python {where["python"]}, torch {where["torch"]}, ray {where["ray"]}, commit {where["commit"]}.
"""


if __name__ == "__main__":
    perform(study, __doc__)
