"""Random tensors: the generator is counter-based, so element i is the same on any device and thread.

The numbers are Philox4x32-10 of (seed, position). A ``Generator`` holds the seed and the position in the stream;
drawing n numbers advances the position by n. Differs from torch: the same seed gives other numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import ops
from numtorch._tensor import Tensor, empty, fresh
from numtorch.arguments import flag, integer, integers, only_real, strided
from numtorch.autograd import batched
from numtorch.autograd.inplace import recorded, single
from numtorch.device import CPU, as_device
from numtorch.dispatch.cost import called, nbytes, numel
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.out import DRAWN, FILLED, MARKS, SAMPLES, into
from numtorch.dtype import FLOATS
from numtorch.dtype import dtype as DType
from numtorch.exports import exported
from numtorch.grad_mode import mode
from numtorch.kernels.math import bf16_to_float, float_to_bf16
from numtorch.ops import movement, random_cpu, random_cuda
from numtorch.ops.creation import size_of
from numtorch.ops.drawing import MANY, again, few_in_order, few_integers, known, remember
from numtorch.ops.generator import Generator, default_generator
from numtorch.storage import Size

# --- ops ------------------------------------------------------------------------------------------


def _cost_of(each: int, *functions: str) -> Callable:
    """Bytes and operations of a result of which each element takes so many, and calls of functions beside."""
    return lambda out, *arguments: (nbytes(out), (each + called(functions, out)) * numel(out))


@op(
    shape=True,
    public=False,
    differentiable=False,
    cost=_cost_of(3),
    seeds=("seed", "at"),
    samples=lambda: [((50, 40), 7, 0, 0.0, 1.0), ((50, 40), 7, 3, 0.0, 1.0, dtypes.float16)],
)
def uniform_like(x, seed: int, at: int, low: float, to: float, dtype: DType | None = None):
    """Uniform numbers of [low, to) in the shape and type of ``x``; those that a type of 16 bits holds, if it is
    given."""
    return empty(x.shape, x.dtype, x.device)


@op(
    shape=True,
    public=False,
    differentiable=False,
    cost=_cost_of(9, "log", "sqrt", "cos"),
    seeds=("seed", "at", "mean", "std"),
    samples=lambda: [((50, 40), 7, 0, 0.5, 2.0)],
)
def normal_like(x, seed: int, at: int, mean: float, std: float):
    """Normal numbers of a mean and a standard deviation in the shape and type of ``x``: each the root of a logarithm
    times a cosine."""
    return empty(x.shape, x.dtype, x.device)


for _device, _fill in (("cpu", random_cpu), ("cuda", random_cuda)):

    @uniform_like.loop(_device, dtypes=FLOATS, name="philox")
    def _(x, low, to, dtype, fill=_fill):
        ends = _uniform_ends(low, to, dtype or x.dtype)
        if dtype is not None:
            return _drawn(x, fill.fill_uniform16, *ends, 0xFFFFFFFF & (-1 << (24 - _digits(dtype))))
        return _drawn(x, fill.fill_uniform32 if x.dtype is dtypes.float32 else fill.fill_uniform64, *ends)

    @normal_like.loop(_device, dtypes=FLOATS, name="philox")
    def _(x, fill=_fill):
        return _drawn(x, fill.fill_normal32 if x.dtype is dtypes.float32 else fill.fill_normal64)


def _drawn(x: Tensor, fill: Any, *numbers: float) -> Loop:
    """A loop that only writes. It is shared where that saves 0.3 ms: half a second of compiling the shared loop is not
    worth less."""
    n = numel(x)
    return Loop(fill, numbers, like(x), operands=(), weight=8, elements=n >> 6, grid=n)


# --- functions ------------------------------------------------------------------------------------


def _rounded(value: float, d: DType) -> float:
    """The number of a type that is nearest to a value."""
    if d is dtypes.bfloat16:
        return float(bf16_to_float(float_to_bf16(np.float32(value))))
    return float(np.dtype(d.name).type(value))


def _smallest(d: DType) -> float:
    """The least positive number of a type."""
    limits = dtypes.finfo(d)
    return limits.tiny * limits.eps


def _below(value: float, d: DType) -> float:
    """The greatest number of a type that is below one of its numbers."""
    part, exponent = math.frexp(value)
    return value - max(math.ldexp(1.0, exponent - _digits(d) - (part == 0.5)) if value else 0.0, _smallest(d))


def _uniform_ends(low: float, to: float, d: DType) -> tuple[float, float, float]:
    """Uniform numbers of [low, to) in a type: where they begin, how wide they spread, and the last of them. The ends of
    types of 16 bits are rounded to them."""
    end = _rounded(to, d)
    if d.is_half:
        low, to = _rounded(low, d), end
    return low, to - low, max(_below(end, d), _rounded(low, d))


def _draw(
    shape: Any,
    distribution: str,
    first: float,
    second: float,
    dtype: DType | None,
    device: Any,
    generator: Generator | None,
    requires_grad: bool = False,
) -> Tensor:
    if mode.levels:
        return batched.drawn(
            lambda s: _draw(s, distribution, first, second, dtype, device, generator, requires_grad), shape
        )
    d = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if d.is_complex:  # both parts; of normal numbers each has half the variance
        ends = (0.0, second * math.sqrt(0.5)) if distribution == "normal" else (first, second)
        parts = _draw((*shape, 2), distribution, *ends, d.to_real(), device, generator)
        y = fresh(movement.view_as_complex(parts))
        return (y + first if distribution == "normal" and first else y).requires_grad_(requires_grad)
    if not d.is_floating_point:
        raise NotImplementedError(f'"{distribution}" is not implemented for {d.name}; it draws floating-point numbers')
    y = empty(Size(shape), dtypes.float32 if d.is_half else d, as_device(device))
    if n := y.shape.numel():
        draw = (generator or default_generator).take(n)
        like: Any = uniform_like if distribution == "uniform" else normal_like
        params = (first, second, d if d.is_half else None) if distribution == "uniform" else (first, second)
        x, y = y, like(y, *draw, *params)
        if (
            (first, second) == (0.0, 1.0)
            and d is y._k.dtype
            and y._k.device is CPU
            and n < MANY
            and not known(distribution, x.shape)
        ):
            remember(distribution, like.op.planned((x,), (*draw, *params)), n, () if like is uniform_like else params)
    if y._k.dtype is not d:
        y = y.to(d)
    if (
        requires_grad is not False
        and requires_grad is not None
        and flag(requires_grad, "requires_grad_", "requires_grad")
    ):
        y.requires_grad_(True)
    return y


@exported("torch")
def rand(
    *args: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1).

    Args:
        *args, size: the shape, as integers or as one sequence.
        generator: the stream from which they are drawn; the default generator unless given.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of the given shape.

    Raises:
        TypeError: the sizes are no integers.
        RuntimeError: a negative size.
        NotImplementedError: ``dtype`` is no floating type.
        NotImplementedError: another ``layout``.

    >>> x = torch.rand(2, 3)
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    (torch.Size([2, 3]), True)
    """
    if size is layout is out is dtype is device is None and requires_grad is False:
        y = again(args, "uniform", generator)
        if y is not None:
            return y
    if layout is not None:
        strided(layout, "rand")
    if out is not None:
        return into(
            out,
            FILLED,
            rand,
            *args,
            size=size,
            generator=generator,
            dtype=dtype,
            device=device,
            requires_grad=requires_grad,
        )
    return _draw(size_of(args, size, "rand"), "uniform", 0.0, 1.0, dtype, device, generator, requires_grad)


@exported("torch")
def randn(
    *args: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Random numbers of the standard normal distribution, of mean 0 and variance 1.

    Args:
        *args, size: the shape, as integers or as one sequence.
        generator: the stream from which they are drawn; the default generator unless given.
        dtype, device, requires_grad: of the result; the default floating type and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of the given shape.

    Raises:
        TypeError: the sizes are no integers.
        RuntimeError: a negative size.
        NotImplementedError: ``dtype`` is no floating type.
        NotImplementedError: another ``layout``.

    >>> torch.randn(2, 3).shape
    torch.Size([2, 3])
    """
    if size is layout is out is dtype is device is None and requires_grad is False:
        y = again(args, "normal", generator)
        if y is not None:
            return y
    if layout is not None:
        strided(layout, "randn")
    if out is not None:
        return into(
            out,
            FILLED,
            randn,
            *args,
            size=size,
            generator=generator,
            dtype=dtype,
            device=device,
            requires_grad=requires_grad,
        )
    return _draw(size_of(args, size, "randn"), "normal", 0.0, 1.0, dtype, device, generator, requires_grad)


def _like(x: Tensor, dtype: Any, device: Any) -> tuple[Any, Any]:
    """A type and a device: as told, else those of ``x``."""
    return x.dtype if dtype is None else dtype, x.device if device is None else device


def _usual(x: Any) -> bool:
    """Whether a tensor is what factories make by default."""
    return x.__class__ is Tensor and x._k.device is CPU and x._k.dtype is dtypes.get_default_dtype()


@exported("torch")
def rand_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Uniform random numbers in [0, 1) in the shape of ``input``.

    Args:
        input: gives the shape.
        dtype, device: those of ``input`` unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of the same shape.

    Raises:
        NotImplementedError: another ``layout``.

    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    if layout is not None:
        strided(layout, "rand_like")
    if dtype is device is None and requires_grad is False and _usual(input):
        y = again((input.shape,), "uniform", None)
        if y is not None:
            return y
    return _draw(input.shape, "uniform", 0.0, 1.0, *_like(input, dtype, device), None, requires_grad)


@exported("torch")
def randn_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random numbers of the standard normal distribution in the shape of ``input``.

    Args:
        input: gives the shape.
        dtype, device: those of ``input`` unless given.
        requires_grad: whether operations on the result are recorded.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of the same shape.

    Raises:
        NotImplementedError: another ``layout``.

    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    if layout is not None:
        strided(layout, "randn_like")
    if dtype is device is None and requires_grad is False and _usual(input):
        y = again((input.shape,), "normal", None)
        if y is not None:
            return y
    return _draw(input.shape, "normal", 0.0, 1.0, *_like(input, dtype, device), None, requires_grad)


def _integers(low: int, high: int, shape: Size, generator: Generator | None) -> Tensor:
    """int64 numbers from ``low`` up to but not including ``high``, which may be 2**63, on the CPU."""
    if mode.levels:
        return batched.drawn(lambda s: _integers(low, high, Size(s), generator), shape)
    y = empty(shape, dtypes.int64, as_device("cpu"))
    seed, at = (generator or default_generator).take(2 * y.shape.numel())
    span = high - low
    if span < 1 << 63:
        random_cpu.fill_integers(y._buf, seed, at, low, span)
    else:
        random_cpu.fill_words(y._buf, seed, at, low, np.uint64(span & 0xFFFFFFFFFFFFFFFF))
    return y


@cache
def _digits(d: DType) -> int:
    """Binary digits of an integer that a floating type holds exactly."""
    return 1 - int(math.log2(dtypes.finfo(d).eps))


@cache
def _limits(d: DType) -> tuple[int, int]:
    """The integers within the range of a type."""
    if d is dtypes.bool:
        return 0, 1
    if d.is_floating_point:
        largest = min(int(dtypes.finfo(d).max), (1 << 63) - 1)
        return -largest, largest
    only_real(d, "random_")
    info = dtypes.iinfo(d)
    return info.min, info.max


def _nearest(n: int, digits: int) -> int:
    """An integer rounded to so many binary digits, as a floating type rounds it."""
    shift = max(0, abs(n).bit_length() - digits)
    half = (1 << shift) >> 1
    low = n >> shift
    rest = n - (low << shift)
    return (low + (rest > half or (rest == half and half and low & 1))) << shift


def _within(low: int, high: int, d: DType, name: str) -> tuple[int, int]:
    """The bounds of random integers, checked: in order, and within the range of the type. A floating type rounds: what
    it would round to ``high`` is not drawn."""
    if low >= high:
        raise RuntimeError(f"{name} expects 'from' to be less than 'to', but got from={low} >= to={high}")
    least, largest = _limits(d)
    for what, value in (("from", low), ("to - 1", high - 1)):
        if not least <= value <= largest:
            raise RuntimeError(f"{name}: {what} is out of bounds for {d.name}: {value} is not in [{least}, {largest}]")
    if d.is_floating_point:
        digits = _digits(d)
        if _nearest(high - 1, digits) >= high:
            high -= 1 << ((high - 1).bit_length() - digits)
        if _nearest(low, digits) < low:
            low += 1 << (abs(low).bit_length() - digits)
    return low, high


@exported("torch")
def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Random integers from ``low`` up to but not including ``high``, all equally probable.

    Args:
        low, high: integers; ``randint(high, size)`` begins at 0.
        size: the shape, a sequence of integers.
        generator: the stream from which they are drawn; the default generator unless given.
        dtype, device, requires_grad: of the result; int64 and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of shape ``size``.

    Raises:
        TypeError: ``size`` is no sequence.
        RuntimeError: ``low >= high``, or bounds beyond the type.
        NotImplementedError: another ``layout``.

    >>> torch.randint(3, 4, (2,)), torch.randint(5, (2, 3)).shape
    (tensor([3, 3]), torch.Size([2, 3]))
    """
    if layout is out is dtype is device is None and requires_grad is False:
        y = few_integers(low, high, size, generator)
        if y is not None:
            return y
    if layout is not None:
        strided(layout, "randint")
    if out is not None:
        return into(
            out,
            DRAWN,
            randint,
            low,
            high,
            size,
            generator=generator,
            dtype=dtype,
            device=device,
            requires_grad=requires_grad,
        )
    if size is None:
        low, high, size = None, low, high
    if size is None or isinstance(size, int):  # a number alone is no shape, as in torch
        raise TypeError(
            f"randint(): argument 'size' must be tuple of ints, not {type(size).__name__}; the last argument is the "
            "shape, as in torch.randint(0, 10, (3,))"
        )
    if high is None:
        low, high = None, low
    d = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    low = 0 if low is None else integer(low, "randint", "low")
    high = integer(high, "randint", "high")
    if d is not dtypes.int64 or low >= high:
        low, high = _within(low, high, d, "randint")
    y = _integers(
        low,
        high,
        size_of((), size if isinstance(size, tuple) else integers(size, "randint", "size"), "randint"),
        generator,
    )
    if d is not dtypes.int64 or as_device(device) is not y.device:
        y = y.to(as_device(device), d)
    if (
        requires_grad is not False
        and requires_grad is not None
        and flag(requires_grad, "requires_grad_", "requires_grad")
    ):
        y.requires_grad_(True)
    return y


@exported("torch")
def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random integers in the shape of ``input``, from ``low`` up to but not including ``high``.

    Args:
        input: gives the shape.
        low, high: integers; one alone is ``high``, and the numbers begin at 0.
        dtype, device: those of ``input`` unless given.
        pin_memory, memory_format: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A tensor of the same shape.

    Raises:
        RuntimeError: ``low >= high``, or bounds beyond the type.
        NotImplementedError: another ``layout``.

    >>> torch.randint_like(torch.zeros(2), 3, 4)
    tensor([3., 3.])
    """
    if layout is not None:
        strided(layout, "randint_like")
    return randint(low, high, input.shape, dtype=dtype or input.dtype, device=device or input.device)


@exported("torch")
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    out: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """The integers from 0 to ``n - 1`` in random order.

    Args:
        n: how many.
        generator: the stream that decides; the default generator unless given.
        dtype, device: of the result; int64 and the CPU unless given.
        pin_memory: accepted and ignored.
        layout: ``torch.strided``, which is the only one here.

    Returns:
        A vector of ``n`` integers.

    Raises:
        RuntimeError: ``n`` is negative, or the type does not hold all the numbers.
        NotImplementedError: ``dtype`` is bool.
        NotImplementedError: another ``layout``.

    >>> torch.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    if layout is out is dtype is device is None:
        y = few_in_order(n, generator)
        if y is not None:
            return y
    if layout is not None:
        strided(layout, "randperm")
    if out is not None:
        return into(out, DRAWN, randperm, n, generator=generator, dtype=dtype, device=device)

    if mode.levels:
        return _permutations(n, generator, dtype, device)
    n, d = integer(n, "randperm", "n"), dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, got {n}")
    if d is dtypes.bool:
        raise NotImplementedError('"randperm" not implemented for bool')
    most = 1 << _digits(d) if d.is_floating_point else _limits(d)[1]
    if n - 1 > most:
        raise RuntimeError(
            f"randperm: n cannot be greater than {most + 1} for {d.name}, which does not hold all the numbers below {n}"
        )
    y = empty((n,), dtypes.int64, CPU)
    seed_, at = (generator or default_generator).take(n)
    random_cpu.fill_permutation(y._buf, seed_, at)
    where = as_device(device)
    return y if d is dtypes.int64 and where is CPU else y.to(where, d)


def _permutations(n: int, generator: Generator | None, dtype: Any, device: Any) -> Tensor:
    """``randperm`` for each sample of a ``vmap``."""

    def draw(shape: tuple) -> Tensor:
        made = [randperm(n, generator=generator, dtype=dtype, device=device) for _ in range(math.prod(shape[:-1]))]
        return movement.reshape(movement.stack(made), shape)

    return batched.drawn(draw, (n,))


def _check_deviations(std: Any) -> None:
    """RuntimeError for a standard deviation below 0, or NaN."""
    if not isinstance(std, Tensor):
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    elif not _lie(std, 0.0, float("inf")):
        raise RuntimeError("normal expects all elements of std >= 0.0")


def _lie(x: Tensor, low: float, high: float) -> bool:
    """Whether all elements lie in [low, high]; NaN does not."""
    values = ops.creation.to_ndarray(batched.whole(x).detach().cpu())
    return not values.size or bool(values.min() >= low and values.max() <= high)


def _flat(y: Tensor, *given: Tensor) -> Tensor:
    """Numbers drawn by the parameters ``given``, whose gradients are 0: nothing says how a drawn number moves with
    them."""
    for v in given:
        if v._edge is not None and mode.grad:
            y = movement.copy(movement.expand_to(v, y.shape), y)
    return y


@exported("torch")
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    out: Any = None,
) -> Tensor:
    """Random numbers of normal distributions with the given means and standard deviations.

    Args:
        mean, std: numbers or tensors, broadcast together.
        size: the shape, where both are numbers.
        generator: the stream from which they are drawn; the default generator unless given.
        dtype, device, requires_grad: of the result, where both are numbers; the default floating type and the CPU
            unless given.
        layout, pin_memory: accepted and ignored.

    Returns:
        A tensor of the common shape and of the type of the first tensor, or of shape ``size``.

    Raises:
        RuntimeError: a negative deviation, or shapes that do not broadcast.
        TypeError: ``size``, ``dtype`` or ``device`` beside tensors.

    >>> torch.normal(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 0.0]))
    tensor([ 0., 10.])
    """
    if out is not None:
        return into(out, SAMPLES, normal, mean, std, size, generator=generator, dtype=dtype, device=device)
    _check_deviations(std)
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        for name, value in (("size", size), ("dtype", dtype), ("device", device)):
            if value is not None:
                raise TypeError(
                    f"normal() takes no argument '{name}' beside tensors of means or deviations, which say it"
                )
        given = [v for v in (mean, std) if isinstance(v, Tensor)]
        shape = movement.common_shape("normal", given)
        y = randn(shape, generator=generator, dtype=given[0].dtype, device=given[0].device)
        plain_mean, plain_std = (v.detach() if isinstance(v, Tensor) else v for v in (mean, std))
        return _flat((y * plain_std + plain_mean).to(given[0].dtype), *given)
    shape = size_of((), integers(size, "normal", "size"), "normal")
    return _draw(shape, "normal", float(mean), float(std), dtype, device, generator, requires_grad)


def _refill(x: Tensor, distribution: str, first: float, second: float, generator: Generator | None) -> Tensor:
    single(x, distribution + "_", in_turn=True)
    recorded(x, distribution)
    return movement.copy.op.inplace(x, (_draw(x.shape, distribution, first, second, x.dtype, x.device, generator),), ())


@exported("Tensor")
def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with random numbers of a normal distribution.

    Args:
        mean, std: numbers.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``std`` is negative.

    >>> torch.zeros(3).normal_(5, 0)
    tensor([5., 5., 5.])
    """
    _check_deviations(std)
    return _refill(x, "normal", float(mean), float(std), generator)


@exported("Tensor")
def uniform_(x: Tensor, low: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform random numbers in [low, to), also both parts of complex numbers.

    Args:
        low, to: numbers that the type holds.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``low > to``, or bounds beyond the type.

    >>> x = torch.zeros(100).uniform_(2, 3)
    >>> bool(((x >= 2) & (x < 3)).all())
    True
    """
    if x.dtype.is_complex:
        uniform_(movement.view_as_real(x), low, to, generator=generator)
        return x
    if x.dtype.is_floating_point:
        most = dtypes.finfo(x.dtype).max
        for name, bound in (("from", low), ("to", to)):
            if not abs(bound) <= most:
                raise RuntimeError(f"uniform_: {name} is out of bounds for {x.dtype.name}: {bound}")
        if to - low > most:
            raise RuntimeError(
                f"uniform_ expects to - from <= {most:g}, the largest {x.dtype.name}, but found from={low} and to={to}"
            )
    if to < low:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={to}")
    return _refill(x, "uniform", float(low), float(to), generator)


_ABSENT: Any = object()


@exported("Tensor")
def random_(x: Tensor, low: Any = _ABSENT, to: Any = _ABSENT, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with random integers from ``low`` up to but not including ``to``; with one number, from 0 up to it.

    Args:
        low, to: integers. Without ``to`` (or with None) up to and including the largest integer of the type; of
            floating types up to the largest below which they hold every integer.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``low >= to``, or bounds beyond the type.

    >>> x = torch.zeros(100).random_(2, 4)
    >>> bool(((x == 2) | (x == 3)).all())
    True
    """
    d = x.dtype
    if to is _ABSENT:
        low, to = 0, None if low is _ABSENT else low
    low = 0 if low is _ABSENT else integer(low, "random_", "from")
    if to is None:
        high = 1 << _digits(d) if d.is_floating_point else _limits(d)[1] + 1
    else:
        high = integer(to, "random_", "to")
    low, high = _within(low, high, d, "random_")
    return movement.copy_(x, _integers(low, high, x.shape, generator).to(x.device, d))


@exported("Tensor")
def exponential_(x: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with random numbers above 0 of the exponential distribution, of density ``lambd * exp(-lambd * x)``.

    Args:
        lambd: the rate, one over the mean.
        generator: the stream from which they are drawn; the default generator unless given.

    Raises:
        RuntimeError: ``lambd`` is not positive, or the tensor is of no floating type.

    >>> bool((torch.zeros(100).exponential_(2.0) > 0).all())
    True
    """
    if not x.dtype.is_floating_point:
        raise RuntimeError(
            f"exponential_: the distribution is continuous, but the tensor is of {x.dtype.name}; use a floating type"
        )
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    d = dtypes.float32 if x.dtype.is_half else x.dtype  # in 16 bits 1 - u is 0 or 1 all too often
    u = _draw(x.shape, "uniform", 0.0, 1.0, d, x.device, generator)
    y = -(1 - u).log() / lambd
    if lambd < math.inf:  # a draw of 0 stands for all numbers below the next one
        y = y.clamp(min=max(0.25 * dtypes.finfo(d).eps / lambd, _smallest(x.dtype)))
    return movement.copy_(x, y)


def _check_probabilities(p: Any, name: str) -> None:
    if isinstance(p, Tensor):
        if not p.dtype.is_floating_point:
            raise NotImplementedError(
                f'"{name}" not implemented for probabilities of {p.dtype.name}; cast with .float()'
            )
        if not _lie(p, 0.0, 1.0):
            raise RuntimeError(f"{name}: Expected all probabilities to be between 0 and 1")
    elif not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")


@exported("torch", "Tensor")
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Any = None) -> Tensor:
    """1 with the probability that each element gives, else 0.

    Args:
        input: probabilities, of a floating type; with ``p`` only its shape and type count.
        p: one probability for all elements.
        generator: the stream that decides; the default generator unless given.

    Returns:
        Zeros and ones in the shape and type of ``input``.

    Raises:
        RuntimeError: a probability is not in [0, 1].
        NotImplementedError: the probabilities are no floating-point numbers.

    >>> torch.bernoulli(torch.tensor([0.0, 1.0, 1.0]))
    tensor([0., 1., 1.])
    """
    if out is not None:
        return into(out, MARKS, bernoulli, input, p, generator=generator)
    _check_probabilities(input if p is None else p, "bernoulli")
    if p is not None:
        return bernoulli_(empty(input.shape, input.dtype, input.device), p, generator=generator)
    d = dtypes.float32 if input.dtype.is_half else input.dtype
    u = _draw(input.shape, "uniform", 0.0, 1.0, d, input.device, generator)
    return _flat((u < input.detach()).to(input.dtype), input)


@exported("Tensor")
def bernoulli_(x: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability ``p``, else 0.

    Args:
        p: a probability, or a tensor of them in the same shape.
        generator: the stream that decides; the default generator unless given.

    Raises:
        RuntimeError: a probability is not in [0, 1].
        NotImplementedError: a tensor of probabilities is of no floating type.

    >>> torch.zeros(3).bernoulli_(1.0)
    tensor([1., 1., 1.])
    """
    _check_probabilities(p, "bernoulli_")
    only_real(x.dtype, "bernoulli_")
    d = dtypes.float64 if x.dtype is dtypes.float64 else dtypes.float32
    u = _draw(x.shape, "uniform", 0.0, 1.0, d, x.device, generator)
    if isinstance(p, Tensor):
        return movement.copy_(x, _flat((u < p.detach()).to(x.dtype), p))
    return movement.copy_(x, (u < p).to(x.dtype))
