"""``torch._foreach_*``: an op on each tensor of a list, as optimizers that are written by hand call them.

All of them come from the tables below. What overwrites floating-point tensors of one kind is one launch for all of them
where an update is there for it (``kernels/tables.py``); all else is the op, tensor after tensor.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dispatch.update import overwrite, update
from numtorch.exports import PLACES, exported
from numtorch.grad_mode import mode
from numtorch.ops.optimizer import fill_each, scale_each

# fmt: off
UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma",
    "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt",
    "tan", "tanh", "trunc",
)
BINARY = ("add", "sub", "mul", "div", "pow", "clamp_max", "clamp_min", "maximum", "minimum")
# fmt: on


@update
def add_each(x, y, alpha: float = 1.0):
    """``x += alpha * y``."""
    return overwrite((x,), (x + y * alpha,))


@update
def addcmul_each(x, s, t, value: float = 1.0):
    """``x += value * s * t``."""
    return overwrite((x,), (x + s * value * t,))


@update
def addcdiv_each(x, s, t, value: float = 1.0):
    """``x += value * s / t``."""
    return overwrite((x,), (x + s * value / t,))


@update
def lerp_each(x, end, weight: float = 0.5):
    """``x += weight * (end - x)``."""
    return overwrite((x,), (x + (end - x) * weight,))


def _listed(name: str, given: Any, argument: str = "self") -> list[Tensor]:
    """The tensors of an argument."""
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"_foreach_{name}(): argument '{argument}' must be tuple of Tensors, not {type(given).__name__}; pass a "
            "list or a tuple"
        )
    for i, t in enumerate(given):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"_foreach_{name}(): expected Tensor as element {i} in argument '{argument}', but got "
                f"{type(t).__name__}"
            )
    if not given:
        raise RuntimeError(f"Tensor list must have at least one tensor: _foreach_{name} got none in '{argument}'")
    return list(given)


def _opposite(name: str, xs: list[Tensor], given: Any, argument: str) -> list[Tensor]:
    """A list of tensors that is as long as ``xs``."""
    if isinstance(given, list | tuple) and len(given) != len(xs):
        raise RuntimeError(
            f"Tensor lists must have the same number of tensors, got {len(xs)} and {len(given)} (_foreach_{name}, "
            f"'{argument}')"
        )
    return _listed(name, given, argument)


def _number(name: str, argument: str, value: Any) -> Any:
    if isinstance(value, numbers.Number):
        return value
    raise TypeError(f"_foreach_{name}(): argument '{argument}' must be a number, not {type(value).__name__}")


def _each(name: str, xs: list[Tensor], given: Any, argument: str) -> list:
    """For each tensor what stands opposite it: a tensor or a number of a list, or what is given for all."""
    if isinstance(given, Tensor):
        if given.ndim:
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {given.ndim} dimensions and {given.numel()} elements "
                f"(_foreach_{name}, '{argument}'); for a tensor for each pass a list of them"
            )
        return [given] * len(xs)
    if not isinstance(given, list | tuple):
        return [_number(name, argument, given)] * len(xs)
    if given and isinstance(given[0], Tensor):
        return _opposite(name, xs, given, argument)
    if len(given) != len(xs):
        raise RuntimeError(
            f"Tensor list must have same number of elements as scalar list: _foreach_{name} got {len(xs)} tensors and "
            f"{len(given)} numbers"
        )
    return [_number(name, argument, v) for v in given]


def _values(name: str, xs: list[Tensor], given: Any) -> list:
    """The factor of each product in ``addcmul``: a number, a list of them, or a tensor with one for each."""
    if not isinstance(given, Tensor):
        return _each(name, xs, given, "scalars")
    if given.ndim != 1:
        raise RuntimeError(f"Expected packed scalar Tensor to be of dimension 1. Got {given.ndim} instead.")
    if given.shape[0] != len(xs):
        raise RuntimeError(
            f"Expected length of scalars to match input of length {len(xs)} but got {given.shape[0]} instead."
        )
    return given.tolist()


def _one(values: list) -> float | None:
    """The real number that all of them are; None where there is none."""
    first = values[0]
    if not isinstance(first, int | float) or isinstance(first, bool) or any(v is not first for v in values):
        return None
    return float(first)


def _together(op: Any, *columns: list[Tensor], **numbers: float) -> bool:
    """Overwrite the tensors of the first column in one launch; False where they must be overwritten one by one."""
    kinds = {t._k for c in columns for t in c}
    if len(kinds) > 1 or not next(iter(kinds)).dtype.is_floating_point:
        return False
    if mode.grad and any(t.requires_grad for c in columns for t in c):
        return False
    shapes = [t.shape for t in columns[0]]
    if any([t.shape for t in c] != shapes for c in columns[1:]):
        return False
    op.op.together(list(columns), numbers)
    return True


def _fused(name: str, xs: list[Tensor], others: list, alpha: Any) -> bool:
    """Whether one launch did ``name``, in place."""
    if not isinstance(alpha, int | float):
        return False
    sign = -1.0 if name == "sub" else 1.0
    if all(isinstance(y, Tensor) for y in others):
        return name in ("add", "sub") and _together(add_each, xs, others, alpha=sign * alpha)
    v = _one(others)
    return v is not None and name == "mul" and _together(scale_each, xs, factor=v)


def _over(x: Tensor, name: str, *rest: Any, **options: Any) -> None:
    """``x = name(x, ...)``."""
    getattr(x, {"maximum": "clamp_min", "minimum": "clamp_max"}.get(name, name) + "_")(*rest, **options)


def _made(name: str, f: Callable) -> None:
    f.__name__ = f.__qualname__ = f"_foreach_{name}"
    f.__module__ = "numtorch"
    exported("torch")(f)


def _unary(name: str) -> None:
    def new(self: Any) -> tuple[Tensor, ...]:
        return tuple([PLACES["torch"][name](x) for x in _listed(name, self)])

    def over(self: Any) -> Any:
        xs = _listed(name + "_", self)
        for x in xs:
            _over(x, name)
        return self

    _made(name, new)
    _made(name + "_", over)


def _given(name: str, other: Any, scalar: Any, scalars: Any) -> tuple[Any, str]:
    found = [(v, n) for v, n in ((other, "other"), (scalar, "scalar"), (scalars, "scalars")) if v is not None]
    if len(found) != 1:
        raise TypeError(f"_foreach_{name}(): expected one of other, scalar and scalars, but got {len(found)}")
    return found[0]


def _binary(name: str) -> None:
    def operands(name: str, self: Any, given: tuple[Any, str], alpha: Any) -> tuple[list, list, dict]:
        xs = _listed(name, self)
        return xs, _each(name, xs, *given), {} if alpha == 1 else {"alpha": alpha}

    def new(self: Any, other: object = None, *, scalar: Any = None, scalars: Any = None, alpha: Any = 1) -> tuple:
        f = PLACES["torch"][name]
        if name == "pow" and isinstance(self, numbers.Number):
            return tuple([f(self, y) for y in _listed(name, other, "exponent")])
        xs, ys, options = operands(name, self, _given(name, other, scalar, scalars), alpha)
        return tuple([f(x, y, **options) for x, y in zip(xs, ys, strict=True)])

    def over(self: Any, other: object = None, *, scalar: Any = None, scalars: Any = None, alpha: Any = 1) -> Any:
        xs, ys, options = operands(name + "_", self, _given(name, other, scalar, scalars), alpha)
        if not _fused(name, xs, ys, alpha):
            for x, y in zip(xs, ys, strict=True):
                _over(x, name, y, **options)
        return self

    _made(name, new)
    _made(name + "_", over)


def _of_products(name: str, update: Any) -> None:
    def columns(name: str, self: Any, s: Any, t: Any, value: Any) -> tuple[list, list, list, list]:
        xs = _listed(name, self)
        factors = _values(name, xs, value)
        return xs, _opposite(name, xs, s, "tensor1"), _opposite(name, xs, t, "tensor2"), factors

    def new(self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None) -> tuple:
        rows = zip(*columns(name, self, tensor1, tensor2, value if scalars is None else scalars), strict=True)
        return tuple([PLACES["torch"][name](x, s, t, value=v) for x, s, t, v in rows])

    def over(self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None) -> Any:
        xs, ss, ts, vs = columns(name + "_", self, tensor1, tensor2, value if scalars is None else scalars)
        v = _one(vs)
        if v is None or not _together(update, xs, ss, ts, value=v):
            for x, s, t, v in zip(xs, ss, ts, vs, strict=True):
                _over(x, name, s, t, value=v)
        return self

    _made(name, new)
    _made(name + "_", over)


def _foreach_lerp(self: Any, tensors1: Any, weight: Any = None, *, weights: Any = None) -> tuple[Tensor, ...]:
    xs = _listed("lerp", self)
    ws = _each("lerp", xs, weight if weights is None else weights, "weight")
    rows = zip(xs, _opposite("lerp", xs, tensors1, "tensors1"), ws, strict=True)
    return tuple([PLACES["torch"]["lerp"](x, end, w) for x, end, w in rows])


def _foreach_lerp_(self: Any, tensors1: Any, weight: Any = None, *, weights: Any = None) -> Any:
    xs = _listed("lerp_", self)
    ends = _opposite("lerp_", xs, tensors1, "tensors1")
    ws = _each("lerp_", xs, weight if weights is None else weights, "weight")
    w = _one(ws)
    # above one half lerp counts from the other end
    if w is None or not abs(w) < 0.5 or not _together(lerp_each, xs, ends, weight=w):
        for x, end, w in zip(xs, ends, ws, strict=True):
            _over(x, "lerp", end, w)
    return self


def _foreach_norm(self: Any, ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    return tuple([PLACES["linalg"]["vector_norm"](x, ord, dtype=dtype) for x in _listed("norm", self)])


def _foreach_powsum(self: Any, ord: Any = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    absolute, power, total = (PLACES["torch"][n] for n in ("abs", "pow", "sum"))
    return tuple([total(power(absolute(x), ord), dtype=dtype) for x in _listed("powsum", self)])


def _foreach_max(self: Any) -> tuple[Tensor, ...]:
    xs = _listed("max", self)
    if any(0 in x.shape for x in xs):
        raise RuntimeError(
            "_foreach_max cannot compute the maximum of an empty tensor; max over zero elements is undefined."
        )
    return tuple([PLACES["torch"]["amax"](x) for x in xs])


def _foreach_mm(self: Any, mat2: Any) -> tuple[Tensor, ...]:
    xs = _listed("mm", self)
    return tuple([PLACES["torch"]["mm"](x, y) for x, y in zip(xs, _opposite("mm", xs, mat2, "mat2"), strict=True)])


def _foreach_clone(self: Any, *, memory_format: Any = None) -> tuple[Tensor, ...]:
    options = {} if memory_format is None else {"memory_format": memory_format}
    return tuple([x.clone(**options) for x in _listed("clone", self)])


def _foreach_copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    xs = _listed("copy_", self)
    for x, y in zip(xs, _opposite("copy_", xs, src, "src"), strict=True):
        x.copy_(y, non_blocking)
    return self


def _foreach_zero_(self: Any) -> Any:
    xs = _listed("zero_", self)
    if not _together(fill_each, xs, value=0.0):
        for x in xs:
            x.zero_()
    return self


for _name in UNARY:
    _unary(_name)
for _name in BINARY:
    _binary(_name)
_of_products("addcmul", addcmul_each)
_of_products("addcdiv", addcdiv_each)
for _f in (
    _foreach_lerp, _foreach_lerp_, _foreach_norm, _foreach_powsum, _foreach_max, _foreach_mm, _foreach_clone,
    _foreach_copy_, _foreach_zero_,
):  # fmt: skip
    exported("torch")(_f)
for _name in [n for n in PLACES["torch"] if n.startswith("_foreach_")]:
    _f = PLACES["torch"][_name]
    _rest = ", ".join(n for n in inspect.signature(_f).parameters if n != "self")
    _args = f"    Args:\n        {_rest}: as of the op; lists give one for each tensor.\n\n" if _rest else ""
    _f.__doc__ = f"""``torch.{_name.removeprefix("_foreach_")}`` of each tensor of a list.

{_args}    Returns:
        A tuple of tensors, or what was given, if it is overwritten.

    Raises:
        TypeError, RuntimeError: a list is empty, has something else than tensors, or is not as long as another one.

    >>> callable(torch.{_name})
    True
    """
