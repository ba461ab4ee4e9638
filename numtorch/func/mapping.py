"""``vmap``: a function of one sample becomes one of all samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch.autograd.batched import Batched, Level, batched
from numtorch.func import layers as layers
from numtorch.func import rules as rules
from numtorch.func import samples as samples
from numtorch.grad_mode import _Setting, mode
from numtorch.utils import _pytree as tree


def vmap(
    func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable:
    """A function of all samples, of a function of one: it runs once, on tensors that have one more dimension than it
    sees.

    Args:
        func: takes tensors, also in lists, tuples and dicts, and returns tensors.
        in_dims: along which dimension the samples of an input lie, None for an input that all samples share; one for
            all inputs, or of the structure of the inputs.
        out_dims: along which dimension the samples of a result will lie; None for a result that is the same for all.
        randomness: what random numbers the samples get: ``"different"`` or the ``"same"``; or ``"error"``.
        chunk_size: how many samples are computed together; all unless given.

    Returns:
        A function of the same arguments; those given by keyword are shared by all samples.

    Raises:
        ValueError: ``in_dims`` or ``out_dims`` do not fit, there is nothing to map over, or the numbers of samples
            differ; by the function that is returned.
        RuntimeError: another ``randomness``; and, by the function that is returned, an operation that needs the
            elements of one sample.

    >>> x, y = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 100.0])
    >>> torch.vmap(torch.dot, in_dims=(0, None))(x, y)
    tensor([210., 430.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec, dims, size = _inputs(func, in_dims, args)
        if chunk_size is None or chunk_size >= size:
            return _run(func, leaves, spec, dims, size, out_dims, randomness, kwargs)
        parts = []
        for start in range(0, size, chunk_size):
            n = min(chunk_size, size - start)
            some = [x if d is None else x.narrow(d, start, n) for x, d in zip(leaves, dims, strict=True)]
            parts.append(_run(func, some, spec, dims, n, out_dims, randomness, kwargs))
        flat = [tree.tree_flatten(part) for part in parts]
        where = _spread(func, out_dims, parts[0], "out_dims")
        columns = zip(*[found for found, _ in flat], strict=True)
        joined = [c[0] if d is None else torch.cat(list(c), d) for c, d in zip(columns, where, strict=True)]
        return tree.tree_unflatten(joined, flat[0][1])

    return mapped


def _name(func: Callable) -> str:
    return getattr(func, "__name__", repr(func))


def _spread(func: Callable, dims: Any, of: Any, name: str) -> list:
    """``dims`` for each leaf of a tree; ValueError if the structures do not fit."""
    leaves, spec = tree.tree_flatten(dims)
    try:
        if spec.is_leaf():
            return [leaves[0]] * len(tree.tree_leaves(of))
        # As in torch, a tuple stands for a list of arguments, and dicts are compared by their keys.
        parts = [tree.tree_map(lambda _, d=d: d, part) for d, part in zip(leaves, spec.flatten_up_to(of), strict=True)]
        return tree.tree_leaves(tree.tree_structure(of).unflatten(_ordered(of, tree.tree_unflatten(parts, spec))))
    except ValueError:
        raise ValueError(
            f"vmap({_name(func)}, {name}={dims!r}, ...): {name} is not compatible with the structure of the "
            f"{'inputs' if name == 'in_dims' else 'outputs'}: {tree.tree_structure(of)!r}"
        ) from None


def _ordered(of: Any, like: Any) -> list:
    return tree.tree_structure(of).flatten_up_to(like)


def _inputs(func: Callable, in_dims: Any, args: tuple) -> tuple[list, Any, list, int]:
    """The leaves of the arguments, their structure, where the samples of each lie, and how many samples there are."""
    called = f"vmap({_name(func)}, in_dims={in_dims!r}, ...)(<inputs>)"
    if not isinstance(in_dims, int | tuple | list) or isinstance(in_dims, bool):
        raise ValueError(
            f"{called}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(f"{called}: got no inputs. vmap needs a tensor to map over.")
    leaves, spec = tree.tree_flatten(args)
    dims = _spread(func, tuple(in_dims) if isinstance(in_dims, list) else in_dims, args, "in_dims")
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(
                f"{called}: Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(x, torch.Tensor):
            raise ValueError(
                f"{called}: Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.ndim <= d < x.ndim:
            raise ValueError(
                f"{called}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality {x.ndim} so "
                f"expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
            )
        dims[i] = d % x.ndim
        sizes.append(x.shape[d])
    if not sizes:
        raise ValueError(f"{called}: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            f"{called}: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    return leaves, spec, dims, sizes[0]


def _run(
    func: Callable, leaves: list, spec: Any, dims: list, size: int, out_dims: Any, randomness: str, kwargs: dict
) -> Any:
    level = Level(size, randomness, len(mode.levels) + 1)
    given = [x if d is None else batched(x.movedim(d, 0), level) for x, d in zip(leaves, dims, strict=True)]
    with _Setting(levels=(*mode.levels, level)):
        result = func(*tree.tree_unflatten(given, spec), **kwargs)
    found, form = tree.tree_flatten(result)
    for y in found:
        if not isinstance(y, torch.Tensor):
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(y)} as a return."
            )
    if not isinstance(out_dims, int | tuple | list | dict | None):
        raise ValueError(f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a tree")
    where = _spread(func, tuple(out_dims) if isinstance(out_dims, list) else out_dims, result, "out_dims")
    return tree.tree_unflatten([_taken(func, y, d, level) for y, d in zip(found, where, strict=True)], form)


def _taken(func: Callable, y: Any, d: Any, level: Level) -> Any:
    """A result with its samples along dimension ``d``."""
    mine = y.__class__ is Batched and y.level is level
    if d is None:
        if mine:
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None"
            )
        return y
    if not isinstance(d, int):
        raise ValueError(f"vmap({_name(func)}, ..., out_dims={d!r}): out_dims are integers or None")
    value = y.value if mine else y.unsqueeze(0).expand(level.size, *y.shape)
    return value if d in (0, -value.ndim) else value.movedim(0, d)
