"""Muon: torch's own on matrices, and the same on convolutions as matrices."""

import pytest
import torch
from torch import Tensor, nn

from evocnn.training.muon import Muon, orthogonalized


def weights(*shape: int) -> nn.Parameter:
    torch.manual_seed(1)
    return nn.Parameter(torch.randn(*shape))


def stepped(weight: nn.Parameter, optimizer: torch.optim.Optimizer, n_steps: int = 4) -> Tensor:
    """Return a weight after steps along gradients that are all different."""
    torch.manual_seed(2)
    for _ in range(n_steps):
        gradient = torch.randn(weight.flatten(1).shape)
        weight.grad = gradient.view_as(weight)
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (16, 16)])
def test_an_orthogonalized_matrix_has_singular_values_about_1_and_the_same_directions(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    result = orthogonalized(matrix)
    assert result.shape == matrix.shape
    values = torch.linalg.svdvals(result)
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.25
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    aligned = u.T @ result @ v.T  # diagonal where the singular vectors are kept
    assert float((aligned - torch.diag(aligned.diagonal())).abs().max()) < 1e-3
    assert float(aligned.diagonal().min()) > 0.6


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonalized(torch.zeros(3, 4)).any()


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has a Muon from 2.9 on")
def test_it_steps_as_torchs_own_does_on_matrices(shape: tuple[int, int]) -> None:
    """Torch iterates in bfloat16, hence the tolerance; a step of another size or direction is far beyond."""
    ours, theirs, start = weights(*shape), weights(*shape), weights(*shape).detach()
    reference = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    moved = stepped(ours, Muon([ours], 0.02, 0.1)) - start
    expected = stepped(theirs, reference) - start
    assert float((moved - expected).norm() / expected.norm()) < 0.02


def test_a_convolution_is_a_matrix_of_one_row_a_filter() -> None:
    matrix, convolution = weights(6, 4 * 3 * 3), nn.Parameter(weights(6, 4 * 3 * 3).detach().view(6, 4, 3, 3))
    expected = stepped(matrix, Muon([matrix], 0.02, 0.1))
    assert torch.equal(stepped(convolution, Muon([convolution], 0.02, 0.1)).flatten(1), expected)


def test_the_layout_of_a_convolution_changes_nothing_but_the_order_of_sums() -> None:
    plain = weights(6, 4, 3, 3)
    last = nn.Parameter(plain.detach().to(memory_format=torch.channels_last, copy=True))
    found = stepped(last, Muon([last], 0.02, 0.1))
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, stepped(plain, Muon([plain], 0.02, 0.1)))


def test_weights_without_a_gradient_stay() -> None:
    idle, busy = weights(3, 3), weights(4, 4)
    before = idle.detach().clone()
    stepped(busy, Muon([idle, busy], 0.1, 0.5))
    assert torch.equal(idle, before)
