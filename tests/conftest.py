"""What all tests share: one thread, searches, and a cache of their own with constants of the cost model."""

import os
from collections.abc import Iterator

import pytest

pytest_plugins = ["searches"]

# Before torch is imported, and for the processes that tests start: threads of several processes on the
# same cores wait for each other, up to forty times as long as one takes.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let all processes of the tests use a cache of their own, so that their runs repeat anywhere."""
    from evocnn.genotype import CostModel
    from evocnn.store import environment
    from evocnn.training.cost_measurement import constants_file, keep

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOCNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        keep(CostModel(), constants_file(environment()))
        yield
