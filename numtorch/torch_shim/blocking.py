"""Packages for which ``import torch`` is what it is without the shim: PyTorch if it is installed, else ImportError."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numtorch.torch_shim.names import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from numtorch.torch_shim.finder import Finder


def taken_out() -> dict[str, Any]:
    """Take all modules called ``torch...`` or ``torchvision...`` out of those that are imported; what they were."""
    return {path: sys.modules.pop(path) for path in list(sys.modules) if path.partition(".")[0] in ROOTS}


class Blocker:
    """In the place of ``__import__``: gives blocked packages PyTorch itself.

    Args:
        packages: their names.
        finder: what finds numtorch under PyTorch's name.
        folder: the folder of ``sys.path`` that child processes find it in.
        real: PyTorch's modules that were imported before.
    """

    def __init__(self, packages: Iterable[str], finder: Finder, folder: str, real: dict[str, Any]):
        self.packages = frozenset(packages)
        self.finder, self.folder, self.real = finder, folder, real
        self.original = builtins.__import__
        self._lock = threading.Lock()
        self._out = False

    def __call__(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if (
            level
            or name[:5] != "torch"
            or name.partition(".")[0] not in ROOTS
            or self._out
            or not self._blocks(globals)
        ):
            return self.original(name, globals, locals, fromlist, level)
        with self._aside():
            return self.original(name, globals, locals, fromlist, level)

    def _blocks(self, scope: Any) -> bool:
        """Whether an import is one of a blocked package's, of PyTorch's own, or of a module that these import."""
        module = (scope or {}).get("__name__", "")
        if module in self.real and vars(self.real[module]) is scope:
            return True
        frame: FrameType | None = sys._getframe(2)  # where the import stands
        while frame is not None:
            if frame.f_globals.get("__name__", "").partition(".")[0] in self.packages:
                return True
            code = frame.f_code
            if code.co_name not in ("<module>", "__call__") and not code.co_filename.startswith("<frozen importlib"):
                return False
            frame = frame.f_back
        return False

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """PyTorch is found, as if the shim were not there."""
        with self._lock:
            self._out = True
            ours, path = taken_out(), list(sys.path)
            sys.modules.update(self.real)
            sys.meta_path.remove(self.finder)
            sys.path[:] = [p for p in path if p != self.folder]
            try:
                yield
            finally:
                self._out = False
                self.real = taken_out()
                sys.modules.update(ours)
                sys.meta_path.insert(0, self.finder)
                sys.path[:] = path
