"""Freed memory that is kept: the next step takes the same pages instead of asking for new ones."""

import subprocess
import sys

import pytest

# Ten blocks of 64 MiB, one after the other; a page fault is a new page, of 4 KiB or a huge one.
CODE = """
import resource
from evocnn.training.allocator import keep_freed_memory
is_kept = {call}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = b"x" * (64 << 20)
    del block
print(is_kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> tuple[str, int]:
    """Return whether memory is kept, and how many pages were new, in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", CODE.format(call=call)], capture_output=True, check=True)
    is_kept, n_faults = ran.stdout.decode().split()
    return is_kept, int(n_faults)


def test_pages_are_new_once_instead_of_each_time() -> None:
    is_kept, kept = faults("keep_freed_memory()")
    if is_kept == "False":
        pytest.skip("the C library takes no advice")
    _, returned = faults("None")
    assert kept < returned / 5
