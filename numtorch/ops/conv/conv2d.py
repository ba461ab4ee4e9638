"""The three ops of convolution: forward, gradient of the input, gradient of the weight. Each has a gradient and
kernels.

All three come from one trilinear form, the sum over ``g * w * x``. So the gradient of each op is one of the other two.
The algorithm depends only on the shapes (``cpu.path``) and is part of the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from numtorch import ops
from numtorch._tensor import Tensor
from numtorch.arguments import Sizes
from numtorch.dispatch.cost import nbytes, numel, per_input, touched
from numtorch.dispatch.loops import Loop, like
from numtorch.dispatch.op import op
from numtorch.dispatch.samples import fan_in
from numtorch.dtype import FLOATS, float32
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.conv import cpu, cuda
from numtorch.ops.conv.arguments import (
    check,
    check_dims,
    check_extents,
    check_weight,
    group_count,
    padded,
    shape_text,
    steps,
)
from numtorch.ops.conv.bias import bias_grad
from numtorch.ops.movement import reshape, squeeze, unsqueeze
from numtorch.storage import Size

Pair = tuple[int, ...]  # of height and width


def _out_size(x: Size, w: Size, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Height and width of the result; an error where the kernel does not fit or is none."""
    if not w[0]:
        raise RuntimeError(
            f"expected weight to be at least 1 at dimension 0, but got weight of size {shape_text(w)} instead"
        )
    if 0 in w[2:]:
        raise RuntimeError(f"conv2d: kernel size should be greater than zero, but got weight of size {shape_text(w)}")
    padded = [n + 2 * p for n, p in zip(x[2:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:], strict=True)]
    if any(r > n for r, n in zip(reach, padded, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size: "
            f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size (conv2d: input "
            f"{shape_text(x)}, weight {shape_text(w)}, padding {padding})"
        )
    return tuple((n - r) // s + 1 for n, r, s in zip(padded, reach, stride, strict=True))


def _path(
    part: str,
    x: tuple,
    w: tuple,
    out: tuple | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    single: bool,
) -> str:
    # The other ways count on it that the results are all that the windows give. A transposed convolution with output
    # padding of a stride or more says otherwise: its image has room for more windows than there are.
    if out is not None and any(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 != o
        for n, o, k, s, p, d in zip(x[2:], out, w[2:], stride, padding, dilation, strict=True)
    ):
        return "depthwise" if groups > 1 and groups == x[1] else "implicit_gemm"
    return cpu.path(part, x[0], x[1], w[0], tuple(x[2:]), tuple(w[2:]), stride, padding, dilation, groups, single)


def _forward_path(x: Tensor, w: Tensor, b: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> str:
    return _path("forward", x.shape, w.shape, None, stride, padding, dilation, groups, x.dtype is float32)


def _input_grad_path(y: Tensor, w: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> str:
    x = (y.shape[0], w.shape[1] * groups, *size)
    return _path("input_grad", x, w.shape, y.shape[2:], stride, padding, dilation, groups, y.dtype is float32)


def _weight_grad_path(
    x: Tensor, y: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> str:
    w = (y.shape[1], x.shape[1], *kernel)
    return _path("weight_grad", x.shape, w, y.shape[2:], stride, padding, dilation, groups, x.dtype is float32)


_forward_path.__name__ = _input_grad_path.__name__ = _weight_grad_path.__name__ = "path"


def _windows(x: Tensor, kernel: Pair, out: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Tensor:
    """The padded input's windows, (n, groups, channels, ho, wo, kh, kw), overlapping in memory."""
    n, c, h, w = x.shape
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    rows, cols = h + 2 * ph, w + 2 * pw
    padded = ops.creation.zeros((n, c, rows, cols), dtype=x.dtype, device=x.device)
    movement.narrow(movement.narrow(padded, 2, ph, h), 3, pw, w).copy_(x)
    plane = rows * cols
    return movement.as_strided(
        padded,
        (n, groups, c // groups, *out, *kernel),
        (c * plane, c // groups * plane, plane, sh * cols, sw, dh * cols, dw),
    )


def _seen(x: Size, kernel: Pair, out: Pair, stride: Pair, padding: Pair, dilation: Pair) -> int:
    """How many of the elements of images of shape ``x`` the windows see."""
    return x[0] * x[1] * prod(map(touched, x[2:], out, kernel, stride, padding, dilation))


def _cost(
    y: Tensor, x: Tensor, w: Tensor, b: Tensor | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> tuple[int, int]:
    read = _seen(x.shape, w.shape[2:], y.shape[2:], stride, padding, dilation) * x.dtype.itemsize
    return nbytes(y, w, b) + read, numel(y) * (2 * prod(w.shape[1:]) + (b is not None))


def _input_grad_cost(gx: Tensor, y: Tensor, w: Tensor, *geometry: Any) -> tuple[int, int]:
    return nbytes(gx, y, w), 2 * numel(y) * prod(w.shape[1:])


def _weight_grad_cost(
    gw: Tensor, x: Tensor, y: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> tuple[int, int]:
    read = _seen(x.shape, kernel, y.shape[2:], stride, padding, dilation) * x.dtype.itemsize
    return nbytes(gw, y) + read, 2 * numel(y) * prod(gw.shape[1:])


@exported("nn.functional")
@op(
    select=(_forward_path,),
    cost=_cost,
    samples=lambda: [
        ((2, 2, 5, 4), (3, 2, 3, 3), (3,)),
        ((1, 16, 16, 16), fan_in((16, 16, 3, 3)), (16,), (1, 1), (1, 1)),  # Winograd's transforms take so many channels
        ((13, 2, 3, 4), fan_in((3, 2, 2, 2)), (3,)),
        ((14, 3, 3, 5), fan_in((11, 3, 2, 3)), (11,)),
        ((1, 4, 5, 6), (6, 2, 3, 2), None, (2, 1), (1, 1), (1, 2), 2),
        ((2, 3, 4, 4), (5, 3, 1, 1), (5,)),
        ((1, 2, 12, 11), (4, 2, 5, 5), None, (1, 1), (2, 2)),
        ((2, 2, 5, 6), (4, 1, 3, 2), (4,), (2, 1), (1, 0), (1, 2), 2),
        ((2, 5, 4), (3, 2, 3, 3), (3,), 1, 1),
        ((2, 2, 5, 4), (3, 2, 2, 3), None, 1, "same"),
    ],
)
def conv2d(x, w, b=None, stride: Sizes = 1, padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1):
    """Convolution (cross-correlation) of images with a bank of filters.

    ``out[n, o, i, j]`` is ``bias[o]`` plus the sum over c, k, l of
    ``weight[o, c, k, l] * input[n, c, i * stride + k * dilation - padding, j * stride + l * dilation - padding]``.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, kH, kW), of the same type.
        bias: (O).
        stride: how far a window begins behind the one before, a number or two.
        padding: zeros on each side, a number or two; ``"valid"`` for none; ``"same"`` for as many as keep H and W, with
            a stride of 1.
        dilation: the distance of neighbouring elements of a window.
        groups: into how many groups of neighbours the channels are divided, each with its own O / groups filters.

    Returns:
        (N, O, H', W') or (O, H', W'), where ``H' = (H + 2 * padding - dilation * (kH - 1) - 1) // stride + 1``.

    Raises:
        RuntimeError: the shapes or types do not fit, filters are larger than the padded image, or an option makes no
            sense.
        TypeError: ``input`` is no tensor.

    Differs from torch: on the CPU, with 3x3 filters (or 3 or 5 wide, in batches of small images) at stride 1, a NaN or
    infinity makes NaN of the results around it in blocks of 4x4, not only of those whose window holds it (``winograd``,
    ``points``; CUDA libraries do the same). Source: Lavin and Gray 2015, Fast Algorithms for Convolutional Neural
    Networks.

    >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    geometry: Any = (stride, padding, dilation, groups)
    ho, wo = _out_size(x.shape, w.shape, *geometry[:3])
    co, cig, kh, kw = w.shape
    windows = unsqueeze(_windows(x, (kh, kw), (ho, wo), *geometry), 2)
    taps = reshape(w, (1, groups, co // groups, cig, 1, 1, kh, kw))
    out = reshape(reduction.sum(windows * taps, (3, 6, 7)), (x.shape[0], co, ho, wo))
    return out if b is None else out + reshape(b, (1, co, 1, 1))


@conv2d.arguments
def _(x, w, b, stride, padding, dilation, groups):
    check_dims("conv2d", x, 2)
    if x.ndim == 3:
        return _of_one_image
    check_weight("conv2d", w, 2)
    stride, dilation = steps("conv2d", stride, dilation, 2)
    x, padding = padded("conv2d", x, w.shape[2:], stride, padding, dilation)
    groups = group_count("conv2d", groups)
    check(x, w, b, groups)
    _out_size(x.shape, w.shape, stride, padding, dilation)
    if x.shape[0]:
        check_extents("conv2d", x.shape)
    return x, w, b, stride, padding, dilation, groups


def _of_one_image(x: Tensor, *rest: Any) -> Tensor:
    return squeeze(conv2d(unsqueeze(x, 0), *rest), 0)


@conv2d.vjp
def _(g, x, w, *, stride, padding, dilation, groups, needs):
    gx = conv2d_input_grad(g, w, tuple(x.shape[2:]), stride, padding, dilation, groups) if needs[0] else None
    gw = conv2d_weight_grad(x, g, tuple(w.shape[2:]), stride, padding, dilation, groups) if needs[1] else None
    return gx, gw, conv2d_bias_grad(g) if needs[2] else None


@op(
    public=False,
    select=(_input_grad_path,),
    cost=_input_grad_cost,
    samples=lambda: [
        ((1, 16, 16, 16), fan_in((16, 16, 3, 3)), (16, 16), (1, 1), (1, 1), (1, 1), 1),
        ((13, 3, 2, 3), fan_in((3, 2, 2, 2)), (3, 4), (1, 1), (0, 0), (1, 1), 1),
        ((14, 11, 2, 3), fan_in((11, 3, 2, 3)), (3, 5), (1, 1), (0, 0), (1, 1), 1),
        ((2, 3, 3, 2), (3, 2, 3, 3), (5, 4), (1, 1), (0, 0), (1, 1), 1),
        ((1, 6, 3, 6), (6, 2, 3, 2), (5, 6), (2, 1), (1, 1), (1, 2), 2),
        ((2, 4, 3, 4), (4, 1, 3, 2), (5, 6), (2, 1), (1, 0), (1, 2), 2),
        ((2, 4, 3, 2), (4, 3, 1, 1), (3, 2), (1, 1), (0, 0), (1, 1), 1),
    ],
)
def conv2d_input_grad(y, w, size: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
    """The gradient of ``conv2d`` for its input, of height and width ``size``: the transposed convolution."""
    n, co, ho, wo = y.shape
    _, cig, kh, kw = w.shape
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    h, wd = size
    padded = ops.creation.zeros((n, groups, cig, h + 2 * ph, wd + 2 * pw), dtype=y.dtype, device=y.device)
    gg = reshape(y, (n, groups, co // groups, 1, ho, wo))
    for i in range(kh):
        for j in range(kw):
            tap = reshape(movement.select(movement.select(w, 3, j), 2, i), (1, groups, co // groups, cig, 1, 1))
            rows = movement.slice(padded, 3, i * dh, i * dh + (ho - 1) * sh + 1, sh)
            movement.slice(rows, 4, j * dw, j * dw + (wo - 1) * sw + 1, sw).add_(reduction.sum(gg * tap, 2))
    inner = movement.narrow(movement.narrow(padded, 3, ph, h), 4, pw, wd)
    return reshape(inner, (n, groups * cig, h, wd))


def _cut(x: Tensor, shape: Size) -> Tensor:
    """The first rows and columns: a transposed convolution with output padding reaches less far than its size
    allows."""
    return x if x.shape == shape else movement.narrow(movement.narrow(x, 2, 0, shape[2]), 3, 0, shape[3])


@conv2d_input_grad.vjp
def _(g, y, w, *, stride, padding, dilation, groups, needs):
    gy = None
    if needs[
        0
    ]:  # padding may have cut away all that the transposed convolution makes, or there was nothing to be convolved
        some = y.shape.numel() and 0 not in g.shape[2:]
        gy = (
            _cut(conv2d(g, w, None, stride, padding, dilation, groups), y.shape) if some else ops.creation.zeros_like(y)
        )
    return gy, conv2d_weight_grad(g, y, tuple(w.shape[2:]), stride, padding, dilation, groups) if needs[1] else None


@op(
    public=False,
    select=(_weight_grad_path,),
    cost=_weight_grad_cost,
    samples=lambda: [
        ((2, 2, 5, 4), (2, 3, 3, 2), (3, 3), (1, 1), (0, 0), (1, 1), 1),
        ((1, 16, 16, 16), fan_in((1, 16, 16, 16)), (3, 3), (1, 1), (1, 1), (1, 1), 1),
        ((13, 2, 3, 4), (13, 3, 2, 3), (2, 2), (1, 1), (0, 0), (1, 1), 1),
        ((1, 4, 5, 6), (1, 6, 3, 6), (3, 2), (2, 1), (1, 1), (1, 2), 2),
        ((2, 2, 5, 6), (2, 4, 3, 4), (3, 2), (2, 1), (1, 0), (1, 2), 2),
        ((2, 3, 4, 2), (2, 4, 4, 2), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ],
)
def conv2d_weight_grad(x, y, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, groups: int):
    """The gradient of ``conv2d`` for its weight, of height and width ``kernel``."""
    n, co, ho, wo = y.shape
    windows = unsqueeze(_windows(x, kernel, (ho, wo), stride, padding, dilation, groups), 2)
    gg = reshape(y, (n, groups, co // groups, 1, ho, wo, 1, 1))
    return reshape(reduction.sum(windows * gg, (0, 4, 5)), (co, x.shape[1] // groups, *kernel))


@conv2d_weight_grad.vjp
def _(g, x, y, *, stride, padding, dilation, groups, needs):
    gx = conv2d_input_grad(y, g, tuple(x.shape[2:]), stride, padding, dilation, groups) if needs[0] else None
    return gx, _cut(conv2d(x, g, None, stride, padding, dilation, groups), y.shape) if needs[1] else None


@op(public=False, cost=per_input(1), samples=lambda: [((2, 3, 4, 2),)])
def conv2d_bias_grad(x):
    """The sum over images and positions, for each channel."""
    return reduction.sum(x, (0, 2, 3))


@conv2d_bias_grad.vjp
def _(g, x_shape):
    return movement.expand_to(reshape(g, (1, -1, 1, 1)), tuple(x_shape))


# --- kernels --------------------------------------------------------------------------------------


def _forward(make: Callable) -> Callable:
    def plan(x, w, b, stride, padding, dilation, groups):
        if not x.shape.numel():
            return None
        ho, wo = out = _out_size(x.shape, w.shape, stride, padding, dilation)
        ints = (*x.shape, w.shape[0], *w.shape[2:], *out, *stride, *padding, *dilation, groups)
        return make(x, (x, w, b), (x.shape[0], w.shape[0], ho, wo), ints)

    return plan


def _input_grad(make: Callable) -> Callable:
    def plan(y, w, size, stride, padding, dilation, groups):
        shape = (y.shape[0], w.shape[1] * groups, *size)
        if not y.shape.numel() or not prod(shape):
            return None
        return make(
            y, (y, w), shape, (*shape, w.shape[0], *w.shape[2:], *y.shape[2:], *stride, *padding, *dilation, groups)
        )

    return plan


def _weight_grad(make: Callable) -> Callable:
    def plan(x, y, kernel, stride, padding, dilation, groups):
        if not x.shape.numel() or not y.shape.numel():
            return None
        ints = (*x.shape, y.shape[1], *kernel, *y.shape[2:], *stride, *padding, *dilation, groups)
        return make(x, (x, y), (y.shape[1], x.shape[1] // groups, *kernel), ints)

    return plan


def _on_cpu(part: str, way: str) -> Callable:
    def make(x: Tensor, operands: tuple, shape: tuple, ints: tuple) -> Loop:
        made_of = (x._k.dtype.storage, *ints)
        return Loop(cpu.WAYS[part][way], (), like(x, shape), operands=operands, made_of=made_of)

    return make


def _on_cuda(function: Any, blocks: bool) -> Callable:
    def make(x: Tensor, operands: tuple, shape: tuple, ints: tuple) -> Loop:
        grid = (prod(shape), cuda.block_size()) if blocks else prod(shape)
        return Loop(function, ints, like(x, shape), operands=operands, grid=grid)

    return make


def _takes(way: str, says: str) -> Callable:
    def when(s: Any) -> bool:
        return s["path"] == way

    when.__doc__ = says
    return when


# Asked in this order; implicit_gemm, the last, takes any shape.
WHEN: dict[str, Callable | None] = {
    "depthwise": _takes("depthwise", "each group has one input channel"),
    "pointwise": _takes("pointwise", "1x1 at stride 1 without padding or groups: the image itself is the matrix"),
    "winograd": _takes(
        "winograd",
        "3x3 at stride 1, dilated or not, in float32 with 16 channels or more, and enough tiles of 4x4 that a "
        "quarter of the products outweighs the transforms",
    ),
    "images": _takes(
        "images",
        "stride 1, no groups, and whole vectors of images so small that as many as a vector has lanes fit a cache",
    ),
    "points": _takes(
        "points",
        "the same in float32 with filters 3 or 5 wide, and so many channels that six products for ten or twelve "
        "outweigh the transforms",
    ),
    "direct": _takes(
        "direct", "stride 1, a small kernel and so few channels that gathering a matrix costs more than it brings"
    ),
    "implicit_gemm": None,
}

_OPS: dict[str, tuple[Any, Callable]] = {
    "forward": (conv2d, _forward),
    "input_grad": (conv2d_input_grad, _input_grad),
    "weight_grad": (conv2d_weight_grad, _weight_grad),
}


def _winograd_cost(part: str, nominal: Callable) -> Callable:
    """The bytes of the op, and the arithmetic of F(4x4, 3x3): 36 products for 16 results instead of 144, and the
    transforms.

    A tile takes 12 transforms of six elements for each channel that comes in and 10 for each that goes out or whose
    gradient comes in, of about a dozen and ten operations; a filter takes 9 of about a dozen.
    """

    def cost(result: Tensor, left: Tensor, right: Tensor, *geometry: Any) -> tuple[int, int]:
        image = right if part == "weight_grad" else result  # cut into tiles of 4x4
        tiles = image.shape[0] * -(-image.shape[2] // 4) * -(-image.shape[3] // 4)
        ci, co = left.shape[1], image.shape[1]
        return nominal(result, left, right, *geometry)[0], tiles * (
            2 * 36 * ci * co + 144 * ci + 100 * co
        ) + 108 * ci * co

    return cost


def _points_cost(part: str, nominal: Callable) -> Callable:
    """The bytes of the op, and the arithmetic of ``points``: six products for a set of results of a row, and the
    transforms.

    A set takes about a dozen operations for each pixel row that comes in and ten for each row of results; each row of a
    filter's taps is taken to six points.
    """

    def cost(result: Tensor, left: Tensor, right: Tensor, *geometry: Any) -> tuple[int, int]:
        (n, co, rows, columns), ci, (kh, kw) = result.shape, left.shape[1], right.shape[2:]
        sets = n * -(-columns // (7 - kw))
        products = sets * (12 * rows * kh * ci * co + 12 * left.shape[2] * ci + 10 * rows * co)
        return nominal(result, left, right, *geometry)[0], products + 12 * kw * kh * ci * co

    return cost


_FEWER = {"winograd": _winograd_cost, "points": _points_cost}

for _part, (_op, _planning) in _OPS.items():
    for _way, _when in WHEN.items():
        if _way in cpu.WAYS[_part]:
            _less = _FEWER[_way](_part, _op.op.entry.cost) if _way in _FEWER else None
            _op.loop("cpu", dtypes=FLOATS, name=_way, when=_when, cost=_less)(_planning(_on_cpu(_part, _way)))
    _direct = _on_cuda(getattr(cuda, _part), _part == "weight_grad")
    _op.loop("cuda", dtypes=FLOATS, name="direct")(_planning(_direct))


@conv2d_bias_grad.loop("cpu", dtypes=FLOATS)
def planes(x):
    n, co, *plane = x.shape
    return Loop(bias_grad, (n, co, prod(plane)), like(x, (co,)))


@conv2d_bias_grad.loop("cuda", dtypes=FLOATS)
def blocks(x):
    n, co, *plane = x.shape
    return Loop(cuda.bias_grad, (n, co, prod(plane)), like(x, (co,)), grid=(co, cuda.block_size()))
