"""Where evaluations happen: in this process, on Ray workers, or on a simulated clock."""

from evocnn.workers.executor import Executor
from evocnn.workers.serial import SerialExecutor
from evocnn.workers.simulated import SimulatedExecutor

__all__ = ["Executor", "SerialExecutor", "SimulatedExecutor"]
