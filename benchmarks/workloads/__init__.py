"""What is measured. A workload is written once, as a function of the framework, and runs on every framework.

    @workload("row/softmax 768x512", budget=0.8)
    def softmax(fw):
        x = fw.tensor(values(768, 512))
        return lambda: fw.F.softmax(x, -1)

The function returns the function to time. The results of that are compared between the frameworks before timing. If
another value should be compared, the workload returns (run, check). The part of the name before the slash is the group:
a module of this folder, and a file under ``results/``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        make: from the framework to what is timed, or to (run, check).
        budget: our time over the rival's that we mean to stay below; a dict where it is another for each rival.
        tolerance: largest difference of the values, relative to the largest value (absolute below 1).
        alone: whether it gets processes of its own, in which its peak memory means something.
        rivals: the frameworks to compare with.
    """

    name: str
    make: Callable
    budget: float | dict[str, float]
    tolerance: float
    alone: bool
    rivals: tuple[str, ...]

    @property
    def group(self) -> str:
        """The part of the name before the slash."""
        return self.name.split("/")[0]

    def limit(self, rival: str) -> float:
        """The budget against one rival."""
        return self.budget[rival] if isinstance(self.budget, dict) else self.budget


WORKLOADS: dict[str, Workload] = {}


def workload(
    name: str,
    *,
    budget: float | dict[str, float],
    tolerance: float = 1e-5,
    alone: bool = False,
    rivals: tuple[str, ...] = ("torch",),
) -> Callable:
    """Register a workload under ``group/name``."""

    def wrap(make: Callable) -> Callable:
        assert name not in WORKLOADS, name
        WORKLOADS[name] = Workload(name, make, budget, tolerance, alone, rivals)
        return make

    return wrap


def load() -> dict[str, Workload]:
    """Every workload of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return WORKLOADS


def framework(name: str) -> SimpleNamespace:
    """A framework's modules under common names.

    ``name`` is numtorch, torch, ``torch.compile`` (torch with ``fw.compiled`` set) or jax (only ``fw.T``: its
    workloads are written apart, because its API is another one).
    """
    module = name.removesuffix(".compile")
    T = importlib.import_module(module)
    fw = SimpleNamespace(name=module, T=T, compiled=name.endswith(".compile"))
    if module != "jax":
        fw.nn = importlib.import_module(f"{module}.nn")
        fw.F = importlib.import_module(f"{module}.nn.functional")
        fw.optim = importlib.import_module(f"{module}.optim")
        fw.data = importlib.import_module(f"{module}.utils.data")
        fw.tensor = T.tensor
    return fw


def values(*shape: int, seed: int = 0) -> np.ndarray:
    """Reproducible standard normal float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def numbers(result: Any) -> np.ndarray:
    """The values of whatever a workload returned: tensors, numbers, None, or tuples and lists of them."""
    if result is None:
        return np.zeros(0)
    if isinstance(result, tuple | list):
        return np.concatenate([numbers(r) for r in result]) if result else np.zeros(0)
    if hasattr(result, "detach"):
        result = result.detach()
        result = (result.float() if "float16" in str(result.dtype) else result).numpy()
    return np.asarray(result, np.complex128 if np.iscomplexobj(result) else np.float64).reshape(-1).view(np.float64)
