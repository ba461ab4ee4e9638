"""What a program does with tensors, call by call.

A program runs once with given inputs, and again with other sizes of the dimensions that are dynamic. The calls of all
runs must be the same but for their integers; where these differ, they follow the sizes, and ``Size`` says how.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numtorch as torch
from numtorch import overrides
from numtorch.dispatch.interception import STANDING_BY, intercept, release
from numtorch.dispatch.op import OPS
from numtorch.onnx.errors import OnnxExporterError, UnsupportedOperatorError

_PACKAGE = str(Path(__file__).resolve().parents[1])
_running = 0  # how many programs run to be exported
_RECURRENT = (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)
# Calls that ask a tensor for something that is no tensor. Those in the first line read elements.
_READS = (
    "__bool__",
    "item",
    "tolist",
    "__int__",
    "__float__",
    "__index__",
    "numpy",
    "__array__",
    "equal",
    "is_nonzero",
)
_QUERIES = ("size", "dim", "numel", "nelement", "ndimension", "element_size", "stride", "get_device", "is_complex") + (
    "is_contiguous", "is_floating_point", "storage_offset", "data_ptr", "__len__", "type", "broadcast_shapes",
    "result_type", "requires_grad_", "register_hook", "retain_grad", "is_tensor", "is_same_size", "dense_dim",
    "sparse_dim",
)  # fmt: skip


class Size(NamedTuple):
    """An integer that follows dynamic dimensions: ``factor`` times the product of ``dims``, plus ``more``.

    Attributes:
        value: with the inputs that were given.
        factor, dims, more: the formula.
    """

    value: int
    factor: int
    dims: tuple[str, ...]
    more: int


class Call(NamedTuple):
    """A call of one of torch's functions.

    Attributes:
        name: of the function, as ``add`` or ``nn.functional.linear``.
        args, kwargs: what it was called with.
        result: what it gave.
        where: the line of the program.
    """

    name: str
    args: tuple
    kwargs: dict[str, Any]
    result: Any
    where: str


class Recorder(overrides.TorchFunctionMode):
    """Records the calls of functions that have an exporter; others run, and the calls inside them are recorded.

    Args:
        known: whether a function of this name has an exporter.
        inputs: the tensors that the program is given, and its parameters.
    """

    def __init__(self, known: Callable[[str], bool], inputs: Sequence[torch.Tensor]):
        super().__init__()
        self.calls: list[Call] = []
        self.known = known
        self.found = {id(x): x for x in inputs}  # tensors that are held here keep their addresses

    def __torch_function__(self, func: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        name = short(overrides.resolve_name(func) or f"op.{func.__name__}")
        if self.known(name):
            result = func(*args, **kwargs)
            self.record(name, args, kwargs, result)
            return result
        if name in _READS and any(id(x) in self.found for x in tensors((args, kwargs))):
            warnings.warn(
                f"{place()}: {name} reads elements of a tensor. What follows from them is fixed in the exported graph.",
                TracerWarning,
                stacklevel=3,
            )
        if name in _READS or name in _QUERIES:
            return func(*args, **kwargs)
        with self:
            result = STANDING_BY.get(func, func)(*args, **kwargs)
        given = any(id(x) in self.found for x in tensors((args, kwargs)))
        if given and any(id(x) not in self.found for x in tensors(result)):
            raise UnsupportedOperatorError(f"{place()}: {name} has no form in ONNX that is known here")
        return result

    def record(self, name: str, args: tuple, kwargs: dict[str, Any], result: Any) -> None:
        """Note a call."""
        call = Call(name, args, dict(kwargs), result, place())
        self.calls.append(call)
        self.found |= {id(x): x for x in tensors((args, kwargs, result))}


class TracerWarning(UserWarning):
    """Something in the program that the exported graph does not follow."""


def is_running() -> bool:
    """Whether a program runs to be exported."""
    return _running > 0


def short(name: str) -> str:
    """The name of a function without ``torch.`` and ``Tensor.``; ``op.`` stands before ops that have no public name."""
    for prefix in ("torch.", "Tensor.", "special."):
        name = name.removeprefix(prefix)
    return name.removesuffix(".__get__")


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested lists, tuples and dicts, in their order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, torch.nn.utils.rnn.PackedSequence):
        yield value.data


def place() -> str:
    """The file and the line of the program that runs."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_PACKAGE, "<")):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


def record(
    model: Any, args: tuple, kwargs: dict[str, Any], held: Sequence[torch.Tensor], known: Callable[[str], bool]
) -> tuple[list[Call], Any]:
    """Run a program.

    Args:
        model: a module or function.
        args, kwargs: its inputs.
        held: its parameters and buffers.
        known: which functions have an exporter.

    Returns:
        Its calls, and what it gave.
    """
    global _running
    recorder = Recorder(known, [*tensors((args, kwargs)), *held])
    layers = [m for m in model.modules() if type(m) in _RECURRENT] if isinstance(model, torch.nn.Module) else []
    for layer in layers:
        object.__setattr__(layer, "forward", _recurrent(layer, layer.forward, recorder))
    _running += 1
    try:
        with torch.no_grad(), torch.kernels.bodies_only(), _inner_ops(), recorder:
            result = model(*args, **kwargs)
    finally:
        _running -= 1
        for layer in layers:
            object.__delattr__(layer, "forward")
    return recorder.calls, result


@contextlib.contextmanager
def _inner_ops() -> Iterator[None]:
    """While the block is open, modes are asked for ops, too, that users do not find by a name."""
    inner = [op.call for op in OPS.values() if overrides.resolve_name(op.call) is None]
    answers = {call: partial(overrides.answer, call) for call in inner}
    for call, answer in answers.items():
        intercept(call, answer)
    try:
        yield
    finally:
        for call, answer in answers.items():
            release(call, answer)


def _recurrent(layer: Any, forward: Callable, recorder: Recorder) -> Callable:
    """A recurrent layer's ``forward`` as one call."""

    def run(input: Any, hx: Any = None) -> Any:
        if not isinstance(input, torch.Tensor):
            raise UnsupportedOperatorError(f"{place()}: packed sequences have no form in ONNX that is known here")
        with overrides.DisableTorchFunction():
            result = forward(input, hx)
        recorder.record("nn.LSTM", (layer, input, hx), {}, result)
        return result

    return run


# --- several runs ---------------------------------------------------------------------------------------


def merged(runs: Sequence[Any], sizes: Sequence[dict[str, int]], where: str) -> Any:
    """One value of those of several runs: with a ``Size`` for an integer that differs.

    Args:
        runs: the values; the first is that of the given inputs.
        sizes: of each run the sizes of the dynamic dimensions.
        where: the line of the program.
    """
    first = runs[0]
    if isinstance(first, torch.Tensor | torch.nn.Module):
        return first
    if any(type(value) is not type(first) for value in runs):
        raise OnnxExporterError(f"{where}: other sizes change the type of an argument: {list(runs)}")
    if isinstance(first, dict):
        return {key: merged([run[key] for run in runs], sizes, where) for key in first}
    if isinstance(first, list | tuple):
        if any(len(run) != len(first) for run in runs):
            raise OnnxExporterError(f"{where}: other sizes change how many arguments there are: {list(runs)}")
        parts = [merged([run[i] for run in runs], sizes, where) for i in range(len(first))]
        return tuple(parts) if isinstance(first, tuple) else parts
    if isinstance(first, slice):
        ends = [(run.start, run.stop, run.step) for run in runs]
        return slice(*merged(ends, sizes, where))
    if all(value == first or (value != value and first != first) for value in runs):
        return first
    if isinstance(first, int) and not isinstance(first, bool):
        return follow(runs, sizes, where)
    raise OnnxExporterError(f"{where}: {first!r} follows the size of a dynamic dimension, which ONNX cannot say here")


def follow(values: Sequence[int], sizes: Sequence[dict[str, int]], where: str) -> Size:
    """How an integer follows the sizes of dynamic dimensions."""
    names = list(sizes[0])
    groups: list[tuple[str, ...]] = [(name,) for name in names]
    groups += [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if len(names) > 2:
        groups.append(tuple(names))
    for dims in groups:
        products = []
        for s in sizes:
            product = 1
            for name in dims:
                product *= s[name]
            products.append(product)
        rises = {(v - values[0], p - products[0]) for v, p in zip(values, products, strict=True)}
        slopes = {dv / dp for dv, dp in rises if dp}
        if len(slopes) != 1 or any(dv and not dp for dv, dp in rises):
            continue
        factor = slopes.pop()
        if factor == int(factor):
            return Size(values[0], int(factor), dims, values[0] - int(factor) * products[0])
    raise OnnxExporterError(
        f"{where}: the integer {values[0]} is no linear function of a dynamic dimension or of a product of them: "
        f"{list(values)} for {list(sizes)}"
    )
