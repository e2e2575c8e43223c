"""Offspring rejected before training, by a score that is held against what training found.

A score may reject only what it can tell: of two offspring of about equal size, which will be the
more accurate. Size itself is an objective. So a share of the offspring is accepted whatever its
score, the rank correlation of score and accuracy within equal sizes is measured on those, and
nothing is rejected while it is unknown or not above zero.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from statistics import median
from typing import Any, NamedTuple, Protocol

import numpy as np

from evocnn.evaluation import Evaluation, EvaluationRequest, Status
from evocnn.genotype import Genome
from evocnn.search.rank_correlation import SAME_SIZE, RankCorrelation, correlation_within_sizes

UNSEEN = 0.25  # the share of offspring accepted whatever the score
MOST_IN_A_ROW = 4  # rejections; the next offspring is accepted
N_PEERS = 100  # the offspring considered last, among which those of about equal size are compared
LEAST_PEERS = 5  # of about equal size; with fewer, an offspring is accepted
LEAST_PAIRS = 30  # below which a correlation counts as unknown
N_MEASURED = 500  # the candidates told last on which it is measured
LEAST_TOLD = 20  # candidates to learn from


class Score(Protocol):
    """What offspring are judged by: `Predictor`, or `evocnn.training.scores.InitialScore`."""

    @property
    def name(self) -> str:
        """The score's name in experiment files."""
        ...

    def __call__(self, genome: Any, /) -> float | None:
        """Return a genome's score, higher is better; None where there is none."""
        ...

    def fit(self, genomes: Sequence[Any], accuracies: Sequence[float], /) -> bool:
        """Learn from candidates told, and return whether that changes scores."""
        ...


@dataclass(frozen=True, slots=True)
class RejectionReport:
    """What a search's rejections rest on.

    Attributes:
        score: The score's name.
        correlation: Rank correlation of score and validation accuracy within equal sizes, see
            `correlation_within_sizes`, on candidates that were accepted whatever their score.
        n_pairs: Pairs of candidates that it compares.
        n_considered: Offspring that were scored.
        n_rejected: Those of them that were rejected.
        is_on: Whether the score may reject at present.
    """

    score: str
    correlation: float
    n_pairs: int
    n_considered: int
    n_rejected: int
    is_on: bool

    @property
    def text(self) -> str:
        """One line for people."""
        enough = f" of at least {LEAST_PAIRS}" if self.n_pairs < LEAST_PAIRS else ""
        found = f"{self.correlation:+.2f}" if self.n_pairs else "unknown"
        return (
            f"{self.score} rejected {self.n_rejected} of {self.n_considered} offspring and is "
            f"{'on' if self.is_on else 'off'}; its rank correlation with validation accuracy within equal "
            f"sizes is {found}, over {self.n_pairs}{enough} pairs"
        )


class _Scored(NamedTuple):
    """An offspring, the logarithm of its size, and its score."""

    genome: Genome
    log_size: float
    score: float


class Rejection:
    """Judges offspring ahead of training, and hears what became of them.

    What it does follows from what it was asked and told, in order, and from the streams; so a run
    that is resumed judges the same again, on one kind of CPU and with one set of versions.

    Args:
        score: What offspring are judged by.
        size: From a genome to its number of parameters.
    """

    def __init__(self, score: Score, size: Callable[[Any], float]) -> None:
        self._score = score
        self._size = size
        self._peers: deque[_Scored] = deque(maxlen=N_PEERS)
        self._unseen: dict[str, _Scored] = {}  # by key: accepted whatever the score
        self._told: dict[float, dict[str, tuple[Genome, float]]] = {}  # by rung and key
        self._correlation = RankCorrelation(0.0, 0)
        self._n_fitted = 0  # candidates told at the last fit
        self._n_considered = self._n_rejected = self._n_in_a_row = 0

    @property
    def is_on(self) -> bool:
        """Whether the correlation is known and above zero."""
        return self._correlation.n_pairs >= LEAST_PAIRS and self._correlation.value > 0

    def report(self) -> RejectionReport:
        """Return what the rejections rest on so far."""
        counts = (self._n_considered, self._n_rejected)
        return RejectionReport(self._score.name, *self._correlation, *counts, self.is_on)

    def objection(self, genome: Genome, rng: np.random.Generator) -> str:
        """Return why an offspring is rejected; nothing where it is accepted.

        It is rejected where its score is below the median of the offspring of about its size among
        those considered last.

        Args:
            genome: An offspring that was not considered before.
            rng: The ticket's stream; it decides whether the score is looked at.
        """
        is_unseen = rng.random() < UNSEEN or not self.is_on
        score = self._score(genome)
        if score is None:
            return ""
        self._n_considered += 1
        scored = _Scored(genome, log(self._size(genome)), score)
        peers = [peer.score for peer in self._peers if abs(peer.log_size - scored.log_size) <= SAME_SIZE]
        self._peers.append(scored)
        if is_unseen:
            self._unseen[genome.key] = scored
        elif len(peers) >= LEAST_PEERS and score < median(peers) and self._n_in_a_row < MOST_IN_A_ROW:
            self._n_in_a_row += 1
            self._n_rejected += 1
            return (
                f"its {self._score.name} score was {score:.4g}, below {median(peers):.4g}, the median of "
                f"{len(peers)} offspring of about its size"
            )
        self._n_in_a_row = 0
        return ""

    def learn(self, request: EvaluationRequest, evaluation: Evaluation) -> None:
        """Take what training found of a candidate, offspring or not; one that failed teaches nothing."""
        if evaluation.status is not Status.OK:
            return
        genome, accuracy = request.genome, evaluation.metrics["validation_accuracy"]
        self._told.setdefault(request.fidelity.share, {})[genome.key] = genome, accuracy
        if genome.key in self._unseen:
            self._correlation = self._measured()
        self._fit_seldom()

    def _measured(self) -> RankCorrelation:
        """Return the correlation at the highest rung with enough pairs; where none has, at the lowest."""
        found = RankCorrelation(0.0, 0)
        for _, told in sorted(self._told.items()):
            both = [(self._unseen[key], told[key][1]) for key in told if key in self._unseen][-N_MEASURED:]
            figures = [(scored.score, accuracy, scored.log_size) for scored, accuracy in both]
            correlation = correlation_within_sizes(*np.array(figures).reshape(-1, 3).T)
            if correlation.n_pairs >= LEAST_PAIRS or not found.n_pairs:
                found = correlation
        return found

    def _fit_seldom(self) -> None:
        """Let the score learn from the highest rung with enough candidates, once twice as many are told."""
        enough = [told for _, told in sorted(self._told.items()) if len(told) >= LEAST_TOLD]
        n_told = sum(map(len, self._told.values()))
        if not enough or n_told < 2 * self._n_fitted:
            return
        self._n_fitted = n_told
        if self._score.fit(*zip(*enough[-1].values(), strict=True)):
            scores = [(peer, self._score(peer.genome)) for peer in self._peers]
            rescored = (peer._replace(score=score) for peer, score in scores if score is not None)
            self._peers = deque(rescored, N_PEERS)
