"""Convolution on the CPU: seven algorithms, and the rule that chooses one by the shapes.

Owns the functions that plan a part of a layer of one shape: from the type of the numbers and integers they make what
computes it on flat NCHW arrays. The loops are in ``images`` and
``points`` (batches of small images), ``direct`` (few channels), ``implicit`` (matrix products), three ``winograd``
modules (3x3 with fewer products), ``depthwise`` and, for 1x1 filters, ``kernels.gemm``. Every algorithm computes every
shape that its rule admits; ``implicit_gemm`` computes any shape.
"""

from __future__ import annotations

from functools import partial
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


def pointwise_forward(d, n, ci, h, wd, co, *_):
    """1x1: the image is its own operand, ``out[i] = w @ x[i] + bias``."""
    multiply, add_products = (bmm(d, n, co, h * wd, ci, a_stride=0, accumulate=onto) for onto in (False, True))

    def compute(x, w, bias, out):
        if bias.size:
            of_bias.fill_bias(bias, out, n, co, h * wd)
        (add_products if bias.size else multiply)(w, x, out)

    return compute


def pointwise_input_grad(d, n, ci, h, wd, co, *_):
    """1x1: ``gx[i] = w.T @ g[i]``."""
    multiply = bmm(d, n, ci, h * wd, co, ta=True, a_stride=0)
    return lambda g, w, gx: multiply(w, g, gx)


def pointwise_weight_grad(d, n, ci, h, wd, co, *rest):
    """1x1: ``gw = sum over i of g[i] @ x[i].T``, image after image; several small ones make one sum."""
    m = h * wd
    if n > 1 and m < SHORT:
        return implicit_weight_grad(d, n, ci, h, wd, co, *rest)
    multiply, add_products = (gemm(d, co, ci, m, tb=True, accumulate=onto) for onto in (False, True))

    def compute(x, g, gw):
        for i in range(n):
            (add_products if i else multiply)(g[i * co * m : (i + 1) * co * m], x[i * ci * m : (i + 1) * ci * m], gw)

    return compute


# --- implicit_gemm --------------------------------------------------------------------------------


def implicit_forward(d, *ints):
    """Any shape: weights times the input's shifted positions."""
    plan = _forward_plan(False, d, get_num_threads(), *ints)
    return lambda x, w, bias, out: run(implicit.product_chunk, plan, x, pack(implicit.pack_weights, plan, w), bias, out)


def implicit_input_grad(d, *ints):
    """Any shape: turned weights times the incoming gradient's shifted positions, for each phase of the input."""
    plan, none = _input_grad_plan(False, d, get_num_threads(), *ints), np.empty(0, d)
    return lambda g, w, gx: run(implicit.product_chunk, plan, g, pack(implicit.pack_turned, plan, w), none, gx)


def implicit_weight_grad(d, *ints):
    """Any shape: the incoming gradient times the input's shifted positions, turned."""
    return _by_parts(implicit.weight_grad_chunk, _weight_grad_plan(False, d, get_num_threads(), *ints))


def _by_parts(kernel: Any, plan: Plan):
    """A weight gradient by a plan, as the sum of its parts of the images."""

    def compute(x, g, gw):
        parts = gw if plan.parts == 1 else pack_space(gw.dtype, plan.parts * gw.size)
        run(kernel, plan, x, g, g, parts)
        if plan.parts > 1:
            direct.combine(parts, gw, plan.parts)

    return compute


# --- winograd -------------------------------------------------------------------------------------


def winograd_forward(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, *_):
    """3x3 at stride 1: tiles of the result from 36 products in place of 144."""
    return _filter(n, ci, h, wd, co, ho, wo, ph, pw, dh, dw, False)


def winograd_input_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, *_):
    """The convolution of g with turned weights."""
    filtered, none = _filter(n, co, ho, wo, ci, h, wd, 2 * dh - ph, 2 * dw - pw, dh, dw, True), np.empty(0, d)
    return lambda g, w, gx: filtered(g, w, none, gx)


def _filter(n, ci, h, wd, co, ho, wo, ph, pw, dh, dw, turned):
    """Weights are (co, ci, 3, 3), or (ci, co, 3, 3) with their taps turned round."""
    threads = get_num_threads()
    if dh * dw > 1:
        split, join = dilated.split(threads, n, ci, h, wd, dh, dw), dilated.join(threads, n, co, ho, wo, dh, dw)
        phases = n * dh * dw, ci, h // dh, wd // dw, co, ho // dh, wo // dw, ph // dh, pw // dw
        filtered = _filter(*phases, 1, 1, turned)

        def by_phases(x, w, bias, out):
            space = pack_space(x.dtype, x.size + out.size)
            split(x, space[: x.size])
            filtered(space[: x.size], w, bias, space[x.size :])
            join(space[x.size :], out)

        return by_phases
    if winograd_deep.suits(n, ci, co, ho, wo):
        blocks = winograd_deep.make_plan(threads, n, ci, h, wd, co, ho, wo, ph, pw, turned)
        return lambda x, w, bias, out: winograd.run_blocks(blocks, x, w, winograd.whole_bias(bias, co), out)
    steps = (9 * co, 9) if turned else (9, 9 * ci)
    plan = winograd.make_plan(threads, n, ci, h, wd, co, ho, wo, ph, pw)
    return lambda x, w, bias, out: winograd.run(plan, x, w, bias, out, *steps, turned)


def winograd_weight_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, *_):
    """3x3 at stride 1: the filtering of x by tiles of g."""
    threads, none = get_num_threads(), np.empty(0, d)
    phases = n * dh * dw, ci, h // dh, wd // dw, co, ho // dh, wo // dw, ph // dh, pw // dw
    plan = winograd_grad.make_plan(threads, *phases)
    images_of = ((n, ci, h, wd, dh, dw), (n, co, ho, wo, dh, dw)) if dh * dw > 1 else ()
    splits = [dilated.split(threads, *shape) for shape in images_of]

    def compute(x, g, gw):
        if splits:
            space = pack_space(x.dtype, x.size + g.size)
            splits[0](x, space[: x.size])
            splits[1](g, space[x.size :])
            x, g = space[: x.size], space[x.size :]
        winograd.run_blocks(plan, x, g, none, gw)

    return compute


# --- images ---------------------------------------------------------------------------------------


def images_forward(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """Stride 1: as many images as a vector has lanes pass at a time."""
    plan = images.sums_plan(get_num_threads(), d, n, ci, h, wd, co, ho, wo, kh, kw, ph, pw)
    sums, none = _sums(plan, ci * kh * kw, kh * kw, False), np.zeros(co, d)
    return lambda x, w, bias, out: sums(x, w, bias if bias.size else none, out)


def images_input_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """The convolution of g, padded to kernel - 1 - padding, with turned weights."""
    plan = images.sums_plan(get_num_threads(), d, n, co, ho, wo, ci, h, wd, kh, kw, kh - 1 - ph, kw - 1 - pw)
    sums, none = _sums(plan, kh * kw, ci * kh * kw, True), np.zeros(ci, d)
    return lambda g, w, gx: sums(g, w, none, gx)


def _sums(plan: Plan, c_step: int, k_step: int, turned: bool):
    def compute(x, w, bias, out):
        packed = np.empty(plan.weights, w.dtype)
        images.pack(plan.numbers, w, c_step, k_step, turned, packed)
        run(images.sums_chunk, plan, x, packed, bias, out)

    return compute


def images_weight_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """Dot products over positions and images, by parts of the images."""
    plan = images.dots_plan(get_num_threads(), d, n, ci, h, wd, co, ho, wo, kh, kw, ph, pw)
    return _by_parts(images.dots_chunk, plan)


# --- points ---------------------------------------------------------------------------------------


def points_forward(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """``images`` where filters are 3 or 5 wide: sets of results from six products."""
    plan = points.make_plan(get_num_threads(), n, ci, h, wd, co, ho, wo, kh, kw, ph, pw)
    return _points(plan, ci * kh * kw, kh * kw, kw, False, co)


def points_input_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, *_):
    """The convolution of g, padded to kernel - 1 - padding, with turned weights."""
    plan = points.make_plan(get_num_threads(), n, co, ho, wo, ci, h, wd, kh, kw, kh - 1 - ph, kw - 1 - pw)
    filtered, none = _points(plan, kh * kw, ci * kh * kw, kw, True, ci), np.empty(0, d)
    return lambda g, w, gx: filtered(g, w, none, gx)


def _points(plan: Plan, c_step: int, k_step: int, kw: int, turned: bool, channels: int):
    matrix = points.WEIGHT[kw].astype(np.float32).reshape(-1)

    def compute(x, w, bias, out):
        packed = np.empty(plan.weights, w.dtype)
        points.pack_points(plan.numbers, w, matrix, c_step, k_step, turned, packed)
        padded = np.zeros(2 * channels, w.dtype)  # behind the bias, as many zeros as a tile may have channels
        padded[: bias.size] = bias
        run(points.points_chunk, plan, x, packed, padded, out)

    return compute


# --- depthwise ------------------------------------------------------------------------------------


def depthwise_forward(d, *ints):
    """Each plane of the input with its own few taps."""
    return partial(run, depthwise.planes_chunk, _forward_plan(True, d, get_num_threads(), *ints))


def depthwise_input_grad(d, *ints):
    """Each plane of the gradient, phase by phase."""
    plan, none = _input_grad_plan(True, d, get_num_threads(), *ints), np.empty(0, d)
    return lambda g, w, gx: run(depthwise.planes_chunk, plan, g, w, none, gx)


def depthwise_weight_grad(d, *ints):
    """A dot product of two planes for each tap."""
    plan = _weight_grad_plan(True, d, get_num_threads(), *ints)
    return lambda x, g, gw: run(depthwise.planes_weight_grad_chunk, plan, x, g, g, gw)


def _forward_plan(planes, dtype, threads, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups) -> Plan:
    job = forward_job(kh, kw, ho, wo, sh, sw, ph, pw, dh, dw)
    source = Source(n, groups, ci // groups, h, wd, sh, sw)
    make = planes_plan if planes else product_plan
    return make(source, co // groups, kh * kw, (ho, wo), (1, 1), (job,), dtype, threads)


def _input_grad_plan(planes, dtype, threads, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups) -> Plan:
    jobs = tuple(input_grad_jobs(h, wd, kh, kw, sh, sw, ph, pw, dh, dw))
    source = Source(n, groups, co // groups, ho, wo, 1, 1)
    if planes:
        return planes_plan(source, ci // groups, kh * kw, (h, wd), (sh, sw), jobs, dtype, threads)
    return product_plan(source, ci // groups, kh * kw, (h, wd), (sh, sw), jobs, dtype, threads, implicit.pack_turned)


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


def direct_forward(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Stride 1 by shifted planes; images are independent, so any cut will do."""
    ints = (n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups)
    if is_large(n * co * ho * wo * (ci // groups) * kh * kw):
        kernel, chunks = direct.entry(direct.forward, kh, kw, co > groups, d), min(n, get_num_threads())
        return lambda x, w, bias, out: direct.forward_chunks(kernel, x, w, bias, out, *ints, chunks)
    kernel = direct.specialise(direct.forward, kh, kw, co > groups).entry(0, *[np.empty(1, d)] * 4, *ints, 1)
    return lambda x, w, bias, out: kernel(0, x, w, bias, out, *ints, 1)


def direct_input_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """The convolution of g, padded to kernel - 1 - padding, with the flipped weights."""
    ints = (n, co, ho, wo, ci, kh, kw, h, wd, sh, sw, kh - 1 - ph, kw - 1 - pw, dh, dw, groups)
    convolve, none = direct_forward(d, *ints), np.empty(0, d)

    def compute(g, w, gx):
        flipped = np.empty_like(w)
        direct.flip(w, flipped, co, ci // groups, co // groups, kh, kw)
        convolve(g, flipped, none, gx)

    return compute


def direct_weight_grad(d, n, ci, h, wd, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups):
    """Dot products of shifted planes, by parts of the images."""
    pair, chunks = co // groups % 2 == 0, min(n, PARTS)
    ints = (n, ci, h, wd, co, kh, kw, ho, wo, ph, pw, groups, chunks)
    shared = is_large(n * co * ho * wo * (ci // groups) * kh * kw)
    if shared:
        kernel = direct.entry(direct.weight_grad, kh, kw, pair, d)
    else:
        kernel = direct.specialise(direct.weight_grad, kh, kw, pair).entry(0, *[np.empty(1, d)] * 3, *ints)

    def compute(x, g, gw):
        parts = np.empty(chunks * gw.size, gw.dtype)
        if shared:
            direct.weight_grad_chunks(kernel, x, g, parts, *ints)
        else:
            for t in range(chunks):
                kernel(t, x, g, parts, *ints)
        direct.combine(parts, gw, chunks)

    return compute


# part: way: function of (dtype, integers) that gives one of (operand, operand or weights, [bias,] result)
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
