"""A local Ray cluster answers who knows its token, and nobody else."""

import os
import secrets
import subprocess
import sys

import pytest
import ray

from evocnn.workers.ray_executor import RayExecutor

pytestmark = [pytest.mark.fault, pytest.mark.ray, pytest.mark.xdist_group("ray")]
ASK = """
import sys
from ray._raylet import GcsClient
print(len(GcsClient(address=sys.argv[1]).internal_kv_keys(b"", None, timeout=30)))
"""


@pytest.mark.parametrize(
    "known",
    [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}],
    ids=["no token", "another token"],
)
def test_who_does_not_know_the_token_learns_nothing(cluster: RayExecutor, known: dict[str, str]) -> None:
    """Fails where Ray is told, or changes its mind, to ask for no token."""
    command = [sys.executable, "-c", ASK, ray.get_runtime_context().gcs_address]
    ours, theirs = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        for environment in ({**os.environ}, {**os.environ, **known})
    )
    assert (ours.returncode, ours.stderr) == (0, "")
    assert (theirs.returncode, theirs.stdout) == (1, "")
    assert "token" in theirs.stderr
