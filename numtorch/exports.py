"""Under which names users find a function: said where the function is defined, and nowhere else.

    @exported("torch", "Tensor", also=("absolute",))
    @primitive(ref=np.abs)
    def abs(x): ...

makes ``torch.abs``, ``torch.absolute``, ``Tensor.abs`` and ``Tensor.absolute``, and, the op being elementwise, ``abs_`` and
``absolute_``. The places are filled when the package is imported; the stubs tell editors what is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

PLACES: dict[str, dict[str, Any]] = {"torch": {}, "Tensor": {}, "nn.functional": {}}
MODULES = {"torch": "numtorch", "Tensor": "numtorch", "nn.functional": "numtorch.nn.functional"}
OVERWRITING: dict[str, Any] = {}  # in-place forms of elementwise ops, by their names


def exported(*places: str, also: tuple[str, ...] = (), name: str | None = None, inplace: bool = True) -> Callable[[F], F]:
    """Make a function known to users.

    Args:
        places: ``torch`` (functions of the package), ``Tensor`` (methods), ``nn.functional``.
        also: other names, of the same function.
        name: the name, if it is not the function's own.
        inplace: whether an elementwise op that is a method has an in-place form too, ``name_``.
    """
    def wrap(f: F) -> F:
        own = name or f.__name__
        if hasattr(f, "op"):  # a function that is made: it is found, and pickled, by where users find it
            f.__module__ = MODULES[places[0]]
            f.__qualname__ = f"Tensor.{own}" if places[0] == "Tensor" else own
        for n in (own, *also):
            for place in places:
                if n in PLACES[place]:
                    raise ValueError(f"{place} has a {n} already, of {PLACES[place][n].__module__}")
                PLACES[place][n] = f
            if inplace and "Tensor" in places and hasattr(f, "op"):
                OVERWRITING[n + "_"] = f
        return f

    return wrap
