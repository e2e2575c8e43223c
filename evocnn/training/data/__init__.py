"""Labelled images: where they come from, their checks, their split. No torch in here.

`load` reads a source, `image_set` takes arrays, `dataset_arrays` a dataset of torch, `split` makes train
and validation.
"""

from evocnn.training.data.framing import Framing
from evocnn.training.data.image_set import ImageSet, image_set
from evocnn.training.data.objects import dataset_arrays
from evocnn.training.data.sources import detect, load
from evocnn.training.data.split import split, training_subset

__all__ = [
    "Framing",
    "ImageSet",
    "dataset_arrays",
    "detect",
    "image_set",
    "load",
    "split",
    "training_subset",
]
