"""A cache of the tests' own, in which the constants of the cost model lie: nothing is measured for them."""

from collections.abc import Iterator

import pytest

from evocnn.genotype import CostModel
from evocnn.store import environment
from evocnn.training.cost_measurement import constants_file, keep


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let all processes of the tests use a cache of their own, so that their runs repeat anywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOCNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        keep(CostModel(), constants_file(environment()))
        yield
