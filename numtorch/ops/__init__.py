"""The ops. Each file of a family is found by being here: no other place lists it.

Families call each other's ops, in gradients most of all, by way of this package: ``ops.indexing.scatter(...)``. So no
file need import another one for that, and none imports in a circle.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

LOOPS = ("_cpu", "_cuda", "_codegen")  # files that ops import themselves


def import_all() -> None:
    """Import every family, so that its ops are registered and its exported functions known."""
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        if not module.name.endswith(LOOPS):
            importlib.import_module(module.name)


if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
