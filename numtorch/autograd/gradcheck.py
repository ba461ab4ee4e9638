"""``gradcheck`` and ``gradgradcheck`` compare gradients with finite differences in float64.

A complex tensor counts as its real and imaginary parts. So a function of complex tensors is one of real numbers, and
torch's gradients of complex tensors are its gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import numtorch.dtype as dtypes
from numtorch import _sparse, _tensor, engine
from numtorch._sparse import is_sparse
from numtorch.autograd import batched, graph, passes
from numtorch.grad_mode import _Setting
from numtorch.layouts import sparse_coo


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
        check_undefined_grad, check_grad_dtypes: accepted. Outputs are differentiated one at a time, while the others
            have no gradient; and a gradient of another type or shape than its input is always an error.
        check_batched_grad: two gradients of an output that go through the graph together (``is_grads_batched``) give
            what each gives alone.
        check_batched_forward_grad: the same of tangents; needs ``check_forward_ad``.
        check_forward_ad: compare the tangents of the outputs, too.
        check_backward_ad: compare the gradients.
        fast_mode: compare one random projection of the two Jacobians instead.
        masked: accepted; gradients of sparse inputs are checked at their positions.

    Returns:
        True; False if they differ and ``raise_exception`` is.

    Raises:
        GradcheckError: the Jacobians differ; the message holds both.
        ValueError: no input requires a gradient, or one that does is not float64 or has overlapping elements.
        AssertionError: nothing is to be compared, or a check needs another one that is left out.

    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x.exp() * x, (x,), check_forward_ad=True)
    True
    """
    for wrong, said in (
        (not (check_forward_ad or check_backward_ad), "Expected at least one of check_forward_ad or check_backward_ad"),
        (check_batched_grad and not check_backward_ad, "check_batched_grad=True requires check_backward_ad"),
        (
            check_batched_forward_grad and not check_forward_ad,
            "check_batched_forward_grad=True requires check_forward_ad",
        ),
    ):
        if wrong:
            raise AssertionError(f"gradcheck: {said} to be True")
    func, inputs = _of_dense(func, _tuple(inputs))
    wanted = _checked_inputs(inputs)
    modes: list[_Backward | _Forward] = []
    if check_backward_ad:
        modes.append(_Backward(func, inputs, nondet_tol, check_batched_grad))
    if check_forward_ad:
        modes.append(_Forward(func, inputs, check_batched_forward_grad))
    try:
        _compare(func, inputs, wanted, eps, atol, rtol, fast_mode, modes)
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
        check_undefined_grad, check_grad_dtypes, check_batched_grad: as those of ``gradcheck``.
        check_fwd_over_rev: compare the tangents of the gradients, too.
        check_rev_over_rev: compare the gradients of the gradients.
        fast_mode: compare one random projection of the two Jacobians instead.
        masked: accepted; gradients of sparse inputs are checked at their positions.

    Returns:
        True; False if they differ and ``raise_exception`` is.

    Raises:
        GradcheckError: the Jacobians differ; the message holds both.
        ValueError: an input that requires a gradient is not float64 or has overlapping elements.
        AssertionError: neither second derivative is to be compared.

    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x.exp() * x, (x,))
    True
    """
    func, inputs = _of_dense(func, _tuple(inputs))
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
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )


def _of_dense(func: Callable, inputs: tuple) -> tuple[Callable, tuple]:
    """The function as one of dense tensors: of the elements of sparse inputs, with all elements of sparse results."""
    patterns = [_ordered(x) if is_sparse(x) else None for x in inputs]
    given = [
        x if p is None else p.values().clone().requires_grad_(x.requires_grad)
        for x, p in zip(inputs, patterns, strict=True)
    ]

    def dense(*values: Any) -> tuple:
        made = [v if p is None else _sparse.build(v, p) for v, p in zip(values, patterns, strict=True)]
        return tuple([y.to_dense() if is_sparse(y) else y for y in _tuple(func(*made))])

    return dense, tuple(given)


def _ordered(x: Any) -> Any:
    x = x.detach()
    return x.coalesce() if x.layout is sparse_coo else x


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
    fast: bool,
    modes: list[_Backward | _Forward],
) -> None:
    outputs = _tuple(func(*inputs))
    numbers = [j for j, y in enumerate(outputs) if isinstance(y, _tensor.Tensor) and y.dtype.differentiable]
    for j, y in enumerate(outputs):
        if isinstance(y, _tensor.Tensor) and y.requires_grad and y.dtype.to_real() is not dtypes.float64:
            raise ValueError(f"gradcheck: output {j} is {y.dtype.name}; finite differences need double precision")
    rng = np.random.default_rng(0)
    for i in wanted:
        x = inputs[i]
        direction = rng.standard_normal(_parts(x)) if fast else None
        numerical = _numerical(func, inputs, x, numbers, eps, direction)
        for j in numbers:
            if not outputs[j].requires_grad:
                if np.abs(numerical[j]).max(initial=0) > atol:
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero: output {j} does not require "
                        f"grad, but depends on input {i}:\n{numerical[j]}"
                    )
                continue
            weights = rng.standard_normal(_parts(outputs[j])) if fast else None
            found = numerical[j]
            if weights is not None:
                found = np.sum(found * weights.reshape(1, -1), axis=1, keepdims=True)
            for mode in modes:
                analytical = mode.jacobian(outputs, j, i, direction, weights)
                if not np.allclose(analytical, found, rtol, atol, equal_nan=True):
                    raise GradcheckError(
                        f"Jacobian {mode.computed}mismatch for output {j} with respect to input {i},\n"
                        f"numerical:{found}\nanalytical:{analytical}\n"
                        + ("(one random projection of each: fast_mode)" if fast else "")
                    )
                mode.further(outputs, j, i, direction, weights, analytical)


class _Backward:
    """Jacobians by gradients: of each element of an output, one after the other."""

    computed = ""

    def __init__(self, func: Callable, inputs: tuple, nondet_tol: float, batches: bool):
        self.inputs, self.nondet_tol, self.batches = inputs, nondet_tol, batches

    def jacobian(self, outputs: tuple, j: int, i: int, direction: Any, weights: Any) -> np.ndarray:
        """(elements of the input or 1, elements of the output or 1): of output j with respect to input i."""
        return _analytical(outputs[j], self.inputs[i], direction, weights)

    def further(self, outputs: tuple, j: int, i: int, direction: Any, weights: Any, before: np.ndarray) -> None:
        """A second pass gives the same, and so do gradients that go through the graph together."""
        again = _analytical(outputs[j], self.inputs[i], direction, weights)
        if np.abs(np.nan_to_num(again - before)).max(initial=0) > self.nondet_tol:
            raise GradcheckError(
                f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                f"times gives different values (output {j}, input {i}), although analytical gradient matches "
                f"numerical gradient. The tolerance for nondeterminism was {self.nondet_tol}."
            )
        if self.batches:
            y, x = outputs[j], self.inputs[i]

            def pull(g: Any, batch: bool) -> Any:
                return graph.grad([y], [x], [g], retain_graph=True, allow_unused=True, is_grads_batched=batch)[0]

            _same_together(lambda g: pull(g, False), lambda g: pull(g, True), y, f"gradient (output {j}, input {i})")


class _Forward:
    """Jacobians by tangents: along each element of an input, one after the other."""

    computed = "computed with forward mode "

    def __init__(self, func: Callable, inputs: tuple, batches: bool):
        self.func, self.inputs, self.batches = func, inputs, batches

    def pushed(self, j: int, i: int) -> Callable:
        """From tangents of input i to those of output j."""
        entered = passes.Entered(self.inputs[i].detach().requires_grad_(), True)
        given = [entered.tensor if k == i else x for k, x in enumerate(self.inputs)]
        with _Setting(grad=True):
            push = passes.Pushforward([_tuple(self.func(*given))[j]], [entered.node], False)
        return lambda tangent: push([tangent], False)[0]

    def jacobian(self, outputs: tuple, j: int, i: int, direction: Any, weights: Any) -> np.ndarray:
        """(elements of the input or 1, elements of the output or 1): of output j with respect to input i."""
        x, push, rows = self.inputs[i], self.pushed(j, i), []
        unit = np.zeros(_parts(x))
        for k in range(unit.size if direction is None else 1):
            if direction is None:
                unit.reshape(-1)[k] = 1
            tangent = push(_of_parts(unit if direction is None else direction, x.dtype))
            unit.reshape(-1)[k] = 0
            rows.append(np.zeros(_parts(outputs[j])) if tangent is None else _elements(tangent).copy())
        found = np.array(rows).reshape(len(rows), -1) if rows else np.zeros((0, int(np.prod(_parts(outputs[j])))))
        if weights is not None:
            found = (found * weights.reshape(1, -1)).sum(axis=1, keepdims=True)
        return found

    def further(self, outputs: tuple, j: int, i: int, direction: Any, weights: Any, before: np.ndarray) -> None:
        """Tangents that go through the function together give the same."""
        if self.batches:
            push = self.pushed(j, i)
            _same_together(
                push,
                lambda rows: batched.mapped(lambda some: [push(some[0])], [rows])[0],
                self.inputs[i],
                f"tangent (output {j}, input {i})",
            )


def _same_together(one: Callable, together: Callable, like: Any, what: str) -> None:
    """Whether a linear function gives of two tensors that are stacked what it gives of each."""
    rng = np.random.default_rng(0)
    rows = [_of_parts(rng.standard_normal(_parts(like)), like.dtype) for _ in range(2)]
    apart = [one(r) for r in rows]
    stacked = together(engine.stack(rows))
    if (stacked is None) != (apart[0] is None):
        raise GradcheckError(f"The {what} is there for one, and not for two together, or the other way round")
    if stacked is not None and not np.allclose(_elements(stacked), np.stack([_elements(a) for a in apart])):
        raise GradcheckError(
            f"While computing batched gradients, the {what} of two together differs from those of each:\n"
            f"together:{_elements(stacked)}\none by one:{[_elements(a).tolist() for a in apart]}"
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
