"""``torch._foreach_add`` and its kin, by which optimizers outside of PyTorch go through lists of tensors: one op for
each tensor. The names are private ones of PyTorch's, but libraries call them.

``SHAPES`` is the table: the ops, by what they take beside the list. To add one, write its name there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numtorch import linalg
from numtorch._tensor import Tensor

# Beside the list: nothing, one operand (a number, a tensor, or a list of either), two lists and a number, or a list and
# a weight.
SHAPES = {
    "alone": "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg "
    "reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc",
    "operand": "add sub mul div pow maximum minimum clamp_max clamp_min",
    "products": "addcmul addcdiv",
    "weighted": "lerp",
}
_NAMED = {"maximum": "clamp_min", "minimum": "clamp_max"}  # with numbers


def _tensors(name: str, xs: Any) -> Sequence[Tensor]:
    if not isinstance(xs, list | tuple) or not all(isinstance(x, Tensor) for x in xs):
        given = "a list with other things" if isinstance(xs, list | tuple) else type(xs).__name__
        raise TypeError(f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not {given}")
    if not xs:
        raise RuntimeError(f"{name}(): Tensor list must have at least one tensor.")
    return xs


def _spread(name: str, given: Any, n: int) -> Sequence[Any]:
    """One operand for each tensor: of a list its members, of anything else the same one."""
    if isinstance(given, Tensor) and given.ndim == 1 and name.startswith("_foreach_addc"):
        given = given.tolist()
    if not isinstance(given, list | tuple):
        return [given] * n
    if len(given) != n:
        kind = "tensor" if given and isinstance(given[0], Tensor) else "scalar"
        raise RuntimeError(
            f"{name}(): Tensor list must have same number of elements as {kind} list: got {n} and {len(given)}"
        )
    return given


def _function(op: str, shape: str, inplace: int) -> Callable[..., Any]:
    name = f"_foreach_{op}{'_' * inplace}"

    def method(x: Tensor, operand: Any = None) -> Callable[..., Any]:
        own = _NAMED.get(op, op) if not isinstance(operand, Tensor) else op
        return getattr(x, own + "_" * inplace)

    def results(xs: Sequence[Tensor], found: list[Tensor]) -> Any:
        return xs if inplace else tuple(found)

    def alone(self: Any) -> Any:
        xs = _tensors(name, self)
        return results(xs, [method(x)() for x in xs])

    def operand(self: Any, other: Any, **alpha: Any) -> Any:
        if op == "pow" and isinstance(self, int | float):
            return tuple(self**x for x in _tensors(name, other))
        xs = _tensors(name, self)
        pairs = zip(xs, _spread(name, other, len(xs)), strict=True)
        return results(xs, [method(x, y)(y, **alpha) for x, y in pairs])

    def products(self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None) -> Any:
        xs = _tensors(name, self)
        numbers = _spread(name, value if scalars is None else scalars, len(xs))
        rest = (_spread(name, tensor1, len(xs)), _spread(name, tensor2, len(xs)), numbers)
        return results(xs, [method(x)(a, b, value=v) for x, a, b, v in zip(xs, *rest, strict=True)])

    def weighted(self: Any, tensors1: Any, weight: Any) -> Any:
        xs = _tensors(name, self)
        rest = (_spread(name, tensors1, len(xs)), _spread(name, weight, len(xs)))
        return results(xs, [method(x)(end, w) for x, end, w in zip(xs, *rest, strict=True)])

    made: Any = {"alone": alone, "operand": operand, "products": products, "weighted": weighted}[shape]
    made.__name__ = made.__qualname__ = name
    made.__module__ = "numtorch"
    return made


def _foreach_norm(self: Any, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The norm of each tensor."""
    return tuple(linalg.vector_norm(x, ord, dtype=dtype) for x in _tensors("_foreach_norm", self))


def _foreach_max(self: Any) -> tuple[Tensor, ...]:
    """The largest element of each tensor."""
    return tuple(x.max() for x in _tensors("_foreach_max", self))


def _foreach_clone(self: Any) -> tuple[Tensor, ...]:
    """A copy of each tensor."""
    return tuple(x.clone() for x in _tensors("_foreach_clone", self))


def _foreach_zero_(self: Any) -> Any:
    """Every element of each tensor becomes 0."""
    for x in _tensors("_foreach_zero_", self):
        x.zero_()
    return self


def _foreach_copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """Each tensor takes the elements of one in another list."""
    xs = _tensors("_foreach_copy_", self)
    for x, y in zip(xs, _spread("_foreach_copy_", src, len(xs)), strict=True):
        x.copy_(y)
    return self


FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        *(
            _function(op, shape, inplace)
            for shape, ops in SHAPES.items()
            for op in ops.split()
            for inplace in (False, True)
        ),
        *(_foreach_norm, _foreach_max, _foreach_clone, _foreach_zero_, _foreach_copy_),
    )
}
