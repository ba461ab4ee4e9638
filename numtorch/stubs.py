"""``python -m numtorch.stubs``: writes the ``.pyi`` files, from which editors and type checkers learn the functions.

Ops are bound to names when the package is imported, and decorators make their signatures. So a checker that reads the
source does not find them. The stubs are generated from the imported package and from the declarations (parameters
without an annotation are the op's tensors); nobody edits them. If the type of a result depends on the arguments,
``FORMS`` lists the variants. A test fails when a stub is out of date.

    _tensor.pyi          the Tensor's methods
    __init__.pyi         the functions of the package: ``torch.sum``, ``torch.zeros`` ...
    nn/functional.pyi    the functions of ``torch.nn.functional``
    linalg.pyi           the functions of ``torch.linalg``
    special.pyi          the functions of ``torch.special``
    fft.pyi, sparse.pyi, signal/windows.pyi
    nn/__init__.pyi      the layers, from where they are defined; losses that are made from functions written out
    optim/__init__.pyi   the optimizers
    vision/models/published.pyi    the enumerations of weights, which are made from a table

Everything else is annotated in the source.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numtorch
from numtorch._tensor import Tensor
from numtorch.dispatch import aliases, front
from numtorch.dispatch.aliases import OTHER
from numtorch.dispatch.elementwise import ElementwiseOp
from numtorch.dispatch.front import PUBLIC
from numtorch.dispatch.structured import Op
from numtorch.exports import LOSSES, PLACES, classes

HERE = Path(__file__).parent
HEADER = "# Written by python -m numtorch.stubs; do not edit."
_SKIP = {
    "__dict__",
    "__weakref__",
    "__module__",
    "__doc__",
    "__annotations__",
    "__array_priority__",
    "__static_attributes__",
    "__firstlineno__",
    "grad",
    "data",
    "requires_grad",
    "__init__",
    "__new__",
}

# Results that no annotation of the source tells.
_RESULTS = {
    "__len__": "int",
    "__bool__": "bool",
    "__int__": "int",
    "__float__": "float",
    "__index__": "int",
    "__contains__": "bool",
    "__complex__": "complex",
    "__array_namespace__": "Any",
    "__dlpack__": "Any",
    "__dlpack_device__": "tuple[int, int]",
    "__repr__": "str",
    "__format__": "str",
    "__hash__": "int",
    "strides": "tuple[int, ...]",
    "_version": "int",
    "tolist": "list[Any]",
}
_RESULTS.update(dict.fromkeys(("mode", "sort", "topk", "kthvalue", "cummax", "cummin"), "ReturnType"))
_PROTOCOLS = ("__array_namespace__", "__dlpack__")  # libraries call these, by keywords
_PROPERTIES = {"dtype": "DType", "device": "Device"}

# Functions whose result depends on the form of the call: for each form the result, and what is given in it. A parameter
# is required and of the type that stands here, may be left out ("="), or is not given at all (None).
_BOTH: tuple = (
    ("Tensor", {"dim": None, "keepdim": None}),
    ("ReturnType", {"dim": "int", "out": "=tuple[Tensor, Tensor] | None"}),
)
_POOLED: tuple = (
    ("Tensor", {"return_indices": "=Literal[False]"}),
    ("tuple[Tensor, Tensor]", {"return_indices": "Literal[True]"}),
    ("Any", {"return_indices": "=bool"}),
)
_INDICES: tuple = ("tuple[Tensor, ...]", {"as_tuple": "Literal[True]", "out": None})
FORMS: dict[str, tuple] = {
    "max": (*_BOTH, ("Tensor", {"dim": "Tensor", "keepdim": None})),
    "min": (*_BOTH, ("Tensor", {"dim": "Tensor", "keepdim": None})),
    "median": _BOTH,
    "nanmedian": _BOTH,
    "nonzero": (("Tensor", {"as_tuple": "=Literal[False]"}), _INDICES),
    "unique": (
        ("Tensor", {"return_inverse": "=Literal[False]", "return_counts": "=Literal[False]"}),
        ("tuple[Tensor, Tensor, Tensor]", {"return_inverse": "Literal[True]", "return_counts": "Literal[True]"}),
        ("tuple[Tensor, Tensor]", {"return_inverse": "Literal[True]", "return_counts": "=Literal[False]"}),
        ("tuple[Tensor, Tensor]", {"return_inverse": "=Literal[False]", "return_counts": "Literal[True]"}),
    ),
    "where": (
        ("Tensor", {"input": "_Operand", "other": "_Operand"}),
        ("tuple[Tensor, ...]", {"input": None, "other": None, "out": None}),
    ),
    "atleast_1d": (("Tensor", {"tensors": "one"}), ("Any", {})),
    "max_pool1d": _POOLED,
    "max_pool2d": _POOLED,
    "size": (("Size", {"dim": None}), ("int", {"dim": "int"})),
    "stride": (("tuple[int, ...]", {"dim": None}), ("int", {"dim": "int"})),
    "type": (("str", {"dtype": "=None", "non_blocking": None}), ("Tensor", {"dtype": "Any"})),
}
FORMS["atleast_2d"] = FORMS["atleast_3d"] = FORMS["atleast_1d"]
# the tensor is the first choice there, not the condition
_METHOD_FORMS: dict[str, tuple] = {"where": (("Tensor", {}),)}

# What parameters take that are only called Any in the source, by their names.
_OPERAND, _SIZE = "_Operand", "_Size"
_WINDOW = "int | Sequence[int]"
_TYPES = {
    "other": _OPERAND,
    "exponent": _OPERAND,
    "min": _OPERAND,
    "max": _OPERAND,
    "fill_value": _OPERAND,
    "condition": "Tensor",
    "dtype": "_DType | None",
    "device": "_Device | None",
    "out": "Tensor | None",
    "generator": "Generator | None",
    "keepdim": "bool",
    "alpha": "complex | Tensor",
    "beta": "complex | Tensor",
    "dim": "Dims",
    "tensors": "Sequence[Tensor]",
    "indices_or_sections": "int | Sequence[int] | Tensor",
    "split_size_or_sections": _WINDOW,
    "split_sizes": "Sequence[int]",
    "size": "int | Sequence[int]",
    "kernel_size": _WINDOW,
    "stride": _WINDOW,
    "padding": "int | str | Sequence[int]",
    "dilation": _WINDOW,
    "output_padding": _WINDOW,
}
_STARRED = {**dict.fromkeys(("size", "sizes", "shape", "dims"), _SIZE), "tensors": "Tensor | Sequence[Tensor]"}
_SIZED = {"zeros", "ones", "empty", "rand", "randn", "new_zeros", "new_ones", "new_empty"}  # their *args are sizes
_FIRST = {"pow": _OPERAND, "remainder": _OPERAND}  # functions whose first operand may be a number
_SPELLED = {
    "dtype": "DType",
    "dtype | None": "_DType | None",
    "DType | None": "_DType | None",
    "device": "Device",
    "device | None": "_Device | None",
    "Callable": "Callable[..., Any]",
}
# methods of the class, or functions of the package, too
_SHADOWED = re.compile(r"(?<![\w.])(int|bool|float|complex|type|slice)\b")

# Where the words of annotations come from.
_IMPORTS = {
    "Callable": "collections.abc",
    "Iterator": "collections.abc",
    "Sequence": "collections.abc",
    "Any": "typing",
    "Literal": "typing",
    "SupportsIndex": "typing",
    "TypeAlias": "typing",
    "overload": "typing",
    "ReturnType": "numtorch._tensor",
    "Tensor": "numtorch._tensor",
    "Dims": "numtorch.arguments",
    "Sizes": "numtorch.arguments",
    "RemovableHandle": "numtorch.autograd.graph",
    "Device": "numtorch.device",
    "DType": "numtorch.dtype",
    "Generator": "numtorch.ops.generator",
    "Kind": "numtorch.storage",
    "Size": "numtorch.storage",
    "Storage": "numtorch.storage",
}
_ELSEWHERE = {"Device": "device as Device", "DType": "dtype as DType"}
_ALIASES = {
    "_Operand": "_Operand: TypeAlias = Tensor | builtins.complex | np.ndarray[Any, Any] | np.generic",
    "_Size": "_Size: TypeAlias = SupportsIndex | Sequence[SupportsIndex]",
    "_DType": "_DType: TypeAlias = DType | type[builtins.complex] | type[builtins.float] | type[builtins.int] | "
    "type[builtins.bool]",
    "_Device": "_Device: TypeAlias = Device | str | builtins.int",
}
_KNOWN = {
    *_IMPORTS,
    *_ALIASES,
    "None",
    "np",
    "int",
    "bool",
    "float",
    "str",
    "tuple",
    "list",
    "type",
    "slice",
    "ndarray",
    "True",
    "False",
}


def texts() -> dict[Path, str]:
    """The text of every stub, by its path."""
    return {
        HERE / "_tensor.pyi": tensor(),
        HERE / "__init__.pyi": package(),
        HERE / "nn" / "functional.pyi": functional(),
        HERE / "linalg.pyi": linalg(),
        HERE / "special.pyi": special(),
        HERE / "fft.pyi": _module(HERE / "fft.py", numtorch.fft, "fft"),
        HERE / "sparse.pyi": _module(HERE / "sparse.py", numtorch.sparse, "sparse"),
        HERE / "signal" / "windows.pyi": _module(
            HERE / "signal" / "windows.py", numtorch.signal.windows, "signal.windows"
        ),
        HERE / "nn" / "__init__.pyi": folder("nn"),
        HERE / "optim" / "__init__.pyi": folder("optim"),
        HERE / "vision" / "models" / "published.pyi": published(),
    }


def folder(name: str) -> str:
    """The stub of a folder whose classes are found by being there."""
    import importlib

    package = importlib.import_module(f"numtorch.{name}")
    path = HERE / name / "__init__.py"
    exported = [line for _, line in _bound(path)]
    bases = {"nn": ("Module", "Parameter", "Buffer"), "optim": ("Optimizer",)}[name]
    made: list[str] = []
    for own, value in classes(package.__name__, package.__path__, tuple(getattr(package, b) for b in bases)).items():
        line = f"from {value.__module__} import {own} as {own}"
        if own in LOSSES:
            first = (value.__doc__ or "").strip().partition("\n\n")[0]
            parameters = [(n, k, a, optional) for n, k, a, optional in _parameters(own, LOSSES[own], False, False)[2:]]
            made += [
                f"class {own}(Module):",
                f'    """{" ".join(first.split())}"""',
                f"    def __init__(self, {_listed(parameters)}) -> None: ...",
                "    def forward(self, input: Tensor, target: Tensor) -> Tensor: ...",
            ]
        elif line not in exported:
            exported.append(line)
    return _complete(made, exported)


def published() -> str:
    """The stub of the enumerations of weights."""
    import importlib

    lines = [HEADER, "", "from numtorch.vision.models.weights import WeightsEnum"]
    for name, members in importlib.import_module("numtorch.vision.models.weights").ENUMERATIONS.items():
        lines += ["", f"class {name}(WeightsEnum):", *(f"    {m} = ..." for m in members.__members__)]
    return "\n".join(lines) + "\n"


def tensor() -> str:
    """The stub of the class, with the methods that are bound to it."""
    lines = [
        "new: Callable[..., Any]",
        "LARGEST: int",
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
        # None until there is one; but were that said, every use of it in a program would be called an error.
        "    @property",
        "    def grad(self) -> Tensor | Any: ...",
        "    @grad.setter",
        "    def grad(self, value: Tensor | None) -> None: ...",
        "    data: Tensor",
        "    requires_grad: builtins.bool",
        "    _retains: Any",
        "    def __init__(self, *args: Any, **kwargs: Any) -> None: ...",
    ]
    for name, value in sorted(vars(Tensor).items()):
        if name not in _SKIP and (name.startswith("__") or not name.startswith("_") or name == "_version"):
            lines += ["    " + line for line in _member(name, value)]
    for node in ast.parse((HERE / "_tensor.py").read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name != "Tensor":
            lines.append(f"class {node.name}({', '.join(map(ast.unparse, node.bases))}):")
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    returns = ast.unparse(inner.returns) if inner.returns else "Any"
                    lines += [f"    @{ast.unparse(d)}" for d in inner.decorator_list]
                    lines.append(f"    def {inner.name}({ast.unparse(inner.args)}) -> {returns}: ...")
        if isinstance(node, ast.FunctionDef):
            returns = ast.unparse(node.returns) if node.returns else "Any"
            # ``dtype`` and ``device`` are properties of the class; the types go by other names.
            written = f"def {node.name}({ast.unparse(node.args)}) -> {returns}: ..."
            lines.append(
                re.sub(r": (dtype|device)\b", lambda m: ": " + {"dtype": "DType", "device": "Device"}[m[1]], written)
            )
    lines = [line.replace("Generator | None", "Any") for line in lines]  # the module of Generator imports this one
    return _complete(lines, ["from numtorch.storage import kind as kind"], ("Tensor", "ReturnType"))


def package() -> str:
    """The stub of the package: its ops written out, all else re-exported."""
    return _module(HERE / "__init__.py", numtorch, "torch")


def functional() -> str:
    """The stub of ``nn.functional``."""
    return _module(HERE / "nn" / "functional.py", numtorch.nn.functional, "nn.functional")


def linalg() -> str:
    """The stub of ``linalg``."""
    return _module(HERE / "linalg.py", numtorch.linalg, "linalg")


def special() -> str:
    """The stub of ``special``."""
    return _module(HERE / "special.py", numtorch.special, "special")


def _module(path: Path, module: Any, place: str) -> str:
    exported, functions = [], []
    for name in sorted(PLACES[place]):
        value = getattr(module, name)
        if isinstance(value, type) and name not in {n for n, _ in _bound(path)}:
            exported.append(f"from {value.__module__} import {value.__name__} as {name}")
        else:
            functions += _functions(name, value)
    for name, line in _bound(path):
        if line:
            exported.append(line)
        elif name not in PLACES[place]:
            functions += _functions(name, getattr(module, name))
    return _complete(functions, exported)


def _complete(body: list[str], exported: list[str], own: tuple[str, ...] = ()) -> str:
    """A stub with what it imports for its own use, and nothing more."""

    def used(name: str, lines: list[str]) -> bool:
        return re.search(rf"(?<![\w.]){name}\b", "\n".join(lines)) is not None

    aliases = [line for name, line in _ALIASES.items() if used(name, body)]
    here = {line.rpartition(" as ")[2] for line in exported}
    wanted: dict[str, list[str]] = {}
    for name, module in _IMPORTS.items():
        if name not in own and name not in here and used(name, [*aliases, *body]):
            wanted.setdefault(module, []).append(_ELSEWHERE.get(name, name))
    everything = [*aliases, *body]
    imports = [
        *(["import builtins"] if used("builtins", everything) else []),
        *(["import numpy as np"] if used("np", everything) else []),
        *(f"from {module} import {', '.join(names)}" for module, names in wanted.items()),
    ]
    return "\n".join([HEADER, "", *imports, *exported, "", *aliases, "", *body, ""])


def _bound(path: Path) -> Iterator[tuple[str, str]]:
    """(name, the import that re-exports it or nothing) of each public name that a module binds."""

    def statements(body: list) -> Iterator[ast.stmt]:
        for node in body:
            yield node
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                yield from statements(node.body)

    for node in statements(ast.parse(path.read_text()).body):
        if isinstance(node, ast.ImportFrom):
            for a in node.names:
                if a.asname == a.name:
                    yield a.asname, f"from {node.module} import {a.name} as {a.asname}"
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, ""


def _member(name: str, value: Any) -> list[str]:
    if isinstance(value, property):
        getter: Any = value.fget
        kind = _PROPERTIES.get(name) or _qualified(
            _RESULTS.get(name) or _annotation(inspect.signature(getter).return_annotation)
        )
        lines = ["@property", *_written(name, "self", kind, getter.__doc__)]
        if value.fset is not None and kind == "Tensor":
            lines += [f"@{name}.setter", f"def {name}(self, value: _Operand) -> None: ..."]
        return lines
    if value is None or not callable(value) or isinstance(value, types.WrapperDescriptorType):  # object's own __hash__
        return []
    if name in ("__eq__", "__ne__"):
        return [f"def {name}(self, other: object) -> Tensor: ...  # type: ignore[override]"]
    return _functions(name, value, method=True)


def _functions(name: str, value: Any, method: bool = False) -> list[str]:
    """A function of the stub, once for each of its forms."""
    inplace = getattr(value, "overwrites", None)
    source = value if inplace is None else inplace
    parameters = _parameters(name, source, method, inplace is not None)
    if method and name.startswith("__i") and hasattr(Tensor, f"__{name[3:]}"):  # as an operator is written: x += other
        parameters = [parameters[0], ("other", inspect.Parameter.POSITIONAL_OR_KEYWORD, _OPERAND, False)]
    result = "Tensor" if inplace is not None else _result(name, value, len(parameters))
    told = FORMS.get(name, ()) if inplace is None else ()
    if method:
        told = _METHOD_FORMS.get(name, told)
    forms = list(_under_both_names(told or ((result, {}),), parameters))
    lines = []
    for result, given in forms:
        unknown = set(given) - {p[0] for p in parameters}
        if unknown:
            raise ValueError(f"numtorch.stubs: a form of {name} names {unknown}, which is no parameter of it")
        made: Listed = []
        named = False  # what follows a dimension that has its other name
        for n, kind, annotation, optional in parameters:
            named = named or (n in OTHER and given.get(n, "") is None and given.get(OTHER[n]) is not None)
            if given.get(n, "") is None:
                continue
            if named and kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                kind = inspect.Parameter.KEYWORD_ONLY
            if n in given and given[n] == "one":  # of *tensors
                kind, annotation = inspect.Parameter.POSITIONAL_ONLY, "Tensor"
            elif n in given:
                annotation, optional = _qualified(given[n].lstrip("=")), given[n].startswith("=")
            made.append((n, kind, annotation, optional))
        if len(forms) > 1:
            lines.append("@overload")
        lines += _written(name, _listed(made), _qualified(result), value.__doc__ if method else None)
    return lines


def _under_both_names(forms: Any, parameters: Listed) -> Iterator[tuple[str, dict]]:
    """Forms of a call, twice where a parameter must be given and may be under its other name."""
    names = {p[0]: p for p in parameters}
    absent = {n: None for own, n in OTHER.items() if own in names and n in names}
    dim = next((own for own, n in OTHER.items() if own in names and n in names), "")
    for result, given in forms:
        wanted = given.get(dim, ("=" if names[dim][3] else "") + names[dim][2]) if dim else None
        if wanted is None or wanted == "Tensor":  # no dimension
            yield result, {**absent, **given}
        elif wanted.startswith("="):
            yield result, given
        else:
            yield result, {**given, OTHER[dim]: None}
            yield result, {**given, dim: None, OTHER[dim]: wanted}


def _written(name: str, parameters: str, result: str, doc: str | None) -> list[str]:
    head = f"def {name}({parameters}) -> {result}:"
    summary = " ".join((doc or "").strip().split("\n\n")[0].split())
    if not summary or name.startswith("__"):
        return [head + " ..."]
    quotes = 'r"""' if "\\" in summary else '"""'
    return [head, f'    {quotes}{summary}"""']


Listed = list[tuple[str, Any, str, bool]]  # name, kind, annotation, whether there is a default


def _parameters(name: str, value: Any, method: bool, inplace: bool) -> Listed:
    o = value if isinstance(value, Op) else getattr(value, "op", None)
    if not isinstance(o, Op):
        o = None
    declared: dict[str, str] = {}
    if o is not None:
        value = o.call if value is o else value
        front.write(o, value)
        for p in inspect.signature(o.spec).parameters.values():
            first = not declared
            given = (
                _annotation(p.annotation)
                if p.annotation is not p.empty
                else "Sequence[Tensor]"
                if o.listed
                else ("Tensor" if first or not isinstance(o, ElementwiseOp) else _OPERAND)
            )
            declared[PUBLIC.get(p.name, p.name)] = declared[p.name] = given
    found: Listed = []
    for p in inspect.signature(value).parameters.values():
        if not found and method:
            found.append(("self", p.kind, "", False))
            continue
        if (
            (p.name.startswith("_") and not name.startswith("_"))
            or (p.kind is p.KEYWORD_ONLY and name.startswith("__") and name not in _PROTOCOLS)
            or (inplace and p.name == "out")
        ):
            continue  # no operator is given keywords
        annotation = declared.get(p.name) or _annotation(p.annotation)
        if p.kind is p.VAR_POSITIONAL and annotation == "Any" and name != "view":  # which takes a type, too
            annotation = _SIZE if name in _SIZED else _STARRED.get(p.name, "Any")
        elif annotation == "Any" and not (p.name in ("min", "max") and "clamp" not in name and "clip" not in name):
            annotation = _TYPES.get(p.name, "Any")
        elif annotation == "tuple":  # of sizes or dimensions, which may also be a list
            annotation = "Sequence[int]"
        if p.name == "out" and _RESULTS.get(name) == "ReturnType":
            annotation = "tuple[Tensor, Tensor] | None"
        if (
            (p.default is None or o is not None and p.name in o.lacking)
            and "None" not in annotation
            and annotation != "Any"
        ):
            annotation += " | None"
        found.append((p.name, p.kind, _qualified(annotation), p.default is not p.empty))
    names = [p[0] for p in found]
    if hasattr(value, "__wrapped__") or hasattr(value, "__signature__"):
        typed = {OTHER[p[0]]: p[2] for p in found if p[0] in OTHER}
        found += [(n, inspect.Parameter.KEYWORD_ONLY, typed[n], True) for n in aliases.others(names)]
    if not method and name in _FIRST:
        found[0] = (found[0][0], found[0][1], _FIRST[name], found[0][3])
    return found


def _listed(parameters: Listed) -> str:
    """The parameters as they stand in a definition."""
    made: list[str] = []
    starred = optionals = False
    for n, kind, annotation, optional in parameters:
        if kind is inspect.Parameter.VAR_POSITIONAL:
            made.append(f"*{n}: {annotation}")
            starred = True
            continue
        if kind is inspect.Parameter.VAR_KEYWORD:
            made.append(f"**{n}: {annotation}")
            continue
        if not starred and (kind is inspect.Parameter.KEYWORD_ONLY or (optionals and not optional)):
            made.append("*")
            starred = True
        optionals = optionals or optional
        made.append(n + (f": {annotation}" if annotation else "") + (" = ..." if optional else ""))
        if kind is inspect.Parameter.POSITIONAL_ONLY:
            made.append("/")
    return ", ".join(p for i, p in enumerate(made) if p != "/" or made[i + 2 : i + 3] != ["/"])


def _result(name: str, value: Any, arguments: int) -> str:
    if name in _RESULTS:
        return _RESULTS[name]
    o: Callable | None = getattr(value, "op", None)
    found = _annotation(inspect.signature(value).return_annotation)
    if found == "Any" and (
        o is not None
        or (name.startswith("__") and arguments <= 2 and name not in ("__getitem__", "__reduce_ex__", "__deepcopy__"))
    ):
        return "Tensor"
    return found


def _annotation(given: Any) -> str:
    """An annotation of the source in words that the stubs know; ``Any`` if there is none."""
    if given is inspect.Parameter.empty:
        return "Any"
    written = given if isinstance(given, str) else getattr(given, "__name__", str(given))
    written = _SPELLED.get(written, written)
    return written if set(re.findall(r"[A-Za-z_]\w*", written)) <= _KNOWN else "Any"


def _qualified(annotation: str) -> str:
    """Builtin types by their full names: ``int`` and ``float`` are methods of the class and types of the package
    too."""
    return _SHADOWED.sub(r"builtins.\1", annotation)


def main() -> int:
    """Write the stubs."""
    for path, text in texts().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
