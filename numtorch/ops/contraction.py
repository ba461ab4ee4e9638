"""Sums of products over named dimensions: ``einsum``, ``tensordot``, and products that are made of matrix products.

A contraction of two tensors is one matrix product: their dimensions are sorted into those that both keep (the batch),
those that one has alone, and those that are summed over.
"""

from __future__ import annotations

import string
from collections import Counter
from functools import lru_cache
from math import prod
from typing import Any

from numtorch._tensor import Tensor
from numtorch.dispatch.out import CAST, SAME, into
from numtorch.dtype import COMPLEX, promote_types
from numtorch.exports import exported
from numtorch.ops import movement, reduction
from numtorch.ops.complex_numbers import conj
from numtorch.ops.matmul import bmm, dot, factor, matmul
from numtorch.storage import wrap_dim

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # in the order of an implied result


@exported("torch")
def einsum(*args: Any) -> Tensor:
    """The sum of products that an equation names (Einstein's notation): each letter is a dimension, letters that are
    not in the result are summed over.

    Args:
        *args: an equation, and tensors or one list of them. The equation has the letters of each operand, with commas
            between them, and after ``->`` those of the result; without ``->`` the result has the letters that occur
            once, in alphabetical order. ``...`` stands for all other dimensions, which broadcast. Or, in place of an
            equation, each tensor is followed by a list of its dimensions as numbers from 0 to 51, and the last list
            may be that of the result.

    Returns:
        A tensor with the dimensions of the result.

    Raises:
        RuntimeError: the equation is not well formed, or does not fit the operands.
        ValueError: there are no operands.

    Products of more than two operands are formed two at a time, the pair first whose product is smallest beside what
    it takes the place of.

    >>> a, b = torch.arange(6.0).reshape(2, 3), torch.ones(3, 2)
    >>> torch.einsum("ij,jk->ik", a, b)
    tensor([[ 3.,  3.],
            [12., 12.]])
    >>> torch.einsum("ii", torch.eye(3))
    tensor(3.)
    """
    equation, operands = _given(args)
    plan = _einsum_plan(equation, tuple([x.shape for x in operands]))
    parts = [_prepared(x, *step) for x, step in zip(operands, plan.first, strict=True)]
    for a, b, step in plan.pairs:
        y = parts.pop(b)
        parts.append(_contracted(parts.pop(a), y, step))
    (y,) = parts
    return y if plan.order is None else movement.permute(y, plan.order)


def _given(args: tuple) -> tuple[str, list]:
    """The equation and the operands, in whichever form they were given."""
    if not args:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        return _by_numbers(args)
    if not isinstance(args[0], str):
        raise TypeError(f"einsum(): argument 'equation' must be str, not {type(args[0]).__name__}")
    operands = list(args[1]) if len(args) == 2 and isinstance(args[1], list | tuple) else list(args[1:])
    if not operands:
        raise ValueError("einsum(): must provide at least one operand")
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"einsum(): operand {i} must be Tensor, not {type(x).__name__}")
    return args[0], operands


def _by_numbers(args: tuple) -> tuple[str, list]:
    """``einsum(x, [0, 1], y, [1, 2], [0, 2])`` as an equation."""

    def letters(listed: Any) -> str:
        found = []
        for n in listed:
            if n is Ellipsis:
                found.append("...")
            elif isinstance(n, int) and 0 <= n < len(LETTERS):
                found.append(LETTERS[n])
            else:
                raise ValueError("einsum(): subscripts in subscript list are not within the valid range [0, 52)")
        return "".join(found)

    operands, lists = list(args[: len(args) // 2 * 2 : 2]), args[1::2]
    result = f"->{letters(args[-1])}" if len(args) % 2 else ""
    return ",".join(map(letters, lists)) + result, operands


class _Plan:
    """What ``einsum`` does for operands of known shapes.

    Attributes:
        first: for each operand (diagonals to take, dimensions of extent 1 to drop, dimensions to sum over then).
        pairs: (position, later position, step) of the two that are contracted next; the product goes to the end.
        order: the permutation of what is left, or None.
    """

    def __init__(self, first: list, pairs: list, order: tuple | None):
        self.first, self.pairs, self.order = first, pairs, order


@lru_cache(maxsize=2048)
def _einsum_plan(equation: str, shapes: tuple) -> _Plan:
    named, result = _parsed(equation, [len(s) for s in shapes])
    extents = _extents(named, shapes)
    uses = Counter(label for labels in named for label in set(labels))
    diagonals, dropped, parts = [], [], []
    for labels, shape in zip(named, shapes, strict=True):
        labels, taken, sizes = list(labels), [], dict(zip(labels, shape, strict=True))
        while len(set(labels)) < len(labels):
            label = next(x for x in labels if labels.count(x) > 1)
            i = labels.index(label)
            j = labels.index(label, i + 1)
            taken.append((i, j))
            del labels[j], labels[i]
            labels.append(label)
        ones = [x for x in labels if sizes[x] == 1 and (extents[x] != 1 or (x not in result and uses[x] > 1))]
        diagonals.append(taken)
        dropped.append(tuple(map(labels.index, ones)))
        parts.append([x for x in labels if x not in ones])
    uses = Counter(x for labels in parts for x in labels)
    first = []
    for i, labels in enumerate(parts):
        alone = [x for x in labels if x not in result and uses[x] == 1]
        first.append((diagonals[i], dropped[i], tuple(map(labels.index, alone))))
        parts[i] = [x for x in labels if x not in alone]
    pairs = []
    while len(parts) > 1:
        a, b = _cheapest(parts, result, extents)
        y, x = parts.pop(b), parts.pop(a)
        kept = set(result).union(*parts)
        made, step = _pair_plan(tuple(x), tuple(y), frozenset(kept), extents)
        parts.append(made)
        pairs.append((a, b, step))
    (left,) = parts
    order = tuple(map(left.index, result))
    return _Plan(first, pairs, None if order == tuple(range(len(order))) else order)


def _parsed(equation: str, ndims: list[int]) -> tuple[list[list], list]:
    """The labels of each operand and of the result: letters, and numbers for the dimensions of an ellipsis."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) < len(ndims):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(terms) > len(ndims):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    named, most = [], 0
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        before, dots, after = _term(term, f"for operand {i}")
        rest = ndim - len(before) - len(after)
        if rest < 0 or (rest and not dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
                f"{'is more than the number' if dots else 'does not match the number'} of dimensions ({ndim}) for "
                f"operand {i}{'' if dots else ' and no ellipsis was given'}"
            )
        most = max(most, rest)
        named.append([*before, *range(-rest, 0), *after])
    every = list(range(-most, 0))
    if not arrow:
        count = Counter(x for labels in named for x in labels if isinstance(x, str))
        return named, every + [x for x in LETTERS if count[x] == 1]
    before, dots, after = _term(right, "for the output")
    result = [*before, *(every if dots else []), *after]
    seen = {x for labels in named for x in labels}
    for x in before + after:
        if result.count(x) > 1:
            raise RuntimeError(f"einsum(): output subscript {x} appears more than once in the output")
        if x not in seen:
            raise RuntimeError(f"einsum(): output subscript {x} does not appear in the equation for any input operand")
    return named, result


def _term(term: str, where: str) -> tuple[str, str, str]:
    before, dots, after = term.partition("...")
    for text in (before, after):
        for x in text:
            if x == ".":
                raise RuntimeError(f"einsum(): found '.' {where} that is not part of any ellipsis")
            if x not in LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {term.index(x)} {where}, subscripts must be in "
                    "[a-zA-Z]"
                )
    return before, dots, after


def _extents(named: list[list], shapes: tuple) -> dict:
    """How long each dimension is; those of extent 1 broadcast."""
    extents: dict = {}
    for i, (labels, shape) in enumerate(zip(named, shapes, strict=True)):
        own: dict = {}
        for x, n in zip(labels, shape, strict=True):
            if own.setdefault(x, n) != n:
                raise RuntimeError(
                    f"einsum(): subscript {x} is repeated for operand {i} but the sizes don't match, {n} != {own[x]}"
                )
            if extents.get(x, 1) == 1:
                extents[x] = n
            elif n not in (1, extents[x]):
                what = f"subscript {x}" if isinstance(x, str) else "a dimension of the ellipsis"
                raise RuntimeError(
                    f"einsum(): {what} has size {n} for operand {i} which does not broadcast with previously seen size "
                    f"{extents[x]}"
                )
    return extents


def _cheapest(parts: list[list], result: list, extents: dict) -> tuple[int, int]:
    """The pair to contract first: that whose product is smallest beside the two (greedy, as in opt_einsum)."""

    def size(labels: Any) -> int:
        return prod(extents[x] for x in labels)

    def growth(pair: tuple[int, int]) -> tuple:
        a, b = (set(parts[i]) for i in pair)
        kept = set(result).union(*[p for i, p in enumerate(parts) if i not in pair])
        return size((a | b) & kept) - size(a) - size(b), size(a | b)

    return min(((a, b) for b in range(len(parts)) for a in range(b)), key=growth)


def _pair_plan(x: tuple, y: tuple, kept: frozenset, extents: dict) -> tuple[list, tuple]:
    """The labels of the product of two operands, and what ``_contracted`` takes."""
    both = [a for a in x if a in y]
    batch, summed = [a for a in both if a in kept], [a for a in both if a not in kept]
    left, right = [a for a in x if a not in both], [a for a in y if a not in both]
    made = [*batch, *left, *right]
    sizes = tuple([extents[a] for a in made])
    orders = (*batch, *left, *summed), (*batch, *summed, *right)
    views = tuple(
        None if order == labels else tuple(map(labels.index, order))
        for order, labels in zip(orders, (x, y), strict=True)
    )
    b, m, k, n = (prod(extents[a] for a in group) for group in (batch, left, summed, right))
    if not summed:  # a product of elements
        ones = (1,) * len(right), (1,) * len(left)
        shapes: tuple = (
            (*[extents[a] for a in (*batch, *left)], *ones[0]),
            (*[extents[a] for a in batch], *ones[1], *[extents[a] for a in right]),
        )
        return made, (views, shapes, False, sizes)
    shapes = ((b, m, k), (b, k, n)) if batch else ((m, k), (k, n))
    return made, (views, shapes, True, sizes)


def _prepared(x: Tensor, diagonals: list, dropped: tuple, summed: tuple) -> Tensor:
    for i, j in diagonals:
        x = movement.diagonal(x, 0, i, j)
    if dropped:
        x = movement.squeeze(x, dropped)
    return reduction.sum(x, summed) if summed else x


def _contracted(x: Tensor, y: Tensor, step: tuple) -> Tensor:
    views, shapes, summed, sizes = step
    x, y = [
        movement.reshape(t if order is None else movement.permute(t, order), shape)
        for t, order, shape in zip((x, y), views, shapes, strict=True)
    ]
    return movement.reshape(matmul(x, y), sizes) if summed else x * y


@exported("torch")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Any = None) -> Tensor:
    """The sum of products over several dimensions of two tensors.

    Args:
        a, b: of one type.
        dims: how many dimensions are summed over, the last ones of ``a`` and the first ones of ``b``; or two lists of
            as many dimensions, of ``a`` and of ``b``.

    Returns:
        The dimensions of ``a`` that are left, and then those of ``b``.

    Raises:
        RuntimeError: the dimensions do not match.

    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5), dims=2).shape
    torch.Size([2, 5])
    """
    if out is not None:
        return into(out, SAME, tensordot, a, b, dims)
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.ndim else dims.item()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    of_a, of_b = ([wrap_dim(d, x.ndim, "tensordot") for d in listed] for x, listed in zip((a, b), dims, strict=True))
    if len(of_a) != len(of_b):
        raise RuntimeError(f"tensordot: both dimension lists should have same length, got {len(of_a)} and {len(of_b)}")
    for i, j in zip(of_a, of_b, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size "
                f"{b.shape[j]} in dim {j}"
            )
    x = list(range(a.ndim))
    y = [x[of_a[of_b.index(j)]] if j in of_b else a.ndim + j for j in range(b.ndim)]
    result = [i for i in x if i not in of_a] + [n for j, n in enumerate(y) if j not in of_b]
    if a.ndim + b.ndim > len(LETTERS):
        raise RuntimeError(f"tensordot: at most {len(LETTERS)} dimensions in all, got {a.ndim + b.ndim}")
    return einsum(a, x, b, y, result).to(a.dtype)  # sums of integers alone have 64 bits


@exported("torch", "Tensor")
def inner(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """Sums of products over the last dimension of both: ``input[i, :] . other[j, :]``.

    Args:
        input, other: of one type, with last dimensions of one extent; a scalar multiplies.

    Returns:
        The other dimensions of ``input``, and then those of ``other``.

    Raises:
        RuntimeError: the last dimensions differ.

    >>> torch.inner(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.0, 1.0]))
    tensor(7.)
    """
    if out is not None:
        return into(out, SAME, inner, input, other)
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@exported("torch", "Tensor")
def vdot(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The dot product of two vectors, the first conjugated: ``sum(conj(input) * other)``.

    Args:
        input, other: vectors of one length and one type.

    Returns:
        A number.

    Raises:
        RuntimeError: they are no vectors, or of different lengths or types.

    >>> torch.vdot(torch.tensor([1 + 1j, 2.0]), torch.tensor([1j, 1.0]))
    tensor(3.+1.j)
    """
    if out is not None:
        return into(out, SAME, vdot, input, other)
    return dot(conj(input) if input.dtype.category == COMPLEX else input, other)


@exported("linalg")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Any = None) -> Tensor:
    """Dot products along a dimension, the first factor conjugated: ``sum(conj(x) * y, dim)``.

    Args:
        x, y: floating or complex; they broadcast together.
        dim: the dimension that is summed over.

    Returns:
        The common shape without ``dim``.

    Raises:
        RuntimeError: the elements are integers or booleans.

    >>> torch.linalg.vecdot(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if out is not None:
        return into(out, SAME, vecdot, x, y, dim=dim)
    if not (x.dtype.differentiable and y.dtype.differentiable):
        raise RuntimeError(
            f"linalg.vecdot: Expected floating point or complex tensors. Got {x.dtype.name} and {y.dtype.name}; cast "
            "with .float()"
        )
    return reduction.sum(conj(x) * y if x.dtype.category == COMPLEX else x * y, dim)


def _added(name: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """``beta * input + alpha * product``; with ``beta`` 0 NaN in ``input`` counts for nothing."""
    d = promote_types(input.dtype, product.dtype)
    beta, alpha = factor(beta, d, name), factor(alpha, d, name)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (input if beta == 1 else input * beta) + scaled


def _expects(name: str, **ndims: Any) -> None:
    for what, (x, ndim) in ndims.items():
        if x.ndim != ndim:
            raise RuntimeError(f"{name}: Expected {what} to be {ndim}-D, but got {x.ndim}-D")


@exported("torch", "Tensor")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``.

    Args:
        input: broadcast to the result.
        mat: a matrix, ``(n, m)``.
        vec: a vector of ``m`` elements.
        beta, alpha: numbers, whose fractions are cut off for integers.

    Returns:
        A vector of ``n`` elements.

    Raises:
        RuntimeError: the shapes or types do not fit.

    >>> torch.addmv(torch.ones(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([4., 8.])
    """
    if out is not None:
        return into(out, SAME, addmv, input, mat, vec, beta=beta, alpha=alpha)
    _expects("addmv", mat=(mat, 2), vec=(vec, 1))
    return _added("addmv", movement.expand(input, mat.shape[:1]), matmul(mat, vec), beta, alpha)


@exported("torch", "Tensor")
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``.

    Args:
        input: broadcast to the result.
        vec1, vec2: vectors of ``n`` and ``m`` elements.
        beta, alpha: numbers, whose fractions are cut off for integers.

    Returns:
        A matrix ``(n, m)``.

    Raises:
        RuntimeError: an operand is no vector, or ``input`` does not broadcast.

    >>> torch.addr(torch.zeros(2, 2), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if out is not None:
        return into(out, CAST, addr, input, vec1, vec2, beta=beta, alpha=alpha)
    _expects("addr", vec1=(vec1, 1), vec2=(vec2, 1))
    product = movement.unsqueeze(vec1, 1) * vec2
    return _added("addr", movement.expand(input, product.shape), product, beta, alpha)


@exported("torch", "Tensor")
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2)`` for each matrix of a batch.

    Args:
        input: broadcast to the result.
        batch1, batch2: ``(b, n, m)`` and ``(b, m, p)``.
        beta, alpha: numbers, whose fractions are cut off for integers.

    Returns:
        A tensor ``(b, n, p)``.

    Raises:
        RuntimeError: the shapes or types do not fit.

    >>> torch.baddbmm(torch.zeros(1, 1, 1), torch.ones(2, 1, 3), torch.ones(2, 3, 1)).flatten()
    tensor([3., 3.])
    """
    if out is not None:
        return into(out, SAME, baddbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    _expects("baddbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    product = bmm(batch1, batch2)
    return _added("baddbmm", movement.expand(input, product.shape), product, beta, alpha)


@exported("torch", "Tensor")
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Tensor:
    """``beta * input + alpha * sum_i (batch1[i] @ batch2[i])``.

    Args:
        input: broadcast to the result.
        batch1, batch2: ``(b, n, m)`` and ``(b, m, p)``.
        beta, alpha: numbers, whose fractions are cut off for integers.

    Returns:
        A matrix ``(n, p)``.

    Raises:
        RuntimeError: the shapes or types do not fit.

    >>> torch.addbmm(torch.zeros(1, 1), torch.ones(2, 1, 3), torch.ones(2, 3, 1))
    tensor([[6.]])
    """
    if out is not None:
        return into(out, SAME, addbmm, input, batch1, batch2, beta=beta, alpha=alpha)
    _expects("addbmm", batch1=(batch1, 3), batch2=(batch2, 3))
    if batch1.shape[0] != batch2.shape[0]:
        raise RuntimeError(
            f"addbmm: batch1 and batch2 must have same number of batches, got {batch1.shape[0]} and {batch2.shape[0]}"
        )
    product = einsum("bnm,bmp->np", batch1, batch2)
    return _added("addbmm", movement.expand(input, product.shape), product, beta, alpha)


@exported("torch", "Tensor")
def kron(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
    """The Kronecker product: every element of ``input`` times the whole of ``other``.

    Args:
        input, other: of any number of dimensions; the one with fewer gets leading ones.

    Returns:
        A tensor whose extents are the products of theirs.

    >>> torch.kron(torch.eye(2), torch.ones(1, 2))
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 1.]])
    """
    if out is not None:
        return into(out, CAST, kron, input, other)
    n = max(input.ndim, other.ndim)
    x, y = ((1,) * (n - t.ndim) + tuple(t.shape) for t in (input, other))
    wide = movement.reshape(input, tuple(d for a in x for d in (a, 1)))
    product = wide * movement.reshape(other, tuple(d for b in y for d in (1, b)))
    return movement.reshape(product, tuple(a * b for a, b in zip(x, y, strict=True)))


@exported("torch")
def chain_matmul(*matrices: Tensor, out: Any = None) -> Tensor:
    """The product of several matrices, in the order of least work; ``linalg.multi_dot`` takes them as a list.

    Args:
        *matrices: each fits the next one.

    Returns:
        A matrix.

    Raises:
        RuntimeError: their shapes do not fit.

    >>> torch.chain_matmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).flatten()
    tensor([12., 12.])
    """
    return multi_dot(list(matrices), out=out)


@exported("linalg")
def multi_dot(tensors: Any, *, out: Any = None) -> Tensor:
    """The product of several matrices, in the order of least work.

    Args:
        tensors: at least two matrices, each of which fits the next; the first and the last may be vectors.

    Returns:
        A matrix, without the dimensions that vectors lack.

    Raises:
        RuntimeError: there are fewer than two, or their shapes do not fit.

    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
    tensor([12., 12.])
    """
    if out is not None:
        return into(out, SAME, multi_dot, tensors)
    xs = list(tensors)
    if len(xs) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(xs)}")
    for i, x in enumerate(xs):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(xs) - 1)):
            allowed = "1D or 2D" if i in (0, len(xs) - 1) else "2D"
            raise RuntimeError(f"multi_dot(): tensor {i} must be {allowed} but got {x.ndim}D")
    row, column = xs[0].ndim == 1, xs[-1].ndim == 1
    xs[0] = movement.unsqueeze(xs[0], 0) if row else xs[0]
    xs[-1] = movement.unsqueeze(xs[-1], 1) if column else xs[-1]
    for i in range(len(xs) - 1):
        if xs[i].shape[1] != xs[i + 1].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(xs[i].shape)} and {list(xs[i + 1].shape)} "
                "cannot be multiplied"
            )
    split = _parenthesized(tuple([x.shape[0] for x in xs] + [xs[-1].shape[1]]))

    def product(i: int, j: int) -> Tensor:
        return xs[i] if i == j else matmul(product(i, split[i, j]), product(split[i, j] + 1, j))

    y = product(0, len(xs) - 1)
    y = movement.squeeze(y, -1) if column else y
    return movement.squeeze(y, 0) if row else y


@lru_cache(maxsize=256)
def _parenthesized(extents: tuple) -> dict:
    """Where to split each run of matrices, so that all products together cost least: a table over ever longer runs."""
    n = len(extents) - 1
    cost, split = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + extents[i] * extents[k + 1] * extents[j + 1], k) for k in range(i, j)
            )
    return split
