"""CUDA: finding a device, compiling and launching kernels, and device buffers.

Numba's CUDA target is imported when the first CUDA tensor is made, never before. Without a GPU kernels can
still be compiled to PTX (``compiling_for``) and run in Numba's simulator (``NUMBA_ENABLE_CUDASIM=1``).
"""

from __future__ import annotations

import contextlib
import importlib
import linecache
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

THREADS = 256
MAX_BLOCKS = 1 << 16


class _Cuda:
    """``numba.cuda``, imported on first use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(module(), name)


cuda = _Cuda()


@cache
def module() -> Any:
    """The ``numba.cuda`` module; RuntimeError naming the extra where it is not installed."""
    try:
        found = importlib.import_module("numba.cuda")
    except ImportError as e:
        raise RuntimeError("CUDA needs the numba-cuda package: pip install 'numtorch[cuda]'") from e
    if not simulated():
        importlib.import_module("numtorch.kernels.overloads_cuda").register()
    return found


def simulated() -> bool:
    """Whether CUDA kernels run in Numba's simulator."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"


@cache
def is_available() -> bool:
    """Whether there is a GPU (or the simulator)."""
    try:
        return bool(module().is_available())
    except Exception:
        return False


def require() -> None:
    """RuntimeError saying what is missing if CUDA cannot be used."""
    if _offline is None and not is_available():
        raise RuntimeError("Found no NVIDIA GPU that CUDA can use. Check that the driver is installed (nvidia-smi), that numba-cuda is "
                           "(pip install 'numtorch[cuda]'), or keep tensors on the CPU: device = 'cuda' if "
                           "numtorch.cuda.is_available() else 'cpu'")


# --- buffers --------------------------------------------------------------------------------------


def allocate(n: int, storage: np.dtype) -> Any:
    """An uninitialised device buffer."""
    require()
    if _offline is not None:
        return np.zeros(n, storage)
    return cuda.device_array(max(n, 1), storage)[:n] if n else cuda.device_array(1, storage)


def to_device(a: np.ndarray) -> Any:
    """A copy of an array on the device."""
    require()
    return a if _offline is not None else cuda.to_device(a)


def transfer(source: Any, source_device: Any, target: Any, target_device: Any) -> None:
    """Copy a whole buffer between host and device, or between devices."""
    if _offline is not None:
        target[:] = source
    elif source_device.type == "cpu":
        target.copy_to_device(source)
    elif target_device.type == "cpu":
        source.copy_to_host(target)
    else:
        target.copy_to_device(source)


# --- kernels --------------------------------------------------------------------------------------


class CudaKernel:
    """A CUDA kernel, compiled on its first launch for the types of its arguments."""

    def __init__(self, fn: Callable):
        self.fn = fn
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self._dispatcher: Any = None

    @property
    def dispatcher(self) -> Any:
        if self._dispatcher is None:
            self._dispatcher = module().jit(self.fn)
        return self._dispatcher

    def launch(self, n: int, *args: Any) -> None:
        """Run with (at least) ``n`` threads; kernels walk the rest in strides of the grid."""
        blocks = min(max(1, -(-n // THREADS)), MAX_BLOCKS)
        self.launch_grid(blocks, min(THREADS, 32) if simulated() else THREADS, *args)

    def launch_blocks(self, blocks: int, threads: int, *args: Any) -> None:
        """Run with the given number of blocks (as far as the grid allows) of so many threads."""
        self.launch_grid(min(max(1, blocks), MAX_BLOCKS), threads, *args)

    def launch_grid(self, grid: Any, block: Any, *args: Any) -> None:
        """Run with an explicit grid and block."""
        if _offline is not None:
            _offline.compile(self, args)
            return
        self.dispatcher[grid, block](*args)


def cuda_kernel(fn: Callable) -> CudaKernel:
    """Mark a function as a CUDA kernel."""
    return CudaKernel(fn)


def compile_source(source: str, name: str, env: dict[str, Any], label: str) -> CudaKernel:
    """A kernel from generated source text."""
    filename = f"<numtorch cuda {label}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    scope = dict(env) | {"cuda": module()}
    exec(compile(source, filename, "exec"), scope)  # noqa: S102 - the text is ours
    kernel = CudaKernel(scope[name])
    kernel.source = source
    return kernel


# --- compiling without a GPU ----------------------------------------------------------------------


class Offline:
    """Kernels that were 'launched', as PTX for a compute capability.

    Attributes:
        ptx: from (kernel name, signature) to the text.
    """

    def __init__(self, capability: tuple[int, int]):
        self.capability = capability
        self.ptx: dict[tuple[str, str], str] = {}

    def compile(self, kernel: CudaKernel, args: tuple) -> None:
        from numba import types

        def type_of(a: Any) -> Any:
            import numba

            if isinstance(a, np.ndarray):
                return types.Array(numba.from_dtype(a.dtype), 1, "C")
            return numba.typeof(a)

        signature = types.void(*map(type_of, args))
        key = (f"{kernel.__name__} {kernel.fn.__code__.co_filename}", str(signature))
        if key not in self.ptx:
            self.ptx[key], _ = module().compile_ptx(kernel.fn, signature, cc=self.capability)


_offline: Offline | None = None


@contextlib.contextmanager
def compiling_for(capability: tuple[int, int]) -> Iterator[Offline]:
    """Inside the block CUDA tensors hold no values, and launching a kernel compiles it to PTX.

    Runs on machines without a GPU: every kernel that a model needs is compiled by running the model.
    """
    global _offline
    _offline = Offline(capability)
    try:
        yield _offline
    finally:
        _offline = None
