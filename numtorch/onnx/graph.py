"""An ONNX graph that is being written."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

import numtorch as torch
from numtorch.onnx.errors import OnnxExporterError
from numtorch.onnx.tracing import Size

# numtorch's types, and ONNX's numbers of them.
NUMBERS = {
    torch.float32: 1, torch.uint8: 2, torch.int8: 3, torch.uint16: 4, torch.int16: 5, torch.int32: 6, torch.int64: 7,
    torch.bool: 9, torch.float16: 10, torch.float64: 11, torch.uint32: 12, torch.uint64: 13, torch.complex64: 14,
    torch.complex128: 15, torch.bfloat16: 16,
}  # fmt: skip
TYPES = {number: dtype for dtype, number in NUMBERS.items()}


@cache
def library() -> Any:
    """The package onnx.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        return importlib.import_module("onnx")
    except ModuleNotFoundError as e:
        raise ModuleNotFoundError("torch.onnx needs the package onnx: pip install onnx") from e


class Value:
    """A value of the graph: a name, and what is known of it.

    Attributes:
        name: in the graph.
        dtype: numtorch's type.
        shape: with the inputs that were given.
    """

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, name: str, dtype: torch.dtype, shape: Sequence[int]):
        self.name, self.dtype, self.shape = name, dtype, tuple(shape)

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)


class Graph:
    """Nodes, initializers and names.

    Args:
        opset: the version of ONNX's operators.
    """

    def __init__(self, opset: int):
        self.opset = opset
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.names: set[str] = set()
        self.sources: dict[str, tuple[Value, int]] = {}  # of each dynamic dimension an input and its dimension
        self.where = ""  # the line of the program whose call is written
        self.called = ""  # the function's name
        self.result: Any = None  # what it gave
        self.names_of: dict[int, str] = {}  # of modules, by their ``id``
        self._constants: dict[Any, Value] = {}
        self._dims: dict[str, Value] = {}

    def name(self, wanted: str) -> str:
        """A name that nothing has yet."""
        name, n = wanted, 0
        while name in self.names:
            n += 1
            name = f"{wanted}_{n}"
        self.names.add(name)
        return name

    def op(
        self,
        kind: str,
        *inputs: Value | None,
        like: Any = None,
        shape: Any = None,
        dtype: Any = None,
        **attributes: Any,
    ) -> Any:
        """Add a node.

        Args:
            kind: ONNX's name of the operator.
            *inputs: values; None for one that is left out.
            like: what has the type and the shape of the result: a value or tensor, or a list of them for several
                results; the first input if it is not given.
            shape, dtype: of the result, if other than those of ``like``.
            **attributes: of the node; None for one that is left out.

        Returns:
            A value, or a list of them if ``like`` is a list.
        """
        several = isinstance(like, list | tuple)
        results = []
        first: Any = inputs[0] if inputs else None
        for one in like if several else [first if like is None else like]:
            results.append(
                Value(
                    self.name(f"{kind.lower()}"),
                    one.dtype if dtype is None else dtype,
                    one.shape if shape is None else shape,
                )
            )
        names = ["" if x is None else x.name for x in inputs]
        while names and not names[-1]:
            names.pop()
        attributes = {k: v for k, v in attributes.items() if v is not None}
        node = library().helper.make_node(
            kind, names, [r.name for r in results], name=self.name(f"node_{kind}"), **attributes
        )
        node.doc_string = self.where
        self.nodes.append(node)
        return results if several else results[0]

    def constant(self, value: Any, dtype: torch.dtype | None = None, name: str | None = None) -> Value:
        """An initializer: of a number, a list of numbers, an array or a tensor."""
        tensor = value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=dtype)
        if dtype is not None and tensor.dtype is not dtype:
            tensor = tensor.to(dtype)
        key = None
        if name is None and tensor.numel() <= 16:
            key = (
                tensor.dtype,
                tuple(tensor.shape),
                tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()
                if tensor.dim()
                else repr(tensor.item()),
            )
            if key in self._constants:
                return self._constants[key]
        made = Value(self.name(name or "constant"), tensor.dtype, tensor.shape)
        self.initializers[made.name] = proto(tensor, made.name)
        if key is not None:
            self._constants[key] = made
        return made

    def ints(self, values: Sequence[int]) -> Value:
        """A vector of int64."""
        return self.constant([int(v) for v in values], torch.int64)

    # --- sizes ------------------------------------------------------------------------------------------

    def size(self, value: int | Size) -> Value:
        """An integer, or one that follows dynamic dimensions, as a vector of one element."""
        if not isinstance(value, Size):
            return self.ints([value])
        made: Any = None
        for dim in value.dims:
            part = self._dims.get(dim)
            if part is None:
                source, at = self.sources[dim]
                part = self.op("Shape", source, dtype=torch.int64, shape=(1,), start=at, end=at + 1)
                self._dims[dim] = part
            made = part if made is None else self.op("Mul", made, part)
        if value.factor != 1:
            made = self.op("Mul", made, self.ints([value.factor]))
        if value.more:
            made = self.op("Add", made, self.ints([value.more]))
        return made

    def sizes(self, values: Sequence[int | Size]) -> Value:
        """Integers as a vector."""
        plain = [int(v) for v in values if not isinstance(v, Size)]
        if len(plain) == len(values):
            return self.ints(plain)
        return self.op("Concat", *[self.size(v) for v in values], shape=(len(values),), dtype=torch.int64, axis=0)

    def number(self, value: int | Size) -> Value:
        """An integer as a value without dimensions."""
        if not isinstance(value, Size):
            return self.constant(value, torch.int64)
        return self.op("Squeeze", self.size(value), self.ints([0]), shape=())

    # --- small steps --------------------------------------------------------------------------------------

    def cast(self, x: Value, dtype: torch.dtype) -> Value:
        """A value in another type."""
        return x if x.dtype is dtype else self.op("Cast", x, dtype=dtype, to=NUMBERS[dtype])

    def reshape(self, x: Value, shape: Sequence[int | Size], result: Sequence[int] | None = None) -> Value:
        """A value in another shape, in which one size may be -1; ``result`` is the shape with the given inputs."""
        known = [s.value if isinstance(s, Size) else s for s in shape] if result is None else list(result)
        if result is None and -1 in known:
            rest = int(np.prod([k for k in known if k != -1]))
            known[known.index(-1)] = int(np.prod(x.shape)) // rest if rest else 0
        moving = [i for i, s in enumerate(shape) if isinstance(s, Size)]
        if len(moving) == 1 and -1 not in shape:
            shape = [-1 if i == moving[0] else s for i, s in enumerate(shape)]
        zero = 1 if any(not isinstance(s, Size) and s == 0 for s in shape) else None
        return self.op("Reshape", x, self.sizes(shape), shape=known, allowzero=zero)

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """The dimensions in another order."""
        if list(order) == list(range(x.ndim)):
            return x
        return self.op("Transpose", x, shape=[x.shape[i] for i in order], perm=list(order))

    def unsqueeze(self, x: Value, *dims: int) -> Value:
        """New dimensions of size 1 at these places of the result."""
        shape = list(x.shape)
        for d in sorted(dims):
            shape.insert(d, 1)
        return self.op("Unsqueeze", x, self.ints(sorted(dims)), shape=shape)

    def squeeze(self, x: Value, *dims: int) -> Value:
        """Without these dimensions, whose size is 1."""
        shape = [s for i, s in enumerate(x.shape) if i not in dims]
        return self.op("Squeeze", x, self.ints(sorted(dims)), shape=shape)

    def slice(
        self, x: Value, dim: int, start: int | Size, stop: int | Size, step: int = 1, size: int | None = None
    ) -> Value:
        """A part along a dimension."""
        shape = list(x.shape)
        if size is None:
            a, b = (v.value if isinstance(v, Size) else v for v in (start, stop))
            size = len(range(*slice(a, b, step).indices(shape[dim])))
        shape[dim] = size
        return self.op("Slice", x, self.size(start), self.size(stop), self.ints([dim]), self.ints([step]), shape=shape)

    def fail(self, message: str) -> OnnxExporterError:
        """An error that names the line of the program."""
        return OnnxExporterError(f"{self.where}: {message}")


def proto(tensor: torch.Tensor, name: str) -> Any:
    """A tensor in ONNX's form."""
    onnx = library()
    number = NUMBERS.get(tensor.dtype)
    if number is None:
        raise OnnxExporterError(f"tensors of {tensor.dtype} cannot be exported ({name})")
    flat = tensor.detach().cpu().contiguous()
    if flat.is_complex():
        return onnx.numpy_helper.from_array(flat.resolve_conj().numpy(), name)
    data = flat.reshape(-1).view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return onnx.helper.make_tensor(name, number, list(tensor.shape), data, raw=True)
