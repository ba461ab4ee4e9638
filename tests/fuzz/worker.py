"""What a process of the fuzzer does: calls, one after the other, and what may be wrong with each."""

from __future__ import annotations

import gc
import re
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import numtorch
from tests.fuzz import decided, guard
from tests.fuzz.calls import Call, Made, T
from tests.fuzz.compare import RANDOM, Leaf, Outcome, as_float64, difference, differences, run, scale_of
from tests.fuzz.surface import of

IDLE, OURS, TORCH = 0, 1, 2
SLOW = 3.0  # seconds, without compiling
MEMORY = 6 << 30  # bytes beyond what the process has at its start
# Functions that say or change how a tensor lies in memory, or write to it through another view.
LAYOUT = re.compile(r"strid|contiguous|storage|resize|view|detach_|_$|__i|setitem|numpy|__array")


def limit_memory(nbytes: int = MEMORY) -> None:
    """A call that asks for more gets a MemoryError."""
    with open("/proc/self/statm") as f:
        now = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + nbytes, now + nbytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class State:
    """What no call may leave changed."""

    def __init__(self) -> None:
        self.was = self.now()
        self.x = numtorch.arange(8, dtype=numtorch.float32)
        self.i = numtorch.arange(8)

    def now(self) -> tuple:
        from numtorch.grad_mode import mode

        return mode.grad, numtorch.is_inference_mode_enabled(), numtorch.get_default_dtype(), numtorch.get_num_threads()

    def wrong(self) -> str | None:
        """What is not as it was."""
        if self.now() != self.was:
            return f"grad mode, inference mode, default dtype, threads: {self.was} became {self.now()}"
        try:
            x, i = self.x, self.i
            ok = (
                x.view(4, 2).sum(0).tolist() == [12.0, 16.0]
                and (x * 2 + 1).tolist() == [float(2 * k + 1) for k in range(8)]
                and x.reshape(2, 4).t()[1].tolist() == [1.0, 5.0]
                and numtorch.softmax(x * 0, 0).tolist() == [0.125] * 8
                and i.view(2, 2, 2).permute(2, 0, 1).reshape(-1).tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
                and numtorch.cat([x[:2], x[6:]]).tolist() == [0.0, 1.0, 6.0, 7.0]
                and x[i.flip(0)].tolist()[0] == 7.0
            )
        except Exception as e:
            return f"a call that was right before raises {type(e).__name__}: {e}"
        return None if ok else "a call that was right before gives something else"


def outcome(call: Call, lib: Any) -> Outcome:
    """As ``run``; what cannot even be set up is an error like any other."""
    try:
        return run(call, lib)
    except Exception as e:
        return Outcome(error=e)


class Checker:
    """Runs calls and says what is wrong with each.

    Args:
        torch: the library to compare with, or None.
        phase: told what is about to happen, so that whoever finds this process dead knows whose doing it was.
    """

    def __init__(self, torch: Any, phase: Callable[[int], None] = lambda n: None):
        self.torch, self.phase = torch, phase
        self.state = State()
        self.done = 0
        gc.collect()
        gc.freeze()

    def check(self, call: Call, i: int, with_torch: bool = True) -> list[tuple[str, str]]:
        """(category, what) for everything that is wrong."""
        guard.place((guard.ALTERNATE, guard.END, guard.BEGIN, guard.END)[i % 4])
        self.phase(OURS)
        started = time.perf_counter()
        ours = outcome(call, numtorch)
        took = time.perf_counter() - started
        found = []
        if took > SLOW:
            started = time.perf_counter()
            outcome(call, numtorch)
            again = time.perf_counter() - started
            if again > SLOW:
                found.append(("slow", f"{again:.1f} s"))
        if i % 6 == 0 or self.torch is None:
            found += self._again(call, ours)
        if (harm := guard.damage()) is not None:
            found.append(("memory", harm))
        if (i % 20 == 0 or ours.error is not None and i % 3 == 0 or found) and (what := self.state.wrong()) is not None:
            found.append(("process_state", what))
            self.state = State()
        if self.torch is not None and with_torch:
            found += self._compared(call, ours)
        elif ours.error is not None and not isinstance(
            ours.error, (TypeError, ValueError, IndexError, RuntimeError, MemoryError)
        ):
            found.append(("error_kind", f"ours {type(ours.error).__name__}: {str(ours.error)[:150]}"))
        self.phase(IDLE)
        self.done += 1
        if self.done % 500 == 0:
            gc.collect()
        return [(c, w) for c, w in found if decided.reason(call, c, w) is None]

    def _compared(self, call: Call, ours: Outcome) -> list[tuple[str, str]]:
        try:
            of(self.torch, call.name)
        except AttributeError:
            return []
        self.phase(TORCH)
        theirs = outcome(call, self.torch)
        if (
            isinstance(ours.error, MemoryError)
            or isinstance(theirs.error, MemoryError)
            or "allocate" in str(theirs.error)
        ):
            return []

        def exact() -> Outcome | None:
            found = outcome(as_float64(call), self.torch)
            return None if found.error is not None else found

        return differences(call, ours, theirs, exact)

    def _again(self, call: Call, ours: Outcome) -> list[tuple[str, str]]:
        """The same call on other memory, and on contiguous copies, must give the same."""
        if ours.error is not None or RANDOM.search(call.name):
            return []
        guard.poison(guard.OTHER_BYTE)
        second = outcome(call, numtorch)
        guard.poison(guard.NAN_BYTE)
        for part in ("value", "grads", "state"):
            a, b = getattr(ours, part), getattr(second, part)
            if second.error is not None or not _identical(a, b):
                how = difference(_t(b), _t(a), 1.0) or second.error
                return [("unwritten", f"{part} differs when fresh memory holds something else: {how}")]
        if self.torch is None and (plain := _plain(call)) is not None:
            third = outcome(plain, numtorch)
            a, b = ours.value, third.value
            if (
                third.error is None
                and isinstance(a, Leaf)
                and isinstance(b, Leaf)
                and (a.dtype, a.shape) == (b.dtype, b.shape)
                and (how := difference(a, b, scale_of(call))) is not None
            ):
                return [("consistency", f"not the same as {plain.name} without writing: {how}")]
        if (
            self.torch is None
            and any(isinstance(v, T) and v.view for v in call.leaves())
            and not LAYOUT.search(call.name)
        ):
            third = Outcome(error=None)
            try:
                third = run(call, numtorch, Made(call, numtorch, contiguous=True))
            except Exception as e:
                third.error = e
            if (
                third.error is not None
                or (how := difference(_t(third.value), _t(ours.value), scale_of(call))) is not None
            ):
                return [("consistency", f"contiguous copies give another result: {third.error or how}")]
        return []


def _plain(call: Call) -> Call | None:
    """The same without out= or the trailing _, if there is such a thing."""
    if "out" in call.kwargs:
        return replace(call, kwargs={k: v for k, v in call.kwargs.items() if k != "out"})
    name = call.name[:-1]
    if (
        call.name.startswith("Tensor.")
        and call.name.endswith("_")
        and hasattr(numtorch.Tensor, name[7:])
        and not name.endswith("_")
    ):
        return replace(call, name=name)
    return None


def _t(v: Any) -> Any:
    return tuple(v) if isinstance(v, list) else v


def _identical(a: Any, b: Any) -> bool:
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        if a.values is None or b.values is None:
            return a.shape == b.shape
        return (
            a.dtype == b.dtype
            and a.shape == b.shape
            and np.array_equal(a.values, b.values, equal_nan=a.values.dtype.kind in "fc")
        )
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(_identical(x, y) for x, y in zip(a, b, strict=True))
    return isinstance(a, str) or a == b or (a != a and b != b)
