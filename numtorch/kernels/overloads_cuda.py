"""Compiled CUDA versions of the functions in ``math``. Importing this module registers them.

Maps each name to the device function for the type of the argument, so that float32 stays float32. It imports
``numba.cuda``, so import it only where a CUDA kernel is about to be compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.cuda import libdevice, types
from numba.cuda.cudadecl import registry
from numba.cuda.extending import lower_builtin
from numba.cuda.np.numpy_support import from_dtype
from numba.cuda.typing import signature
from numba.cuda.typing.templates import AbstractTemplate

from numtorch.kernels import math, overloads_complex, sampling, special

# Each version is typed by a rule and compiled inside its caller. Numba's @overload would make it a
# device function of its own, which cannot be compiled without a GPU in the machine.


def _kind(*args: Any) -> Any:
    """The NumPy scalar type that numbers of these Numba types meet in, None for others."""
    names = [str(types.unliteral(a)) for a in args]
    if not all(n.startswith(("float", "int", "uint", "bool")) for n in names):
        return None
    return np.result_type(*(np.dtype(n) for n in names)).type


def _complex_kind(*args: Any) -> Any:
    """The NumPy complex type of numbers of these Numba types, None if none is complex."""
    names = [str(types.unliteral(a)) for a in args]
    if not any(n.startswith("complex") for n in names):
        return None
    return np.complex128 if "complex128" in names or "float64" in names else np.complex64


_RULES: dict[Any, list] = {}  # of each function: pairs of ``sign`` and ``version``, of which the first that fits counts


def _define(fn: Any, sign: Any, version: Any) -> None:
    """Type calls of fn by ``sign(argument types)``, None for types that it does not take; compile them from
    ``version(type of the first one)``.
    """
    rules = _RULES.setdefault(fn, [])
    rules.append((sign, version))
    if len(rules) > 1:
        return

    class Typing(AbstractTemplate):
        key = fn

        def generic(self, args, kws):
            return next((found for sign, _ in rules if (found := sign(args))), None)

    def generate(context, builder, sig, args):
        version = next(version for sign, version in rules if sign(sig.args))
        return context.compile_internal(builder, version(sig.args[0]), sig, args)

    registry.register_global(fn, types.Function(Typing))
    lower_builtin(fn, types.VarArg(types.Any))(generate)


def on_device(fn: Any) -> None:
    """Let kernels call a function whose result has the type of its last argument."""
    _define(fn, lambda args: signature(args[-1], *args), lambda t: fn)


def _like(target: Any, arity: int, result: Any = None) -> Any:
    kind = getattr(types, target.__name__)
    return signature(result or kind, *[kind] * arity)


def real(fn: Any, arity: int, single: Any, double: Any) -> None:
    """Register a float32 and a float64 version; other numbers become float64."""

    def sign(args):
        kind = _kind(*args)
        return kind and _like(np.float32 if kind is np.float32 else np.float64, arity)

    _define(fn, sign, lambda t: single if t == types.float32 else double)


def number(fn: Any, arity: int, single: Any, double: Any, integers: Any, result: Any = None) -> None:
    """Register versions for both float types and one for integers, which stay integers."""

    def sign(args):
        kind = _kind(*args)
        if kind is None:
            return None
        if issubclass(kind, np.floating):
            return _like(np.float32 if kind is np.float32 else np.float64, arity, result)
        return _like(np.int64 if kind is np.bool_ else kind, arity, result)

    def version(t):
        return single if t == types.float32 else double if t == types.float64 else integers

    _define(fn, sign, version)


def _unary(f: Any) -> Any:
    return lambda x: f(x)


def _binary(f: Any) -> Any:
    return lambda x, y: f(x, y)


# fmt: off
_DEVICE = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh",
    "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "sqrt", "rsqrt",
)
# fmt: on
for _name in _DEVICE:
    real(getattr(math, _name), 1, _unary(getattr(libdevice, f"{_name}f")), _unary(getattr(libdevice, _name)))
real(math.exp_nonpositive, 1, _unary(libdevice.expf), _unary(libdevice.exp))
real(math.normal_cdf, 1, _unary(libdevice.normcdff), _unary(libdevice.normcdf))
for _name in ("atan2", "hypot", "copysign"):
    real(getattr(math, _name), 2, _binary(getattr(libdevice, f"{_name}f")), _binary(getattr(libdevice, _name)))


def _same(x):
    return x


for _name, _device in (("floor", "floor"), ("ceil", "ceil"), ("trunc", "trunc"), ("round", "rint")):
    number(
        getattr(math, _name), 1, _unary(getattr(libdevice, f"{_device}f")), _unary(getattr(libdevice, _device)), _same
    )


def _sigmoid(one: Any) -> Any:
    # exp(-x) overflows to infinity, whose reciprocal is the right 0.
    return lambda x: one / (one + math.exp(-x))


real(math.sigmoid, 1, _sigmoid(np.float32(1)), _sigmoid(np.float64(1)))


def _sign(zero: Any, one: Any) -> Any:
    return lambda x: one if x > zero else (-one if x < zero else zero)


number(math.abs, 1, _unary(libdevice.fabsf), _unary(libdevice.fabs), lambda x: x if x > 0 else -x)
number(
    math.sign, 1, _sign(np.float32(0), np.float32(1)), _sign(np.float64(0), np.float64(1)), lambda x: (x > 0) - (x < 0)
)


def _not_number(x):
    return x != x


def _infinite(inf: Any) -> Any:
    return lambda x: x == inf or x == -inf


def _finite(inf: Any) -> Any:
    return lambda x: x < inf and x > -inf


number(math.isnan, 1, _not_number, _not_number, lambda x: False, types.boolean)
number(math.isinf, 1, _infinite(np.float32(np.inf)), _infinite(np.float64(np.inf)), lambda x: False, types.boolean)
number(math.isfinite, 1, _finite(np.float32(np.inf)), _finite(np.float64(np.inf)), lambda x: True, types.boolean)


def _propagating(f: Any) -> Any:
    # libdevice's fmax drops NaN; the sum of a NaN and anything is NaN.
    return lambda x, y: x + y if x != x or y != y else f(x, y)


def _int_max(x, y):
    return x if x > y else y


def _int_min(x, y):
    return x if x < y else y


number(math.maximum, 2, _propagating(libdevice.fmaxf), _propagating(libdevice.fmax), _int_max)
number(math.minimum, 2, _propagating(libdevice.fminf), _propagating(libdevice.fmin), _int_min)
number(math.fmax, 2, _binary(libdevice.fmaxf), _binary(libdevice.fmax), _int_max)
number(math.fmin, 2, _binary(libdevice.fminf), _binary(libdevice.fmin), _int_min)


def _int_pow(x, y):
    # By squaring; wraps. A negative power is a fraction, hence 0, unless x is 1 or -1.
    if y < 0:
        return (1 if (y & 1) == 0 else x) if x == 1 or x == -1 else x * 0
    result = x - x + 1
    while y > 0:
        if y & 1:
            result *= x
        x *= x
        y >>= 1
    return result


def _int_fmod(x, y):
    if y == 0 or y == -1:
        return 0
    rest = x % y
    return rest - y if rest != 0 and (rest < 0) != (x < 0) else rest


def _remainder(f: Any, zero: Any) -> Any:
    def remainder(x, y):
        rest = f(x, y)
        return rest + y if rest != zero and (rest < zero) != (y < zero) else rest

    return remainder


number(math.pow, 2, _binary(libdevice.powf), _binary(libdevice.pow), _int_pow)
number(math.fmod, 2, _binary(libdevice.fmodf), _binary(libdevice.fmod), _int_fmod)
number(
    math.remainder,
    2,
    _remainder(libdevice.fmodf, np.float32(0)),
    _remainder(libdevice.fmod, np.float64(0)),
    lambda x, y: 0 if y == 0 or y == -1 else x % y,
)


# --- 16-bit floats and random numbers: compiled from their text in math ---------------------------


def _text(fn: Any, result: Any, *args: Any, body: Any = None) -> None:
    """Register fn for these argument types, compiled from its own text or from ``body``."""
    sig = signature(result, *args)
    _define(fn, lambda given: sig, lambda first: body or fn)


def _float_bits(x):
    return np.int64(libdevice.float_as_int(x)) & 0xFFFFFFFF


def _bits_float(b):
    return libdevice.int_as_float(np.int32(b))


_WORDS = types.UniTuple(types.uint64, 4)
_text(math.float_bits, types.int64, types.float32, body=_float_bits)
_text(math.bits_float, types.float32, types.int64, body=_bits_float)
_text(math.float_to_bf16, types.uint16, types.float32)
_text(math.float_to_half, types.uint16, types.float32)
_text(math.bf16_to_float, types.float32, types.uint16)
_text(math.half_to_float, types.float32, types.uint16)
_text(math.philox, _WORDS, *[types.uint64] * 6)
_text(math.random_block, _WORDS, types.int64, types.int64)
_text(math.random_bits, types.uint32, types.int64, types.int64)
_text(math.uniform32, types.float32, types.int64, types.int64)
_text(math.normal32, types.float32, types.int64, types.int64)
_text(math.uniform64, types.float64, types.int64, types.int64)
_text(math.normal64, types.float64, types.int64, types.int64)
_text(sampling.stream, types.int64, types.int64, types.int64)
_text(sampling._rarer_count, types.float64, types.int64, types.float64, types.float64)
for _fn, _count in sampling.VARIATES.items():
    _text(_fn, types.float64, types.int64, types.int64, *[types.float64] * _count)


for _fn in (*special.HELPERS, *[text for text, _ in special.TEXTS.values()]):
    _text(_fn, types.float64, *[types.float64] * _fn.__code__.co_argcount)
for _fn in special.INTEGERS.values():
    on_device(_fn)


def _in_double(text: Any, arity: int) -> Any:
    if arity == 1:
        return lambda x: np.float32(text(np.float64(x)))
    if arity == 3:
        return lambda x, y, z: np.float32(text(np.float64(x), np.float64(y), np.float64(z)))
    return lambda x, y: np.float32(text(np.float64(x), np.float64(y)))


for _fn, (_of, _arity) in special.TEXTS.items():
    real(_fn, _arity, _in_double(_of, _arity), _of)
for _fn, _of in special.INTEGERS.items():
    number(_fn, 2, None, None, _of)


# --- complex numbers: the formulas of the CPU's versions ------------------------------------------

_PARTS = {"complex64": np.float32, "complex128": np.float64}
_RESULTS = {math.isinf: np.bool_, math.isfinite: np.bool_}  # of other functions: complex, but for lengths and angles


def _complex(fn: Any, build: Any) -> None:
    def sign(args):
        kind = _complex_kind(*args)
        if kind is None:
            return None
        part = _PARTS[kind.__name__]
        result = _RESULTS.get(fn) or (part if fn in (math.abs, math.angle) else kind)
        return _like(kind, len(args), from_dtype(np.dtype(result)))

    _define(fn, sign, lambda t: build(_PARTS[str(t)]))


for _fn, _build in overloads_complex.FORMULAS.items():
    _complex(_fn, _build)
for _fn, _build in overloads_complex.OF_TWO.items():
    _complex(_fn, lambda part, build=_build: build(np.complex64 if part is np.float32 else np.complex128))


def _of_real(fn: Any, build: Any) -> None:
    def sign(args):
        kind = _kind(*args)
        if kind is None or fn is not math.angle:
            return kind and _like(kind, 1)
        return _like(np.float32 if kind is np.float32 else np.float64, 1)

    _define(fn, sign, lambda t: build(np.dtype(str(t)).type))


for _fn, _build in overloads_complex.OF_REAL.items():
    _of_real(_fn, _build)
_define(
    math.with_parts,
    lambda args: signature(types.complex64 if args[0] == types.float32 else types.complex128, *args),
    lambda t: lambda x, y: complex(x, y),
)


def _compared(args: Any) -> Any:
    kind = _complex_kind(*args) or _kind(*args)
    return kind and _like(np.int64 if kind is np.bool_ else kind, 2, types.boolean)


_define(math.exceeds, _compared, lambda t: (lambda x, y: False) if str(t).startswith("complex") else lambda x, y: x > y)
