"""``autograd.Function`` under ``vmap``: by the class's own rule, or by one made of its forward and backward."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import numtorch as torch
from numtorch.autograd import batched as slots
from numtorch.autograd.batched import Batched, Level, batched, innermost
from numtorch.autograd.function import Function, FunctionCtx
from numtorch.func.calls import full
from numtorch.grad_mode import _Setting, mode


class VmapInfo(NamedTuple):
    """What ``Function.vmap`` is told.

    Attributes:
        batch_size: how many samples there are.
        randomness: the argument of ``torch.vmap``.
    """

    batch_size: int
    randomness: str


def function(cls: type[Function], args: tuple, kwargs: dict) -> Any:
    """``cls.apply`` on arguments some of which are of one sample."""
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod."
        )
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement "
            "the vmap staticmethod or set generate_vmap_rule=True."
        )
    level: Any = innermost(*args)
    flags = tuple([a.__class__ is Batched and a.level is level for a in args])
    values = tuple([a.value if f else a for a, f in zip(args, flags, strict=True)])
    outer = tuple([each for each in mode.levels if each is not level])
    if own:
        with _Setting(levels=outer):
            made, dims = cls.vmap(
                VmapInfo(level.size, level.randomness), tuple([0 if f else None for f in flags]), *values
            )
        several = isinstance(made, tuple)
        where = dims if several and isinstance(dims, tuple) else (dims,) * (len(made) if several else 1)
        found = tuple([_hidden(y, d, level) for y, d in zip(made if several else (made,), where, strict=True)])
        return found if several else found[0]
    with _Setting(levels=outer):
        made = _generated(cls, level, flags, kwargs).apply(*values)
    several = isinstance(made, tuple)
    found = tuple([batched(y, level) if isinstance(y, torch.Tensor) else y for y in (made if several else (made,))])
    return found if several else found[0]


def _hidden(y: Any, dim: Any, level: Level) -> Any:
    return y if dim is None or not isinstance(y, torch.Tensor) else batched(y.movedim(dim, 0), level)


class _Ctx(FunctionCtx):
    """The ctx of one sample, beside that of all samples."""

    _flags: tuple = ()
    _flags_ahead: tuple = ()
    _level: Any = None
    _all: Any = None

    @property
    def saved_tensors(self) -> tuple:
        """What ``save_for_backward`` kept, of one sample."""
        flags = self._flags_ahead if self._all._pushing and self._all._for_forward else self._flags
        found = self._all.saved_tensors
        return tuple([batched(t, self._level) if f else t for t, f in zip(found, flags, strict=True)])


def _generated(cls: type[Function], level: Level, flags: tuple, kwargs: dict) -> type[Function]:
    """The function of all samples: forward and backward of one sample, under ``vmap``."""
    separate = cls.setup_context is not Function.setup_context

    class OfAllSamples(Function):
        @staticmethod
        def forward(ctx: Any, *values: Any) -> Any:
            inner = ctx.inner = _Ctx()
            inner._level, inner._all, inner.needs_input_grad = level, ctx, ctx.needs_input_grad
            given = tuple([batched(v, level) if f else v for v, f in zip(values, flags, strict=True)])
            with _Setting(levels=(*mode.levels, level)):
                if separate:
                    bound = inspect.signature(cls.forward).bind(*given, **kwargs)
                    bound.apply_defaults()
                    raw = cls.forward(*given, **kwargs)
                    cls.setup_context(inner, bound.args, raw)
                else:
                    raw = cls.forward(inner, *given, **kwargs)
            several = isinstance(raw, tuple)
            outputs = tuple([_whole(y, level) for y in (raw if several else (raw,))])
            place = {id(y): i for i, y in enumerate(raw if several else (raw,))}
            # An output or an input that is kept is the one that the graph knows.
            known = {id(g): v for g, v in zip(given, values, strict=True)} | {n: outputs[i] for n, i in place.items()}

            def kept(tensors: tuple) -> tuple[list, tuple]:
                hidden = tuple([id(t) in place or (t.__class__ is Batched and t.level is level) for t in tensors])
                return [known.get(id(t), getattr(t, "value", t)) for t in tensors], hidden

            back, inner._flags = kept(inner._to_save)
            ahead, inner._flags_ahead = kept(inner._for_forward)
            ctx.save_for_backward(*back)
            ctx.save_for_forward(*ahead)
            ctx.mark_non_differentiable(*[outputs[place[id(t)]] for t in inner._constant])
            ctx.set_materialize_grads(inner._materialize)
            return outputs if several else outputs[0]

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:  # type: ignore[override]
            run = cls.backward if cls.backward is not Function.backward else cls.vjp
            with _Setting(levels=(*mode.levels, level)):
                given = [batched(g, level) if isinstance(g, torch.Tensor) else g for g in gradients]
                made = run(ctx.inner, *given)
            made = made if isinstance(made, tuple) else (made,)
            return tuple([_summed(g, f, level) for g, f in zip(made, (*flags, *[False] * len(made)), strict=False)])

    if cls.jvp is not Function.jvp:

        def jvp(ctx: Any, *tangents: Any) -> Any:
            with _Setting(levels=(*mode.levels, level)):
                given = [batched(t, level) if f and t is not None else t for t, f in zip(tangents, flags, strict=True)]
                made = cls.jvp(ctx.inner, *given)
            return tuple([_whole(y, level) for y in made]) if isinstance(made, tuple) else _whole(made, level)

        OfAllSamples.jvp = staticmethod(jvp)  # type: ignore[method-assign]
        if cls.backward is Function.backward and cls.vjp is Function.backward:
            OfAllSamples.backward = Function.backward  # type: ignore[method-assign]
    OfAllSamples.__name__ = OfAllSamples._op.name = cls.__name__
    OfAllSamples._op.backward_name = cls.__name__ + "Backward"
    return OfAllSamples


def _whole(y: Any, level: Level) -> Any:
    """A result of one sample, of all samples."""
    if y.__class__ is Batched and y.level is level:
        return y.value
    return full(y, False, level.size) if isinstance(y, torch.Tensor) else y


def _summed(g: Any, flag: bool, level: Level) -> Any:
    """A gradient of all samples; of what they share, the sum of theirs."""
    if g is None:
        return None
    whole = _whole(g, level)
    return whole if flag else whole.sum(0)


slots.function = function
