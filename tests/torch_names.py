"""``python tests/torch_names.py``: write ``numtorch/torch_names.txt``, what PyTorch calls its things, from the one that
is installed.

numtorch reads it when a name is missing, to tell a name of torch that is not here from a typing mistake.
"""

import importlib
import inspect
import pkgutil
import types
from pathlib import Path

SPACES = [
    "torch",
    "torch.Tensor",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils",
    "torch.utils.data",
    "torch.autograd",
    "torch.cuda",
    "torch.profiler",
    "torch.linalg",
]
FILE = Path(__file__).parent.parent / "numtorch" / "torch_names.txt"


def kind(name, value):
    """What a name of torch is; None for what torch itself only imports there."""
    if name.startswith("_"):
        return None
    if isinstance(value, types.ModuleType):
        return (
            "module"
            if value.__name__.startswith("torch.") and not value.__name__.rpartition(".")[2].startswith("_")
            else None
        )
    where = getattr(value, "__module__", None) or "torch"
    if where.split(".")[0] not in ("torch", "builtins") or where.startswith("torch._jit") or "torch_function" in name:
        return None
    if inspect.isclass(value):
        return "class" if where.startswith("torch") and not where.startswith("torch._C") else None
    if callable(value):
        return "function"
    if name in ("e", "inf", "nan", "newaxis", "pi"):
        return "constant"
    return (
        type(value).__name__
        if type(value).__name__ in ("dtype", "layout", "memory_format")
        else "attribute"
        if isinstance(value, property) or inspect.isdatadescriptor(value)
        else None
    )


def text():
    """The file's text."""
    lines = ["# Written by python tests/torch_names.py; do not edit."]
    for space in SPACES:
        parent, _, last = space.rpartition(".")
        scope = getattr(importlib.import_module(parent), last) if last == "Tensor" else importlib.import_module(space)
        found = {}
        for name in dir(scope):
            k = kind(name, getattr(scope, name, None))
            if k is not None and (k != "constant" or space == "torch"):
                found.setdefault("method" if space.endswith("Tensor") and k == "function" else k, []).append(name)
        named = {n for listed in found.values() for n in listed}
        found.setdefault("module", []).extend(
            m.name
            for m in pkgutil.iter_modules(getattr(scope, "__path__", ()))  # imported when named
            if not m.name.startswith("_") and m.name not in named
        )
        lines += [f"{space} {k}: {' '.join(sorted(names))}" for k, names in sorted(found.items()) if names]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
