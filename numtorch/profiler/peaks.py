"""The measured peaks of this machine, from which roofs are computed.

``machine()`` measures once for each processor, number of threads and compiler version, and keeps the answer beside the
compiled kernels. Each figure is the maximum of several probes and of all earlier measurements. A disturbed probe can
only be too low, and with a roof that is too low every kernel looks better than it is. So the load during the
measurement is stored. If the machine was busy, every table with that roof says so, and the next ``machine()`` on a
quieter machine measures again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import numtorch as torch
from numtorch import display, notices
from numtorch.files import write_atomically
from numtorch.kernels import cache as kernel_cache
from numtorch.kernels import threads
from numtorch.kernels.jit import jit, prange
from numtorch.profiler import load, peaks_cuda

REPEATS = 5
PROBE_SECONDS = 0.004  # one timing of one probe


@dataclass
class Machine:
    """Measured peaks of this machine, or of its GPU.

    Attributes:
        device: ``cpu`` or ``cuda``.
        name: of the processor.
        threads: how many walked over memory and computed.
        bandwidths: (bytes walked over, GB/s), ascending: each the best of copying, reading, filling and adding
            to, over and over, as much data as that.
        caches: (name, bytes) as the system reports them, for all threads together.
        rates: GFLOP/s by dtype: the best of multiply-adds in registers and of matrix products. Half types, which most
            kernels compute in float32, have its rate unless their products are faster.
        launch_ns: calling a compiled kernel that has nothing to do.
        parallel_ns: calling one that wakes all threads.
        measured: when.
        load: how many of the processors other processes kept busy, on average, while this was measured: the least,
            where it was measured more than once.
        processors: how many there are.

    >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
    >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
    >>> peaks.rate("float32")
    50.0
    """

    device: str
    name: str
    threads: int
    bandwidths: list[tuple[int, float]]
    caches: list[tuple[str, int]]
    rates: dict[str, float]
    launch_ns: float
    parallel_ns: float = 0.0
    measured: str = field(default="", compare=False)
    load: float = 0.0
    processors: int = 1

    @property
    def busy(self) -> bool:
        """Whether others kept so much of the machine busy that its peaks may be higher than was measured."""
        return self.load > load.QUIET * self.processors

    def doubt(self) -> str:
        """What speaks against the peaks.

        Returns:
            A sentence; empty where the machine was quiet.

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.doubt()
        ''
        """
        if not self.busy:
            return ""
        return (
            f"roof: measured while other processes kept {self.load:.1f} of {self.processors} processors busy, so that "
            "it may be too low; it is measured again when they are quieter"
        )

    def bandwidth(self, size: float) -> float:
        """The bandwidth that can be had walking over so much memory: the best measured for that much or more.

        Between two measured sizes the smaller one, which is the faster, counts.

        Args:
            size: bytes.

        Returns:
            GB/s, which are bytes a nanosecond.

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.bandwidth(2**20), peaks.bandwidth(2**30)
        (100.0, 10.0)
        """
        below = max((n for n, _ in self.bandwidths if n <= size), default=0)
        return max(rate for n, rate in self.bandwidths if n >= below)

    def rate(self, dtype: str) -> float:
        """The arithmetic rate in a dtype.

        Args:
            dtype: its name; integers count as float32.

        Returns:
            GFLOP/s, which are operations a nanosecond.

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.rate("int64")
        50.0
        """
        return self.rates.get(dtype, self.rates["float32"])

    def level(self, size: float) -> str:
        """The memory that so many bytes fit in.

        Args:
            size: bytes.

        Returns:
            ``L1``, ``L2``, ... or ``memory``.

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.level(1000), peaks.level(10**6)
        ('L1', 'memory')
        """
        return next((name for name, n in self.caches if size <= n), "memory")

    def levels(self) -> list[tuple[str, float]]:
        """The bandwidth of each cache and of memory.

        Returns:
            A list of (name, GB/s).

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.levels()
        [('L1', 100.0), ('memory', 10.0)]
        """
        sizes = [n for _, n in self.caches]
        inside = [max([n for n, _ in self.bandwidths if n <= s], default=self.bandwidths[0][0]) for s in sizes]
        named = [(name, self.bandwidth(n)) for (name, _), n in zip(self.caches, inside, strict=True)]
        return [*named, ("memory", self.bandwidths[-1][1])]

    def slants(self) -> list[tuple[str, float]]:
        """The slanted lines of a roofline: a level within 5 % of the one before it is on the same line.

        Returns:
            A list of (name, GB/s).

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.slants()
        [('L1', 100.0), ('memory', 10.0)]
        """
        lines: list[tuple[str, float]] = []
        for name, rate in self.levels():
            if lines and rate > 0.95 * lines[-1][1]:
                lines[-1] = f"{lines[-1][0]} and {name}", lines[-1][1]
            else:
                lines.append((name, rate))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON can hold them.

        Returns:
            A dict.

        >>> bandwidths, caches, rates = [(4096, 100.0), (2**30, 10.0)], [("L1", 32768)], {"float32": 50.0}
        >>> peaks = torch.profiler.Machine("cpu", "a processor", 1, bandwidths, caches, rates, launch_ns=200.0)
        >>> peaks.to_dict()["threads"]
        1
        """
        return asdict(self)

    def _lines(self) -> list[str]:
        lines = [f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}"]
        lines += [f"  {name:<10} {rate:8.1f} GB/s" for name, rate in self.levels()]
        lines += [f"  {name:<10} {rate:8.1f} GFLOP/s" for name, rate in self.rates.items()]
        return [*lines, f"  a launch   {self.launch_ns / 1e3:8.2f} us, on all threads {self.parallel_ns / 1e3:.2f} us"]

    def __str__(self) -> str:
        return "\n".join([*self._lines(), *([display.prose(self.doubt(), "  ")] if self.busy else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return display.text("\n".join(self._lines()), [self.doubt()] if self.busy else [])


def machine(device: str = "cpu", *, refresh: bool = False) -> Machine:
    """The peaks of this machine for the present number of threads; measured once, which takes some seconds.

    Where other processes kept the machine busy, a warning says so, and the next time that they keep it less busy it is
    measured again.

    Args:
        device: ``"cpu"`` or ``"cuda"``.
        refresh: measure again in any case; the better of old and new counts.

    Returns:
        A ``Machine``.

    Raises:
        ValueError: another ``device``.

    >>> peaks = torch.profiler.machine()
    >>> peaks.rate("float32") > 0 and peaks.bandwidth(1 << 12) >= peaks.bandwidth(1 << 26)
    True
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"machine: expected 'cpu' or 'cuda', got {device!r}")
    count = threads.get_num_threads()
    before = known(device)
    if before is not None and not refresh and not _quieter(before):
        return before
    others = load.Others()
    found = _measure_cuda(count) if device == "cuda" else _measure(count)
    found.load, found.processors = others.processors(), load.processors()
    file = _file(device, count)
    found = _better(found, _read(file) or before)  # another process may have measured meanwhile
    with suppress(OSError):
        write_atomically(file, json.dumps(found.to_dict(), indent=1).encode())
    _known[device, count] = found
    if found.busy:
        notices.tell(f"numtorch.profiler: {found.doubt()}")
    return found


_looked: dict[tuple[str, int], float] = {}
EVERY = 30.0  # seconds between two looks at how busy the machine is, each of which takes a quarter of one


def _quieter(before: Machine) -> bool:
    """Whether measuring again promises more: others kept the machine busy, and keep it half as busy now."""
    key, now = (before.device, before.threads), time.monotonic()
    if not before.busy or now - _looked.get(key, -EVERY) < EVERY:
        return False
    _looked[key] = now
    return load.now() < max(before.load / 2, load.QUIET * before.processors)


_known: dict[tuple[str, int], Machine] = {}


def known(device: str = "cpu") -> Machine | None:
    """The peaks if they have been measured before: never measures."""
    count = threads.get_num_threads()
    found = _known.get((device, count)) or _read(_file(device, count))
    if found is not None:
        _known[device, count] = found
    return found


def _better(a: Machine, b: Machine | None) -> Machine:
    if b is None:
        return a
    sizes = dict(b.bandwidths)
    return Machine(
        a.device,
        a.name,
        a.threads,
        [(n, max(r, sizes.get(n, 0.0))) for n, r in a.bandwidths],
        a.caches,
        {d: max(r, b.rates.get(d, 0.0)) for d, r in a.rates.items()},
        min(a.launch_ns, b.launch_ns),
        min(a.parallel_ns, b.parallel_ns),
        a.measured,
        min(a.load, b.load),
        a.processors,
    )


@cache
def processor() -> str:
    """The processor's name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file(device: str, count: int) -> Path:
    from importlib.metadata import version

    here = Path(__file__)
    text = f"{device} {processor()} {platform.node()} {count} {os.cpu_count()} {version('numba')} {here.read_text()}"
    return kernel_cache.folder() / f"machine-{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def _read(file: Path) -> Machine | None:
    try:
        data = json.loads(file.read_text())
        data["bandwidths"] = [tuple(p) for p in data["bandwidths"]]
        data["caches"] = [tuple(p) for p in data["caches"]]
        return Machine(**data)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _caches(count: int) -> list[tuple[str, int]]:
    """(name, bytes) of the data caches; private ones times the threads that have one each."""
    found: dict[str, int] = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        with suppress(OSError, ValueError):
            if (index / "type").read_text().strip() == "Instruction":
                continue
            text = (index / "size").read_text().strip()
            size = int(text.rstrip("KMG")) << {"K": 10, "M": 20, "G": 30}.get(text[-1], 0)
            level = int((index / "level").read_text())
            found[f"L{level}"] = size * (count if level < 3 else 1)
    return list(found.items()) or [("L1", 32 << 10), ("L2", 1 << 20)]


# --- probes ---------------------------------------------------------------------------------------
# Each thread walks its own stretch again and again, so that waking threads is no part of the figure.


@jit
def copy_pass(source, target, number):
    for i in range(target.size):
        target[i] = source[i]


@jit
def read_pass(source, target, number):
    total = source.dtype.type(0)
    for i in range(source.size):
        total += source[i]
    target[number & 7] = total


@jit
def fill_pass(source, target, number):
    value = source[number & 7]
    for i in range(target.size):
        target[i] = value


@jit
def add_pass(source, target, number):
    for i in range(target.size):
        target[i] += source[i]


@jit(parallel=True)
def stream_probe(which, x, y, parts, passes):
    """Passes of one kind over x and y, by all threads."""
    step = x.size // parts
    for t in prange(parts):
        source, target = x[t * step : (t + 1) * step], y[t * step : (t + 1) * step]
        for number in range(passes):
            if which == 0:
                copy_pass(source, target, number)
            elif which == 1:
                read_pass(source, target, number)
            elif which == 2:
                fill_pass(source, target, number)
            else:
                add_pass(source, target, number)


@jit(parallel=True)
def multiply_add_probe(x, y, parts, passes):
    """Eight independent chains of multiply-adds in registers, for each element."""
    step = x.size // parts
    for t in prange(parts):
        source, target = x[t * step : (t + 1) * step], y[t * step : (t + 1) * step]
        for _ in range(passes):
            for i in range(target.size):
                v = source[i]
                a, b, c, d = v, v + v, v * v, v - target[i]
                e, f, g, h = a + b, a - c, b + d, c + d
                for _k in range(16):
                    a = a * v + b
                    b = b * v + c
                    c = c * v + d
                    d = d * v + e
                    e = e * v + f
                    f = f * v + g
                    g = g * v + h
                    h = h * v + a
                target[i] = a + b + c + d + e + f + g + h


@jit
def nothing_probe(x, y):
    y[0] = x[0]


@jit(parallel=True)
def wake_probe(x, y):
    for i in prange(y.size):
        y[i] = x[i]


# Copying, reading, filling, adding: bytes of traffic for each byte of one array, and how many arrays are walked over.
_STREAMS = [(2, 2), (1, 1), (1, 1), (3, 2)]


def _fastest(run: Callable, passes: int = 1) -> float:
    """Nanoseconds of one pass: the least of several timings, with as many passes as make one long enough."""
    run(passes)
    while True:
        started = time.perf_counter_ns()
        run(passes)
        taken = time.perf_counter_ns() - started
        if taken > PROBE_SECONDS * 1e9 / 2 or passes > 1 << 24:
            break
        passes *= 2
    best = taken
    for _ in range(REPEATS):
        started = time.perf_counter_ns()
        run(passes)
        best = min(best, time.perf_counter_ns() - started)
    return best / passes


def _measure_cuda(count: int) -> Machine:
    return Machine("cuda", *peaks_cuda.measure(count), time.strftime("%Y-%m-%d"))


def _measure(count: int) -> Machine:
    caches = _caches(count)
    # Eight times the last cache, because a virtual machine may show one where its cores have one each.
    largest = min(max(256 << 20, 8 * caches[-1][1]), 512 << 20)
    sizes = [1 << k for k in range(13, 40) if 1 << k <= largest]
    x, y = np.ones(largest // 16, np.float64), np.zeros(largest // 16, np.float64)
    return Machine(
        "cpu",
        processor(),
        count,
        [(n, _stream(x, y, n, count)) for n in sizes],
        caches,
        _rates(count),
        _launch(),
        _wake(count),
        time.strftime("%Y-%m-%d"),
    )


def _stream(x: np.ndarray, y: np.ndarray, size: int, count: int) -> float:
    """The best GB/s of the probes over ``size`` bytes in all."""
    return max(stream(x, y, size, count, which) for which in range(len(_STREAMS)))


def stream(x: np.ndarray, y: np.ndarray, size: int, count: int, which: int) -> float:
    """GB/s of one probe: 0 copies, 1 reads, 2 fills, 3 adds to."""
    traffic, arrays = _STREAMS[which]
    n = min(size // 8 // arrays, x.size) // count * count
    return n * 8 * traffic / _fastest(lambda passes: stream_probe(which, x[:n], y[:n], count, passes))


def _rates(count: int) -> dict[str, float]:
    """The best of a loop of multiply-adds and of matrix products. Half types have what float32 has, or more."""
    rates: dict[str, float] = {}
    for d in (torch.float32, torch.float64):
        x, y = np.full(512 * count, 0.25, d.storage), np.zeros(512 * count, d.storage)
        loop = x.size * 8 * 16 * 2 / _fastest(lambda passes, x=x, y=y: multiply_add_probe(x, y, count, passes))
        rates[d.name] = max(loop, _products(d))
    for d in (torch.bfloat16, torch.float16):
        rates[d.name] = max(rates["float32"], _products(d))
    return rates


def _products(d: Any) -> float:
    best = 0.0
    for n in (192, 384, 768):
        a = torch.full((n, n), 0.5).to(d)

        def product(passes: int, a: Any = a) -> None:
            for _ in range(passes):
                a @ a

        best = max(best, 2 * n**3 / _fastest(product))
    return best


def _launch() -> float:
    x, y = np.ones(1, np.float32), np.ones(1, np.float32)
    entry = nothing_probe.entry(x, y)

    def run(passes: int) -> None:
        for _ in range(passes):
            entry(x, y)

    return _fastest(run, 64)


def _wake(count: int) -> float:
    x, y = np.ones(count, np.float32), np.ones(count, np.float32)
    entry = (wake_probe if count > 1 else wake_probe.serial).entry(x, y)

    def run(passes: int) -> None:
        for _ in range(passes):
            entry(x, y)

    return _fastest(run, 64)
