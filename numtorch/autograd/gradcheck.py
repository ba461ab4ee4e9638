"""``gradcheck`` and ``gradgradcheck`` compare gradients with finite differences in float64.

A complex tensor counts as its real and imaginary parts: so a function of complex tensors is one of real numbers, and
    torch's
gradients of complex tensors are its gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import _tensor, engine
from numtorch.autograd import graph
from numtorch.grad_mode import _Setting


class GradcheckError(RuntimeError):
    """A gradient is wrong; the message holds both Jacobians.

    >>> issubclass(torch.autograd.GradcheckError, RuntimeError)
    True
    """


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of a function with central differences, for every input that requires them.

    ``(f(x + eps) - f(x - eps)) / (2 eps)`` for each element of each input against backward from each
    element of each output.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require gradients must be float64 or complex128, without overlapping
            elements.
        eps, atol, rtol: the step, and how far the Jacobians may be apart.
        raise_exception: raise an error rather than return False.
        nondet_tol: how far two backward passes may be apart.
        check_undefined_grad, check_grad_dtypes, check_batched_grad, check_batched_forward_grad: accepted; not checked.
        check_forward_ad, check_backward_ad, masked: accepted; gradients are always checked, in reverse mode.
        fast_mode: compare one random projection of the two Jacobians instead.

    Returns:
        True; False if they differ and ``raise_exception`` is.

    Raises:
        GradcheckError: the Jacobians differ; the message holds both.
        ValueError: no input requires a gradient, or one that does is not float64 or has overlapping elements.

    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x.exp() * x, (x,))
    True
    """
    inputs = _tuple(inputs)
    wanted = _checked_inputs(inputs)
    try:
        _compare(func, inputs, wanted, eps, atol, rtol, nondet_tol, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """``gradcheck`` of the gradient of a function, as a function of the inputs and of the incoming gradients.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require gradients must be float64 without overlapping elements.
        grad_outputs: incoming gradients, one for each differentiable output; random if None.
        eps, atol, rtol: the step, and how far the Jacobians may be apart.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.
        raise_exception: raise an error rather than return False.
        nondet_tol: how far two backward passes may be apart.
        check_undefined_grad, check_grad_dtypes, check_batched_grad, check_fwd_over_rev: accepted; not checked.
        check_rev_over_rev, masked: accepted; gradients are always checked, in reverse mode.
        fast_mode: compare one random projection of the two Jacobians instead.

    Returns:
        True; False if they differ and ``raise_exception`` is.

    Raises:
        GradcheckError: the Jacobians differ; the message holds both.
        ValueError: an input that requires a gradient is not float64 or has overlapping elements.

    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x.exp() * x, (x,))
    True
    """
    inputs = _tuple(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        incoming = tuple(_random_like(y, rng, gen_non_contig_grad_outputs) for y in _differentiable(func(*inputs)))
    else:
        incoming = _tuple(grad_outputs)
    n = len(incoming)

    def gradient(*args: Any) -> tuple:
        xs, gs = args[: len(args) - n], args[len(args) - n :]
        outputs = _differentiable(func(*xs))
        sources = [x for x in xs if isinstance(x, _tensor.Tensor) and x.requires_grad]
        found = graph.grad(outputs, sources, gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradient,
        (*inputs, *incoming),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        fast_mode=fast_mode,
    )


def _tuple(x: Any) -> tuple:
    return (x,) if isinstance(x, _tensor.Tensor) else tuple(x)


def _differentiable(outputs: Any) -> tuple:
    return tuple(y for y in _tuple(outputs) if isinstance(y, _tensor.Tensor) and y.requires_grad)


def _checked_inputs(inputs: tuple) -> list[int]:
    wanted = []
    for i, x in enumerate(inputs):
        if not isinstance(x, _tensor.Tensor) or not x.requires_grad:
            continue
        if x.dtype.to_real() is not dtypes.float64:
            raise ValueError(
                f"gradcheck: input {i} requires gradient and is {x.dtype.name}; finite differences need double "
                "precision: make it with dtype=torch.float64 or torch.complex128"
            )
        if any(n > 1 and s == 0 for n, s in zip(x.shape, x.strides, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                ".contiguous on the input before passing it to gradcheck."
            )
        wanted.append(i)
        if not x.is_leaf:
            x.retain_grad()
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    return wanted


def _random_like(y: Any, rng: np.random.Generator, strided: bool) -> Any:
    g = _of_parts(rng.standard_normal(_parts(y)), y.dtype).to(y.device, y.dtype)
    if strided and y.ndim:
        g = g.unsqueeze(-1).repeat(*[1] * y.ndim, 2)[..., 0]
    return g.detach().requires_grad_()


def _elements(x: Any) -> np.ndarray:
    """The elements of a CPU tensor as a writable NumPy view: of a complex one (..., 2), the parts."""
    a = _tensor.as_ndarray(_tensor.alias(x))
    return a[..., None].view(a.real.dtype) if x.dtype.is_complex else a


def _parts(x: Any) -> tuple:
    """The shape of ``_elements(x)``."""
    return (*x.shape, 2) if x.dtype.is_complex else tuple(x.shape)


def _of_parts(a: np.ndarray, d: dtypes.dtype) -> Any:
    """A tensor of new memory whose ``_elements`` are ``a``."""
    a = np.array(a, np.float64)
    return engine.from_ndarray(a.view(np.complex128)[..., 0] if d.is_complex else a)


def _compare(
    func: Callable,
    inputs: tuple,
    wanted: list[int],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    fast: bool,
) -> None:
    outputs = _tuple(func(*inputs))
    sources = [inputs[i] for i in wanted]
    places = [j for j, y in enumerate(outputs) if isinstance(y, _tensor.Tensor) and y.requires_grad]
    numbers = [j for j, y in enumerate(outputs) if isinstance(y, _tensor.Tensor) and y.dtype.differentiable]
    for j, y in enumerate(outputs):
        if isinstance(y, _tensor.Tensor) and y.requires_grad and y.dtype.to_real() is not dtypes.float64:
            raise ValueError(f"gradcheck: output {j} is {y.dtype.name}; finite differences need double precision")
    rng = np.random.default_rng(0)
    for i, x in zip(wanted, sources, strict=True):
        direction = rng.standard_normal(_parts(x)) if fast else None
        numerical = _numerical(func, inputs, x, numbers, eps, direction)
        for j in numbers:
            if j not in places:
                if np.abs(numerical[j]).max(initial=0) > atol:
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero: output {j} does not require "
                        f"grad, but depends on input {i}:\n{numerical[j]}"
                    )
                continue
            weights = rng.standard_normal(_parts(outputs[j])) if fast else None
            analytical = _analytical(outputs[j], x, direction, weights)
            found = (
                numerical[j]
                if weights is None
                else np.sum(numerical[j] * weights.reshape(1, -1), axis=1, keepdims=True)
            )
            if not np.allclose(analytical, found, rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {j} with respect to input {i},\n"
                    f"numerical:{found}\nanalytical:{analytical}\n"
                    + ("(one random projection of each: fast_mode)" if fast else "")
                )
            again = _analytical(outputs[j], x, direction, weights)
            if np.abs(np.nan_to_num(again - analytical)).max(initial=0) > nondet_tol:
                raise GradcheckError(
                    f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                    f"times gives different values (output {j}, input {i}), although analytical gradient matches "
                    f"numerical gradient. The tolerance for nondeterminism was {nondet_tol}."
                )


def _numerical(
    func: Callable, inputs: tuple, x: Any, places: list[int], eps: float, direction: np.ndarray | None
) -> dict:
    """For each output, (elements of x or 1, elements of the output)."""

    def run() -> list[np.ndarray]:
        given = [
            t.detach().requires_grad_(t.requires_grad)
            if isinstance(t, _tensor.Tensor) and t.dtype.differentiable
            else t
            for t in inputs
        ]
        outputs = _tuple(func(*given))
        return [_elements(outputs[j]).astype(np.float64, copy=True).reshape(-1) for j in places]

    rows: dict[int, list] = {j: [] for j in places}
    values = _elements(x)
    before = values.copy()
    steps = [direction] if direction is not None else [None] * values.size
    where = np.ndindex(values.shape)
    try:
        for step in steps:
            at = ... if step is not None else next(where)
            move = eps * (step if step is not None else 1.0)
            values[at] = before[at] + move
            high = run()
            values[at] = before[at] - move
            low = run()
            values[at] = before[at]
            for j, h, lo in zip(places, high, low, strict=True):
                rows[j].append((h - lo) / (2 * eps))
    finally:
        values[...] = before
    sizes = dict.fromkeys(places, 0)
    if not steps:
        for j, y in zip(places, run(), strict=True):
            sizes[j] = y.size
    return {j: np.array(r).reshape(len(steps), -1) if r else np.zeros((0, sizes[j])) for j, r in rows.items()}


def _analytical(y: Any, x: Any, direction: np.ndarray | None, weights: np.ndarray | None) -> np.ndarray:
    columns = []
    unit = np.zeros(_parts(y))
    for k in range(unit.size if weights is None else 1):
        if weights is None:
            unit.reshape(-1)[k] = 1
        with _Setting(grad=True):
            g = _of_parts(unit if weights is None else weights, y.dtype)
            (gx,) = graph.grad([y], [x], [g], retain_graph=True, allow_unused=True)
        unit.reshape(-1)[k] = 0
        if gx is not None and (gx.shape != x.shape or gx.dtype is not x.dtype):
            raise GradcheckError(
                f"Analytical gradient has incorrect size or type: {list(gx.shape)} {gx.dtype.name} for an input of "
                f"{list(x.shape)} {x.dtype.name}"
            )
        columns.append(np.zeros(_parts(x)) if gx is None else _elements(gx).copy())
    found = np.array(columns).reshape(len(columns), -1).T if columns else np.zeros((int(np.prod(_parts(x))), 0))
    if direction is not None:
        found = (found * direction.reshape(-1, 1)).sum(axis=0, keepdims=True)
    return found
