"""What explains the accuracies of a finished run: permutation importance of a random forest.

Functional analysis of variance, as Optuna has it, takes its parameters as independent and as always
there. Descriptors of networks are neither: a field counts only where its gene is present, and sizes
follow from everything. So descriptors that go together are shuffled together, those of the words of one
field always, and what counts is how much worse a forest then predicts candidates that it has not seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evocnn.config.parts import space_of
from evocnn.errors import ExperimentError
from evocnn.evaluation import Status
from evocnn.runs import Run

FEWEST = 20  # candidates from which anything is learned
N_FOLDS = 5
N_TREES = 200
N_SHUFFLES = 10
ALIKE = 0.7  # rank correlation, either way, from which descriptors are one group
N_SHOWN = 15
BAR = 30  # characters


class Effect(NamedTuple):
    """What a group of descriptors explains.

    Attributes:
        names: The descriptors; `recipe.optimizer` stands for those of all its words.
        drop: By how much the score falls where they are shuffled together: mean over shuffles.
        spread: Standard deviation over shuffles.
    """

    names: tuple[str, ...]
    drop: float
    spread: float


@dataclass(frozen=True)
class Importance:
    """What explains the ranks of validation accuracy in a run.

    Attributes:
        name: The experiment's name.
        n_candidates: Distinct candidates that were trained in full.
        score: R² of a random forest on candidates that it has not seen; 1 is perfect, 0 or less is nothing.
        effects: What each group explains, greatest first.
    """

    name: str
    n_candidates: int
    score: float
    effects: tuple[Effect, ...]


def importance_of(run: Run) -> Importance:
    """Return which descriptors explain the validation accuracy of a run's candidates.

    Ranks of accuracy are predicted, for a few networks that hardly learned would outweigh all others.

    Raises:
        ExperimentError: Too few candidates were trained in full, or the run is of no images.
    """
    data = run.manifest.get("data")
    if data is None:
        message = (
            f"'{run.folder}' must be a run of networks on images, but it was of the problem "
            f"'{run.name}'; give another run"
        )
        raise ExperimentError(message)
    space = space_of(run.experiment, tuple(data["shape"]), len(data["class_names"]))
    accuracies: dict[str, list[float]] = {}
    described: dict[str, Any] = {}
    for record in run.records:
        if record.is_full and record.reused_from is None and record.evaluation.status is Status.OK:
            accuracies.setdefault(record.key, []).append(record.metrics["validation_accuracy"])
            described[record.key] = described.get(record.key) or space.describe(
                space.from_json(record.genome)
            )
    if len(described) < FEWEST:
        message = (
            f"a run must have at least {FEWEST} candidates trained in full for importance, but "
            f"'{run.folder}' had {len(described)}; give it a larger budget"
        )
        raise ExperimentError(message)
    names = list(next(iter(described.values())))
    rows = np.array([list(one.values()) for one in described.values()])
    varies = np.ptp(rows, axis=0) > 0
    kept = [name for name, does in zip(names, varies, strict=True) if does]
    ranks = _ranks(np.array([np.mean(found) for found in accuracies.values()]))
    score, effects = _explained(rows[:, varies], ranks / len(ranks), kept)
    return Importance(run.name, len(rows), score, effects)


def importance_table(importance: Importance) -> None:
    """Print the score of the forest, and a bar for each group of descriptors where it predicts anything."""
    console = Console(emoji=False)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    say(
        f"{importance.name}: a random forest on {importance.n_candidates} candidates explains "
        f"{max(0.0, importance.score):.0%} of the variance in the ranks of validation accuracy of those that "
        f"it has not seen (R² {importance.score:.2f}, {N_FOLDS} folds)"
    )
    if importance.score <= 0:
        say("it predicts nothing, so no importance can be read from it: more candidates may help")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("drop in R²", justify="right")
    table.add_column("")
    table.add_column("descriptors, together where they go together", overflow="fold", ratio=1)
    shown = importance.effects[:N_SHOWN]
    greatest = max(effect.drop for effect in shown)
    for effect in shown:
        bar = "█" * round(BAR * max(0.0, effect.drop) / greatest) if greatest > 0 else ""
        table.add_row(f"{effect.drop:.3f} ± {effect.spread:.3f}", bar, Text(", ".join(effect.names)))
    console.print(table)
    rest = importance.effects[N_SHOWN:]
    if rest:
        say(f"{len(rest)} more, each at most {rest[0].drop:.3f}")
    say(
        "this is what the forest uses, not what causes accuracy: a search breeds from what was good, so "
        "genes go together that need not; and only what varied in this run can count. evocnn sweep varies "
        "one gene"
    )


def _explained(
    rows: np.ndarray, targets: np.ndarray, names: Sequence[str]
) -> tuple[float, tuple[Effect, ...]]:
    """Return R² out of sample and what each group contributes, greatest first.

    Args:
        rows: Descriptors, shape `(n_candidates, n_descriptors)`.
        targets: What is predicted, shape `(n_candidates,)`.
        names: The descriptors' names.
    """
    groups = _groups(rows, names)
    error = 0.0
    shuffled = np.zeros((len(groups), N_SHUFFLES))  # squared errors
    rng = np.random.default_rng(0)
    for forest, test in _fitted(rows, targets):
        error += float(((forest.predict(rows[test]) - targets[test]) ** 2).sum())
        for number, columns in enumerate(groups):
            copies = np.tile(rows[test], (N_SHUFFLES, 1, 1))
            for copy in copies:
                copy[:, columns] = copy[rng.permutation(len(test))][:, columns]
            found = forest.predict(copies.reshape(-1, rows.shape[1])).reshape(N_SHUFFLES, -1)
            shuffled[number] += ((found - targets[test]) ** 2).sum(axis=1)
    total = float(((targets - targets.mean()) ** 2).sum()) or 1.0
    drops = (shuffled - error) / total
    effects = [
        Effect(
            tuple(dict.fromkeys(_field(names[column]) for column in columns)),
            float(own.mean()),
            float(own.std()),
        )
        for columns, own in zip(groups, drops, strict=True)
    ]
    return 1 - error / total, tuple(sorted(effects, key=lambda effect: -effect.drop))


def _fitted(rows: np.ndarray, targets: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield a forest for each fold, with the rows that it has not seen."""
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - a second that other pages need not pay
    from sklearn.model_selection import KFold  # noqa: PLC0415 - as above

    for training, test in KFold(N_FOLDS, shuffle=True, random_state=0).split(rows):
        forest = RandomForestRegressor(N_TREES, min_samples_leaf=2, max_features=1 / 3, random_state=0)
        yield forest.fit(rows[training], targets[training]), test


def _groups(rows: np.ndarray, names: Sequence[str]) -> list[list[int]]:
    """Return the columns that go together, by complete linkage: each pair of fields in a group is alike.

    Fields are as alike as the two of their columns that are most alike.
    """
    fields: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        fields.setdefault(_field(name), []).append(column)
    columns = list(fields.values())
    if len(columns) < 2:
        return columns
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 - as above

    alike = np.abs(np.corrcoef([_ranks(column) for column in rows.T]))
    distances = 1 - np.array([[alike[np.ix_(one, other)].max() for other in columns] for one in columns])
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=1 - ALIKE
    )
    labels = clustering.fit_predict(np.clip(distances, 0, 1))
    return [
        [column for own, found in zip(columns, labels, strict=True) if found == label for column in own]
        for label in range(labels.max() + 1)
    ]


def _field(name: str) -> str:
    """Return the field that a descriptor is of: several count the genes with each word of a field."""
    return name.partition("=")[0]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 0, of equals their mean."""
    order = np.sort(values)
    low, high = np.searchsorted(order, values), np.searchsorted(order, values, side="right")
    ranks: np.ndarray = (low + high - 1) / 2
    return ranks
