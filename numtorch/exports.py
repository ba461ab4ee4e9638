"""Under which names users find a function: said where the function is defined, and nowhere else.

    @exported("torch", "Tensor", also=("absolute",))
    @primitive(ref=np.abs)
    def abs(x): ...

makes ``torch.abs``, ``torch.absolute``, ``Tensor.abs`` and ``Tensor.absolute``, and, the op being elementwise, ``abs_``
and ``absolute_``. The places are filled when the package is imported; the stubs tell editors what is in them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

MODULES = {
    "torch": "numtorch",
    "Tensor": "numtorch",
    "nn.functional": "numtorch.nn.functional",
    "linalg": "numtorch.linalg",
    "special": "numtorch.special",
    "fft": "numtorch.fft",
    "signal.windows": "numtorch.signal.windows",
    "sparse": "numtorch.sparse",
}
PLACES: dict[str, dict[str, Any]] = {place: {} for place in MODULES}
OVERWRITING: dict[str, Any] = {}  # in-place forms of elementwise ops, by their names


LOSSES: dict[str, Any] = {}  # losses that have a module of their own, by its name


def exported(
    *places: str, also: tuple[str, ...] = (), name: str | None = None, inplace: bool = True, module: str | None = None
) -> Callable[[F], F]:
    """Make a function known to users.

    Args:
        places: ``torch`` (functions of the package), ``Tensor`` (methods), ``nn.functional``, ``linalg``, ``special``,
            ``fft``, ``signal.windows``, ``sparse``.
        also: other names, of the same function.
        name: the name, if it is not the function's own.
        module: of a loss, the class of ``torch.nn`` that applies it; its options are the function's parameters after
            the target.
        inplace: whether an elementwise op that is a method has an in-place form too, ``name_``.
    """

    def wrap(f: F) -> F:
        if module is not None:
            LOSSES[module] = f
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


def classes(package: str, path: Any, bases: tuple[type, ...]) -> dict[str, type]:
    """The public classes that the files of a folder define, of those that descend from ``bases``, by their names."""
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(path, package + "."):
        if not info.ispkg:
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if (
                    isinstance(value, type)
                    and issubclass(value, bases)
                    and value.__module__ == info.name
                    and not name.startswith("_")
                    and not vars(value).get("_is_part", False)  # of another layer
                ):
                    found[name] = value
    return dict(sorted(found.items()))
