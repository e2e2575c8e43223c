"""What a check borrows from the process: its sources of randomness, seeded and watched, and its threads."""

import pickle
import random
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def borrowed_process() -> Iterator[None]:
    """Use one thread, which small tensors are fastest with, and put it and all random states back after."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - watched
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


def seed_everything(seed: int) -> None:
    """Seed the random states of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)  # torch.manual_seed asks every kind of device, and takes a ms


def random_states() -> Mapping[str, Hashable]:
    """Return the random states of Python, NumPy and torch, by name."""
    return {
        "Python's random": random.getstate(),
        "numpy.random": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "torch's random state": bytes(torch.get_rng_state().numpy()),
    }


def moved(before: Mapping[str, Hashable]) -> str:
    """Return the names of the random states that are no longer what they were; empty where all are."""
    return ", ".join(name for name, state in random_states().items() if state != before[name])
