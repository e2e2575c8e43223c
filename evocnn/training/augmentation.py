"""Augmentation of whole batches on the device that trains, drawn anew for each image."""

import torch
from torch import Tensor
from torch.nn import functional

from evocnn.genotype import Recipe

ELASTIC_CELLS = 4  # displacements are drawn on a grid of so many cells a side, and smooth between


def changes_images(recipe: Recipe) -> bool:
    """Return whether a recipe trains on other images than the given ones."""
    strengths = (recipe.flip, recipe.shift, recipe.rotate, recipe.elastic, recipe.noise, recipe.cutout)
    return any((*strengths, recipe.mixup, recipe.brightness))


def augmented(images: Tensor, recipe: Recipe) -> Tensor:
    """Return images after a recipe's augmentations; the same tensor where it has none.

    What moves into the image from beyond its border, and what is cut out, is 0: the mean colour.

    Args:
        images: Normalized images, `(n, channels, height, width)`.
        recipe: Strengths of flip, shift, rotate, elastic, brightness, noise and cutout.
    """
    if recipe.flip > 0:
        mirrored = _uniform(images, 0, 1) < recipe.flip  # (n, 1, 1, 1)
        images = torch.where(mirrored, images.flip(3), images)
    if recipe.shift > 0 or recipe.rotate > 0 or recipe.elastic > 0:
        images = _moved(images, recipe)
    if recipe.brightness > 0:
        contrast, shift = (_uniform(images, -recipe.brightness, recipe.brightness) for _ in range(2))
        images = images * (1 + contrast) + shift
    if recipe.noise > 0:
        n, channels, height, width = images.shape  # randn_like of channels-last images takes 10 times as long
        noise = torch.randn(n, height, width, channels, device=images.device).permute(0, 3, 1, 2)
        images = images + recipe.noise * noise
    if recipe.cutout > 0:
        images = images * ~_squares(images, recipe.cutout)
    return images


def mixed(images: Tensor, labels: Tensor, alpha: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return images mixed with the ones ahead of them, by one weight for the batch (Zhang et al. 2018).

    Args:
        images: In random order, `(n, channels, height, width)`.
        labels: Classes, `(n,)`.
        alpha: Parameter of the beta distribution of the weight, above 0.

    Returns:
        The images, the classes of the other image of each pair, and the weight of the image itself, `()`.
    """
    shares = torch.full((2,), alpha, device=images.device)  # Dirichlet's for two are the beta distribution's
    weight = torch.distributions.Dirichlet(shares, validate_args=False).sample()[0]
    return images.roll(1, 0).lerp(images, weight), labels.roll(1), weight


def _moved(images: Tensor, recipe: Recipe) -> Tensor:
    """Return images shifted, rotated and elastically distorted, resampled once."""
    n, _, height, width = images.shape
    angle = _uniform(images, -recipe.rotate, recipe.rotate).view(n) * torch.pi / 180
    shifts = 2 * recipe.shift * (2 * torch.rand(n, 2, device=images.device) - 1)  # the image is 2 wide
    cosine, sine, ratio = angle.cos(), angle.sin(), height / width
    rows = [torch.stack([cosine, -sine * ratio, shifts[:, 0]], 1)]
    rows.append(torch.stack([sine / ratio, cosine, shifts[:, 1]], 1))
    size = [n, images.shape[1], height, width]
    grid = functional.affine_grid(torch.stack(rows, 1), size, align_corners=False)  # (n, h, w, 2)
    if recipe.elastic > 0:
        coarse = torch.randn(n, 2, ELASTIC_CELLS, ELASTIC_CELLS, device=images.device)
        smooth = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
        grid = grid + 2 * recipe.elastic * smooth.permute(0, 2, 3, 1)
    moved: Tensor = functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    return moved


def _squares(images: Tensor, share: float) -> Tensor:
    """Return where each image's square lies, `(n, 1, h, w)`; its centre is anywhere in the image."""
    _, _, height, width = images.shape
    half = share * max(height, width) / 2
    rows = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    tops, lefts = _uniform(images, 0, height), _uniform(images, 0, width)
    return ((rows + 0.5 - tops).abs() < half) & ((columns + 0.5 - lefts).abs() < half)


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Return a number for each image, `(n, 1, 1, 1)`."""
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, device=images.device)
