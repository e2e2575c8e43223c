"""The images that a model's candidates were trained and validated on."""

from pathlib import Path

from evocnn.config.parts import load_data
from evocnn.deploy.model import Model
from evocnn.errors import DataError
from evocnn.training.data import ImageSet, split


def validation_images(model: Model, data: Path | None = None) -> ImageSet:
    """Return the images that validated the candidates of the model's run; see `split_images`."""
    return split_images(model, data)[1]


def split_images(model: Model, data: Path | None = None) -> tuple[ImageSet, ImageSet]:
    """Return the images that trained and those that validated the candidates of the model's run.

    Args:
        model: The model.
        data: Where the images lie, in place of where they lay.

    Raises:
        DataError: They cannot be read, or are others.
    """
    origin, experiment = model.origin, model.experiment
    stored = None if origin.data_path is None else Path(origin.data_path)
    try:
        images = load_data(experiment, data or stored)
    except DataError as error:
        message = f"images of the model's run must be readable, but: {error}; say with --data where they lie"
        raise DataError(message) from error
    if images.digest != origin.data["digest"]:
        message = (
            f"images must be those of the model's run, digest {origin.data['digest'][:12]}, but were "
            f"{images.digest[:12]}; give them with --data"
        )
        raise DataError(message)
    settings = experiment.data
    return split(images, validation=settings.validation, seed=experiment.seed, n_images=settings.images)
