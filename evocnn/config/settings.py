"""What the tables of an experiment have in common: strict, frozen, and errors of evocnn count as mistakes."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from evocnn.config.user_code import load_object
from evocnn.errors import ExperimentError, GeneError, SpaceError


class Settings(BaseModel):
    """A table of an experiment."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


def guarded(function: Any) -> BeforeValidator:
    """Return a validator whose evocnn errors count as mistakes in the value."""

    def validate(value: object, info: ValidationInfo) -> object:
        try:
            return function(value, info)
        except (ExperimentError, SpaceError, GeneError) as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(validate)


def folder_of(info: ValidationInfo) -> Path | None:
    """Return where modules are looked for first."""
    return (info.context or {}).get("folder")


def loaded(value: object, info: ValidationInfo) -> object:
    """Return the object that a text with a colon names; anything else as it is."""
    return load_object(value, folder_of(info)) if isinstance(value, str) and ":" in value else value
