"""Claim: in lanes, a GPU trains 20 times the candidates an hour of one eager process with a DataLoader.

    evocnn reproduce benchmarks/gpu_lanes [--quick] [--data FOLDER]

And 4 times those of one eager lane whose images lie on the device; accuracies within 0.5 points.
It needs a GPU and ends at once where there is none. Every way trains the same 16 networks, drawn
from experiments/fashion-mnist's space, for the same epochs on the same images, in processes of its
own; ways are interleaved, and what is reported is the median of the rounds:

- DataLoader: what a tutorial does: a transform for each image, float32, NCHW, one network at a time.
- eager: one network at a time, images on the device, bf16, channels-last, fused optimizers.
- lanes K: K lanes of one process, a captured graph each. One lane is the graph's own gain.
- processes K: K processes with one lane each; where NVIDIA's Multi-Process Service is installed, in the
  full form again under it; its daemon is started for that and ended.

Times begin once the first network has been trained to warm up; putting the images on the device
is part of them.
"""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from evocnn import load_experiment
from evocnn.cli.study import Asked, perform
from evocnn.config.parts import space_of
from evocnn.errors import ExperimentError
from evocnn.evaluation import EvaluationRequest, Status
from evocnn.genotype import Chromosome, Fidelity, Shape
from evocnn.phenotype import build
from evocnn.report.figures import Figure
from evocnn.store import environment
from evocnn.training.data import ImageSet, load, split
from evocnn.training.evaluator import TrainingEvaluator
from evocnn.training.images import resident
from evocnn.training.lanes import Lanes
from evocnn.training.loop import measure
from evocnn.training.memory import training_bytes
from evocnn.training.optimizer import optimizers_of
from evocnn.training.protocol import Protocol
from evocnn.training.schedule import learning_rate_share

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "fashion-mnist" / "experiment.toml"
MPS = "nvidia-cuda-mps-control"
N_NETWORKS, EPOCHS, ROUNDS = 16, 5, 5
N_IMAGES, VALIDATION = 30_000, 1 / 3
LANES = (1, 2, 4, 8, 16)
PROCESSES = (4, 8)
BAR_LOADER, BAR_EAGER, BAR_ACCURACY = 20.0, 4.0, 0.005


@dataclass(frozen=True)
class Task:
    """What every way does.

    Attributes:
        training: Training images.
        validation: Validation images.
        networks: Networks to train.
    """

    training: ImageSet
    validation: ImageSet
    networks: tuple[Chromosome, ...]

    @property
    def evaluator(self) -> TrainingEvaluator:
        """The evaluator of these images."""
        return TrainingEvaluator(self.training, self.validation, Protocol(seed=1, timeout=None))

    def request(self, network: Chromosome) -> EvaluationRequest:
        """Return the request for a network."""
        return EvaluationRequest(network, Fidelity(EPOCHS, len(self.training)))


Train = Callable[[Task], list[float]]  # returns accuracies; what it has done before is kept


class Transformed(Dataset[Any]):
    """Images that are normalized one by one, as tutorials do."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        self.mean, self.deviation = float(images.images.mean()), float(images.images.std())

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image and its label."""
        pixels = torch.from_numpy(self.images.images[index].copy()).float()
        return (pixels - self.mean) / self.deviation, int(self.images.labels[index])


def loader(task: Task) -> list[float]:
    """Train with a DataLoader, in float32."""
    device = torch.device("cuda")
    training = resident(task.training, device)
    validation = resident(task.validation, device, training)
    accuracies = []
    for number, network in enumerate(task.networks):
        torch.manual_seed(number)
        recipe = network.recipe
        model = build(network, Shape(*task.training.shape), task.training.n_classes).to(device)
        optimizers = optimizers_of(model, recipe)
        batches = DataLoader(
            Transformed(task.training), recipe.batch_size, shuffle=True, num_workers=2, drop_last=True
        )
        n_steps = EPOCHS * len(batches)
        model.train()
        for step, (images, labels) in enumerate(item for _ in range(EPOCHS) for item in batches):
            share = learning_rate_share(recipe.schedule, step, n_steps, 0.1)
            for optimizer in optimizers:
                optimizer.zero_grad()
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * share
            scores = model(images.to(device))
            functional.cross_entropy(scores, labels.to(device), label_smoothing=recipe.smoothing).backward()
            for optimizer in optimizers:
                optimizer.step()
        accuracies.append(float(measure(model.to(memory_format=torch.channels_last), validation)[1]))
    return accuracies


def eager(task: Task) -> list[float]:
    """Train one network after the other, step by step, on resident images."""
    evaluator = task.evaluator
    with torch.autocast("cuda", torch.bfloat16):
        return [_accuracy(evaluator(task.request(network))) for network in task.networks]


def lanes(task: Task, n_lanes: int) -> list[float]:
    """Train in lanes."""
    shape, n_classes = Shape(*task.training.shape), task.training.n_classes
    device = torch.device("cuda", 0)

    def memory_of(request: EvaluationRequest) -> int:
        genome: Any = request.genome
        return training_bytes(genome, shape, n_classes)

    memory = 0.9 * torch.cuda.get_device_properties(device).total_memory
    executor = Lanes(task.evaluator, n_lanes, device, memory=memory, memory_of=memory_of)
    for ticket, network in enumerate(task.networks):
        executor.submit(ticket, task.request(network))
    found: dict[int, float] = {}
    while executor.n_running:
        for ticket, evaluation in executor.wait(60):
            if evaluation.reason:
                print(f"network {ticket}: {evaluation.reason}", file=sys.stderr)
            found[ticket] = _accuracy(evaluation)
    return [found[ticket] for ticket in sorted(found)]


def _accuracy(evaluation: Any) -> float:
    assert evaluation.status is Status.OK, evaluation.reason
    return float(evaluation.metrics["validation_accuracy"])


def _work(way: str, count: int, task: Task, barrier: Any, results: Any) -> None:
    """Warm up, wait for the others, train, and put start, end and accuracies into a queue."""
    train: Train = {"DataLoader": loader, "eager": eager}.get(way, lambda task: lanes(task, count))
    train(replace(task, networks=task.networks[:1]))
    torch.cuda.synchronize()
    barrier.wait()
    start = perf_counter()  # one clock for all processes of a machine
    accuracies = train(task)
    torch.cuda.synchronize()
    results.put((start, perf_counter(), accuracies))


def measure_way(way: str, n: int, task: Task) -> tuple[float, list[float]]:
    """Return the seconds that a way takes for all networks, and their accuracies in any order."""
    n_processes = n if way == "processes" else 1
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(n_processes), context.Queue()
    tasks = [replace(task, networks=task.networks[part::n_processes]) for part in range(n_processes)]
    count = 1 if way == "processes" else n
    processes = [context.Process(target=_work, args=(way, count, part, barrier, results)) for part in tasks]
    for process in processes:
        process.start()
    found = [results.get(timeout=3600) for _ in processes]
    for process in processes:
        process.join()
    seconds = max(end for _, end, _ in found) - min(start for start, _, _ in found)
    return seconds, [accuracy for _, _, accuracies in found for accuracy in accuracies]


@contextmanager
def multi_process_service() -> Iterator[None]:
    """Run NVIDIA's Multi-Process Service, of our own, for what is started meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        os.environ.update(own)
        subprocess.run([MPS, "-d"], check=True)
        try:
            yield
        finally:
            subprocess.run([MPS], input=b"quit\n", check=True)
            for name in own:
                del os.environ[name]


def task_of(data: Path | None) -> Task:
    """Return images of Fashion-MNIST and networks of the experiment's space."""
    experiment = load_experiment(EXPERIMENT)
    images = load("fashion-mnist", "train", data)
    training, validation = split(images, validation=VALIDATION, seed=1, n_images=N_IMAGES)
    space, rng = space_of(experiment, images.shape, images.n_classes), np.random.default_rng(1)
    plain = {"flip": 0.0, "shift": 0.0, "rotate": 0.0, "elastic": 0.0, "noise": 0.0, "cutout": 0.0}
    plain |= {"mixup": 0.0, "brightness": 0.0, "epochs": 0}  # what the tutorial's loop has not
    networks = [space.sample(rng) for _ in range(N_NETWORKS)]
    return Task(training, validation, tuple(replace(n, recipe=replace(n.recipe, **plain)) for n in networks))


def study(asked: Asked) -> Mapping[str, Figure]:
    """Measure all ways in turn, write the table, and return the figures.

    Raises:
        ExperimentError: There is no GPU.
    """
    if not torch.cuda.is_available():
        message = "this benchmark must have a GPU, but PyTorch finds none; run it where there is one"
        raise ExperimentError(message)
    has_mps = shutil.which(MPS) is not None and not asked.is_quick
    task = task_of(asked.data_of("fashion-mnist"))
    ways = [("DataLoader", 1), ("eager", 1)]
    ways += [("lanes", n) for n in LANES] + [("processes", n) for n in PROCESSES]
    seconds: dict[str, list[float]] = {}
    accuracies: dict[str, list[float]] = {}
    for _ in range(1 if asked.is_quick else ROUNDS):
        for way, n in ways:
            took, found = measure_way(way, n, task)
            name = f"{way} {n}" if way in ("lanes", "processes") else way
            seconds.setdefault(name, []).append(took)
            accuracies.setdefault(name, []).append(mean(found))
        if has_mps:
            with multi_process_service():
                for n in PROCESSES:
                    took, found = measure_way("processes", n, task)
                    seconds.setdefault(f"processes {n}, MPS", []).append(took)
                    accuracies.setdefault(f"processes {n}, MPS", []).append(mean(found))
    asked.write("results.md", report(seconds, accuracies).splitlines())
    figures = {}
    for way, found in seconds.items():
        name = way.replace(", ", "_").replace(" ", "_")
        ratio = median(seconds["DataLoader"]) / median(found)
        figures[f"{name}.times_faster"] = Figure(ratio, ratio / 2)
        figures[f"{name}.accuracy"] = Figure(median(accuracies[way]), 0.01)
    return figures


def report(seconds: dict[str, list[float]], accuracies: dict[str, list[float]]) -> str:
    """Return the results as Markdown.

    Args:
        seconds: Of each way, the time for all networks in each round.
        accuracies: Likewise the mean validation accuracy.
    """
    where = environment()
    base, resident_base = median(seconds["DataLoader"]), median(seconds["eager"])
    rows = "\n".join(
        f"| {way} | {median(s):.1f} ({min(s):.1f} to {max(s):.1f}) | {3600 * N_NETWORKS / median(s):,.0f} "
        f"| {base / median(s):.1f} | {resident_base / median(s):.1f} | {median(accuracies[way]):.4f} |"
        for way, s in seconds.items()
    )
    best = min((way for way in seconds if way.startswith("lanes")), key=lambda way: median(seconds[way]))
    took, accuracy = median(seconds[best]), median(accuracies[best])
    lost = max(median(accuracies[way]) for way in ("DataLoader", "eager")) - accuracy
    verdicts = [
        _verdict(base / took >= BAR_LOADER, f"{base / took:.1f} times DataLoader", f"{BAR_LOADER:g}"),
        _verdict(
            resident_base / took >= BAR_EAGER, f"{resident_base / took:.1f} times eager", f"{BAR_EAGER:g}"
        ),
        _verdict(
            lost <= BAR_ACCURACY, f"{100 * lost:.2f} points of accuracy lost", f"{100 * BAR_ACCURACY:g}"
        ),
    ]
    return f"""# Candidates an hour on one GPU

{N_NETWORKS} networks of experiments/fashion-mnist's space, {EPOCHS} epochs each on
{round(N_IMAGES * (1 - VALIDATION)):,} images of Fashion-MNIST; n = {len(seconds["eager"])}
interleaved rounds, medians, ranges in brackets.

| way | seconds for all | candidates an hour | times DataLoader | times eager | mean accuracy |
|---|---|---|---|---|---|
{rows}

The best is {best}: {"; ".join(verdicts)}.

Command: `evocnn reproduce benchmarks/gpu_lanes`
Machine: {torch.cuda.get_device_name()}, {where["processor"]}, {where["cores"]} cores;
PyTorch {where["torch"]}, CUDA {torch.version.cuda}, commit {where["commit"]}.
"""


def _verdict(is_met: bool, figure: str, bar: str) -> str:  # noqa: FBT001 - a verdict is one
    return f"{figure}, bar {bar}: {'met' if is_met else 'missed'}"


if __name__ == "__main__":
    perform(study, __doc__)
