"""Declared bytes against counted ones: kernels run as plain Python on arrays that note which elements they touch."""

import contextlib
import re

import numpy as np
import pytest

import numtorch as torch
from numtorch.dispatch.cost import LIBRARY, function_operations, nbytes, operations, touched
from numtorch.dispatch.op import OPS
from numtorch.kernels import registry
from numtorch.kernels.codegen import expr
from numtorch.kernels.jit import Jit, disabled
from numtorch.nn import functional as F
from numtorch.profiler import profile
from numtorch.profiler.pace import Pace

GENERATED = ("elementwise", "update", "widened")  # the last runs the op once more, in float32


def test_every_kernel_has_formulas_for_bytes_and_operations():
    """Generated loops have them by themselves; an op with a kernel of its own must say them (``cost=``)."""
    registry.load_plugins()
    without = [
        f"{name} ({entry.site})"
        for name, entry in registry.ENTRIES.items()
        if entry.cost is None and any(k.layout not in GENERATED for k in entry.kernels)
    ]
    assert without == []


def test_views_cost_nothing():
    views = [o for o in OPS.values() if o.direct and o.entry.cost is not None]
    assert {"transpose", "permute", "select", "expand"} <= {o.name for o in views}
    assert all(o.entry.cost(torch.ones(3), torch.ones(3)) == (0, 0) for o in views)


def test_a_kernel_in_the_place_of_a_generated_loop_has_its_cost():
    x = a(6)
    with torch.kernels.use(torch.exp, lambda x: torch.ones(6)), profile() as prof:
        torch.exp(x)
        torch.exp(x)
    (row,) = [r for r in prof.rows if r.op == "exp"]
    assert (row.calls, row.bytes, row.flops) == (2, 2 * 48, 2 * 6 * function_operations("exp"))


def test_operations_of_formulas():
    x, y = expr.symbol("x"), expr.symbol("y")
    product = torch.mul(x, y)
    assert operations([product]) == 1
    assert operations([torch.add(product, product)]) == 2  # the product is computed once
    assert operations([torch.exp(torch.neg(x))]) == 1 + function_operations("exp")
    assert operations([torch.exp(x)], "float64") == function_operations("exp", "float64") > function_operations("exp")
    assert operations([torch.gt(x, y)]) == 0


def instructions(ir):
    """Arithmetic instructions in the text of LLVM: a fused multiply-add is two; a call of the C library is None."""
    count = 0
    for line in ir.splitlines():
        found = re.match(r"\s*%\S+ = (?:tail call|call|fadd|fsub|fmul|fdiv)\b.*?(?:@([\w.]+)\(|$)", line)
        if found is None:
            continue
        name = found[1] or "an instruction"
        if re.match(r"llvm\.(sin|cos|pow)\.", name) or not name.startswith(("llvm.", "an instruction")):
            return None
        count += 2 if name.startswith("llvm.fma.") else 0 if name.startswith(("llvm.fabs", "llvm.copysign")) else 1
    return count


@pytest.mark.skipif(disabled(), reason="plain Python has no instructions")
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *[
            (name, "float32")
            for name in ("exp", "exp_nonpositive", "log", "sigmoid", "tanh", "erf", "sin", "rsqrt", "atan")
        ],
        ("exp", "float64"),
        ("normal_cdf", "float64"),
    ],
)
def test_functions_count_the_instructions_of_their_formulas(name, dtype):
    import numba

    from numtorch.kernels import math, overloads  # noqa: F401 - registers the compiled formulas

    scope = {"f": getattr(math, name)}
    exec("def g(x): return f(x)", scope)  # noqa: S102 - ours
    compiled = numba.njit((getattr(numba, dtype),), no_cpython_wrapper=True, no_cfunc_wrapper=True)(scope["g"])
    counted = instructions(compiled.inspect_llvm()[compiled.signatures[0]])
    assert function_operations(name, dtype) == (LIBRARY if counted is None else counted)


@pytest.mark.parametrize(
    ("call", "functions", "rest"),
    [
        (torch.exp, ["exp"], 0),
        (F.gelu, ["normal_cdf"], 1),
        (torch.tanh, ["tanh"], 0),
        (torch.sigmoid, ["sigmoid"], 0),
        (lambda x: torch.softmax(x, 1), ["exp_nonpositive"], 3),
        (lambda x: torch.logsumexp(x, 1), ["exp_nonpositive"], 2),
    ],
    ids=["exp", "gelu", "tanh", "sigmoid", "softmax", "logsumexp"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kernels_count_the_instructions_of_functions(call, functions, rest, dtype):
    x = a(6, 8).to(dtype)
    with profile() as prof:
        call(x)
    flops = sum(r.flops for r in prof.rows)
    assert flops == 48 * (rest + sum(function_operations(f, x.dtype.name) for f in functions))


def test_a_draw_of_normal_numbers_counts_its_logarithms_and_cosines():
    with profile() as prof:
        torch.randn(40)
        torch.rand(40)
    normal, uniform = sorted((r.flops for r in prof.rows if r.kind == "kernel" and r.flops), reverse=True)
    assert normal - 9 * 40 == 40 * sum(function_operations(f) for f in ("log", "sqrt", "cos")) and uniform == 3 * 40


# --- counting what a kernel touches ---------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def _steady():
    Pace().tick()  # its work is compiled before kernels run as plain Python


class Counted:
    """An array that remembers which bytes were read before they were written here, and which were written."""

    def __init__(self, array, base=None):
        self.array = array
        self.base = base if base is not None else self
        if base is None:
            self.read, self.written = set(), set()

    def _bytes(self, i):
        part = self.array[i : i + 1] if isinstance(i, int | np.integer) else self.array[i]
        root = self.base.array.__array_interface__["data"][0]
        flat = np.asarray(part)
        addresses = np.ndarray(flat.shape, np.int64) if flat.size else np.zeros(0, np.int64)
        start = flat.__array_interface__["data"][0] - root
        for at in np.ndindex(flat.shape):
            addresses[at] = start + sum(a * s for a, s in zip(at, flat.strides, strict=True))
        return addresses.reshape(-1).tolist()

    def __getitem__(self, i):
        if isinstance(i, slice):
            return Counted(self.array[i], self.base)
        self.base.read.update(a for a in self._bytes(i) if a not in self.base.written)
        return self.array[i]

    def __setitem__(self, i, value):
        self.base.written.update(self._bytes(i))
        self.array[i] = value.array if isinstance(value, Counted) else value

    def __len__(self):
        return len(self.array)

    def reshape(self, *shape):
        return Counted(self.array.reshape(*shape), self.base)

    @property
    def moved(self):
        return (len(self.read) + len(self.written)) * self.array.dtype.itemsize

    def __getattr__(self, name):
        return getattr(self.array, name)


@contextlib.contextmanager
def counting(monkeypatch):
    """Kernels run as plain Python on counted arrays, one of each buffer for the whole block.

    Gives a function: the bytes moved of the buffers of some tensors. What a kernel keeps besides them does not count.
    """
    arrays = {}

    def counted(a):
        if not isinstance(a, np.ndarray):
            return a
        key = a.__array_interface__["data"][0], a.size
        return arrays.setdefault(key, Counted(a)) if a.size else a

    def plain(fn):
        scope = {k: v.fn if isinstance(v, Jit) else v for k, v in fn.__globals__.items()}
        for k, v in list(scope.items()):
            if callable(v) and getattr(v, "__globals__", None) is fn.__globals__ and hasattr(v, "__code__"):
                scope[k] = type(fn)(v.__code__, scope, v.__name__, v.__defaults__)
        return type(fn)(fn.__code__, scope, fn.__name__, fn.__defaults__)

    def call(self, *args):
        return plain(self.fn)(*map(counted, args))

    def entry(self, *args):
        return lambda *given: call(self, *given)

    with monkeypatch.context() as m:
        m.setattr(Jit, "__call__", call)
        m.setattr(Jit, "entry", entry)
        registry.clear_memos()
        try:
            yield lambda tensors: sum(c.moved for (at, _), c in arrays.items() if at in set(map(_address, tensors)))
        finally:
            m.undo()
            registry.clear_memos()


def _address(t):
    return t._buf.__array_interface__["data"][0]


MADE = []  # operands of the case that runs


def a(*shape, grad=False):
    t = torch.from_numpy(np.random.default_rng(0).random(shape, np.float32) + 0.5)
    MADE.append(t)
    return t.requires_grad_(True) if grad else t


def i(numbers):
    MADE.append(torch.tensor(numbers))
    return MADE[-1]


def _tensors(result):
    return list(result) if isinstance(result, tuple) else [result]


CASES = {
    "exp": lambda: torch.exp(a(5, 7)),
    "add numbers": lambda: a(5, 7) + 1.0,
    "add a row": lambda: a(5, 7) + a(7),
    "add a column": lambda: a(5, 7) * a(5, 1),
    "add one": lambda: a(5, 7) + a(1),
    "gt": lambda: a(9) > a(9),
    "copy strided": lambda: a(5, 7).t().contiguous(),
    "fill": lambda: a(6).fill_(2.0),
    "copy_": lambda: a(6).copy_(a(6)),
    "add_": lambda: a(6).add_(a(6)),
    "sum all": lambda: a(5, 7).sum(),
    "sum rows": lambda: a(5, 7).sum(1),
    "softmax": lambda: torch.softmax(a(3, 5), 1),
    "log_softmax": lambda: torch.log_softmax(a(3, 5), 1),
    "extremes": lambda: torch.max(a(3, 5), 1),
    "take": lambda: torch.index_select(a(6, 3), 0, i([4, 1])),
    "gather": lambda: torch.gather(a(4, 3), 0, i([[0, 1, 2], [3, 2, 1]])),
    "embedding": lambda: F.embedding(i([2, 0]), a(5, 3)),
    "max_pool2d": lambda: F.max_pool2d(a(1, 2, 6, 6), 2),
    "max_pool2d apart": lambda: F.max_pool2d(a(1, 1, 7, 7), 2, stride=3),
    "avg_pool2d": lambda: F.avg_pool2d(a(1, 2, 6, 6), 3),
    "layer_norm": lambda: F.layer_norm(a(4, 6), (6,), a(6), a(6)),
    "matmul": lambda: a(3, 5) @ a(5, 4),
    "matmul in blocks": lambda: a(24, 17) @ a(17, 20),
    "matmul batches": lambda: a(2, 3, 5) @ a(2, 5, 4),
    "linear": lambda: F.linear(a(3, 5), a(4, 5), a(4)),
    "conv2d": lambda: F.conv2d(a(1, 2, 6, 6), a(3, 2, 3, 3), a(3)),
    "batch_norm": lambda: F.batch_norm(a(2, 3, 4, 4), a(3), a(3), a(3), a(3)),
    "cross_entropy": lambda: F.cross_entropy(a(4, 3), i([0, 1, 2, 1])),
    "adaptive_avg_pool2d": lambda: F.adaptive_avg_pool2d(a(1, 2, 6, 6), (2, 3)),
    "random": lambda: torch.rand(40),
    "attention": lambda: F.scaled_dot_product_attention(a(1, 2, 4, 8), a(1, 2, 4, 8), a(1, 2, 4, 8)),
    "sgd": lambda: OPS["sgd_step"].call(a(5), a(5), a(5)),
    "adam": lambda: OPS["adam_step"].call(a(5), a(5), a(5), a(5)),
}


SECOND = {"attention": 8 * 4}  # a number for each row, the op's second result, which the function does not hand out


@pytest.mark.parametrize("name", CASES)
def test_declared_bytes_are_those_that_a_kernel_touches(name, monkeypatch):
    MADE.clear()
    with counting(monkeypatch) as moved, profile() as prof:
        found = moved(_tensors(CASES[name]()) + MADE)
    rows = [r for r in prof.rows if r.kind == "kernel" and r.calls]
    declared = sum(r.bytes for r in rows)
    assert found > 0, "the kernel ran where nobody counts"
    assert found + SECOND.get(name, 0) == declared, [(r.name, r.bytes) for r in rows]


BACKWARD = {
    "exp": torch.exp,
    "relu": torch.relu,
    "softmax": lambda x: torch.softmax(x, 3),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_declared_bytes_of_gradients(name, monkeypatch):
    x = a(1, 1, 4, 6, grad=True)
    y = BACKWARD[name](x)
    g = torch.ones_like(y)
    with counting(monkeypatch) as moved, profile() as prof:
        (gx,) = torch.autograd.grad(y, x, g)
        found = moved([x, y, g, gx])
    rows = [r for r in prof.rows if r.kind == "kernel" and r.calls]
    assert {r.phase for r in rows} == {"backward"}
    declared = sum(r.bytes for r in rows)
    assert found == declared, [(r.name, r.bytes) for r in rows]


# --- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding", "groups", "bias"), [(1, 0, 1, True), (2, 1, 1, False), (1, 1, 2, True)])
def test_operations_of_convolutions_follow_the_formula(stride, padding, groups, bias):
    x, w = a(2, 4, 9, 9, grad=True), a(6, 4 // groups, 3, 3, grad=True)
    with profile() as prof:
        y = F.conv2d(x, w, a(6) if bias else None, stride, padding, 1, groups)
        y.sum().backward()
    macs = y.numel() * 4 // groups * 9
    by_op = {r.op: r for r in prof.rows if r.kind == "kernel"}
    assert by_op["conv2d"].flops == 2 * macs + bias * y.numel()
    assert by_op["conv2d_input_grad"].flops == by_op["conv2d_weight_grad"].flops == 2 * macs


@pytest.mark.parametrize(("m", "k", "n"), [(3, 5, 7), (1, 8, 1)])
def test_operations_of_products_follow_the_formula(m, k, n):
    with profile() as prof:
        a(m, k) @ a(k, n)
        a(4, m, k) @ a(4, k, n)
    one, many = sorted((r for r in prof.rows if r.op == "matmul"), key=lambda r: r.flops)
    assert (one.flops, one.bytes) == (2 * m * k * n, 4 * (m * k + k * n + m * n))
    assert (many.flops, many.bytes) == (4 * one.flops, 4 * one.bytes)
    assert one.intensity == one.flops / one.bytes


def test_broadcast_elements_count_once():
    assert nbytes(torch.ones(4, 1).expand(4, 100)) == 16
    assert nbytes((torch.ones(2), None, torch.ones(3, dtype=torch.float64)), 7) == 8 + 24


def test_positions_that_windows_see():
    assert touched(7, 3, 1, 3, 0) == 3
    assert touched(5, 5, 3, 1, 1) == 5
    assert touched(9, 3, 2, 3, 0, dilation=2) == 6
