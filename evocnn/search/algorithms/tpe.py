"""The tree-structured Parzen estimator of Optuna: the control that stands for Bayesian optimization."""

from collections.abc import Collection, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from evocnn.evaluation import Evaluation, Objectives, Status
from evocnn.genotype import Alleles, Choice, Choose, Chromosome
from evocnn.genotype.compose import answers
from evocnn.search.algorithm import Candidate
from evocnn.search.breeding import ATTEMPTS, Breeding

PROPOSALS = 5  # for one ticket, before random ones are drawn

if TYPE_CHECKING:
    from optuna import Study, Trial


class TreeParzenEstimator:
    """Asks given founders, then what Optuna's `TPESampler` proposes, as it comes, and trains all in full.

    With one objective that is the estimator of Bergstra et al. (2011), "Algorithms for Hyper-Parameter
    Optimization", with several that of Ozaki et al. (2022), "Multiobjective Tree-Structured Parzen
    Estimator". Genomes are composed decision by decision: a range is Optuna's float, numbers are places
    in their order, words a category. Floors and ceilings are one constraint. What failed is told as
    failed, and so is a proposal that was asked before; after five of these in a row random ones are drawn.
    Of a founder that is a chromosome Optuna is told as of the nearest genome that decisions lead to.

    Args:
        breeding: Makes candidates of genomes.
        objectives: What is optimized.
    """

    def __init__(self, breeding: Breeding, objectives: Objectives) -> None:
        self._breeding = breeding
        self._objectives = objectives
        self._founders = list(breeding.space.founders)  # not yet asked
        self._study: Study | None = None
        self._samplers: list[Any] = []  # whom to ask for a ticket, one after the other
        self._trials: dict[int, Trial] = {}  # in flight, by ticket

    def ask(self, ticket: int, rng: np.random.Generator) -> Candidate:
        """Return a founder; later the first proposal that has not been asked, or the last if all have."""
        self._study = study = self._study or self._begun(rng)
        while self._founders:
            given = self._founders.pop(0)
            founder = self._breeding.space.repair(given).genome
            if not self._breeding.is_asked(founder):
                self._enqueue(study, ticket, founder)
                return self._breeding.given(given)
        for sampler in self._samplers:
            study.sampler = sampler
            trial = study.ask()
            genome = self._breeding.space.compose(partial(_suggested, trial))
            genome = self._breeding.space.repair(genome).genome
            if not self._breeding.is_asked(genome):
                self._trials[ticket] = trial
                break
            _fail(study, trial)
        return self._breeding.given(genome)

    def tell(self, ticket: int, evaluation: Evaluation) -> None:
        """Tell Optuna; nothing of what was asked before."""
        trial, study = self._trials.pop(ticket, None), self._study
        if trial is None or study is None:
            return
        if evaluation.status is not Status.OK:
            _fail(study, trial)
            return
        fitness = self._objectives.fitness(evaluation)
        trial.set_constraint("floors and ceilings", fitness.violation)
        study.tell(trial, self._objectives.losses(fitness.values).tolist())

    def needed_states(self) -> Collection[int]:
        """Return nothing: no candidate is continued."""
        return ()

    def _enqueue(self, study: "Study", ticket: int, founder: Any) -> None:
        """Begin the trial of a founder; of one that is no chromosome Optuna does not hear."""
        if isinstance(founder, Chromosome):
            parameters: dict[str, Any] = {}
            space = self._breeding.space
            space.compose(partial(_answered, parameters, answers(founder)))
            study.enqueue_trial(parameters)
            self._trials[ticket] = trial = study.ask()
            space.compose(partial(_suggested, trial))

    def _begun(self, rng: np.random.Generator) -> "Study":
        """Return a study whose sampler follows from the first ticket's stream."""
        import optuna  # noqa: PLC0415 - a second that other searches need not pay

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        seed, random_seed = (int(rng.integers(2**31)) for _ in range(2))
        proposing, drawing = optuna.samplers.TPESampler(seed=seed), optuna.samplers.RandomSampler(random_seed)
        self._samplers = [*[proposing] * PROPOSALS, *[drawing] * ATTEMPTS]
        return optuna.create_study(directions=["minimize"] * len(self._objectives.items))


def _fail(study: "Study", trial: "Trial") -> None:
    from optuna.trial import TrialState  # noqa: PLC0415 - as above

    study.tell(trial, state=TrialState.FAIL)


def _answered(parameters: MutableMapping[str, Any], choose: Choose, name: str, alleles: Alleles) -> Any:
    """Return what a genome answers to a decision, and enter it as Optuna's parameter."""
    value = choose(name, alleles)
    parameters[name] = alleles.values.index(value) if isinstance(alleles, Choice) else value
    return value


def _suggested(trial: "Trial", name: str, alleles: Alleles) -> Any:
    """Return the allele that Optuna suggests for a decision."""
    if not isinstance(alleles, Choice):
        return alleles.at(
            alleles.position(trial.suggest_float(name, alleles.low, alleles.high, log=alleles.log))
        )
    n_values = len(alleles.values)
    place = (
        trial.suggest_categorical(name, range(n_values))
        if alleles.is_words
        else trial.suggest_int(name, 0, n_values - 1)
    )
    return alleles.values[place]
