"""Generated kernels: their text, where tracebacks point, and what they compute on any geometry."""

import linecache
import re
import traceback

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numtorch as torch
from numtorch.dispatch import front
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.op import OPS, primitive
from numtorch.kernels import registry, source, streams, threads
from numtorch.kernels.codegen import elementwise, expr, reduction, scalar, update
from numtorch.kernels.codegen.elementwise import COLUMN, FREE, FULL, HELD, ONE, ROW, SCALAR, UNIT, Operand, Spec

F32, F64, I64, BF16 = torch.float32, torch.float64, torch.int64, torch.bfloat16


def text_of(op, form, *operands, out=F32, compute=F32, device="cpu", inner=(), streamed=False):
    op = OPS[op]
    symbols = [expr.symbol(o.name) for o in operands]
    spec = Spec(op.name, form, operands, (out,), compute, inner=inner, streamed=streamed)
    return elementwise.source(spec, [expr.apply(op, symbols)], device)


# --- text -----------------------------------------------------------------------------------------


def test_flat():
    assert (
        text_of("mul", "flat", Operand("x", F32, FULL), Operand("y", F32, FULL))
        == """\
def mul(x_, y_, out0):
    for i in prange(out0.size):
        x = x_[i]
        y = y_[i]
        t1 = x * y
        out0[i] = t1
"""
    )


def test_numbers_and_single_elements_are_read_once():
    condition = Operand("condition", torch.bool, FULL, True)
    assert (
        text_of("where", "flat", condition, Operand("x", F32, ONE), Operand("y", None, SCALAR))
        == """\
def where(condition_, x_, y_, out0):
    x = x_[0]
    y = float32(y_)
    for i in prange(out0.size):
        condition = condition_[i]
        t1 = x if condition else y
        out0[i] = t1
"""
    )


def test_rows():
    assert (
        text_of("add", "rows", Operand("x", F32, COLUMN), Operand("y", F32, ROW))
        == """\
def add(x_, y_, out0, rows, cols):
    for i in prange(rows):
        out0_row = out0[i * cols : (i + 1) * cols]
        x = x_[i]
        for j in range(cols):
            y = y_[j]
            t1 = x + y
            out0_row[j] = t1
"""
    )


def test_streamed():
    assert (
        text_of("add", "rows", Operand("x", F32, COLUMN), Operand("y", F32, ROW), streamed=True)
        == """\
def add(x_, y_, out0, rows, cols):
    for i in prange(rows):
        part0 = room(out0)
        x = x_[i]
        for first in range(0, cols, 1024):
            n = min(1024, cols - first)
            y_row = y_[first : first + n]
            for j in range(n):
                y = y_row[j]
                t1 = x + y
                part0[j] = t1
            stream(part0, out0, i * cols + first, n)
"""
    )


@pytest.mark.parametrize("n", [7, 5_000, 40_001])
def test_streamed_results_are_those_of_plain_loops(monkeypatch, n):
    """Results of any alignment and length, several of one loop, whole elements of one byte, and broadcast rows."""

    def results():
        registry.clear_memos()
        x, y = torch.linspace(-1, 1, n, requires_grad=True), torch.linspace(0, 3, n, requires_grad=True)
        out = torch.full((n + 3,), 7.0)
        torch.add(x.detach(), y.detach(), out=out[2:-1])
        row = torch.linspace(0, 1, 2100 if n > 7 else 600) + x.detach()[:5, None]
        return [t.numpy() for t in (out, x.detach() < y.detach(), *torch.autograd.grad((x * y).sum(), (x, y)), row)]

    plain = results()
    monkeypatch.setattr(streams, "LARGE", 1)
    assert "stream(" in source(torch.add, torch.zeros(n), torch.zeros(n))
    for a, b in zip(plain, results(), strict=True):
        assert np.array_equal(a, b)
    registry.clear_memos()


def test_strided():
    assert (
        text_of("sub", "strided", Operand("x", F32, FULL), Operand("y", F32, FULL), inner=(HELD, UNIT, FREE))
        == """\
def sub(x_, y_, out0, outer, sizes, strides):
    n = sizes[sizes.size - 1]
    sq0 = strides[2 * sizes.size + sizes.size - 1]
    for o in prange(outer):
        r = o + 0
        p0 = p1 = q0 = 0
        for d in range(sizes.size - 2, -1, -1):
            i = r % sizes[d]
            r = r // sizes[d]
            p0 += i * strides[0 * sizes.size + d]
            p1 += i * strides[1 * sizes.size + d]
            q0 += i * strides[2 * sizes.size + d]
        x = x_[p0]
        tp1 = y_[p1 : p1 + n]
        for j in range(n):
            y = tp1[j]
            t1 = x - y
            out0[q0 + j * sq0] = t1
"""
    )


def test_half_types_are_computed_in_float32():
    assert (
        text_of("exp", "flat", Operand("x", BF16, FULL), out=BF16, compute=BF16)
        == """\
def exp(x_, out0):
    for i in prange(out0.size):
        x = bf16_to_float(x_[i])
        t1 = exp(x)
        out0[i] = float_to_bf16(float32(t1))
"""
    )


def test_operands_of_other_types_are_cast():
    text = text_of("add", "flat", Operand("x", I64, FULL), Operand("y", F64, FULL), out=F64, compute=F64)
    assert "x = float64(x_[i])" in text
    assert "y = y_[i]" in text


def test_literals_have_the_type_in_which_the_kernel_computes():
    assert "float32(0.5)" in text_of("gelu_tanh", "flat", Operand("x", F32, FULL))
    assert "float64(0.5)" in text_of("gelu_tanh", "flat", Operand("x", F64, FULL), out=F64, compute=F64)
    assert scalar.literal(2, "float32") == "float32(2)"
    assert scalar.literal(2, "int64") == "2"
    assert scalar.literal(-0.5, "float32") == "float32(-0.5)"
    assert scalar.literal(True, "bool_") == "True"
    assert [scalar.literal(v, "float32") for v in (float("nan"), float("inf"), -float("inf"))] == [
        "float32(nan)",
        "float32(inf)",
        "float32(-inf)",
    ]


def test_shared_parts_are_computed_once():
    x = expr.symbol("x")
    e = torch.exp(x)
    lines, results = scalar.emit([e * e, e + x], "float32")
    assert [line.count("exp") for line in lines] == [1, 0, 0]
    assert results == ["t2", "t3"]


def test_a_long_chain_does_not_exhaust_the_stack():
    e = expr.symbol("x")
    for _ in range(5000):
        e = e + 1.0
    lines, _ = scalar.emit([e], "float32")
    assert len(lines) == 5000


def test_cuda_text_is_the_same_formula_in_a_grid_loop():
    text = text_of("mul", "flat", Operand("x", F32, FULL), Operand("y", F32, FULL), device="cuda")
    assert "t1 = x * y" in text
    assert "cuda.grid(1)" in text


def test_update_kernels_write_where_they_read():
    x, g, lr = map(expr.symbol, ("x", "g", "lr"))
    assert (
        update.source("step", ["x", "g"], ["lr"], ["x"], [x - lr * g], F32)
        == """\
def step(x_, g_, lr_):
    lr = float32(lr_)
    for i in prange(x_.size):
        x = x_[i]
        g = g_[i]
        t1 = lr * g
        t2 = x - t1
        x_[i] = t2
"""
    )


def test_reduction_text():
    types = (F32, np.dtype(np.float32), F32)
    assert (
        reduction.source(reduction.SUM, "fold", *types)
        == """\
def sum_fold(x, first, last):
    part = x[first:last]
    a = float32(0)
    for k in range(part.size):
        v = part[k]
        v = v
        a = a + v
    return a
"""
    )
    assert (
        reduction.source(reduction.SUM, "rows", *types)
        == """\
def sum_rows(x, out, outer, n_, inner, count):
    n = float64(count)
    for i in prange(outer):
        a = float64(fold(x, i * n_, i * n_ + min(n_, 1024)))
        for first in range(i * n_ + 1024, (i + 1) * n_, 1024):
            v = fold(x, first, min(first + 1024, (i + 1) * n_))
            a = a + v
        out[i] = a
"""
    )


@pytest.mark.parametrize(
    "r", [v for v in vars(reduction).values() if isinstance(v, reduction.Reduction)], ids=lambda r: r.name
)
def test_what_tests_for_zero_does_so_before_it_converts(r):
    text = reduction.source(r, "fold", F32, np.dtype(np.int64), I64)
    assert ("v = part[k]\n" in text) == ("v != 0" in r.each)


def test_the_same_text_is_the_same_kernel():
    spec = Spec("twice", "flat", (Operand("x", F32, FULL),), (F32,), F32)
    e = [expr.symbol("x") * 2]
    assert elementwise.build(spec, e) is elementwise.build(spec, [expr.symbol("x") * 2])
    assert elementwise.build(spec, e, True) is not elementwise.build(spec, e)
    assert elementwise.build(spec, e, True).twin is elementwise.build(spec, e)
    assert elementwise.build(spec, e).twin is elementwise.build(spec, e, True)


def test_source_shows_the_kernel_of_a_call():
    assert (
        source(torch.mul, torch.ones(2, 3), torch.ones(3)).splitlines()[0] == "def mul_rows(x_, y_, out0, rows, cols):"
    )


# --- names ----------------------------------------------------------------------------------------


def test_operands_may_be_called_as_loops_call_theirs(scratch_registry):
    @primitive()
    def collision(i, out0, p1, exp, bool, n: float = 2.0):
        return i * out0 + p1 - exp * bool + n

    given = [np.arange(1.0, 13).reshape(3, 4) * k for k in range(1, 6)]
    want = given[0] * given[1] + given[2] - given[3] * given[4] + 2
    contiguous = [torch.tensor(a.tolist(), dtype=F64) for a in given]
    turned = [torch.tensor(a.T.tolist(), dtype=F64).t() for a in given]
    np.testing.assert_array_equal(collision(*contiguous).numpy(), want)
    np.testing.assert_array_equal(collision(turned[0], *contiguous[1:]).numpy(), want)
    np.testing.assert_array_equal(
        collision(contiguous[0], contiguous[1][:, :1], *turned[2:]).numpy(),
        given[0] * given[1][:, :1] + given[2] - given[3] * given[4] + 2,
    )
    for n in (5.0, 2.0):  # the remembered kernel
        np.testing.assert_array_equal(collision(*contiguous, n=n).numpy(), want - 2 + n)
        np.testing.assert_array_equal(collision(*contiguous, n, out=torch.empty(3, 4, dtype=F64)).numpy(), want - 2 + n)


def test_operands_may_be_called_as_the_front_calls_its_own(scratch_registry):
    @primitive()
    def collision(params, node, buf, kind: float, mode: float = 1.0):
        return params * node * kind + buf * mode

    @collision.vjp
    def _(g, params, node, buf, *, kind, mode):
        return g * node * kind, g * params * kind, g * mode

    for _ in range(3):
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = collision(x, x * 2, x, 3.0)
        y.sum().backward()
        assert y.tolist() == [7.0, 26.0, 57.0] and x.grad.tolist() == [13.0, 25.0, 37.0]
    own = {"self", "x0"} | front.INNER
    for o in [
        o for o in OPS.values() if isinstance(o, ElementwiseOp) and o.call.__code__ is not front._unwritten.__code__
    ]:
        given = {*front._public(o.tensors), *[n for n, _ in o.params]}
        made = {n for f in (o.call, o.front_env.get("larger")) if f for n in f.__code__.co_varnames} - given
        assert all(n in own or re.fullmatch(r"[tx]\d*", n) or n.endswith("_") for n in made), (o.name, made - own)


# --- tracebacks -----------------------------------------------------------------------------------


def test_tracebacks_point_into_the_generated_text():
    spec = Spec("broken", "flat", (Operand("x", F32, FULL),), (F32,), F32)
    kernel = elementwise.build(spec, [expr.symbol("x") * 3])
    assert "float32 full -> float32" in kernel.fn.__code__.co_filename
    assert linecache.getline(kernel.fn.__code__.co_filename, 1) == "def broken(x_, out0):\n"
    with pytest.raises(TypeError) as caught:
        kernel.fn(None, np.zeros(1))
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.line == "x = x_[i]"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "def f(x):\n    if x > 0:\n        return x\n    return -x\n",
            "a scalar body is assignments to names, then one return",
        ),
        ("def f(x):\n    return\n", "a scalar body is assignments"),
    ],
)
def test_a_body_that_is_no_formula_is_refused(tmp_path, body, message):
    file = tmp_path / "bodies.py"
    file.write_text(body)
    scope = {}
    exec(compile(body, str(file), "exec"), scope)
    with pytest.raises(SyntaxError, match=message) as caught:
        scalar.Body(scope["f"])
    assert "bodies.py:1" in str(caught.value)


def test_what_no_loop_can_hold_is_untraceable():
    x = expr.symbol("x")
    for formula in (
        lambda x: x if x else -x,
        lambda x: x.shape,
        lambda x: torch.sum(x),
        lambda x: x + "1",
        lambda x: x * None,
    ):
        with pytest.raises(expr.Untraceable):
            expr.trace(formula, ["x"])
    assert repr(x + 2) == "add(x, 2)"


# --- any geometry ---------------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)


@st.composite
def views(draw, shape):
    """A tensor of the shape (or one that broadcasts to it), however it lies in memory, and its elements."""
    own = tuple(1 if draw(st.integers(0, 4)) == 0 else n for n in shape)[draw(st.integers(0, len(shape))) :]
    order = draw(st.permutations(range(len(own))))
    steps = [draw(st.integers(1, 3)) for _ in own]
    starts = [draw(st.integers(0, 2)) for _ in own]
    stored = [(own[d] - 1) * steps[d] + 1 + starts[d] if own[d] else starts[d] for d in order]
    base = np.random.default_rng(draw(st.integers(0, 9))).uniform(-2, 2, stored)
    t = torch.tensor(base.tolist(), dtype=F64).reshape(base.shape) if base.size else torch.empty(base.shape, dtype=F64)
    cut = tuple(slice(starts[d], None, steps[d]) for d in order)
    t, a = (t[cut], base[cut]) if cut else (t, base)
    back = tuple(int(i) for i in np.argsort(order))
    return (t.permute(back), a.transpose(back)) if back else (t, a)


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes)
def test_elementwise_on_any_strides(data, shape):
    (x, a), (y, b) = data.draw(views(shape)), data.draw(views(shape))
    z = x - y
    want = a - b
    assert tuple(z.shape) == want.shape
    np.testing.assert_array_equal(z.numpy(), want)
    out, _ = data.draw(views(want.shape).filter(lambda v: tuple(v[0].shape) == want.shape))
    if all(s or n < 2 for s, n in zip(out.stride(), out.shape, strict=True)) and want.size:
        torch.sub(x, y, out=out)
        np.testing.assert_array_equal(out.numpy(), want)


REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    "amax": np.max,
    "amin": np.min,
    "any": np.any,
    "all": np.all,
}


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(sorted(REDUCTIONS)), shapes, st.booleans())
def test_reductions_over_any_dimensions(data, name, shape, keepdim):
    x, a = data.draw(views(shape))
    dims = tuple(data.draw(st.lists(st.integers(0, a.ndim - 1), unique=True, min_size=1))) if a.ndim else ()
    empty = 0 in [a.shape[d] for d in dims] or (not dims and a.size == 0)
    if empty and name in ("amax", "amin", "mean"):
        return
    op = OPS[name].call
    y = op(x, dims, keepdim)
    want = REDUCTIONS[name](a, axis=dims or None, keepdims=keepdim)
    assert tuple(y.shape) == want.shape
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-12, atol=1e-14)


# --- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x: x.sum(1),
        lambda x: x.mean((0, 2)),
        lambda x: x.prod(1),
        lambda x: x.amax(),
        lambda x: torch.exp(x) * x,
        lambda x: x + x[:1],
        lambda x: x.transpose(0, 1) - x.transpose(0, 1).contiguous(),
        lambda x: torch.softmax(x, 1),
        lambda x: x.reshape(100, -1) @ x.reshape(100, -1).t(),
    ],
    ids=range(11),
)
def test_results_do_not_depend_on_the_number_of_threads(compute):
    x = torch.tensor(np.random.default_rng(0).standard_normal((100, 75, 52)).astype(np.float32).tolist())
    results = []
    for n in (1, 2, 4):
        threads.set_num_threads(n)
        results.append(compute(x).numpy())
    for r in results[1:]:
        np.testing.assert_array_equal(results[0], r)
