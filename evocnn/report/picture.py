"""Files of pictures: which endings are known, and what is said where one cannot be written."""

from pathlib import Path

from matplotlib.figure import Figure

from evocnn.errors import ExperimentError

FORMATS = (".png", ".svg", ".pdf")


def check_ending(path: Path) -> None:
    """Raise where the ending of a picture's file names no format.

    Raises:
        ExperimentError: It names none.
    """
    if path.suffix not in FORMATS:
        message = f"a plot's file must end in {', '.join(FORMATS)}, but it was '{path}'; change the ending"
        raise ExperimentError(message)


def write_picture(figure: Figure, path: Path) -> None:
    """Write a picture into a file, whose folder is made where it is missing.

    Raises:
        ExperimentError: The ending names no format, or the file cannot be written.
    """
    check_ending(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as error:
        message = (
            f"a plot's file must be writable, but '{path}' was not: {error.strerror}; give another --out"
        )
        raise ExperimentError(message) from error
