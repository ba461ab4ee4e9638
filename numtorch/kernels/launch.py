"""CUDA: finds a device, compiles and launches kernels, allocates device buffers.

Numba's CUDA target is imported when the first CUDA tensor is made, never before. Without a GPU, kernels can still be
compiled to PTX (``compiling_for``) and run in Numba's simulator (``NUMBA_ENABLE_CUDASIM=1``).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from numtorch import device as devices
from numtorch.interrupts import cached_property
from numtorch.kernels import registry
from numtorch.kernels.math import maximum

THREADS = 256
MAX_BLOCKS = 1 << 16
# The simulator makes a Python thread of every CUDA thread.
SIMULATED_THREADS = 4
INSTALL = "pip install 'numba-cuda[cu13]'"


class _Cuda:
    """``numba.cuda``, imported on first use. Kernels name it; they are bound to the module when compiled."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python asks of everything
            raise AttributeError(name)
        return getattr(module(), name)


cuda = _Cuda()


@cache
def module() -> Any:
    """The ``numba.cuda`` module; RuntimeError naming the package where it is not installed."""
    if (
        importlib.util.find_spec("numba_cuda") is None
    ):  # without it numba.cuda is an old target that some versions of Numba bring along
        raise RuntimeError(f"CUDA needs the numba-cuda package: {INSTALL}")
    found = importlib.import_module("numba.cuda")
    if not simulated():
        importlib.import_module("numtorch.kernels.overloads_cuda")  # registers the functions of kernels.math
        # Small tensors make small grids; that is no news to the user.
        config: Any = importlib.import_module("numba.cuda.core.config")
        config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    return found


def simulated() -> bool:
    """Whether CUDA kernels run in Numba's simulator."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"


def _has_driver() -> bool:
    """Whether the NVIDIA driver's library loads: decided without importing Numba, which takes a second."""
    if os.environ.get("NUMBA_CUDA_DRIVER"):
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def is_available() -> bool:
    """Whether there is a GPU (or the simulator)."""
    if not simulated() and (importlib.util.find_spec("numba_cuda") is None or not _has_driver()):
        return False
    try:
        return bool(module().is_available())
    except Exception:  # whatever a broken driver raises: there is no usable GPU
        return False


def require() -> None:
    """RuntimeError saying what is missing if CUDA cannot be used."""
    if _offline is None and not is_available():
        missing = (
            f"Install numba-cuda: {INSTALL}"
            if importlib.util.find_spec("numba_cuda") is None
            else "Check that the driver is installed and sees the GPU (nvidia-smi)"
        )
        raise RuntimeError(
            f"Found no NVIDIA GPU that CUDA can use. {missing}, or keep tensors on the CPU: "
            "device = 'cuda' if numtorch.cuda.is_available() else 'cpu'"
        )


# --- buffers --------------------------------------------------------------------------------------


def select(index: int) -> None:
    """Make a GPU the current one of this process and thread."""
    cuda.select_device(index)
    devices.set_current_cuda(index)


def allocate(n: int, storage: np.dtype, index: int | None = None) -> Any:
    """An uninitialised buffer on the current device, which ``index`` must be if given."""
    require()
    if index is not None and index != devices.current_cuda():
        raise RuntimeError(
            f"kernels run on the current device, cuda:{devices.current_cuda()}; to use cuda:{index}, call "
            f"torch.cuda.set_device({index}) or work inside `with torch.cuda.device({index}):`"
        )
    if _offline is not None:
        return np.zeros(n, storage)
    return cuda.device_array(n, storage) if n else cuda.device_array(1, storage)[:0]  # kernels ask for the size


def to_device(a: np.ndarray) -> Any:
    """A copy of an array on the current device."""
    require()
    return a if _offline is not None else cuda.to_device(a)


def address_of(buffer: Any) -> int:
    """Where the elements of a buffer are."""
    if _offline is not None or simulated():
        host = buffer if isinstance(buffer, np.ndarray) else buffer._ary
        return host.__array_interface__["data"][0]
    return int(buffer.device_ctypes_pointer.value or 0)


def transfer(source: Any, source_device: Any, target: Any, target_device: Any) -> None:
    """Copy a whole buffer between host and device, or between devices."""
    if _offline is not None:
        target[:] = source
    elif source_device.type == "cpu":
        target.copy_to_device(np.ascontiguousarray(source))
    elif target_device.type == "cpu":
        source.copy_to_host(target)
    else:
        target.copy_to_device(source)


# --- kernels --------------------------------------------------------------------------------------


class DeviceFunction:
    """A function that kernels call, compiled into each of them."""

    def __init__(self, fn: Callable):
        self.fn = fn
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__

    @cached_property
    def ready(self) -> Callable:
        """What Numba's compiler and its simulator know as a function on the device, made on first use."""
        fn = _bound(self.fn)
        if simulated():
            return module().jit(device=True)(fn)
        importlib.import_module("numtorch.kernels.overloads_cuda").on_device(fn)
        return fn


def device_function(fn: Callable) -> DeviceFunction:
    """Mark a function that CUDA kernels call."""
    return DeviceFunction(fn)


def _bound(fn: Callable) -> Callable:
    """The function with ``cuda`` and device functions among its globals replaced by what stands for them, as Numba's
    compiler and simulator expect."""

    scope = dict(fn.__globals__)
    for name in fn.__code__.co_names:
        value = scope.get(name)
        if value is cuda:
            scope[name] = module()
        elif isinstance(value, DeviceFunction):
            scope[name] = value.ready
    return FunctionType(fn.__code__, scope, fn.__name__, fn.__defaults__)


class CudaKernel:
    """A CUDA kernel, compiled on its first launch for the types of its arguments.

    Attributes:
        fn: the Python function.
        source: the text it was generated from; None for a written one.
    """

    source: str | None = None

    def __init__(self, fn: Callable):
        self.fn = fn
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self._dispatcher: Any = None

    @property
    def bound(self) -> Callable:
        """See ``_bound``."""
        return _bound(self.fn)

    @property
    def dispatcher(self) -> Any:
        """Numba's dispatcher, made on first use."""
        if self._dispatcher is None:
            self._dispatcher = module().jit(self.bound)
        return self._dispatcher

    def launch(self, n: int, *args: Any) -> None:
        """Run with (at least) ``n`` threads; kernels walk the rest in strides of the grid."""
        if simulated():
            self.launch_grid(1, min(max(1, n), SIMULATED_THREADS), *args)
            return
        self.launch_grid(min(max(1, -(-n // THREADS)), MAX_BLOCKS), THREADS, *args)

    def launch_blocks(self, blocks: int, threads: int, *args: Any) -> None:
        """Run with the given number of blocks (as far as the grid allows) of so many threads, a power of two."""
        if simulated():
            blocks, threads = min(blocks, 2), SIMULATED_THREADS
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


# --- what the threads of a block compute together -----------------------------------------------------


@device_function
def block_sum(share, value):
    """The sum of what each thread of the block gives, by a tree in a fixed order.

    ``share`` is an array in shared memory, of an element for each thread. All threads call it and all get the sum.
    """
    me = cuda.threadIdx.x
    share[me] = value
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if me < half:
            share[me] += share[me + half]
        cuda.syncthreads()
        half //= 2
    total = share[0]
    cuda.syncthreads()
    return total


@device_function
def block_max(share, value):
    """The largest of what each thread of the block gives; NaN if one is. Otherwise as ``block_sum``."""
    me = cuda.threadIdx.x
    share[me] = value
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if me < half:
            share[me] = maximum(share[me], share[me + half])
        cuda.syncthreads()
        half //= 2
    top = share[0]
    cuda.syncthreads()
    return top


# --- compiling without a GPU ----------------------------------------------------------------------


class Offline:
    """Kernels that were 'launched', as PTX for a compute capability.

    Attributes:
        ptx: from (kernel name, signature) to the text.
        launched: names of the kernels, in the order of their launches.
    """

    def __init__(self, capability: tuple[int, int]):
        self.capability = capability
        self.ptx: dict[tuple[str, str], str] = {}
        self.launched: list[str] = []

    def compile(self, kernel: CudaKernel, args: tuple) -> None:
        """Compile for the types of the arguments, once."""
        import numba

        self.launched.append(kernel.__name__)

        def type_of(a: Any) -> Any:
            if isinstance(a, np.ndarray):
                return numba.types.Array(numba.from_dtype(a.dtype), 1, "C")
            return numba.typeof(a)

        signature = numba.types.void(*map(type_of, args))
        key = (f"{kernel.__name__} {kernel.fn.__code__.co_filename}", str(signature))
        if key in self.ptx:
            return
        known = (kernel, key, self.capability)
        if known not in _compiled:
            _compiled[known] = module().compile_ptx(kernel.bound, signature, cc=self.capability)[0]
        self.ptx[key] = _compiled[known]


_offline: Offline | None = None
_compiled: dict[tuple, str] = {}


@contextlib.contextmanager
def compiling_for(capability: tuple[int, int]) -> Iterator[Offline]:
    """Inside the block CUDA tensors hold zeros, and launching a kernel compiles it to PTX.

    Runs on machines without a GPU: every kernel that a model needs is compiled by running the model.
    """
    if simulated():
        raise RuntimeError(
            "Numba's simulator runs CUDA kernels as Python and compiles none: unset NUMBA_ENABLE_CUDASIM"
        )
    before, offline = _offline, Offline(capability)

    def set_offline(value: Offline | None) -> None:
        global _offline
        _offline = value

    # What was decided for a real device holds device arrays.
    with registry.changed(lambda: set_offline(offline), lambda: set_offline(before)):
        yield offline
