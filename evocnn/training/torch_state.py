"""What PyTorch is here, and whether it computes: a step of training is tried on each device."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A GPU as PyTorch sees it.

    Attributes:
        name: Its name.
        free: Bytes of its memory that are free.
        total: Bytes of its memory.
        error: Why it cannot train; empty where it can.
    """

    name: str
    free: int
    total: int
    error: str = ""


@dataclass(frozen=True)
class TorchState:
    """What PyTorch is.

    Attributes:
        version: Its version.
        cuda: The version of CUDA that it was built with; empty for a CPU build.
        gpus: The GPUs that it sees.
        error: Why it cannot be used; empty where it can.
    """

    version: str
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()
    error: str = ""


def torch_state() -> TorchState:
    """Return what PyTorch is here; whatever goes wrong is told, never raised."""
    try:
        import torch  # noqa: PLC0415 - whether it can be imported is the question
    except Exception as error:  # noqa: BLE001 - a library of the system may be missing or wrong
        return TorchState("", error=_first_line(error))
    version, cuda = torch.__version__, torch.version.cuda or ""
    if reason := _failure("cpu"):
        return TorchState(version, cuda, error=reason)
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return TorchState(version, cuda, tuple(_gpu(index) for index in range(n_gpus)))


def _gpu(index: int) -> Gpu:  # pragma: no cover - needs a GPU
    import torch  # noqa: PLC0415

    device = f"cuda:{index}"
    reason = _failure(device)
    free, total = (0, 0) if reason else torch.cuda.mem_get_info(device)
    return Gpu(torch.cuda.get_device_name(device), free, total, reason)


def _failure(device: str) -> str:
    """Return why a device cannot take a step; nothing where it can."""
    import torch  # noqa: PLC0415

    try:
        layer = torch.nn.Conv2d(1, 2, 3, device=device)
        layer(torch.ones(1, 1, 4, 4, device=device)).sum().backward()
        gradient = float(layer.bias.grad.sum())
    except Exception as error:  # noqa: BLE001 - as above
        return _first_line(error)
    return "" if gradient == 8 else f"a gradient must be 8, but it was {gradient}"  # 2 filters, 4 positions


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
