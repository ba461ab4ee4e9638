"""Derivatives of functions: ``vjp``, ``jvp``, ``jacobian``, ``hessian``, ``vhp``, ``hvp``.

``jvp`` is the gradient of ``vjp`` with respect to the vector in which it is linear; see ``passes``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numtorch import _tensor, engine
from numtorch.autograd import graph, passes
from numtorch.autograd.batched import mapped
from numtorch.grad_mode import _Setting


def _tensors(x: Any, what: str) -> tuple[tuple, bool]:
    """As a tuple, and whether it was one."""
    several = isinstance(x, tuple | list)
    found = tuple(x) if several else (x,)
    for i, t in enumerate(found):
        if not isinstance(t, _tensor.Tensor):
            where = f"Value at index {i}" if several else "The value"
            raise TypeError(f"The {what} must be either a Tensor or a tuple of Tensors. {where} has type {type(t)}.")
    return found, several


def _inputs(inputs: tuple, create_graph: bool) -> tuple:
    """Inputs to differentiate with respect to, whatever else they take part in."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _vector(v: Any, like: tuple, several: bool, name: str) -> tuple:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {name} of the user-provided function is a single Tensor with a "
                "single element."
            )
        return (engine.ones_like(like[0]),)
    found, _ = _tensors(v, "vector v")
    if len(found) != len(like):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}.")
    for i, (a, b) in enumerate(zip(found, like, strict=True)):
        if a.shape != b.shape:
            raise RuntimeError(f"Entry {i} in v has invalid size: should be {b.shape} but got {a.shape}.")
    return found


def _zeros(x: Any) -> Any:
    return engine.zeros_like(x.detach())


def _grad(outputs: tuple, inputs: tuple, vectors: Any, *, create: bool, strict: bool, what: str) -> tuple:
    """Gradients, zeros where there is no dependence (an error if ``strict``)."""
    used = [i for i, y in enumerate(outputs) if y.requires_grad]
    if strict and len(used) < len(outputs):
        raise RuntimeError(
            f"{what}: an output of the user-provided function is independent of the inputs. This is not allowed in "
            "strict mode."
        )
    found: Any = (None,) * len(inputs)
    if used:
        given = None if vectors is None else [vectors[i] for i in used]
        found = graph.grad(
            [outputs[i] for i in used], inputs, given, create_graph=create, retain_graph=True, allow_unused=True
        )
    if strict and any(g is None for g in found):
        i = next(i for i, g in enumerate(found) if g is None)
        raise RuntimeError(
            f"{what}: the output of the user-provided function is independent of input {i}. This is not allowed in "
            "strict mode."
        )
    return tuple(_zeros(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def _results(values: tuple, several: bool, create_graph: bool) -> Any:
    if not create_graph:
        values = tuple(v.detach() for v in values)
    return values if several else values[0]


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The vector-Jacobian product ``v @ J`` of a function.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the shape of the outputs; None for 1, where there is one output of one element.
        create_graph: record the computation of the result, so that it can be differentiated.
        strict: raise an error where an output does not depend on an input; otherwise the product is 0 there.

    Returns:
        (outputs, product); the product has the form of the inputs.

    Raises:
        RuntimeError: ``v`` is missing or of another shape; ``strict``, and an output depends on no input.
        TypeError: inputs or outputs are not tensors.

    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.vjp(lambda x: x * x, x, torch.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with _Setting(grad=True):
        given, several = _tensors(inputs, "inputs given to vjp")
        xs = _inputs(given, create_graph)
        ys, many = _tensors(func(*xs), "outputs of the user-provided function given to vjp")
        vs = _vector(v, ys, many, "output")
        grads = _grad(ys, xs, vs, create=create_graph, strict=strict, what="vjp")
    return _results(ys, many, create_graph), _results(grads, several, create_graph)


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The Jacobian-vector product ``J @ v`` of a function.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the shape of the inputs; None for 1, where there is one input of one element.
        create_graph: record the computation of the result, so that it can be differentiated.
        strict: raise an error where an output does not depend on an input; otherwise the product is 0 there.

    Returns:
        (outputs, product); the product has the form of the outputs.

    Raises:
        RuntimeError: ``v`` is missing or of another shape; ``strict``, and an output depends on no input.
        TypeError: inputs or outputs are not tensors.

    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.jvp(lambda x: x.prod(), x, torch.tensor([1.0, 0.0]))
    (tensor(2.), tensor(2.))
    """
    with _Setting(grad=True):
        given, _ = _tensors(inputs, "inputs given to jvp")
        xs = _inputs(given, create_graph)
        vs = _vector(v, xs, True, "input")
        ys, many = _tensors(func(*xs), "outputs of the user-provided function given to jvp")
        dummies = tuple(engine.zeros_like(y.detach()).requires_grad_() for y in ys)
        linear = _grad(ys, xs, dummies, create=True, strict=strict, what="jvp")
        products = _grad(linear, dummies, vs, create=create_graph, strict=False, what="jvp")
    return _results(ys, many, create_graph), _results(products, many, create_graph)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivatives of every element of the outputs by every element of the inputs.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: record the computation of the result, so that it can be differentiated.
        strict: raise an error where an output does not depend on an input; otherwise the derivative is 0 there.
        vectorize: compute all rows together, rather than one after the other.
        strategy: ``"reverse-mode"``, by gradients, or ``"forward-mode"``, by tangents, which needs ``vectorize``.

    Returns:
        A tensor of shape ``(*output.shape, *input.shape)``; a tuple over the inputs if these are a tuple; a tuple of
        those over the outputs if func returns a tuple.

    Raises:
        AssertionError: an unknown ``strategy``.
        NotImplementedError: ``"forward-mode"`` without ``vectorize``.
        TypeError: inputs or outputs are not tensors.
        RuntimeError: ``strict``, and an output depends on no input, or together with ``vectorize``.

    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError("Expected strategy to be either 'forward-mode' or 'reverse-mode'")
    if strict and (vectorize or strategy == "forward-mode"):
        option = "vectorize=True" if strategy == "reverse-mode" else 'strategy="forward-mode"'
        raise RuntimeError(
            f"torch.autograd.functional.jacobian: `strict=True` and `{option}` are not supported "
            "together: whether a single output depends on an input is seen where rows are computed one by one"
        )
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
            "`vectorize=True`."
        )
    with _Setting(grad=True):
        given, several = _tensors(inputs, "inputs given to jacobian")
        xs = _inputs(given, create_graph)
        ys, many = _tensors(func(*xs), "outputs of the user-provided function given to jacobian")
        if vectorize:
            rows_of = _by_tangents if strategy == "forward-mode" else _by_gradients
            found = [_results(row, several, create_graph) for row in rows_of(xs, ys, create_graph)]
            return tuple(found) if many else found[0]
        table = []
        for y in ys:
            flat = y.reshape(-1)
            rows = [
                _grad((flat[k],), xs, None, create=create_graph, strict=strict, what="jacobian")
                for k in range(y.numel())
            ]
            table.append(
                tuple(
                    engine.stack([r[i] for r in rows]).reshape(*y.shape, *x.shape)
                    if rows
                    else engine.zeros((*y.shape, *x.shape), dtype=x.dtype, device=x.device)
                    for i, x in enumerate(xs)
                )
            )
        found = [_results(row, several, create_graph) for row in table]
    return tuple(found) if many else found[0]


def _by_gradients(xs: tuple, ys: tuple, create: bool) -> list[tuple]:
    """For each output a block of the Jacobian for each input, by gradients of all elements together."""

    def block(y: Any) -> tuple:
        found: list = [None] * len(xs)
        if y.requires_grad and y.numel():
            roots = [passes.basis(y)]
            found = mapped(lambda g: passes.run([(y._edge, g[0])], [x._edge for x in xs], True, create), roots)
        return tuple([_block(g, y, x) for g, x in zip(found, xs, strict=True)])

    return [block(y) for y in ys]


def _block(g: Any, y: Any, x: Any) -> Any:
    shape = (*y.shape, *x.shape)
    return engine.zeros(shape, dtype=x.dtype, device=x.device) if g is None else g.reshape(shape)


def _by_tangents(xs: tuple, ys: tuple, create: bool) -> list[tuple]:
    """The same, by tangents of all elements of an input together."""
    push = passes.Pushforward(list(ys), [x._edge for x in xs], create)
    columns: list[list[Any]] = []
    for i, x in enumerate(xs):

        def linear(tangents: list, i: int = i) -> list:
            return push([tangents[0] if k == i else None for k in range(len(xs))], create)

        columns.append(mapped(linear, [passes.basis(x)]) if x.numel() else [None] * len(ys))
    return [
        tuple([_block(None if c[j] is None else c[j].movedim(0, -1), y, x) for c, x in zip(columns, xs, strict=True)])
        for j, y in enumerate(ys)
    ]


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function with one scalar output.

    Args:
        func: takes the inputs, returns a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        create_graph: record the computation of the result, so that it can be differentiated.
        strict: raise an error where the output does not depend on an input; otherwise the derivative is 0 there.
        vectorize: compute all rows together, rather than one after the other.
        outer_jacobian_strategy: how the gradient is differentiated: ``"reverse-mode"``, or ``"forward-mode"``, which
            needs ``vectorize``.

    Returns:
        A tensor of shape ``(*input.shape, *input.shape)``; a tuple of tuples if the inputs are a tuple.

    Raises:
        AssertionError: an unknown ``outer_jacobian_strategy``.
        NotImplementedError: ``"forward-mode"`` without ``vectorize``.
        TypeError: inputs are not tensors.
        RuntimeError: the output is not one element; ``strict``, and it depends on no input, or together with
            ``vectorize``.

    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _, several = _tensors(inputs, "inputs given to hessian")
    if outer_jacobian_strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError('Expected strategy to be either "reverse-mode" or "forward-mode".')

    def first(*xs: Any) -> Any:
        value = _scalar(func(*xs), "hessian")
        return _results(_grad((value,), xs, None, create=True, strict=strict, what="hessian"), several, True)

    return jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _scalar(y: Any, name: str) -> Any:
    if not isinstance(y, _tensor.Tensor):
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if y.numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return y.reshape(())


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The product ``v @ H`` of a vector and the Hessian of a function.

    Args:
        func: takes the inputs, returns a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        v: of the shape of the inputs; None for 1, where there is one input of one element.
        create_graph: record the computation of the result, so that it can be differentiated.
        strict: raise an error where an output does not depend on an input; otherwise the product is 0 there.

    Returns:
        (output, product); the product has the form of the inputs.

    Raises:
        RuntimeError: ``v`` is missing or of another shape; the output has several elements; ``strict``, and an output
            depends on no input.
        TypeError: inputs are not tensors.

    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), x, torch.tensor([1.0, 0.0]))
    (tensor(9.), tensor([6., 0.]))
    """
    with _Setting(grad=True):
        given, several = _tensors(inputs, "inputs given to vhp")
        xs = _inputs(given, create_graph)
        vs = _vector(v, xs, several, "input")
        y = _scalar(func(*xs), "vhp")
        first = _grad((y,), xs, None, create=True, strict=strict, what="vhp")
        products = _grad(first, xs, vs, create=create_graph, strict=strict, what="vhp")
    return _results((y,), False, create_graph), _results(products, several, create_graph)


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The product ``H @ v`` of a vector and the Hessian of a function; H is symmetric, so this is ``vhp``.

    Args:
        func: takes the inputs, returns a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        v: of the shape of the inputs; None for 1, where there is one input of one element.
        create_graph: record the computation of the result, so that it can be differentiated.
        strict: raise an error where an output does not depend on an input; otherwise the product is 0 there.

    Returns:
        (output, product); the product has the form of the inputs.

    Raises:
        RuntimeError: ``v`` is missing or of another shape; the output has several elements; ``strict``, and an output
            depends on no input.
        TypeError: inputs are not tensors.

    >>> x = torch.tensor([1.0, 2.0])
    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), x, torch.tensor([1.0, 0.0]))
    (tensor(9.), tensor([6., 0.]))
    """
    return vhp(func, inputs, v, create_graph, strict)
