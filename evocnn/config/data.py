"""The [data] table: where images come from and what form they are brought to."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo

from evocnn.config.settings import Settings, guarded, loaded
from evocnn.errors import ExperimentError, did_you_mean
from evocnn.training.data.framing import CHANNELS, FITS, MAX_SIDE, Framing
from evocnn.training.data.objects import is_data
from evocnn.training.data.sources import SOURCES


def _source(value: object, info: ValidationInfo) -> object:
    """Return the name of a data source, the function that gives the data, or the data themselves."""
    found = loaded(value, info)
    if found not in SOURCES if isinstance(found, str) else not (callable(found) or is_data(found)):
        hint = did_you_mean(str(found), SOURCES) or "; correct the name"
        message = (
            f"a data source must be one of {', '.join(SOURCES)} or a module:function, but it was "
            f"{found!r}{hint}"
        )
        raise ExperimentError(message)
    return found


def sides_of(value: Any) -> tuple[int, int]:
    """Return height and width, as `size` gives them: one number stands for both.

    Raises:
        ExperimentError: The value is neither.
    """
    size = [value, value] if type(value) is int else value
    is_size = isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int for side in size)
    if not is_size or not all(1 <= side <= MAX_SIDE for side in size):
        message = (
            f"a size must be a number of pixels or [height, width], each from 1 to {MAX_SIDE}, but it was "
            f"{value!r}; write 64 or [48, 64]"
        )
        raise ExperimentError(message)
    return size[0], size[1]


class DataSettings(Settings):
    """Where images come from, what form they are brought to, and how the search divides them."""

    source: Annotated[Any, guarded(_source)] = Field(
        description="digits, mnist, ..., idx, npz, folder, module:function, or the data themselves"
    )
    path: str | None = None
    size: Annotated[tuple[int, int], guarded(lambda value, _: sides_of(value))] | None = None
    fit: Literal[FITS] = "crop"  # type: ignore[valid-type]
    channels: Literal[CHANNELS] = "auto"  # type: ignore[valid-type]
    validation: float = Field(default=0.2, gt=0, lt=1)
    images: int | None = Field(default=None, ge=4)

    @property
    def framing(self) -> Framing:
        """The form that images are brought to."""
        return Framing(self.size, self.fit, self.channels)
