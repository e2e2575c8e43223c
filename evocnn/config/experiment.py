"""The experiment: everything that decides a run's result, checked as a whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from evocnn.config.backbone import BackboneSettings, with_backbone
from evocnn.config.data import DataSettings
from evocnn.config.operator_names import segment_of
from evocnn.config.presets import extended
from evocnn.config.search import SearchSettings
from evocnn.config.settings import Settings, guarded, loaded
from evocnn.config.space import HoldSettings, LimitSettings, SpaceSettings
from evocnn.config.toml import COMMAND_LINE, Mistakes, Place, check_extent, explain, read_toml, set_value
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.evaluation import METRICS
from evocnn.evaluation.metrics import SHARES
from evocnn.genotype import CostModel
from evocnn.training.protocol import LatencyTerms

ACCURACIES = ("validation_accuracy", "training_accuracy")  # at worst the share of the largest class
_PARAMETERS_REFERENCE = 10_000_000.0
# Most a parameter: batch normalization of one channel saves 2 parameters and 2 statistics of 4 bytes, and a
# count of 8 bytes.
_MODEL_BYTES = 12


class ObjectiveSettings(Settings):
    """One objective: a metric of this name, or a function of your own."""

    weight: float
    scale: Literal["linear", "log"] | None = None  # see parts.LOG_METRICS
    floor: float | None = None
    ceiling: float | None = None
    reference: float | None = None
    measure: Annotated[Any, guarded(loaded)] = None
    batch_size: int | None = Field(default=None, ge=1, le=100_000)
    threads: int | None = Field(default=None, ge=1, le=1024)

    @property
    def terms(self) -> LatencyTerms:
        """On what latency is measured."""
        return LatencyTerms(self.batch_size or 1, self.threads or 1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.weight == 0:
            message = (
                "an objective's weight must be above 0 to maximize or below to minimize, but it was "
                "0; leave it out"
            )
            raise ValueError(message)
        if self.measure is not None and not callable(self.measure):
            message = (
                "an objective's measure must be a function of (metrics, genome), but it was "
                f"{self.measure!r}; name one"
            )
            raise ValueError(message)
        return self


class CostSettings(Settings):
    """The constants of the cost model, in place of the machine's own: those of a run to be repeated."""

    start: float = Field(gt=0)
    per_flop: float = Field(ge=0)
    per_activation: float = Field(ge=0)
    per_operation: float = Field(ge=0)

    @property
    def model(self) -> CostModel:
        """The cost model."""
        return CostModel(**self.model_dump())


class TrainingSettings(Settings):
    """What all candidates' trainings have in common."""

    epochs: int = Field(default=10, ge=1, le=100_000)
    patience: int | None = Field(default=None, ge=1)
    least_improvement: float = Field(default=0.0, ge=0, lt=1)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    timeout: float = Field(default=3600.0, gt=0)
    cost: CostSettings | None = None


def _checked_metrics(objectives: dict[str, ObjectiveSettings]) -> dict[str, ObjectiveSettings]:
    """Return the objectives if each is a metric or has a measure of its own."""
    mistakes = Mistakes()
    for name, settings in objectives.items():
        with mistakes.at(name):
            if settings.measure is None and name not in METRICS:
                hint = did_you_mean(name, METRICS) or "; give one of your own a measure"
                message = f"an objective must be one of {', '.join(METRICS)}, but it was '{name}'{hint}"
                raise ExperimentError(message)
            is_latency = name == "latency" and settings.measure is None
            given = [key for key in ("batch_size", "threads") if getattr(settings, key) is not None]
            if given and not is_latency:
                message = (
                    f"{given[0]} must be given for the metric latency alone, but it was here; take it out"
                )
                raise ExperimentError(message)
        with mistakes.at(name, "floor"):
            if settings.measure is None and name in SHARES and (settings.floor or 0) > 1:
                message = f"the floor of a share must be at most 1, but it was {settings.floor:g}; lower it"
                raise ExperimentError(message)
    mistakes.raise_any()
    return objectives


_DEFAULT_OBJECTIVES = {
    "validation_accuracy": ObjectiveSettings(weight=1.0),
    "parameters": ObjectiveSettings(weight=-1.0, scale="log"),
    "generalization_gap": ObjectiveSettings(weight=-1.0),
}


class Experiment(Settings):
    """An experiment: data, space, objectives, training and search.

    Make one with `load_experiment` from a file, or with `Experiment.from_dict` from the same
    tables as a dictionary, in which operators, genes and functions may be the objects themselves.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    seed: int = Field(default=0, ge=0, lt=2**63)
    data: DataSettings
    space: SpaceSettings
    objectives: Annotated[dict[str, ObjectiveSettings], AfterValidator(_checked_metrics)] = Field(
        default=_DEFAULT_OBJECTIVES, min_length=1
    )
    training: TrainingSettings = TrainingSettings()
    search: SearchSettings = SearchSettings()
    tables: dict[str, Any] = Field(default_factory=dict, exclude=True, repr=False)
    folder: Path | None = Field(default=None, exclude=True)

    @property
    def worst(self) -> dict[str, float]:
        """The worst values of metrics, by name, where they follow from the experiment alone."""
        limits = self.space.limits
        n_parameters = float(limits.parameters or _PARAMETERS_REFERENCE)
        worst = {
            "generalization_gap": 1.0,
            "parameters": n_parameters,
            "model_bytes": _MODEL_BYTES * n_parameters,
            "training_seconds": self.training.timeout,
        }
        return worst | ({"flops": float(limits.flops)} if limits.flops else {})

    @model_validator(mode="after")
    def _check(self) -> Self:
        n_founders, population = len(self.space.founders), self.search.population
        mistakes = Mistakes()
        with mistakes.at("space", "founders"):
            if n_founders > population and self.search.algorithm.has_population:
                message = (
                    f"founders must be at most search.population, which is {population}, but they were "
                    f"{n_founders}; leave some out or raise the population"
                )
                raise ExperimentError(message)
        with mistakes.at("data", "size"):
            least = self.space.least_kernel
            if self.data.size is not None and max(self.data.size) < least:
                size = self.data.size[0] if self.data.size[0] == self.data.size[1] else list(self.data.size)
                message = (
                    f"a size must be at least {least}, for the smallest kernel of the space would see little "
                    f"but padding, but it was {size}; raise it, or allow smaller kernels"
                )
                raise ExperimentError(message)
        with mistakes.at("search", "reject"):
            if self.space.backbone is not None and self.search.reject not in (None, "predictor"):
                message = (
                    "reject must be predictor or left out beside a backbone, whose weights are not initial "
                    f"ones, but it was {self.search.reject}; change it"
                )
                raise ExperimentError(message)
        with mistakes.at("search", "inherit"):
            if self.search.inherit is not None and self.space.states_epochs:
                message = (
                    "inherit must be left out where a recipe of the space has epochs of its own, but it was "
                    f"{self.search.inherit:g}; take it out, or take epochs out of the recipe"
                )
                raise ExperimentError(message)
        for name, objective in self.objectives.items():
            with mistakes.at("objectives", name):
                if objective.reference is None and name not in (*ACCURACIES, *self.worst):
                    message = (
                        "an objective must have a reference, the worst value that counts, but it had none; "
                        "add one"
                    )
                    raise ExperimentError(message)
        with mistakes.at("search", "confirm"):
            rival = "inherit" if self.search.inherit is not None else self.search.algorithm.name
            if self.search.confirm is not None and rival in ("inherit", "gene-sweep"):
                message = (
                    f"confirm must be left out beside {rival}, but it was {self.search.confirm:g}; take one "
                    "of them out"
                )
                raise ExperimentError(message)
        for number, mutation in enumerate(self.search.mutation or ()):
            segment = segment_of(mutation.name)
            with mistakes.at("search", "mutation", number):
                if segment is not None and segment not in self.space.segments:
                    message = (
                        f"a mutation must act on what evolves, {', '.join(self.space.segments)}, but "
                        f"'{mutation.name}' acts on {segment}; take it out, or let {segment} evolve"
                    )
                    raise ExperimentError(message)
        mistakes.raise_any()
        return self

    @classmethod
    def from_dict(
        cls,
        tables: Mapping[str, Any],
        *,
        folder: Path | None = None,
        source: str = "experiment",
        lines: Mapping[Place, int] | None = None,
    ) -> "Experiment":
        """Return the experiment of a file's tables.

        Args:
            tables: As in an experiment file.
            folder: Where modules and relative data paths are looked for first.
            source: What to call the file in errors.
            lines: The line of each key, for errors.

        Raises:
            ExperimentError: Something is wrong; the message lists every mistake.
        """
        reserved = {"tables", "folder"} & set(tables)
        if reserved:
            message = f"{source}: '{min(reserved)}' is not known; known here: {', '.join(_known()[''])}"
            raise ExperimentError(message)
        try:
            check_extent(tables)
            tables = _with_preset(tables, folder)
            return cls.model_validate(
                {**tables, "tables": dict(tables), "folder": folder}, context={"folder": folder}
            )
        except ValidationError as error:
            raise ExperimentError(explain(error, source, lines or {}, _known())) from error


def load_experiment(path: str | Path, settings: Sequence[str] = ()) -> Experiment:
    """Return the experiment of a TOML file.

    Args:
        path: The file.
        settings: Changes as `key=value`, for instance `search.budget=50`.

    Raises:
        ExperimentError: Something is wrong; the message lists every mistake with file and line.
    """
    path = Path(path)
    tables, lines = read_toml(path)
    for setting in settings:
        changed = set_value(tables, setting)
        lines = {place: line for place, line in lines.items() if place[: len(changed)] != changed}
        lines[changed] = COMMAND_LINE
    return Experiment.from_dict(tables, folder=path.resolve().parent, source=str(path), lines=lines)


def _with_preset(tables: Mapping[str, Any], folder: Path | None) -> Mapping[str, Any]:
    """Return the tables with the space's preset and backbone filled in: a run's record holds all of them."""
    mistakes = Mistakes()
    with mistakes.at("space", "preset"):
        if isinstance(tables.get("space"), Mapping):
            tables = {**tables, "space": extended(tables["space"])}
    mistakes.raise_any()
    if "space" not in tables:
        return tables
    data = tables.get("data")
    size = data.get("size") if isinstance(data, Mapping) else None
    return {**tables, "space": with_backbone(tables["space"], size, folder)}


def _known() -> dict[str, list[str]]:
    """Return the names that each table knows, by dotted table."""
    names = [name for name in Experiment.model_fields if name not in ("tables", "folder")]
    found = {"": names}
    sections: dict[str, type[BaseModel]] = {
        "data": DataSettings,
        "space": SpaceSettings,
        "space.backbone": BackboneSettings,
        "space.hold": HoldSettings,
        "space.limits": LimitSettings,
        "objectives.*": ObjectiveSettings,
        "training": TrainingSettings,
        "training.cost": CostSettings,
        "search": SearchSettings,
    }
    found |= {table: list(model.model_fields) for table, model in sections.items()}
    return {**found, "space": ["preset", *found["space"]]}
