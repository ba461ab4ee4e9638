"""``out=``: writes the result of any function into a tensor that the caller gives.

Elementwise ops write into it directly (``prepared`` checks and resizes it). All other functions compute a result and
copy it (``into``). torch's functions differ in which shapes and types they accept; a ``Rule`` describes this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numtorch.dtype as dtypes
from numtorch import engine, notices
from numtorch._tensor import Tensor
from numtorch.autograd.inplace import without_overlaps, wrote
from numtorch.grad_mode import _Setting, mode


@dataclass(frozen=True)
class Rule:
    """How results of a function go into ``out``.

    Attributes:
        cast: into any type that the result may become without changing its kind; otherwise only its own.
        given: ``out``'s type is the one in which the function computes, unless ``dtype`` is given.
        slope: the result has a gradient, which a written tensor cannot have: no operand may ask for one (``out`` never
            may).
        silent: ``out`` is resized without a warning, as by functions that only fill it.
        also: types that are taken beside the result's own.
        anything: into any type.
        error: what is raised for another type.
    """

    cast: bool = False
    given: bool = False
    slope: bool = True
    silent: bool = False
    also: tuple = ()
    anything: bool = False
    error: type[Exception] = RuntimeError


SAME = Rule()
CAST = Rule(cast=True)
GIVEN = Rule(given=True)
POSITIONS = Rule(slope=False)
JOINED = Rule(cast=True, error=TypeError)
COUNTED = Rule(given=True, slope=False)
FILLED = Rule(given=True, silent=True)
DRAWN = Rule(given=True, silent=True, slope=False)
SAMPLES = Rule(cast=True, silent=True)
MARKS = Rule(anything=True, silent=True)
PLACES = Rule(slope=False, silent=True)
TRUTHS = Rule(slope=False, also=(dtypes.uint8, dtypes.bool))


def into(out: Any, rule: Rule, fn: Callable, *args: Any, **kwargs: Any) -> Any:
    """``fn(*args, **kwargs)``, written into ``out``: a tensor, or a tuple of them where the function gives several."""
    name = fn.__name__
    outs = tuple(out) if isinstance(out, tuple | list) else (out,)
    for o in outs:
        if not isinstance(o, Tensor):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(o).__name__}")
    if not outs:
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    refuse_gradients(name, outs, (*args, *kwargs.values()) if rule.slope else ())
    if rule.given:
        kwargs["dtype"] = _type_of(outs[0], kwargs.get("dtype"), name)
        if "device" in kwargs:
            kwargs["device"] = kwargs["device"] or outs[0]._k.device
    with _Setting(grad=False):
        y = fn(*args, **kwargs)
        several = isinstance(y, tuple)
        ys = y if several else (y,)
        if several is not isinstance(out, tuple | list) or len(ys) != len(outs):
            wanted = f"tuple of {len(ys)} Tensors" if several else "Tensor"
            raise TypeError(
                f"{name}(): argument 'out' must be {wanted}, not {type(out).__name__} of {len(outs)}"
                if isinstance(out, tuple | list)
                else f"{name}(): argument 'out' must be {wanted}, not Tensor"
            )
        for o, result in zip(outs, ys, strict=True):
            _write(o, result, rule, name)
    if kwargs.get("requires_grad"):
        outs[0].requires_grad_(True)
    return type(y)(outs) if several else out


def refuse_gradients(name: str, outs: tuple, operands: tuple) -> None:
    """RuntimeError if a tensor among these would have to be recorded."""
    if mode.grad and _wants(outs + operands):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )


def _wants(values: Any) -> bool:
    return any(
        v._edge is not None if isinstance(v, Tensor) else isinstance(v, tuple | list) and _wants(v) for v in values
    )


def _type_of(out: Tensor, given: Any, name: str) -> dtypes.dtype:
    d = out._k.dtype if given is None else dtypes.as_dtype(given)
    if d is not out._k.dtype:
        raise RuntimeError(f"{name}(): Expected out tensor to have dtype {d.name}, but got {out._k.dtype.name} instead")
    return d


def _write(out: Tensor, y: Tensor, rule: Rule, name: str) -> None:
    given, made = out._k.dtype, y._k.dtype
    if out._k.device != y._k.device:
        raise another_device(name, out, y._k.device)
    if rule.cast and not dtypes.can_cast(made, given):
        raise rule.error(
            f"{name}(): input types can't be cast to the desired output type {given.name}: result type {made.name} "
            f"can't be cast to the desired output type {given.name}"
        )
    if not rule.cast and not rule.anything and given is not made and given not in rule.also:
        raise RuntimeError(f"{name}(): Expected out tensor to have dtype {made.name}, but got {given.name} instead")
    resized(out, y.shape, rule.silent)
    engine.write_into(out, *without_overlaps(out, (y,)))
    wrote(out)


def another_device(name: str, out: Tensor, where: Any) -> RuntimeError:
    """The error for an ``out`` that lies elsewhere."""
    return RuntimeError(
        f"{name}(): Expected all tensors to be on the same device, but found at least two devices, {where} and "
        f"{out._k.device} (argument 'out'); move one with .to(...)"
    )


def resized(out: Tensor, shape: tuple, silent: bool) -> None:
    """Give ``out`` the result's shape; with a warning if that gives up elements."""
    if out.shape == shape:
        return
    if out.shape.numel() and not silent:
        notices.warn(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
            f"match the required output shape {list(shape)}. This behavior is deprecated, and in a future PyTorch "
            "release outputs will not be resized unless they have zero elements. You can explicitly reuse an out "
            "tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
            UserWarning,
        )
    engine.resize_(out, shape)


def prepared(out: Any, name: str, shape: tuple, operands: tuple, slope: bool) -> tuple:
    """Make ``out`` fit for an elementwise result of a shape; the operands, those that overlap ``out`` askew as
    copies."""
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if slope:
        refuse_gradients(name, (out,), operands)
    if out.shape != shape and not any(t is out for t in operands):
        resized(out, shape, False)
    return without_overlaps(out, operands)
