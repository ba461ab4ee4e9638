"""Reading and writing elements by position: ``x[...]``, gather, scatter, and their kin.

Everything comes down to two kernels over three extents (outer, n, inner): ``take`` reads slices at the given
positions of the middle one, ``put`` writes or adds them. Each is the other's gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, as_ndarray, empty
from numtorch.autograd.grad_mode import _Setting, mode
from numtorch.autograd.inplace import check_inplace, protect, rebase, same_memory, wrote
from numtorch.dispatch.cost import nbytes, numel, picks
from numtorch.dispatch.op import op
from numtorch.kernels import threads
from numtorch.kernels.jit import jit, prange
from numtorch.ops import movement
from numtorch.ops.arithmetic import choose
from numtorch.ops.movement import contiguous, expand_to, permute, reshape
from numtorch.storage import Size, broadcast_shapes, tick, wrap_dim

PARALLEL_ELEMENTS = 1 << 16


# --- kernels --------------------------------------------------------------------------------------


@jit
def first_outside(index, n):
    """Where the first index outside [-n, n) is; -1 if none is."""
    for i in range(index.size):
        if index[i] < -n or index[i] >= n:
            return i
    return -1


@jit
def take_slices(x, index, out, outer, n, inner):
    """out[i, k, :] = x[i, index[k], :]"""
    m = index.size
    for i in range(outer):
        for k in range(m):
            j = index[k]
            j = j + n if j < 0 else j
            source = (i * n + j) * inner
            target = (i * m + k) * inner
            for c in range(inner):
                out[target + c] = x[source + c]


@jit(parallel=True)
def take_slices_parallel(x, index, out, outer, n, inner):
    """As ``take_slices``; positions on several threads."""
    m = index.size
    for ik in prange(outer * m):
        i = ik // m
        j = index[ik - i * m]
        j = j + n if j < 0 else j
        source = (i * n + j) * inner
        for c in range(inner):
            out[ik * inner + c] = x[source + c]


@jit
def put_slices(out, index, y, outer, n, inner, add):
    """out[i, index[k], :] = or += y[i, k, :], in the order of k: the last write wins."""
    m = index.size
    for i in range(outer):
        for k in range(m):
            j = index[k]
            j = j + n if j < 0 else j
            target = (i * n + j) * inner
            source = (i * m + k) * inner
            if add:
                for c in range(inner):
                    out[target + c] += y[source + c]
            else:
                for c in range(inner):
                    out[target + c] = y[source + c]


@jit
def gather_elements(x, index, out, outer, n, m, rows, inner):
    """out[i, k, c] = x[i, index[i, k, c], c]; x has extents (outer', n, inner'), laid out for index."""
    for i in range(outer):
        for k in range(m):
            for c in range(inner):
                at = (i * m + k) * inner + c
                j = index[at]
                j = j + n if j < 0 else j
                out[at] = x[(i * n + j) * rows + c]


@jit
def scatter_elements(out, index, y, outer, n, m, inner, mode_):
    """out[i, index[i, k, c], c] = or += or *= y[i, k, c], in the order of k."""
    for i in range(outer):
        for k in range(m):
            for c in range(inner):
                at = (i * m + k) * inner + c
                j = index[at]
                j = j + n if j < 0 else j
                target = (i * n + j) * inner + c
                if mode_ == 0:
                    out[target] = y[at]
                elif mode_ == 1:
                    out[target] += y[at]
                else:
                    out[target] *= y[at]


@jit
def true_positions(x, out):
    """Flat positions of nonzero elements."""
    k = 0
    for i in range(x.size):
        if x[i] != 0:
            out[k] = i
            k += 1


def check_index(index: Tensor, n: int, dim: int, op_name: str) -> None:
    """IndexError naming the first index outside the dimension."""
    if index.device.type != "cpu" or not index.shape.numel():
        return  # on a GPU a check would wait for the device
    flat = contiguous(index)._buf
    bad = first_outside(flat, n)
    if bad >= 0:
        raise IndexError(f"{op_name}: index {int(flat[bad])} is out of bounds for dimension {dim} with size {n}")


def _index(index: Any, op_name: str) -> Tensor:
    if not isinstance(index, Tensor):
        raise TypeError(f"{op_name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if index.dtype not in dtypes.INTEGERS:
        raise RuntimeError(f"{op_name}(): Expected dtype int32/int64 for index, got {index.dtype.name}")
    return contiguous(index if index.dtype in (dtypes.int64, dtypes.int32) else index.to(dtypes.int64)).detach()


def _three(shape: tuple, dim: int) -> tuple[int, int, int]:
    if not shape:
        return 1, 1, 1
    return Size(shape[:dim]).numel(), shape[dim], Size(shape[dim + 1 :]).numel()


# --- slices at positions --------------------------------------------------------------------------


@op(shape=True, public=False, cost=picks)
def take_along_extents(x, index, dim: int):
    """The slices of ``x`` at positions ``index`` (1-D) of ``dim``."""
    return empty((*x.shape[:dim], index.shape.numel(), *x.shape[dim + 1 :]), x.dtype, x.device)


@take_along_extents.kernel("cpu", functions=(take_slices, take_slices_parallel))
def take_cpu(x, index, dim):
    x = contiguous(x)
    out = take_along_extents.op.rule(x, index, dim)
    big = out.shape.numel() >= PARALLEL_ELEMENTS and threads.get_num_threads() > 1
    (take_slices_parallel if big else take_slices)(x._buf, index._buf, out._buf, *_three(x.shape, dim))
    return out


@take_along_extents.kernel("cuda", name="take_cuda")
def take_cuda(x, index, dim):
    from numtorch.ops.indexing_cuda import take_slices

    x = contiguous(x)
    out = take_along_extents.op.rule(x, index, dim)
    take_slices.launch(out.shape.numel(), x._buf, index._buf, out._buf, *_three(x.shape, dim))
    return out


@take_along_extents.vjp
def _(g, x_shape, index, *, dim):
    from numtorch.ops.creation import zeros

    return put_along_extents(zeros(x_shape, dtype=g.dtype, device=g.device), index, g, dim, True), None


take_along_extents.op.backward_name = "IndexSelectBackward0"


def _put_cost(out: Tensor, x: Tensor, index: Tensor, y: Tensor, dim: int, accumulate: bool) -> tuple[int, int]:
    return nbytes(out, x, index, y), numel(y) if accumulate else 0


@op(shape=True, public=False, cost=_put_cost)
def put_along_extents(x, index, y, dim: int, accumulate: bool):
    """``x`` with the slices at positions ``index`` replaced by those of ``y``, or ``y`` added to them."""
    return empty(x.shape, x.dtype, x.device)


@put_along_extents.kernel("cpu", functions=(put_slices,))
def put_cpu(x, index, y, dim, accumulate):
    out = movement.clone(x)
    put_slices(out._buf, index._buf, contiguous(y)._buf, *_three(x.shape, dim), accumulate)
    return out


@put_along_extents.kernel("cuda", name="put_cuda")
def put_cuda(x, index, y, dim, accumulate):
    from numtorch.ops.indexing_cuda import put_slices

    out = movement.clone(x)
    outer, n, inner = _three(x.shape, dim)
    put_slices.launch(outer * inner, out._buf, index._buf, contiguous(y)._buf, outer, n, inner, accumulate)
    return out


@put_along_extents.vjp
def _(g, index, y_shape, *, dim, accumulate, needs):
    gx = g
    if needs[0] and not accumulate:
        from numtorch.ops.creation import zeros

        gx = put_along_extents(g, index, zeros(y_shape, dtype=g.dtype, device=g.device), dim, False)
    return gx, None, (take_along_extents(g, index, dim) if needs[2] else None)


put_along_extents.op.backward_name = "IndexPutBackward0"


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices at the given positions along ``dim``.

    >>> import numtorch as torch
    >>> torch.index_select(torch.tensor([10, 20, 30]), 0, torch.tensor([2, 0]))
    tensor([30, 10])
    """
    d = wrap_dim(dim, input.ndim, "index_select")
    index = _index(index, "index_select")
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    check_index(index, input.shape[d] if input.ndim else 1, d, "index_select")
    if not input.ndim:
        return reshape(take_along_extents(reshape(input, (1,)), index, 0), ())
    return take_along_extents(input, index, d)


def _same_slices(x: Tensor, d: int, index: Tensor, y: Tensor, name: str) -> None:
    want = (*x.shape[:d], index.shape.numel(), *x.shape[d + 1 :])
    if tuple(y.shape) != want:
        raise IndexError(f"{name}(): source has shape {list(y.shape)}, but positions {index.shape.numel()} along dimension {d} "
                         f"of {list(x.shape)} take {list(want)}")


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """``input`` with the slices of ``source`` added at the given positions; repeated positions add up."""
    d = wrap_dim(dim, input.ndim, "index_add")
    index = _index(index, "index_add")
    check_index(index, input.shape[d], d, "index_add")
    _same_slices(input, d, index, source, "index_add")
    return put_along_extents(input, index, source if alpha == 1 else source * alpha, d, True)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with the slices at the given positions replaced by those of ``source``."""
    d = wrap_dim(dim, input.ndim, "index_copy")
    index = _index(index, "index_copy")
    check_index(index, input.shape[d], d, "index_copy")
    _same_slices(input, d, index, source, "index_copy")
    return put_along_extents(input, index, source, d, False)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with the slices at the given positions set to ``value``."""
    from numtorch.ops.creation import full

    d = wrap_dim(dim, input.ndim, "index_fill")
    shape = (*input.shape[:d], index.shape.numel(), *input.shape[d + 1 :])
    value = value.item() if isinstance(value, Tensor) else value
    return index_copy(input, dim, index, full(shape, value, dtype=input.dtype, device=input.device))


# --- elements at positions ------------------------------------------------------------------------


@op(shape=True, name="gather", public=False, cost=picks)
def gather_along(x, index, dim: int):
    """``out[.., k, ..] = x[.., index[.., k, ..], ..]`` along ``dim``."""
    return empty(index.shape, x.dtype, x.device)


@gather_along.kernel("cpu", functions=(gather_elements,))
def gather_cpu(x, index, dim):
    x = _cut(x, index.shape, dim)
    out = gather_along.op.rule(x, index, dim)
    outer, n, inner = _three(x.shape, dim)
    gather_elements(x._buf, index._buf, out._buf, outer, n, index.shape[dim] if index.ndim else 1, inner, inner)
    return out


@gather_along.kernel("cuda", name="gather_cuda")
def gather_cuda(x, index, dim):
    from numtorch.ops.indexing_cuda import gather_elements

    x = _cut(x, index.shape, dim)
    out = gather_along.op.rule(x, index, dim)
    outer, n, inner = _three(x.shape, dim)
    gather_elements.launch(out.shape.numel(), x._buf, index._buf, out._buf, n, index.shape[dim] if index.ndim else 1, inner)
    return out


def _cut(x: Tensor, shape: tuple, dim: int) -> Tensor:
    """``x`` limited to the extents of the index in all dimensions but ``dim``."""
    for d, n in enumerate(shape):
        if d != dim and x.shape[d] != n:
            x = movement.slice(x, d, 0, n)
    return contiguous(x)


@gather_along.vjp
def _(g, x_shape, index, *, dim):
    from numtorch.ops.creation import zeros

    return scatter_along(zeros(x_shape, dtype=g.dtype, device=g.device), index, g, dim, 1), None


def _scatter_cost(out: Tensor, x: Tensor, index: Tensor, y: Tensor, dim: int, mode: int) -> tuple[int, int]:
    return nbytes(out, x, index) + numel(index) * y.dtype.itemsize, numel(index) if mode else 0


@op(shape=True, name="scatter", public=False, cost=_scatter_cost)
def scatter_along(x, index, y, dim: int, mode: int):
    """``x`` with ``y`` written (mode 0) or added (1) or multiplied (2) at the positions ``index`` of ``dim``."""
    return empty(x.shape, x.dtype, x.device)


def _scatter(x: Tensor, index: Tensor, y: Tensor, dim: int, run: Any) -> Tensor:
    """Scatter into the part of a copy of ``x`` that the index spans."""
    out = movement.clone(x)
    part = out
    for d, n in enumerate(index.shape):
        if d != dim and out.shape[d] != n:
            part = movement.slice(part, d, 0, n)
    y = _cut(y, index.shape, -1)
    target = contiguous(part)
    outer, n, inner = _three(target.shape, dim)
    run(target._buf, index._buf, y._buf, outer, n, index.shape[dim] if index.ndim else 1, inner)
    if target is not part:
        movement.copy_(part, target)
    return out


@scatter_along.kernel("cpu", functions=(scatter_elements,))
def scatter_cpu(x, index, y, dim, mode):
    return _scatter(x, index, y, dim, lambda *a: scatter_elements(*a, mode))


@scatter_along.kernel("cuda", name="scatter_cuda")
def scatter_cuda(x, index, y, dim, mode):
    from numtorch.ops.indexing_cuda import scatter_elements

    return _scatter(x, index, y, dim, lambda o, i, v, outer, n, k, inner:
                    scatter_elements.launch(outer * inner, o, i, v, outer, n, k, inner, mode))


@scatter_along.vjp
def _(g, index, y_shape, *, dim, mode, needs):
    if mode == 2:
        raise RuntimeError("scatter with reduce='multiply' has no gradient")
    gx = g
    if needs[0] and mode == 0:
        from numtorch.ops.creation import zeros

        gx = scatter_along(g, index, zeros(y_shape, dtype=g.dtype, device=g.device), dim, 0)
    gy = None
    if needs[2]:
        gy = gather_along(g, index, dim)
        if gy.shape != y_shape:
            from numtorch.ops.creation import zeros

            whole = zeros(y_shape, dtype=g.dtype, device=g.device)
            part = whole
            for d, n in enumerate(index.shape):
                part = movement.slice(part, d, 0, n)
            gy = movement.as_strided_scatter(whole, gy, tuple(part.shape), part.strides, part._offset)
    return gx, None, gy


def _check_elements(x: Tensor, index: Tensor, dim: int, name: str) -> tuple[Tensor, int]:
    index = _index(index, name)
    d = wrap_dim(dim, x.ndim, name)
    if x.ndim != index.ndim and not (x.ndim + index.ndim == 1):
        raise RuntimeError(f"{name}(): Index tensor must have the same number of dimensions as input tensor "
                           f"({index.ndim} and {x.ndim})")
    for i, n in enumerate(index.shape):
        if i != d and i < x.ndim and n > x.shape[i]:
            raise RuntimeError(f"{name}(): Size does not match at dimension {i} expected index {list(index.shape)} to be no larger "
                               f"than self {list(x.shape)} apart from dimension {d}")
    check_index(index, x.shape[d] if x.ndim else 1, d, name)
    return index, d


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Elements at the given positions along ``dim``, one for each element of ``index``."""
    index, d = _check_elements(input, index, dim, "gather")
    return gather_along(input, index, d)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Tensor:
    """``input`` with ``src`` written at the positions ``index`` of ``dim`` (the last write wins)."""
    from numtorch.ops.creation import full

    index, d = _check_elements(input, index, dim, "scatter")
    src = value if src is None else src
    if not isinstance(src, Tensor):
        src = full(index.shape, src, dtype=input.dtype, device=input.device)
    if src.dtype is not input.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype ({input.dtype.name} and {src.dtype.name})")
    modes = {None: 0, "add": 1, "multiply": 2}
    if reduce not in modes:
        raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}.")
    return scatter_along(input, index, src, d, modes[reduce])


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with ``src`` added at the positions ``index`` of ``dim``."""
    index, d = _check_elements(input, index, dim, "scatter_add")
    return scatter_along(input, index, src, d, 1)


# --- masks ----------------------------------------------------------------------------------------


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Indices of nonzero elements: one row each, or (``as_tuple``) one vector for each dimension."""
    flat = contiguous(input)
    if flat.device.type != "cpu":
        found = nonzero(flat.to("cpu"), as_tuple=as_tuple)
        return tuple(f.to(input.device) for f in found) if as_tuple else found.to(input.device)
    from numtorch.ops.reduction import count_nonzero

    n = count_nonzero(flat.detach()).item()
    at = empty((n,), dtypes.int64, flat.device)
    true_positions(flat._buf, at._buf)
    index = np.stack(np.unravel_index(at._buf, input.shape or (1,)), axis=1).astype(np.int64)
    from numtorch.ops.creation import from_ndarray

    columns = from_ndarray(np.ascontiguousarray(index[:, : input.ndim]))
    if as_tuple:
        return tuple(contiguous(movement.select(columns, 1, d)) for d in range(input.ndim)) if input.ndim else (at,)
    return columns


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is true, in one dimension."""
    shape = broadcast_shapes(input.shape, mask.shape)
    return getitem(expand_to(input, shape), expand_to(mask, shape))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` where the mask is true."""
    if mask.dtype is not dtypes.bool:
        raise RuntimeError(f"masked_fill only supports boolean masks, but got mask with dtype {mask.dtype.name}")
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError("masked_fill only supports a 0-dimensional value tensor")
    return choose(mask, value, input).to(input.dtype)


# --- x[...] ---------------------------------------------------------------------------------------


def _expand_key(x: Tensor, key: Any) -> list:
    """The key as a list with one entry for each dimension (and None for new ones); ``...`` filled in."""
    key = key if isinstance(key, tuple) else (key,)
    items: list = []
    for k in key:
        if isinstance(k, np.ndarray):
            from numtorch.ops.creation import from_numpy

            k = from_numpy(k)
        elif isinstance(k, list | range):
            from numtorch.ops.creation import tensor

            k = tensor(list(k), dtype=dtypes.int64) if len(k) == 0 else tensor(list(k))
        elif isinstance(k, np.bool_):
            k = bool(k)
        items.append(k)
    used = 0
    for k in items:
        if isinstance(k, Tensor) and k.dtype in (dtypes.bool, dtypes.uint8):
            used += k.ndim
        elif k is not None and k is not Ellipsis and not isinstance(k, bool):
            used += 1
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    if sum(k is Ellipsis for k in items) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    fill = [slice(None)] * (x.ndim - used)
    at = next((i for i, k in enumerate(items) if k is Ellipsis), None)
    return items + fill if at is None else items[:at] + fill + items[at + 1 :]


def _bounds(s: slice, n: int) -> tuple[int, int, int]:
    step = 1 if s.step is None else _int(s.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, _ = slice(None if s.start is None else _int(s.start), None if s.stop is None else _int(s.stop)).indices(n)
    return start, max(start, stop), step


def _int(v: Any) -> int:
    return v.item() if isinstance(v, Tensor) else v.__index__()


def _basic(x: Tensor, key: list) -> tuple[Tensor, list[tuple[int, Tensor]]]:
    """Apply integers, slices and None as views; return the rest as (dimension, index tensor)."""
    dim, advanced = 0, []
    for k in key:
        if k is None:
            x = movement.unsqueeze(x, dim)
            dim += 1
        elif isinstance(k, slice):
            start, stop, step = _bounds(k, x.shape[dim])
            if (start, stop, step) != (0, x.shape[dim], 1):
                x = movement.slice(x, dim, start, stop, step)
            dim += 1
        elif isinstance(k, bool):
            x = movement.unsqueeze(x, dim)
            from numtorch.ops.creation import tensor

            advanced.append((dim, tensor([0] if k else [], dtype=dtypes.int64)))
            dim += 1
        elif isinstance(k, Tensor):
            if k.dtype in (dtypes.bool, dtypes.uint8):
                for i, n in enumerate(k.shape):
                    if x.shape[dim + i] != n:
                        raise IndexError(f"The shape of the mask {list(k.shape)} at index {i} does not match the shape of the "
                                         f"indexed tensor {list(x.shape)} at index {dim + i}")
                if k.ndim == 0:
                    x = movement.unsqueeze(x, dim)
                    advanced.append((dim, nonzero(k, as_tuple=True)[0]))
                    dim += 1
                    continue
                for at in nonzero(k, as_tuple=True):
                    advanced.append((dim, at))
                    dim += 1
                continue
            if k.dtype not in dtypes.INTEGERS:
                raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, not {k.dtype.name}")
            if k.ndim == 0:  # counts as an integer, as in torch
                x = movement.select(x, dim, _checked(k.item(), x.shape[dim], dim))
                continue
            advanced.append((dim, k))
            dim += 1
        elif hasattr(k, "__index__"):
            x = movement.select(x, dim, _checked(k.__index__(), x.shape[dim], dim))
        else:
            kind = TypeError if isinstance(k, str) else IndexError
            raise kind("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                       f"(got {type(k).__name__})")
    return x, advanced


def _checked(i: int, n: int, dim: int) -> int:
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {dim} with size {n}")
    return i


class _Advanced:
    """Index tensors over some dimensions of ``x``: these moved to the front and merged, positions flattened."""

    def __init__(self, x: Tensor, advanced: list[tuple[int, Tensor]]):
        dims = [d for d, _ in advanced]
        try:
            shape = broadcast_shapes(*[i.shape for _, i in advanced])
        except ValueError:
            raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                             + ", ".join(str(list(i.shape)) for _, i in advanced)) from None
        flat: Any = None
        for d, i in advanced:
            n = x.shape[d]
            i = i.detach().to(x.device, dtypes.int64)
            check_index(i, n, d, "index")
            i = choose(i < 0, i + n, i)
            flat = i if flat is None else flat * n + i
        self.flat = reshape(expand_to(flat, shape), (-1,)) if flat.shape != shape else reshape(flat, (-1,))
        rest = [d for d in range(x.ndim) if d not in dims]
        self.order = (*dims, *rest)
        self.shape, self.x_shape = shape, x.shape
        self.n = Size(x.shape[d] for d in dims).numel()
        self.rest = tuple(x.shape[d] for d in rest)
        # Neighbouring index tensors leave their dimensions in place; separated ones put them first.
        self.front = dims[0] if dims == list(range(dims[0], dims[0] + len(dims))) else 0
        self.in_order = self.order == tuple(range(x.ndim))

    def merged(self, x: Tensor) -> Tensor:
        y = x if self.in_order else permute(x, self.order)
        return reshape(y, (self.n, *self.rest))

    def unmerged(self, y: Tensor) -> Tensor:
        """The inverse of ``merged``."""
        y = reshape(y, tuple(self.x_shape[d] for d in self.order))
        if self.in_order:
            return y
        back = [0] * len(self.order)
        for i, d in enumerate(self.order):
            back[d] = i
        return permute(y, tuple(back))

    def placed(self, y: Tensor) -> Tensor:
        """A result (positions, rest) in the shape that the user sees."""
        y = reshape(y, (*self.shape, *self.rest))
        k = len(self.shape)
        if self.front == 0 or k == 0:
            return y
        return permute(y, (*range(k, k + self.front), *range(k), *range(k + self.front, y.ndim)))

    def source(self, value: Tensor) -> Tensor:
        """A value broadcast to the result's shape, as (positions, rest)."""
        shape = (*self.rest[: self.front], *self.shape, *self.rest[self.front :])
        extra = value.ndim - len(shape)
        if extra > 0 and all(n == 1 for n in value.shape[:extra]):
            value = reshape(value, value.shape[extra:])
        value = expand_to(value, shape)
        k = len(self.shape)
        if self.front and k:
            f = self.front
            value = permute(value, (*range(f, f + k), *range(f), *range(f + k, value.ndim)))
        return reshape(value, (-1, *self.rest)) if value.shape.numel() else reshape(value, (self.flat.shape[0], *self.rest))


def getitem(x: Tensor, key: Any) -> Tensor:
    """``x[key]``: a view for integers, slices, None and ``...``; a copy for tensors and masks."""
    if type(key) is int:
        if not x.ndim:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number")
        return movement.select(x, 0, _checked(key, x.shape[0], 0))
    y, advanced = _basic(x, _expand_key(x, key))
    if not advanced:
        return movement.view_as_shape(y, y.shape) if y is x else y
    a = _Advanced(y, advanced)
    return a.placed(take_along_extents(a.merged(y), a.flat, 0))


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``, broadcast and converted to the type of ``x``."""
    from numtorch.ops.creation import tensor

    if isinstance(value, np.ndarray):
        value = tensor(value)
    elif not isinstance(value, Tensor | bool | int | float | np.generic):
        raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {x.dtype.name}; make it a tensor first")
    if isinstance(key, Tensor) and key.dtype is dtypes.bool and key.shape == x.shape and _one(value):
        out = choose.op  # x = where(key, value, x), in place
        _masked_write(x, key, value, out)
        return
    y, advanced = _basic(x, _expand_key(x, key))
    if advanced:
        index_put_(y, advanced, value)
    elif isinstance(value, Tensor):
        extra = value.ndim - y.ndim
        if extra > 0 and all(n == 1 for n in value.shape[:extra]):
            value = reshape(value, value.shape[extra:])
        movement.copy_(y, value)
    else:
        movement.fill_(y, value)


def _one(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.shape.numel() == 1


def _masked_write(x: Tensor, mask: Tensor, value: Any, out: Any) -> None:
    since = tick()
    if isinstance(value, Tensor):
        value = reshape(value, ()).to(x.device, x.dtype)
    elif x.dtype.category < dtypes.scalar_dtype(value).category:
        value = bool(value) if x.dtype is dtypes.bool else int(value)
    overwrite(x, choose(mask, value, x).to(x.dtype), since)


def overwrite(x: Tensor, result: Tensor, since: int = 0, name: str = "index_put_") -> Tensor:
    """Make ``x`` in place what ``result``, computed from it after the tick ``since``, is."""
    if result is x:
        return x
    if not dtypes.can_cast(result._k.dtype, x._k.dtype):
        raise RuntimeError(f"result type {result._k.dtype.name} can't be cast to the desired output type {x._k.dtype.name}")
    recording = mode.grad and (result._edge is not None or x._edge is not None)
    if recording:
        check_inplace(x, name.removesuffix("_"))
        protect(result._edge, x, since or getattr(result._edge, "seq", 1) - 1)
    with _Setting(grad=False):
        movement.copy.op.program(x, result, outs=(x,))
    wrote(x)
    if recording:
        rebase(x, result._edge)
    return x


def index_put_(x: Tensor, advanced: Any, value: Any, accumulate: bool = False) -> Tensor:
    """Write ``value`` at the positions; ``advanced`` is (dimension, index) pairs or one index for each dimension."""
    from numtorch.ops.creation import tensor

    if not advanced or not isinstance(advanced[0], tuple):
        x, advanced = _basic(x, _expand_key(x, tuple(advanced)))
    since = tick()
    a = _Advanced(x, advanced)
    if not isinstance(value, Tensor):
        value = tensor(value, dtype=x.dtype, device=x.device)
    if same_memory(value, x):
        value = movement.clone(value)
    value = a.source(value.to(x.device, x.dtype))
    recording = mode.grad and (x._edge is not None or value._edge is not None)
    if not recording and x._k.contiguous and a.in_order and x.device.type == "cpu":
        put_slices(x._buf, a.flat._buf, contiguous(value)._buf, 1, a.n, Size(a.rest).numel(), accumulate)
        wrote(x)
        return x
    return overwrite(x, a.unmerged(put_along_extents(a.merged(x), a.flat, value, 0, accumulate)), since)


def index_put(input: Tensor, indices: tuple, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with ``values`` written (or added) at the positions."""
    return index_put_(movement.clone(input), indices, values, accumulate)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at each class's place and 0 elsewhere, along a new last dimension."""
    from numtorch.ops.creation import zeros

    if tensor.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    from numtorch.ops.reduction import max as largest

    n = num_classes if num_classes > 0 else int(largest(tensor).item()) + 1
    flat = reshape(tensor, (-1, 1))
    if tensor.device.type == "cpu" and tensor.shape.numel() and (as_ndarray(flat).min() < 0 or as_ndarray(flat).max() >= n):
        raise RuntimeError("Class values must be non-negative and smaller than num_classes.")
    y = zeros((flat.shape[0], n), dtype=dtypes.int64, device=tensor.device)
    return reshape(scatter(y, 1, flat, 1), (*tensor.shape, n))
