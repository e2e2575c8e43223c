"""From a user's array of pixels to uint8, channels first."""

import numpy as np
import numpy.typing as npt

from evocnn.errors import DataError

CHANNELS = (1, 3)
MAX_PIXEL = 255


def to_pixels(images: npt.ArrayLike, name: str) -> npt.NDArray[np.uint8]:
    """Return images as uint8 of shape `(n, channels, height, width)`, C-contiguous.

    Args:
        images: See `image_set`.
        name: What messages call these images.

    Raises:
        DataError: Shape or values cannot be those of grey or RGB images.
    """
    try:
        array = np.asarray(images)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"images of {name!r} must be one array, but they were not ({error}); "
            "give all images the same size and hand over a numpy array"
        ) from error
    return np.ascontiguousarray(_to_bytes(_channels_first(array, name), name))


def _channels_first(array: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.generic]:
    """Return a view of shape `(n, channels, height, width)`."""
    if array.size == 0:
        raise DataError(
            f"images of {name!r} must not be empty, but their shape was {array.shape}; "
            "give at least one image of at least one pixel"
        )
    match array.shape:
        case (_, _, _):
            return array[:, np.newaxis]  # (n, 1, h, w)
        case (_, _, _, channels) if channels in CHANNELS:
            return np.moveaxis(array, -1, 1)  # (n, h, w, c) -> (n, c, h, w)
        case (_, channels, _, _) if channels in CHANNELS:
            return array
        case shape:
            raise DataError(
                f"images of {name!r} must have shape (n, height, width), (n, height, width, channels) or "
                f"(n, channels, height, width) with 1 or 3 channels, but it was {shape}; "
                "reshape them, or keep 1 or 3 of the channels"
            )


def _to_bytes(array: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.uint8]:
    """Return the values as uint8, rescaled where they are fractions."""
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype.kind not in "iuf":
        raise DataError(
            f"images of {name!r} must be integers or floats, but they were {array.dtype}; "
            "convert them to uint8, 0 for black and 255 for full intensity"
        )
    numbers = array.astype(np.float32) if array.dtype == np.float16 else array
    low, high = numbers.min(), numbers.max()
    if not (np.isfinite(low) and np.isfinite(high)):  # min and max hand NaN on
        raise DataError(
            f"images of {name!r} must be finite, but they held NaN or infinity; repair or drop those images"
        )
    if low < 0 or high > MAX_PIXEL:
        raise DataError(
            f"pixels of {name!r} must lie in 0..255 or in [0, 1], but they were {low}..{high}; "
            "give the raw images, not standardized ones"
        )
    if array.dtype.kind != "f":
        return array.astype(np.uint8)
    if high <= 1:
        return np.rint(numbers * MAX_PIXEL).astype(np.uint8)
    if not np.array_equal(numbers, np.rint(numbers)):
        raise DataError(
            f"float pixels of {name!r} must lie in [0, 1] or be whole numbers in 0..255, but they were "
            f"fractions in {low}..{high}; divide them by 255 or round them"
        )
    return numbers.astype(np.uint8)
