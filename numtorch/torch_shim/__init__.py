"""``import torch`` is numtorch: programs and libraries that are written for PyTorch run without a change to them.

    names.py          which modules PyTorch has, and what they are here
    finder.py         finds them: one module object under two names
    placeholders.py   stand for names that are not here
    blocking.py       packages that see PyTorch itself
    checking.py       reads sources, and lists what would be missing
    path/             what child processes find on PYTHONPATH

    import numtorch
    numtorch.torch_shim.install()
    import torch                  # is numtorch

``python -m numtorch.run script.py`` does the same from outside.
"""

from __future__ import annotations

import atexit
import builtins
import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from numtorch import absent, notices
from numtorch import version as version
from numtorch.torch_shim import blocking, finder, placeholders

FOLDER = str(Path(__file__).parent / "path")
VARIABLE = "NUMTORCH_SHIM"  # tells child processes the options
BLOCKED = ("array_api_compat",)  # they tell arrays apart by the libraries that are imported
# What is imported already, beside the modules that answer for absent names.
LOADED = ("torch.autograd.functional", "torch.cpu", "torch.nn.functional", "torch.serialization", "torch.version")


class Shim:
    """The redirect of ``import torch``, as ``install`` makes it; as a context, until the block ends.

    Attributes:
        blocked: packages that see PyTorch itself.
        lenient: whether missing names are placeholders.
        report: whether those that were asked for are listed when the process ends, although no use of one has failed.

    >>> with torch.torch_shim.install():
    ...     import torch as imported
    >>> imported is torch
    True
    """

    def __init__(self, blocked: Iterable[str], lenient: bool, report: bool):
        found = [name for name in BLOCKED if PathFinder.find_spec(name) is not None]
        self.blocked, self.lenient, self.report = (*found, *blocked), lenient, report

    def _start(self) -> None:
        """Turn it on."""
        self._finder = finder.Finder(self.lenient)
        real = {path: module for path, module in blocking.taken_out().items() if not _is_ours(module)}
        self._blocker = blocking.Blocker(self.blocked, self._finder, FOLDER, real)
        self._environment = {name: os.environ.get(name) for name in ("PYTHONPATH", VARIABLE)}
        self._tell_of_torch()
        os.environ[VARIABLE] = f"{'lenient' if self.lenient else 'strict'}:{','.join(self.blocked)}"
        below = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != FOLDER]
        os.environ["PYTHONPATH"] = os.pathsep.join([FOLDER, *below])
        sys.path[1:] = [FOLDER, *(p for p in sys.path[1:] if p != FOLDER)]
        sys.meta_path.insert(0, self._finder)
        for path in (*LOADED, *absent.LATE):
            theirs = path.replace("torch.vision", "torchvision", 1)
            self._finder.adopt(theirs, sys.modules[path.replace("torch", "numtorch", 1)])
        if self.blocked:
            builtins.__import__ = self._blocker

    def _tell_of_torch(self) -> None:
        """Say that PyTorch is installed and not used, unless the process that started this one has said so."""
        found = PathFinder.find_spec("torch", [p for p in sys.path if p != FOLDER])
        if found is not None and found.origin and VARIABLE not in os.environ:
            notices.tell(f"numtorch: import torch is numtorch here, not the PyTorch in {os.path.dirname(found.origin)}")

    def _stop(self) -> None:
        """Turn it off: everything is as it was."""
        if builtins.__import__ is self._blocker:
            builtins.__import__ = self._blocker.original
        sys.meta_path.remove(self._finder)
        self._finder.close()
        sys.modules.update(self._blocker.real)
        if FOLDER in sys.path:
            sys.path.remove(FOLDER)
        for name, value in self._environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    def __enter__(self) -> Shim:
        return self

    def __exit__(self, *exception: Any) -> None:
        if self in _STACK:
            uninstall()


_STACK: list[Shim] = []  # the last one is on


def _is_ours(module: Any) -> bool:
    return (getattr(module, "__file__", None) or "").startswith(FOLDER)


def install(blocked: Iterable[str] = (), lenient: bool = True, report: bool = False) -> Shim:
    """From now on ``import torch`` and ``import torchvision`` are numtorch, here and in child processes.

    Args:
        blocked: packages for which they stay what they are: PyTorch if it is installed, else ImportError.
        lenient: a name of PyTorch that is not here is a placeholder, which can be imported, subclassed and named in
            annotations, and raises NotImplementedError where it is used. Else asking for it raises AttributeError.
        report: when the process ends, list the missing names that were asked for, also if no use of one has failed.

    Returns:
        A context manager that uninstalls at its end.

    >>> with torch.torch_shim.install():
    ...     from torch.nn.modules.linear import Linear
    >>> Linear is torch.nn.Linear
    True
    """
    if _STACK:
        _STACK[-1]._stop()
    shim = Shim(blocked, lenient, report)
    shim._start()
    _STACK.append(shim)
    return shim


def uninstall() -> None:
    """Take the last ``install`` back; what has been imported by PyTorch's name stays bound.

    >>> torch.torch_shim.uninstall()
    """
    if _STACK:
        _STACK.pop()._stop()
        if _STACK:
            _STACK[-1]._start()


def installed() -> bool:
    """Whether ``import torch`` is numtorch.

    Returns:
        A bool.

    >>> with torch.torch_shim.install():
    ...     torch.torch_shim.installed()
    True
    """
    return bool(_STACK)


def install_as_parent() -> None:
    """``install`` as the process that started this one has done it, which the environment tells.

    >>> torch.torch_shim.install_as_parent()
    >>> torch.torch_shim.uninstall()
    """
    kind, _, blocked = os.environ.get(VARIABLE, "lenient:").partition(":")
    install([p for p in blocked.split(",") if p not in ("", *BLOCKED)], kind != "strict")


def report() -> str:
    """The names that were asked for and are not here: how often, where first, and what is nearest.

    Returns:
        Text; empty if there were none.

    >>> isinstance(torch.torch_shim.report(), str)
    True
    """
    return placeholders.report()


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext numtorch``: ``install`` in a notebook.

    Args:
        shell: IPython's shell.

    >>> torch.load_ipython_extension(None)
    >>> torch.unload_ipython_extension(None)
    """
    install()


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext numtorch``: ``uninstall`` in a notebook.

    Args:
        shell: IPython's shell.

    >>> torch.load_ipython_extension(None)
    >>> torch.unload_ipython_extension(None)
    """
    uninstall()


def _at_exit() -> None:
    """Print the report where the use of a missing name has failed, or where it was asked for."""
    told = report()
    if told and (any(shim.report for shim in _STACK) or any(entry.used for entry in placeholders.ASKED.values())):
        notices.tell(told)


atexit.register(_at_exit)
