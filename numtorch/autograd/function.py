"""``Function``: an op whose forward and backward a user writes.

``apply`` runs forward without recording and adds one node to the graph. The ``pull`` of this node calls the user's
backward. ``ctx`` is separate from the node, so that attributes which a user sets cannot collide with those of the node.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any
from weakref import ref

from numtorch import _tensor, engine
from numtorch.autograd import batched, graph
from numtorch.autograd.inplace import check_inplace, rebase, wrote
from numtorch.autograd.node import FREED, Node, Output, stale
from numtorch.grad_mode import _Setting, mode


class FunctionCtx:
    """What ``forward`` leaves for ``backward``; any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument, whether its gradient is wanted.
        saved_tensors: what ``save_for_backward`` kept.

    >>> class Times(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x, factor):
    ...         ctx.factor = factor
    ...         return x * factor
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * ctx.factor, None
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Times.apply(x, 5.0).backward()
    >>> x.grad
    tensor(5.)
    """

    needs_input_grad: tuple[bool, ...] = ()
    _to_save: tuple = ()
    _dirty: tuple = ()
    _constant: tuple = ()
    _for_forward: tuple = ()
    _pushing = False  # in ``jvp``
    _materialize = True
    _node: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs or intermediate tensors, which ``backward`` reads as ``ctx.saved_tensors``.

        Args:
            *tensors: what is kept; None is kept as None.

        Raises:
            TypeError: something is not a tensor.
        """
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, _tensor.Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors which ``jvp`` reads as ``ctx.saved_tensors``.

        Args:
            *tensors: what is kept; None is kept as None.

        Raises:
            TypeError: something is not a tensor.
        """
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, _tensor.Tensor):
                raise TypeError(
                    f"save_for_forward can only save variables, but argument {i} is of type {type(t).__name__}"
                )
        self._for_forward = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Declare inputs that ``forward`` overwrote; each must be returned as an output.

        Args:
            *tensors: the inputs.
        """
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Declare outputs that have no gradient.

        Args:
            *tensors: the outputs.
        """
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Choose how outputs that were not used arrive in ``backward``.

        Args:
            value: True for zeros, as without this call; False for None.
        """
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple:
        """What ``save_for_backward`` kept; RuntimeError once freed, or if overwritten in place since."""
        if self._pushing and self._for_forward:
            return self._for_forward
        if self._node is None:
            return ()
        node = self._node()
        if node is None or node.saved is None:
            raise FREED[0](FREED[1])
        found = []
        for t, slot in zip(node.saved, node.slots, strict=True):
            if t is not None and t._storage.written > node.seq:
                raise stale(node, t)
            if slot is not None:
                t = _tensor.alias(t)
                t._edge = node if node.outputs is None else Output(node, slot)
            found.append(t)
        return tuple(found)


class FunctionNode(Node):
    """The node of one ``apply``; as in torch, attributes set on the ctx can be read from it."""

    __slots__ = ("ctx", "slots")
    ctx: FunctionCtx
    slots: list[int | None]

    def __getattr__(self, name: str) -> Any:
        if name in ("ctx", "slots"):
            raise AttributeError(name)
        return getattr(self.ctx, name)


class _Applied:
    """A Function as the op of its nodes."""

    def __init__(self, function: type[Function]):
        self.function = function
        self.name = function.__name__
        self.backward_name = function.__name__ + "Backward"

    def pull(self, node: FunctionNode, g: Any, create: bool) -> list:
        function = self.function
        run = function.backward if function.backward is not Function.backward else function.vjp
        if function.jvp is not Function.jvp and (mode.forward or run is Function.backward):
            return self._turned(node, g)
        grads = run(node.ctx, *((g,) if node.outputs is None else g))
        grads = list(grads) if isinstance(grads, tuple | list) else [grads]
        n = len(node.edges)
        while len(grads) > n and grads[-1] is None:
            grads.pop()
        if len(grads) != n:
            raise RuntimeError(
                f"function {self.backward_name} returned an incorrect number of gradients "
                f"(expected {n}, got {len(grads)})"
            )
        return [self._checked(i, gx, node.inputs[i], node.edges[i] is not None) for i, gx in enumerate(grads)]

    def _turned(self, node: FunctionNode, g: Any) -> list:
        """The gradients by the function's ``jvp``, which is linear in the tangents: of its result with respect to
        them."""
        recording = mode.grad
        with _Setting(grad=True):
            tangents = [
                engine.zeros(m[0], dtype=m[1].dtype, device=m[1].device).requires_grad_() if e is not None else None
                for e, m in zip(node.edges, node.inputs, strict=True)
            ]
            node.ctx._pushing = True
            try:
                made = self.function.jvp(node.ctx, *tangents)
            finally:
                node.ctx._pushing = False
        made, given = (made, g) if node.outputs is not None else ((made,), (g,))
        roots = [(y._edge, v) for y, v in zip(made, given, strict=True) if y is not None and y._edge is not None]
        leaves = {t._edge: None for t in tangents if t is not None}
        found = graph.run(roots, keep=True, create=recording, capture=leaves, accumulate=False)
        return [None if t is None else found.get(t._edge) for t in tangents]

    def _checked(self, i: int, gx: Any, described: tuple | None, wanted: bool) -> Any:
        if gx is None:
            return None
        if described is None:
            raise RuntimeError(
                f"function {self.backward_name} returned a gradient different than None at position {i + 1}, "
                "but the corresponding forward input was not a Variable"
            )
        if not isinstance(gx, _tensor.Tensor):
            raise RuntimeError(
                f"function {self.backward_name} returned a gradient at position {i + 1}: expected Variable or None "
                f"(got {type(gx).__name__})"
            )
        if not wanted:
            return None
        shape, k = described
        if gx.shape != shape:
            lead = gx.ndim - len(shape)
            if lead < 0 or any(n not in (1, m) for n, m in zip(shape, gx.shape[lead:], strict=True)):
                raise RuntimeError(
                    f"Function {self.backward_name} returned an invalid gradient at index {i} - got "
                    f"{list(gx.shape)} but expected shape compatible with {list(shape)}"
                )
            gx = engine.sum_to(gx, shape)
        if gx._k.device != k.device:
            raise RuntimeError(
                f"Function {self.backward_name} returned an invalid gradient at index {i} - expected device "
                f"{k.device} but got {gx._k.device}"
            )
        return gx if gx._k.dtype is k.dtype else gx.to(k.dtype)


class Function:
    """Base of ops with a hand-written gradient; a subclass defines ``forward`` and ``backward`` and is called by
    ``apply``.

    ``forward`` may also be written without ctx, together with ``setup_context(ctx, inputs, output)``.

    Args:
        *args, **kwargs: none: a function is not made into an object.

    Raises:
        RuntimeError: it was called as a class; ``apply`` calls it.

    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x**2
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _op: _Applied

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            f"function with static forward method: call {type(self).__name__}.apply(...)."
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._op = _Applied(cls)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes, outside the graph; a subclass defines it as a static method.

        Args:
            *args: ctx and the arguments of ``apply``; without ctx in a class that has ``setup_context``.
            **kwargs: the keyword arguments of ``apply``.

        Returns:
            A tensor, or a tuple of tensors and other values.

        Raises:
            NotImplementedError: the class does not define it.

        >>> class Twice(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        >>> Twice.apply(torch.tensor(3.0))
        tensor(6.)
        """
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Leave on ``ctx`` what ``backward`` needs; a subclass whose ``forward`` takes no ctx defines it.

        Args:
            ctx: the object that ``backward`` gets.
            inputs: the arguments of ``forward``, as a tuple.
            output: what it returned.

        Returns:
            None.

        Raises:
            NotImplementedError: the class does not define it.

        >>> class Square(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(x):
        ...         return x * x
        ...     @staticmethod
        ...     def setup_context(ctx, inputs, output):
        ...         ctx.save_for_backward(*inputs)
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return g * 2 * ctx.saved_tensors[0]
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> Square.apply(x).backward()
        >>> x.grad
        tensor(6.)
        """
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(
        ctx: Any, *grad_outputs: Any, **no_keywords: Any
    ) -> Any:  # to checkers: a subclass takes as many as it has outputs
        """The gradients of the inputs, from the gradients of the outputs; a subclass defines it as a static method.

        Args:
            ctx: what ``forward`` left there; ``ctx.needs_input_grad`` says which gradients are wanted.
            *grad_outputs: a gradient of each output.
            **no_keywords: none.

        Returns:
            A gradient of each argument of ``forward``, None for those without one; a tuple where there are several.

        Raises:
            NotImplementedError: the class does not define it.

        >>> class Reverse(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x.clone()
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return -g
        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> Reverse.apply(x).backward()
        >>> x.grad
        tensor(-1.)
        """
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use "
            "it with backward mode AD."
        )

    vjp = backward
    generate_vmap_rule = False

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any, **no_keywords: Any) -> Any:
        """The tangents of the outputs, from the tangents of the inputs; a subclass defines it as a static method.

        Forward-mode differentiation uses ``backward`` where a class has no ``jvp``; and a class that has only ``jvp``
        has gradients, too.

        Args:
            ctx: what ``forward`` left there.
            *grad_inputs: a tangent of each argument of ``forward``, None for those without one.
            **no_keywords: none.

        Returns:
            A tangent of each output.

        Raises:
            NotImplementedError: the class does not define it.

        >>> class Cube(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(x):
        ...         return x**3
        ...     @staticmethod
        ...     def setup_context(ctx, inputs, output):
        ...         ctx.save_for_forward(*inputs)
        ...     @staticmethod
        ...     def jvp(ctx, t):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * t
        >>> torch.func.jvp(Cube.apply, (torch.tensor(2.0),), (torch.tensor(1.0),))
        (tensor(8.), tensor(12.))
        """
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *args: Any, **no_keywords: Any) -> Any:
        """What ``torch.vmap`` makes of ``apply``; a subclass defines it as a static method, or sets
        ``generate_vmap_rule = True``, where ``forward``, ``backward`` and ``jvp`` are written in operations that vmap
        takes.

        Args:
            info: has the attributes ``batch_size`` and ``randomness``.
            in_dims: for each argument, the dimension along which its samples lie; None for those without samples.
            *args: the arguments, with all samples.
            **no_keywords: none.

        Returns:
            (outputs, dimension along which the samples of each lie, or None).

        Raises:
            NotImplementedError: the class does not define it.

        >>> class Twice(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(x):
        ...         return x * 2
        ...     @staticmethod
        ...     def setup_context(ctx, inputs, output):
        ...         pass
        ...     @staticmethod
        ...     def vmap(info, in_dims, x):
        ...         return Twice.apply(x), in_dims[0]
        >>> torch.vmap(Twice.apply)(torch.tensor([1.0, 2.0]))
        tensor([2., 4.])
        """
        raise NotImplementedError("To use autograd.Function with vmap, it must define the vmap static method.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and record it.

        Args:
            *args, **kwargs: for ``forward``; only tensors given by position get gradients.

        Returns:
            What ``forward`` returned, its tensors with a place in the graph.

        >>> class Twice(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> Twice.apply(torch.tensor(3.0, requires_grad=True)).requires_grad
        True
        """
        if mode.levels and batched.innermost(*args) is not None:
            return batched.function(cls, args, kwargs)
        ctx = FunctionCtx()
        separate = cls.setup_context is not Function.setup_context
        if separate:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        edges = tuple([a._edge if isinstance(a, _tensor.Tensor) else None for a in args])
        ctx.needs_input_grad = tuple([e is not None for e in edges])
        with _Setting(grad=False):
            if separate:
                raw = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, raw)
            else:
                raw = cls.forward(ctx, *args, **kwargs)
        outputs = raw if isinstance(raw, tuple) else (raw,)
        recording = mode.grad and any(ctx.needs_input_grad)
        outputs = (
            _record(cls, ctx, args, edges, outputs, isinstance(raw, tuple))
            if recording
            else _outside(cls, ctx, args, outputs)
        )
        return outputs if isinstance(raw, tuple) else outputs[0]


def _outside(cls: type[Function], ctx: FunctionCtx, args: tuple, outputs: tuple) -> tuple:
    """Results where nothing is recorded: an input that comes back unchanged does so as a view of itself."""
    for t in ctx._dirty:
        if mode.grad:
            check_inplace(t, cls.__name__)
        wrote(t)
    same = {id(a) for a in args} - {id(t) for t in ctx._dirty}
    return tuple(
        [
            _tensor.placed(y, (y.shape, y._strides, y.shape.numel(), 0))
            if isinstance(y, _tensor.Tensor) and id(y) in same
            else y
            for y in outputs
        ]
    )


GUARD = (
    "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic "
    "to handle view+inplace would override the custom backward associated with the custom Function, leading to "
    "incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)


def _is_view_of(y: _tensor.Tensor, x: _tensor.Tensor) -> bool:
    return y._base is not None and (y._base is x or y._base is x._base)


def _guarded(y: _tensor.Tensor, args: tuple, edge: Any, node: FunctionNode) -> _tensor.Tensor:
    """A result with its edge: another tensor, if y is an input or has a place in another graph. Of a view of an input,
    writes are refused, to it and to views of it: they would have to change the input's history past the function's own
    gradient.
    """
    source = next((a for a in args if isinstance(a, _tensor.Tensor) and (y is a or _is_view_of(y, a))), None)
    if source is None and y._base is None and y._edge is None:
        y._edge = edge
        return y
    t = _tensor.alias(y)
    t._edge = edge
    if source is not None:
        root = source if source._base is None else source._base
        t._base = between = _tensor.alias(y)
        between._edge, between._guard, between._base = node, GUARD, root if root._guard is None else root._base
        _tensor.keep_view(_tensor.shared_storage(y), t)
    return t


def _record(cls: type[Function], ctx: FunctionCtx, args: tuple, edges: tuple, raw: tuple, several: bool) -> tuple:
    dirty, constant = {id(t) for t in ctx._dirty}, {id(t) for t in ctx._constant}
    given = {id(a) for a in args}
    if dirty - {id(y) for y in raw}:
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
            "are modified inplace must all be outputs of the Function."
        )
    for t in ctx._dirty:
        check_inplace(t, cls.__name__)
        wrote(t)
    slots = {id(y): i for i, y in enumerate(raw)}
    node = FunctionNode.__new__(FunctionNode)
    node.ctx = ctx
    node.slots = [slots.get(id(t)) if id(t) in dirty or id(t) not in given else None for t in ctx._to_save]
    saved = [t if s is None else _tensor.alias(t) for t, s in zip(ctx._to_save, node.slots, strict=True)]
    inputs = [(a.shape, a._k) if isinstance(a, _tensor.Tensor) else None for a in args]
    shapes = (
        [(y.shape, y._k) if ctx._materialize and isinstance(y, _tensor.Tensor) else None for y in raw]
        if several
        else None
    )
    Node.__init__(node, cls._op, edges, saved, (), inputs, shapes)
    ctx._node = ref(node)
    ctx._to_save = ctx._dirty = ctx._constant = ()
    results = []
    for i, y in enumerate(raw):
        if isinstance(y, _tensor.Tensor):
            edge: Any = Output(node, i) if several else node
            if not y._k.dtype.differentiable or id(y) in constant:
                edge = None
            if id(y) in dirty:
                rebase(y, edge)
            else:
                y = _guarded(y, args, edge, node)
        results.append(y)
    return tuple(results)


class _Twice:
    """The op of nodes whose gradient a user has declared not differentiable."""

    name = backward_name = "once_differentiable"

    @staticmethod
    def pull(node: Node, g: Any, create: bool) -> tuple:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable) -> Callable:
    """Decorator for ``backward``: it runs outside the graph, and differentiating its result raises an error.

    Args:
        fn: the ``backward`` of a ``Function``.

    Returns:
        The decorated function.

    >>> from numtorch.autograd.function import once_differentiable
    >>> class Twice(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> Twice.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with _Setting(grad=False):
            result = fn(ctx, *grads)
        edges = tuple([g._edge for g in grads if isinstance(g, _tensor.Tensor) and g._edge is not None])
        if not mode.grad or not edges:
            return result
        node = Node(_Twice, edges, [], ())
        several = isinstance(result, tuple | list)
        marked = []
        for gx in result if several else (result,):
            if isinstance(gx, _tensor.Tensor):
                gx = _tensor.alias(gx)
                gx._edge = node
            marked.append(gx)
        return tuple(marked) if several else marked[0]

    return wrapper
