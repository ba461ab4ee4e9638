"""Libraries that know arrays by the library they come from are told of tensors when they are imported.

    einops.py       its backend for tensors
    opt_einsum.py   the functions that it calls for contractions

They are never imported from here: ``watch`` waits until a program does it. One that is imported
already is told at once.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

# The module of the library that is ready when it can be told, and the module here that tells it.
TOLD = {"einops._backends": "numtorch.interop.einops", "opt_einsum.backends.dispatch": "numtorch.interop.opt_einsum"}


class _Telling:
    """A loader that tells a module of tensors after it has run."""

    def __init__(self, loader: Any, name: str):
        self.loader, self.name = loader, name

    def create_module(self, spec: Any) -> Any:
        """As the module's own loader makes it."""
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Run the module, and tell it."""
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        _tell(self.name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


class Watch:
    """Finds nothing itself: it lets others find the modules that are to be told, and wraps their loaders."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """None for all modules but those."""
        if name not in TOLD:
            return None
        for finder in sys.meta_path:
            if finder is not self:
                find = getattr(finder, "find_spec", None)
                spec = None if find is None else find(name, path, target)
                if spec is not None:
                    if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                        spec.loader = _Telling(spec.loader, name)
                    return spec
        return None


def _tell(name: str) -> None:
    importlib.import_module(TOLD[name]).register(sys.modules[name])


def watch() -> None:
    """Tell the libraries that are imported, and those that will be."""
    if not any(isinstance(finder, Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, Watch())
    for name in TOLD:
        if name in sys.modules:
            _tell(name)
