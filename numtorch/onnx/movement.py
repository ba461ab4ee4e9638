"""Shapes, positions, joins and new tensors in ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import numtorch as torch
from numtorch.onnx.elementwise import masked_fill
from numtorch.onnx.graph import Graph, Value
from numtorch.onnx.table import alike, common, dims_of, exporter, operand, sequence, several, with_shape
from numtorch.onnx.tracing import Size

_END = 2**31 - 1


def _number(size: int | Size) -> int:
    return size.value if isinstance(size, Size) else int(size)


# --- shapes ---------------------------------------------------------------------------------------------------


@exporter("view", "reshape")
def view(g: Graph, input: Value, *shape: Any, size: Any = None) -> Value:
    """Another shape of the same elements."""
    if len(shape) == 1 and isinstance(shape[0], torch.dtype):
        raise g.fail("view as another dtype has no form in ONNX")
    return g.reshape(input, sequence((size,) if size is not None else shape), g.result.shape)


@exporter("view_as", "reshape_as")
def view_as(g: Graph, input: Value, other: Value) -> Value:
    """The shape of another."""
    shape = g.op("Shape", other, dtype=torch.int64, shape=(other.ndim,))
    return g.op("Reshape", input, shape, shape=other.shape)


def _joined(g: Graph, input: Value, first: int, last: int) -> Value:
    """Dimensions from ``first`` to ``last`` as one; the others as they are."""
    sizes: list[Any] = [0] * first + [-1]
    merged = [*input.shape[:first], int(np.prod(input.shape[first : last + 1])), *input.shape[last + 1 :]]
    behind = g.op("Shape", input, dtype=torch.int64, shape=(input.ndim - last - 1,), start=last + 1)
    shape = g.ints(sizes)
    if last + 1 < input.ndim:
        shape = g.op("Concat", shape, behind, dtype=torch.int64, shape=(len(merged),), axis=0)
    return g.op("Reshape", input, shape, shape=merged)


@exporter("flatten", "ravel")
def flatten(g: Graph, input: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """Several dimensions as one."""
    if not input.ndim:
        return g.reshape(input, [1])
    first, last = (d % input.ndim for d in (start_dim, end_dim))
    return _joined(g, input, first, last)


@exporter("unflatten", "nn.functional.unflatten")
def unflatten(g: Graph, input: Value, dim: int, sizes: Any) -> Value:
    """One dimension as several."""
    (d,) = dims_of(dim, input.ndim)
    parts = [g.op("Shape", input, dtype=torch.int64, shape=(d,), start=0, end=d)] if d else []
    parts.append(g.sizes(list(sizes)))
    if d + 1 < input.ndim:
        parts.append(g.op("Shape", input, dtype=torch.int64, shape=(input.ndim - d - 1,), start=d + 1))
    shape = (
        g.op("Concat", *parts, dtype=torch.int64, shape=(len(g.result.shape),), axis=0) if len(parts) > 1 else parts[0]
    )
    return g.op("Reshape", input, shape, like=g.result)


@exporter("transpose", "swapdims", "swapaxes")
def transpose(g: Graph, input: Value, dim0: int, dim1: int) -> Value:
    """Two dimensions exchanged."""
    order = list(range(input.ndim))
    if not order:
        return g.op("Identity", input)
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return g.transpose(input, order)


@exporter("t", "T")
def t(g: Graph, input: Value) -> Value:
    """The dimensions reversed."""
    return g.transpose(input, list(range(input.ndim))[::-1])


@exporter("mT", "mH", "H", "adjoint")
def matrix_transpose(g: Graph, input: Value) -> Value:
    """The last two dimensions exchanged."""
    return transpose(g, input, -2, -1)


@exporter("permute")
def permute(g: Graph, input: Value, *dims: Any) -> Value:
    """The dimensions in another order."""
    return g.transpose(input, dims_of(sequence(dims), input.ndim))


@exporter("movedim", "moveaxis")
def movedim(g: Graph, input: Value, source: Any, destination: Any) -> Value:
    """Dimensions at other places."""
    source, destination = dims_of(source, input.ndim), dims_of(destination, input.ndim)
    order = [d for d in range(input.ndim) if d not in source]
    for to, d in sorted(zip(destination, source, strict=True)):
        order.insert(to, d)
    return g.transpose(input, order)


@exporter("unsqueeze")
def unsqueeze(g: Graph, input: Value, dim: int) -> Value:
    """A new dimension of size 1."""
    return g.unsqueeze(input, dim % (input.ndim + 1))


@exporter("squeeze")
def squeeze(g: Graph, input: Value, dim: Any = None, *more: int) -> Value:
    """Without dimensions of size 1."""
    dim = (dim, *more) if more else dim
    dims = [d for d in dims_of(dim, input.ndim) if input.shape[d] == 1]
    return g.squeeze(input, *dims) if dims else g.op("Identity", input)


@exporter("expand", "broadcast_to")
def expand(g: Graph, input: Value, *size: Any, implicit: bool = False) -> Value:
    """Dimensions of size 1, repeated."""
    sizes = [1 if not isinstance(s, Size) and s == -1 else s for s in sequence(size)]
    return g.op("Expand", input, g.sizes(sizes), like=g.result, dtype=input.dtype)


@exporter("expand_as")
def expand_as(g: Graph, input: Value, other: Value) -> Value:
    """The shape of another."""
    return g.op("Expand", input, g.op("Shape", other, dtype=torch.int64, shape=(other.ndim,)), shape=other.shape)


@exporter("repeat", "tile")
def repeat(g: Graph, input: Value, *repeats: Any, dims: Any = None) -> Value:
    """Copies beside each other."""
    times = sequence((dims,) if dims is not None else repeats)
    if len(times) > input.ndim:
        input = g.unsqueeze(input, *range(len(times) - input.ndim))
    times = [1] * (input.ndim - len(times)) + times
    return g.op("Tile", input, g.sizes(times), like=g.result, dtype=input.dtype)


@exporter("repeat_interleave")
def repeat_interleave(g: Graph, input: Value, repeats: Any, dim: Any = None, *, output_size: Any = None) -> Value:
    """Each element several times."""
    if isinstance(repeats, Value):
        raise g.fail("repeat_interleave with a tensor of counts has no form in ONNX that is known here")
    if dim is None:
        input, dim = g.reshape(input, [-1]), 0
    (d,) = dims_of(dim, input.ndim)
    apart = g.unsqueeze(input, d + 1)
    times = [1] * apart.ndim
    times[d + 1] = repeats
    tiled = g.op("Tile", apart, g.sizes(times), shape=with_shape(apart.shape, d + 1, _number(repeats)))
    return _joined(g, tiled, d, d + 1)


@exporter("flip")
def flip(g: Graph, input: Value, *dims: Any) -> Value:
    """Backward along dimensions."""
    for d in dims_of(sequence(dims), input.ndim):
        input = g.slice(input, d, -1, -_END, -1, input.shape[d])
    return input


@exporter("roll")
def roll(g: Graph, input: Value, shifts: Any, dims: Any = None) -> Value:
    """Shifted in a circle."""
    if dims is None:
        raise g.fail("roll without dims has no form in ONNX that is known here")
    dims = dims_of(dims, input.ndim)
    for shift, d in zip(several(shifts, len(dims)), dims, strict=True):
        n = input.shape[d]
        if n and shift % n:
            k = shift % n
            head, tail = g.slice(input, d, -k, _END, 1, k), g.slice(input, d, 0, -k, 1, n - k)
            input = g.op("Concat", head, tail, like=input, axis=d)
    return input


@exporter("nn.functional.pad")
def pad(g: Graph, input: Value, pad: Any, mode: str = "constant", value: float | None = None) -> Value:
    """A border."""
    pad = [int(_number(p)) for p in pad]
    before, after = [0] * input.ndim, [0] * input.ndim
    for i in range(len(pad) // 2):
        before[-1 - i], after[-1 - i] = pad[2 * i], pad[2 * i + 1]
    kind = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    if kind == "wrap" and g.opset < 19:
        raise g.fail("pad with mode='circular' needs opset_version=19 or above")
    filling = g.constant(value or 0, input.dtype) if kind == "constant" else None
    return g.op("Pad", input, g.ints(before + after), filling, like=g.result, mode=kind)


@exporter("nn.functional.pixel_shuffle", "pixel_shuffle")
def pixel_shuffle(g: Graph, input: Value, upscale_factor: int) -> Value:
    """Channels become pixels."""
    return g.op("DepthToSpace", input, like=g.result, blocksize=upscale_factor, mode="CRD")


@exporter("nn.functional.pixel_unshuffle", "pixel_unshuffle")
def pixel_unshuffle(g: Graph, input: Value, downscale_factor: int) -> Value:
    """Pixels become channels."""
    n, c, h, w = input.shape
    r = downscale_factor
    apart = g.op("Reshape", input, g.ints([0, c, h // r, r, w // r, r]), shape=(n, c, h // r, r, w // r, r))
    turned = g.transpose(apart, [0, 1, 3, 5, 2, 4])
    return g.op("Reshape", turned, g.ints([0, c * r * r, h // r, w // r]), like=g.result)


# --- joins and parts --------------------------------------------------------------------------------------------


@exporter("cat", "concat", "concatenate")
def cat(g: Graph, tensors: Sequence[Value], dim: int = 0) -> Value:
    """Side by side."""
    kept = [x for x in tensors if x.shape != (0,)] or list(tensors)
    (d,) = dims_of(dim, kept[0].ndim)
    return g.op("Concat", *alike(g, *kept, dtype=g.result.dtype), like=g.result, axis=d)


@exporter("stack")
def stack(g: Graph, tensors: Sequence[Value], dim: int = 0) -> Value:
    """Along a new dimension."""
    d = dim % (tensors[0].ndim + 1)
    parts = [g.unsqueeze(x, d) for x in alike(g, *tensors, dtype=g.result.dtype)]
    return g.op("Concat", *parts, like=g.result, axis=d)


def _cut(g: Graph, input: Value, dim: int) -> Any:
    (d,) = dims_of(dim, input.ndim)
    sizes = [part.shape[d] for part in g.result]
    if len(sizes) == 1:
        return (g.op("Identity", input),)
    return tuple(g.op("Split", input, g.ints(sizes), like=list(g.result), axis=d))


@exporter("split", "chunk", "split_with_sizes", "tensor_split", "op.split_along")
def split(g: Graph, tensor: Value, *args: Any, dim: Any = None, **kwargs: Any) -> Any:
    """Pieces along a dimension."""
    return _cut(g, tensor, dim if dim is not None else args[1] if len(args) > 1 else 0)


@exporter("unbind", "op.unbind_along")
def unbind(g: Graph, input: Value, dim: int = 0) -> Any:
    """Without a dimension: one piece for each position."""
    (d,) = dims_of(dim, input.ndim)
    return tuple(select(g, input, d, i) for i in range(input.shape[d]))


@exporter("select")
def select(g: Graph, input: Value, dim: int, index: Any) -> Value:
    """One position along a dimension."""
    (d,) = dims_of(dim, input.ndim)
    shape = [s for i, s in enumerate(input.shape) if i != d]
    return g.op("Gather", input, g.number(index), shape=shape, axis=d)


@exporter("narrow")
def narrow(g: Graph, input: Value, dim: int, start: Any, length: Any) -> Value:
    """A part along a dimension."""
    (d,) = dims_of(dim, input.ndim)
    if isinstance(length, Size):
        end = g.op("Add", g.size(start), g.size(length))
        shape = with_shape(input.shape, d, length.value)
        return g.op("Slice", input, g.size(start), end, g.ints([d]), g.ints([1]), shape=shape)
    if isinstance(start, Size):
        raise g.fail("narrow from a position that follows a dynamic dimension is not known here")
    stop = start + length
    return g.slice(input, d, start, _END if stop == 0 else stop, 1, length)


@exporter("op.slice")
def slice_along(g: Graph, x: Value, dim: int, start: Any, end: Any, step: int = 1) -> Value:
    """A part along a dimension, in steps."""
    return g.slice(x, dim, start, end, step, g.result.shape[dim])


@exporter("index_select")
def index_select(g: Graph, input: Value, dim: int, index: Value) -> Value:
    """Positions along a dimension."""
    return g.op("Gather", input, index, like=g.result, dtype=input.dtype, axis=dims_of(dim, input.ndim)[0])


@exporter("op.index_select")
def index_select_inner(g: Graph, x: Value, index: Value, dim: int, *rest: Any) -> Value:
    """Positions along a dimension."""
    return index_select(g, x, dim, index)


@exporter("gather")
def gather(g: Graph, input: Value, dim: int, index: Value, *, sparse_grad: bool = False) -> Value:
    """An element for each position."""
    return g.op("GatherElements", input, index, shape=index.shape, axis=dims_of(dim, input.ndim)[0])


@exporter("op.gather")
def gather_inner(g: Graph, x: Value, index: Value, dim: int, *rest: Any) -> Value:
    """An element for each position."""
    return gather(g, x, dim, index)


@exporter("take_along_dim")
def take_along_dim(g: Graph, input: Value, indices: Value, dim: Any = None) -> Value:
    """An element for each position."""
    return gather(g, input, dim, indices)


@exporter("scatter", "scatter_add")
def scatter(
    g: Graph, input: Value, dim: int, index: Value, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Value:
    """Elements at positions."""
    given = src if src is not None else value
    if not isinstance(given, Value):
        given = g.op("Expand", operand(g, given, input.dtype), g.ints(index.shape), shape=index.shape)
    for d, (has, needs) in enumerate(zip(given.shape, index.shape, strict=True)):
        if has != needs:
            given = g.slice(given, d, 0, needs)
    kind = "add" if g.called == "scatter_add" else {None: None, "add": "add", "multiply": "mul"}[reduce]
    axis = dims_of(dim, input.ndim)[0]
    return g.op("ScatterElements", input, index, given, like=input, axis=axis, reduction=kind)


@exporter("tril", "triu")
def triangle(g: Graph, input: Value, diagonal: Any = 0) -> Value:
    """A triangle; zeros elsewhere."""
    x = g.cast(input, torch.int64) if input.dtype is torch.bool else input
    return g.cast(g.op("Trilu", x, g.number(diagonal), upper=int(g.called == "triu")), input.dtype)


@exporter("topk")
def topk(g: Graph, input: Value, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The largest along a dimension."""
    (d,) = dims_of(dim, input.ndim)
    values, positions = g.op(
        "TopK", input, g.size(k), like=list(g.result), axis=d, largest=int(largest), sorted=int(sorted)
    )
    positions.dtype = torch.int64
    return values, positions


@exporter("sort")
def sort(g: Graph, input: Value, dim: int = -1, descending: bool = False, stable: Any = False) -> Any:
    """In order along a dimension."""
    (d,) = dims_of(dim, input.ndim)
    size = g.op("Shape", input, dtype=torch.int64, shape=(1,), start=d, end=d + 1)
    return tuple(g.op("TopK", input, size, like=list(g.result), axis=d, largest=int(descending), sorted=1))


@exporter("argsort")
def argsort(g: Graph, input: Value, dim: int = -1, descending: bool = False, stable: Any = False) -> Value:
    """The order along a dimension."""
    (d,) = dims_of(dim, input.ndim)
    size = g.op("Shape", input, dtype=torch.int64, shape=(1,), start=d, end=d + 1)
    like = [Value("", input.dtype, input.shape), g.result]
    return g.op("TopK", input, size, like=like, axis=d, largest=int(descending), sorted=1)[1]


@exporter("nn.functional.one_hot")
def one_hot(g: Graph, tensor: Value, num_classes: int = -1) -> Value:
    """A 1 at the position of each class."""
    if num_classes < 0:
        raise g.fail("one_hot needs num_classes in ONNX")
    values = g.constant([0, 1], torch.int64)
    return g.op("OneHot", tensor, g.constant(num_classes, torch.int64), values, like=g.result)


# --- indexing ---------------------------------------------------------------------------------------------------


def _spread(index: Any, ndim: int) -> list:
    """An index as a list with an entry for each dimension, and None for new ones."""
    entries = list(index) if isinstance(index, tuple) else [index]
    used = 0
    for e in entries:
        if e is None or e is Ellipsis:
            continue
        used += e.ndim if isinstance(e, Value) and e.dtype is torch.bool else 1
    full = [slice(None)] * (ndim - used)
    for i, e in enumerate(entries):
        if e is Ellipsis:
            return [*entries[:i], *full, *entries[i + 1 :]]
    return [*entries, *full]


@exporter("__getitem__")
def getitem(g: Graph, input: Value, index: Any) -> Value:
    """Parts by positions, slices, masks and tensors."""
    x = input
    if isinstance(index, list):
        index = g.constant(index)
    entries = [g.constant(e) if isinstance(e, list) else e for e in _spread(index, x.ndim)]
    if len(entries) == 1 and isinstance(entries[0], Value) and entries[0].dtype is torch.bool:
        found = g.op("NonZero", entries[0], dtype=torch.int64, shape=(entries[0].ndim, 1))
        return g.op("GatherND", x, g.transpose(found, [1, 0]), like=g.result, dtype=x.dtype)
    if any(isinstance(e, bool) or (isinstance(e, Value) and e.dtype is torch.bool) for e in entries):
        raise g.fail("masks beside other indices have no form in ONNX that is known here")
    tensors: list[tuple[int, Value]] = []
    new: list[int] = []
    d = at = 0  # in what is left of the input; in the result
    for e in entries:
        if e is None:
            new.append(at)
            at += 1
        elif isinstance(e, slice):
            if e != slice(None):
                x = _sliced(g, x, d, e)
            d, at = d + 1, at + 1
        elif isinstance(e, Value) and e.ndim:
            tensors.append((d, e))
            d, at = d + 1, at + 1
        else:
            position = e if isinstance(e, Value) else g.number(e)
            shape = [s for i, s in enumerate(x.shape) if i != d]
            x = g.op("Gather", x, g.cast(position, torch.int64), shape=shape, axis=d)
    if tensors and (
        new or any(not isinstance(e, slice | Value) and e is not None for e in entries) and len(tensors) > 1
    ):
        raise g.fail("this mixture of indices has no form in ONNX that is known here")
    if len(tensors) == 1:
        d, positions = tensors[0]
        shape = [*x.shape[:d], *positions.shape, *x.shape[d + 1 :]]
        return g.op("Gather", x, g.cast(positions, torch.int64), shape=shape, axis=d)
    if tensors:
        return _gathered(g, x, tensors)
    if new:
        x = g.unsqueeze(x, *new)
    return x if x is not input else g.op("Identity", x)


def _sliced(g: Graph, x: Value, d: int, e: slice) -> Value:
    if isinstance(e.step, Size):
        raise g.fail("a step that follows a dynamic dimension has no form in ONNX that is known here")
    start = 0 if e.start is None else e.start
    stop = _END if e.stop is None else e.stop
    return g.slice(x, d, start, stop, e.step or 1)


def _gathered(g: Graph, x: Value, tensors: list[tuple[int, Value]]) -> Value:
    """Several tensors of positions, broadcast against each other."""
    dims = [d for d, _ in tensors]
    rest = [d for d in range(x.ndim) if d not in dims]
    together = dims == list(range(dims[0], dims[0] + len(dims)))
    shape = np.broadcast_shapes(*[p.shape for _, p in tensors])
    sizes: Any = None
    for _, p in tensors:
        if len(tensors) > 1:
            zero = g.op("Mul", g.cast(p, torch.int64), g.ints([0]), shape=p.shape, dtype=torch.int64)
            sizes = zero if sizes is None else g.op("Add", sizes, zero, shape=np.broadcast_shapes(sizes.shape, p.shape))
    parts = []
    for d, p in tensors:
        count = g.op("Shape", x, dtype=torch.int64, shape=(1,), start=d, end=d + 1)
        whole = g.op("Add", sizes, g.cast(p, torch.int64), shape=shape)
        below = g.op("Less", whole, g.ints([0]), dtype=torch.bool)
        whole = g.op("Where", below, g.op("Add", whole, count), whole, like=whole)
        parts.append(g.unsqueeze(whole, len(shape)))
    positions = g.op("Concat", *parts, shape=(*shape, len(parts)), axis=len(shape))
    turned = g.transpose(x, [*dims, *rest])
    found = g.op("GatherND", turned, positions, shape=[*shape, *[x.shape[d] for d in rest]])
    if not together or not dims[0]:
        return found
    n = len(shape)
    return g.transpose(found, [*range(n, n + dims[0]), *range(n), *range(n + dims[0], found.ndim)])


@exporter("__setitem__")
def setitem(g: Graph, input: Value, index: Any, value: Any) -> Value:
    """Elements written at positions, slices or a mask."""
    entries = _spread(index, input.ndim)
    if len(entries) == 1 and isinstance(entries[0], Value) and entries[0].dtype is torch.bool:
        if isinstance(value, Value) and value.ndim:
            raise g.fail("a tensor written where a mask is True has no form in ONNX that is known here")
        mask = entries[0]
        if mask.ndim < input.ndim:
            mask = g.unsqueeze(mask, *range(mask.ndim, input.ndim))
        return masked_fill(g, input, mask, value)
    if any(isinstance(e, Value | Size) for e in entries) or any(
        isinstance(v, Size) for e in entries if isinstance(e, slice) for v in (e.start, e.stop, e.step)
    ):
        raise g.fail("writing at positions that are tensors or follow a dynamic dimension is not known here")
    places = torch.arange(int(np.prod(input.shape))).reshape(input.shape)[tuple(entries)]
    flat = g.reshape(input, [-1])
    given = operand(g, value, input.dtype)
    spread = g.op("Expand", given, g.ints(places.shape), shape=places.shape)
    updates = g.reshape(spread, [-1])
    written = g.op("ScatterElements", flat, g.constant(places.reshape(-1)), updates, like=flat, axis=0)
    return g.reshape(written, input.shape)


# --- new tensors --------------------------------------------------------------------------------------------------


def _filled(g: Graph, size: Sequence[int | Size], value: Any) -> Value:
    dtype = g.result.dtype
    return g.op("Expand", operand(g, value, dtype), g.sizes(list(size)), like=g.result)


def _filling(value: float) -> Any:
    def write(g: Graph, *size: Any, **options: Any) -> Value:
        return _filled(g, sequence((options["size"],) if "size" in options else size), value)

    return write


exporter("zeros", "empty")(_filling(0))
exporter("ones")(_filling(1))


def _filling_new(value: float) -> Any:
    def write(g: Graph, input: Value, *size: Any, **options: Any) -> Value:
        return _filled(g, sequence((options["size"],) if "size" in options else size), value)

    return write


exporter("new_zeros", "new_empty")(_filling_new(0))
exporter("new_ones")(_filling_new(1))


@exporter("full")
def full(g: Graph, size: Any, fill_value: Any, **options: Any) -> Value:
    """One number everywhere."""
    return _filled(g, size, fill_value)


@exporter("new_full")
def new_full(g: Graph, input: Value, size: Any, fill_value: Any, **options: Any) -> Value:
    """One number everywhere."""
    return _filled(g, size, fill_value)


def _filled_like(g: Graph, input: Value, value: Any) -> Value:
    shape = g.op("Shape", input, dtype=torch.int64, shape=(input.ndim,))
    return g.op("Expand", operand(g, value, g.result.dtype), shape, like=g.result)


def _filling_like(value: float) -> Any:
    def write(g: Graph, input: Value, **options: Any) -> Value:
        return _filled_like(g, input, value)

    return write


exporter("zeros_like", "empty_like", "zero")(_filling_like(0))
exporter("ones_like")(_filling_like(1))


@exporter("full_like", "fill")
def full_like(g: Graph, input: Value, fill_value: Any, **options: Any) -> Value:
    """One number everywhere."""
    return _filled_like(g, input, fill_value)


@exporter("copy")
def copy(g: Graph, input: Value, src: Value, non_blocking: bool = False) -> Value:
    """The elements of another tensor."""
    return g.op(
        "Expand", g.cast(src, input.dtype), g.op("Shape", input, dtype=torch.int64, shape=(input.ndim,)), like=input
    )


@exporter("arange")
def arange(g: Graph, *numbers: Any, start: Any = 0, end: Any = None, step: Any = 1, **options: Any) -> Value:
    """Numbers in steps."""
    if len(numbers) == 1:
        end = numbers[0]
    elif numbers:
        start, end, step = [*numbers, step][:3]
    dtype = g.result.dtype
    made = g.op(
        "Range",
        *[operand(g, v, torch.int64 if not dtype.is_floating_point else dtype) for v in (start, end, step)],
        like=g.result,
    )
    made.dtype = dtype if dtype.is_floating_point else torch.int64
    return g.cast(made, dtype)


def _random(kind: str) -> Any:
    def write(g: Graph, *size: Any, **options: Any) -> Value:
        sizes = sequence((options["size"],) if "size" in options else size)
        shaped = _filled(g, sizes, 0)
        return g.op(f"{kind}Like", shaped, like=g.result, dtype=g.result.dtype)

    return write


exporter("randn")(_random("RandomNormal"))
exporter("rand")(_random("RandomUniform"))


@exporter("randn_like", "normal")
def randn_like(g: Graph, input: Value, **options: Any) -> Value:
    """Normal numbers."""
    return g.op("RandomNormalLike", input)


@exporter("rand_like")
def rand_like(g: Graph, input: Value, **options: Any) -> Value:
    """Numbers from 0 to 1."""
    return g.op("RandomUniformLike", input)


# --- products -------------------------------------------------------------------------------------------------------


@exporter("matmul", "mm", "bmm", "mv", "dot", "__matmul__", "linalg.matmul")
def matmul(g: Graph, input: Value, other: Value) -> Value:
    """A product of matrices."""
    return g.op("MatMul", *alike(g, input, other), like=g.result)


@exporter("nn.functional.linear")
def linear(g: Graph, input: Value, weight: Value, bias: Value | None = None) -> Value:
    """x W^T + b."""
    if input.ndim == 2 and weight.ndim == 2 and bias is not None:
        return g.op("Gemm", input, weight, bias, like=g.result, transB=1)
    product = g.op("MatMul", input, g.transpose(weight, [1, 0] if weight.ndim == 2 else [0]), like=g.result)
    return product if bias is None else g.op("Add", product, bias)


@exporter("addmm")
def addmm(g: Graph, input: Value, mat1: Value, mat2: Value, *, beta: Any = 1, alpha: Any = 1) -> Value:
    """beta c + alpha a b."""
    return g.op("Gemm", mat1, mat2, input, like=g.result, alpha=float(alpha), beta=float(beta))


@exporter("baddbmm")
def baddbmm(g: Graph, input: Value, batch1: Value, batch2: Value, *, beta: Any = 1, alpha: Any = 1) -> Value:
    """beta c + alpha a b, in batches."""
    product = g.op("MatMul", batch1, batch2, like=g.result)
    dtype = product.dtype
    if alpha != 1:
        product = g.op("Mul", product, g.constant(alpha, dtype))
    if beta != 1:
        input = g.op("Mul", input, g.constant(beta, dtype))
    return g.op("Add", input, product, like=g.result)


@exporter("outer", "ger")
def outer(g: Graph, input: Value, vec2: Value) -> Value:
    """All products of two vectors' elements."""
    return g.op("Mul", g.unsqueeze(input, 1), g.unsqueeze(vec2, 0), like=g.result)


@exporter("einsum")
def einsum(g: Graph, equation: str, *operands: Any) -> Value:
    """Einstein's sums."""
    values = sequence(operands)
    return g.op("Einsum", *alike(g, *values, dtype=common(*values)), like=g.result, equation=equation.replace(" ", ""))
