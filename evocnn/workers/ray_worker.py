"""A Ray worker: a persistent actor, one candidate at a time on a core, several on a GPU."""

import os
import socket
import sys
import traceback
from threading import Thread
from typing import Any

import ray

from evocnn.evaluation import Evaluation, EvaluationRequest, Evaluator, evaluate_safely
from evocnn.workers.shared import SharedExecutor

N_THREADS = 32  # of a worker with a GPU: each waits for a lane's candidate, so at least as many as lanes


class Worker:
    """The actor: holds the evaluator with its data, and evaluates, in lanes where it has a GPU.

    Args:
        evaluator: The object reference of the evaluator, in a list, so that Ray does not resolve it before
            user code can be imported.
        path: Where the driver imports from.
        candidate_bytes: What a typical candidate takes of the GPU's memory; None without a GPU.
    """

    def __init__(self, evaluator: list[Any], path: list[str], candidate_bytes: int | None) -> None:
        if candidate_bytes is None:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray shows every GPU to who asked for none
        sys.path[:0] = [entry for entry in path if entry not in sys.path]  # before user code is unpickled
        self._evaluator: Evaluator = ray.get(evaluator[0])
        self._lanes: SharedExecutor | None = None
        self._n_lanes = 1
        if candidate_bytes is not None and hasattr(self._evaluator, "steps"):
            from evocnn.training.lanes import lanes_of  # noqa: PLC0415 - an evaluator may need no torch

            if lanes := lanes_of(self._evaluator, candidate_bytes):
                self._n_lanes = min(N_THREADS, lanes.n_idle)
                self._lanes = SharedExecutor(lanes)
                Thread(target=self._drive, daemon=True).start()

    def start(self) -> tuple[int, str]:
        """Return the number of lanes, and GPU and machine, once the actor has started."""
        gpus = "".join(f" GPU {gpu}" for gpu in ray.get_gpu_ids())
        return self._n_lanes, f"{gpus} on {socket.gethostname()}"

    def evaluate(self, request: EvaluationRequest) -> Evaluation:
        """Return the evaluation; never raises for a bad candidate."""
        return self._lanes.evaluate(request) if self._lanes else evaluate_safely(self._evaluator, request)

    def _drive(self) -> None:
        """Keep the lanes going; without them, or with a GPU that is lost, there is no worker."""
        try:
            self._lanes.drive()  # type: ignore[union-attr]
        except BaseException:  # noqa: BLE001 - the process ends
            traceback.print_exc()
        os._exit(1)
