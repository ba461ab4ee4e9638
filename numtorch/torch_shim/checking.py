"""``python -m numtorch.run --check``: reads sources by their syntax trees, without running them, and lists the names of
PyTorch and torchvision in them that numtorch does not have.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from numtorch import absent
from numtorch.torch_shim import names

_MISSING: Any = object()
_VALUE: Any = object()  # something whose attributes are its own affair
_ELSEWHERE: Any = object()  # a module that is not here, but of which names may be


@cache
def missing(name: str) -> str:
    """The part of a dotted name that is not here, from the left; empty if all of it is.

    >>> from numtorch.torch_shim.checking import missing
    >>> missing("torch.nn.modules.linear.Linear"), missing("torch.nope.nothing"), missing("torchvision.datasets.MNIST")
    ('', 'torch.nope', '')
    """
    path, *rest = name.split(".")
    found = _module(path)
    for part in rest:
        found = _below(found, path, part)
        path = f"{path}.{part}"
        if found is _MISSING:
            return path
    return path if found is _ELSEWHERE and not _serves(path) else ""


def _module(path: str) -> Any:
    here = names.here(path)
    if here:
        return importlib.import_module(here)
    return _ELSEWHERE if names.is_module(path) else _MISSING


def _below(found: Any, path: str, part: str) -> Any:
    """What a name is in a module, a class, or a value."""
    if isinstance(found, type) and found.__module__.startswith("numtorch"):
        return getattr(found, part, _MISSING)
    if part.startswith("__") or (found is not _ELSEWHERE and not isinstance(found, ModuleType)):
        return _VALUE
    if isinstance(found, ModuleType):
        value = vars(found).get(part, _MISSING)
        if value is not _MISSING and not isinstance(value, ModuleType):
            return value
        if part in absent.MEMBERS.get(path.replace("torchvision", "torch.vision", 1), ()):
            return _VALUE  # imported when it is named
    module = _module(f"{path}.{part}")
    place = names.public_place(path, part)
    if module is not _MISSING or place == path:
        return module
    return _MISSING if missing(f"{place}.{part}") else _VALUE


def _serves(module: str) -> bool:
    """Whether a module that is not here has any name that is, elsewhere."""
    listed = (names.modules().get(module) or {}).items()
    found = [f"{place}.{name}" for name, place in listed if place != module]
    return any(not names.is_module(name) and not missing(name) for name in found)


class Reader(ast.NodeVisitor):
    """Collects the names of PyTorch's in a syntax tree.

    Attributes:
        uses: (line, dotted name) of each, in the order of the source.
    """

    def __init__(self) -> None:
        self.uses: list[tuple[int, str]] = []
        self._scopes: list[dict[str, str | None]] = [{}]
        self._starred: dict[str, str] = {}

    def _use(self, node: ast.AST, name: str) -> None:
        self.uses.append((node.lineno, name))  # type: ignore[attr-defined]

    def _bound(self, name: str) -> str | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), self._starred.get(name))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in names.ROOTS:
                self._use(node, alias.name)
                self._scopes[-1][alias.asname or root] = alias.name if alias.asname else root

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or module.partition(".")[0] not in names.ROOTS:
            return
        for alias in node.names:
            if alias.name == "*":
                self._use(node, module)
                listed = {*(names.modules().get(module) or ()), *absent.names().get(module, ())}
                self._starred.update({name: f"{module}.{name}" for name in listed})
            else:
                self._use(node, f"{module}.{alias.name}")
                self._scopes[-1][alias.asname or alias.name] = f"{module}.{alias.name}"

    def _dotted(self, node: ast.AST) -> str | None:
        """The whole name, if it begins with something of PyTorch's."""
        if isinstance(node, ast.Name):
            return self._bound(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return owner and f"{owner}.{node.attr}"
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._dotted(node)
        if name is None:
            self.generic_visit(node)
        else:
            self._use(node, name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and self._bound(node.id) == self._starred.get(node.id, ""):
            self._use(node, self._starred[node.id])

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        name = self._dotted(node.value)
        for target in node.targets:
            for bound in ast.walk(target):
                if isinstance(bound, ast.Name) and isinstance(bound.ctx, ast.Store):
                    # F = torch.nn.functional; but optim = optim.Adam(...) is no module any more
                    self._scopes[-1][bound.id] = name if bound is target else None

    def _function(self, node: Any) -> None:
        for outside in (
            *getattr(node, "decorator_list", ()),
            *node.args.defaults,
            *filter(None, node.args.kw_defaults),
        ):
            self.visit(outside)
        body = node.body if isinstance(node.body, list) else [node.body]
        given: dict[str, str | None] = {a.arg: None for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        stored: dict[str, str | None] = {
            n.id: None
            for part in body
            for n in ast.walk(part)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        for annotation in (
            *(a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg)),
            getattr(node, "returns", None),
        ):
            if annotation is not None:
                self.visit(annotation)
        self._scopes.append(given | stored)
        for part in body:
            self.visit(part)
        self._scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function


def uses(source: str | bytes) -> list[tuple[int, str]]:
    """The names of PyTorch's in a source, with their lines; SyntaxError if it is no Python.

    >>> from numtorch.torch_shim.checking import uses
    >>> uses("import torch.nn.functional as F; F.relu(x)")
    [(1, 'torch.nn.functional'), (1, 'torch.nn.functional.relu')]
    """
    reader = Reader()
    reader.visit(ast.parse(source))
    return reader.uses


def _files(paths: Iterable[str]) -> Iterator[Path]:
    for path in map(Path, paths):
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)


def check(paths: Iterable[str]) -> int:
    """Print the names in sources that are not here, and where; 1 if there are any, or if a source cannot be read."""
    known, lacking, files, failed = set(), set(), 0, 0
    incomplete = set()
    for path in _files(paths):
        files += 1
        try:
            found = uses(path.read_bytes())
        except (OSError, SyntaxError, ValueError) as e:
            failed += 1
            print(f"{path}: cannot be read: {e}")
            continue
        for line, name in dict.fromkeys(found):
            known.add(name)
            gone = missing(name)
            if gone:
                lacking.add(name)
                incomplete.add(path)
                near = absent.nearest(gone)
                print(f"{path}:{line}: {gone}" + (f"; nearest: {near}" if near else ""))
    print(f"{len(lacking)} of {len(known)} names are missing, in {len(incomplete)} of {files} files")
    return 1 if lacking or failed else 0
