"""ONNX models as modules: each node calls the functions of the table ``OPERATORS``."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import numtorch as torch
import numtorch.nn.functional as F
from numtorch.onnx.errors import CheckerError, UnsupportedOperatorError
from numtorch.onnx.graph import TYPES, library

Attributes = dict[str, Any]
OPERATORS: dict[str, Callable[..., Any]] = {}


def operator(*names: str) -> Callable[[Callable], Callable]:
    """A decorator: the function does what the nodes of these names do.

    It takes the attributes of the node as a dict, then its inputs, None for those that are left out; it gives a tensor
    or a tuple of them.

    Args:
        *names: ONNX's names of operators.
    """

    def wrap(fn: Callable) -> Callable:
        for name in names:
            OPERATORS[name] = fn
        return fn

    return wrap


def load(f: Any) -> ONNXModule:
    """An ONNX model as a module.

    Initializers of floating types become parameters, others buffers; their names are those in the file, with ``_`` for
    each dot that cannot be a name of a submodule. The module takes the model's inputs in their order, or by name, and
    gives its output, or a tuple of several.

    Args:
        f: a path, a file opened for reading bytes, or a model of the package onnx.

    Returns:
        A module.

    Raises:
        ModuleNotFoundError: the package onnx is not installed.
        CheckerError: the file is no valid model.
        UnsupportedOperatorError: it has an operator that is not known here.

    >>> torch.onnx.load("net.onnx")(torch.ones(1, 3)).shape  # doctest: +SKIP
    torch.Size([1, 2])
    """
    onnx = library()
    model = f
    if not hasattr(f, "graph"):
        try:
            model = onnx.load(f if hasattr(f, "read") else str(Path(f)))
        except FileNotFoundError:
            raise
        except Exception as e:  # protobuf's errors have no common class
            raise CheckerError(f"{f} is no ONNX model: {e}") from e
    said = "this" if hasattr(f, "graph") or hasattr(f, "read") else f
    if not model.graph.output:
        raise CheckerError(f"{said} is no ONNX model: it has no outputs")
    try:
        _check_names(model.graph)
        return ONNXModule(model)
    except (ValueError, TypeError, UnicodeDecodeError) as e:  # tensors and attributes that cannot be read
        raise CheckerError(f"{said} is no valid ONNX model: {e}") from e


def _check_names(graph: Any) -> None:
    """Raise ValueError for a value that is read before something gives it."""
    known = {"", *[i.name for i in graph.input], *[i.name for i in graph.initializer]}
    for node in graph.node:
        missing = [name for name in node.input if name not in known]
        if missing:
            raise ValueError(f"the node {node.op_type} of {list(node.output)} reads {missing}, which nothing gives")
        known |= set(node.output)
    missing = [o.name for o in graph.output if o.name not in known]
    if missing:
        raise ValueError(f"nothing gives the outputs {missing}")


class ONNXModule(torch.nn.Module):
    """The graph of an ONNX model.

    Args:
        model: a model of the package onnx.
    """

    def __init__(self, model: Any):
        super().__init__()
        graph = model.graph
        self.opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
        unknown = sorted(
            {n.op_type for n in graph.node if n.op_type not in OPERATORS or n.domain not in ("", "ai.onnx")}
        )
        if unknown:
            raise UnsupportedOperatorError(f"the model has operators that are not known here: {', '.join(unknown)}")
        self._held: dict[str, str] = {}
        for tensor in graph.initializer:
            value = from_proto(tensor)
            name = tensor.name.replace(".", "_") or "_"
            while hasattr(self, name):
                name += "_"
            self._held[tensor.name] = name
            if value.is_floating_point() and value.numel() and value.dim():
                self.register_parameter(name, torch.nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.input_names = [i.name for i in graph.input if i.name not in self._held]
        self.output_names = [o.name for o in graph.output]
        self._nodes = [_Node(n, self.opset) for n in graph.node]
        last: dict[str, int] = {}
        for i, node in enumerate(self._nodes):
            last |= dict.fromkeys(node.inputs, i)
        for name, i in last.items():
            if name and name not in self._held and name not in self.output_names:
                self._nodes[i].done.append(name)

    def forward(self, *args: torch.Tensor, **kwargs: torch.Tensor) -> Any:
        """Run the nodes.

        Args:
            *args: the inputs, in the order of ``input_names``.
            **kwargs: inputs by name.

        Returns:
            The output, or a tuple of several.

        Raises:
            TypeError: an input is missing, or there are too many.
        """
        if len(args) > len(self.input_names):
            raise TypeError(f"the model takes {len(self.input_names)} inputs ({self.input_names}), not {len(args)}")
        values: dict[str, Any] = {"": None, **dict(zip(self.input_names, args, strict=False)), **kwargs}
        missing = [name for name in self.input_names if name not in values]
        if missing:
            raise TypeError(f"inputs of the model are missing: {missing}")
        for name, held in self._held.items():
            values[name] = getattr(self, held)
        for node in self._nodes:
            node.run(values)
        found = tuple(values[name] for name in self.output_names)
        return found[0] if len(found) == 1 else found


class _Node:
    """A node of the graph, with its attributes read."""

    def __init__(self, node: Any, opset: int):
        helper = library().helper
        self.kind, self.inputs, self.outputs = node.op_type, list(node.input), list(node.output)
        self.attributes: Attributes = {"opset": opset, "outputs": len(node.output), "kind": node.op_type}
        for a in node.attribute:
            value = helper.get_attribute_value(a)
            self.attributes[a.name] = value.decode() if isinstance(value, bytes) else value
        self.function = OPERATORS[node.op_type]
        self.done: list[str] = []

    def run(self, values: dict[str, Any]) -> None:
        """Compute the results, and forget what nothing needs any more."""
        try:
            found = self.function(self.attributes, *[values[name] for name in self.inputs])
        except (RuntimeError, IndexError, ValueError, TypeError) as e:
            e.add_note(f"in the node {self.kind} of an ONNX model, whose result is {self.outputs[0]!r}")
            raise
        for name, value in zip(self.outputs, found if isinstance(found, tuple) else (found,), strict=False):
            if name:
                values[name] = value
        for name in self.done:
            values.pop(name, None)


def from_proto(tensor: Any) -> torch.Tensor:
    """A tensor of ONNX's form."""
    dtype = TYPES.get(tensor.data_type)
    if dtype is None:
        raise UnsupportedOperatorError(
            f"{tensor.name or 'a constant'} has a type that is not known here: {tensor.data_type}"
        )
    array = library().numpy_helper.to_array(tensor)
    if dtype is torch.bfloat16:
        return torch.from_numpy(np.ascontiguousarray(array).astype(np.float32)).to(dtype).reshape(list(tensor.dims))
    return torch.from_numpy(np.array(array, order="C")).reshape(list(tensor.dims))


def _ints(x: torch.Tensor | None) -> list[int] | None:
    return None if x is None else [int(v) for v in x.reshape(-1).tolist()]


def _axes(a: Attributes, given: torch.Tensor | None) -> list[int] | None:
    return _ints(given) if given is not None else a.get("axes")


# --- elementwise --------------------------------------------------------------------------------------------

_FUNCTIONS = {
    "Abs": torch.abs, "Acos": torch.acos, "Acosh": torch.acosh, "Asin": torch.asin, "Asinh": torch.asinh,
    "Atan": torch.atan, "Atanh": torch.atanh, "Ceil": torch.ceil, "Cos": torch.cos, "Cosh": torch.cosh,
    "Det": torch.det,
    "Erf": torch.erf, "Exp": torch.exp, "Floor": torch.floor, "Identity": lambda x: x, "IsNaN": torch.isnan,
    "Log": torch.log, "Neg": torch.neg, "Not": torch.logical_not, "Reciprocal": torch.reciprocal, "Relu": torch.relu,
    "Round": torch.round, "Sigmoid": torch.sigmoid, "Sign": torch.sign, "Sin": torch.sin, "Sinh": torch.sinh,
    "Softplus": F.softplus, "Softsign": F.softsign, "Sqrt": torch.sqrt, "Tan": torch.tan, "Tanh": torch.tanh,
    "HardSwish": F.hardswish, "Mish": F.mish, "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul,
    "And": torch.logical_and, "Or": torch.logical_or, "Xor": torch.logical_xor, "Equal": torch.eq, "Greater": torch.gt,
    "GreaterOrEqual": torch.ge, "Less": torch.lt, "LessOrEqual": torch.le, "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or, "BitwiseXor": torch.bitwise_xor, "BitwiseNot": torch.bitwise_not,
    "MatMul": torch.matmul, "Where": torch.where, "PRelu": lambda x, w: torch.where(x < 0, x * w, x),
}  # fmt: skip


def _plain(fn: Callable) -> Callable:
    return lambda a, *inputs: fn(*inputs)


_fn: Any
for _name, _fn in _FUNCTIONS.items():
    operator(_name)(_plain(_fn))


@operator("Pow")
def _pow(a: Attributes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.pow(x, y).to(x.dtype)


@operator("Div")
def _div(a: Attributes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.div(x, y, rounding_mode=None if x.is_floating_point() else "trunc")


@operator("Mod")
def _mod(a: Attributes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.fmod(x, y) if a.get("fmod") else torch.remainder(x, y)


@operator("Max", "Min", "Sum", "Mean")
def _many(a: Attributes, *xs: torch.Tensor) -> torch.Tensor:
    combine = {"Max": torch.maximum, "Min": torch.minimum}.get(a["kind"], torch.add)
    found = xs[0]
    for x in xs[1:]:
        found = combine(found, x)
    return found / len(xs) if a["kind"] == "Mean" else found


@operator("IsInf")
def _isinf(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    found = torch.isinf(x)
    if not a.get("detect_negative", 1):
        found = found & (x > 0)
    if not a.get("detect_positive", 1):
        found = found & (x < 0)
    return found


@operator("Clip")
def _clip(a: Attributes, x: torch.Tensor, low: Any = None, high: Any = None) -> torch.Tensor:
    low, high = a.get("min") if low is None else low, a.get("max") if high is None else high
    return x if low is None and high is None else torch.clamp(x, low, high)


@operator("Cast")
def _cast(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    dtype = TYPES.get(a["to"])
    if dtype is None:
        raise UnsupportedOperatorError(f"Cast to a type that is not known here: {a['to']}")
    return x.to(dtype)


@operator("CastLike")
def _cast_like(a: Attributes, x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return x.to(like.dtype)


@operator("LeakyRelu")
def _leaky_relu(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, a.get("alpha", 0.01))


@operator("Elu")
def _elu(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return F.elu(x, a.get("alpha", 1.0))


@operator("Celu")
def _celu(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return F.celu(x, a.get("alpha", 1.0))


@operator("Selu")
def _selu(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    alpha, gamma = a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.05070102214813232421875)
    return torch.where(x > 0, gamma * x, gamma * alpha * torch.expm1(torch.clamp(x, max=0.0)))


@operator("HardSigmoid")
def _hard_sigmoid(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0.0, 1.0)


@operator("ThresholdedRelu")
def _thresholded_relu(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return F.threshold(x, a.get("alpha", 1.0), 0.0)


@operator("Gelu")
def _gelu(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return F.gelu(x, approximate=a.get("approximate", "none"))


@operator("Swish")
def _swish(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(x * a.get("alpha", 1.0))


@operator("Shrink")
def _shrink(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    lambd, bias = a.get("lambd", 0.5), a.get("bias", 0.0)
    return torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, torch.zeros_like(x)))


@operator("BitShift")
def _bit_shift(a: Attributes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.bitwise_left_shift(x, y) if a["direction"] == "LEFT" else torch.bitwise_right_shift(x, y)


@operator("Dropout")
def _dropout(a: Attributes, x: torch.Tensor, ratio: Any = None, training: Any = None) -> Any:
    if training is None or not bool(training):
        return (x, torch.ones_like(x, dtype=torch.bool))[: a["outputs"]]
    p = 0.5 if ratio is None else float(ratio)
    mask = torch.rand_like(x) >= p
    return (x * mask / (1 - p), mask)[: a["outputs"]]


# --- reductions ---------------------------------------------------------------------------------------------


def _reduction(fn: Callable) -> Callable:
    def run(a: Attributes, x: torch.Tensor, axes: torch.Tensor | None = None) -> torch.Tensor:
        dims = _axes(a, axes)
        if not dims:
            if a.get("noop_with_empty_axes"):
                return x
            dims = list(range(x.dim()))
        return fn(x, tuple(dims), bool(a.get("keepdims", 1))).to(x.dtype)

    return run


def _product(x: torch.Tensor, dims: tuple, keepdim: bool) -> torch.Tensor:
    for d in sorted((d % x.dim() for d in dims), reverse=True):
        x = torch.prod(x, d, keepdim=keepdim)
    return x


for _name, _fn in {
    "ReduceSum": lambda x, d, k: torch.sum(x, d, keepdim=k),
    "ReduceMean": lambda x, d, k: torch.mean(x, d, keepdim=k),
    "ReduceProd": _product,
    "ReduceMax": lambda x, d, k: torch.amax(x, d, keepdim=k),
    "ReduceMin": lambda x, d, k: torch.amin(x, d, keepdim=k),
    "ReduceL1": lambda x, d, k: torch.sum(torch.abs(x), d, keepdim=k),
    "ReduceL2": lambda x, d, k: torch.sqrt(torch.sum(x * x, d, keepdim=k)),
    "ReduceLogSum": lambda x, d, k: torch.log(torch.sum(x, d, keepdim=k)),
    "ReduceLogSumExp": lambda x, d, k: torch.logsumexp(x, d, keepdim=k),
    "ReduceSumSquare": lambda x, d, k: torch.sum(x * x, d, keepdim=k),
}.items():
    operator(_name)(_reduction(_fn))


@operator("ArgMax", "ArgMin")
def _position(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    d, keep = a.get("axis", 0), bool(a.get("keepdims", 1))
    find = torch.argmax if a["kind"] == "ArgMax" else torch.argmin
    if a.get("select_last_index"):
        return x.shape[d] - 1 - find(torch.flip(x, (d,)), d, keepdim=keep)
    return find(x, d, keepdim=keep)


@operator("CumSum")
def _cumsum(a: Attributes, x: torch.Tensor, axis: torch.Tensor) -> torch.Tensor:
    d = int(axis)
    y = torch.flip(x, (d,)) if a.get("reverse") else x
    found = torch.cumsum(y, d).to(x.dtype)
    if a.get("exclusive"):
        found = found - y
    return torch.flip(found, (d,)) if a.get("reverse") else found


@operator("Softmax", "LogSoftmax")
def _softmax(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    fn = torch.softmax if a["kind"] == "Softmax" else torch.log_softmax
    if a["opset"] < 13:
        d = a.get("axis", 1) % max(x.dim(), 1)
        return fn(x.reshape(math.prod(x.shape[:d]), -1), 1).reshape(x.shape)
    return fn(x, a.get("axis", -1))


@operator("TopK")
def _topk(a: Attributes, x: torch.Tensor, k: torch.Tensor) -> Any:
    return tuple(torch.topk(x, int(k), a.get("axis", -1), bool(a.get("largest", 1)), bool(a.get("sorted", 1))))


# --- shapes -------------------------------------------------------------------------------------------------


@operator("Shape")
def _shape(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(list(x.shape)[slice(a.get("start", 0), a.get("end"))], dtype=torch.int64)


@operator("Size")
def _size(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(x.numel())


@operator("Reshape")
def _reshape(a: Attributes, x: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    sizes = _ints(shape) or []
    if not a.get("allowzero"):
        sizes = [x.shape[i] if s == 0 else s for i, s in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Flatten")
def _flatten(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    d = a.get("axis", 1)
    d = d + x.dim() if d < 0 else d
    return x.reshape(math.prod(x.shape[:d]), math.prod(x.shape[d:]))


@operator("Transpose")
def _transpose(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return x.permute(a.get("perm") or list(range(x.dim()))[::-1])


@operator("Unsqueeze")
def _unsqueeze(a: Attributes, x: torch.Tensor, axes: torch.Tensor | None = None) -> torch.Tensor:
    dims = _axes(a, axes) or []
    for d in sorted(d % (x.dim() + len(dims)) for d in dims):
        x = x.unsqueeze(d)
    return x


@operator("Squeeze")
def _squeeze(a: Attributes, x: torch.Tensor, axes: torch.Tensor | None = None) -> torch.Tensor:
    dims = _axes(a, axes)
    return x.squeeze() if dims is None else x.squeeze(tuple(dims))


@operator("Expand")
def _expand(a: Attributes, x: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    return x.expand(torch.broadcast_shapes(tuple(x.shape), tuple(_ints(shape) or [])))


@operator("Tile")
def _tile(a: Attributes, x: torch.Tensor, repeats: torch.Tensor) -> torch.Tensor:
    return x.repeat(_ints(repeats))


@operator("Concat")
def _concat(a: Attributes, *xs: torch.Tensor) -> torch.Tensor:
    return torch.cat(list(xs), a["axis"])


@operator("Split")
def _split(a: Attributes, x: torch.Tensor, sizes: torch.Tensor | None = None) -> Any:
    d = a.get("axis", 0)
    given = _ints(sizes) if sizes is not None else a.get("split")
    if given is None:
        count: int = a.get("num_outputs") or a["outputs"]
        return tuple(torch.split(x, -(-x.shape[d] // count), d))
    return tuple(torch.split(x, list(given), d))


@operator("Slice")
def _slice(
    a: Attributes, x: torch.Tensor, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> torch.Tensor:
    first, last = (_ints(starts), _ints(ends)) if starts is not None else (a["starts"], a["ends"])
    dims = _axes(a, axes) or list(range(len(first or [])))
    for b, e, d, s in zip(first or [], last or [], dims, _ints(steps) or [1] * len(dims), strict=True):
        n = x.shape[d]
        begin, end, _ = slice(b, None if s < 0 and e < -n else e, s).indices(n)
        if s > 0:
            x = x[(slice(None),) * (d % x.dim()) + (slice(begin, max(begin, end), s),)]
        else:
            x = torch.index_select(x, d, torch.arange(begin, end, s))
    return x


@operator("Pad")
def _pad(a: Attributes, x: torch.Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> torch.Tensor:
    given = _ints(pads) if pads is not None else a["pads"]
    dims = _ints(axes) or list(range(x.dim()))
    before, after = [0] * x.dim(), [0] * x.dim()
    for i, d in enumerate(dims):
        before[d], after[d] = (given or [])[i], (given or [])[i + len(dims)]
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}[
        a.get("mode", "constant")
    ]
    flat = [v for d in reversed(range(x.dim())) for v in (before[d], after[d])]
    if mode != "constant":
        while len(flat) > 2 and flat[-2:] == [0, 0]:
            flat = flat[:-2]
        return F.pad(x, flat, mode=mode)
    return F.pad(x, flat, value=a.get("value", 0.0) if value is None else value.item())


@operator("DepthToSpace")
def _depth_to_space(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    b = a["blocksize"]
    if a.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, b)
    n, c, h, w = x.shape
    return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


@operator("SpaceToDepth")
def _space_to_depth(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    b = a["blocksize"]
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


# --- positions ----------------------------------------------------------------------------------------------


def _wrapped(x: torch.Tensor, n: int) -> torch.Tensor:
    x = x.to(torch.int64)
    return torch.where(x < 0, x + n, x)


@operator("Gather")
def _gather(a: Attributes, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    d = a.get("axis", 0) % x.dim()
    found = torch.index_select(x, d, _wrapped(index, x.shape[d]).reshape(-1))
    return found.reshape([*x.shape[:d], *index.shape, *x.shape[d + 1 :]])


@operator("GatherElements")
def _gather_elements(a: Attributes, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    d = a.get("axis", 0)
    return torch.gather(x, d, _wrapped(index, x.shape[d]))


@operator("GatherND")
def _gather_nd(a: Attributes, x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    b, depth = a.get("batch_dims", 0), index.shape[-1]
    positions = [_wrapped(index[..., i], x.shape[b + i]) for i in range(depth)]
    ahead = [torch.arange(x.shape[i]).reshape([-1 if j == i else 1 for j in range(index.dim() - 1)]) for i in range(b)]
    return x[(*ahead, *positions)]


@operator("ScatterElements")
def _scatter_elements(a: Attributes, x: torch.Tensor, index: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
    d, kind = a.get("axis", 0), a.get("reduction", "none")
    index = _wrapped(index, x.shape[d])
    if kind == "none":
        return torch.scatter(x, d, index, updates)
    return torch.scatter_reduce(x, d, index, updates, {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}[kind])


@operator("ScatterND")
def _scatter_nd(a: Attributes, x: torch.Tensor, index: torch.Tensor, updates: torch.Tensor) -> torch.Tensor:
    kind = a.get("reduction", "none")
    positions = tuple(_wrapped(index[..., i], x.shape[i]) for i in range(index.shape[-1]))
    if kind not in ("none", "add"):
        raise UnsupportedOperatorError(f"ScatterND with reduction={kind!r} is not known here")
    return torch.index_put(x, positions, updates, accumulate=kind == "add")


@operator("NonZero")
def _nonzero(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.nonzero(x).t()


@operator("OneHot")
def _one_hot(a: Attributes, index: torch.Tensor, depth: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    n, d = int(depth), a.get("axis", -1)
    found = _wrapped(index, n).unsqueeze(d) == torch.arange(n).reshape(
        [-1 if i == d % (index.dim() + 1) else 1 for i in range(index.dim() + 1)]
    )
    return torch.where(found, values[1], values[0])


@operator("Trilu")
def _trilu(a: Attributes, x: torch.Tensor, k: Any = None) -> torch.Tensor:
    return (torch.triu if a.get("upper", 1) else torch.tril)(x, 0 if k is None else int(k))


@operator("Unique")
def _unique(a: Attributes, x: torch.Tensor) -> Any:
    found, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=a.get("axis"))
    flat = inverse.reshape(-1)
    first = torch.stack([torch.nonzero(flat == i)[0, 0] for i in range(found.shape[a.get("axis") or 0])])
    return found, first, flat, counts


# --- new tensors --------------------------------------------------------------------------------------------


@operator("Constant")
def _constant(a: Attributes) -> torch.Tensor:
    if "value" in a:
        return from_proto(a["value"])
    for name in ("value_float", "value_floats"):
        if name in a:
            return torch.tensor(a[name], dtype=torch.float32)
    for name in ("value_int", "value_ints"):
        if name in a:
            return torch.tensor(a[name], dtype=torch.int64)
    raise UnsupportedOperatorError("a Constant of text or of a sparse tensor is not known here")


@operator("ConstantOfShape")
def _constant_of_shape(a: Attributes, shape: torch.Tensor) -> torch.Tensor:
    value = from_proto(a["value"]).reshape(()) if "value" in a else torch.tensor(0.0)
    return value.expand(_ints(shape) or []).clone()


@operator("Range")
def _range(a: Attributes, start: torch.Tensor, limit: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operator("EyeLike")
def _eye_like(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.triu(torch.tril(torch.ones_like(x), a.get("k", 0)), a.get("k", 0)).to(
        TYPES[a["dtype"]] if "dtype" in a else x.dtype
    )


@operator("RandomNormalLike", "RandomUniformLike", "RandomNormal", "RandomUniform")
def _random(a: Attributes, x: Any = None) -> torch.Tensor:
    shape = list(a["shape"]) if x is None else list(x.shape)
    dtype = TYPES[a["dtype"]] if "dtype" in a else torch.float32 if x is None else x.dtype
    if "Normal" in a["kind"]:
        return torch.randn(shape, dtype=dtype) * a.get("scale", 1.0) + a.get("mean", 0.0)
    low, high = a.get("low", 0.0), a.get("high", 1.0)
    return torch.rand(shape, dtype=dtype) * (high - low) + low


# --- products, convolutions, pooling ------------------------------------------------------------------------


@operator("Gemm")
def _gemm(a: Attributes, x: torch.Tensor, y: torch.Tensor, c: Any = None) -> torch.Tensor:
    x = x.t() if a.get("transA") else x
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    if a.get("transB") and alpha == beta == 1 and (c is None or c.dim() == 1):
        return F.linear(x, y, c)
    product = torch.matmul(x, y.t() if a.get("transB") else y)
    product = product if alpha == 1 else product * alpha
    return product if c is None else product + (c if beta == 1 else c * beta)


@operator("Einsum")
def _einsum(a: Attributes, *xs: torch.Tensor) -> torch.Tensor:
    return torch.einsum(a["equation"], *xs)


def _padded(a: Attributes, x: torch.Tensor, kernel: list[int], value: float = 0.0) -> tuple[torch.Tensor, list[int]]:
    """The input, padded where both sides differ, and what the op has to pad itself."""
    n = len(kernel)
    pads = list(a.get("pads") or [0] * 2 * n)
    auto = a.get("auto_pad", "NOTSET")
    if auto.startswith("SAME"):
        strides, dilations = a.get("strides") or [1] * n, a.get("dilations") or [1] * n
        for i in range(n):
            span = (kernel[i] - 1) * dilations[i] + 1
            total = max((-(-x.shape[2 + i] // strides[i]) - 1) * strides[i] + span - x.shape[2 + i], 0)
            small = total // 2
            pads[i], pads[i + n] = (small, total - small) if auto == "SAME_UPPER" else (total - small, small)
    if pads[:n] == pads[n:]:
        return x, pads[:n]
    flat = [v for i in reversed(range(n)) for v in (pads[i], pads[i + n])]
    return F.pad(x, flat, value=value), [0] * n


@operator("Conv")
def _conv(a: Attributes, x: torch.Tensor, w: torch.Tensor, b: Any = None) -> torch.Tensor:
    n = w.dim() - 2
    x, padding = _padded(a, x, list(w.shape[2:]))
    fn = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    strides, dilations = a.get("strides") or [1] * n, a.get("dilations") or [1] * n
    return fn(x, w, b, tuple(strides), tuple(padding), tuple(dilations), a.get("group", 1))


@operator("ConvTranspose")
def _conv_transpose(a: Attributes, x: torch.Tensor, w: torch.Tensor, b: Any = None) -> torch.Tensor:
    n = w.dim() - 2
    pads = list(a.get("pads") or [0] * 2 * n)
    if pads[:n] != pads[n:] or a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or a.get("output_shape"):
        raise UnsupportedOperatorError("ConvTranspose with auto_pad, output_shape or different sides is not known here")
    fn = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
    strides, dilations = a.get("strides") or [1] * n, a.get("dilations") or [1] * n
    return fn(
        x,
        w,
        b,
        tuple(strides),
        tuple(pads[:n]),
        tuple(a.get("output_padding") or [0] * n),
        a.get("group", 1),
        tuple(dilations),
    )


@operator("MaxPool")
def _max_pool(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    kernel = list(a["kernel_shape"])
    n = len(kernel)
    if a["outputs"] > 1:
        raise UnsupportedOperatorError("MaxPool with indices is not known here")
    x, padding = _padded(a, x, kernel, -math.inf)
    fn = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[n - 1]
    strides, dilations = a.get("strides") or [1] * n, a.get("dilations") or [1] * n
    return fn(x, tuple(kernel), tuple(strides), tuple(padding), tuple(dilations), bool(a.get("ceil_mode", 0)))


@operator("AveragePool")
def _avg_pool(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    kernel, include = list(a["kernel_shape"]), bool(a.get("count_include_pad", 0))
    n = len(kernel)
    before = x.shape
    x, padding = _padded(a, x, kernel)
    if x.shape != before and not include:
        raise UnsupportedOperatorError("AveragePool whose sides are padded differently is not known here")
    fn = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[n - 1]
    return fn(
        x, tuple(kernel), tuple(a.get("strides") or [1] * n), tuple(padding), bool(a.get("ceil_mode", 0)), include
    )


@operator("GlobalAveragePool")
def _global_average(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.mean(x, tuple(range(2, x.dim())), keepdim=True)


@operator("GlobalMaxPool")
def _global_max(a: Attributes, x: torch.Tensor) -> torch.Tensor:
    return torch.amax(x, tuple(range(2, x.dim())), keepdim=True)


@operator("Resize", "Upsample")
def _resize(a: Attributes, x: torch.Tensor, roi: Any = None, scales: Any = None, sizes: Any = None) -> torch.Tensor:
    if a["kind"] == "Upsample":
        scales = roi
    mode, where = a.get("mode", "nearest"), a.get("coordinate_transformation_mode", "half_pixel")
    if a.get("axes") or a.get("exclude_outside") or where == "tf_crop_and_resize":
        raise UnsupportedOperatorError("Resize with axes, exclude_outside or a region is not known here")
    wanted = _ints(sizes)[2:] if sizes is not None else None  # type: ignore[index]
    factors = None if wanted is not None else [float(s) for s in scales.tolist()[2:]]
    if mode == "nearest":
        kind = "nearest" if where == "asymmetric" and a.get("nearest_mode") in ("floor", None) else "nearest-exact"
        return F.interpolate(x, size=wanted, scale_factor=factors, mode=kind)
    n = x.dim() - 2
    kind = "bicubic" if mode == "cubic" else ("linear", "bilinear", "trilinear")[n - 1]
    aligned = where == "align_corners"
    return F.interpolate(
        x, size=wanted, scale_factor=factors, mode=kind, align_corners=aligned, antialias=bool(a.get("antialias", 0))
    )


@operator("GridSample")
def _grid_sample(a: Attributes, x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    said: str = a.get("mode", "linear")
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(said, said)
    return F.grid_sample(x, grid, mode, a.get("padding_mode", "zeros"), bool(a.get("align_corners", 0)))


# --- normalisation, recurrence ------------------------------------------------------------------------------


@operator("BatchNormalization")
def _batch_norm(a: Attributes, x: Any, scale: Any, shift: Any, mean: Any, var: Any) -> torch.Tensor:
    return F.batch_norm(x, mean, var, scale, shift, False, 0.1, a.get("epsilon", 1e-5))


@operator("InstanceNormalization")
def _instance_norm(a: Attributes, x: Any, scale: Any, shift: Any) -> torch.Tensor:
    return F.instance_norm(x, weight=scale, bias=shift, eps=a.get("epsilon", 1e-5))


@operator("GroupNormalization")
def _group_norm(a: Attributes, x: Any, scale: Any, shift: Any) -> torch.Tensor:
    if scale.shape[0] != x.shape[1]:  # before opset 21 a number for each group
        times = x.shape[1] // scale.shape[0]
        scale, shift = torch.repeat_interleave(scale, times), torch.repeat_interleave(shift, times)
    return F.group_norm(x, a["num_groups"], scale, shift, a.get("epsilon", 1e-5))


@operator("LayerNormalization")
def _layer_norm(a: Attributes, x: Any, scale: Any, shift: Any = None) -> torch.Tensor:
    shape = list(x.shape[a.get("axis", -1) :])
    scale = scale.expand(shape).contiguous()
    return F.layer_norm(
        x, shape, scale, None if shift is None else shift.expand(shape).contiguous(), a.get("epsilon", 1e-5)
    )


@operator("RMSNormalization")
def _rms_norm(a: Attributes, x: Any, scale: Any) -> torch.Tensor:
    return F.rms_norm(x, list(x.shape[a.get("axis", -1) :]), scale, a.get("epsilon", 1e-5))


@operator("LpNormalization")
def _lp_norm(a: Attributes, x: Any) -> torch.Tensor:
    return F.normalize(x, a.get("p", 2), a.get("axis", -1), eps=0.0)


@operator("LRN")
def _lrn(a: Attributes, x: Any) -> torch.Tensor:
    return F.local_response_norm(x, a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0))


# ONNX's blocks of gates in the order that they have here.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


@operator("LSTM", "GRU", "RNN")
def _recurrent(
    a: Attributes, x: Any, w: Any, r: Any, b: Any = None, lens: Any = None, h: Any = None, c: Any = None, p: Any = None
) -> Any:
    kind, hidden, direction = a["kind"], a["hidden_size"], a.get("direction", "forward")
    ways = 2 if direction == "bidirectional" else 1
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[kind]
    given = [s.decode() if isinstance(s, bytes) else s for s in a.get("activations") or usual * ways]
    plain = given == usual * ways or (kind == "RNN" and set(given) == {"Relu"})
    if not plain or lens is not None or p is not None or a.get("clip") or a.get("layout") or direction == "reverse":
        raise UnsupportedOperatorError(
            f"{kind} with peepholes, lengths, clipping, another layout or other activations is not known here"
        )
    if kind == "GRU" and not a.get("linear_before_reset"):
        raise UnsupportedOperatorError("GRU with linear_before_reset=0 is not known here")
    order = _GATES[kind]

    def blocks(v: Any) -> Any:
        parts = torch.chunk(v, len(order))
        return torch.cat([parts[i] for i in order])

    named: dict[str, Any] = {}
    for way, end in zip(range(ways), ("", "_reverse"), strict=False):
        named |= {f"weight_ih_l0{end}": blocks(w[way]), f"weight_hh_l0{end}": blocks(r[way])}
        if b is not None:
            inner, outer = torch.chunk(b[way], 2)
            named |= {f"bias_ih_l0{end}": blocks(inner), f"bias_hh_l0{end}": blocks(outer)}
    layer = _layer(kind, x.shape[-1], hidden, b is not None, ways == 2, given[0].lower())
    zeros = torch.zeros(ways, x.shape[1], hidden, dtype=x.dtype)
    h = zeros if h is None else h
    states = (h, zeros if c is None else c) if kind == "LSTM" else h
    y, ends = torch.func.functional_call(layer, named, (x, states))
    y = y.reshape(x.shape[0], x.shape[1], ways, hidden).permute(0, 2, 1, 3)
    return (y, *ends) if kind == "LSTM" else (y, ends)


@lru_cache(maxsize=64)
def _layer(kind: str, size: int, hidden: int, bias: bool, both: bool, activation: str) -> Any:
    options = {"nonlinearity": activation} if kind == "RNN" else {}
    layer: Any = getattr(torch.nn, kind)
    return layer(size, hidden, bias=bias, bidirectional=both, **options)
