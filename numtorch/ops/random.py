"""Random tensors: a counter-based generator, so that element i is the same on any device and thread.

Numbers are Philox4x32-10 of (seed, position). A ``Generator`` is the seed and how far the stream has been
used; drawing n numbers moves it on by n. Differs from torch: the streams of equal seeds differ.
"""

from __future__ import annotations

import os
from math import ceil
from typing import Any

import numpy as np

from numtorch import dtype as dtypes
from numtorch._tensor import Tensor, empty
from numtorch.autograd.inplace import check_inplace, wrote
from numtorch.device import as_device
from numtorch.dispatch.cost import nbytes, numel, per_output
from numtorch.dispatch.op import op
from numtorch.dispatch.program import shared_from
from numtorch.dtype import FLOATS
from numtorch.dtype import dtype as DType
from numtorch.kernels.jit import jit, prange
from numtorch.kernels.math import normal32, normal64, random_bits, random_block, uniform32, uniform64
from numtorch.ops import movement
from numtorch.ops.arithmetic import where
from numtorch.ops.movement import contiguous
from numtorch.storage import Size

_DEFAULT_SEED = 67280421310721
PARALLEL_ELEMENTS = 1 << 18  # 0.3 ms of work: below, half a second of compiling the shared loop is not worth it


class Generator:
    """A stream of random numbers.

    Example:
        >>> import numtorch as torch
        >>> g = torch.Generator().manual_seed(1)
        >>> a = torch.rand(2, generator=g)
        >>> bool((a == torch.rand(2, generator=torch.Generator().manual_seed(1))).all())
        True
    """

    def __init__(self, device: Any = "cpu"):
        self.device = as_device(device)
        self._seed, self._at = _DEFAULT_SEED, 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of a seed."""
        self._seed, self._at = int(seed) & 0x7FFFFFFFFFFFFFFF, 0
        return self

    def initial_seed(self) -> int:
        """The seed."""
        return self._seed

    def seed(self) -> int:
        """Start the stream of a seed from the operating system; return it."""
        self.manual_seed(int.from_bytes(os.urandom(7), "little"))
        return self._seed

    def take(self, n: int) -> tuple[int, int]:
        """(seed, position) of the next ``n`` numbers, which are used up."""
        at = self._at
        self._at += n
        return self._seed, at

    def get_state(self) -> Tensor:
        """The state, as a tensor that ``set_state`` takes."""
        from numtorch.ops.creation import tensor

        return tensor([self._seed, self._at], dtype=dtypes.int64)

    def set_state(self, state: Tensor) -> Generator:
        """Continue from a saved state."""
        self._seed, self._at = (int(v) for v in state.tolist())
        return self


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system."""
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Continue the default generator from a saved state."""
    default_generator.set_state(state)


# --- kernels --------------------------------------------------------------------------------------


@jit(parallel=True)
def fill_uniform32(out, seed, at, low, width):
    """out[i] = low + width * u(seed, at + i)"""
    a = np.float32(low)
    b = np.float32(width)
    for i in prange(out.size):
        out[i] = a + b * uniform32(seed, at + i)


@jit(parallel=True)
def fill_uniform64(out, seed, at, low, width):
    """out[i] = low + width * u(seed, at + i)"""
    for i in prange(out.size):
        out[i] = low + width * uniform64(seed, at + i)


@jit(parallel=True)
def fill_normal32(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    a = np.float32(mean)
    b = np.float32(std)
    for i in prange(out.size):
        out[i] = a + b * normal32(seed, at + i)


@jit(parallel=True)
def fill_normal64(out, seed, at, mean, std):
    """out[i] = mean + std * z(seed, at + i)"""
    for i in prange(out.size):
        out[i] = mean + std * normal64(seed, at + i)


@jit
def fill_integers(out, seed, at, low, span):
    """out[i] = low + 64 random bits modulo span"""
    for i in range(out.size):
        high = np.int64(random_bits(seed, 2 * (at + i))) & np.int64(0x7FFFFFFF)
        bits = (high << np.int64(32)) | np.int64(random_bits(seed, 2 * (at + i) + 1))
        out[i] = low + bits % span


@jit
def mask_few(mask, seed, at, least):
    """The few elements of ``fill_mask`` before and after whole blocks of random words."""
    for i in range(mask.size):
        mask[i] = random_bits(seed, at + i) >> np.uint32(8) >= least


@jit(parallel=True)
def fill_mask(mask, seed, at, least):
    """mask[i] = the upper 24 bits of random word at + i are at least ``least``, a block of four words for four elements"""
    head = min(mask.size, (-at) & 3)
    blocks = (mask.size - head) // 4
    tail = head + 4 * blocks
    mask_few(mask[:head], seed, at, least)
    mask_few(mask[tail:], seed, at + tail, least)
    part = mask[head:tail]
    first = (at + head) >> 2
    limit = np.uint64(least << 8)
    for b in prange(blocks):
        c0, c1, c2, c3 = random_block(seed, first + b)
        k = np.uint64(b) * np.uint64(4)  # unsigned positions need no check for negative ones, which would keep the loop scalar
        part[k] = c0 >= limit
        part[k + np.uint64(1)] = c1 >= limit
        part[k + np.uint64(2)] = c2 >= limit
        part[k + np.uint64(3)] = c3 >= limit


# --- ops ------------------------------------------------------------------------------------------

_FILL = {("uniform", dtypes.float32): fill_uniform32, ("uniform", dtypes.float64): fill_uniform64,
         ("normal", dtypes.float32): fill_normal32, ("normal", dtypes.float64): fill_normal64}


def _sized(kernel: Any, out: Tensor, least: int = PARALLEL_ELEMENTS) -> Any:
    """The kernel for a result of this size; from ``least`` elements it is shared."""
    return kernel if out._buf.size >= least else kernel.serial


def _drawn(out: Tensor, like: Tensor, *arguments: Any) -> tuple[int, int]:
    return nbytes(out), numel(out)


@op(shape=True, public=False, differentiable=False, cost=_drawn, seeds=("seed", "at"))
def random_like(x, distribution: str, seed: int, at: int, first: float, second: float):
    """Random elements in the shape and type of ``x``."""
    return empty(x.shape, x.dtype, x.device)


@random_like.kernel("cpu", dtypes=FLOATS, name="philox", functions=tuple(_FILL.values()))
def philox_cpu(x, distribution, seed, at, first, second):
    out = empty(x.shape, x.dtype, x.device)
    _sized(_FILL[distribution, x.dtype], out)(out._buf, seed, at, float(first), float(second))
    return out


@random_like.kernel("cuda", dtypes=FLOATS, name="philox_cuda")
def philox_cuda(x, distribution, seed, at, first, second):
    from numtorch.ops import random_cuda

    out = empty(x.shape, x.dtype, x.device)
    real = x.dtype.compute.type
    random_cuda.FILL[distribution, x.dtype.name].launch(out.numel(), out._buf, seed, at, real(first), real(second))
    return out


@op(shape=True, public=False, differentiable=False, cost=_drawn, seeds=("seed", "at"))
def dropout_mask(x, p: float, seed: int, at: int):
    """Whether the random number of the position is at least ``p``: a truth value for each element of ``x``."""
    return empty(x.shape, dtypes.bool, x.device)


@dropout_mask.kernel("cpu", name="philox", functions=(fill_mask,))
def mask_cpu(x, p, seed, at):
    mask = empty(x.shape, dtypes.bool, x.device)
    _sized(fill_mask, mask, shared_from(8))(mask._buf, seed, at, ceil(float(np.float32(p)) * (1 << 24)))
    return mask


@jit(parallel=True)
def scale_kept(x, mask, out, scale):
    """out[i] = x[i] * scale if mask[i] else 0"""
    s = x.dtype.type(scale)
    for i in prange(out.size):
        out[i] = x[i] * s if mask[i] else x.dtype.type(0)


@op(public=False, cost=per_output(1))
def kept_scaled(x, mask, scale: float):
    """``x * scale`` where the mask holds, else 0."""
    return where(mask, x * scale, 0.0)


@kept_scaled.vjp(cost=per_output(1))
def _(g, mask, *, scale):
    return kept_scaled(g, mask, scale), None


@kept_scaled.kernel("cpu", when=lambda s: s.dtypes[0] in FLOATS and s.dtypes[1] is dtypes.bool, name="loop", functions=(scale_kept,))
def scale_kept_cpu(x, mask, scale):
    x, mask = x if x._k.contiguous else contiguous(x), mask if mask._k.contiguous else contiguous(mask)
    out = empty(x.shape, x._k.dtype, x._k.device)
    _sized(scale_kept, out, shared_from(2))(x._buf, mask._buf, out._buf, float(scale))
    return out


@op(shape=True, name="dropout", public=False, cost=per_output(2), seeds=("seed", "at"))
def masked_scale(x, p: float, seed: int, at: int):
    """``x / (1 - p)`` where the random number of the position is at least ``p``, else 0."""
    return empty(x.shape, x.dtype, x.device)


@masked_scale.kernel("cpu", dtypes=FLOATS, name="philox", functions=(fill_mask, scale_kept))
def dropout_cpu(x, p, seed, at):
    return scale_kept_cpu(x, mask_cpu(x, p, seed, at), 1.0 / (1.0 - p) if p < 1 else 0.0)


@masked_scale.kernel("cuda", dtypes=FLOATS, name="philox_cuda")
def dropout_cuda(x, p, seed, at):
    from numtorch.ops import random_cuda

    x = contiguous(x)
    out = empty(x.shape, x.dtype, x.device)
    real = x.dtype.compute.type
    run = random_cuda.MASK_SCALE[x.dtype.name]
    run.launch(out.numel(), x._buf, out._buf, seed, at, real(np.float32(p)), real(1.0 / (1.0 - p) if p < 1 else 0.0))
    return out


@masked_scale.vjp
def _(g, *, p, seed, at):
    return masked_scale(g, p, seed, at)  # the mask is drawn again rather than kept


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements set to 0 with probability ``p``, the others scaled by ``1 / (1 - p)``; unchanged unless training."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    draw = (float(p), *default_generator.take(input.shape.numel()))
    if input._k.device.type == "cpu":  # the mask is kept: drawing it again takes longer than reading it
        y = kept_scaled(input, dropout_mask(input, *draw), 1.0 / (1.0 - p) if p < 1 else 0.0)
    else:
        y = masked_scale(input, *draw)
    if inplace:
        from numtorch.ops.indexing import overwrite

        return overwrite(input, y)
    return y


# --- functions ------------------------------------------------------------------------------------


def _draw(shape: Any, distribution: str, first: float, second: float, dtype: DType | None, device: Any, generator: Generator | None,
          requires_grad: bool = False) -> Tensor:
    d = dtype or dtypes.get_default_dtype()
    if not d.is_floating_point:
        raise RuntimeError(f'"{distribution}" is not implemented for {d.name}; it draws floating-point numbers')
    like = empty(Size(shape), dtypes.float32 if d.is_half else d, as_device(device))
    source = generator or default_generator
    y = random_like(like, distribution, *source.take(like.shape.numel()), first, second) if like.shape.numel() else like
    y = y.to(d)
    return y.requires_grad_(True) if requires_grad else y


def rand(*size: Any, generator: Generator | None = None, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
         out: Any = None) -> Tensor:
    """Uniform numbers in [0, 1)."""
    return _draw(movement.shape_args(size), "uniform", 0.0, 1.0, dtype, device, generator, requires_grad)


def randn(*size: Any, generator: Generator | None = None, dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
          out: Any = None) -> Tensor:
    """Numbers of the standard normal distribution."""
    return _draw(movement.shape_args(size), "normal", 0.0, 1.0, dtype, device, generator, requires_grad)


def rand_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1) in the shape, dtype and device of ``input``."""
    return _draw(input.shape, "uniform", 0.0, 1.0, dtype or input.dtype, device or input.device, None, requires_grad)


def randn_like(input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers in the shape, dtype and device of ``input``."""
    return _draw(input.shape, "normal", 0.0, 1.0, dtype or input.dtype, device or input.device, None, requires_grad)


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: DType | None = None,
            device: Any = None, requires_grad: bool = False) -> Tensor:
    """Integers from ``low`` (0) up to but not including ``high``."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    y = empty(Size(size), dtypes.int64, as_device("cpu"))
    seed, at = (generator or default_generator).take(2 * y.shape.numel())
    fill_integers(y._buf, seed, at, int(low), int(high - low))
    y = y.to(as_device(device), dtype or dtypes.int64)
    return y.requires_grad_(True) if requires_grad else y


def randint_like(input: Tensor, low: int, high: int | None = None, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Integers in the shape, dtype and device of ``input``."""
    if high is None:
        low, high = 0, low
    return randint(low, high, input.shape, dtype=dtype or input.dtype, device=device or input.device)


def randperm(n: int, *, generator: Generator | None = None, dtype: DType | None = None, device: Any = None) -> Tensor:
    """The integers from 0 to ``n - 1`` in random order."""
    from numtorch.ops.creation import from_ndarray

    seed_, at = (generator or default_generator).take(n)
    order = np.random.Generator(np.random.Philox(key=seed_, counter=at)).permutation(n).astype(np.int64)
    return from_ndarray(order).to(as_device(device), dtype or dtypes.int64)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: DType | None = None,
           device: Any = None) -> Tensor:
    """Numbers of normal distributions with the given means and standard deviations."""
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        from numtorch.storage import broadcast_shapes

        given = [v for v in (mean, std) if isinstance(v, Tensor)]
        shape = broadcast_shapes(*[v.shape for v in given])
        return randn(shape, generator=generator, dtype=given[0].dtype, device=given[0].device) * std + mean
    return _draw(Size(size), "normal", float(mean), float(std), dtype, device, generator)


def _refill(x: Tensor, distribution: str, first: float, second: float, generator: Generator | None) -> Tensor:
    from numtorch.autograd.grad_mode import mode

    if mode.grad and x._edge is not None:
        check_inplace(x, distribution)
    y = _draw(x.shape, distribution, first, second, x.dtype, x.device, generator)
    movement.copy.op.program(x, y, outs=(x,))
    wrote(x)
    if mode.grad and x._edge is not None:
        from numtorch.autograd.inplace import rebase

        rebase(x, None)
    return x


def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of a normal distribution."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _refill(x, "normal", float(mean), float(std), generator)


def uniform_(x: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform numbers in [a, b)."""
    if b < a:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
    return _refill(x, "uniform", float(a), float(b) - float(a), generator)


def random_(x: Tensor, low: Any = None, high: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with random integers."""
    if low is not None and high is None:
        low, high = 0, low
    if low is None:
        low, high = 0, (2 if x.dtype is dtypes.bool else 2**24 if x.dtype is dtypes.float32 else 2**53 if x.dtype.is_floating_point
                        else int(np.iinfo(x.dtype.storage).max))
    return movement.copy_(x, randint(low, high, x.shape, generator=generator, device=x.device).to(x.dtype))


def exponential_(x: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers of the exponential distribution."""
    u = _draw(x.shape, "uniform", 0.0, 1.0, x.dtype, x.device, generator)
    return movement.copy_(x, -(1 - u).log() / lambd)


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives, else 0."""
    u = _draw(input.shape, "uniform", 0.0, 1.0, input.dtype, input.device, generator)
    return (u < input.detach()).to(input.dtype)


def bernoulli_(x: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability ``p``, else 0."""
    d = x.dtype if x.dtype.is_floating_point else dtypes.float32
    u = _draw(x.shape, "uniform", 0.0, 1.0, d, x.device, generator)
    return movement.copy_(x, (u < p).to(x.dtype))


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Positions drawn with probabilities proportional to the elements of each row."""
    from numtorch.ops.creation import from_ndarray, to_ndarray

    if input.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    weights = to_ndarray(input.detach().cpu().to(dtypes.float64)).reshape(-1, input.shape[-1])
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if not replacement and ((weights > 0).sum(1) < num_samples).any():
        raise RuntimeError("invalid multinomial distribution (with replacement=False, not enough non-negative category to sample)")
    if replacement:
        u = to_ndarray(_draw((weights.shape[0], num_samples), "uniform", 0.0, 1.0, dtypes.float64, None, generator))
        totals = weights.cumsum(1)
        rows = [np.searchsorted(t, r * t[-1], side="right") for t, r in zip(totals, u, strict=True)]
        drawn = np.minimum(np.array(rows), weights.shape[1] - 1)
    else:
        u = to_ndarray(_draw(weights.shape, "uniform", 0.0, 1.0, dtypes.float64, None, generator))
        # The first arrivals of exponential clocks with these rates are a sample without replacement.
        with np.errstate(divide="ignore"):
            arrivals = -np.log1p(-u) / weights
        drawn = np.argsort(arrivals, axis=1, kind="stable")[:, :num_samples]
    y = from_ndarray(np.ascontiguousarray(drawn, dtype=np.int64))
    return y.reshape((num_samples,) if input.ndim == 1 else y.shape).to(input.device)


