"""``grad``, ``vjp``, ``jvp`` and what is made of them: derivatives of functions of trees of tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numtorch as torch
from numtorch.autograd import passes
from numtorch.autograd.batched import Batched, mapped
from numtorch.autograd.passes import Entered, Pullback, Pushforward, released
from numtorch.grad_mode import _Setting, mode
from numtorch.utils import _pytree as tree

Tensor = torch.Tensor


class _Entrance:
    """Trees of tensors as they enter a function that is differentiated.

    Attributes:
        inputs: each tensor, entered.
        trees: the trees of what the function gets.
        connected: whether the results are to be differentiable where gradients are recorded outside.
    """

    def __init__(self, trees: tuple):
        self.connected = mode.grad
        leaves, self.spec = tree.tree_flatten(trees)
        self.inputs = [Entered(x, self.connected) for x in leaves]
        self.trees = self.tree([x.tensor for x in self.inputs])
        self.nodes = [x.node for x in self.inputs]
        self.own = set(self.nodes)

    def call(self, func: Callable, args: tuple, kwargs: dict, has_aux: bool, name: str) -> tuple[Any, Any]:
        """(outputs, aux) of a function, whose graph is recorded."""
        with _Setting(grad=True):
            made = func(*args, **kwargs)
        for node in self.nodes:
            node.open = False
        if not has_aux:
            return made, None
        if not (isinstance(made, tuple) and len(made) == 2):
            raise RuntimeError(
                f"{name}(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True"
            )
        return made

    def tree(self, leaves: list) -> tuple:
        """The trees with these leaves."""
        return tree.tree_unflatten(leaves, self.spec)

    def left(self, results: Any) -> Any:
        """Results as the caller sees them."""
        return tree.tree_map(lambda y: released(y, self.own, self.connected), results)

    def filled(self, gradients: list) -> list:
        """Gradients, 0 for inputs on which nothing depends."""
        return [
            passes.zeros(x.metadata, x.levels) if g is None else g for g, x in zip(gradients, self.inputs, strict=True)
        ]


def _tensors(results: Any, name: str) -> tuple[list, Any]:
    """The leaves of outputs, which are all tensors, and their structure."""
    leaves, spec = tree.tree_flatten(results)
    if not leaves:
        raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output (got output = {results!r})")
    for y in leaves:
        if not isinstance(y, Tensor):
            raise RuntimeError(f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(y)}")
    return leaves, spec


def _chosen(argnums: Any, args: tuple, name: str) -> tuple[int, ...]:
    """The positions of the arguments that ``argnums`` names."""
    several = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, int) for i in several):
        raise RuntimeError(f"{name}: argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not several:
        raise RuntimeError(f"{name}: argnums must not be empty")
    for i in several:
        if not -len(args) <= i < len(args):
            raise RuntimeError(f"Got argnum={i}, but only {len(args)} positional inputs")
    found = tuple([i % len(args) for i in several])
    if len(set(found)) < len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return found


def _replaced(args: tuple, places: tuple, values: tuple) -> tuple:
    new = dict(zip(places, values, strict=True))
    return tuple([new.get(i, a) for i, a in enumerate(args)])


# --- products -----------------------------------------------------------------------------------------


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """The outputs of a function, and the function that gives vector-Jacobian products.

    Args:
        func: takes the primals, and returns a tensor or a tree of tensors.
        *primals: tensors, or trees of tensors.
        has_aux: whether ``func`` returns (outputs, aux), of which aux is not differentiated.

    Returns:
        (outputs, function), with ``has_aux`` (outputs, function, aux). The function takes cotangents of the outputs'
        structure, and returns a tuple with a gradient of each primal.

    Raises:
        RuntimeError: the outputs are no tensors, or, by the function, the cotangents do not fit them.
        ValueError: a primal is no tensor.

    >>> y, pull = torch.func.vjp(torch.sin, torch.tensor([0.0, 1.0]))
    >>> pull(torch.tensor([1.0, 10.0]))
    (tensor([1.0000, 5.4030]),)
    """
    entrance = _Entrance(primals)
    outputs, aux = entrance.call(func, entrance.trees, {}, has_aux, "vjp")
    leaves, spec = _tensors(outputs, "vjp(f, *primals)")
    pull = Pullback(leaves, entrance.inputs, entrance.connected)

    def products(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> tuple:
        given, form = tree.tree_flatten(cotangents)
        if form != spec:
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {form!r}, primal output: {spec!r}"
            )
        for y, g in zip(leaves, given, strict=True):
            if y.shape != g.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[0] has a shape of {g.shape} and output[0] has a shape of "
                    f"{y.shape}."
                )
        return entrance.tree(entrance.filled(pull(given, retain_graph, create_graph)))

    results = entrance.left(outputs)
    return (results, products, entrance.left(aux)) if has_aux else (results, products)


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """The outputs of a function, and its Jacobian-vector product with tangents.

    Args:
        func: takes the primals, and returns a tensor or a tree of tensors.
        primals: a tuple of tensors, or of trees of tensors.
        tangents: of the structure and the shapes of the primals.
        strict: raise an error where an output does not depend on a primal; otherwise its tangent is 0.
        has_aux: whether ``func`` returns (outputs, aux), of which aux is not differentiated.

    Returns:
        (outputs, tangents of the outputs), with ``has_aux`` (outputs, tangents, aux).

    Raises:
        RuntimeError: primals and tangents do not fit; ``strict``, and an output depends on no primal.
        ValueError: a primal is no tensor.

    >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    given = _fitting(primals, tangents, "jvp(f, primals, tangents)")
    entrance = _Entrance(primals)
    outputs, aux = entrance.call(func, entrance.trees, {}, has_aux, "jvp")
    leaves, spec = _tensors(outputs, "jvp(f, primals, tangents)")
    made = _pushed(Pushforward(leaves, entrance.nodes, entrance.connected), leaves, given, strict)
    results = entrance.left(outputs), tree.tree_unflatten(made, spec)
    return (*results, entrance.left(aux)) if has_aux else results


def _fitting(primals: Any, tangents: Any, name: str) -> list:
    """The leaves of tangents; RuntimeError unless they fit the primals."""
    leaves, spec = tree.tree_flatten(primals)
    given, form = tree.tree_flatten(tangents)
    if form != spec:
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            "tuple of 3 tensors, tangents also must be. Got primals with structure "
            f"{spec!r} and tangents with structure {form!r}"
        )
    for x, t in zip(leaves, given, strict=True):
        if not isinstance(t, Tensor):
            raise ValueError(f"{name}: Thing passed to transform API must be Tensor, got {type(t)}")
        if isinstance(x, Tensor) and x.shape != t.shape:
            raise RuntimeError(
                f"Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(x.shape)} while the given forward gradient is of size "
                f"{list(t.shape)}."
            )
    return given


def _pushed(push: Pushforward, outputs: list, tangents: list, strict: bool = False) -> list:
    found = push(tangents)
    if strict and any(t is None for t in found):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    return [passes.zeros(m, push.levels) if t is None else t for t, m in zip(found, push.metadata, strict=True)]


def linearize(func: Callable, *primals: Any) -> tuple:
    """The outputs of a function, and its derivative there as a linear function.

    Args:
        func: takes the primals, and returns a tensor or a tree of tensors.
        *primals: tensors, or trees of tensors.

    Returns:
        (outputs, function). The function takes tangents of the primals, and returns those of the outputs, without
        computing ``func`` again.

    Raises:
        RuntimeError: the outputs are no tensors; by the function, the tangents do not fit the primals.
        ValueError: a primal is no tensor.

    >>> y, push = torch.func.linearize(torch.sin, torch.tensor([0.0, 1.0]))
    >>> push(torch.tensor([1.0, 10.0]))
    tensor([1.0000, 5.4030])
    """
    entrance = _Entrance(primals)
    outputs, _ = entrance.call(func, entrance.trees, {}, False, "linearize")
    leaves, spec = _tensors(outputs, "linearize(f, *primals)")
    push = Pushforward(leaves, entrance.nodes, entrance.connected)

    def linear(*tangents: Any) -> Any:
        given = _fitting(primals, tangents, "linearize(f, *primals)(*tangents)")
        return tree.tree_unflatten(_pushed(push, leaves, given), spec)

    return entrance.left(outputs), linear


# --- gradients ----------------------------------------------------------------------------------------


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of another, and its value.

    Args:
        func: returns a tensor of one element, without dimensions.
        argnums: with respect to which argument, or arguments, a number or a tuple.
        has_aux: whether ``func`` returns (value, aux), of which aux is not differentiated.

    Returns:
        A function of the same arguments that returns (gradient, value), with ``has_aux`` (gradient, (value, aux)). The
        gradient has the structure of the argument; for a tuple ``argnums`` it is a tuple.

    Raises:
        RuntimeError: by the function: the value is no tensor without dimensions, or there is no such argument.
        ValueError: by the function: an argument is no tensor.

    >>> torch.func.grad_and_value(lambda x: (x * x).sum())(torch.tensor([1.0, 2.0]))
    (tensor([2., 4.]), tensor(5.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> tuple:
        places = _chosen(argnums, args, "grad_and_value(f)(*args)")
        entrance = _Entrance(tuple([args[i] for i in places]))
        value, aux = entrance.call(func, _replaced(args, places, entrance.trees), kwargs, has_aux, "grad_and_value")
        if not isinstance(value, Tensor):
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a single tensor"
                f"{' as the first of two' * has_aux}, got {type(value)}"
            )
        if value.ndim:
            raise RuntimeError(
                f"grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with {value.ndim} "
                "dims. Maybe you meant to use the vjp or jacrev APIs instead?"
            )
        pull = Pullback([value], entrance.inputs, entrance.connected)
        found = entrance.tree(entrance.filled(pull([torch.ones((), dtype=value.dtype, device=value.device)])))
        value = entrance.left(value)
        result = found if isinstance(argnums, tuple) else found[0]
        return (result, (value, entrance.left(aux))) if has_aux else (result, value)

    return wrapper


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of another.

    Args:
        func: returns a tensor of one element, without dimensions.
        argnums: with respect to which argument, or arguments, a number or a tuple.
        has_aux: whether ``func`` returns (value, aux), of which aux is not differentiated.

    Returns:
        A function of the same arguments that returns the gradient, with ``has_aux`` (gradient, aux). The gradient has
        the structure of the argument; for a tuple ``argnums`` it is a tuple.

    Raises:
        RuntimeError: by the function: the value is no tensor without dimensions, or there is no such argument.
        ValueError: by the function: an argument is no tensor.

    >>> second = torch.func.grad(torch.func.grad(lambda x: x**3))
    >>> second(torch.tensor(2.0))
    tensor(12.)
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


# --- matrices -----------------------------------------------------------------------------------------


def jacrev(
    func: Callable,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """A function that gives the Jacobian of another, by gradients of each element of its outputs.

    Args:
        func: takes tensors or trees of tensors, and returns a tensor or a tree of tensors.
        argnums: with respect to which argument, or arguments, a number or a tuple.
        has_aux: whether ``func`` returns (outputs, aux), of which aux is not differentiated.
        chunk_size: how many rows are computed together; all unless given.

    Returns:
        A function of the same arguments that returns the Jacobian, with ``has_aux`` (Jacobian, aux): for each output a
        tree of the structure of the argument, of tensors of shape ``(*output.shape, *input.shape)``.

    Raises:
        ValueError: ``chunk_size`` is less than 1.
        RuntimeError: by the function: the outputs are no tensors, or there is no such argument.

    >>> torch.func.jacrev(lambda x: x * x)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_chunk(chunk_size, "jacrev")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        places = _chosen(argnums, args, "jacrev(f)(*args)")
        entrance = _Entrance(tuple([args[i] for i in places]))
        outputs, aux = entrance.call(func, _replaced(args, places, entrance.trees), kwargs, has_aux, "jacrev")
        leaves, spec = _tensors(outputs, "jacrev(f)(*args)")
        blocks = []
        for y in leaves:
            pull = Pullback([y], entrance.inputs, entrance.connected)
            rows = _rows(pull, y, entrance, chunk_size)
            found = entrance.tree(
                [r.reshape(*y.shape, *x.tensor.shape) for r, x in zip(rows, entrance.inputs, strict=True)]
            )
            blocks.append(found if isinstance(argnums, tuple) else found[0])
        jacobian = tree.tree_unflatten(blocks, spec)
        return (jacobian, entrance.left(aux)) if has_aux else jacobian

    return wrapper


def _check_chunk(chunk_size: int | None, name: str) -> None:
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"{name}: `chunk_size` should be greater than 0. (got {chunk_size})")


def _rows(pull: Pullback, y: Tensor, entrance: _Entrance, chunk_size: int | None) -> list:
    """For each input the gradients of every element of ``y``."""
    n = y.shape.numel()
    found = mapped(pull, [passes.basis(y)], chunk_size) if n and y.requires_grad else [None] * len(entrance.inputs)
    return [
        torch.zeros(n, *x.tensor.shape, dtype=x.tensor.dtype, device=x.tensor.device) if g is None else g
        for g, x in zip(found, entrance.inputs, strict=True)
    ]


def jacfwd(
    func: Callable, argnums: Any = 0, has_aux: bool = False, *, chunk_size: int | None = None, randomness: str = "error"
) -> Callable:
    """A function that gives the Jacobian of another, by tangents of each element of its inputs.

    Args:
        func: takes tensors or trees of tensors, and returns a tensor or a tree of tensors.
        argnums: with respect to which argument, or arguments, a number or a tuple.
        has_aux: whether ``func`` returns (outputs, aux), of which aux is not differentiated.
        chunk_size: how many columns are computed together; all unless given.
        randomness: accepted: ``func`` is computed once.

    Returns:
        A function of the same arguments that returns the Jacobian, with ``has_aux`` (Jacobian, aux): for each output a
        tree of the structure of the argument, of tensors of shape ``(*output.shape, *input.shape)``.

    Raises:
        ValueError: ``chunk_size`` is less than 1.
        RuntimeError: by the function: the outputs are no tensors, or there is no such argument.

    >>> torch.func.jacfwd(lambda x: x * x)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_chunk(chunk_size, "jacfwd")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        places = _chosen(argnums, args, "jacfwd(f)(*args)")
        entrance = _Entrance(tuple([args[i] for i in places]))
        outputs, aux = entrance.call(func, _replaced(args, places, entrance.trees), kwargs, has_aux, "jacfwd")
        leaves, spec = _tensors(outputs, "jacfwd(f)(*args)")
        push = Pushforward(leaves, entrance.nodes, entrance.connected)
        columns = [_columns(push, leaves, i, x.tensor, chunk_size) for i, x in enumerate(entrance.inputs)]
        blocks = []
        for j in range(len(leaves)):
            found = entrance.tree([column[j] for column in columns])
            blocks.append(found if isinstance(argnums, tuple) else found[0])
        jacobian = tree.tree_unflatten(blocks, spec)
        return (jacobian, entrance.left(aux)) if has_aux else jacobian

    return wrapper


def _columns(push: Pushforward, outputs: list, i: int, x: Tensor, chunk_size: int | None) -> list:
    """For each output its derivatives by every element of input ``i``."""
    n = x.shape.numel()

    def linear(tangents: list) -> list:
        return push([tangents[0] if k == i else None for k in range(len(push.linear))])

    found = mapped(linear, [passes.basis(x)], chunk_size) if n else [None] * len(outputs)
    return [
        torch.zeros(*y.shape, *x.shape, dtype=y.dtype, device=y.device)
        if t is None
        else t.movedim(0, -1).reshape(*y.shape, *x.shape)
        for t, y in zip(found, outputs, strict=True)
    ]


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """A function that gives the Hessian of another: the Jacobian, by tangents, of its Jacobian, by gradients.

    Args:
        func: takes tensors or trees of tensors, and returns a tensor or a tree of tensors.
        argnums: with respect to which argument, or arguments, a number or a tuple.

    Returns:
        A function of the same arguments that returns the Hessian, of shape ``(*output.shape, *input.shape,
        *input.shape)``; trees as ``jacfwd`` of ``jacrev`` returns them.

    Raises:
        RuntimeError: by the function: the outputs are no tensors, or there is no such argument.

    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func: Callable, *, remove: str = "mutations") -> Callable:
    """A function that computes what another does; writes into views and tensors need no removal here.

    Args:
        func: a function of tensors.
        remove: ``"mutations"`` or ``"mutations_and_views"``.

    Returns:
        A function of the same arguments.

    Raises:
        RuntimeError: another ``remove``.

    >>> torch.func.functionalize(lambda x: x.clone().add_(1))(torch.tensor([1.0]))
    tensor([2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            "functionalize(f, remove='mutations'): Valid options for the remove argument are: 'mutations' and "
            f"'mutations_and_views', not {remove!r}"
        )

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapped


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The tensor of all samples behind a tensor that ``vmap`` hands to a function; for looking at while debugging.

    Args:
        tensor: any tensor.
        recurse: whether the dimensions of all levels are shown, or that of the innermost alone.

    Returns:
        The tensor with the hidden dimensions in front; ``tensor`` itself where it has none.

    >>> def shapes(x):
    ...     print(x.shape, torch.func.debug_unwrap(x).shape)
    ...     return x
    >>> y = torch.vmap(shapes)(torch.zeros(5, 3))
    torch.Size([3]) torch.Size([5, 3])
    """
    if not isinstance(tensor, Batched):
        return tensor
    return debug_unwrap(tensor.value) if recurse else tensor.value
