"""How generated text finds the arguments of a vjp in a node, and which tensors of an op may be absent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from numtorch.dispatch.text import compiled

META = ("shape", "kind", "strides", "offset")  # what ``x_shape`` and its like ask of an input


def optional(op: Any) -> set[str]:
    """The tensors that may be absent."""
    spec = op.spec
    defaults = spec.__defaults__ or ()
    names = spec.__code__.co_varnames[: spec.__code__.co_argcount]
    with_default = names[len(names) - len(defaults) :]
    return {n for n in op.tensors if n in with_default or n in op.lacking}


def check_binding(names: list[str], tensors: list[str], params: list[str]) -> None:
    """TypeError for a vjp that asks for something the op does not have."""
    for name in names:
        of, _, what = name.rpartition("_")
        if name not in (*tensors, *params, "out", "needs") and not (what in META and of in tensors):
            raise TypeError(
                f"a vjp cannot ask for {name!r}: it is neither a tensor input ({', '.join(tensors)}), "
                f"a parameter ({', '.join(params)}), out, needs nor <input>_shape, _kind, _strides or _offset"
            )


def bound_arguments(gradient: Any) -> list[str]:
    """What a vjp takes after ``g``, from a node."""
    own = {
        "saved": "saved",
        "params": "node.params",
        "inputs": "node.inputs",
        "needs": "(node.needs or tuple([e is not None for e in node.edges]))",
    }
    texts = arguments_of(
        gradient.names,
        gradient.op.tensors,
        [n for n, _ in gradient.op.params],
        gradient.saves,
        gradient.vjp.__code__.co_argcount - 1,
    )
    return [
        re.sub(r"^(\w+=)?(saved|params|inputs|needs)\b", lambda m: (m[1] or "") + own[m[2]], text) for text in texts
    ]


def binder(names: list[str], tensors: list[str], params: list[str], saves: list[int], positional: int) -> Callable:
    """``bound(run, g, saved, params, inputs, needs)`` calls ``run`` with what the vjp's argument names ask for."""
    args = arguments_of(names, tensors, params, saves, positional)
    text = f"def bound(run, g, saved, params, inputs, needs):\n    return run({', '.join(['g', *args])})\n"
    return compiled("bound", text, {})


def arguments_of(
    names: list[str], tensors: list[str], params: list[str], saves: list[int], positional: int
) -> list[str]:
    """The texts of what a vjp takes after ``g``, from what a node has: ``saved``, ``params``, ``inputs`` and
    ``needs``."""
    saved_at = {tensors[i]: f"saved[{n}]" for n, i in enumerate(saves)}
    args = []
    for i, name in enumerate(names):
        if name in saved_at:
            text = saved_at[name]
        elif name == "out":
            text = f"saved[{len(saves)}]"
        elif name == "needs":
            text = "needs"
        elif name in params:
            text = f"params[{params.index(name)}]"
        else:
            of, _, what = name.rpartition("_")
            text = f"inputs[{tensors.index(of)}][{META.index(what)}]"
        args.append(text if i < positional else f"{name}={text}")
    return args
