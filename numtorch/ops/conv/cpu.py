"""Convolution on the CPU: seven algorithms, and the rule that chooses one by the shapes.

Owns the functions that the ops' kernels call with flat NCHW arrays and integers. The loops are in ``images`` and
``points`` (batches of small images), ``direct`` (few channels), ``implicit`` (matrix products), three ``winograd``
modules (3x3 with fewer products), ``depthwise`` and, for 1x1 filters, ``kernels.gemm``. Every algorithm computes every
shape that its rule admits; ``implicit_gemm`` computes any shape.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numtorch.kernels.gemm import bmm, gemm
from numtorch.kernels.threads import get_num_threads
from numtorch.ops.conv import bias as of_bias
from numtorch.ops.conv import (
    depthwise,
    dilated,
    direct,
    images,
    implicit,
    points,
    winograd,
    winograd_deep,
    winograd_grad,
)
from numtorch.ops.conv.plan import (
    PARALLEL_WORK,
    Plan,
    Source,
    forward_job,
    input_grad_jobs,
    pack,
    pack_space,
    planes_plan,
    product_plan,
    run,
    weight_grad_plan,
)

# Partial sums of a weight gradient: fixed, so that the result does not depend on the threads.
PARTS = 8
FEW_ROWS = 12  # channels of the result up to which gathering its operand costs more than it brings
FEW_TURNED = 16  # the same for a weight gradient, whose operands must be turned
FEW_GROUPED = 8  # the same with groups
SHORT = 64  # positions in an image below which adding up products image by image costs half of their time
SHALLOW = 18  # products in a sum up to which the same holds

NO_BIAS = {4: np.empty(0, np.float32), 8: np.empty(0, np.float64)}


@lru_cache(maxsize=4096)
def path(
    part: str,
    batch: int,
    ci: int,
    co: int,
    size: tuple,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    groups: int,
    single: bool,
) -> str:
    """The way of computing a part (forward, input or weight gradient) of a layer: a rule on shapes, measured on Zen 4.

    ``size`` is the height and width of the layer's input; ``single`` says whether its numbers are float32.
    """
    if groups > 1 and groups == ci:
        return "depthwise"
    if kernel == (1, 1) and groups == 1 and stride == (1, 1) and padding == (0, 0):
        return "pointwise"
    suits = stride == dilation == (1, 1) and max(kernel) <= 7
    rows, depth = (ci, co) if part == "input_grad" else (co, ci)
    if part == "input_grad":
        suits = suits and padding[0] < kernel[0] and padding[1] < kernel[1]
    if (
        single
        and kernel == (3, 3)
        and stride == (1, 1)
        and groups == 1
        and min(ci, co) >= winograd.CHANNELS
        and not any(s % d or p % d or p // d > 2 for s, p, d in zip(size, padding, dilation, strict=True))
    ):
        grown = [0 if part == "input_grad" else p // d * 2 - 2 for p, d in zip(padding, dilation, strict=True)]
        if winograd.saves(
            batch * dilation[0] * dilation[1], *[s // d + g for s, d, g in zip(size, dilation, grown, strict=True)]
        ):
            return "winograd"
    if suits and groups == 1 and images.saves(part, batch, ci, co, size, kernel, padding, single):
        return "points" if part != "weight_grad" and points.saves(ci, co, kernel, single) else "images"
    if part == "weight_grad":
        return "direct" if suits and co // groups <= (FEW_TURNED if groups == 1 else FEW_GROUPED) else "implicit_gemm"
    few = rows // groups < FEW_ROWS or depth // groups * kernel[0] * kernel[1] <= SHALLOW
    return "direct" if suits and few else "implicit_gemm"


# --- pointwise ------------------------------------------------------------------------------------


def pointwise_forward(x, w, bias, out, n, ci, h, wd, co, *_):
    """1x1: the image is its own operand, ``out[i] = w @ x[i] + bias``."""
    if bias.size:
        of_bias.fill_bias(bias, out, n, co, h * wd)
    bmm(w, x, out, n, co, h * wd, ci, a_stride=0, accumulate=bias.size > 0)


def pointwise_input_grad(g, w, gx, n, ci, h, wd, co, *_):
    """1x1: ``gx[i] = w.T @ g[i]``."""
    bmm(w, g, gx, n, ci, h * wd, co, ta=True, a_stride=0)


def pointwise_weight_grad(x, g, gw, n, ci, h, wd, co, *rest):
    """1x1: ``gw = sum over i of g[i] @ x[i].T``, image after image; several small ones make one sum."""
    m = h * wd
    if n > 1 and m < SHORT:
        return implicit_weight_grad(x, g, gw, n, ci, h, wd, co, *rest)
    for i in range(n):
        gemm(
            g[i * co * m : (i + 1) * co * m], x[i * ci * m : (i + 1) * ci * m], gw, co, ci, m, tb=True, accumulate=i > 0
        )


# --- implicit_gemm --------------------------------------------------------------------------------


def implicit_forward(x, w, bias, out, *ints):
    """Any shape: weights times the input's shifted positions."""
    plan = _forward_plan(False, x.dtype, get_num_threads(), *ints)
    run(implicit.product_chunk, plan, x, pack(implicit.pack_weights, plan, w), bias, out)


def implicit_input_grad(g, w, gx, *ints):
    """Any shape: turned weights times the incoming gradient's shifted positions, for each phase of the input."""
    plan = _input_grad_plan(False, g.dtype, get_num_threads(), *ints)
    run(implicit.product_chunk, plan, g, pack(implicit.pack_turned, plan, w), NO_BIAS[g.itemsize], gx)


def implicit_weight_grad(x, g, gw, *ints):
    """Any shape: the incoming gradient times the input's shifted positions, turned."""
    plan = _weight_grad_plan(False, x.dtype, get_num_threads(), *ints)
    parts = gw if plan.parts == 1 else pack_space(gw.dtype, plan.parts * gw.size)
    run(implicit.weight_grad_chunk, plan, x, g, g, parts)
    if plan.parts > 1:
        direct.combine(parts, gw, plan.parts)


# --- winograd -------------------------------------------------------------------------------------


def winograd_forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, *_):
    """3x3 at stride 1: tiles of the result from 36 products in place of 144."""
    _filter(x, w, bias, out, n, ci, h, wd, co, ho, wo, ph, pw, dh, dw, False)


def winograd_input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, *_):
    """The convolution of g with turned weights."""
    _filter(g, w, NO_BIAS[4], gx, n, co, ho, wo, ci, h, wd, 2 * dh - ph, 2 * dw - pw, dh, dw, True)


def _filter(x, w, bias, out, n, ci, h, wd, co, ho, wo, ph, pw, dh, dw, turned) -> None:
    """Weights are (co, ci, 3, 3), or (ci, co, 3, 3) with their taps turned round."""
    threads = get_num_threads()
    if dh * dw > 1:
        space = pack_space(x.dtype, x.size + out.size)
        xs, ys = space[: x.size], space[x.size :]
        dilated.split(threads, x, xs, n, ci, h, wd, dh, dw)
        _filter(
            xs,
            w,
            bias,
            ys,
            n * dh * dw,
            ci,
            h // dh,
            wd // dw,
            co,
            ho // dh,
            wo // dw,
            ph // dh,
            pw // dw,
            1,
            1,
            turned,
        )
        dilated.join(threads, ys, out, n, co, ho, wo, dh, dw)
    elif winograd_deep.suits(n, ci, co, ho, wo):
        plan = winograd_deep.make_plan(threads, n, ci, h, wd, co, ho, wo, ph, pw, turned)
        winograd.run_blocks(plan, x, w, winograd.whole_bias(bias, co), out)
    else:
        k_step, c_step = (9 * co, 9) if turned else (9, 9 * ci)
        winograd.run(
            winograd.make_plan(threads, n, ci, h, wd, co, ho, wo, ph, pw), x, w, bias, out, k_step, c_step, turned
        )


def winograd_weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, *_):
    """3x3 at stride 1: the filtering of x by tiles of g."""
    threads = get_num_threads()
    if dh * dw > 1:
        space = pack_space(x.dtype, x.size + g.size)
        xs, gs = space[: x.size], space[x.size :]
        dilated.split(threads, x, xs, n, ci, h, wd, dh, dw)
        dilated.split(threads, g, gs, n, co, ho, wo, dh, dw)
        x, g, n, h, wd, ho, wo, ph, pw = xs, gs, n * dh * dw, h // dh, wd // dw, ho // dh, wo // dw, ph // dh, pw // dw
    plan = winograd_grad.make_plan(threads, n, ci, h, wd, co, ho, wo, ph, pw)
    winograd.run_blocks(plan, x, g, NO_BIAS[4], gw)


# --- images ---------------------------------------------------------------------------------------


def images_forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """Stride 1: as many images as a vector has lanes pass at a time."""
    plan = images.sums_plan(get_num_threads(), x.dtype, n, ci, h, wd, co, ho, wo, kh, kw, ph, pw)
    _sums(plan, x, w, ci * kh * kw, kh * kw, False, bias if bias.size else np.zeros(co, x.dtype), out)


def images_input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """The convolution of g, padded to kernel - 1 - padding, with turned weights."""
    plan = images.sums_plan(get_num_threads(), g.dtype, n, co, ho, wo, ci, h, wd, kh, kw, kh - 1 - ph, kw - 1 - pw)
    _sums(plan, g, w, kh * kw, ci * kh * kw, True, np.zeros(ci, g.dtype), gx)


def _sums(plan: Plan, x, w, c_step, k_step, turned, bias, out) -> None:
    packed = np.empty(plan.weights, w.dtype)
    images.pack(plan.numbers, w, c_step, k_step, turned, packed)
    run(images.sums_chunk, plan, x, packed, bias, out)


def images_weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """Dot products over positions and images, by parts of the images."""
    plan = images.dots_plan(get_num_threads(), x.dtype, n, ci, h, wd, co, ho, wo, kh, kw, ph, pw)
    parts = gw if plan.parts == 1 else np.empty(plan.parts * gw.size, gw.dtype)
    run(images.dots_chunk, plan, x, g, g, parts)
    if plan.parts > 1:
        direct.combine(parts, gw, plan.parts)


# --- points ---------------------------------------------------------------------------------------


def points_forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """``images`` where filters are 3 or 5 wide: sets of results from six products."""
    plan = points.make_plan(get_num_threads(), n, ci, h, wd, co, ho, wo, kh, kw, ph, pw)
    _points(plan, x, w, ci * kh * kw, kh * kw, kw, False, bias, co, out)


def points_input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """The convolution of g, padded to kernel - 1 - padding, with turned weights."""
    plan = points.make_plan(get_num_threads(), n, co, ho, wo, ci, h, wd, kh, kw, kh - 1 - ph, kw - 1 - pw)
    _points(plan, g, w, kh * kw, ci * kh * kw, kw, True, NO_BIAS[4], ci, gx)


def _points(plan: Plan, x, w, c_step, k_step, kw, turned, bias, channels, out) -> None:
    packed = np.empty(plan.weights, w.dtype)
    points.pack_points(plan.numbers, w, points.weight_matrix(kw), c_step, k_step, turned, packed)
    padded = np.zeros(2 * channels, w.dtype)  # behind the bias, as many zeros as a tile may have channels
    padded[: bias.size] = bias
    run(points.points_chunk, plan, x, packed, padded, out)


# --- depthwise ------------------------------------------------------------------------------------


def depthwise_forward(x, w, bias, out, *ints):
    """Each plane of the input with its own few taps."""
    run(depthwise.planes_chunk, _forward_plan(True, x.dtype, get_num_threads(), *ints), x, w, bias, out)


def depthwise_input_grad(g, w, gx, *ints):
    """Each plane of the gradient, phase by phase."""
    run(
        depthwise.planes_chunk, _input_grad_plan(True, g.dtype, get_num_threads(), *ints), g, w, NO_BIAS[g.itemsize], gx
    )


def depthwise_weight_grad(x, g, gw, *ints):
    """A dot product of two planes for each tap."""
    run(depthwise.planes_weight_grad_chunk, _weight_grad_plan(True, x.dtype, get_num_threads(), *ints), x, g, g, gw)


@lru_cache(maxsize=1024)
def _forward_plan(planes, dtype, threads, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups) -> Plan:
    job = forward_job(kh, kw, ho, wo, sh, sw, ph, pw, dh, dw)
    source = Source(n, groups, ci // groups, h, wd, sh, sw)
    make = planes_plan if planes else product_plan
    return make(source, co // groups, kh * kw, (ho, wo), (1, 1), (job,), dtype, threads)


@lru_cache(maxsize=1024)
def _input_grad_plan(planes, dtype, threads, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups) -> Plan:
    jobs = tuple(input_grad_jobs(h, wd, kh, kw, sh, sw, ph, pw, dh, dw))
    source = Source(n, groups, co // groups, ho, wo, 1, 1)
    if planes:
        return planes_plan(source, ci // groups, kh * kw, (h, wd), (sh, sw), jobs, dtype, threads)
    return product_plan(source, ci // groups, kh * kw, (h, wd), (sh, sw), jobs, dtype, threads, implicit.pack_turned)


@lru_cache(maxsize=1024)
def _weight_grad_plan(planes, dtype, threads, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups) -> Plan:
    job = forward_job(kh, kw, ho, wo, sh, sw, ph, pw, dh, dw)
    source = Source(n, groups, ci // groups, h, wd, sh, sw)
    if planes:
        return planes_plan(source, co // groups, kh * kw, (ho, wo), (1, 1), (job,), dtype, threads, weight_grad=True)
    return weight_grad_plan(source, co // groups, kh * kw, job, dtype, threads)


# --- direct ---------------------------------------------------------------------------------------


def is_large(work):
    """Whether ``work`` multiply-adds go to the thread pool."""
    return work > PARALLEL_WORK and get_num_threads() > 1


def direct_forward(x, w, bias, out, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Stride 1 by shifted planes; images are independent, so any cut will do."""
    ints = (n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups)
    if is_large(n * co * ho * wo * (ci // groups) * kh * kw):
        kernel = direct.entry(direct.forward, kh, kw, co > groups, x.dtype)
        direct.forward_chunks(kernel, x, w, bias, out, *ints, min(n, get_num_threads()))
    else:
        kernel = direct.specialise(direct.forward, kh, kw, co > groups)
        kernel(0, x, w, bias, out, *ints, 1)


def direct_input_grad(g, w, gx, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """The convolution of g, padded to kernel - 1 - padding, with the flipped weights."""
    wf = np.empty_like(w)
    direct.flip(w, wf, co, ci // groups, co // groups, kh, kw)
    ints = (n, co, ho, wo, ci, kh, kw, h, wd, sh, sw, kh - 1 - ph, kw - 1 - pw, dh, dw, groups)
    direct_forward(g, wf, NO_BIAS[w.itemsize], gx, *ints)


def direct_weight_grad(x, g, gw, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Dot products of shifted planes, by parts of the images."""
    pair = co // groups % 2 == 0
    chunks = min(n, PARTS)
    parts = np.empty(chunks * gw.size, gw.dtype)
    ints = (n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks)
    if is_large(n * co * ho * wo * (ci // groups) * kh * kw):
        kernel = direct.entry(direct.weight_grad, kh, kw, pair, x.dtype)
        direct.weight_grad_chunks(kernel, x, g, parts, *ints)
    else:
        kernel = direct.specialise(direct.weight_grad, kh, kw, pair)
        for t in range(chunks):
            kernel(t, x, g, parts, *ints)
    direct.combine(parts, gw, chunks)


def bias_grad(g, gb, n, co, ho, wo):
    """Gradient of the bias: g (n, co, ho, wo) summed over images and positions."""
    kernel = of_bias.bias_grad if is_large(n * co * ho * wo) else of_bias.bias_grad.serial
    kernel(g, gb, n, co, ho * wo)


# part: way: function of (operand, operand or weights, [bias,] result, integers)
WAYS: dict[str, dict[str, Any]] = {
    "forward": {
        "winograd": winograd_forward,
        "images": images_forward,
        "points": points_forward,
        "direct": direct_forward,
        "implicit_gemm": implicit_forward,
        "depthwise": depthwise_forward,
        "pointwise": pointwise_forward,
    },
    "input_grad": {
        "winograd": winograd_input_grad,
        "images": images_input_grad,
        "points": points_input_grad,
        "direct": direct_input_grad,
        "implicit_gemm": implicit_input_grad,
        "depthwise": depthwise_input_grad,
        "pointwise": pointwise_input_grad,
    },
    "weight_grad": {
        "winograd": winograd_weight_grad,
        "images": images_weight_grad,
        "direct": direct_weight_grad,
        "implicit_gemm": implicit_weight_grad,
        "depthwise": depthwise_weight_grad,
        "pointwise": pointwise_weight_grad,
    },
}
