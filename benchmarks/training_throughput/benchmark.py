"""Claim: images are trained 3 times faster than by the tutorial loop, 1.5 times faster than by a tuned one.

    evocnn reproduce benchmarks/training_throughput [--quick]

Images trained per second, without evaluation, on random images of Fashion-MNIST's shape, both cores
in use, over 12 chromosomes. The peers are in tutorial.py: the tutorial's loop (per-image transforms,
DataLoader, NCHW, default threads, one process), and the same loop tuned by hand (a process a core, one
thread each, normalized tensors in memory). evocnn trains with its own evaluator, a process a core. All
train the same functions with the same recipe, SGD with Nesterov momentum in batches of 64; evocnn's
default order of pools, another function, is a column of its own.

The second table holds the same figures against the machine: the rate of a matrix product, the
bandwidth of a copy and the time of an operation on almost nothing, measured in the same run.
"""

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from statistics import geometric_mean, median
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
import torch
import tutorial
from torch import nn

from evocnn.cli.study import Asked, perform
from evocnn.evaluation import EvaluationRequest
from evocnn.genotype import LAYERS, Chromosome, Counts, Fidelity, Shape
from evocnn.phenotype import build
from evocnn.report.figures import Figure
from evocnn.store import environment
from evocnn.training.data import ImageSet
from evocnn.training.evaluator import TrainingEvaluator, undisturbed
from evocnn.training.protocol import Protocol

SHAPE, N_CLASSES, N_IMAGES = Shape(1, 28, 28), 10, 60_000
NETWORKS = {
    "plain 1": "conv8k3 · pool · conv24k3 · pool | gap",
    "plain 2": "conv16k3 · conv16k3 · pool · conv32k3 · pool | gap",
    "plain 3": "conv16k5 · pool3 | flatten",
    "plain 4": "conv16k3 · pool · conv32k3 · pool · conv64k3 | gap",
    "plain 5": "conv32k3 · pool · conv64k3 · pool · conv64k3 · pool | gap dense64",
    "plain 6": "conv32k3 · conv32k3 · pool · conv64k3 · conv64k3 · pool · conv128k3 · conv128k3 | gap",
    "residual 1": "conv16k3 · pool · res16k3 · pool · res32k3 | gap",
    "residual 2": "conv32k3 · pool · res64k3 · pool · res64k3 | gap",
    "residual 3": "conv32k3 · pool · res64k3s2 · res64k3 · res96k3s2 | gap",
    "depthwise 1": "conv8k3 · pool · dws16k3 · dws32k3s2 · dws32k3 | gap",
    "depthwise 2": "conv16k3 · pool · inv24k3e3 · pool · inv32k3e3 · dws64k3 | gap",
    "depthwise 3": "conv32k3s2 · dws64k3 · dws128k3s2 · dws128k3 · dws256k3s2 · dws256k3 | gap",
}
RECIPE = f"sgd lr={tutorial.LEARNING_RATE}"
ROUNDS = 5
SECONDS = 1.5  # of each measurement
N_WARMUP = 3  # steps ahead of it
LARGE = 50_000  # parameters; above, the share of the matrix product has a bar
N_CORES = 2
COLUMNS = (
    *("network", "parameters", "tutorial", "tuned", "textbook order", "default order"),
    *("textbook / tutorial", "textbook / tuned", "default / tutorial", "default / tuned"),
)
PASSES = 5  # over each value: forward written and read; backward read, its gradient written and read


Result = TypeVar("Result")
Rates = dict[str, dict[str, list[float]]]  # images a second by network and side, one for each round


class Machine(NamedTuple):
    """What each of two processes of one thread reaches while the other does the same.

    Attributes:
        matrix_rate: Floating-point operations a second in the product of two 1024x1024 matrices.
        copy_rate: Bytes read and written a second in copies of 4 MB, as large as a batch's features.
        operation: Seconds of an operation on almost nothing, forward and backward.
    """

    matrix_rate: float
    copy_rate: float
    operation: float


def chromosome(name: str) -> Chromosome:
    """Return one of the 12 chromosomes."""
    return Chromosome.parse(f"{NETWORKS[name]} | {RECIPE}", LAYERS)


@cache
def random_images() -> tuple[np.ndarray, np.ndarray]:
    """Return random pixels, `(n, 1, 28, 28)`, and classes, `(n,)`, made once a process."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (N_IMAGES, *SHAPE), dtype=np.uint8)
    return pixels, rng.integers(0, N_CLASSES, N_IMAGES)


def tutorial_rate(name: str) -> float:
    """Return images a second of the tutorial's loop, with torch's default threads."""
    network = tutorial.plain_network(chromosome(name), N_CLASSES)
    batches = tutorial.batches_of_loader(*random_images())
    return tutorial.training_rate(network, batches, SECONDS, N_WARMUP)


def tuned_rate(name: str) -> float:
    """Return images a second of one process of the loop tuned by hand."""
    torch.set_num_threads(1)
    network = tutorial.plain_network(chromosome(name), N_CLASSES)
    batches = tutorial.batches_in_memory(*random_images())
    return tutorial.training_rate(network, batches, SECONDS, N_WARMUP)


@cache
def evaluator(pool_order: str) -> TrainingEvaluator:
    """Return the evaluator of a pool order, made once a process."""
    pixels, labels = random_images()
    names = tuple(map(str, range(N_CLASSES)))
    training = ImageSet(pixels, labels, names, "train")
    validation = ImageSet(pixels[:100], labels[:100], names, "validation")
    return TrainingEvaluator(training, validation, Protocol(seed=0, pool_order=pool_order))


def own_rate(name: str, pool_order: str) -> float:
    """Return images a second of one process of evocnn: its evaluator's own steps, one after the other."""
    candidate = chromosome(name)
    with undisturbed():
        steps = evaluator(pool_order).steps(EvaluationRequest(candidate, Fidelity(1, N_IMAGES)))
        for _ in range(N_WARMUP):
            next(steps)
        n_steps, start = 0, perf_counter()
        while (taken := perf_counter() - start) < SECONDS:
            next(steps)
            n_steps += 1
        steps.close()
    batch_size = candidate.recipe.batch_size
    if (N_WARMUP + n_steps) * batch_size > N_IMAGES:
        message = f"an epoch must take more than {SECONDS} s, but '{name}' took less; raise N_IMAGES"
        raise ValueError(message)
    return n_steps * batch_size / taken


def machine() -> Machine:
    """Return what this process reaches with one thread, while another measures the same."""
    torch.set_num_threads(1)
    one, other = torch.randn(2, 1024, 1024)
    source = torch.randn(2**20)
    target = torch.empty_like(source)
    operations = [nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU()] * 10
    chain, pixel = nn.Sequential(*operations), torch.randn(2, 4, 1, 1)
    return Machine(
        2 * 1024**3 / _seconds(lambda: torch.mm(one, other)),
        2 * source.nbytes / _seconds(lambda: target.copy_(source)),
        _seconds(lambda: chain(pixel).sum().backward()) / len(operations),
    )


def _seconds(work: Callable[[], object]) -> float:
    """Return the median seconds of a piece of work over a second."""
    work()
    times, start = [], perf_counter()
    while perf_counter() - start < 1:
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return median(times)


def check_functions() -> None:
    """Stop unless the peer's networks are evocnn's in textbook order: the same weights, the same scores."""
    images = torch.randn(8, *SHAPE, generator=torch.Generator().manual_seed(0))
    for name in NETWORKS:
        network = build(chromosome(name), SHAPE, N_CLASSES, pool_order="textbook")
        peer = tutorial.plain_network(chromosome(name), N_CLASSES)
        for one, other in zip(peer.parameters(), network.parameters(), strict=True):
            one.data = other.data
        torch.testing.assert_close(peer(images), network(images), rtol=1e-3, atol=1e-4)


class Side:
    """One of those compared: a loop, and the processes that run it at the same time.

    Args:
        rate: Images a second of one process.
        n_processes: How many there are.
    """

    def __init__(self, rate: Callable[[str], float], n_processes: int) -> None:
        self.rate = rate
        context = get_context("spawn")
        self.processes = [ProcessPoolExecutor(1, mp_context=context) for _ in range(n_processes)]

    def together(self, work: Callable[..., Result], *arguments: str) -> list[Result]:
        """Return what each process returns, all of them at work at the same time."""
        started = [process.submit(work, *arguments) for process in self.processes]
        return [future.result() for future in started]

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.shutdown()


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure all sides in each round, write the tables, and return the figures."""
    n_rounds = 1 if asked.is_quick else ROUNDS
    check_functions()
    sides = {
        "tutorial": Side(tutorial_rate, 1),
        "tuned": Side(tuned_rate, 2),
        "textbook": Side(partial(own_rate, pool_order="textbook"), 2),
        "early": Side(partial(own_rate, pool_order="early"), 2),
    }
    rates: Rates = {name: {side: [] for side in sides} for name in NETWORKS}
    machines: list[Machine] = []
    for number in range(n_rounds):
        print(f"round {number + 1} of {n_rounds}", file=sys.stderr)
        machines += sides["early"].together(machine)
        for name, found in rates.items():
            for side_name, side in sides.items():
                found[side_name].append(sum(side.together(side.rate, name)))
    for side in sides.values():
        side.close()
    reached = Machine(*map(median, zip(*machines, strict=True)))
    asked.write("results.md", report(rates, reached).splitlines())
    figures = {}
    for own in ("textbook", "early"):
        for peer in ("tutorial", "tuned"):
            mean = geometric_mean(median(ratios(found, own, peer)) for found in rates.values())
            figures[f"{own}.over_{peer}"] = Figure(mean, mean / 2)
    return figures


def report(rates: Rates, reached: Machine) -> str:
    """Return the results as Markdown.

    Args:
        rates: Images a second.
        reached: The medians of what each process reached.
    """
    where, load = environment(), os.getloadavg()[0]
    return f"""# Images trained per second

{throughput(rates)}

# Against the machine

{roofline(rates, reached)}

Command: `evocnn reproduce benchmarks/training_throughput`
Machine: {where["processor"]}, {where["cores"]} cores, load average at the end {load:.1f};
Python {where["python"]}, torch {where["torch"]}, commit {where["commit"]}.
"""


def throughput(rates: Rates) -> str:
    """Return the table of images a second, and what became of the bars."""
    pairs = [(own, peer) for own in ("textbook", "early") for peer in ("tutorial", "tuned")]
    over = {pair: [ratios(by_side, *pair) for by_side in rates.values()] for pair in pairs}
    rows = []
    for number, (name, by_side) in enumerate(rates.items()):
        speeds = " | ".join(f"{median(found):,.0f}" for found in by_side.values())
        cells = " | ".join(
            f"{median(found[number]):.2f} ({min(found[number]):.2f} to {max(found[number]):.2f})"
            for found in over.values()
        )
        rows.append(f"| {name} | {counts(name).parameters:,} | {speeds} | {cells} |")
    table = "\n".join(rows)
    texts = "\n".join(f"- {name}: `{text}`" for name, text in NETWORKS.items())
    means = {pair: geometric_mean(map(median, found)) for pair, found in over.items()}
    least = min(map(median, over["textbook", "tutorial"]))
    n_rounds = len(next(iter(over["textbook", "tutorial"])))
    return f"""Random images of 28x28, training only, both cores in use; medians of n = {n_rounds} interleaved
rounds, in each of which every side trains every network for {SECONDS} s. A ratio is the median of the
rounds' own, with their range. Recipe `{RECIPE}`, batches of {tutorial.BATCH_SIZE}.

| {" | ".join(COLUMNS)} |
|{"---|" * len(COLUMNS)}
{table}

Textbook order, the same functions as the peers':

- over the tutorial's loop, geometric mean: {against_bar(means["textbook", "tutorial"], 3)};
- over the tutorial's loop, the least: {against_bar(least, 1.5)};
- over the loop tuned by hand, geometric mean: {against_bar(means["textbook", "tuned"], 1.5)}.

Default order, geometric means: {means["early", "tutorial"]:.2f} and {means["early", "tuned"]:.2f}.

{texts}"""


def roofline(rates: Rates, reached: Machine) -> str:
    """Return the table of shares of what the machine can do, and what became of the bar."""
    rows, large = [], []
    for name, by_side in rates.items():
        one = counts(name)
        seconds = {  # of an image, if nothing else took time
            "matrix product": 3 * one.flops / reached.matrix_rate,
            "memory": PASSES * 4 * one.activations / reached.copy_rate,
            "operations": one.operations * reached.operation / tutorial.BATCH_SIZE,
        }
        taken = {side: N_CORES / median(by_side[side]) for side in ("textbook", "early")}
        binding = max(seconds, key=lambda term: seconds[term])
        shares = {side: seconds["matrix product"] / taken[side] for side in taken}
        if one.parameters > LARGE:
            large.append(shares["textbook"])
        rows.append(
            f"| {name} | {one.parameters:,} | {one.flops / 1e6:.2f} | {shares['textbook']:.2f} "
            f"| {shares['early']:.2f} | {binding} | {seconds[binding] / taken['textbook']:.2f} |"
        )
    table = "\n".join(rows)
    return f"""Each of two processes, one thread each and at work at the same time, reaches
{reached.matrix_rate / 1e9:.0f} GFLOP/s in products of 1024x1024 matrices, reads and writes
{reached.copy_rate / 1e9:.0f} GB/s in copies of 4 MB, and takes
{1e6 * reached.operation:.0f} µs for an operation on almost nothing, forward and backward. Training takes
3 times the FLOPs of the forward pass, and passes {PASSES} times over each value that is written. What binds
is the term that would take the longest by itself; its share is of the time taken.

| network | parameters | MFLOPs | of matrix product, textbook | default | binds | its share, textbook |
|---|---|---|---|---|---|---|
{table}

Share of the matrix product, median over networks of more than {LARGE:,} parameters, textbook order:
{against_bar(median(large), 0.35)}."""


def counts(name: str) -> Counts:
    """Return a network's counts for one image."""
    return chromosome(name).counts(SHAPE, N_CLASSES)


def ratios(by_side: dict[str, list[float]], own: str, peer: str) -> list[float]:
    """Return how many times faster one side was than another, round by round."""
    return [one / other for one, other in zip(by_side[own], by_side[peer], strict=True)]


def against_bar(value: float, bar: float) -> str:
    """Return a figure, its bar, and whether that is met."""
    return f"{value:.2f}, bar {bar:g}: {'met' if value >= bar else 'missed'}"


if __name__ == "__main__":
    perform(study, __doc__)
