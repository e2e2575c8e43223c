"""What the images of a folder are, before they are brought to one form."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from evocnn.training.data.folder import read_headers
from evocnn.training.data.listing import Notes

SQUARE = 1.25  # height over width, or width over height, up to which a square loses little


@dataclass(frozen=True)
class Survey:
    """The images of a folder as they are stored.

    Attributes:
        n_sizes: How many different sizes they have.
        least: Height and width of the smallest.
        greatest: Height and width of the largest.
        shorter: Median of their shorter sides, in pixels.
        ratio: Median of height over width.
    """

    n_sizes: int
    least: tuple[int, int]
    greatest: tuple[int, int]
    shorter: int
    ratio: float

    def size_at(self, side: int) -> tuple[int, int]:
        """Return height and width for all images, given the shorter side; squares where that loses little."""
        if self.ratio > SQUARE:
            return round(side * self.ratio), side
        return (side, round(side / self.ratio)) if self.ratio < 1 / SQUARE else (side, side)


def survey_folder(path: Path) -> Survey:
    """Return what the images of a folder are; their pixels are not read.

    Raises:
        DataError: It is no folder of images.
    """
    _, known = read_headers(path, Notes(path))
    sizes = [(header.height, header.width) for _, header in known]
    by_area = sorted(set(sizes), key=lambda size: (size[0] * size[1], size))
    return Survey(
        len(by_area),
        by_area[0],
        by_area[-1],
        int(median(min(size) for size in sizes)),
        median(height / width for height, width in sizes),
    )
