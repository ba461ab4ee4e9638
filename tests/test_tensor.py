"""Tensors as objects: making them, their types, conversions, copies; promotion and half types against torch."""

from __future__ import annotations

import copy
import io
import itertools
import pickle

import numpy as np
import pytest
from against_torch import equal, outcome, raises, same, torch

import numtorch as nt

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]


# --- making -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        1,
        1.5,
        True,
        [1, 2],
        [1.0, 2],
        [True, False],
        [True, 2],
        [[1, 2], [3, 4.5]],
        [],
        [[], []],
        (1, 2),
        [[1], [2.5]],
        np.float32(2),
        np.int16(3),
        np.arange(3),
        np.arange(3, dtype=np.float64),
        [np.float64(1), np.float64(2)],
        range(3),
        np.array(5),
        np.zeros((0, 2)),
        [float("nan"), float("inf")],
        2**40,
        -(2**63),
    ],
    ids=str,
)
def test_inferred_types(data):
    same(lambda lib: lib.tensor(data))


def test_given_types_and_tensors_within():
    same(lambda lib: [lib.tensor([1.7, -2.7], dtype=getattr(lib, d)) for d in DTYPES if d != "uint8"])
    same(lambda lib: lib.tensor([lib.tensor(1.0), lib.tensor(2.0)]))
    same(lambda lib: lib.tensor([[lib.tensor(1), 2], [3, 4]]))
    same(lambda lib: lib.as_tensor([1, 2], dtype=lib.float64))


@pytest.mark.parametrize(
    "data", [[[1, 2], [3]], "abc", [None], [1, "a"], {}, None, object()], ids=lambda v: type(v).__name__
)
def test_data_that_is_no_tensor(data):
    error = same(lambda lib: lib.tensor(data))
    assert isinstance(error, TypeError | ValueError | RuntimeError)


def test_factories():
    same(
        lambda lib: [
            lib.zeros(2, 3),
            lib.ones((2,)),
            lib.full((2,), 3),
            lib.full((2,), 3.5),
            lib.full((2,), True),
            lib.zeros(()),
            lib.zeros(0),
        ]
    )
    same(
        lambda lib: [
            lib.arange(5),
            lib.arange(1, 5),
            lib.arange(1.0, 5),
            lib.arange(5, 0, -2),
            lib.arange(0, 1, 0.25),
            lib.arange(3, dtype=lib.float64),
        ]
    )
    same(
        lambda lib: [
            lib.linspace(0, 1, 5),
            lib.logspace(0, 2, 3),
            lib.eye(3),
            lib.eye(2, 3),
            lib.linspace(3, 3, 1),
            lib.linspace(0, 1, 0),
        ],
        rtol=1e-6,
    )
    same(
        lambda lib: [
            lib.zeros_like(lib.ones(2, dtype=lib.int32)),
            lib.full_like(lib.ones(2), 7),
            lib.ones_like(lib.ones(2), dtype=lib.bool),
        ]
    )
    same(
        lambda lib: [
            lib.ones(2, dtype=lib.int16).new_zeros(3),
            lib.ones(2).new_tensor([1, 2]),
            lib.ones(2).double().new_full((2,), 3),
        ]
    )
    same(lambda lib: lib.arange(0, 1, 0))
    same(lambda lib: [lib.arange(*row) for row in ((0,), (3, 3), (-7, 5, 4), (2**40, 2**40 + 3), (0, 5000, 999))])
    same(lambda lib: lib.arange(3, 1))
    same(lambda lib: lib.arange(True))
    same(lambda lib: (1 / lib.full((2,), -0.0), lib.full((2,), 0), lib.full((2,), False)))
    same(lambda lib: (lib.zeros((2, 0)), lib.zeros([2]), lib.zeros(lib.Size([2])), lib.zeros(2, dtype=lib.complex64)))
    same(lambda lib: lib.zeros(2.0))
    same(lambda lib: lib.zeros((True, 2)))
    same(lambda lib: lib.zeros(-1))
    same(lambda lib: lib.zeros(2, requires_grad=True).requires_grad)


def test_numpy_shares_memory_both_ways():
    a = np.arange(4.0)
    x = nt.from_numpy(a)
    x[0] = 7
    a[1] = 8
    assert a[0] == 7 and x[1].item() == 8
    y = nt.ones(3)
    y.numpy()[:] = 5
    assert y.tolist() == [5, 5, 5]
    v = nt.arange(6).reshape(2, 3).t()
    assert v.numpy().strides == (8, 24) and np.shares_memory(v.numpy(), v.t().numpy())
    b = np.arange(12).reshape(3, 4)[:, ::2]
    assert nt.from_numpy(b).tolist() == b.tolist() and nt.from_numpy(b).stride() == (4, 2)
    assert not np.shares_memory(nt.tensor(a).numpy(), a) and np.shares_memory(nt.as_tensor(a).numpy(), a)


def test_array_protocol():
    x = nt.tensor([[1.0, 2.0]])
    assert np.asarray(x).dtype == np.float32 and np.array(x, dtype=np.float64).dtype == np.float64
    assert np.shares_memory(np.asarray(x), x.numpy()) and not np.shares_memory(np.array(x), x.numpy())
    assert isinstance(np.float64(2) * x, nt.Tensor)
    assert np.sum(np.asarray(x)) == 3
    assert nt.tensor([1.0, 2.0], dtype=nt.float16).numpy().dtype == np.float16
    raises(lambda lib: lib.ones(1, requires_grad=True).numpy(), "Can't call numpy() on Tensor that requires grad")
    raises(lambda lib: lib.ones(1, dtype=lib.bfloat16).numpy(), "BFloat16")
    assert nt.ones(1, requires_grad=True).numpy(force=True).tolist() == [1.0]
    with nt.no_grad():
        assert (
            nt.ones(1, requires_grad=True).numpy().tolist()
            == np.asarray(nt.ones(1, requires_grad=True)).tolist()
            == [1.0]
        )


# --- Python's protocols ---------------------------------------------------------------------------------


def test_values_out():
    same(
        lambda lib: [
            lib.tensor(3).item(),
            lib.tensor([2.5]).item(),
            lib.tensor([[True]]).item(),
            lib.arange(4).reshape(2, 2).tolist(),
            lib.tensor(1.5).tolist(),
            lib.zeros(0, 2).tolist(),
            lib.tensor(1.5, dtype=lib.bfloat16).item(),
        ]
    )
    same(lambda lib: [type(lib.tensor(v).item()).__name__ for v in (1, 1.5, True)])
    same(
        lambda lib: [
            len(lib.zeros(3, 2)),
            int(lib.tensor(2.9)),
            float(lib.tensor(2)),
            bool(lib.tensor(0.0)),
            bool(lib.tensor([[1]])),
        ]
    )
    same(lambda lib: [2 in lib.arange(3), 7 in lib.arange(3), lib.tensor(1) in lib.arange(3)])
    same(
        lambda lib: [
            list(map(int, lib.arange(3))),
            [10, 20, 30][lib.tensor(1)],
            f"{lib.tensor(1.23456):.2f}",
            f"{lib.tensor(7):03d}",
        ]
    )
    same(lambda lib: [r.tolist() for r in lib.arange(4).reshape(2, 2)])
    same(lambda lib: divmod(int(lib.tensor(7)), 2))


@pytest.mark.parametrize(
    "bad",
    [
        lambda lib: lib.zeros(2).item(),
        lambda lib: len(lib.tensor(1)),
        lambda lib: list(lib.tensor(1)),
        lambda lib: bool(lib.zeros(2)),
        lambda lib: bool(lib.zeros(0)),
        lambda lib: int(lib.zeros(2)),
        lambda lib: [1, 2][lib.tensor(0.5)],
        lambda lib: float(lib.zeros(0)),
        lambda lib: lib.zeros(2, 3).mm(lib.zeros(2, 3)),
        lambda lib: lib.zeros(2) + lib.zeros(3),
        lambda lib: lib.zeros(2) + "a",
        lambda lib: lib.zeros(2) < "a",
        lambda lib: lib.zeros(2).no_such_thing,
        lambda lib: lib.zeros(2, device="meta").item(),
        lambda lib: lib.zeros(2).to("no such device"),
        lambda lib: lib.zeros(2, dtype=int).requires_grad_(),
        lambda lib: lib.tensor([1]).mT,
        lambda lib: -lib.tensor([True]),
        lambda lib: lib.zeros(2) + None,
    ],
    ids=range(19),
)
def test_errors_are_of_torchs_kind(bad):
    assert same(bad) is not None


def test_comparison_and_hash():
    x, y = nt.tensor([1, 2]), nt.tensor([1, 2])
    assert len({x, y, x}) == 2 and {x: 1}[x] == 1
    assert (x == None) is False and (x != None) is True  # noqa: E711 - what is tested
    assert (x == "a") is False
    same(lambda lib: lib.equal(lib.ones(2), lib.ones(2)) if hasattr(lib, "equal") else True)
    same(
        lambda lib: [
            lib.ones(2).equal(lib.ones(2)),
            lib.ones(2).equal(lib.ones(3)),
            lib.ones(2).allclose(lib.ones(2) + 1e-9),
            lib.tensor([1.0, float("nan")]).isclose(lib.tensor([1.0, float("nan")]), equal_nan=True),
        ]
    )


def test_operators():
    def run(lib):
        x, y = lib.tensor([5.0, -3.0]), lib.tensor([2.0, 2.0])
        i, j = lib.tensor([5, -3]), lib.tensor([2, 2])
        b = lib.tensor([True, False])
        return [
            x + y,
            x - y,
            x * y,
            x / y,
            x // y,
            x % y,
            x**y,
            -x,
            abs(x),
            2 + x,
            2 - x,
            2 * x,
            2 / x,
            2.0**x,
            7 // y,
            7 % y,
            x // 2,
            x % -2,
            i + j,
            i / j,
            i // j,
            i % j,
            i**2,
            2 // j,
            i & j,
            i | j,
            i ^ j,
            ~i,
            i & 1,
            3 | i,
            b & True,
            ~b,
            b ^ b,
            x > y,
            x >= 2,
            x > 2,
            x == y,
            x != 5,
            i <= j,
            x @ y,
            i.float() @ y,
            True + i,
            i + True,
            i * 2.5,
            b + b,
            b * 3,
        ]

    same(run, rtol=1e-6)


def test_in_place_operators():
    def run(lib):
        x, i = lib.tensor([5.0, -3.0]), lib.tensor([5, 3])
        x += 1
        x -= lib.tensor([1.0, 2.0])
        x *= 3
        x /= 2
        x **= 2
        x //= 2
        x %= 7
        i &= 6
        i |= 1
        i ^= 2
        return x, i, x.__iadd__(1) is x

    same(run, rtol=1e-6)


@pytest.mark.parametrize("n", [3, 70_000])
def test_the_second_call_goes_straight_to_the_kernel(n):
    """Numbers in any place, ``out`` and in-place writes: the remembered kernel does what the general path does."""
    x, values = nt.linspace(-2, 2, n, requires_grad=True), np.linspace(-2, 2, n, dtype=np.float32)
    free, out = x.detach(), nt.empty(n)
    for _ in range(3):
        x.grad = None
        (x.clamp(-1.0, 1) + nt.where(x > 0, x, 0.0)).sum().backward()
        assert np.array_equal(x.grad.numpy(), (np.abs(values) <= 1).astype("f") + (values > 0))
        version = out._version
        nt.add(free, 1.0, out=out)
        assert out._version == version + 1 and np.allclose(out.numpy(), values + 1)
        out.mul_(free)
        out.clamp_(0.0, 0.5)
        assert out._version == version + 3 and np.allclose(
            out.numpy(), np.clip((values + 1) * values, 0, 0.5), atol=1e-6
        )
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            nt.add(x, 1.0, out=out)
        with pytest.raises(RuntimeError, match="leaf Variable"):
            x.clamp_(0.0, 0.5)
        before = out.numpy().copy()
        out[1:].add_(out[:-1])  # what lies elsewhere in the same memory is read before it is written
        assert np.array_equal(out.numpy()[1:], before[1:] + before[:-1])
    assert nt.where(free > 9, 2, 1).dtype is nt.int64 and nt.where(free > 9, 2.0, 1).dtype is nt.float32


def test_where_as_a_method_asks_the_condition_first():
    x, y = torch.tensor([-1.0, 2.0, 3.0], requires_grad=True), torch.tensor([5.0, 6.0, 7.0])
    kept = torch.tensor([True, False, False])
    assert x.where(kept, y).tolist() == [-1.0, 6.0, 7.0]
    assert x.where(kept, 0.5).tolist() == [-1.0, 0.5, 0.5]
    assert kept.where(torch.tensor([False, True, True]), kept).tolist() == [True, False, False]
    x.where(kept, 0.0).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="condition to be a boolean tensor"):
        x.where(y, 0.0)


def test_clamp_takes_nan_from_everywhere():
    nan, inf = float("nan"), float("inf")
    x = nt.tensor([-inf, -2.0, 0.5, inf, nan])
    for low, high in [(-1.0, 1.0), (2.0, 1.0), (nan, 1.0), (-1.0, nan), (-inf, inf)]:
        want = np.minimum(np.maximum(x.numpy(), np.float32(low)), np.float32(high))
        for bounds in [(low, high), (nt.tensor([low]), nt.tensor([high]))]:
            assert np.array_equal(nt.clamp(x, *bounds).numpy(), want, equal_nan=True)


def test_properties():
    def run(lib):
        x = lib.zeros(2, 3, 4, dtype=lib.int16)
        return [
            x.shape[1],
            tuple(x.size()),
            x.size(-1),
            x.stride(),
            x.stride(1),
            x.dim(),
            x.ndim,
            x.numel(),
            x.nelement(),
            x.element_size(),
            x.nbytes,
            x.itemsize,
            x.is_contiguous(),
            x.is_floating_point(),
            x.is_cuda,
            str(x.device),
            x.type(),
            x.is_leaf,
            x.requires_grad,
            x.T.shape[0] if x.ndim == 2 else 0,
            x.shape.numel(),
            str(x.shape),
            len(x.shape),
            x.shape == (2, 3, 4),
            x.shape[1:] == (3, 4),
            x.is_meta,
            x.data_ptr() == x.view(-1).data_ptr(),
        ]

    same(run)


# --- types ------------------------------------------------------------------------------------------------


def operand(lib, dtype, dims):
    if dims is None:
        return {"bool": True, "int64": 3, "float32": 1.5}[dtype]
    return lib.tensor([1, 1, 0] if dims else 1, dtype=getattr(lib, dtype))


PAIRS = [((a, 1), (b, 1)) for a, b in itertools.combinations_with_replacement(DTYPES, 2)]
PAIRS += [((a, 1), (b, 0)) for a in DTYPES for b in DTYPES] + [
    ((a, 0), (b, 0)) for a, b in itertools.combinations(DTYPES, 2)
]
PAIRS += [((a, d), (b, None)) for a in DTYPES for d in (0, 1) for b in ("bool", "int64", "float32")]
OPERATIONS = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "lt": lambda x, y: x < y,
    "eq": lambda x, y: x == y,
}


# Which types results have is decided before a kernel is chosen; that compiled ones read and write them, a few show.
@pytest.mark.plain(but="compiled")
@pytest.mark.parametrize(
    ("name", "pairs"),
    [*[pytest.param(name, PAIRS, id=name) for name in OPERATIONS], pytest.param("add", PAIRS[::12], id="add-compiled")],
)
def test_promotion(name, pairs):
    wrong = []
    for (a, i), (b, j) in pairs:

        def run(lib, a=a, b=b, i=i, j=j):
            return OPERATIONS[name](operand(lib, a, i), operand(lib, b, j))

        theirs, ours = outcome(run, torch), outcome(run, nt)
        try:
            assert ours[1] is None, ours[1]
            equal(ours[0], theirs[0], 1e-6, 0)
        except AssertionError as e:
            wrong.append((a, i, b, j, str(e)[:80]))
    assert not wrong


def test_casts():
    same(
        lambda lib: [
            getattr(lib.tensor([1.7, 0.0, 3.2]), n)()
            for n in ["float", "double", "half", "bfloat16", "long", "int", "short", "char", "byte", "bool"]
        ]
    )
    same(
        lambda lib: [
            lib.tensor([1.7]).type(t).dtype for t in (lib.LongTensor, "torch.DoubleTensor", lib.int16, lib.FloatTensor)
        ]
    )
    same(lambda lib: [lib.tensor([1], dtype=getattr(lib, d)).type() for d in DTYPES])
    same(
        lambda lib: [
            lib.LongTensor([1, 2]),
            lib.FloatTensor([1, 2]),
            lib.BoolTensor([True]),
            lib.ByteTensor([3]),
            lib.DoubleTensor(2, 3).shape[1],
        ]
    )
    same(lambda lib: [isinstance(lib.tensor([1]), lib.LongTensor), isinstance(lib.tensor([1.0]), lib.LongTensor)])
    same(
        lambda lib: [
            lib.tensor([1]).type_as(lib.ones(1)),
            lib.ones(2).to(lib.int64),
            lib.ones(2).to("cpu", lib.float64),
            lib.ones(2).to(device="cpu", dtype=lib.bool),
            lib.ones(2).to(lib.zeros(1, dtype=lib.int8)),
            lib.ones(2).to(lib.device("cpu")),
        ]
    )
    same(
        lambda lib: [
            lib.ones(2).to(int),
            lib.ones(2, dtype=float),
            lib.tensor([1, 2], dtype=float),
            lib.zeros(1, dtype=bool),
        ]
    )
    x = nt.ones(2)
    assert (
        x.to(nt.float32) is x
        and x.float() is x
        and x.to("cpu") is x
        and x.cpu() is x
        and x.to(nt.float32, copy=True) is not x
        and x.to() is x
    )


def test_default_type():
    nt.set_default_dtype(nt.float64)
    try:
        assert (
            nt.tensor(1.0).dtype is nt.float64
            and nt.ones(1).dtype is nt.float64
            and (nt.tensor([1]) / 2).dtype is nt.float64
        )
    finally:
        nt.set_default_dtype(nt.float32)


def bits(x):
    return x.view(nt.int16 if isinstance(x, nt.Tensor) else torch.int16).tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_arithmetic_bit_for_bit(dtype):
    rng = np.random.default_rng(0)
    a = np.concatenate(
        [
            rng.standard_normal(500) * 10.0 ** rng.integers(-6, 5, 500),
            [0.0, -0.0, np.inf, -np.inf, 65504, 1e-7, 6e-8, 1e38],
        ]
    ).astype(np.float32)
    b = np.roll(a, 7)
    for fn in (
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: x * y,
        lambda x, y: x / y,
        lambda x, y: -x,
        lambda x, y: x.abs(),
        lambda x, y: x.sqrt(),
        lambda x, y: x + 1.5,
        lambda x, y: x * 3,
        lambda x, y: x.floor(),
        lambda x, y: x * y + x,
    ):
        results = []
        for lib in (nt, torch):
            x, y = (lib.from_numpy(v).to(getattr(lib, dtype)) for v in (a, b))
            z = fn(x, y)
            nan = z.isnan().tolist()
            results.append([None if n else v for v, n in zip(bits(z), nan, strict=True)])
        assert results[0] == results[1]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_conversions(dtype):
    values = np.frombuffer(np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32).tobytes(), np.float32)
    values = np.concatenate(
        [
            values[np.isfinite(values)],
            np.float32([65519.996, 65520, 65504, 1 + 2**-11, 1 + 2**-9, 5.9604645e-8, 2.9802322e-8, 2.98e-8]),
        ]
    )
    ours, theirs = (lib.from_numpy(values).to(getattr(lib, dtype)) for lib in (nt, torch))
    assert bits(ours) == bits(theirs)
    assert ours.float().tolist() == theirs.float().tolist()
    x = nt.tensor([1.5, 2.5], dtype=getattr(nt, dtype))
    assert (
        x.int().tolist() == [1, 2]
        and x.double().tolist() == [1.5, 2.5]
        and nt.arange(3).to(getattr(nt, dtype)).tolist() == [0, 1, 2]
    )


# --- copies and pickles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_pickling(dtype):
    x = nt.tensor([[1, 0], [1, 1]], dtype=getattr(nt, dtype))
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype is x.dtype and y.tolist() == x.tolist() and not y.requires_grad
    z = pickle.loads(pickle.dumps(x.t()[:1]))
    assert z.tolist() == x.t()[:1].tolist()
    buffer = io.BytesIO()
    pickle.dump({"x": x, "shape": x.shape}, buffer, protocol=4)
    assert type(pickle.loads(buffer.getvalue())["shape"]) is nt.Size


def test_copying():
    x = nt.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.is_leaf and y.tolist() == x.tolist() and y.grad.tolist() == x.grad.tolist()
    y.grad.zero_()
    with nt.no_grad():
        y.zero_()
    assert x.tolist() == [1.0, 2.0] and x.grad.tolist() == [2.0, 4.0]
    a, b = copy.deepcopy([x, x])
    assert a is b
    raises(
        lambda lib: copy.deepcopy(lib.ones(1, requires_grad=True) * 2), "Only Tensors created explicitly by the user"
    )
    p = pickle.loads(pickle.dumps(x))
    assert p.requires_grad and p.is_leaf
    p = pickle.loads(pickle.dumps(x * 2))
    assert p.tolist() == [2.0, 4.0] and p.requires_grad and p.is_leaf


def test_deep_copies_share_memory_as_their_originals_do():
    def run(lib):
        x = lib.arange(6.0)
        a, b, c = copy.deepcopy([x, x[2:4], x.reshape(2, 3).t()])
        a[2] = 100
        p, q, r = copy.deepcopy({"p": lib.nn.Parameter(x[:3]), "q": x[:3], "r": x.expand(2, 6)}).values()
        q[0] = 50
        return a, b, c, b.storage_offset(), c.stride(), x, p, r, r.stride(), type(p).__name__

    assert same(run) is None


def test_shallow_copies_share_memory():
    def run(lib):
        x = lib.arange(6.0).reshape(2, 3).requires_grad_()
        x.grad = lib.ones(2, 3)
        x.note = [1]
        y, z, p = copy.copy(x), copy.copy(x.t() * 2), copy.copy(lib.nn.Parameter(x.detach()))
        with lib.no_grad():
            y[0, 0] = 100
        return x, y.requires_grad, y.is_leaf, y.grad is None, y.note is x.note, z, z.is_leaf, type(p).__name__, p

    assert same(run) is None


def test_gradients_and_attributes_are_copied():
    def run(lib):
        x = lib.ones(3, requires_grad=True)
        x.grad, x.note = lib.ones(3), {"a": [1]}
        y, g = copy.deepcopy([x, x.grad])
        g[0] = 5
        z = pickle.loads(pickle.dumps(x))
        p = lib.nn.Parameter(lib.ones(2, 2).t())
        p.note = 1
        q = pickle.loads(pickle.dumps(p))
        return (
            y.grad,
            y.note["a"] == x.note["a"],
            y.note["a"] is x.note["a"],
            z.grad is None,
            z.note["a"],
            q.note,
            q.stride(),
        )

    assert same(run) is None


def test_pickles_keep_how_elements_lie():
    """Dimensions stay in their order in memory, expanded ones take none; gaps are closed, for only the elements are
    stored."""

    def run(lib):
        x = lib.arange(24.0).reshape(2, 3, 4)
        made = [
            x.permute(2, 0, 1),
            x.transpose(1, 2),
            lib.arange(3.0).expand(2, 3),
            lib.arange(3.0)[:, None].expand(3, 5),
            x,
        ]
        return [(y, y.stride(), y.requires_grad) for y in pickle.loads(pickle.dumps(made))]

    assert same(run) is None
    x = nt.arange(24.0).reshape(2, 3, 4)
    y = pickle.loads(pickle.dumps(x[:, :, ::2].permute(2, 1, 0)))
    assert y.tolist() == x[:, :, ::2].permute(2, 1, 0).tolist() and y.stride() == (1, 2, 6)
    assert len(pickle.dumps(nt.zeros(1).expand(10**6))) < 1000
    meta = pickle.loads(pickle.dumps(nt.zeros(2, 3, device="meta")))
    assert meta.device.type == "meta" and meta.shape == (2, 3)
    for dtype in (nt.float16, nt.bfloat16, nt.bool):
        x = nt.tensor([[1, 0, 1], [0, 1, 1]], dtype=dtype)
        assert pickle.loads(pickle.dumps(x.t())).tolist() == x.t().tolist()


# --- meta ---------------------------------------------------------------------------------------------------


META = [
    lambda lib, x: x + 1,
    lambda lib, x: x + lib.zeros(3, device=x.device),
    lambda lib, x: x.exp().sum(1),
    lambda lib, x: x @ x.t(),
    lambda lib, x: x[0, 1:],
    lambda lib, x: x.max(1)[1],
    lambda lib, x: x.mean(),
    lambda lib, x: x.reshape(3, -1),
    lambda lib, x: lib.cat([x, x], 1),
    lambda lib, x: lib.softmax(x, -1),
    lambda lib, x: x > 0,
    lambda lib, x: lib.zeros_like(x),
    lambda lib, x: x.to(lib.float64),
    lambda lib, x: x.argmax(0),
    lambda lib, x: x.unsqueeze(0).expand(4, -1, -1),
    lambda lib, x: x.masked_fill(x > 0, 1.0),
    lambda lib, x: x.var(0),
    lambda lib, x: lib.where(x > 0, x, 0.0),
    lambda lib, x: x.clone().add_(1),
    lambda lib, x: lib.stack([x, x]),
    lambda lib, x: x.half() * 2,
    lambda lib, x: x.logsumexp(1, keepdim=True),
    lambda lib, x: x.tril(),
    lambda lib, x: x.index_select(1, lib.zeros(5, dtype=lib.int64, device=x.device)),
    lambda lib, x: x.gather(1, lib.zeros(2, 1, dtype=lib.int64, device=x.device)),
]


@pytest.mark.parametrize("fn", META, ids=range(len(META)))
def test_meta_tensors_have_shapes_and_types(fn):
    def run(lib):
        y = fn(lib, lib.zeros(2, 3, device="meta"))
        return tuple(y.shape), str(y.dtype), str(y.device)

    same(run)


def test_meta_tensors_have_no_elements():
    x = nt.zeros(2, device="meta")
    assert "meta" in repr(x)
    with pytest.raises(NotImplementedError, match="no data"):
        x.to("cpu")
    assert nt.ones(2).to("meta").is_meta


def test_gradients_on_meta():
    x = nt.zeros(2, 3, device="meta", requires_grad=True)
    ((x * 2).exp() @ x.t()).sum().backward()
    assert x.grad.shape == (2, 3) and x.grad.is_meta


# --- printing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda lib: lib.tensor([1.0, 2.5]),
        lambda lib: lib.tensor(3),
        lambda lib: lib.tensor([True]),
        lambda lib: lib.zeros(2, 0),
        lambda lib: lib.tensor([1.0], requires_grad=True),
        lambda lib: lib.ones(2, requires_grad=True) * 2,
        lambda lib: lib.tensor([1.5], dtype=lib.float16),
        lambda lib: lib.arange(2000),
        lambda lib: lib.tensor([float("nan"), 1e10]),
        lambda lib: lib.tensor([1, 2], dtype=lib.int32),
        lambda lib: lib.zeros(3, device="meta"),
        lambda lib: lib.ones(1, requires_grad=True).sum(),
        lambda lib: lib.eye(2).bfloat16(),
    ],
    ids=range(13),
)
def test_printing_is_torchs(make):
    same(lambda lib: (repr(make(lib)), str(make(lib))))


# --- corners ------------------------------------------------------------------------------------------------


def test_zero_dimensional_and_empty():
    def run(lib):
        x, e = lib.tensor(2.0), lib.zeros(0, 3)
        return [
            x + x,
            x.sum(),
            x.sum(0),
            x.max(),
            x.max(0)[1],
            x.unsqueeze(0),
            x.reshape(1, 1),
            x.expand(2),
            x.t(),
            x.permute(()) if lib is nt else x.permute(()),
            e.sum(),
            e.sum(0),
            e.prod(),
            e + 1,
            e.mean(1),
            e.t().shape[0],
            e.reshape(3, 0),
            e @ lib.zeros(3, 2),
            lib.zeros(2, 0) @ e,
            lib.cat([e, e]),
            e.any(),
            e.all(),
        ]

    same(run)
    same(lambda lib: lib.zeros(0).max())
    same(lambda lib: lib.zeros(0, 3).max(0))
    same(lambda lib: lib.zeros(0).mean())


def test_detach_and_requires_grad():
    def run(lib):
        x = lib.ones(2, requires_grad=True)
        y = (x * 2).detach()
        z = y.requires_grad_()
        return y.requires_grad, z is y, z.is_leaf, x.detach().requires_grad, x.data.requires_grad

    same(run)


def test_attributes_may_be_set():
    x = nt.ones(1)
    x.note = "mine"
    assert x.note == "mine" and copy.deepcopy(x).note == "mine"


def test_tensors_of_any_size_print_at_once():
    for d in (nt.float32, nt.float16, nt.bfloat16, nt.int64):
        repr(nt.ones(1, 1, 1, dtype=d).expand(10**6, 10**6, 10**6).transpose(0, 2))
        nt.ones(1, 1, 1, dtype=d).expand(10**6, 10**6, 10**6).transpose(0, 2)._repr_html_()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_limits_of_floats(name):
    ours, theirs = nt.finfo(getattr(nt, name)), torch.finfo(getattr(torch, name))
    assert repr(ours) == repr(theirs) and ours == nt.finfo(getattr(nt, name))
    for field in ("resolution", "min", "max", "eps", "tiny", "smallest_normal", "bits", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_limits_of_integers(name):
    ours, theirs = nt.iinfo(getattr(nt, name)), torch.iinfo(getattr(torch, name))
    assert repr(ours) == repr(theirs) and (ours.min, ours.max, ours.bits) == (theirs.min, theirs.max, theirs.bits)
    assert ours != nt.finfo(nt.float32)
    same(lambda t: t.iinfo(t.float32))
    same(lambda t: t.finfo(t.int8))
    same(lambda t: t.finfo("float32"))


# --- arrays that may not be written to ------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.frombuffer(b"\0\0\x80?" * 3, np.float32),
        lambda: np.broadcast_to(np.float32(1), (3,)),
        lambda: np.broadcast_to(np.ones((3, 1), np.float32), (3, 2))[:, 0],
    ],
)
@pytest.mark.parametrize("convert", [nt.from_numpy, nt.as_tensor, nt.tensor])
def test_read_only_arrays_become_copies(make, convert):
    a = make()
    assert not a.flags.writeable
    x = convert(a)
    x.add_(1) if 0 not in x.stride() else x.add(1)
    assert a.tolist() == [1.0, 1.0, 1.0]


def test_a_file_mapped_read_only_is_shared_with_a_warning(tmp_path):
    np.arange(4, dtype=np.float32).tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float32, "r")
    with pytest.warns(UserWarning, match="mapped read-only"):
        x = nt.from_numpy(mapped)
    assert (x + 1).tolist() == [1.0, 2.0, 3.0, 4.0]
