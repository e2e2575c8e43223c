"""The Ray cluster that workers run on: connecting to one, or starting one of this machine's own."""

import logging
import os
import socket
from typing import Any

import ray

from evocnn.errors import WorkerError
from evocnn.workers.local_ray import on_loopback
from evocnn.workers.plan import Node
from evocnn.workers.uninterrupted import uninterrupted

CONNECT_SECONDS = 10.0  # Ray itself tries an address where nothing listens for many minutes


def connect(n_workers: int | None, address: str | None, declared_gpus: int | None) -> None:
    """Connect to a cluster, or start a local one, heard on loopback alone, with a token, Ray's default."""
    logging.getLogger("ray").setLevel(logging.ERROR)  # or it announces that it turns on its token
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        with uninterrupted(), on_loopback():
            if address:
                check_listens(address)
                ray.init(address=address, **quiet)
            else:
                ray.init(
                    address="local",  # whatever else runs on this machine
                    num_cpus=len(os.sched_getaffinity(0)) if n_workers is None else n_workers,
                    num_gpus=declared_gpus,
                    include_dashboard=False,
                    **quiet,
                )
    except Exception as error:  # where a node does not start in time, Ray raises a plain one
        place = f"at '{address}'" if address else "on this machine"
        cause = (str(error).strip() or repr(error)).splitlines()[0]
        message = f"a Ray cluster {place} must be reachable, but: {cause}; use --workers 0 to run without Ray"
        raise WorkerError(message) from error


def nodes() -> list[Node]:
    """Return the machines of the cluster."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in resources]


def check_listens(address: str) -> None:
    """Raise OSError where nothing listens at an address of host and port."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
