"""How ops treat tensors with a hidden dimension: one rule for each family of ops, a loop over the samples for the rest.

A rule gets the op, the level, the operands with the hidden dimension first, for each operand whether it has one, and
the parameters. What it returns has the hidden dimension first, too. Rules are written in ops, so that the operands may
have hidden dimensions of outer levels, and a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch import notices
from numtorch.autograd import batched as slots
from numtorch.autograd.batched import Batched, Level, batched, innermost
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.storage import wrap_dim

Tensor = torch.Tensor
RULES: dict[str, Callable] = {}


def rule(*names: str) -> Callable[[Callable], Callable]:
    """Make a function the rule of these ops."""

    def wrap(f: Callable) -> Callable:
        RULES.update(dict.fromkeys(names, f))
        return f

    return wrap


# --- calls --------------------------------------------------------------------------------------------


def apply(op: Any, tensors: tuple, params: tuple, out: Any = None) -> Any:
    """An op on tensors some of which are batched."""
    if out is not None:
        raise RuntimeError(f"vmap: {op.name}(out=...) is not possible: out= takes no tensor of one sample")
    given = tuple(tensors[0]) if op.listed else tensors
    if op.arguments is not None:
        made = op.ruled(tensors, params)
        if callable(made):
            values = (*tensors, *params)
            return made(*[values[i] for i in op.as_written])
        tensors, params = made
        given = tuple(tensors[0]) if op.listed else tensors
    level: Any = innermost(*given)
    flags = tuple([t.__class__ is Batched and t.level is level for t in given])
    values = tuple([t.value if f else t for t, f in zip(given, flags, strict=True)])
    found = RULES.get(op.name) or (elementwise if isinstance(op, ElementwiseOp) else loop)
    made = found(op, level, values, flags, params)
    if not isinstance(made, tuple):
        return batched(made, level)
    results = tuple([batched(y, level) for y in made])
    return results if op.returns is None else op.returns(results)


def launch(op: Any, tensors: tuple, params: tuple) -> Any:
    """A call of an op by its operands and parameters."""
    if op.elementwise:
        return op.call(*tensors, *params)
    values = (*tensors, *params)
    ordered = [values[i] for i in op.as_written]
    names = [[*op.tensors, *[n for n, _ in op.params]][i] for i in op.as_written]
    at = len(ordered) - op.keyword_only
    return op.call(*ordered[:at], **dict(zip(names[at:], ordered[at:], strict=True)))


_warned: set[str] = set()


def loop(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    """The op on one sample after the other."""
    if op.name not in _warned:
        _warned.add(op.name)
        notices.warn(
            f"There is a performance drop because vmap has no rule for {op.name}: it is called once for each sample.",
            UserWarning,
        )
    rows = []
    for i in range(level.size):
        row = tuple([t.select(0, i) if f else t for t, f in zip(tensors, flags, strict=True)])
        rows.append(launch(op, (list(row),) if op.listed else row, params))
    if not rows:
        raise RuntimeError(f"vmap: {op.name} of no samples: it has no rule, and a loop over none has no result")
    if isinstance(rows[0], tuple):
        return tuple([torch.stack(column) for column in zip(*rows, strict=True)])
    return torch.stack(rows)


# --- operands -----------------------------------------------------------------------------------------


def full(x: Any, flag: bool, n: int) -> Any:
    """An operand with the hidden dimension, expanded where it lacks it."""
    return x if flag or x is None else x.unsqueeze(0).expand(n, *x.shape)


def all_full(level: Level, tensors: tuple, flags: tuple) -> tuple:
    """All operands with the hidden dimension."""
    return tuple([full(t, f, level.size) for t, f in zip(tensors, flags, strict=True)])


def rank(x: Tensor, flag: bool) -> int:
    """How many dimensions a sample has."""
    return x.ndim - flag


def raised(x: Tensor, flag: bool, ndim: int) -> Tensor:
    """An operand whose samples are given leading dimensions, up to so many, for broadcasting."""
    missing = ndim - rank(x, flag)
    return x if not flag or missing <= 0 else x.reshape(x.shape[0], *[1] * missing, *tuple(x.shape)[1:])


def moved(dim: int, ndim: int, name: str) -> int:
    """A dimension of a sample as one of all samples."""
    return wrap_dim(dim, ndim, name) + 1


def folded(x: Tensor) -> Tensor:
    """The images of all samples as one batch."""
    return x.reshape(x.shape[0] * x.shape[1], *tuple(x.shape)[2:])


def unfolded(x: Tensor, n: int) -> Tensor:
    """The inverse of ``folded``."""
    return x.reshape(n, x.shape[0] // n, *tuple(x.shape)[1:])


# --- elementwise --------------------------------------------------------------------------------------


def elementwise(op: Any, level: Level, tensors: tuple, flags: tuple, params: tuple) -> Any:
    """Hidden dimensions in front of samples of one rank broadcast."""
    return op.call(*aligned(op, tensors, flags), *params)


def aligned(op: Any, tensors: tuple, flags: tuple) -> tuple:
    """Operands that broadcast, and are promoted, as the samples are."""
    ranks = [rank(t, f) if isinstance(t, Tensor) else -1 for t, f in zip(tensors, flags, strict=True)]
    top = max(ranks)
    found = [raised(t, f, top) if isinstance(t, Tensor) else t for t, f in zip(tensors, flags, strict=True)]
    voters = [i for i, r in enumerate(ranks) if r >= 0 and op.tensors[i] not in op.keep]
    if len({tensors[i].dtype for i in voters}) > 1:
        above = [tensors[i].dtype for i in voters if ranks[i] > 0]
        for i in voters:
            if not top and not flags[i]:
                found[i] = found[i].reshape(1)  # no sample has dimensions: all types count alike
            elif top and not ranks[i] and flags[i] and above:
                d = above[0]
                for other in above[1:]:
                    d = torch.promote_types(d, other)
                if d.category >= tensors[i].dtype.category:  # samples without dimensions give way
                    found[i] = found[i].to(d)
    return tuple(found)


def overwrite(op: Any, x: Tensor, rest: tuple, params: tuple) -> Tensor:
    """The in-place form of an elementwise op."""
    level: Any = innermost(x, *rest)
    if x.__class__ is not Batched or x.level is not level:
        raise RuntimeError(
            f"vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in "
            f"extra_args that has more elements than `self`: {op.name}_ would write the results of all samples into a "
            "tensor that they share. Use the out-of-place form, or make the tensor with x.new_zeros(...) of a tensor "
            "over which vmap maps."
        )
    flags = (True, *[t.__class__ is Batched and t.level is level for t in rest])
    values = (x.value, *[t.value if f else t for t, f in zip(rest, flags[1:], strict=True)])
    target, *others = aligned(op, values, flags)
    if target.shape != x.value.shape:
        raise RuntimeError(f"{op.name}_: the result does not have the shape of the tensor that is overwritten")
    op.inplace(x.value, tuple(others), params)
    return x


def replace(function: Callable, x: Any, result: Any, since: int, name: str) -> Tensor:
    """``x`` made in place what ``result`` is, by a function that does so for all samples."""
    level: Any = innermost(x, result)
    if x.__class__ is not Batched or x.level is not level:
        raise RuntimeError(
            f"vmap: {name.removesuffix('_')}_(self, *extra_args) is not possible because there exists a Tensor `other` "
            "in extra_args that has more elements than `self`"
        )
    mine = result.__class__ is Batched and result.level is level
    function(x.value, full(result.value if mine else result, mine, level.size), since, name)
    return x


slots.apply, slots.overwrite, slots.replace = apply, overwrite, replace
