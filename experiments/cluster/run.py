"""The same search on one node and on a simulated cluster of four: equal results, ticket by ticket.

    evocnn reproduce experiments/cluster [--quick]

The search of experiments/digits, once in one process without Ray, once with two workers of one Ray node,
and once with four workers on a cluster of four nodes of one core each, which Ray simulates on this machine:
each node has processes of its own. Compared is all that was evaluated: networks, parents and operators, and
every figure to the last bit. Times say nothing here: four nodes share the cores of one machine.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from evocnn.cli.search_study import search_figures
from evocnn.cli.study import Asked, kept_run, perform
from evocnn.cli.tested import made_on
from evocnn.config import load_experiment
from evocnn.report.figures import Figure
from evocnn.report.front_table import front_markdown
from evocnn.runs import Run, Workers
from evocnn.workers.local_ray import on_loopback

FILE = Path(__file__).parents[1] / "digits" / "experiment.toml"
N_NODES = 4
QUICK = ["search.budget=4", "search.population=8", "training.epochs=3"]


@contextmanager
def cluster_of(n_nodes: int) -> Iterator[str]:
    """Run a cluster of nodes of one core each; its address is given."""
    cluster = Cluster()
    try:
        with on_loopback():
            for _ in range(n_nodes):
                cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        ray.shutdown()
        cluster.shutdown()


def told(run: Run) -> dict[int, tuple[Any, ...]]:
    """Return by ticket all that a search found and whence it came; but not how long it took."""
    return {
        one.ticket: (one.key, one.parents, one.operators, one.evaluation.status, dict(one.metrics))
        for one in run.records
    }


def share_alike(first: Mapping[int, Any], second: Mapping[int, Any]) -> float:
    """Return the share of tickets that two searches have in common, with all that was told of them."""
    n_same = len([ticket for ticket, one in first.items() if second.get(ticket) == one])
    return n_same / max(len(first), len(second))


def study(asked: Asked) -> Mapping[str, Figure]:
    """Search in all three ways; return what was found, and how much was the same."""
    experiment = load_experiment(FILE, QUICK if asked.is_quick else [])
    runs = {
        "one process": kept_run(experiment, asked.runs / "process", None, Workers(0)),
        "one node": kept_run(experiment, asked.runs / "node", None, Workers(2)),
    }
    with cluster_of(N_NODES) as address:
        workers = Workers(N_NODES, address=address)
        runs["four nodes"] = kept_run(experiment, asked.runs / "cluster", None, workers)
    first = told(runs["one process"])
    shares = {name: share_alike(first, told(runs[name])) for name in ("one node", "four nodes")}
    rows = [f"| {name} | {len(runs[name].records)} | {share:.4f} |" for name, share in shares.items()]
    asked.write(
        "results.md",
        [
            "# One search on three crews",
            "",
            "| where | tickets | the same as in one process |",
            "|---|---|---|",
            f"| one process | {len(first)} | |",
            *rows,
            "",
            *front_markdown(runs["four nodes"]),
            "",
            made_on(),
        ],
    )
    same = {f"same_on_{name.replace(' ', '_')}": Figure(share, 0) for name, share in shares.items()}
    return search_figures(runs["four nodes"]) | same


if __name__ == "__main__":
    perform(study, __doc__)
