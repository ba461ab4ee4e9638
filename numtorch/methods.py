"""Binds ops as methods of Tensor: ``x.exp()`` is ``exp(x)``; ``x.exp_()`` is the in-place version.

The other methods are in ``tensor.py``, ``values.py`` and ``gradients.py``, each with a decorator that binds it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from numtorch import exports, operators, ops, queries  # noqa: F401 - queries are methods, too
from numtorch._tensor import Tensor
from numtorch.autograd.inplace import single
from numtorch.dispatch import aliases
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.front import PUBLIC, Signature
from numtorch.ops import indexing, movement
from numtorch.storage import tick

F = TypeVar("F", bound=Callable[..., Any])

# --- functions that say they are methods --------------------------------------------------------------

ops.import_all()
for _name, _fn in exports.PLACES["Tensor"].items():
    setattr(Tensor, _name, aliases.public(_fn, "numtorch", f"Tensor.{_name}"))
Tensor.swapaxes_ = Tensor.swapdims_ = Tensor.transpose_
Tensor.unflatten = movement.unflatten  # which knows no axis, in torch either
Tensor.swapaxes, Tensor.swapdims = movement.swapaxes, movement.transpose
Tensor.moveaxis = movement.movedim
Tensor.mH = property(movement.adjoint)
Tensor.real = property(movement.real, movement.set_real)
Tensor.imag = property(movement.imag, movement.set_imag)


def method(fn: F) -> F:
    """Bind a function as a method under its own name."""
    setattr(Tensor, fn.__name__, fn)
    return fn


def attribute(fn: F) -> F:
    """Bind a function as a property under its own name."""
    setattr(Tensor, fn.__name__, property(fn))
    return fn


# --- in-place forms -------------------------------------------------------------------------------------


def _inplace(o: ElementwiseOp) -> Callable:
    extra = len(o.tensors) - 1
    names = [*[PUBLIC.get(n, n) for n in o.tensors[1:]], *[n for n, _ in o.params]]
    if o.name == "lerp":
        names[0] = "end"
    defaults = {n: d for n, d in o.params if d is not inspect.Parameter.empty}

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if kwargs or len(args) != len(names):
            args = _bound(method.__name__, names, defaults, args, kwargs)
        return o.inplace(self, args[:extra], args[extra:])

    return _named(method, o.name + "_", o)


def _named(method: Any, name: str, of: Any) -> Callable:
    """The in-place form of what it stands for, whose parameters it takes: the stubs tell them."""
    method.__name__, method.__doc__, method.overwrites = name, f"In-place ``{name[:-1]}``.", of
    method.__module__, method.__qualname__ = "numtorch", f"Tensor.{name}"
    method.__signature__ = Signature(lambda: _without_out(getattr(of, "call", of)))
    return method


def _without_out(call: Callable) -> inspect.Signature:
    """The signature of an in-place form: of the function, on ``self``, without ``out``."""
    first, *rest = inspect.signature(call).parameters.values()
    return inspect.Signature([first.replace(name="self"), *[p for p in rest if p.name != "out"]])


def _bound(name: str, names: list, defaults: dict, args: tuple, given: dict) -> tuple:
    """All arguments in their order; TypeError for one that is missing, unknown, or one too many."""
    if len(args) > len(names):
        raise TypeError(f"{name}() takes {len(names)} arguments ({', '.join(names)}), but {len(args)} were given")
    values = list(args)
    for n in names[len(args) :]:
        if n not in given and n not in defaults:
            raise TypeError(f"{name}() missing 1 required positional argument: '{n}'")
        values.append(given.pop(n) if n in given else defaults[n])
    if given:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(given))}'")
    return tuple(values)


_forms: dict[Any, Callable] = {}
for _name, _fn in exports.OVERWRITING.items():
    if isinstance(_fn.op, ElementwiseOp) and not hasattr(Tensor, _name):
        _forms[_fn] = _forms.get(_fn) or _inplace(_fn.op)
        setattr(Tensor, _name, _forms[_fn])


def _overwriting(name: str, fn: Callable) -> None:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not self._k.contiguous:
            single(self, name)
        since = tick()
        return indexing.overwrite(self, fn(self, *args, **kwargs), since, name)

    setattr(Tensor, name, _named(method, name, fn))


for _name in (
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "index_reduce",
    "put",
    "masked_scatter",
    "index_add",
    "index_copy",
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "float_power",
    "ldexp",
    "mvlgamma",
    "nextafter",
    "polygamma",
    "renorm",
):
    _overwriting(_name + "_", getattr(Tensor, _name))

operators.bind()
