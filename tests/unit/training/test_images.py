"""Images on the device: shared with the arrays where they can be, normalized by the training split."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evocnn.training import images as images_module
from evocnn.training.data import ImageSet
from evocnn.training.images import Images, channel_statistics, resident

CPU = torch.device("cpu")


def image_set_of(pixels: np.ndarray) -> ImageSet:
    labels = np.arange(len(pixels)) % 2
    return ImageSet(pixels, labels, ("a", "b"), "noise")


def noise(n: int = 11, channels: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(1).integers(0, 200, (n, channels, 5, 4), dtype=np.uint8)
    return pixels + np.arange(channels, dtype=np.uint8).reshape(1, -1, 1, 1) * 20  # each has its own mean


def test_batches_are_normalized_channels_last_floats_with_their_labels() -> None:
    pixels = torch.arange(2 * 3 * 2 * 2, dtype=torch.uint8).view(2, 3, 2, 2)
    mean, deviation = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1), torch.full((1, 3, 1, 1), 2.0)
    images = Images(pixels, torch.tensor([4, 5]), mean, deviation)
    assert len(images) == 2
    batch, labels = images.batch(torch.tensor([1, 0, 1]))
    assert batch.dtype is torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(batch, (pixels[[1, 0, 1]].float() - mean) / 2)
    assert labels.tolist() == [5, 4, 5]
    assert pixels.flatten().tolist() == list(range(24))  # what is resident stays as it is


def read_only(pixels: np.ndarray, folder: Path) -> np.ndarray:
    pixels = pixels.copy()
    pixels.setflags(write=False)  # as arrays come from Ray's store
    return pixels


def mapped(pixels: np.ndarray, folder: Path) -> np.ndarray:
    np.save(folder / "pixels.npy", pixels)
    return np.load(folder / "pixels.npy", mmap_mode="r")


@pytest.mark.parametrize("made", [lambda pixels, folder: pixels, read_only, mapped])
def test_a_cpu_trains_on_the_arrays_as_they_are(
    made: Callable[[np.ndarray, Path], np.ndarray], tmp_path: Path
) -> None:
    """No copy, so that a mapped set stays mapped; and no warning, which pytest would raise."""
    pixels = made(noise(), tmp_path)
    images = image_set_of(pixels)
    found = resident(images, CPU)
    assert found.pixels.data_ptr() == pixels.ctypes.data
    assert found.labels.data_ptr() == images.labels.ctypes.data
    assert found.device == CPU


def test_images_are_normalized_per_channel_by_their_own_statistics_or_by_others() -> None:
    pixels = noise()
    training = resident(image_set_of(pixels), CPU)
    batch, _ = training.batch(torch.arange(11))
    torch.testing.assert_close(batch.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.std((0, 2, 3), correction=0), torch.ones(3))
    validation = resident(image_set_of(pixels[:4] // 2), CPU, training)
    expected = (torch.tensor(pixels[:4] // 2).float() - training.mean) / training.deviation
    torch.testing.assert_close(validation.batch(torch.arange(4))[0], expected)


def test_a_channel_without_contrast_is_only_shifted() -> None:
    pixels = noise()
    pixels[:, 1] = 7
    batch, _ = resident(image_set_of(pixels), CPU).batch(torch.arange(11))
    assert not batch[:, 1].any()


@pytest.mark.parametrize("chunk", [1, 60, 130, 10**6])  # an image holds 60 pixels
def test_statistics_are_the_same_whatever_is_read_at_a_time(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(images_module, "CHUNK", chunk)
    pixels = noise()
    mean, deviation = channel_statistics(pixels)
    np.testing.assert_allclose(mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(deviation, pixels.std(axis=(0, 2, 3)), rtol=1e-12)
