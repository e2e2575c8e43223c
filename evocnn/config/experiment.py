"""The experiment: everything that decides a run's result, checked as a whole."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from evocnn.config.operator_names import CROSSOVERS, MUTATIONS, crossover_named, mutation_named
from evocnn.config.toml import COMMAND_LINE, Mistakes, Place, check_numbers, explain, read_toml, set_value
from evocnn.config.user_code import load_object
from evocnn.errors import ExperimentError, SpaceError, did_you_mean
from evocnn.evaluation import METRICS
from evocnn.genotype import LAYERS, Choice, GeneAlleles, Head, LayerGene, Range, Recipe
from evocnn.genotype.space import POOL_ORDERS
from evocnn.operators import Weighted
from evocnn.search import Budget
from evocnn.training.data.sources import SOURCES

_GENES = {gene.name(): gene for gene in LAYERS}
_UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_budget(value: object) -> Budget:
    """Return a budget: `200` evaluations, or `90s`, `10m`, `2h` of time.

    Raises:
        ExperimentError: The value is neither.
    """
    match = re.fullmatch(r"(\d{1,9})([smh]?)", str(value).strip()) if type(value) in (int, str) else None
    if not match or int(match[1]) < 1:
        message = (
            f"a budget must be a number of evaluations or a time, but it was {value!r}; write 200, "
            "90s, 10m or 2h"
        )
        raise ExperimentError(message)
    amount, unit = int(match[1]), match[2]
    return Budget(seconds=float(amount * _UNITS[unit])) if unit else Budget(evaluations=amount)


def _alleles(value: object) -> Choice | Range:
    """Return alleles from a list, a single value, or a table of low and high."""
    if isinstance(value, Choice | Range):
        return value
    if isinstance(value, Mapping):
        known = {"low", "high", "scale"}
        unknown = sorted(set(value) - known)
        if (
            unknown
            or not {"low", "high"} <= set(value)
            or value.get("scale", "linear") not in ("linear", "log")
        ):
            form = '{ low = 0.001, high = 0.1, scale = "log" }'
            message = f"a range must be {form}, but it was {dict(value)}; correct it"
            raise ExperimentError(message)
        if not all(type(value[bound]) in (int, float) for bound in ("low", "high")):
            message = (
                f"a range's bounds must be numbers, but they were {value['low']!r} and "
                f"{value['high']!r}; correct them"
            )
            raise ExperimentError(message)
        return Range(float(value["low"]), float(value["high"]), value.get("scale") == "log")
    values: Any = value if isinstance(value, list | tuple) else [value]
    return Choice(tuple(tuple(item) if isinstance(item, list) else item for item in values))


def _gene_alleles(value: object, gene: type[Any], weight: Any = 1.0) -> GeneAlleles[Any]:
    if not isinstance(value, Mapping):
        message = (
            f"alleles of {gene.name()} must be a table of fields, but they were {value!r}; write one "
            "line a field"
        )
        raise ExperimentError(message)
    fields: dict[str, Choice | Range] = {}
    mistakes = Mistakes()
    with mistakes.at("weight"):
        _check_weight(weight)
    for name, item in value.items():
        with mistakes.at(str(name)):
            fields[name] = _alleles(item)
    mistakes.raise_any()
    return GeneAlleles(gene, fields, float(weight))


def _check_weight(weight: Any) -> None:
    if type(weight) not in (int, float) or not 0 < weight < float("inf"):
        message = (
            f"a gene's weight must be a number above 0, but it was {weight!r}; leave the gene out instead"
        )
        raise ExperimentError(message)


def _folder(info: ValidationInfo) -> Path | None:
    return (info.context or {}).get("folder")


def _layer_alleles(value: object, info: ValidationInfo) -> object:
    """Turn `{ conv = {...}, own = { gene = "module:Name", ... } }` into alleles by gene type."""
    if not isinstance(value, Mapping):
        return value
    if not value:
        message = "a space must have a layer gene, but it had none; add a table [space.layers.conv]"
        raise ExperimentError(message)
    result = []
    mistakes = Mistakes()
    for name, table in value.items():
        with mistakes.at(str(name)):
            result.append(_layer_alleles_of(name, table, _folder(info)))
    mistakes.raise_any()
    return tuple(result)


def _layer_alleles_of(name: str, table: object, folder: Path | None) -> GeneAlleles[LayerGene]:
    fields = dict(table) if isinstance(table, Mapping) else {}
    gene, weight = fields.pop("gene", name), fields.pop("weight", 1.0)
    if isinstance(gene, str) and ":" in gene:
        gene = load_object(gene, folder)
    elif isinstance(gene, str):
        if gene not in _GENES:
            hint = did_you_mean(gene, _GENES) or '; name your own with gene = "module:Name"'
            message = f"a layer gene must be one of {sorted(_GENES)}, but it was '{gene}'{hint}"
            raise ExperimentError(message)
        gene = _GENES[gene]
    if not (isinstance(gene, type) and issubclass(gene, LayerGene)):
        message = f"layer gene '{name}' must be a subclass of LayerGene, but it was {gene!r}; derive it"
        raise ExperimentError(message)
    return _gene_alleles(fields if isinstance(table, Mapping) else table, gene, weight)


def _guarded(function: Any) -> BeforeValidator:
    """Return a validator whose evocnn errors count as mistakes in the value."""

    def validate(value: object, info: ValidationInfo) -> object:
        try:
            return function(value, info)
        except (ExperimentError, SpaceError) as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(validate)


def _each(named: Any) -> Any:
    def convert(value: object, info: ValidationInfo) -> object:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return value
        result = []
        mistakes = Mistakes()
        for index, item in enumerate(value):
            with mistakes.at(index):
                result.append(item if isinstance(item, Weighted) else named(item, _folder(info)))
        mistakes.raise_any()
        return tuple(result)

    return convert


def _loaded(value: object, info: ValidationInfo) -> object:
    """Return the object that a text with a colon names; anything else as it is."""
    return load_object(value, _folder(info)) if isinstance(value, str) and ":" in value else value


def _source(value: object, info: ValidationInfo) -> object:
    """Return the name of a data source, or the function that gives the data."""
    found = _loaded(value, info)
    if found not in SOURCES if isinstance(found, str) else not callable(found):
        hint = did_you_mean(str(found), SOURCES) or "; correct the name"
        message = (
            f"a data source must be one of {', '.join(SOURCES)} or a module:function, but it was "
            f"{found!r}{hint}"
        )
        raise ExperimentError(message)
    return found


class _Settings(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class DataSettings(_Settings):
    """Where images come from, and how the search divides them."""

    source: Annotated[Any, _guarded(_source)] = Field(
        description="digits, fashion-mnist, idx, npz or module:function"
    )
    path: str | None = None
    validation: float = Field(default=0.2, gt=0, lt=1)
    images: int | None = Field(default=None, ge=4)


class LimitSettings(_Settings):
    """The largest permitted network."""

    parameters: int | None = Field(default=None, ge=1)
    flops: int | None = Field(default=None, ge=1)
    depth: int = Field(default=12, ge=1, le=200)


class SpaceSettings(_Settings):
    """Alleles and limits."""

    layers: Annotated[tuple[GeneAlleles[LayerGene], ...], _guarded(_layer_alleles)]
    head: Annotated[GeneAlleles[Head], _guarded(lambda value, _: _gene_alleles(value, Head))] = GeneAlleles(
        Head, {}
    )
    recipe: Annotated[GeneAlleles[Recipe], _guarded(lambda value, _: _gene_alleles(value, Recipe))] = (
        GeneAlleles(Recipe, {})
    )
    founder_depth: Annotated[
        tuple[int, int], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)
    ] = (2, 6)
    pool_order: Literal[POOL_ORDERS] = "early"  # type: ignore[valid-type]
    limits: LimitSettings = LimitSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        low, high = self.founder_depth
        mistakes = Mistakes()
        with mistakes.at("founder_depth"):
            if not 1 <= low <= high <= self.limits.depth:
                message = (
                    f"founder_depth must rise within 1 and the depth limit {self.limits.depth}, but it was "
                    f"[{low}, {high}]; correct either"
                )
                raise ExperimentError(message)
        mistakes.raise_any()
        return self


class ObjectiveSettings(_Settings):
    """One objective: a metric of this name, or a function of your own."""

    weight: float
    scale: Literal["linear", "log"] | None = None  # log for parameters and flops, else linear
    floor: float | None = None
    ceiling: float | None = None
    reference: float | None = None
    measure: Annotated[Any, _guarded(_loaded)] = None

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


class TrainingSettings(_Settings):
    """What all candidates' trainings have in common."""

    epochs: int = Field(default=10, ge=1, le=100_000)
    patience: int | None = Field(default=None, ge=1)
    least_improvement: float = Field(default=0.0, ge=0, lt=1)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    timeout: float = Field(default=3600.0, gt=0)


class SearchSettings(_Settings):
    """The algorithm, its operators and its budget."""

    algorithm: Literal["nsga2", "nsga2-generational", "random"] = "nsga2"
    population: int = Field(default=24, ge=2, le=100_000)
    window: int = Field(default=8, ge=1, le=100_000)
    budget: Annotated[
        Budget, _guarded(lambda value, _: value if isinstance(value, Budget) else parse_budget(value))
    ] = Budget(evaluations=100)
    crossover_rate: float = Field(default=0.5, ge=0, le=1)
    mutation_rate: float = Field(default=0.7, ge=0, le=1)
    crossover: Annotated[tuple[Weighted[Any], ...], _guarded(_each(crossover_named))] = tuple(
        crossover_named(name, None) for name in CROSSOVERS
    )
    mutation: Annotated[tuple[Weighted[Any], ...], _guarded(_each(mutation_named))] = tuple(
        mutation_named(name, None) for name in MUTATIONS
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.mutation and self.algorithm != "random":
            message = (
                "a search must have at least one mutation, but mutation was []; name one or leave the key out"
            )
            raise ValueError(message)
        return self


def _checked_metrics(objectives: dict[str, ObjectiveSettings]) -> dict[str, ObjectiveSettings]:
    """Return the objectives if each is a metric or has a measure of its own."""
    mistakes = Mistakes()
    for name, settings in objectives.items():
        with mistakes.at(name):
            if settings.measure is None and name not in METRICS:
                hint = did_you_mean(name, METRICS) or "; give one of your own a measure"
                message = f"an objective must be one of {', '.join(METRICS)}, but it was '{name}'{hint}"
                raise ExperimentError(message)
    mistakes.raise_any()
    return objectives


_DEFAULT_OBJECTIVES = {
    "validation_accuracy": ObjectiveSettings(weight=1.0),
    "parameters": ObjectiveSettings(weight=-1.0, scale="log"),
    "generalization_gap": ObjectiveSettings(weight=-1.0),
}


class Experiment(_Settings):
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
            check_numbers(tables)
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


def _known() -> dict[str, list[str]]:
    """Return the names that each table knows, by dotted table."""
    names = [name for name in Experiment.model_fields if name not in ("tables", "folder")]
    found = {"": names}
    sections: dict[str, type[BaseModel]] = {
        "data": DataSettings,
        "space": SpaceSettings,
        "space.limits": LimitSettings,
        "objectives.*": ObjectiveSettings,
        "training": TrainingSettings,
        "search": SearchSettings,
    }
    return found | {table: list(model.model_fields) for table, model in sections.items()}
