"""What the tests of faults share with those of integration: a search of seconds, commands to be killed."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_SPEC = spec_from_file_location(
    "evocnn_integration_tools", Path(__file__).parents[1] / "integration/conftest.py"
)
assert _SPEC
assert _SPEC.loader
_TOOLS = sys.modules[_SPEC.name] = module_from_spec(_SPEC)  # dataclasses look their module up
_SPEC.loader.exec_module(_TOOLS)

tools = _TOOLS.tools
experiment_file = _TOOLS.experiment_file
serial = _TOOLS.serial
