"""``torch.library``: ops that a program defines, by their schemas, kernels and gradients.

>>> @torch.library.custom_op("docs::half", mutates_args=())
... def half(x: torch.Tensor) -> torch.Tensor:
...     return x / 2
>>> half(torch.ones(2)), torch.ops.docs.half(torch.ones(1))
(tensor([0.5000, 0.5000]), tensor([0.5000]))
"""

from __future__ import annotations

import contextlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numtorch import ops, schemas
from numtorch._tensor import Tensor
from numtorch.autograd.function import Function
from numtorch.autograd.gradcheck import gradcheck

_OPS: dict[str, CustomOpDef] = {}
_KEYS = {"CPU": "cpu", "CUDA": "cuda", "Meta": "meta", "MPS": "mps", "XPU": "xpu"}
_COMPOSITE = ("CompositeImplicitAutograd", "CompositeExplicitAutograd", "BackendSelect", "Functionalize", "")
_VALID = re.compile(r"[A-Za-z_]\w*::[A-Za-z_]\w*(\.\w+)?")


class Namespace:
    """The ops of one namespace, as ``torch.ops.docs``.

    Args:
        name: the namespace.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> CustomOpDef:
        found = _OPS.get(f"{self._name}::{name}")
        if found is None:
            raise AttributeError(f"torch.ops.{self._name} has no op {name!r}; torch.library.custom_op defines one")
        return found

    def __repr__(self) -> str:
        return f"torch.ops.{self._name}"


def infer_schema(prototype_function: Callable, /, *, mutates_args: Any, op_name: str | None = None) -> str:
    """The schema of a function, by its annotations.

    Args:
        prototype_function: a function whose parameters have annotations.
        mutates_args: the names of those that it writes to, or ``"unknown"``.
        op_name: what stands before the parameters.

    Returns:
        Text such as ``(Tensor x, float p) -> Tensor``.

    Raises:
        ValueError: an annotation is missing, or is of no type that a schema has.

    >>> def f(x: torch.Tensor, p: float = 0.5) -> torch.Tensor:
    ...     return x * p
    >>> torch.library.infer_schema(f, mutates_args=())
    '(Tensor x, float p=0.5) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    written: list[str] = []
    starred = False
    for name, p in signature.parameters.items():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise ValueError(f"infer_schema: {name} stands for any number of arguments, which a schema does not have")
        if name not in hints:
            raise ValueError(f"infer_schema: the parameter {name} has no annotation, as {name}: torch.Tensor")
        kind = schemas.type_of(hints[name], name)
        if (
            mutates_args == "unknown"
            and kind.startswith("Tensor")
            or mutates_args != "unknown"
            and name in mutates_args
        ):
            if not kind.startswith("Tensor"):
                raise ValueError(f"infer_schema: {name} is in mutates_args, and is no tensor but {kind}")
            kind = kind.replace("Tensor", f"Tensor(a{len(written)}!)", 1)
        if p.kind is p.KEYWORD_ONLY and not starred:
            written.append("*")
            starred = True
        default = "" if p.default is p.empty else f"={schemas.default_text(p.default)}"
        written.append(f"{kind} {name}{default}")
    unknown = set() if mutates_args == "unknown" else set(mutates_args) - set(signature.parameters)
    if unknown:
        raise ValueError(f"infer_schema: mutates_args names {sorted(unknown)}, which are no parameters")
    result = hints.get("return", inspect.Parameter.empty)
    if result is inspect.Parameter.empty:
        raise ValueError("infer_schema: the result has no annotation, as -> torch.Tensor or -> None")
    if result in (None, type(None)):
        gives = "()"
    elif typing.get_origin(result) is tuple:
        gives = f"({', '.join(schemas.type_of(part, 'the result') for part in typing.get_args(result))})"
    else:
        gives = schemas.type_of(result, "the result")
    return f"{op_name or ''}({', '.join(written)}) -> {gives}"


class CustomOpDef:
    """An op that a program has defined: called as a function, and as ``torch.ops.namespace.name``.

    Args:
        namespace, name: of the op.
        schema: its parameters and results.
        fn: computes it on every device; None if kernels are registered.
        device_types: the devices that ``fn`` is for; all if None.

    >>> op = torch.library.custom_op("docs::twice", lambda x: x * 2, mutates_args=(), schema="(Tensor x) -> Tensor")
    >>> op(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, namespace: str, name: str, schema: str, fn: Callable | None = None, device_types: Any = None):
        self._namespace, self._name, self._schema = namespace, name, schema
        self._qualname = f"{namespace}::{name}"
        self.__name__ = name
        self._kernels: dict[str | None, Callable] = {}
        self._disabled: set[str] = set()
        self._fake: Callable | None = None
        self._vmap: Callable | None = None
        self._autograd: Callable | None = None
        self._backward: Callable | None = None
        self._setup: Callable | None = None
        self._parameters = schemas.parameters(schema)
        self._mutated = [n for n, kind, _, _ in self._parameters if "!" in kind]
        if fn is not None:
            self.register_kernel(device_types, fn)
        _OPS[self._qualname] = self
        if not isinstance(getattr(ops, namespace, None), types.ModuleType):
            setattr(ops, namespace, Namespace(namespace))

    @property
    def default(self) -> CustomOpDef:
        """The op: the overload without a name."""
        return self

    def overloads(self) -> list[str]:
        """The names of its overloads.

        Returns:
            A list of one name.

        >>> op = torch.library.custom_op("docs::one", lambda x: x + 1, mutates_args=(), schema="(Tensor x) -> Tensor")
        >>> op.overloads()
        ['default']
        """
        return ["default"]

    def register_kernel(self, device_types: Any, fn: Callable | None = None, /) -> Callable:
        """What computes the op on some devices.

        Args:
            device_types: as ``"cpu"``, several, or None for all.
            fn: the function; without one the result is a decorator.

        Returns:
            The function, or a decorator.

        >>> op = torch.library.custom_op("docs::two", lambda x: x + 2, mutates_args=(), schema="(Tensor x) -> Tensor")
        >>> @op.register_kernel("cpu")
        ... def _(x):
        ...     return x + 3
        >>> op(torch.zeros(1))
        tensor([3.])
        """

        def register(fn: Callable) -> Callable:
            kinds = [device_types] if device_types is None or isinstance(device_types, str) else list(device_types)
            for kind in kinds:
                self._kernels[kind] = fn
            return fn

        return register if fn is None else register(fn)

    def register_fake(self, fn: Callable | None = None, /) -> Callable:
        """What gives results of the right shape and dtype for tensors of the device ``meta``.

        Args:
            fn: the function; without one the result is a decorator.

        Returns:
            The function, or a decorator.

        >>> op = torch.library.custom_op("docs::three", lambda x: x + 3, mutates_args=(), schema="(Tensor x) -> Tensor")
        >>> @op.register_fake
        ... def _(x):
        ...     return torch.empty_like(x)
        >>> op(torch.zeros(1, device="meta")).device
        device(type='meta')
        """

        def register(fn: Callable) -> Callable:
            self._fake = fn
            return fn

        return register if fn is None else register(fn)

    def register_autograd(self, backward: Callable, /, *, setup_context: Callable | None = None) -> None:
        """The gradient of the op.

        Args:
            backward: ``backward(ctx, *grads)`` gives a gradient or None for each argument.
            setup_context: ``setup_context(ctx, inputs, output)`` keeps what it needs.

        Raises:
            RuntimeError: the op writes to its arguments.

        >>> op = torch.library.custom_op("docs::tri", lambda x: x * 3, mutates_args=(), schema="(Tensor x) -> Tensor")
        >>> op.register_autograd(lambda ctx, g: g * 3)
        >>> x = torch.ones(1, requires_grad=True)
        >>> op(x).backward()
        >>> x.grad
        tensor([3.])
        """
        if self._mutated:
            raise RuntimeError(f"register_autograd: {self._qualname} writes to {self._mutated}; it has no gradient")
        self._backward, self._setup = backward, setup_context

    def register_vmap(self, func: Callable | None = None) -> Callable:
        """What computes the op on batches, under ``torch.func.vmap``.

        Args:
            func: ``func(info, in_dims, *args)`` gives (results, their batch dimensions); without one the result is a
                decorator.

        Returns:
            The function, or a decorator.

        >>> op = torch.library.custom_op("docs::four", lambda x: x + 4, mutates_args=(), schema="(Tensor x) -> Tensor")
        >>> op.register_vmap(lambda info, in_dims, x: (x + 4, in_dims[0])) is op._vmap
        True
        """

        def register(func: Callable) -> Callable:
            self._vmap = func
            return func

        return register if func is None else register(func)

    @contextlib.contextmanager
    def set_kernel_enabled(self, device_type: str, enabled: bool = True) -> Iterator[None]:
        """A block in which the kernel of one device is used or not.

        Args:
            device_type: as ``"cpu"``.
            enabled: whether it is used.

        >>> op = torch.library.custom_op("docs::five", lambda x: x + 5, mutates_args=(), schema="(Tensor x) -> Tensor")
        >>> with op.set_kernel_enabled("cpu", False):
        ...     op(torch.zeros(1))
        tensor([5.])
        """
        before = set(self._disabled)
        (self._disabled.discard if enabled else self._disabled.add)(device_type)
        try:
            yield
        finally:
            self._disabled = before

    def _bound(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """The arguments with their defaults: by position, and those that are only by name."""
        plain = [p for p in self._parameters if not p[3]]
        if len(args) > len(plain):
            raise TypeError(f"{self._qualname}() takes {len(plain)} arguments by position, not {len(args)}")
        given = dict(zip([p[0] for p in plain], args, strict=False))
        for name, value in kwargs.items():
            if name in given or name not in {p[0] for p in self._parameters}:
                told = "twice" if name in given else "which it does not have"
                raise TypeError(f"{self._qualname}() got the argument {name!r}, {told}; its schema is {self._schema}")
            given[name] = value
        for name, kind, default, _ in self._parameters:
            if name not in given:
                if default is inspect.Parameter.empty:
                    raise TypeError(f"{self._qualname}() misses the argument {name!r}; its schema is {self._schema}")
                given[name] = default
            if kind == "Tensor" and not isinstance(given[name], Tensor):
                raise TypeError(f"{self._qualname}() takes a tensor as {name!r}, not {type(given[name]).__name__}")
        return tuple(given[p[0]] for p in plain), {p[0]: given[p[0]] for p in self._parameters if p[3]}

    def _computed(self, *args: Any, **kwargs: Any) -> Any:
        found = next((t.device.type for t in _tensors_in((args, tuple(kwargs.values())))), None)
        if found == "meta" and self._fake is not None:
            return self._fake(*args, **kwargs)
        kernel = None if found in self._disabled else self._kernels.get(found)
        kernel = kernel or self._kernels.get(None) or (self._kernels.get("cpu") if found is None else None)
        if kernel is None and found in self._disabled:
            kernel = self._kernels.get(found)
        if kernel is None:
            there = sorted(str(kind) for kind in self._kernels)
            raise NotImplementedError(
                f"{self._qualname} has no kernel for the device {found!r}, only for {there}; register_kernel adds one"
            )
        return kernel(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self._bound(args, kwargs)
        if self._autograd is not None:
            return self._autograd(*args, **kwargs)
        if self._backward is None:
            return self._computed(*args, **kwargs)
        return _function_of(self)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"


def _tensors_in(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, list | tuple):
        for part in given:
            yield from _tensors_in(part)


def _function_of(op: CustomOpDef) -> Callable:
    """The op as an autograd function, whose tensors in lists are arguments of their own."""

    def call(*args: Any, **kwargs: Any) -> Any:
        flat: list = []
        shape: list = []
        for value in args:
            if isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value):
                shape.append(len(value))
                flat.extend(value)
            else:
                shape.append(None)
                flat.append(value)

        def nested(values: Sequence) -> tuple:
            parts, at = [], 0
            for size in shape:
                parts.append(values[at] if size is None else list(values[at : at + size]))
                at += 1 if size is None else size
            return tuple(parts)

        class Applied(Function):
            @staticmethod
            def forward(ctx: Any, *values: Any) -> Any:
                inputs = nested(values)
                output = op._computed(*inputs, **kwargs)
                if op._setup is not None:
                    more = {"keyword_only_inputs": kwargs} if kwargs else {}
                    op._setup(ctx, inputs, output, **more)
                return output

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                found = op._backward(ctx, *grads)  # type: ignore[misc]
                found = found if isinstance(found, tuple) else (found,)
                if len(found) != len(shape):
                    raise RuntimeError(
                        f"{op._qualname}: backward gave {len(found)} gradients for {len(shape)} arguments; "
                        "give None for those that have none"
                    )
                plain: list = []
                for size, value in zip(shape, found, strict=True):
                    plain.extend([value] if size is None else [None] * size if value is None else value)
                return tuple(plain)

        Applied.__name__ = Applied.__qualname__ = op._name
        return Applied.apply(*flat)

    return call


def _named(name: str) -> tuple[str, str]:
    if not isinstance(name, str) or not _VALID.fullmatch(name):
        raise ValueError(f"torch.library: the name of an op is namespace::name, not {name!r}")
    space, _, rest = name.partition("::")
    return space, rest.removesuffix(".default")


def _op(op: Any) -> CustomOpDef:
    if isinstance(op, CustomOpDef):
        return op
    space, name = _named(op)
    if f"{space}::{name}" not in _OPS:
        raise RuntimeError(f"torch.library: there is no op {op}; torch.library.custom_op or define makes it")
    return _OPS[f"{space}::{name}"]


def custom_op(
    name: str,
    fn: Callable | None = None,
    /,
    *,
    mutates_args: Any,
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Define an op by a function.

    Args:
        name: as ``namespace::name``.
        fn: the function; without one the result is a decorator.
        mutates_args: the names of the arguments that it writes to, or ``"unknown"``.
        device_types: the devices that it is for, as ``"cpu"``; all if None.
        schema: its parameters and results; from its annotations if None.
        tags: accepted.

    Returns:
        A CustomOpDef, or a decorator.

    Raises:
        ValueError: the name has no namespace, or an annotation is missing.

    >>> @torch.library.custom_op("docs::square", mutates_args=())
    ... def square(x: torch.Tensor) -> torch.Tensor:
    ...     return x * x
    >>> square(torch.tensor([3.0]))
    tensor([9.])
    """

    def define(fn: Callable) -> CustomOpDef:
        space, own = _named(name)
        written = infer_schema(fn, mutates_args=mutates_args) if schema is None else schema
        made = CustomOpDef(space, own, written, fn, device_types)
        made.__doc__ = fn.__doc__
        return made

    return define if fn is None else define(fn)


triton_op = custom_op


def register_kernel(op: Any, device_types: Any, func: Callable | None = None, /, *, lib: Any = None) -> Callable:
    """What computes an op on some devices.

    Args:
        op: a CustomOpDef, or its name.
        device_types: as ``"cpu"``, several, or None for all.
        func: the function; without one the result is a decorator.
        lib: accepted.

    Returns:
        The function, or a decorator.

    Raises:
        RuntimeError: there is no such op.

    >>> op = torch.library.custom_op("docs::six", lambda x: x + 6, mutates_args=(), schema="(Tensor x) -> Tensor")
    >>> torch.library.register_kernel("docs::six", "cpu", lambda x: x - 6)(torch.zeros(1))
    tensor([-6.])
    """
    return _op(op).register_kernel(device_types, func)


def register_fake(
    op: Any, func: Callable | None = None, /, *, lib: Any = None, _stacklevel: int = 1, allow_override: bool = False
) -> Callable:
    """What gives results of the right shape and dtype for tensors of the device ``meta``.

    Args:
        op: a CustomOpDef, or its name.
        func: the function; without one the result is a decorator.
        lib, allow_override: accepted.

    Returns:
        The function, or a decorator.

    Raises:
        RuntimeError: there is no such op.

    >>> op = torch.library.custom_op("docs::seven", lambda x: x + 7, mutates_args=(), schema="(Tensor x) -> Tensor")
    >>> @torch.library.register_fake("docs::seven")
    ... def _(x):
    ...     return torch.empty_like(x)
    >>> op(torch.zeros(2, device="meta")).shape
    torch.Size([2])
    """
    return _op(op).register_fake(func)


impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable, /, *, setup_context: Callable | None = None, lib: Any = None
) -> None:
    """The gradient of an op.

    Args:
        op: a CustomOpDef, or its name.
        backward: ``backward(ctx, *grads)`` gives a gradient or None for each argument.
        setup_context: ``setup_context(ctx, inputs, output)`` keeps what it needs.
        lib: accepted.

    Raises:
        RuntimeError: there is no such op, or it writes to its arguments.

    >>> op = torch.library.custom_op("docs::sine", lambda x: x.sin(), mutates_args=(), schema="(Tensor x) -> Tensor")
    >>> def setup_context(ctx, inputs, output):
    ...     ctx.save_for_backward(*inputs)
    >>> def backward(ctx, g):
    ...     return g * ctx.saved_tensors[0].cos()
    >>> torch.library.register_autograd("docs::sine", backward, setup_context=setup_context)
    >>> x = torch.zeros(1, requires_grad=True)
    >>> op(x).backward()
    >>> x.grad
    tensor([1.])
    """
    _op(op).register_autograd(backward, setup_context=setup_context)


def register_vmap(op: Any, func: Callable | None = None, /, *, lib: Any = None) -> Callable:
    """What computes an op on batches, under ``torch.func.vmap``.

    Args:
        op: a CustomOpDef, or its name.
        func: ``func(info, in_dims, *args)``; without one the result is a decorator.
        lib: accepted.

    Returns:
        The function, or a decorator.

    Raises:
        RuntimeError: there is no such op.

    >>> op = torch.library.custom_op("docs::eight", lambda x: x + 8, mutates_args=(), schema="(Tensor x) -> Tensor")
    >>> callable(torch.library.register_vmap("docs::eight", lambda info, in_dims, x: (x + 8, in_dims[0])))
    True
    """
    return _op(op).register_vmap(func)


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Define an op that has no kernel yet.

    Args:
        qualname: as ``namespace::name``.
        schema: its parameters and results, as ``(Tensor x) -> Tensor``.
        lib, tags: accepted.

    Raises:
        ValueError: the name has no namespace, or the schema is none.

    >>> torch.library.define("docs::nine", "(Tensor x) -> Tensor")
    """
    space, name = _named(qualname)
    if "->" not in schema or "(" not in schema:
        raise ValueError(f"define: a schema is (Tensor x) -> Tensor, not {schema!r}")
    CustomOpDef(space, name, schema)


def impl(qualname: str, types: Any, func: Callable | None = None, *, lib: Any = None) -> Any:
    """What computes an op that ``define`` has made, on some devices.

    Args:
        qualname: as ``namespace::name``.
        types: devices as ``"cpu"``, several, or ``"default"`` for all.
        func: the function; without one the result is a decorator.
        lib: accepted.

    Returns:
        The function, or a decorator.

    Raises:
        RuntimeError: there is no such op.

    >>> torch.library.define("docs::ten", "(Tensor x) -> Tensor")
    >>> @torch.library.impl("docs::ten", "cpu")
    ... def ten(x):
    ...     return x + 10
    >>> torch.ops.docs.ten(torch.zeros(1))
    tensor([10.])
    """
    if isinstance(qualname, Library):  # the older order: impl(library, name, key)
        library, key = qualname, func if isinstance(func, str) else ""

        def added(fn: Any) -> Any:
            library.impl(types, fn, key)
            return fn

        return added
    kinds = [types] if isinstance(types, str) else list(types)
    return _op(qualname).register_kernel(
        None if "default" in kinds else [_KEYS.get(kind, kind) for kind in kinds], func
    )


class Library:
    """A namespace of ops that are defined by their schemas.

    Args:
        ns: the namespace.
        kind: ``DEF``, ``IMPL`` or ``FRAGMENT``.
        dispatch_key: of kernels that name none, as ``CPU``.

    Raises:
        ValueError: another kind.

    >>> lib = torch.library.Library("docs", "FRAGMENT")
    >>> name = lib.define("plus(Tensor a, Tensor b) -> Tensor")
    >>> lib.impl("plus", lambda a, b: a + b, "CPU")
    >>> torch.ops.docs.plus(torch.ones(1), torch.ones(1))
    tensor([2.])
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = ""):
        if kind not in ("DEF", "IMPL", "FRAGMENT"):
            raise ValueError(f"Library: kind is DEF, IMPL or FRAGMENT, not {kind!r}")
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._defined: list[str] = []

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Define an op.

        Args:
            schema: as ``name(Tensor x) -> Tensor``.
            alias_analysis, tags: accepted.

        Returns:
            The name of the op.

        Raises:
            ValueError: the schema is none.
            RuntimeError: the namespace has the op already.

        >>> torch.library.Library("docs2", "DEF").define("eleven(Tensor x) -> Tensor")
        'eleven'
        """
        name = schema.partition("(")[0].strip()
        if "->" not in schema or not name:
            raise ValueError(f"Library.define: a schema is name(Tensor x) -> Tensor, not {schema!r}")
        if f"{self.ns}::{name}" in _OPS:
            raise RuntimeError(f"Library.define: {self.ns}::{name} is there already")
        CustomOpDef(self.ns, name, schema[schema.index("(") :])
        self._defined.append(f"{self.ns}::{name}")
        return name

    def impl(
        self,
        op_name: Any,
        fn: Callable,
        dispatch_key: str = "",
        *,
        with_keyset: bool = False,
        allow_override: bool = False,
    ) -> None:
        """What computes an op.

        Args:
            op_name: of the op.
            fn: the function.
            dispatch_key: as ``CPU``, ``CUDA``, ``Meta``, ``Autograd`` or ``CompositeImplicitAutograd``.
            with_keyset, allow_override: accepted.

        Raises:
            RuntimeError: there is no such op.

        >>> lib = torch.library.Library("docs3", "DEF")
        >>> name = lib.define("twelve(Tensor x) -> Tensor")
        >>> lib.impl("twelve", lambda x: x + 12, "CompositeExplicitAutograd")
        >>> torch.ops.docs3.twelve(torch.zeros(1))
        tensor([12.])
        """
        name = op_name if isinstance(op_name, str) else op_name._name
        op = _op(name if "::" in name else f"{self.ns}::{name}")
        key = dispatch_key or self.dispatch_key
        if key == "Meta":
            op.register_fake(fn)
        elif key.startswith("Autograd"):
            op._autograd = fn
        else:
            op.register_kernel(None if key in _COMPOSITE else _KEYS.get(key, key.lower()), fn)

    def fallback(self, fn: Callable, dispatch_key: str = "", *, with_keyset: bool = False) -> None:
        """Not offered: ops of other namespaces have their kernels.

        Args:
            fn, dispatch_key, with_keyset: accepted.

        Raises:
            NotImplementedError: always.

        >>> try:
        ...     torch.library.Library("docs", "FRAGMENT").fallback(print)
        ... except NotImplementedError as e:
        ...     print(e)
        Library.fallback: kernels are registered op by op here; use Library.impl
        """
        raise NotImplementedError("Library.fallback: kernels are registered op by op here; use Library.impl")

    def _destroy(self) -> None:
        for name in self._defined:
            _OPS.pop(name, None)
        self._defined = []


def fallthrough_kernel() -> None:
    """Stands for the kernel of another key.

    Raises:
        NotImplementedError: it is called.

    >>> callable(torch.library.fallthrough_kernel)
    True
    """
    raise NotImplementedError("fallthrough_kernel: is registered, and not called")


def get_ctx() -> Any:
    """What a function of ``register_fake`` asks for sizes that depend on values.

    Returns:
        An object with ``new_dynamic_size()``.

    Raises:
        RuntimeError: that size is not known here.

    >>> hasattr(torch.library.get_ctx(), "new_dynamic_size")
    True
    """
    return _FakeContext()


class _FakeContext:
    def new_dynamic_size(self, *, min: int = 0, max: int | None = None) -> int:
        raise RuntimeError("new_dynamic_size: a size that depends on values is not known on the device meta")


def opcheck(
    op: Any,
    args: tuple,
    kwargs: dict[str, Any] | None = None,
    *,
    test_utils: Any = ("test_schema", "test_autograd_registration", "test_faketensor"),
    raise_exception: bool = True,
    atol: float | None = None,
    rtol: float | None = None,
) -> dict[str, str]:
    """Check an op: that it writes only to what its schema says, that its fake gives the right shapes, and its gradient.

    Args:
        op: a CustomOpDef, or its name.
        args, kwargs: what it is called with.
        test_utils: the checks, ``test_schema``, ``test_autograd_registration`` and ``test_faketensor``.
        raise_exception: whether the first failure is raised.
        atol, rtol: of the check of gradients.

    Returns:
        A dict from checks to ``SUCCESS`` or what failed.

    Raises:
        RuntimeError: a check failed.

    >>> op = torch.library.custom_op("docs::ok", lambda x: x + 1, mutates_args=(), schema="(Tensor x) -> Tensor")
    >>> torch.library.opcheck(op, (torch.ones(1),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    found = _op(op)
    named = kwargs or {}
    checks = {"test_schema": _writes, "test_faketensor": _fakes, "test_autograd_registration": _gradients}
    wanted = [test_utils] if isinstance(test_utils, str) else [t for t in test_utils if t in checks]
    results: dict[str, str] = {}
    for name in wanted:
        told = checks[name](found, args, named)
        if told and raise_exception:
            raise RuntimeError(f"opcheck: {name} of {found._qualname}: {told}")
        results[name] = told or "SUCCESS"
    return results


def _writes(op: CustomOpDef, args: tuple, kwargs: dict[str, Any]) -> str:
    plain, named = op._bound(args, kwargs)
    before = {p[0]: v.detach().clone() for p, v in zip(op._parameters, plain, strict=False) if isinstance(v, Tensor)}
    op(*plain, **named)
    for p, v in zip(op._parameters, plain, strict=False):
        if p[0] in before and p[0] not in op._mutated and not bool((v.detach() == before[p[0]]).all()):
            return f"it writes to {p[0]}, which its schema {op._schema} does not say"
    return ""


def _fakes(op: CustomOpDef, args: tuple, kwargs: dict[str, Any]) -> str:
    plain, named = op._bound(args, kwargs)
    real = list(_tensors_in(op(*plain, **named)))
    on_meta = tuple(v.detach().to("meta") if isinstance(v, Tensor) else v for v in plain)
    fake = list(_tensors_in(op._computed(*on_meta, **named)))
    told = [[(tuple(t.shape), t.dtype) for t in side] for side in (real, fake)]
    return "" if told[0] == told[1] else f"its results are {told[0]}, and {told[1]} on the device meta"


def _gradients(op: CustomOpDef, args: tuple, kwargs: dict[str, Any]) -> str:
    wide = [v for v in args if isinstance(v, Tensor) and v.requires_grad and str(v.dtype) == "torch.float64"]
    if op._backward is None or not wide:
        return ""
    try:
        gradcheck(lambda *given: op(*given, **kwargs), tuple(args))
    except RuntimeError as error:
        return str(error)
    return ""


def register_torch_dispatch(
    op: Any, torch_dispatch_class: Any, func: Callable | None = None, /, *, lib: Any = None
) -> Any:
    """Not offered: there is no ``__torch_dispatch__``.

    Args:
        op, torch_dispatch_class, func, lib: accepted.

    Returns:
        Nothing.

    Raises:
        NotImplementedError: always.

    >>> try:
    ...     torch.library.register_torch_dispatch("a::b", None)
    ... except NotImplementedError as e:
    ...     print(e)
    register_torch_dispatch: there is no __torch_dispatch__ here; torch.overrides has __torch_function__
    """
    raise NotImplementedError(
        "register_torch_dispatch: there is no __torch_dispatch__ here; torch.overrides has __torch_function__"
    )
