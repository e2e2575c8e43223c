"""Whether PyTorch computes is told, never raised."""

import sys

import pytest
import torch

from evocnn.training.torch_state import torch_state


def test_a_pytorch_that_computes_has_no_error() -> None:
    state = torch_state()
    assert (state.version, state.error) == (torch.__version__, "")


def test_a_pytorch_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "torch" in torch_state().error


def test_a_wrong_gradient_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn, "Conv2d", lambda *_, **options: torch.nn.Linear(4, 3, **options))
    assert "a gradient must be 8" in torch_state().error
