"""A Ray cluster of this machine's own, with nothing in it but what trains.

What Ray starts beside it by default are Python processes that take seconds and memory each: an API server,
which its dashboard needs and which reports the use of Ray to its makers; a monitor, which rents machines; a
log monitor, which copies what workers print. Nothing here reads them. Ray waits for the first, and its node
gives up for good where its agents take longer than 15 s to tell their ports (ray-project/ray#65983), as they
do on a machine that is busy: so ports are chosen before.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import Any

from ray._private import node, ray_constants
from ray._raylet import persist_port  # type: ignore[attr-defined]

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)  # above those of Ray's workers, below those that Linux hands out unless told
AGENT = "dashboard_agent_listen_port"  # the one whose port can be told by a file alone
NONE = -1  # its port where it serves nothing
BEFORE = node.Node, ray_constants.ENABLE_RAY_CLUSTER


class _LocalNode(node.Node):  # type: ignore[misc]
    """A node without API server, monitor and log monitor, that waits for none of its agents."""

    def start_api_server(self, *_: Any, **__: Any) -> None:
        """Start nothing."""

    def start_monitor(self) -> None:
        """Start nothing."""

    def start_log_monitor(self) -> None:
        """Start nothing."""

    def start_raylet(self, *arguments: Any, **options: Any) -> None:
        """Start the node's own process, with the ports of its agents settled."""
        ports = self._ray_params
        ports.metrics_agent_port, ports.metrics_export_port, ports.runtime_env_agent_port = _free_ports(3)
        persist_port(self._session_dir, self._node_id, AGENT, NONE)
        super().start_raylet(*arguments, **options)


@contextmanager
def on_loopback() -> Iterator[None]:
    """Let `ray.init` start such a node, heard on loopback alone.

    Ray listens on all interfaces, except where it is told that machines here never form clusters, as on
    macOS and Windows; that also keeps it from taking 127.0.0.1 in an address for another interface.
    """
    node.Node, ray_constants.ENABLE_RAY_CLUSTER = _LocalNode, False
    try:
        yield
    finally:
        node.Node, ray_constants.ENABLE_RAY_CLUSTER = BEFORE


def _free_ports(n: int) -> list[int]:
    """Return ports of this machine on which nothing listens."""
    found: set[int] = set()
    while len(found) < n:
        port = SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)):
                found.add(port)
    return list(found)
