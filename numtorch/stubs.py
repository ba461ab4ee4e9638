"""``python -m numtorch.stubs``: write ``_tensor.pyi``, the Tensor's methods as editors and type checkers see them.

Methods are bound from the ops when the package is imported; the stub is read off the result, never written
by hand. A test fails when it is out of date.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_SKIP = {"__dict__", "__weakref__", "__module__", "__doc__", "__annotations__", "__array_priority__", "__static_attributes__",
         "__firstlineno__"}
_RESULTS = {"__len__": "int", "__bool__": "bool", "__int__": "int", "__float__": "float", "__index__": "int", "__contains__": "bool",
            "__repr__": "str", "__format__": "str", "__hash__": "int", "strides": "tuple[int, ...]", "_version": "int",
            "__dir__": "list[str]"}
_PROPERTIES = {"dtype": "DType", "device": "Device"}
_SHADOWED = re.compile(r"\b(int|bool|float)\b")  # methods of the class too: its annotations say ``builtins.int``


def text() -> str:
    """The stub's text."""
    from numtorch._tensor import Tensor

    tree = ast.parse((HERE / "_tensor.py").read_text())
    lines = ["# Written by python -m numtorch.stubs; do not edit.",
             "from __future__ import annotations",
             "",
             "import builtins",
             "from collections.abc import Callable, Iterator",
             "from typing import Any",
             "",
             "import numpy as np",
             "",
             "from numtorch.device import device as Device",
             "from numtorch.dtype import dtype as DType",
             "from numtorch.storage import Kind, Size, Storage",
             "from numtorch.storage import kind as kind",
             "",
             "new: Callable[..., Any]",
             "",
             "class Tensor:",
             "    shape: Size",
             "    _buf: Any",
             "    _k: Kind",
             "    _strides: tuple[builtins.int, ...] | None",
             "    _storage: Storage",
             "    _offset: builtins.int",
             "    _edge: Any",
             "    _grad: Tensor | None",
             "    _base: Tensor | None",
             "    _guard: builtins.str | None",
             "    grad: Tensor | None",
             "    data: Tensor",
             "    requires_grad: builtins.bool",
             "    def __init__(self, *args: Any, **kwargs: Any) -> None: ...",
             "    def __getattr__(self, name: str) -> Any: ..."]
    for name, value in sorted(vars(Tensor).items()):
        if name in _SKIP or name in ("grad", "data", "requires_grad", "__init__") or (name.startswith("_") and not name.startswith("__")
                                                                                     and name != "_version"):
            continue
        lines += _member(name, value)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            returns = ast.unparse(node.returns) if node.returns else "Any"
            lines += ["", f"def {node.name}({ast.unparse(node.args)}) -> {returns}: ..."]
    body = "\n".join(lines) + "\n"
    # ``dtype`` and ``device`` are properties of the class; the types go by other names inside it.
    return body.replace(": dtype", ": DType").replace(": device", ": Device")


def _member(name: str, value: Any) -> list[str]:
    if isinstance(value, property):
        getter: Any = value.fget
        kind = _PROPERTIES.get(name) or _builtin(_RESULTS.get(name) or _plain(inspect.signature(getter).return_annotation) or "Any")
        return ["    @property", f"    def {name}(self) -> {kind}: ..."]
    if value is None or not callable(value):
        return []
    if isinstance(value, types.WrapperDescriptorType):  # object's own __hash__
        return []
    from numtorch._tensor import Tensor
    from numtorch.dispatch import aliases, front

    o = getattr(value, "op", None)
    if o is not None and hasattr(o, "front_env"):
        front.write(o, value)
    signature = inspect.signature(value)
    parameters: list[str] = []
    starred = False
    names = [p.name for p in signature.parameters.values()]
    second = aliases.others(names) if hasattr(value, "__wrapped__") or hasattr(value, "__signature__") else []
    first = next((i for i, n in enumerate(names) if n in aliases.OTHER), len(names))
    for i, p in enumerate(signature.parameters.values()):
        if i == 0:
            parameters.append("self")
            continue
        if p.kind is p.VAR_POSITIONAL:
            parameters.append(f"*{p.name}: Any")
            starred = True
        elif p.kind is p.VAR_KEYWORD:
            parameters.append(f"**{p.name}: Any")
        elif p.name.startswith("_") or (p.kind is p.KEYWORD_ONLY and name.startswith("__")):  # no operator is given keywords
            continue
        else:
            if p.kind is p.KEYWORD_ONLY and not starred:
                parameters.append("*")
                starred = True
            needed = p.default is p.empty and not (second and i >= first)  # what has another name, or follows it, may be given by name
            parameters.append(f"{p.name}: Any{'' if needed else ' = ...'}")
    if second:
        parameters += ["*"] * (not starred) + [f"{n}: Any = ..." for n in second]
    if name.startswith("__i") and hasattr(Tensor, f"__{name[3:]}"):  # as an operator is written: x += other
        parameters = ["self", "other: Any"]
    result = _RESULTS.get(name) or _plain(signature.return_annotation) or "Any"
    if result == "Any" and o is not None:
        result = "Tensor"
    if name in ("__eq__", "__ne__"):
        return [f"    def {name}(self, other: object) -> Tensor: ...  # type: ignore[override]"]
    if name.startswith("__") and result == "Any" and len(parameters) <= 2 and name not in ("__getitem__", "__reduce_ex__", "__deepcopy__"):
        result = "Tensor"
    return [f"    def {name}({', '.join(parameters)}) -> {_builtin(result)}: ..."]


def _builtin(annotation: str) -> str:
    return _SHADOWED.sub(r"builtins.\1", annotation)


def _plain(annotation: Any) -> str | None:
    """An annotation that the stub's own imports cover."""
    known = {"Tensor", "list[str]", "int", "bool", "float", "str", "None", "tuple[Tensor, ...]", "np.ndarray", "Iterator[Tensor]"}
    return annotation if isinstance(annotation, str) and annotation in known else None


def main() -> int:
    """Write the stub."""
    (HERE / "_tensor.pyi").write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
