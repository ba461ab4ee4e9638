"""Complex numbers beside torch: values, types, gradients and refusals; and unsigned integers as storage types."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest

import numtorch

by_name = pytest.mark.parametrize


def draw(*shape, dtype="complex64", seed=0):
    rng = np.random.default_rng([seed, *shape])
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def tensors(lib, arrays):
    return [lib.tensor(a, requires_grad=a.dtype.kind in "fc") if isinstance(a, np.ndarray) else a for a in arrays]


def array(t):
    t = t.detach()
    return (t.resolve_conj() if t.is_complex() else t).numpy()


def close(ours, theirs, factor=1.0):
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    single = ours.dtype in (np.complex64, np.float32)
    np.testing.assert_allclose(
        ours, theirs, rtol=factor * (2e-5 if single else 1e-9), atol=factor * (2e-5 if single else 1e-9)
    )


def beside_torch(f, *arrays):
    """``f(lib, *tensors)`` in both: values, and the gradients of random complex or real cotangents."""
    torch = pytest.importorskip("torch")
    results, grads = [], []
    for lib in (numtorch, torch):
        given = tensors(lib, arrays)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = f(lib, *given)
        y = [t for t in (y if isinstance(y, tuple | list) else (y,)) if isinstance(t, lib.Tensor)]
        results.append([array(t) for t in y])
        wanted = [t for t in y if t.requires_grad]
        cotangents = []
        for i, t in enumerate(wanted):
            a = draw(*t.shape, dtype=str(t.dtype.to_complex()).split(".")[1], seed=i + 1)
            cotangents.append(lib.tensor(a if t.is_complex() else a.real.copy()))
        if wanted:
            lib.autograd.backward(wanted, cotangents)
        grads.append([array(t.grad) for t in given if isinstance(t, lib.Tensor) and t.grad is not None])
    for part, factor in ((results, 1), (grads, 20)):
        assert len(part[0]) == len(part[1])
        for ours, theirs in zip(*part, strict=True):
            close(ours, theirs, factor)


# --- functions of one and of two operands ----------------------------------------------------------------------

UNARY = [
    "neg",
    "abs",
    "sgn",
    "conj",
    "conj_physical",
    "angle",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "square",
    "reciprocal",
    "sin",
    "cos",
    "tan",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
    "clone",
    "real",
    "imag",
    "is_complex",
]


@by_name("name", UNARY)
def test_functions_of_one_operand(name):
    beside_torch(lambda lib, x: getattr(lib, name)(x), draw(3, 4))


@by_name("name", ["add", "sub", "mul", "div", "pow", "eq", "ne", "logical_and"])
def test_functions_of_two_operands_of_every_kind(name):
    def call(lib, x, y):
        return getattr(lib, name)(x, y)

    real, whole = draw(5).real.astype(np.float32), np.arange(1, 6)
    kinds = [draw(5, seed=3), draw(5, dtype="complex128", seed=4), real, whole]
    for x, y in itertools.product(kinds[:1], kinds):
        beside_torch(call, x, y)
    beside_torch(call, real, draw(5, seed=5))
    beside_torch(call, draw(3, 1), draw(3, 4))
    if name != "logical_and":  # which takes no numbers in torch
        for number in (2, 1.5, 0.5 - 1.25j):
            beside_torch(call, draw(5), number)
        beside_torch(call, real, 0.5 - 1.25j)


MORE = {
    "reflected": lambda lib, x: (1 / x, 2j - x, 2**x, 3.0 * x),
    "powers": lambda lib, x: (x**2, x**3, x**0.5, x**-1, x ** (1 + 1j)),
    "alpha": lambda lib, x: (lib.add(x, x, alpha=2j), lib.sub(x, x, alpha=2)),
    "three operands": lambda lib, x: (
        lib.addcmul(x, x, x, value=0.5),
        lib.addcdiv(x, x, x * 2, value=0.5),
        lib.lerp(x, x * 2, 0.25),
    ),
    "where": lambda lib, x: (
        lib.where(x.abs() > 1, x, 0),
        lib.where(x.abs() > 1, x, 1j),
        x.masked_fill(x.abs() > 1, 2 - 1j),
    ),
    "signs": lambda lib, x: (+x, lib.positive(x), -x),
    "in place": lambda lib, x: x.clone().mul_(2j).add_(1).div_(1 - 1j).exp_(),
    "close": lambda lib, x: lib.isclose(x, x * (1 + 1e-7)),
    # reductions
    "sums": lambda lib, x: (x.sum(), x.sum(0), x.sum((0, 2)), x.sum(dtype=lib.complex128), x.mean(1), x.mean()),
    "products": lambda lib, x: (x.prod(2), x.cumprod(1)),
    "scans": lambda lib, x: (x.cumsum(1), x.cumsum(2), x.logsumexp(1)),
    "spreads": lambda lib, x: (x.var(), x.std(1), lib.var(x, (0, 2))),
    "norms": lambda lib, x: (x.norm(), lib.norm(x, 1, 1), lib.linalg.vector_norm(x, float("inf"), 1)),
    "truths": lambda lib, x: (lib.any(x, 1), lib.all(x, 1), lib.count_nonzero(x), lib.nonzero(x)),
    # views and movement
    "transposes": lambda lib, x: (x.mT * 1, x.mH * 1, x[0].H * 1, lib.adjoint(x) * 1, x.permute(2, 0, 1).contiguous()),
    "parts": lambda lib, x: (
        x.real * 2,
        x.imag * 2,
        lib.view_as_real(x) * 2,
        lib.view_as_complex(lib.view_as_real(x) * 2),
    ),
    "indexing": lambda lib, x: (x[1], x[::2, 1:3], x[x.abs() > 1], x[lib.tensor([0, 2]), lib.tensor([1, 1])]),
    "gathering": lambda lib, x: (
        lib.gather(x, 1, lib.zeros(6, 2, 4, dtype=lib.int64)),
        lib.index_select(x, 2, lib.tensor([3, 0])),
        lib.take(x, lib.tensor([1, 5])),
        lib.masked_select(x, x.abs() > 1),
    ),
    "joining": lambda lib, x: (lib.cat([x, x * 2], 1), lib.cat([x, x.real], 1), lib.stack([x, x], 2)),
    "splitting": lambda lib, x: (*x.split(2, 0), *x.chunk(2, 1), *x.unbind(1)),
    "rearranging": lambda lib, x: (x.flip(0, 2), x.roll(2, 1), x.repeat(1, 2, 1), x.repeat_interleave(2, 1)),
    "triangles": lambda lib, x: (lib.tril(x), lib.triu(x, 1), lib.diagonal(x, 0, 0, 1), lib.diag(x[0, 0])),
    "padding": lambda lib, x: (lib.nn.functional.pad(x, (1, 2)), x[:1].expand(3, 5, 4) * 1, x.unfold(0, 2, 1)),
    "casts": lambda lib, x: (x.to(lib.complex128), x.real.to(lib.complex64), x.to(lib.float64)),
}


@by_name("name", MORE)
def test_other_functions(name):
    beside_torch(MORE[name], draw(6, 5, 4))


def test_products():
    def at(lib, x, y):
        return x @ y

    beside_torch(at, draw(4, 5), draw(5, 3))
    beside_torch(at, draw(2, 4, 5), draw(2, 5, 3))
    beside_torch(at, draw(2, 4, 5), draw(5, 3))
    beside_torch(at, draw(5), draw(5, seed=1))
    beside_torch(lambda lib, x, y: lib.outer(x, y), draw(4), draw(5))
    beside_torch(lambda lib, z, x, y: lib.addmm(z, x, y, beta=0.5, alpha=2j), draw(4, 3), draw(4, 5), draw(5, 3))
    beside_torch(lambda lib, x, w, b: lib.nn.functional.linear(x, w, b), draw(4, 5), draw(3, 5), draw(3))


@by_name("large", [False, True])
def test_products_of_small_and_of_large_matrices(large, monkeypatch):
    from numtorch.ops import matmul_complex

    monkeypatch.setattr(matmul_complex, "LITTLE", 0 if large else 1 << 12)
    for shapes in (((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((1, 3, 4), (2, 4, 5))):
        x, y = (draw(*s) for s in shapes)
        found = (numtorch.tensor(x) @ numtorch.tensor(y)).numpy()
        np.testing.assert_allclose(found, x @ y, rtol=1e-5, atol=1e-5)
    assert (numtorch.ones(0, 3, dtype=numtorch.complex64) @ numtorch.ones(3, 2, dtype=numtorch.complex64)).shape == (
        0,
        2,
    )
    assert (
        numtorch.ones(2, 0, dtype=numtorch.complex64).matmul(numtorch.ones(0, 2, dtype=numtorch.complex64)).tolist()
        == [[0j, 0j]] * 2
    )


def test_blocks_mean_what_their_body_does():
    from numtorch.ops.matmul_complex import blocks

    x = numtorch.tensor(draw(2, 3))
    with numtorch.kernels.bodies_only():
        by_body = blocks(x)
    assert (blocks(x) == by_body).all()
    a, b = x[1, 2].real, x[1, 2].imag
    assert by_body[2:4, 4:6].tolist() == [[a.item(), b.item()], [-b.item(), a.item()]]


def test_scattering():
    beside_torch(lambda lib, x, y: x.scatter(0, lib.tensor([[0, 1]]), y), draw(3, 2), draw(1, 2))
    beside_torch(lambda lib, x, y: x.scatter_add(0, lib.tensor([[0, 1]]), y), draw(3, 2), draw(1, 2))
    beside_torch(lambda lib, x, y: x.index_add(0, lib.tensor([0, 0]), y), draw(3, 2), draw(2, 2))
    beside_torch(lambda lib, x, y: x.index_put((lib.tensor([0, 2]),), y), draw(3, 2), draw(2, 2))


def test_making_them_of_their_parts():
    real = draw(3).real.copy()
    beside_torch(lambda lib, x, y: lib.complex(x, y), real, real[::-1].copy())
    beside_torch(lambda lib, x, y: lib.polar(x, y), np.abs(real), real)
    beside_torch(lambda lib, x, y: (lib.complex(imag=y, real=x), lib.polar(angle=y, abs=x)), np.abs(real), real)
    for call, name in ((numtorch.complex, "imag"), (numtorch.polar, "angle")):
        with pytest.raises(TypeError, match=f"argument '{name}' \\(position 2\\) must be Tensor, not float"):
            call(numtorch.ones(2), 1.0)


def _assign(lib, x, y):
    z = x.clone()
    z[1] = y
    z[0] *= 2j
    return z


def _write_parts(lib, x, y):
    z = x * 1
    z.real.mul_(2)
    z.imag[0] = y[0]
    return z


def _write_under_a_part(lib, x, y):
    z = x * 1
    part = z.real
    z.mul_(1j)
    return part * y


def _write_as_complex(lib, x, y):
    pairs = lib.view_as_real(x * 1) * 1
    z = lib.view_as_complex(pairs)
    z.mul_(2 - 1j)
    return pairs[:, 0] * y


def _write_under_complex(lib, x, y):
    pairs = lib.view_as_real(x * 1) * 1
    z = lib.view_as_complex(pairs)
    pairs.mul_(3.0)
    return z * y


def _set_part(lib, x, y):
    z = x * 1
    z.real = y
    return z


@by_name("f", [_write_parts, _write_under_a_part, _write_as_complex, _write_under_complex, _set_part])
def test_writes_through_views_of_the_parts(f):
    beside_torch(f, draw(3), draw(3, seed=2).real.copy())


def test_assignment():
    beside_torch(_assign, draw(3, 2), draw(2))


# --- gradients by finite differences ---------------------------------------------------------------------------

SMOOTH = {
    "mul": lambda t, x, y: x * y,
    "div": lambda t, x, y: x / y,
    "pow": lambda t, x, y: x**y,
    "abs": lambda t, x, y: (x * y).abs(),
    "sgn": lambda t, x, y: t.sgn(x) * y,
    "angle": lambda t, x, y: (x * y).angle(),
    "exp and log": lambda t, x, y: x.exp() + y.log(),
    "parts": lambda t, x, y: x.real * y.imag,
    "pairs": lambda t, x, y: t.view_as_complex(t.view_as_real(x) * t.view_as_real(y)),
    "product": lambda t, x, y: x @ y.mH,
    "mean": lambda t, x, y: (x * y.conj()).mean(0),
    "norm": lambda t, x, y: (x - y).norm(),
    "real and complex": lambda t, x, y: x.abs() * y,
}


@pytest.mark.plain(but=r"\[(product|mean|pairs|exp and log)\]")
@by_name("name", SMOOTH)
def test_gradients_and_their_gradients(name):
    x, y = (numtorch.tensor(draw(2, 2, dtype="complex128", seed=i), requires_grad=True) for i in (1, 2))

    def f(x, y):
        return SMOOTH[name](numtorch, x, y)

    assert numtorch.autograd.gradcheck(f, (x, y))
    assert numtorch.autograd.gradgradcheck(f, (x, y))


def test_gradcheck_finds_a_gradient_that_is_not_conjugated():
    class Wrong(numtorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = numtorch.tensor(draw(3, dtype="complex128"), requires_grad=True)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        numtorch.autograd.gradcheck(Wrong.apply, (x,))


def test_backward_of_complex_results_wants_a_gradient():
    x = numtorch.tensor(draw(3), requires_grad=True)
    with pytest.raises(RuntimeError, match="only for real scalar outputs but got torch.complex64"):
        (x * 2).sum().backward()
    with pytest.raises(RuntimeError, match="required to have the same dtype"):
        x.backward(numtorch.ones(3))


# --- refusals ----------------------------------------------------------------------------------------------------

REFUSED = {
    "x < 1": "not implemented for 'ComplexFloat'",
    "x.amax()": "not implemented for 'ComplexFloat'",
    "x.max(0)": "not implemented for 'ComplexFloat'",
    "x.argmax()": "not implemented for 'ComplexFloat'",
    "x.sort()": "not implemented for 'ComplexFloat'",
    "x.median()": "not implemented for 'ComplexFloat'",
    "x.cummax(0)": "not implemented for 'ComplexFloat'",
    "t.floor(x)": "not implemented for 'ComplexFloat'",
    "t.clamp(x, 0)": "not implemented for 'ComplexFloat'",
    "t.relu(x)": "not implemented for 'ComplexFloat'",
    "t.sign(x)": "not implemented for 'ComplexFloat'",
    "t.erf(x)": "not implemented for 'ComplexFloat'",
    "t.maximum(x, x)": "not implemented for 'ComplexFloat'",
    "t.softmax(x, 0)": "not implemented for",
    "x // 2": "not implemented for 'ComplexFloat'",
    "x % 2": "not implemented for 'ComplexFloat'",
    "x & 1": "not defined for complex64",
    "t.zeros(2).imag": "imag is not implemented for tensors with non-complex dtypes",
    "t.view_as_real(t.ones(2))": "only supported for complex tensors",
    "t.view_as_complex(t.ones(3))": "last dimension of size 2",
    "t.complex(t.ones(2), t.ones(2).double())": "Expected object of scalar type Float but got scalar type Double",
    "t.polar(t.ones(2), t.ones(2).double())": "Expected object of scalar type Float but got scalar type Double",
    "t.zeros(2).add_(1j)": "can't be cast to the desired output type",
    "t.zeros(2).fill_(1j)": "value cannot be converted to type float without overflow",
    "float(t.tensor(1j))": "value cannot be converted to type double without overflow",
    "t.tensor([1j], dtype=t.float32)": "must be real number, not complex",
    "t.tensor([1], dtype=t.uint64) < t.tensor([1])": "Promotion for uint64 and signed types is not supported",
}


@by_name("expression", REFUSED)
def test_refusals(expression):
    errors = []
    libs = [numtorch]
    try:
        import torch

        libs.append(torch)
    except ImportError:
        pass
    for lib in libs:
        with pytest.raises((RuntimeError, TypeError)) as e:
            eval(expression, {"t": lib, "x": lib.tensor([1 + 2j, 3])})
        errors.append(e)
    assert REFUSED[expression] in str(errors[0].value)
    if len(errors) == 2:  # NotImplementedError is a RuntimeError
        assert isinstance(errors[0].value, RuntimeError) == isinstance(errors[1].value, RuntimeError)


# --- types, promotion, numbers, memory -----------------------------------------------------------------------------


def test_promotion_is_torchs():
    torch = pytest.importorskip("torch")

    def outcome(f):
        try:
            return str(f())
        except RuntimeError as e:
            return str(e).partition(";")[0]

    for a, b in itertools.product([d.name for d in ALL], repeat=2):
        pair = [(getattr(lib, a), getattr(lib, b)) for lib in (numtorch, torch)]
        ours = outcome(lambda p=pair[0]: numtorch.promote_types(*p))
        theirs = outcome(lambda p=pair[1]: torch.promote_types(*p))
        integers = not any(d.is_complex for d in pair[0])
        if theirs.startswith("Promotion for uint16") and integers:  # torch promotes none, the standard most
            wide = np.promote_types(a, b)
            theirs = f"torch.{wide}" if wide.kind != "f" else "Promotion for uint64 and signed types is not supported"
        assert ours == theirs if ours.startswith("torch.") else ours.startswith(theirs), (a, b)
    small = [d.name for d in ALL if d.name not in ("uint16", "uint32", "uint64", "float16")]
    for a, other in itertools.product(small, (True, 2, 2.5, 1j)):
        for shape in ((), (2,)):
            ours, theirs = ((lib.ones(shape, dtype=getattr(lib, a)) * other).dtype for lib in (numtorch, torch))
            assert str(ours) == str(theirs), (a, other, shape)


def test_numbers_and_names():
    x = numtorch.tensor([1 + 2j, 3])
    assert x.dtype is numtorch.complex64 and x.is_complex() and not x.is_floating_point()
    assert x.type() == "torch.ComplexFloatTensor" and numtorch.cdouble is numtorch.complex128
    assert repr(x) == "tensor([1.+2.j, 3.+0.j])"
    assert x[0].item() == 1 + 2j and complex(x[0]) == 1 + 2j and x.tolist() == [1 + 2j, 3 + 0j] and bool(x[0])
    assert float(x[1]) == 3.0 and int(x[1]) == 3
    assert numtorch.zeros(2, dtype=complex).dtype is numtorch.complex128
    assert numtorch.full((2,), 1j).tolist() == [1j, 1j]
    assert numtorch.finfo(numtorch.complex64).dtype == "float32"
    assert (numtorch.tensor(2) * 1j).dtype is numtorch.complex64
    assert (numtorch.tensor(2.0, dtype=numtorch.float64) * 1j).dtype is numtorch.complex128
    assert numtorch.empty(2, dtype=numtorch.complex64, device="meta").abs().dtype is numtorch.float32


def test_numpy_shares_the_memory():
    a = draw(3)
    x = numtorch.from_numpy(a)
    x.imag.zero_()
    assert (a.imag == 0).all() and (x.numpy() == a).all()
    assert np.asarray(numtorch.view_as_real(x)).base is not None


def test_casting_to_real_numbers_warns():
    x = numtorch.tensor([1 + 2j])
    with pytest.warns(UserWarning, match="Casting complex values to real discards the imaginary part"):
        assert x.float().tolist() == [1.0]
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        numtorch.zeros(1).copy_(x)
    assert x.to(numtorch.bool).tolist() == [True]


def test_copies_and_files(tmp_path):
    x = numtorch.tensor(draw(2, 3))
    kept = {
        "a": x,
        "row": x[0],
        "b": numtorch.tensor(draw(3, dtype="complex128")),
        "c": numtorch.tensor([65535], dtype=numtorch.uint16),
    }
    numtorch.save(kept, tmp_path / "f.safetensors")
    back = numtorch.load(tmp_path / "f.safetensors")
    for found in (back, pickle.loads(pickle.dumps(kept)), copy.deepcopy(kept)):
        for name, t in kept.items():
            assert found[name].dtype is t.dtype and (found[name] == t).all()
    back["a"].zero_()
    assert not back["row"].any()  # still a view
    other = pytest.importorskip("safetensors.numpy").load_file(tmp_path / "f.safetensors")
    assert (other["a"] == x.numpy()).all()


def test_unsigned_integers_are_stored_converted_and_compared():
    x = numtorch.tensor([1, 65535], dtype=numtorch.uint16)
    assert repr(x) == "tensor([    1, 65535], dtype=torch.uint16)" and x.type() == "torch.UInt16Tensor"
    assert (x == 1).tolist() == [True, False] and (x < x).tolist() == [False, False]
    assert x.sum().item() == 65536 and x.float().tolist() == [1.0, 65535.0]
    assert numtorch.tensor([1.7, 70000.0]).to(numtorch.uint16).tolist() == [1, 4464]
    assert numtorch.tensor([-1], dtype=numtorch.uint32).tolist() == [4294967295]
    assert numtorch.tensor(2**63, dtype=numtorch.uint64).item() == 2**63
    assert (numtorch.tensor([2.5]) * numtorch.tensor([2], dtype=numtorch.uint16)).tolist() == [5.0]
    assert numtorch.cat([x, x])[::2].tolist() == [1, 1] and x.numpy().dtype == np.uint16
    assert numtorch.iinfo(numtorch.uint64).max == 2**64 - 1 and not numtorch.uint64.is_signed


def test_elementary_functions_are_exact():
    rng = np.random.default_rng(0)
    z = rng.normal(size=4000) + 1j * rng.normal(size=4000)
    z = np.concatenate(
        [z, z * 1e-3, z[:1000] * 8, np.exp(1j * rng.normal(size=500)) * (1 + 1e-4 * rng.normal(size=500))]
    )
    for name in [
        "exp",
        "expm1",
        "log",
        "log2",
        "log10",
        "sqrt",
        "rsqrt",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "atan",
        "sigmoid",
        "abs",
        "angle",
    ]:
        given = z.astype(np.complex64)
        with np.errstate(all="ignore"):
            wide = given.astype(np.complex128)
            plain = {"rsqrt": lambda v: 1 / np.sqrt(v), "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "atan": np.arctan}
            want = plain.get(name, getattr(np, name, None))(wide)
        found = getattr(numtorch, name)(numtorch.tensor(given)).numpy()
        error = np.abs(found - want) / np.abs(want)
        assert error.max() < 4 * np.finfo(np.float32).eps, (name, error.max(), given[error.argmax()])


ALL = [
    getattr(numtorch, name)
    for name in [
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
]


def test_complex128_in_a_file_is_pairs_of_float64(tmp_path):
    x = numtorch.nn.Parameter(numtorch.tensor(draw(2, 3, dtype="complex128")))
    numtorch.save([x, x.detach()[:, 1], x.detach()], tmp_path / "f.safetensors")
    back = numtorch.load(tmp_path / "f.safetensors")
    assert isinstance(back[0], numtorch.nn.Parameter) and back[0].dtype is numtorch.complex128
    assert (back[0] == x).all() and (back[1] == x[:, 1]).all()
    back[2].zero_()
    assert not back[0].any() and not back[1].any()
    other = pytest.importorskip("safetensors.numpy").load_file(tmp_path / "f.safetensors")
    (pairs,) = other.values()
    assert pairs.dtype == np.float64 and (pairs[..., 0] == x.detach().real.numpy()).all()


def test_random_numbers_and_rows_of_numbers():
    numtorch.manual_seed(0)
    x = numtorch.randn(20000, dtype=numtorch.complex64)
    assert abs(x.abs().square().mean().item() - 1) < 0.05 and abs(x.real.var().item() - 0.5) < 0.05
    assert abs(x.mean().item()) < 0.03 and x.is_leaf
    y = numtorch.rand(1000, dtype=numtorch.complex128).numpy()
    assert 0 <= y.real.min() < y.real.max() < 1 and 0 <= y.imag.min() < y.imag.max() < 1
    assert numtorch.randn_like(x).dtype is numtorch.complex64
    assert abs(numtorch.zeros(2000, dtype=numtorch.complex64).normal_(3.0, 0.1).mean().item() - 3) < 0.05
    assert numtorch.linspace(0, 1 + 2j, 3).tolist() == [0j, 0.5 + 1j, 1 + 2j]
    assert numtorch.arange(2, dtype=numtorch.complex64).tolist() == [0j, 1 + 0j]
    z = numtorch.zeros(1000, dtype=numtorch.complex64).uniform_(1, 3)
    for part in (z.real, z.imag):
        assert 1 <= part.min() < 1.1 and 2.9 < part.max() < 3


@by_name("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_optimizers_see_complex_parameters_as_pairs(name):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (numtorch, torch):
        p = lib.nn.Parameter(lib.tensor(draw(3)))
        optimizer = getattr(lib.optim, name)([p], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (p * lib.tensor(draw(3, seed=1)) - 1).abs().square().sum().backward()
            optimizer.step()
        found.append(p.detach().numpy())
    close(*found)


def test_modules_become_complex():
    with pytest.warns(UserWarning, match="Complex modules are a new feature"):
        layer = numtorch.nn.Linear(2, 2).to(numtorch.complex64).to(numtorch.complex128)
    assert layer.weight.dtype is numtorch.complex128
    assert layer(numtorch.ones(1, 2, dtype=numtorch.complex128)).dtype is numtorch.complex128


def test_closeness_sees_the_imaginary_part():
    x, y = numtorch.tensor([1 + 1j, 2.0, complex("nan")]), numtorch.tensor([1 + 5j, 2.0, complex("nan")])
    assert numtorch.isclose(x, y).tolist() == [False, True, False]
    assert numtorch.isclose(x, y, equal_nan=True).tolist() == [False, True, True]
    assert not numtorch.allclose(x[:1], y[:1]) and numtorch.allclose(x[:1], y[:1], atol=4.1)
