"""Tensors and other libraries: DLPack, the array API standard, SciPy, scikit-learn, einops, opt_einsum."""

import gc
import importlib
import importlib.util
import inspect
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import numtorch
import numtorch.array_api as xp
from numtorch import capsules

TYPES = [
    *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
HAS_TORCH = importlib.util.find_spec("torch") is not None


def fresh(code, *options):
    """What a new process prints."""
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- DLPack -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_numpy_shares_memory_both_ways(name):
    a = np.ones((2, 3), name)
    x = numtorch.from_dlpack(a.T)
    assert (x.dtype.name, x.shape, x.stride(), x.data_ptr()) == (name, (3, 2), (1, 3), a.ctypes.data)
    b = np.from_dlpack(x)
    assert (b.dtype.name, b.shape, b.ctypes.data) == (name, (3, 2), a.ctypes.data)
    a[0, 1] = 0
    assert x[1, 0].item() == b[1, 0] == 0
    copied = np.from_dlpack(x, copy=True)
    assert copied.ctypes.data != a.ctypes.data and (copied == b).all()


@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed")
@pytest.mark.parametrize("name", [*TYPES, "bfloat16"])
def test_torch_shares_memory_both_ways(name):
    torch = importlib.import_module("torch")
    t = torch.ones(2, 3).to(getattr(torch, name)).t()
    x = numtorch.from_dlpack(t)
    assert (x.dtype.name, x.stride(), x.data_ptr()) == (name, t.stride(), t.data_ptr())
    back = torch.from_dlpack(x)
    assert (back.dtype, back.data_ptr()) == (t.dtype, t.data_ptr())
    assert torch.utils.dlpack.from_dlpack(numtorch.utils.dlpack.to_dlpack(x)).data_ptr() == t.data_ptr()


@pytest.mark.parametrize("form", ["dltensor", "dltensor_versioned"])
def test_the_version_that_the_consumer_knows_is_given(form):
    versions = {"dltensor": [None, (0, 8)], "dltensor_versioned": [(1, 0), (1, 1), (2, 0)]}[form]
    for version in versions:
        assert f'"{form}"' in repr(numtorch.ones(2).__dlpack__(max_version=version))


def test_a_capsule_is_consumed_once():
    for version in (None, (1, 0)):
        capsule = numtorch.tensor([1, 2]).__dlpack__(max_version=version)
        assert numtorch.from_dlpack(capsule).tolist() == [1, 2]
        assert '"used_dltensor' in repr(capsule)
        with pytest.raises(RuntimeError, match="consumed only once"):
            numtorch.from_dlpack(capsule)


def test_elements_live_as_long_as_anybody_needs_them():
    gc.collect()
    before = len(capsules._given)
    a = np.from_dlpack(numtorch.arange(1000))
    capsule = numtorch.ones(2).__dlpack__()
    assert len(capsules._given) == before + 2
    assert a[999] == 999
    del a, capsule
    assert len(capsules._given) == before
    given = np.arange(1000)
    count = sys.getrefcount(given)
    x = numtorch.from_dlpack(given)
    view = x[500:]
    del x
    assert sys.getrefcount(given) > count and view[0].item() == 500
    del view
    gc.collect()
    assert sys.getrefcount(given) == count


def test_the_end_of_the_interpreter_is_survived():
    code = (
        "import builtins, atexit, numpy as np, numtorch\n"
        "atexit.register(lambda: setattr(builtins, 'late', np.from_dlpack(numtorch.ones(3))))\n"
        "builtins.kept = np.from_dlpack(numtorch.ones(3)), numtorch.ones(3).__dlpack__(), "
        "numtorch.from_dlpack(np.ones(3)), numtorch.ones(2).__dlpack__(max_version=(1, 0))\n"
        "print('ended')"
    )
    assert fresh(code, "-X", "faulthandler", "-W", "error") == "ended"


def test_read_only_memory_is_copied_and_the_flags_say_what_is_copied():
    a = np.arange(3.0)
    a.flags.writeable = False
    x = numtorch.from_dlpack(a)
    x += 1
    assert a.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only, and copy=False refuses"):
        numtorch.from_dlpack(a, copy=False)
    backwards = np.arange(3)[::-1]
    assert numtorch.from_dlpack(backwards).tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="negative strides"):
        numtorch.from_dlpack(backwards, copy=False)
    y = numtorch.ones(2)
    for copy, flags in ((None, 0), (False, 0), (True, capsules.COPIED)):
        capsule = y.__dlpack__(max_version=(1, 0), copy=copy)
        address = capsules._pointer(capsule, b"dltensor_versioned")
        assert capsules._Versioned.from_address(address).flags == flags


def test_what_cannot_be_exchanged_is_refused():
    x = numtorch.ones(2)
    with pytest.raises(BufferError, match="requires? gradient"):
        numtorch.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(AssertionError, match="stream should be None on cpu"):
        x.__dlpack__(stream=3)
    with pytest.raises(TypeError, match="stream must be"):
        x.__dlpack__(stream="1")
    with pytest.raises(TypeError, match="copy"):
        x.__dlpack__(copy=1)
    with pytest.raises(BufferError, match="without copying"):
        x.__dlpack__(dl_device=(2, 0), copy=False)
    with pytest.raises(BufferError, match="kDLMetal"):
        x.__dlpack__(dl_device=(8, 0))
    with pytest.raises(ValueError, match="meta"):
        numtorch.ones(2, device="meta").__dlpack_device__()
    with pytest.raises(TypeError, match="__dlpack__ method"):
        numtorch.from_dlpack(3)
    assert tuple(map(int, x.__dlpack_device__())) == (1, 0)


class Old:
    """A producer of before DLPack 1.0: it knows no options."""

    def __init__(self, a):
        self.a = a

    def __dlpack__(self):
        return self.a.__dlpack__()

    def __dlpack_device__(self):
        return self.a.__dlpack_device__()


def test_producers_without_options_are_understood():
    a = np.arange(3)
    assert numtorch.from_dlpack(Old(a), device="cpu").data_ptr() == a.ctypes.data
    assert numtorch.from_dlpack(Old(a), copy=True).data_ptr() != a.ctypes.data
    with pytest.raises(ValueError, match="meta"):
        numtorch.from_dlpack(a, device="meta")


def test_strange_structures_are_refused():
    capsule = numtorch.ones(2).__dlpack__(max_version=(1, 0))
    made = capsules._Versioned.from_address(capsules._pointer(capsule, b"dltensor_versioned"))
    for field, value, message in (("bits", 4, "float4"), ("lanes", 2, "2 lanes"), ("code", 9, "number 9")):
        before = getattr(made.array.dtype, field)
        setattr(made.array.dtype, field, value)
        with pytest.raises(BufferError, match=message):
            numtorch.from_dlpack(capsule)
        setattr(made.array.dtype, field, before)
    made.version.major = 2
    with pytest.raises(BufferError, match=r"DLPack 2\.1"):
        numtorch.from_dlpack(capsule)
    made.version.major = 1
    assert numtorch.from_dlpack(capsule).tolist() == [1, 1]


def test_empty_and_0_dimensional_tensors():
    for shape in ((), (0, 3), (2, 0)):
        x = numtorch.zeros(shape)
        assert np.from_dlpack(x).shape == shape
        assert numtorch.from_dlpack(x).shape == shape


def test_an_array_without_a_copy_refuses_another_type():
    x = numtorch.ones(2)
    assert np.asarray(x, copy=False).ctypes.data == x.data_ptr()
    assert np.asarray(x, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="avoid copy"):
        np.asarray(x, np.float64, copy=False)


# --- unsigned integers ----------------------------------------------------------------------------------------


def test_unsigned_integers_compute_as_numpy_does():
    a = np.array([0, 1, 7, 2**63 - 1, 2**63, 2**64 - 1, 12345678901234567890], np.uint64)
    b = np.array([1, 3, 7, 2, 2**64 - 1, 3, 2**40], np.uint64)
    shift = np.array([0, 1, 5, 63, 63, 62, 7], np.uint64)
    x, y, s = (numtorch.from_numpy(v) for v in (a, b, shift))
    with np.errstate(all="ignore"):
        for got, want in (
            (x + y, a + b),
            (x // y, a // b),
            (x >> s, a >> shift),
            (x**s, a**shift),
            (x >> 3, a >> np.uint64(3)),
            (x < y, a < b),
        ):
            assert got.dtype.name == want.dtype.name
            np.testing.assert_array_equal(got.numpy(), want)
        want = a >> shift
        x >>= s  # writes to a's memory
        np.testing.assert_array_equal(a, want)


def test_promotion_of_unsigned_integers():
    for first, second, want in (
        ("uint8", "uint16", "uint16"),
        ("uint16", "int8", "int32"),
        ("uint32", "int64", "int64"),
        ("uint32", "int32", "int64"),
        ("bool", "uint64", "uint64"),
    ):
        a, b = getattr(numtorch, first), getattr(numtorch, second)
        assert numtorch.promote_types(a, b).name == numtorch.promote_types(b, a).name == want
    with pytest.raises(RuntimeError, match="no integer type holds both"):
        numtorch.promote_types(numtorch.uint64, numtorch.int8)


# --- the array API standard -------------------------------------------------------------------------------------


def test_tensors_name_the_namespace():
    x = numtorch.ones(2)
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2023.12") is xp
    with pytest.raises(ValueError, match=r"2020\.12"):
        x.__array_namespace__(api_version="2020.12")
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="stream"):
        x.to_device("cpu", stream=1)


def test_only_types_of_one_kind_are_promoted():
    half, whole = xp.asarray(1.0, dtype=xp.float64), xp.ones((2,), dtype=xp.float32)
    assert xp.add(whole, half).dtype is xp.float64  # a 0-dimensional array counts
    assert xp.add(whole, 1).dtype is xp.float32
    assert xp.multiply(whole, 1j).dtype is xp.complex64
    assert xp.result_type(xp.uint16, xp.int16) is xp.int32 and xp.result_type(xp.int8, 3) is xp.int8
    for wrong in (
        lambda: xp.add(xp.asarray([1]), whole),
        lambda: xp.add(xp.asarray([1]), 1.5),
        lambda: xp.add(xp.asarray([True]), xp.asarray([True])),
        lambda: xp.sin(xp.asarray([1])),
        lambda: xp.logical_and(whole, whole),
        lambda: xp.result_type(xp.uint64, xp.int8),
        lambda: xp.add(np.ones(2), np.ones(2)),
        lambda: xp.astype(xp.asarray([1j]), xp.float32),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert (
        xp.can_cast(xp.int8, xp.int16) and not xp.can_cast(xp.int16, xp.int8) and not xp.can_cast(xp.int8, xp.float32)
    )
    assert xp.isdtype(xp.uint8, ("bool", "integral")) and not xp.isdtype(xp.float32, "complex floating")


def test_functions_of_the_standard():
    x = xp.asarray([[3, 1], [2, 1]], dtype=xp.uint64)
    assert xp.sum(x, axis=0).tolist() == [5, 2] and xp.sum(xp.asarray([1], dtype=xp.uint8)).dtype is xp.uint64
    assert xp.max(x + (2**63 - 1)).item() == 2**63 + 2 and xp.argmax(x, axis=1).tolist() == [0, 0]
    found = xp.unique_all(xp.asarray([2.0, float("nan"), 2.0, float("nan")]))
    assert found.counts.tolist() == [2, 1, 1] and found.inverse_indices.tolist() == [0, 1, 0, 2]
    assert xp.clip(xp.asarray([1, 300], dtype=xp.int16), -1000000, 5).tolist() == [1, 5]
    assert xp.cumulative_sum(xp.asarray([1, 2]), include_initial=True).tolist() == [0, 1, 3]
    assert xp.take(xp.asarray([1, 2, 3]), xp.asarray([-1, 0])).tolist() == [3, 1]
    assert xp.linspace(0, 1, 4, endpoint=False).tolist() == [0, 0.25, 0.5, 0.75]
    assert xp.matmul(xp.asarray([[1, 2]], dtype=xp.uint16), xp.asarray([[3], [4]], dtype=xp.uint16)).tolist() == [[11]]
    assert xp.floor_divide(xp.asarray([float("inf")]), 2.0).item() == float("inf")
    inf, nan = math.inf, math.nan
    far = xp.asarray([complex(inf, 0), complex(-inf, inf), complex(-inf, nan), complex(nan, 0), complex(inf, nan), 0])
    for f, low in ((xp.exp, 0), (xp.expm1, -1)):
        found = f(far)
        np.testing.assert_equal(xp.real(found).tolist(), [inf, low, low, nan, inf, low + 1])
        np.testing.assert_equal(xp.imag(found).tolist(), [0, 0, 0, 0, nan, 0])


def test_what_the_namespace_says_of_itself():
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["indexing"] is xp.int64 and info.default_device() in info.devices()
    assert set(info.dtypes(kind=("bool", "complex floating"))) == {"bool", "complex64", "complex128"}
    assert len(info.dtypes()) == 13 and info.capabilities()["boolean indexing"]
    with pytest.raises(ValueError, match="none of"):
        info.dtypes(kind="half")


def test_signatures_of_bound_operators_can_be_asked_for():
    assert next(iter(inspect.signature(numtorch.ones(1).__add__).parameters)) == "other"


# --- libraries ----------------------------------------------------------------------------------------------------


def test_importing_loads_none_of_it():
    code = (
        "import sys, numtorch\n"
        "print([m for m in ('numtorch.array_api', 'numtorch.capsules', 'numtorch.interop.einops', 'einops') "
        "if m in sys.modules])"
    )
    assert fresh(code) == "[]"


@pytest.mark.skipif(importlib.util.find_spec("einops") is None, reason="einops is not installed")
@pytest.mark.parametrize("first", ["numtorch", "einops"])
def test_einops_takes_tensors(first):
    code = (
        f"import {first}, gc, numtorch, einops\n"
        "gc.collect()\n"
        "x = numtorch.arange(24.0).reshape(2, 3, 4).requires_grad_()\n"
        "y = einops.rearrange(x, 'a b c -> (c a) b')\n"
        "y.sum().backward()\n"
        "print(tuple(y.shape), type(y).__name__, x.grad.sum().item(), "
        "einops.reduce(x, 'a b c -> b', 'mean').tolist(), einops.reduce(x, 'a b c -> b', 'max').tolist(), "
        "tuple(einops.repeat(x, 'a b c -> a 2 b c').shape), tuple(einops.einsum(x, x, 'a b c, a b d -> c d').shape))"
    )
    assert fresh(code, "-W", "error") == ("(8, 3) Tensor 24.0 [7.5, 11.5, 15.5] [15.0, 19.0, 23.0] (2, 2, 3, 4) (4, 4)")


def test_opt_einsum_takes_tensors():
    opt_einsum = pytest.importorskip("opt_einsum")
    a, b, c = (numtorch.randn(2, 3), numtorch.randn(3, 4), numtorch.randn(4, 2))
    got = opt_einsum.contract("ij,jk,kl->il", a, b, c)
    assert isinstance(got, numtorch.Tensor)
    np.testing.assert_allclose(got.numpy(), a.numpy() @ b.numpy() @ c.numpy(), rtol=1e-4, atol=1e-5)
    assert opt_einsum.contract("ij,kj->ki", a, a).shape == (2, 2)


@pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="scipy is not installed")
def test_scipy_computes_with_tensors():
    code = (
        "import numpy as np, numtorch, scipy.stats, scipy.signal, scipy.special\n"
        "a = np.random.default_rng(0).normal(size=(6, 2))\n"
        "x = numtorch.from_numpy(a)\n"
        "for f in (scipy.stats.zscore, scipy.signal.detrend, scipy.special.logsumexp):\n"
        "    r = f(x)\n"
        "    print(type(r).__name__, np.allclose(r.numpy(), f(a)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )
    assert done.stdout.split() == ["Tensor", "True"] * 3, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="scikit-learn is not installed")
def test_scikit_learn_computes_with_tensors():
    code = (
        "import numpy as np, numtorch, sklearn\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.preprocessing import MinMaxScaler\n"
        "a = np.random.default_rng(0).normal(size=(12, 3))\n"
        "x = numtorch.from_numpy(a)\n"
        "with sklearn.config_context(array_api_dispatch=True):\n"
        "    for f in (lambda v: MinMaxScaler().fit_transform(v), "
        "lambda v: Ridge(solver='svd').fit(v, v[:, 0] * 2 + v[:, 1]).coef_):\n"
        "        r = f(x)\n"
        "        print(type(r).__name__, np.allclose(r.numpy(), f(a)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )
    assert done.stdout.split() == ["Tensor", "True"] * 2, done.stderr
