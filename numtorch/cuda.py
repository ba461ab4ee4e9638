"""The API of ``torch.cuda``: number of GPUs, the current GPU, synchronisation, memory.

Importing it imports neither Numba nor Numba's CUDA target. Ops run on the current device.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numtorch import absent
from numtorch import device as _devices
from numtorch._tensor import Tensor
from numtorch.errors import OutOfMemoryError as OutOfMemoryError
from numtorch.kernels import launch
from numtorch.ops import generator
from numtorch.tensor_types import CUDA_TYPES

FloatTensor, DoubleTensor = CUDA_TYPES["FloatTensor"], CUDA_TYPES["DoubleTensor"]
HalfTensor, BFloat16Tensor = CUDA_TYPES["HalfTensor"], CUDA_TYPES["BFloat16Tensor"]
LongTensor, IntTensor, ShortTensor = CUDA_TYPES["LongTensor"], CUDA_TYPES["IntTensor"], CUDA_TYPES["ShortTensor"]
CharTensor, ByteTensor, BoolTensor = CUDA_TYPES["CharTensor"], CUDA_TYPES["ByteTensor"], CUDA_TYPES["BoolTensor"]


def is_available() -> bool:
    """Whether there is an NVIDIA GPU that can be used (or Numba's simulator of one).

    Returns:
        A bool.

    >>> device = "cuda" if torch.cuda.is_available() else "cpu"
    """
    return launch.is_available()


def device_count() -> int:
    """How many GPUs there are.

    Returns:
        An int; 0 without a driver.

    >>> (torch.cuda.device_count() > 0) == torch.cuda.is_available()
    True
    """
    return len(launch.cuda.gpus) if is_available() else 0


def _index(device: Any) -> int:
    """The number of a device given as None (the current one), an integer, a string or a device."""
    if device is None:
        return _devices.current_cuda()
    d = device if isinstance(device, _devices.device) else _devices.device(device)
    if d.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {d}")
    i = _devices.current_cuda() if d.index is None else d.index
    launch.require()
    if i >= device_count():
        raise RuntimeError(f"CUDA error: invalid device ordinal: there is no cuda:{i}, only {device_count()} device(s)")
    return i


def current_device() -> int:
    """The number of the device that ``"cuda"`` stands for.

    Returns:
        An int.

    >>> if torch.cuda.is_available():
    ...     print(torch.cuda.current_device() < torch.cuda.device_count())
    """
    launch.require()
    return _devices.current_cuda()


def set_device(device: Any) -> None:
    """Make a device the current one: kernels run there, and ``"cuda"`` stands for it.

    Args:
        device: a number, ``"cuda:1"`` or a device; None changes nothing.

    Raises:
        ValueError: the device is not a GPU.
        RuntimeError: there is no such GPU.

    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_device(0)
    """
    i = _index(device)
    launch.select(i)


class device:
    """A context manager that makes another device the current one.

    Args:
        device: a number, ``"cuda:1"`` or a device; None for the current one.

    Raises:
        ValueError: the device is not a GPU.
        RuntimeError: there is no such GPU.

    >>> if torch.cuda.device_count() > 1:
    ...     with torch.cuda.device(1):
    ...         x = torch.ones(3, device="cuda")
    """

    def __init__(self, device: Any):
        self.idx = _index(device)
        self._before = 0

    def __enter__(self) -> None:
        self._before = _devices.current_cuda()
        set_device(self.idx)

    def __exit__(self, *exception: Any) -> None:
        set_device(self._before)


def synchronize(device: Any = None) -> None:
    """Wait until all kernels launched on a device have finished; errors of theirs appear here.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    >>> if torch.cuda.is_available():
    ...     torch.cuda.synchronize()
    """
    launch.require()
    with _On(_index(device)):
        launch.cuda.synchronize()


class _On(device):
    """The context of a device whose number is known to be right."""

    def __init__(self, index: int):
        self.idx = index
        self._before = index

    def __enter__(self) -> None:
        self._before = _devices.current_cuda()
        if self.idx != self._before:
            launch.select(self.idx)

    def __exit__(self, *exception: Any) -> None:
        if self.idx != self._before:
            launch.select(self._before)


@dataclass(frozen=True)
class DeviceProperties:
    """What a GPU is.

    Attributes:
        name: as the driver calls it.
        major, minor: compute capability.
        total_memory: bytes.
        multi_processor_count: streaming multiprocessors.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_name(device: Any = None) -> str:
    """The name of a GPU.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    Returns:
        A string, as the driver calls it.

    >>> if torch.cuda.is_available():
    ...     name = torch.cuda.get_device_name()
    """
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    Returns:
        (major, minor).

    >>> if torch.cuda.is_available():
    ...     major, minor = torch.cuda.get_device_capability()
    """
    p = get_device_properties(device)
    return p.major, p.minor


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Name, compute capability, memory and number of multiprocessors of a GPU.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    Returns:
        ``DeviceProperties``: ``name``, ``major``, ``minor``, ``total_memory`` in bytes, ``multi_processor_count``.

    >>> if torch.cuda.is_available():
    ...     properties = torch.cuda.get_device_properties()
    """
    launch.require()
    i = _index(device)
    if launch.simulated():
        major, minor = launch.cuda.get_current_device().compute_capability
        return DeviceProperties("Numba CUDA simulator", major, minor, 0, 1)
    with _On(i):
        gpu = launch.cuda.get_current_device()
        name = gpu.name.decode() if isinstance(gpu.name, bytes) else gpu.name
        major, minor = gpu.compute_capability
        return DeviceProperties(name, major, minor, mem_get_info()[1], gpu.MULTIPROCESSOR_COUNT)


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total memory of a GPU.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    Returns:
        (free, total) in bytes; (0, 0) in the simulator.

    >>> if torch.cuda.is_available():
    ...     free, total = torch.cuda.mem_get_info()
    """
    launch.require()
    if launch.simulated():
        return 0, 0
    with _On(_index(device)):
        info = launch.cuda.current_context().get_memory_info()
        return int(info[0]), int(info[1])


def memory_allocated(device: Any = None) -> int:
    """Memory that tensors on a GPU hold.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    Returns:
        Bytes; 0 without a GPU, and in the simulator, whose arrays live in host memory.

    >>> torch.cuda.memory_allocated() >= 0
    True
    """
    if not is_available() or launch.simulated():
        return 0
    with _On(_index(device)):
        held = launch.cuda.current_context().memory_manager.allocations
        return sum(memory.size for memory in list(held.values()))


_most: dict[int, int] = {}  # bytes, by GPU


def max_memory_allocated(device: Any = None) -> int:
    """The most memory that tensors on a GPU have been seen to hold.

    Differs from torch: memory is looked at when it is asked for, and not at every allocation.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    Returns:
        Bytes; 0 without a GPU.

    >>> torch.cuda.max_memory_allocated() >= 0
    True
    """
    if not is_available():
        return 0
    i = _index(device)
    _most[i] = max(_most.get(i, 0), memory_allocated(device))
    return _most[i]


def reset_peak_memory_stats(device: Any = None) -> None:
    """Forget what ``max_memory_allocated`` has seen.

    Args:
        device: a number, ``"cuda:1"`` or a device; the current one if None.

    >>> if torch.cuda.is_available():
    ...     torch.cuda.reset_peak_memory_stats()
    """
    launch.require()
    _most.pop(_index(device), None)


reset_max_memory_allocated = reset_peak_memory_stats
# Nothing is kept beyond what tensors hold.
memory_reserved = memory_cached = memory_allocated
max_memory_reserved = max_memory_allocated


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether kernels take bfloat16: on any GPU; they compute in float32.

    Args:
        including_emulation: accepted.

    Returns:
        A bool.

    >>> torch.cuda.is_bf16_supported() == torch.cuda.is_available()
    True
    """
    return is_available()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The state of the random numbers, which are one stream for all devices.

    Args:
        device: accepted.

    Returns:
        A tensor of bytes.

    >>> if torch.cuda.is_available():
    ...     state = torch.cuda.get_rng_state()
    """
    launch.require()
    return generator.get_rng_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Go on with random numbers from a state.

    Args:
        new_state: what ``get_rng_state`` gave.
        device: accepted.

    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_rng_state(torch.cuda.get_rng_state())
    """
    launch.require()
    generator.set_rng_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The state of the random numbers, once for each GPU.

    Returns:
        A list of tensors; empty without a GPU.

    >>> len(torch.cuda.get_rng_state_all()) == torch.cuda.device_count()
    True
    """
    return [generator.get_rng_state() for _ in range(device_count())]


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Go on with random numbers from a state for each GPU.

    Args:
        new_states: what ``get_rng_state_all`` gave.

    >>> torch.cuda.set_rng_state_all(torch.cuda.get_rng_state_all())
    """
    for state in new_states:
        generator.set_rng_state(state)


def ipc_collect() -> None:
    """Does nothing: processes share no memory of a GPU.

    >>> if torch.cuda.is_available():
    ...     torch.cuda.ipc_collect()
    """


def get_arch_list() -> list[str]:
    """The architectures that there are compiled kernels for: none; Numba compiles for the GPU that is there.

    Returns:
        An empty list.

    >>> torch.cuda.get_arch_list()
    []
    """
    return []


def empty_cache() -> None:
    """Give memory that is waiting to be freed back to the driver.

    >>> torch.cuda.empty_cache()
    """
    if is_available() and not launch.simulated():
        launch.cuda.current_context().memory_manager.deallocations.clear()


def manual_seed(seed: int) -> None:
    """Seed the random numbers.

    Differs from torch: all devices draw from one stream (element i is the same number everywhere), so this
    seeds the CPU's numbers too.

    Args:
        seed: an integer.

    >>> torch.cuda.manual_seed(0)
    """
    generator.manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the random numbers of all devices, which is one stream.

    Args:
        seed: an integer.

    >>> torch.cuda.manual_seed_all(0)
    """
    generator.manual_seed(seed)


def is_initialized() -> bool:
    """Whether there is a GPU, and Numba's CUDA target has been loaded.

    Returns:
        A bool.

    >>> isinstance(torch.cuda.is_initialized(), bool)
    True
    """
    return launch.module.cache_info().currsize > 0 and launch.is_available()


if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
