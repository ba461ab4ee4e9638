"""What there is to call: every public function and method, read off the package, with its signature."""

from __future__ import annotations

import inspect
import types
from dataclasses import dataclass
from typing import Any

import numtorch
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.op import OPS

EMPTY = inspect.Parameter.empty

# What would change the process, read files, or say nothing about numbers; with why it is left out.
LEFT_OUT = {
    "load": "files",
    "save": "files",
    "op": "a decorator",
    "primitive": "a decorator",
    "set_default_dtype": "the process's state",
    "set_num_threads": "the process's state",
    "set_num_interop_threads": "the process's state",
    "manual_seed": "the process's state",
    "seed": "the process's state",
    "set_rng_state": "the process's state",
    "get_rng_state": "the process's state",
    "initial_seed": "the process's state",
    "autocast_decrement_nesting": "the process's state",
    "autocast_increment_nesting": "the process's state",
    "clear_autocast_cache": "the process's state",
    "set_autocast_cache_enabled": "the process's state",
    "set_autocast_cpu_dtype": "the process's state",
    "set_autocast_cpu_enabled": "the process's state",
    "set_autocast_dtype": "the process's state",
    "set_autocast_enabled": "the process's state",
    "set_autocast_gpu_dtype": "the process's state",
    "set_default_device": "the process's state",
    "set_deterministic_debug_mode": "the process's state",
    "get_autocast_cpu_dtype": "no tensors",
    "get_autocast_dtype": "no tensors",
    "get_autocast_gpu_dtype": "no tensors",
    "is_autocast_cache_enabled": "no tensors",
    "is_autocast_cpu_enabled": "no tensors",
    "is_autocast_enabled": "no tensors",
    "get_deterministic_debug_mode": "no tensors",
    "cond": "takes a function",
    "while_loop": "takes a function",
    "set_printoptions": "the process's state",
    "set_grad_enabled": "the process's state",
    "set_float32_matmul_precision": "the process's state",
    "get_num_threads": "no tensors",
    "get_num_interop_threads": "no tensors",
    "get_float32_matmul_precision": "no tensors",
    "get_default_dtype": "no tensors",
    "is_grad_enabled": "no tensors",
    "is_inference_mode_enabled": "no tensors",
    "can_cast": "no tensors",
    "promote_types": "no tensors",
    "is_tensor": "no tensors",
    "overwrite": "a helper of in-place forms",
    "from_numpy": "takes NumPy's arrays",
    "cuda": "another device",
    "share_memory_": "other processes",
    "pin_memory": "another device",
    "register_hook": "takes a function",
    "register_post_accumulate_grad_hook": "takes a function",
    "data_ptr": "an address",
    "_repr_html_": "a page",
}
DUNDERS = {
    "__abs__",
    "__and__",
    "__bool__",
    "__contains__",
    "__eq__",
    "__float__",
    "__getitem__",
    "__index__",
    "__int__",
    "__invert__",
    "__len__",
    "__ne__",
    "__neg__",
    "__repr__",
    "__setitem__",
    "__deepcopy__",
    "__iter__",
    *[
        f"__{p}{n}__"
        for p in ("", "r", "i")
        for n in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
    ],
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
}
NAMESPACES = ("linalg", "special", "fft")  # further modules of functions, where they are


@dataclass(frozen=True)
class Function:
    """A public function: ``numtorch.add``, ``Tensor.add_``, ``F.relu``.

    Attributes:
        params: (name, default, annotation); ``starred``: whether the last of the positional ones takes any number.
        op: the op behind it, or None.
    """

    name: str
    params: tuple
    starred: str | None = None
    op: Any = None

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]


def of(lib: Any, name: str) -> Any:
    """The function of that name in a library; AttributeError if it has none."""
    where, _, short = name.rpartition(".")
    if where == "numtorch":
        return getattr(lib, short)
    if where == "Tensor":
        return getattr(lib.Tensor, short)
    if where == "F":
        return getattr(lib.nn.functional, short)
    return getattr(getattr(lib, where), short)


def functions() -> list[Function]:
    """All of them, in a fixed order."""
    found = {}
    spaces = [("numtorch", numtorch), ("Tensor", numtorch.Tensor), ("F", numtorch.nn.functional)]
    spaces += [(n, getattr(numtorch, n)) for n in NAMESPACES if hasattr(numtorch, n)]
    for where, space in spaces:
        for name in sorted(vars(space) if where != "Tensor" else dir(space)):
            # dir(Tensor) has PyTorch's names too, which answer that they are not here
            value = getattr(space, name, None)
            if not callable(value) or isinstance(value, type) or name in LEFT_OUT:
                continue
            if name.startswith("__") if where != "Tensor" else False:
                continue
            if name.startswith("_") and name not in DUNDERS:
                continue
            if where not in ("numtorch", "Tensor") and getattr(numtorch, name, None) is value:
                continue  # imported for its own use
            if (
                isinstance(value, types.ModuleType)
                or not (getattr(value, "__module__", None) or "").startswith("numtorch")
                and not hasattr(value, "op")
            ):
                continue
            found[f"{where}.{name}"] = _function(f"{where}.{name}", value, space)
    return list(found.values())


def _function(name: str, value: Any, space: Any) -> Function:
    o = getattr(value, "op", None)
    if o is not None:
        params = [(PUBLIC.get(n, n), EMPTY, EMPTY) for n in o.tensors] + [(n, d, EMPTY) for n, d in o.params]
        return Function(name, tuple(params), None, o)
    short = name.rpartition(".")[2]
    given = list(inspect.signature(value).parameters.values())
    if (
        given and given[-1].kind is inspect.Parameter.VAR_KEYWORD
    ):  # an in-place form: as the function whose name has no _
        plain = (
            short[:-1]
            if short.endswith("_") and not short.endswith("__")
            else "__" + short[3:]
            if short.startswith("__i")
            else None
        )
        base = getattr(space, plain, None) if plain else None
        base = base or getattr(numtorch.nn.functional, plain or "", None)
        base = base or (OPS[plain].call if plain in OPS else None)
        if base is not None:
            f = _function(name, base, space)
            return Function(name, f.params, f.starred, None)
    params, starred = [], None
    for p in given:
        if starred is not None and p.name in ("shape", "size", "dims", "repeats"):  # the same by name
            starred = "sizes" if p.name == "repeats" else p.name
            continue
        if p.kind is p.VAR_POSITIONAL:
            starred = p.name
        elif p.kind is not p.VAR_KEYWORD and not (p.name.startswith("_") and len(p.name) > 1):
            params.append((p.name, p.default, str(p.annotation)))
    o = OPS.get(short)
    if o is not None and [n for n, *_ in params] != [PUBLIC.get(n, n) for n in o.tensors] + [n for n, _ in o.params]:
        o = None
    return Function(name, tuple(params), starred, o)
