"""Photographs of 100x100 pixels, two classes: how many layers? Answered on five pairs of hand signs.

    python experiments/two-classes-100px/run.py --data FOLDER --runs FOLDER [--quick] [--write]

FOLDER of `--data` holds a folder of photographs for each of the signs 0 to 9. For each pair and seed there
are a search and the depth sweep, the manual method, in the same space, with the same trainer. Of the search
the network of the best validation accuracy is taken, of the depth sweep the shallowest of these; both are
trained in full, on the validation images, too, and judged on the test split, once.

Runs are kept, and a second call goes on where the first was stopped. `--quick` makes one tiny pair. `--write`
puts the table into results.md beside this file.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import evocnn
from evocnn.config import Experiment
from evocnn.config.toml import read_toml
from evocnn.deploy.full_training import train_in_full
from evocnn.deploy.judgement import judge, probabilities, recorded
from evocnn.deploy.terms import full_training, terms_of
from evocnn.genotype import Pool
from evocnn.runs import Run, Workers
from evocnn.runs.pick import pick
from evocnn.store import environment
from evocnn.store.journal import FILE_NAME

FILE = Path(__file__).parent / "experiment.toml"
PAIRS = (("0", "1"), ("2", "3"), ("4", "5"), ("6", "7"), ("8", "9"))
MOST_PARAMETERS = 30_000
PICKS = {"search": f"parameters<={MOST_PARAMETERS}", "depth-sweep": "best-accuracy"}  # ties: see pick
EPOCHS = 40  # of a training in full


@dataclass(frozen=True)
class Answer:
    """What one search or sweep says, and what its network is worth.

    Attributes:
        text: The network.
        n_layers: Its layers but for pools, the last linear one included.
        n_parameters: Its parameters.
        accuracy: On the test split.
    """

    text: str
    n_layers: int
    n_parameters: int
    accuracy: float


def pair_of(classes: Sequence[str], data: Path, runs: Path) -> Path:
    """Return a folder with two of the classes, which are links to those of the data."""
    folder = runs / "images" / "-".join(classes)
    folder.mkdir(parents=True, exist_ok=True)
    for name in classes:
        if not (folder / name).exists():
            (folder / name).symlink_to(data / name, target_is_directory=True)
    return folder


def experiment_of(images: Path, arm: str, seed: int, *, is_quick: bool) -> Experiment:
    """Return the experiment of an arm; they differ in the algorithm."""
    tables: dict[str, Any] = read_toml(FILE)[0]
    tables["seed"] = seed
    tables["data"]["path"] = str(images)
    if is_quick:
        tables["training"]["epochs"] = 2
        tables["search"]["budget"] = "20 epochs"
    if arm == "depth-sweep":
        tables["search"]["algorithm"] = arm
        tables["objectives"]["validation_accuracy"]["floor"] = 0.0  # it may end before it has learned
    return Experiment.from_dict(tables, folder=FILE.parent, source=str(FILE))


def searched(experiment: Experiment, folder: Path) -> Run:
    """Return a search that has come to its end."""
    if (folder / FILE_NAME).exists():
        return evocnn.resume(folder, experiment)
    return evocnn.run(experiment, folder)


def answer_of(run: Run, wanted: str, epochs: int) -> Answer:
    """Return the network that a pick names, trained in full on all training images, and judged once."""
    record = pick(run, wanted)
    terms = terms_of(run, epochs=epochs, all_data=True)
    training = full_training(terms, record, wanted, seed=0)
    (model,) = train_in_full(terms, [training], Workers(), on_piece=lambda _: None, should_stop=lambda: False)
    if model is None:
        message = f"ticket {record.ticket} of '{run.folder}' must train in full, but failed; look at it"
        raise RuntimeError(message)
    judgement = recorded(model.steps)
    if judgement is None:
        judgement = judge(run, training.path.parent.name, {"": partial(probabilities, model)})[""]
        model.after(judgement.step).save(training.path)
    n_layers = 1 + sum(not isinstance(gene, Pool) for gene in model.chromosome.layers)
    return Answer(record.text, n_layers, int(record.metrics["parameters"]), judgement.accuracy)


def table_of(
    pairs: Sequence[Sequence[str]], seeds: int, data: Path, runs: Path, *, is_quick: bool
) -> list[str]:
    """Return the lines of the table, and of the networks that it is of."""
    lines = [
        "| signs | layers | parameters | test accuracy | depth sweep: layers | parameters | test accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [f"| {' and '.join(classes)} |" for classes in pairs]
    networks = ["", "Networks, with test accuracy:", ""]
    for arm, wanted in PICKS.items():
        for number, classes in enumerate(pairs):
            images, answers = pair_of(classes, data, runs), []
            for seed in range(seeds):
                experiment = experiment_of(images, arm, seed, is_quick=is_quick)
                run = searched(experiment, runs / "-".join(classes) / f"{arm}-{seed}")
                answers.append(answer_of(run, wanted, 2 if is_quick else EPOCHS))
                text, accuracy = answers[-1].text, answers[-1].accuracy
                networks.append(f"- {' and '.join(classes)}, {arm}, seed {seed}: `{text}` {accuracy:.4f}")
                print(networks[-1], flush=True)
            rows[number] += f" {_cells(answers)} |"
            print(rows[number], flush=True)
    return [*lines, *rows, *networks]


def _cells(answers: Sequence[Answer]) -> str:
    accuracies = [answer.accuracy for answer in answers]
    spread = f" ± {stdev(accuracies):.4f}" if len(answers) > 1 else ""
    cells = (
        ", ".join(str(answer.n_layers) for answer in answers),
        ", ".join(f"{answer.n_parameters:,}" for answer in answers),
        f"{fmean(accuracies):.4f}{spread}",
    )
    return " | ".join(cells)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    pairs, seeds = (PAIRS[:1], 1) if arguments.quick else (PAIRS, arguments.seeds)
    data, runs = arguments.data.resolve(), arguments.runs.resolve()
    lines = table_of(pairs, seeds, data, runs, is_quick=arguments.quick)
    machine = environment()
    notes = (
        f"Layers and parameters of seed 0, 1, ...; test accuracy: mean and standard deviation, n = {seeds}; "
        f"torch {machine['torch']}, {machine['processor']}."
    )
    text = "\n".join([*lines, "", notes, ""])
    print(f"\n{text}")
    if arguments.write:
        (FILE.parent / "results.md").write_text(f"# Results\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
