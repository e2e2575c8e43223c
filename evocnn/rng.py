"""Random streams that are addressed, never drawn in passing.

Whoever needs randomness names what for and which one; the same address always gives the same
stream, in any process and in any order of asking. So nothing depends on what was drawn before,
and no generator state is ever saved.
"""

import hashlib
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for. The numbers are part of every run's identity: never reuse one."""

    BREEDING = 1
    SPLIT = 2
    TRAINING_SUBSET = 3


def stream(seed: int, purpose: Purpose, *address: int) -> np.random.Generator:
    """Return the stream at an address.

    Args:
        seed: The run's seed, 0 or above.
        purpose: What the stream is for.
        address: Which one, for instance the ticket.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *address)))


def derive_seed(*parts: str | int) -> int:
    """Return a seed in [0, 2^63) that follows from the parts alone (SHA-256)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
