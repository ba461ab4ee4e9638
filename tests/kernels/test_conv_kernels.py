"""Convolution kernels against torch: values and gradients over a spread of parameters."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from numtorch.kernels import threads
from numtorch.ops.conv import bias, cpu, images, implicit, winograd_deep, winograd_grad

# n, ci, h, w, co, kh, kw, stride, padding, dilation, groups
CASES = {
    "lenet 1": (5, 1, 28, 28, 6, 3, 3, (1, 1), (0, 0), (1, 1), 1),
    "lenet 2": (5, 6, 13, 13, 16, 3, 3, (1, 1), (0, 0), (1, 1), 1),
    "lenet 5x5 padded": (4, 1, 28, 28, 6, 5, 5, (1, 1), (2, 2), (1, 1), 1),
    "lenet 5x5": (4, 6, 14, 14, 16, 5, 5, (1, 1), (0, 0), (1, 1), 1),
    "images": (13, 2, 7, 6, 5, 3, 3, (1, 1), (1, 2), (1, 1), 1),
    "images, wide": (30, 3, 6, 20, 2, 2, 5, (1, 1), (0, 1), (1, 1), 1),
    "points": (15, 4, 6, 7, 8, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    "points, 5 wide": (29, 5, 7, 18, 7, 2, 5, (1, 1), (0, 2), (1, 1), 1),
    "3x3 padded": (3, 8, 9, 11, 12, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    "many channels": (2, 32, 8, 8, 48, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    "winograd": (5, 36, 9, 10, 24, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    "winograd, deep": (17, 80, 4, 3, 33, 3, 3, (1, 1), (2, 0), (1, 1), 1),
    "winograd, dilated": (3, 18, 12, 12, 20, 3, 3, (1, 1), (2, 3), (2, 3), 1),
    "many channels, stride": (3, 32, 9, 8, 40, 3, 3, (2, 2), (1, 1), (1, 1), 1),
    "many channels, groups": (2, 64, 7, 7, 64, 3, 3, (1, 1), (1, 1), (1, 1), 2),
    "wide padding": (2, 3, 6, 5, 4, 3, 3, (1, 1), (4, 3), (1, 1), 1),
    "full padding": (2, 3, 6, 5, 4, 3, 3, (1, 1), (2, 2), (1, 1), 1),
    "stride": (3, 4, 12, 11, 5, 3, 3, (2, 2), (1, 1), (1, 1), 1),
    "stride beyond kernel": (2, 3, 13, 10, 5, 2, 2, (3, 4), (0, 1), (1, 1), 1),
    "uneven": (2, 4, 10, 9, 6, 2, 3, (2, 1), (1, 0), (1, 2), 2),
    "dilation": (2, 3, 12, 12, 4, 3, 3, (1, 1), (2, 2), (2, 2), 1),
    "groups": (2, 6, 8, 8, 9, 3, 3, (1, 1), (1, 1), (1, 1), 3),
    "depthwise": (2, 8, 10, 10, 8, 3, 3, (1, 1), (1, 1), (1, 1), 8),
    "depthwise multiplier": (2, 4, 7, 6, 8, 3, 3, (1, 1), (1, 1), (1, 1), 4),
    "depthwise stride": (2, 4, 10, 10, 4, 5, 5, (2, 2), (2, 2), (1, 1), 4),
    "1x1": (3, 16, 7, 5, 24, 1, 1, (1, 1), (0, 0), (1, 1), 1),
    "1x1 many": (3, 40, 6, 6, 72, 1, 1, (1, 1), (0, 0), (1, 1), 1),
    "1x1 stride": (2, 16, 8, 8, 32, 1, 1, (2, 2), (0, 0), (1, 1), 1),
    "1x1 padded": (2, 3, 4, 4, 5, 1, 1, (1, 1), (1, 1), (1, 1), 1),
    "1x1 padded, groups": (1, 12, 2, 3, 9, 1, 1, (1, 1), (1, 1), (1, 1), 3),
    "padding far beyond kernel": (1, 2, 40, 44, 4, 1, 1, (1, 1), (0, 20), (1, 1), 1),
    "1x1 image": (4, 5, 1, 1, 7, 1, 1, (1, 1), (0, 0), (1, 1), 1),
    "kernel is image": (4, 3, 5, 6, 7, 5, 6, (1, 1), (0, 0), (1, 1), 1),
    "7x7 stride 2": (2, 3, 20, 20, 8, 7, 7, (2, 2), (3, 3), (1, 1), 1),
    "9x9": (2, 2, 12, 12, 3, 9, 9, (1, 1), (4, 4), (1, 1), 1),
    "1d": (3, 4, 1, 30, 6, 1, 3, (1, 1), (0, 1), (1, 1), 1),
    "1d long": (2, 2, 1, 3000, 4, 1, 5, (1, 1), (0, 2), (1, 1), 1),
    "1d many": (2, 32, 1, 50, 32, 1, 3, (1, 1), (0, 1), (1, 1), 1),
    "column": (2, 3, 20, 1, 4, 3, 1, (1, 1), (1, 0), (1, 1), 1),
    "one channel each": (1, 1, 6, 6, 1, 3, 3, (1, 1), (0, 0), (1, 1), 1),
    "batch 1": (1, 3, 33, 40, 7, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    "larger than tile": (1, 2, 70, 60, 3, 3, 3, (1, 1), (1, 1), (1, 1), 1),
}


def geometry(case):
    n, ci, h, w, co, kh, kw, (sh, sw), (ph, pw), (dh, dw), groups = CASES[case]
    ho = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    wo = (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    return (n, ci, h, w, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups)


def operands(case, dtype, seed=0):
    n, ci, h, w, co, kh, kw, ho, wo, *_, groups = geometry(case)
    rng = np.random.default_rng(seed)
    make = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    return make(n, ci, h, w), make(co, ci // groups, kh, kw), make(co), make(n, co, ho, wo)


def ways(case, dtype):
    """The ways of computing that the rule chooses for forward pass, input and weight gradient."""
    n, ci, h, w, co, kh, kw, *geometry = CASES[case]
    return [cpu.path(part, n, ci, co, (h, w), (kh, kw), *geometry, dtype == "float32") for part in cpu.WAYS]


def run(case, dtype, way=None):
    """Output and gradients (out, gx, gw, gb) from the kernels of the rule's ways, or of one for all."""
    x, w, b, g = operands(case, dtype)
    ints = geometry(case)
    out, gx, gw, gb = (np.full(a.shape, np.nan, dtype) for a in (g, x, w, b))
    flat = [a.reshape(-1) for a in (x, w, b, g, out, gx, gw, gb)]
    x, w, b, g, *results = flat
    chosen = zip(cpu.WAYS.values(), ways(case, dtype), strict=True)
    functions = [of.get(way, of[usual])(np.dtype(dtype), *ints) for of, usual in chosen]
    functions[0](x, w, b, results[0])
    functions[1](g, w, results[1])
    functions[2](x, g, results[2])
    bias.bias_grad(g, results[3], ints[0], ints[4], ints[7] * ints[8])
    return out, gx, gw, gb


def expected(case, dtype):
    """The same from torch in float64."""
    torch = pytest.importorskip("torch")
    *_, sh, sw, ph, pw, dh, dw, groups = geometry(case)
    x, w, b, g = (torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in operands(case, dtype))
    out = torch.nn.functional.conv2d(x, w, b, (sh, sw), (ph, pw), (dh, dw), groups)
    grads = torch.autograd.grad(out, (x, w, b), g)
    return [t.detach().numpy() for t in (out, *grads)]


def assert_close(got, want, dtype):
    scale = max(1.0, np.abs(want).max())
    tolerance = 4e-6 if dtype == "float32" else 1e-13
    assert np.abs(got - want).max() <= tolerance * scale


def first_of_each_way(dtype):
    """The cases of which a part is the first to be computed in some way."""
    seen = set()
    for case in CASES:
        new = set(enumerate(ways(case, dtype))) - seen
        if new or CASES[case][-1] > 1 or "1d" in case:
            seen |= new
            yield case


# The loops of a way are the same for both types.
TYPED = [(case, "float32") for case in CASES] + [(case, "float64") for case in first_of_each_way("float64")]


@pytest.mark.parametrize(("case", "dtype"), TYPED)
def test_values_and_gradients_match_torch(case, dtype):
    for want, got in zip(expected(case, dtype), run(case, dtype), strict=True):  # torch first: without it nothing runs
        assert_close(got, want, dtype)


@pytest.mark.parametrize("case", ["1x1 padded, groups", "padding far beyond kernel", "1x1 padded"])
def test_padding_wider_than_the_kernel_stays_in_its_buffers(case):
    n, ci, h, w, co, kh, kw, ho, wo, sh, sw, ph, pw, dh, dw, groups = geometry(case)
    x, weights, b, g = operands(case, "float32")
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))).reshape(n, groups, ci // groups, ho, wo)
    g_of = g.reshape(n, groups, co // groups, ho, wo)
    w_of = weights.reshape(groups, co // groups, ci // groups)
    assert "direct" in ways(case, "float32")  # for the gradient of the input it would need a negative padding
    out, gx, gw, _ = run(case, "float32")
    assert_close(
        out.reshape(g_of.shape),
        np.einsum("gok,ngkij->ngoij", w_of, padded) + b.reshape(groups, -1)[:, :, None, None],
        "float32",
    )
    assert_close(gw.reshape(w_of.shape), np.einsum("ngoij,ngkij->gok", g_of, padded), "float32")
    want = np.einsum("gok,ngoij->ngkij", w_of, g_of).reshape(n, ci, ho, wo)[:, :, ph : ho - ph, pw : wo - pw]
    assert_close(gx.reshape(want.shape), want, "float32")


@pytest.mark.parametrize("case", ["lenet 2", "uneven", "depthwise multiplier", "1d", "1x1 many", "wide padding"])
def test_implicit_products_match_torch_where_another_way_would_run(case):
    for got, want in zip(run(case, "float32", way="implicit_gemm"), expected(case, "float32"), strict=True):
        assert_close(got, want, "float32")


def test_the_cases_reach_every_way_of_every_part():
    reached = [set(column) for column in zip(*[ways(case, "float32") for case in CASES], strict=True)]
    assert reached == [set(of) for of in cpu.WAYS.values()]


def test_dilated_filters_see_phases():
    assert ways("winograd, dilated", "float32") == ["winograd"] * 3
    n, ci, h, w, co, kh, kw, *geometry = CASES["winograd, dilated"]
    # phases of unequal height
    assert cpu.path("forward", n, ci, co, (h + 1, w), (kh, kw), *geometry, True) == "implicit_gemm"


def test_fewer_products_cost_a_digit_at_most():
    case = "winograd, deep"
    want = expected(case, "float32")
    errors = [
        [
            np.sqrt(np.mean((got - exact) ** 2))
            for got, exact in zip(run(case, "float32", way=way)[:3], want, strict=False)
        ]
        for way in ("winograd", "implicit_gemm")
    ]
    assert all(winograd <= 5 * product for winograd, product in zip(*errors, strict=True))


@pytest.mark.parametrize("capacity", [128, 8])
def test_weights_transformed_where_they_are_used_give_the_same(capacity, monkeypatch):
    case = "winograd, deep"
    monkeypatch.setattr(winograd_deep, "WEIGHTS", 1 << 62)
    want = run(case, "float32")[:2]
    monkeypatch.setattr(winograd_deep, "WEIGHTS", 0)
    monkeypatch.setattr(winograd_deep, "CAPACITY", capacity)
    before = threads.get_num_threads()
    try:
        for count in (1, 2):
            threads.set_num_threads(count)
            assert [a.tobytes() for a in run(case, "float32")[:2]] == [a.tobytes() for a in want]
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("case", ["winograd", "winograd, deep"])
def test_a_weight_gradient_adds_up_block_after_block_of_tiles(case, monkeypatch):
    monkeypatch.setattr(winograd_grad, "BLOCK_BYTES", 0)
    monkeypatch.setattr(winograd_grad, "FEW_DEEP", 20)
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            threads.set_num_threads(count)
            results.append(run(case, "float32")[2])
        n, ci, h, w, co, _, _, ho, wo, _, _, ph, pw, *_ = geometry(case)
        plan = winograd_grad.make_plan(2, n, ci, h, w, co, ho, wo, ph, pw)
    finally:
        threads.set_num_threads(before)
        assert plan.block < plan.rows
    assert_close(results[0], expected(case, "float32")[2], "float32")
    assert results[0].tobytes() == results[1].tobytes()


def test_equal_names_say_the_same_place_in_a_plan():
    """Plans of both modules are of one class: a place of the other's would be read without notice."""
    places = [{n: v for n, v in vars(m).items() if type(v) is int and n.isupper()} for m in (images, implicit)]
    shared = set(places[0]) & set(places[1])
    assert shared >= {"TABLE", "CHUNKS", "SCRATCH", "PLAN_SIZE"}
    assert {n: places[0][n] for n in shared} == {n: places[1][n] for n in shared}
    own = [v for n, v in places[0].items() if v < implicit.PLAN_SIZE and n not in ("FIXED_PARTS", "LANES", "TABLE")]
    assert len(own) == len(set(own))


def test_no_bias_is_an_empty_array():
    case = "3x3 padded"
    x, w, b, g = operands(case, "float32")
    out = np.empty_like(g)
    empty = np.empty(0, np.float32)
    compute = cpu.WAYS["forward"][ways(case, "float32")[0]](np.dtype(np.float32), *geometry(case))
    compute(x.reshape(-1), w.reshape(-1), empty, out.reshape(-1))
    want = expected(case, "float32")[0] - b[None, :, None, None]
    assert_close(out, want, "float32")


THREADED = [
    "lenet 1",
    "lenet 2",
    "lenet 5x5",
    "images, wide",
    "points, 5 wide",
    "3x3 padded",
    "winograd",
    "winograd, dilated",
    "many channels",
    "many channels, stride",
    "stride",
    "1x1 many",
    "1x1 stride",
    "batch 1",
    "depthwise stride",
    "many channels, groups",
]


@pytest.mark.parametrize("case", THREADED)
def test_results_do_not_depend_on_the_number_of_threads(case, dtype="float32"):
    before = threads.get_num_threads()
    try:
        results = []
        for count in (1, 2, 4):
            threads.set_num_threads(count)
            results.append(run(case, dtype))
    finally:
        threads.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_sum_over_a_long_batch_keeps_its_digits():
    n = 2048
    ways = [way for name, way in cpu.WAYS["weight_grad"].items() if name != "pointwise"]  # which is for 1x1
    ints = (n, 1, 8, 8, 2, 3, 3, 6, 6, 1, 1, 0, 0, 1, 1, 1)
    rng = np.random.default_rng(1)
    x = (rng.random(n * 64) + 1).astype(np.float32)
    g = (rng.random(n * 72) + 1).astype(np.float32)
    sums = [np.empty(18, np.float32) for _ in ways]
    for way, gw in zip(ways, sums, strict=True):  # one input channel: depthwise, too
        way(x.dtype, *ints)(x, g, gw)
    xs = x.reshape(n, 8, 8).astype(np.float64)
    gs = g.reshape(n, 2, 6, 6).astype(np.float64)
    want = [(xs[:, None, a : a + 6, b : b + 6] * gs).sum((0, 2, 3)) for a in range(3) for b in range(3)]
    for gw in sums:
        np.testing.assert_allclose(gw.reshape(2, 9).T, want, rtol=2e-6)


PLAIN = """
import sys; sys.path.insert(0, {here!r})
import numpy as np
import test_conv_kernels as t
t.CASES = {{
    "direct": (2, 2, 5, 6, 3, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    "images": (13, 2, 4, 5, 3, 2, 3, (1, 1), (1, 1), (1, 1), 1),
    "rows": (1, 2, 6, 6, 2, 5, 5, (1, 1), (2, 2), (1, 1), 1),
    "implicit_gemm": (2, 2, 5, 6, 2, 2, 3, (2, 1), (1, 0), (1, 2), 1),
    "depthwise": (2, 2, 5, 6, 2, 2, 3, (2, 1), (1, 0), (1, 2), 2),
    "1x1": (2, 3, 2, 2, 4, 1, 1, (1, 1), (0, 0), (1, 1), 1),
}}
for case in t.CASES:
    for got, want in zip(t.run(case, "float64"), t.expected(case, "float64"), strict=True):
        t.assert_close(got, want, "float64")
t.CASES["points"] = (13, 4, 3, 5, 8, 3, 3, (1, 1), (1, 1), (1, 1), 1)
assert t.ways("points", "float32")[:2] == ["points", "points"]
for got, want in zip(t.run("points", "float32"), t.expected("points", "float32"), strict=True):
    t.assert_close(got, want, "float32")
t.CASES["winograd"] = (4, 16, 6, 7, 16, 3, 3, (1, 1), (1, 1), (1, 1), 1)
assert t.ways("winograd", "float32") == ["winograd"] * 3
for got, want in zip(t.run("winograd", "float32"), t.expected("winograd", "float32"), strict=True):
    t.assert_close(got, want, "float32")
assert "numba" not in sys.modules
"""


def test_kernels_run_as_plain_python():
    pytest.importorskip("torch")  # what the results are compared with
    here = os.path.dirname(os.path.abspath(__file__))
    env = dict(os.environ, NUMBA_DISABLE_JIT="1")
    subprocess.run([sys.executable, "-c", PLAIN.format(here=here)], env=env, check=True)
