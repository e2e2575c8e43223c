"""Labelled images: where they come from, their checks, their split. No torch in here.

`load` reads a source, `image_set` takes arrays, `split` makes train and validation.
"""

from evocnn.training.data.image_set import ImageSet, image_set
from evocnn.training.data.sources import detect, load
from evocnn.training.data.split import split, training_subset

__all__ = ["ImageSet", "detect", "image_set", "load", "split", "training_subset"]
