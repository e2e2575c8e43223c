"""Augmentation: what each kind does to images, drawn for each image, and nothing at strength 0."""

import pytest
import torch
from torch import Tensor

from evocnn.genotype import Recipe
from evocnn.genotype.recipe import AUGMENTATIONS
from evocnn.training.augmentation import augmented, mixed

N = 400


@pytest.fixture
def images() -> Tensor:
    """Return the same image of random pixels many times, so that every difference is a draw."""
    torch.manual_seed(1)
    return torch.randn(1, 3, 12, 10).repeat(N, 1, 1, 1)


def test_nothing_happens_at_strength_0(images: Tensor) -> None:
    """The very same tensor comes back, and no random number is drawn."""
    before = torch.get_rng_state()
    assert augmented(images, Recipe()) is images
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "mixup"])
def test_each_kind_changes_images_differently_and_leaves_the_batch_alone(images: Tensor, name: str) -> None:
    """Drawn for each image: not all results are alike; the images given are not overwritten."""
    copy = images.clone()
    result = augmented(images, Recipe(**{name: 0.4}))
    assert result.shape == images.shape
    assert torch.isfinite(result).all()
    assert len(torch.unique(result.flatten(1), dim=0)) > 1
    assert torch.equal(images, copy)


def test_a_flip_mirrors_a_share_of_the_images(images: Tensor) -> None:
    """Each is mirrored or as it was; a share within five standard errors of the probability."""
    result = augmented(images, Recipe(flip=0.3))
    mirrored = torch.tensor([torch.equal(one, images[0].flip(2)) for one in result.unbind()])
    same = torch.tensor([torch.equal(one, images[0]) for one in result.unbind()])
    assert bool((mirrored ^ same).all())
    assert float(mirrored.float().mean()) == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / N) ** 0.5)


def test_a_shift_moves_at_most_its_share_of_the_side() -> None:
    """A dot in the middle stays within the share, and reaches most of it."""
    dots = torch.zeros(N, 1, 21, 21)
    dots[:, :, 10, 10] = 1.0
    torch.manual_seed(2)
    result = augmented(dots, Recipe(shift=0.2))
    weights = result.squeeze(1) / result.sum((1, 2, 3)).clamp_min(1e-6).view(-1, 1, 1)
    rows = (weights.sum(2) * torch.arange(21)).sum(1)
    columns = (weights.sum(1) * torch.arange(21)).sum(1)
    for places in (rows, columns):
        moved = (places - 10).abs()
        assert float(moved.max()) <= 0.2 * 21 + 0.5
        assert float(moved.max()) > 0.8 * 0.2 * 21


def test_a_rotation_turns_and_keeps_proportions_in_an_oblong() -> None:
    """A disc in an oblong image stays a disc: its second moments stay equal."""
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(20.0), indexing="ij")
    disc = (((rows - 19.5) ** 2 + (columns - 9.5) ** 2) < 36).float().repeat(50, 1, 1, 1)
    torch.manual_seed(3)
    result = augmented(disc, Recipe(rotate=90))
    assert float((result - disc).abs().mean()) < 0.02
    bar = torch.zeros(50, 1, 21, 21)
    bar[:, :, 10, 2:19] = 1
    turned = augmented(bar, Recipe(rotate=90))
    assert float((turned - bar).abs().mean()) > 0.03


def test_a_cutout_square_has_its_share_of_the_side(images: Tensor) -> None:
    """No more pixels vanish than the square holds, all channels at once, and the most do in some image."""
    result = augmented(images, Recipe(cutout=0.5))
    gone = (result == 0).all(1).sum((1, 2))
    assert int(gone.max()) == 36  # half of the longer side of 12, squared
    assert int(gone.min()) < 36  # over the border
    assert torch.equal((result == 0).any(1), (result == 0).all(1))


def test_noise_has_its_deviation(images: Tensor) -> None:
    """144,000 draws."""
    noise = augmented(images, Recipe(noise=0.25)) - images
    assert float(noise.std()) == pytest.approx(0.25, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.005)


def test_brightness_shifts_and_stretches_an_image_as_a_whole(images: Tensor) -> None:
    """One line through old and new values of an image, its slope and height within the strength."""
    result = augmented(images, Recipe(brightness=0.4))
    x, y = images[0].flatten(), result.flatten(1)
    slopes = ((x - x.mean()) * (y - y.mean(1, keepdim=True))).mean(1) / x.var(correction=0)
    heights = y.mean(1) - slopes * x.mean()
    assert torch.allclose(y, slopes[:, None] * x + heights[:, None], atol=1e-4)
    for values, middle in ((slopes, 1.0), (heights, 0.0)):
        assert float((values - middle).abs().max()) <= 0.4 + 1e-4
        assert float((values - middle).abs().max()) > 0.35


def test_mixup_mixes_images_as_it_mixes_labels() -> None:
    """Each image holds its own class's value, so the mixture tells the shares."""
    labels = torch.arange(8)
    images = labels.float().view(8, 1, 1, 1).expand(8, 1, 2, 2)
    torch.manual_seed(4)
    result, others, weight = mixed(images, labels, 0.4)
    assert others.tolist() == [7, 0, 1, 2, 3, 4, 5, 6]
    assert torch.allclose(result[:, 0, 0, 0], weight * labels + (1 - weight) * others, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_the_weight_of_a_mixture_has_the_beta_distribution(alpha: float) -> None:
    """Mean and variance of 2,000 weights, within five standard errors."""
    torch.manual_seed(5)
    images, labels = torch.zeros(2, 1, 1, 1), torch.arange(2)
    weights = torch.stack([mixed(images, labels, alpha)[2] for _ in range(2000)])
    variance = 1 / (4 * (2 * alpha + 1))
    assert float(weights.mean()) == pytest.approx(0.5, abs=5 * (variance / 2000) ** 0.5)
    assert float(weights.var()) == pytest.approx(variance, rel=5 * (2 / 2000) ** 0.5)
