"""The scalar functions of kernels: accuracy, special values, vector code, and the same meaning
everywhere.
"""

import math as libm
import re
import subprocess
import sys

import numpy as np
import pytest

from numtorch.kernels import jit, math

nb = jit.numba()
plain_only = jit.disabled()


def over(fn, arity=1):
    """A kernel that applies fn to each element."""
    if arity == 1:

        def body(x, out):
            for i in range(out.size):
                out[i] = fn(x[i])
    else:

        def body(x, y, out):
            for i in range(out.size):
                out[i] = fn(x[i], y[i])

    return body if plain_only else nb.njit(fastmath=set(jit.FAST), error_model="numpy")(body)


def apply(fn, *inputs, dtype=None):
    out = np.empty(inputs[0].size, dtype or inputs[0].dtype)
    over(fn, len(inputs))(*inputs, out)
    return out


def plain(fn, *inputs, dtype=None):
    return np.array([fn(*v) for v in zip(*inputs, strict=True)], dtype or inputs[0].dtype)


def ulps(got, want):
    """Distance in units of the last place of ``want``, rounded to the type of ``got``."""
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        both = np.isfinite(rounded) & np.isfinite(got)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded)) | both
        assert same.all(), (got[~same][:5], rounded[~same][:5])
        error = np.abs(got[both].astype(np.longdouble) - want[both])
        return float(np.max(error / np.spacing(np.abs(rounded[both])), initial=0))


def samples(dtype, count):
    """Every exponent, ordinary values, and the neighbourhoods of 0 and 1."""
    rng = np.random.default_rng(0)
    word = {np.float32: np.uint32, np.float64: np.uint64}[dtype]
    parts = [
        rng.integers(0, np.iinfo(word).max, count, dtype=word).view(dtype),
        rng.standard_normal(count) * 4,
        rng.uniform(-1, 1, count),
        rng.uniform(-760, 720, count),
        1 + rng.uniform(-0.5, 0.5, count) ** 3,
        rng.uniform(-110, 95, count),
        SPECIAL,
    ]
    with np.errstate(all="ignore"):
        return np.concatenate([p.astype(dtype) for p in parts])


# fmt: off
SPECIAL = np.array([0.0, -0.0, 1, -1, 2, -2, 0.5, np.inf, -np.inf, np.nan, 88.72, 88.73, -87.3,
                    -103.9, 128, -149, 709.7, 709.8, -745, -746, 1e-45, -1e-45, 1.1754944e-38,
                    5e-324,                    2.2250738585072014e-308])

REFERENCE = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10":
    np.log10,
    "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sqrt": np.sqrt, "tan":
    np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor, "ceil":
    np.ceil,
    "round": np.rint, "trunc": np.trunc, "abs": np.abs,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": lambda x: np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x))),
}
FAST32 = {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sigmoid", "erf", "erfc", "sin",
          "cos", "sqrt", "rsqrt", "floor", "ceil", "round", "trunc", "abs"}
# fmt: on


@pytest.mark.parametrize("name", [*REFERENCE, "erf", "erfc", "lgamma"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accuracy(name, dtype):
    fn = getattr(math, name)
    count = 300 if plain_only or name not in REFERENCE else 20_000
    x = samples(dtype, count)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64 if dtype is np.float32 else np.longdouble)
    if name in REFERENCE:
        with np.errstate(all="ignore"):
            want = REFERENCE[name](wide)
    else:
        want = np.array([fn(float(v)) for v in x])
    limit = 2 if dtype is np.float32 else 4
    if name == "lgamma" and dtype is np.float32:
        assert ulps(apply(fn, x), want) <= limit
    elif name == "lgamma":  # relative to the terms that cancel at its zeros, not to the result
        keep = (x > 0) | ~np.isfinite(x)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(
                apply(fn, x[keep]), want[keep].astype(dtype), rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps
            )
    if name == "lgamma":
        return
    if name not in FAST32 and dtype is np.float32:
        limit = 3
    assert ulps(apply(fn, x), want) <= limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_of_what_is_not_positive(dtype):
    least = np.log(np.finfo(dtype).smallest_normal)
    x = np.concatenate(
        [np.linspace(1.01 * least, 0, 300 if plain_only else 20_000), [0.0, -0.0, 1e-6, -np.inf, np.nan]]
    )
    x = x.astype(dtype)
    if dtype is np.float32:
        x = np.append(x, np.array([0x7FC00001, 0xFFFFFFFF], np.uint32).view(dtype))  # NaN with other bits stays NaN
    want = np.exp(x.astype(np.longdouble))
    want[want < np.finfo(dtype).smallest_normal] = 0
    assert ulps(apply(math.exp_nonpositive, x), want) <= 1.5
    assert type(math.exp_nonpositive(dtype(-1))) is dtype
    assert math.exp_nonpositive(dtype(2 * least)) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_cdf(dtype):
    x = np.concatenate(
        [np.linspace(-9, 9, 300 if plain_only else 20_001), [-1e30, 1e30, -np.inf, np.inf, np.nan, -5.4, 5.4]]
    )
    want = np.array([0.5 * libm.erfc(-v / libm.sqrt(2)) for v in x.astype(dtype)])
    got = apply(math.normal_cdf, x.astype(dtype))
    assert np.nanmax(np.abs(got - want)) < (2e-7 if dtype is np.float32 else 4e-16)
    assert np.isnan(got[-3]) and got[-7] == got[-5] == 0 and got[-6] == got[-4] == 1 and np.nanmin(got) >= 0


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh", "erf", "sin"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_arguments_keep_their_digits_and_sign(name, dtype):
    x = (np.logspace(-44, -3, 500) * np.where(np.arange(500) % 2, 1, -1)).astype(dtype)
    x[:2] = 0.0, -0.0
    got = apply(getattr(math, name), x)
    want = np.array([getattr(math, name)(float(v)) for v in x])
    assert ulps(got, want) <= 2
    assert (np.signbit(got) == np.signbit(x)).all()


def test_float32_sine_of_huge_arguments():
    x = np.ldexp(np.arange(2**23, 2**23 + 4000, dtype=np.float64), 0)
    x = np.concatenate([np.ldexp(x, e) for e in (0, 20, 60, 104)]).astype(np.float32)
    for fn, reference in ((math.sin, np.sin), (math.cos, np.cos)):
        assert (
            ulps(
                apply(fn, x[:200] if plain_only else x), reference(x.astype(np.float64))[: 200 if plain_only else None]
            )
            <= 2
        )


UNARY = sorted({*REFERENCE, "erf", "erfc", "sign", "lgamma"})
BINARY = ["pow", "maximum", "minimum", "fmax", "fmin", "fmod", "remainder", "atan2", "hypot", "copysign"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
def test_plain_python_means_the_same(name, dtype):
    fn = getattr(math, name)
    x = np.concatenate([np.linspace(-3, 3, 41), [0.0, np.inf, -np.inf, np.nan]]).astype(dtype)
    want = plain(fn, x)
    assert type(fn(dtype(0.5))) is dtype
    assert type(fn(0.5)) is float
    if name == "lgamma":  # cancels at its zeros
        np.testing.assert_allclose(apply(fn, x), want, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    else:
        assert ulps(apply(fn, x), want) <= 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BINARY)
def test_two_arguments(name, dtype):
    fn = getattr(math, name)
    grid = np.array([-np.inf, -7.5, -2, -1, -0.0, 0.0, 0.3, 1, 2, 3.5, np.inf, np.nan], dtype)
    x, y = (v.ravel().copy() for v in np.meshgrid(grid, grid))
    want = plain(fn, x, y)
    assert all(type(fn(a, b)) is dtype for a, b in zip(x[:5], y[:5], strict=True))
    got = apply(fn, x, y)
    assert ulps(got, want) <= 3
    if name in ("maximum", "minimum"):
        assert np.isnan(got[np.isnan(x) | np.isnan(y)]).all()
    if name in ("fmax", "fmin"):
        assert (np.isnan(got) == (np.isnan(x) & np.isnan(y))).all()


def test_remainder_and_maximum_agree_with_torch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).standard_normal(500)
    y = np.random.default_rng(2).standard_normal(500)
    for name in ("remainder", "fmod", "maximum", "minimum"):
        want = getattr(torch, name)(torch.from_numpy(x), torch.from_numpy(y)).numpy()
        np.testing.assert_array_equal(apply(getattr(math, name), x, y), want)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("name", ["pow", "maximum", "minimum", "fmax", "fmin", "fmod", "remainder"])
def test_integers_stay_integers(name, dtype):
    x, y = (v.ravel().copy() for v in np.meshgrid(np.arange(-5, 6, dtype=dtype), np.arange(-5, 6, dtype=dtype)))
    fn = getattr(math, name)
    np.testing.assert_array_equal(apply(fn, x, y), plain(fn, x, y))
    assert type(fn(dtype(3), dtype(2))) is dtype


def test_integers_alone():
    x = np.arange(-4, 5, dtype=np.int64)
    for name in ("abs", "sign", "floor", "ceil", "round", "trunc"):
        np.testing.assert_array_equal(apply(getattr(math, name), x), plain(getattr(math, name), x))
    for name in ("isnan", "isinf", "isfinite"):
        np.testing.assert_array_equal(
            apply(getattr(math, name), x, dtype=bool), plain(getattr(math, name), x, dtype=bool)
        )
    np.testing.assert_allclose(apply(math.exp, x, dtype=np.float64), np.exp(x))


def test_the_smallest_integer_does_not_trap():
    x = np.array([np.iinfo(np.int64).min, 7])
    y = np.array([-1, 0])
    assert apply(math.remainder, x, y).tolist() == apply(math.fmod, x, y).tolist() == [0, 0]


def test_predicates():
    for dtype in (np.float32, np.float64):
        x = np.array([0, 1, -1, np.inf, -np.inf, np.nan, np.finfo(dtype).max], dtype)
        for name, reference in (("isnan", np.isnan), ("isinf", np.isinf), ("isfinite", np.isfinite)):
            np.testing.assert_array_equal(apply(getattr(math, name), x, dtype=bool), reference(x))
    assert math.sign(np.float32(np.nan)) == apply(math.sign, np.array([np.nan]))[0] == 0


# --- vector code ----------------------------------------------------------------------------------


def assembly(name, dtype):
    arity = 2 if name in ("maximum", "minimum") else 1
    kernel = over(getattr(math, name), arity)
    kernel(*[np.ones(4, dtype)] * (arity + 1))
    return next(iter(kernel.inspect_asm().values()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "exp_nonpositive",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "tanh",
        "sigmoid",
        "erf",
        "maximum",
        "minimum",
        "sqrt",
        "floor",
        "round",
    ],
)
def test_loops_compile_to_vector_code(name, dtype):
    # In a process of its own, because under NUMBA_DISABLE_JIT=1 this one has no compiler.
    text = (
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import os; os.environ['NUMBA_DISABLE_JIT'] = '0'\n"
                "from tests.kernels.test_math import assembly\n"
                f"print(assembly({name!r}, {dtype!r}))",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if plain_only
        else assembly(name, dtype)
    )
    symbol = {"maximum": "fmax", "minimum": "fmin", "round": "roundeven", "sigmoid": "exp"}.get(name, name)
    assert not re.search(rf"\b_?{symbol}f?\b(?!.*:)", re.sub(r"[#;/].*|\.(asciz|string).*", "", text)), "calls libm"
    single = dtype == "float32"
    packed = r"\w+ps\s.*%[yzx]mm" if single else r"\w+pd\s.*%[yzx]mm"
    assert re.search(packed, text) or re.search(r"\.4s\b" if single else r"\.2d\b", text)
    if name in ("exp", "exp_nonpositive", "exp2", "expm1", "log", "log1p", "tanh", "sigmoid", "erf"):
        fused = r"vfn?m(add|sub)\d+ps\s|fml[as]\s+v\d+\.4s"
        fused = fused if single else fused.replace("ps", "pd").replace("4s", "2d")
        assert re.search(fused, text)


# --- 16-bit floats --------------------------------------------------------------------------------


def test_half_to_float_of_every_value():
    u = np.arange(65536, dtype=np.uint16)
    want = u.view(np.float16).astype(np.float32)
    number = ~np.isnan(want)
    for got in (apply(math.half_to_float, u, dtype=np.float32), plain(math.half_to_float, u, dtype=np.float32)):
        np.testing.assert_array_equal(got[number].view(np.uint32), want[number].view(np.uint32))
        assert np.isnan(got[~number]).all()
    np.testing.assert_array_equal(
        apply(math.half_to_float, u, dtype=np.float32).view(np.uint32),
        plain(math.half_to_float, u, dtype=np.float32).view(np.uint32),
    )


def test_bf16_to_float_of_every_value():
    u = np.arange(65536, dtype=np.uint16)
    got = apply(math.bf16_to_float, u, dtype=np.float32)
    np.testing.assert_array_equal(got.view(np.uint32), u.astype(np.uint32) << 16)


def some_floats(count):
    bits = np.random.default_rng(3).integers(0, 2**32, count, dtype=np.uint32)
    halves = np.arange(0, 65536, 7, dtype=np.uint16).view(np.float16).astype(np.float32)
    ties = ((bits[:2000] & np.uint32(0xFFFF0000)) | np.uint32(0x8000)).view(np.float32)
    between = (halves.view(np.uint32) | np.uint32(0x1000)).view(np.float32)
    special = np.array([65504, 65519.99, 65520, 65536, 2**-24, 2**-25, 1.5 * 2**-25, 0, -0.0, np.inf, -np.inf, np.nan])
    return np.concatenate([bits.view(np.float32), halves, ties, between, special.astype(np.float32)])


def test_float_to_half_rounds_to_nearest_even():
    x = some_floats(2000 if plain_only else 200_000)
    got = apply(math.float_to_half, x, dtype=np.uint16)
    number = ~np.isnan(x)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(got[number], x[number].astype(np.float16).view(np.uint16))
    assert np.isnan(got[~number].view(np.float16)).all()
    few = x[-15_000::5]
    np.testing.assert_array_equal(
        apply(math.float_to_half, few, dtype=np.uint16), plain(math.float_to_half, few, dtype=np.uint16)
    )


def test_float_to_bf16_rounds_to_nearest_even():
    torch = pytest.importorskip("torch")
    x = some_floats(2000 if plain_only else 200_000)
    want = torch.from_numpy(x).bfloat16().view(torch.int16).numpy().view(np.uint16)
    want = np.where(np.isnan(x), np.uint16(0x7FC0), want)
    np.testing.assert_array_equal(apply(math.float_to_bf16, x, dtype=np.uint16), want)
    np.testing.assert_array_equal(plain(math.float_to_bf16, x[-3000:], dtype=np.uint16), want[-3000:])


# --- random numbers -------------------------------------------------------------------------------


def drawn(fn, seed, count, dtype):
    def body(seed, out):
        for i in range(out.size):
            out[i] = fn(seed, i)

    out = np.empty(count, dtype)
    (body if plain_only else nb.njit(fastmath=set(jit.FAST), error_model="numpy")(body))(seed, out)
    return out


@pytest.mark.parametrize(
    "word, answer",
    [  # Random123's known answers for philox4x32-10
        (0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (0xFFFFFFFF, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_philox_known_answers(word, answer):
    assert tuple(map(int, math.philox(*[np.uint64(word)] * 6))) == answer
    pi = [np.uint64(v) for v in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)]
    assert tuple(map(int, math.philox(*pi))) == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


@pytest.mark.parametrize(
    "name, dtype",
    [
        ("random_bits", np.uint32),
        ("uniform32", np.float32),
        ("uniform64", np.float64),
        ("normal32", np.float32),
        ("normal64", np.float64),
    ],
)
@pytest.mark.parametrize("seed", [0, -5, 2**62 + 11, np.uint64(2**64 - 5)])
def test_random_numbers_are_the_same_compiled_and_plain(name, dtype, seed):
    fn = getattr(math, name)
    want = np.array([fn(seed, i) for i in range(60)], dtype)
    got = drawn(fn, seed, 60, dtype)
    assert type(fn(seed, 3)) is dtype
    if name.startswith("normal"):
        np.testing.assert_allclose(got, want, rtol=0, atol=4 * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(got, want)
    assert drawn(fn, -5, 8, dtype).tolist() == drawn(fn, np.uint64(2**64 - 5), 8, dtype).tolist()


def test_block_words_are_the_stream():
    words = [int(w) for block in range(3) for w in math.random_block(7, block)]
    assert [int(math.random_bits(7, i)) for i in range(12)] == words


def test_moments():
    count = 4_000 if plain_only else 400_000
    slack = 5 / np.sqrt(count)
    for name, dtype in (("uniform32", np.float32), ("uniform64", np.float64)):
        u = drawn(getattr(math, name), 1234, count, dtype).astype(np.float64)
        assert u.min() >= 0 and u.max() < 1
        for power in (1, 2, 3, 4):
            assert abs(np.mean(u**power) - 1 / (power + 1)) < slack
        assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < slack
    for name, dtype in (("normal32", np.float32), ("normal64", np.float64)):
        z = drawn(getattr(math, name), 99, count, dtype).astype(np.float64)
        for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
            assert abs(np.mean(z**power) - moment) < 10 * slack
        assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < slack


# --- CUDA -----------------------------------------------------------------------------------------


def test_cuda_kernels_compile_and_keep_float32():
    pytest.importorskip("numba_cuda")
    code = """
import os; os.environ["NUMBA_DISABLE_JIT"] = os.environ["NUMBA_ENABLE_CUDASIM"] = "0"
from numtorch.kernels import jit, math
jit.numba()
import sys; assert "numba.cuda.cudadecl" not in sys.modules
from numtorch.kernels import overloads_cuda
from numba import cuda

def ptx(body, *types):
    return cuda.compile_ptx(body, f"void({','.join(types)})", cc=(9, 0))[0]

for name in ("exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh "
             "asinh acosh atanh sigmoid erf erfc lgamma sqrt rsqrt floor ceil round trunc isnan "
             "isinf isfinite abs sign").split():
    f = getattr(math, name)
    def body(x, out): out[0] = f(x[0])
    text = ptx(body, "f4[::1]", "f4[::1]")
    # libdevice reduces huge angles in double precision
    assert name in ("sin", "cos", "tan") or ".f64" not in text, name
    ptx(body, "f8[::1]", "f8[::1]"), ptx(body, "i8[::1]", "f8[::1]")
for name in "pow maximum minimum fmax fmin fmod remainder atan2 hypot copysign".split():
    f = getattr(math, name)
    def body(x, y, out): out[0] = f(x[0], y[0])
    assert ".f64" not in ptx(body, *["f4[::1]"] * 3), name
    ptx(body, *["f8[::1]"] * 3), ptx(body, *["i4[::1]"] * 3), ptx(body, "f4[::1]", "f8[::1]",
    "f8[::1]")
def convert(x, u, out):
    u[0] = math.float_to_bf16(x[0]); u[1] = math.float_to_half(x[0])
    out[0] = math.bf16_to_float(u[2]); out[1] = math.half_to_float(u[3])
assert ".f64" not in ptx(convert, "f4[::1]", "u2[::1]", "f4[::1]")
def draw(seed, u, v, w):
    i = cuda.grid(1)
    u[i] = math.random_bits(seed, i); v[i] = math.uniform32(seed, i); w[i] = math.uniform64(seed, i)
    + math.normal64(seed, i)
for seed in ("i8", "u8"):
    ptx(draw, seed, "u4[::1]", "f4[::1]", "f8[::1]")
print("fine")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("fine\n"), done.stderr[-2000:]


def test_names():
    assert sorted(math.__all__) == math.__all__
    assert all(callable(getattr(math, name)) and getattr(math, name).__doc__ for name in math.__all__)
