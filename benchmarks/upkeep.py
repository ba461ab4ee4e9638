"""``python -m benchmarks.upkeep``: what it costs to keep and to extend the package, counted in its source.

Counts, for each checkout given (this one if none is), so that two can be compared:

    lines                    of ``numtorch/``, without the stubs that are generated
    statements               the same without docstrings, however it is formatted
    launchers                lines of functions registered with ``.kernel(...)``: what stands between tensors and loops
    planning functions       lines of functions registered with ``.loop(...)``
    memo tables              ``registry.memo()`` and ``lru_cache`` in ``ops/``: choices that an op remembers by itself
    results made by hand     ``new(Tensor)`` outside of ``_tensor.py`` and ``dispatch/``
    imports in functions     and in how many files
    circles                  modules that import each other, directly or not, when imports in functions count too
    ids that are no name     structured ops whose id is not the name of their function
    wrappers                 functions of ``ops/`` that users call and that are no ops
    lists of names           lines of files that list functions or classes that are defined elsewhere
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path


def modules_of(root: Path) -> dict[str, ast.Module]:
    found = {}
    for path in sorted((root / "numtorch").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    return found


def _statements(tree: ast.AST) -> int:
    """Statements of a module, those inside others included, without docstrings."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.stmt)]
    return len(nodes) - sum(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in nodes)


def _registered(tree: ast.Module, how: str) -> int:
    """Lines of the functions under a decorator ``@op.kernel(...)`` or ``@op.loop(...)``."""
    total = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr == how
            for d in node.decorator_list
        ):
            total += (node.end_lineno or node.lineno) - node.decorator_list[0].lineno + 1
    return total


def _imports(node: ast.AST, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """(module, whether in a function) of each import of numtorch's own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom) and (child.module or "").startswith("numtorch"):
            for a in child.names:
                yield f"{child.module}.{a.name}", inside
        elif isinstance(child, ast.Import):
            for a in child.names:
                if a.name.startswith("numtorch"):
                    yield a.name, inside
        yield from _imports(child, inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def circles(modules: dict[str, ast.Module]) -> list[set[str]]:
    """Groups of modules each of which reaches all others of its group by imports."""

    def known(name: str) -> str:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name

    edges = {m: {known(t) for t, _ in _imports(tree)} - {m, "", "numtorch"} for m, tree in modules.items()}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[set[str]] = []

    def visit(m: str) -> None:
        order[m] = low[m] = len(order)
        stack.append(m)
        for n in edges[m]:
            if n not in order:
                visit(n)
                low[m] = min(low[m], low[n])
            elif n in stack:
                low[m] = min(low[m], order[n])
        if low[m] == order[m]:
            group = set()
            while True:
                n = stack.pop()
                group.add(n)
                if n == m:
                    break
            if len(group) > 1:
                groups.append(group)

    sys.setrecursionlimit(10_000)
    for m in modules:
        if m not in order:
            visit(m)
    return groups


def _ops(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(id, name of the function) of the structured ops."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for d in node.decorator_list:
                call = d.func if isinstance(d, ast.Call) else d
                if isinstance(call, ast.Name) and call.id == "op":
                    named = [
                        k.value.value
                        for k in (d.keywords if isinstance(d, ast.Call) else [])
                        if k.arg == "name" and isinstance(k.value, ast.Constant)
                    ]
                    yield (str(named[0]) if named else node.name), node.name


def count(root: Path) -> dict[str, str]:
    """What is counted, by its name."""
    modules = modules_of(root)
    texts = {p: p.read_text() for p in (root / "numtorch").rglob("*.py")}
    ops = {p: t for p, t in texts.items() if "ops" in p.relative_to(root).parts}
    outside = [t for p, t in texts.items() if p.name != "_tensor.py" and "dispatch" not in p.parts]
    inner = {m: sum(inside for _, inside in _imports(tree)) for m, tree in modules.items()}
    groups = circles(modules)
    ids = [pair for m, tree in modules.items() if m.startswith("numtorch.ops") for pair in _ops(tree)]
    lists = {"numtorch/__init__.py", "numtorch/nn/__init__.py", "numtorch/optim/__init__.py"}
    wrappers = sum(len(re.findall(r"^def (?!_)\w+\(input: ", t, re.M)) for t in ops.values())
    return {
        "lines": str(sum(t.count("\n") for t in texts.values())),
        "statements": str(sum(map(_statements, modules.values()))),
        "launchers": str(sum(_registered(tree, "kernel") for tree in modules.values())),
        "planning functions": str(sum(_registered(tree, "loop") for tree in modules.values())),
        "memo tables": str(sum(len(re.findall(r"registry\.memo\(\)|lru_cache", t)) for t in ops.values())),
        "results made by hand": str(sum(len(re.findall(r"\bnew\(Tensor\)", t)) for t in outside)),
        "imports in functions": f"{sum(inner.values())} in {sum(1 for n in inner.values() if n)} files",
        "circles": f"{len(groups)} of {sum(map(len, groups))} modules",
        "ids that are no name": f"{sum(a != b for a, b in ids)} of {len(ids)}",
        "wrappers": str(wrappers),
        "lists of names": str(
            sum((root / f).read_text().count(" import ") + (root / f).read_text().count(" as ") for f in lists)
        ),
    }


def main(roots: list[str]) -> int:
    """Print a table with a column for each checkout."""
    counted = [count(Path(r)) for r in roots or ["."]]
    for name in counted[0]:
        print(f"{name:22}", *[f"{c[name]:>24}" for c in counted])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
