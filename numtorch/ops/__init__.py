"""The ops. Each file of a family is found by being here: no other place lists it."""

from __future__ import annotations

import importlib
import pkgutil

LOOPS = ("_cpu", "_cuda", "_codegen")  # files that ops import themselves


def import_all() -> None:
    """Import every family, so that its ops are registered and its exported functions known."""
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        if not module.name.endswith(LOOPS):
            importlib.import_module(module.name)
