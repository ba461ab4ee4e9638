"""Tools around training: ``numtorch.utils.data`` feeds batches to it."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numtorch.utils import data as data
else:
    def __getattr__(name):
        # Loaded when first named: importing numtorch must not pay for worker processes and samplers.
        if name == "data":
            return importlib.import_module("numtorch.utils.data")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), "data"})
