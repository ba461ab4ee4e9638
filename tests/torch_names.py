"""``python tests/torch_names.py``: write what PyTorch calls its things, from the one that is installed.

    numtorch/torch_names.txt                  the names of its main modules, by what they are
    numtorch/torch_shim/torch_modules.txt     its modules, and the names in them

numtorch reads the first when a name is missing, to tell a name of torch that is not here from a typing mistake; the
second tells ``torch_shim`` which modules programs may import, and where else a name of a deep module is found.
"""

import contextlib
import importlib
import inspect
import io
import os
import pkgutil
import types
import warnings
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
MODULES = FILE.parent / "torch_shim" / "torch_modules.txt"
# Modules of which no name is listed: any is taken to be there.
OPEN = """
    ao contrib nativert onnx package quantization testing nn.intrinsic nn.qat nn.quantizable nn.quantized utils.hipify
    utils.tensorboard distributed.elastic distributed.checkpoint fx.experimental fx.passes numa mtia xpu return_types
"""
INNER = ("torch.nn.", "torch.optim.", "torch.utils.data.")  # of these, programs import private classes
PRIVATE = """
    _C _C._nn _C._distributed_c10d _VF _decomp _dynamo _dynamo.config _dynamo.eval_frame _dynamo.utils _functorch
    _guards _higher_order_ops _inductor _inductor.config _inductor.utils _jit_internal _library _logging _ops _prims
    _prims_common _refs _subclasses _subclasses.fake_tensor _tensor _tensor_str _utils _utils_internal _vmap_internals
    _weights_only_unpickler utils._pytree utils._python_dispatch utils._foreach_utils utils.data._utils
    utils.data._utils.collate utils.data._utils.worker nn.utils._per_sample_grad nn.modules._functions
    distributed.tensor._utils
    distributed._tensor distributed._composable distributed._functional_collectives cuda._utils optim._functional
    optim._multi_tensor autograd._functions
"""


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


def below(text):
    """Modules below torch, listed in a text."""
    return tuple(f"torch.{name}" for name in text.split())


def modules(path, prefix="torch."):
    """The public modules below a folder."""
    for found in pkgutil.iter_modules(path, prefix):
        last = found.name.rpartition(".")[2]
        if not last.startswith("_"):
            yield found.name, found.ispkg
            if found.ispkg:
                yield from modules([os.path.join(p, last) for p in path], found.name + ".")


def exported(name, package):
    """What a module has to offer: of a package all that is public, of a file what it defines."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            module = importlib.import_module(name)
        except ImportError:
            return {}
        found = {n: getattr(module, n, None) for n in dir(module)}
        if not package:
            found = {n: v for n, v in found.items() if getattr(v, "__module__", None) == name}
        return {
            n: v
            for n, v in found.items()
            if kind(n, v) not in (None, "module")
            or (n[0] == "_" and kind(n[1:], v) == "class" and name.startswith(INNER))
        }


def modules_text():
    """The other file's text: a line for each module and place where its names are found too, the shortest there is."""
    found = [("torch", True), *modules(importlib.import_module("torch").__path__)]
    listed = {name: package for name, package in found if not name.startswith(below(OPEN))}
    shown = {name: exported(name, package) for name, package in sorted(listed.items(), key=lambda m: m[0].count("."))}
    first, lines = {}, ["# Written by python tests/torch_names.py; do not edit."]
    for name, names in shown.items():
        for n, value in names.items():
            first.setdefault((n, id(value)), name)
    for name, names in sorted(shown.items())[1:]:  # the other file has those of torch itself
        places = {name: []}
        for n, value in sorted(names.items()):
            places.setdefault(first[n, id(value)], []).append(n)
        lines += [f"{name} {place}: {' '.join(ns)}".rstrip() for place, ns in places.items()]
    return "\n".join([*lines, *(f"{name}/" for name in sorted({*below(OPEN), *below(PRIVATE)}))]) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    MODULES.write_text(modules_text())
