"""One optimization step as a CUDA graph: recorded once, then replayed with one call from the host."""

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from evocnn.genotype import Recipe
from evocnn.training.images import Images
from evocnn.training.step import EagerStep

N_EAGER = 3  # steps ahead of the capture: libraries choose their kernels, optimizers make their state


class CapturedStep:
    """The step of a small network costs the host more than the device; replayed, it does not. See `Step`.

    A graph holds addresses, not values. So what changes from step to step lies in tensors that are
    filled before a replay: which images, the learning rate, and the seed of a generator of the
    step's own (that of the device has one place for its seed, which graphs on other streams would
    overwrite before torch 2.13). The average of the weights is taken after the replay, since its
    decay is computed on the host.

    The first steps are taken eagerly, and so is a smaller batch at the end of an epoch. Where a step
    cannot be captured, all are. The current stream must not be the default one.

    Args:
        network: In channels-last layout, on the images' device.
        recipe: Everything but the initialization, which the network has.
        images: The training images.

    Attributes:
        n_steps: Steps that were taken.
        obstacle: Why steps are not captured; empty where they are.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, images: Images) -> None:
        self.network = network
        self.recipe = recipe
        self.images = images
        self.n_steps = 0
        n_whole = len(images) // recipe.batch_size
        self.obstacle = "" if n_whole else f"{len(images)} images are less than a batch"
        self._eager = EagerStep(network, recipe, images)
        self._index = torch.zeros(recipe.batch_size, dtype=torch.int64, device=images.device)
        self._learning_rate = torch.zeros((), device=images.device)
        self._generator = torch.Generator(images.device)
        self._graph: Any = None
        self._is_gpu = images.device.type == "cuda"
        for optimizer in self._eager.optimizers if self._is_gpu else []:
            optimizer._warned_capturable_if_run_uncaptured = True  # noqa: SLF001
            for group in optimizer.param_groups:
                group.update(capturable=True)  # keeps the number of steps on the device

    @property
    def measured(self) -> nn.Module:
        """The network, or its average; see `Step`."""
        return self._eager.measured

    def __call__(self, index: Tensor, learning_rate: float, seed: int) -> None:
        """Take a step; see `Step`.

        Raises:
            OutOfMemoryError: The device's memory is exhausted.
        """
        self.n_steps += 1
        is_whole = len(index) == len(self._index)
        if is_whole and self.n_steps > N_EAGER and self._graph is None and not self.obstacle:
            self._try_capture()
        if not is_whole or self._graph is None:
            self._eager(index, learning_rate, seed)
            return
        self._index.copy_(index)
        self._learning_rate.fill_(learning_rate)
        self._generator.manual_seed(seed)
        self._graph.replay()
        self._eager.update_average()

    def take_loss(self) -> Tensor:
        """Return the sum of all images' losses since it was last taken."""
        return self._eager.take_loss()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of an `EagerStep`, so that any device can go on from it."""
        return _with_groups(self._eager.state_dict(), lr=self.recipe.learning_rate, capturable=False)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned, of a step of either kind."""
        self._eager.load_state_dict(_with_groups(state, capturable=self._is_gpu))

    def _try_capture(self) -> None:
        """Capture the step, or note what stands in the way.

        While it captures, the allocator gives no cached memory back by itself: where that is
        exhausted, the cache is emptied and the capture tried once more.
        """
        for is_last in (False, True):
            try:
                self._graph = self._capture()
            except (RuntimeError, AssertionError) as error:
                cause = error.__context__ or error  # ending the capture fails as well, and hides why
                if not isinstance(cause, torch.OutOfMemoryError):
                    self.obstacle = f"{type(cause).__name__}: {cause}".splitlines()[0]
                    return
                if is_last:
                    raise cause from None
                del cause  # its frames hold tensors
            else:
                return
            torch.cuda.empty_cache()

    def _capture(self) -> Any:  # pragma: no cover - GPU branch
        """Return the graph of a step; nothing is computed.

        `torch.cuda.graph` would wait for the device and empty its cache, at the cost of all lanes.
        """
        graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        default = torch.cuda.default_generators[self.images.device.index or 0]
        state = default.graphsafe_get_state()
        default.graphsafe_set_state(self._generator)  # operations draw from the default one
        try:
            # Only this thread puts work to the device.
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                self._operate()
            finally:
                _end_capture(graph, self.images.device.index or 0, pool)
        finally:
            default.graphsafe_set_state(state)
        return graph

    def _operate(self) -> None:
        """Do what is captured, on the tensors that are filled before a replay."""
        self._eager.operate(self._index, self._learning_rate)


def _end_capture(graph: Any, device: int, pool: Any) -> None:  # pragma: no cover - GPU branch
    """End a capture; PyTorch ends a failed one too late for its allocator, which is done here then.

    Otherwise that would ask the graph, once it is gone, for the rest of the process.
    """
    try:
        graph.capture_end()
    except RuntimeError:
        with suppress(RuntimeError):  # had ended before the failure: then the graph releases its pool itself
            torch._C._cuda_endAllocateToPool(device, pool)  # noqa: SLF001
            torch._C._cuda_releasePool(device, pool)  # noqa: SLF001
        raise


def _with_groups(state: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return a step's state whose optimizers have other values, where they have such at all."""

    def changed(part: dict[str, Any]) -> dict[str, Any]:
        groups = [
            {name: values.get(name, value) for name, value in group.items()} for group in part["param_groups"]
        ]
        return {**part, "param_groups": groups}

    return {name: changed(part) if "param_groups" in part else part for name, part in state.items()}
