"""Finds ``torch``, ``torchvision`` and every module below them: one module object under two names.

A module that numtorch has is itself, so that its classes are the same by either name. A module that only PyTorch has is
an empty one, whose names are looked up where users find them. Names that are missing are placeholders while the shim is
lenient.
"""

from __future__ import annotations

import dis
import importlib
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any, ClassVar

from numtorch import absent
from numtorch.torch_shim import names, private
from numtorch.torch_shim.placeholders import placeholder
from numtorch.torch_version import TorchVersion

# What the modules are told to be while they stand for PyTorch's.
VERSIONS = dict.fromkeys(("torch", "torch.version"), TorchVersion("2.13.0+numtorch")) | {
    "torchvision": "0.28.0+numtorch"
}
# What a machine without the hardware or service answers, whatever the module.
ANSWERS: dict[str, Callable[..., Any]] = {"device_count": lambda: 0}
ANSWERS |= dict.fromkeys(("is_available", "is_built", "is_initialized"), lambda: False)
ANSWERS |= private.ANSWERS
_ABSENT = object()


class _Keeping(ModuleType):
    """A module with functions that are called as modules below it: importing such a module does not hide the function,
    as in PyTorch, which has imported the module before the function."""

    names: ClassVar[set[tuple[str, str]]] = set()

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and (self.__name__, name) in self.names):
            super().__setattr__(name, value)


class Finder(MetaPathFinder, Loader):
    """Import finder and loader of PyTorch's modules; ``close`` takes back all that it did.

    Args:
        lenient: whether names that are not here are placeholders.
    """

    def __init__(self, lenient: bool):
        self.lenient = lenient
        self._specs: dict[int, Any] = {}  # of modules that are being given a second name
        self._before: list[tuple[ModuleType, str, Any]] = []  # attributes as they were

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in names.ROOTS or not self.finds(fullname):
            return None
        return ModuleSpec(fullname, self, is_package=names.here(fullname) is None)

    def finds(self, path: str) -> bool:
        """Whether there is a module of this path."""
        return names.here(path) is not None or (self.lenient and names.is_module(path)) or names.is_alias(path)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        here = names.here(spec.name)
        if here is None:
            made = ModuleType(spec.name, f"{spec.name} of PyTorch, of which numtorch has no module of its own.")
            made.__getattr__ = self._answer(spec.name, made)  # type: ignore[method-assign]
            return made
        module = importlib.import_module(here)
        self._specs[id(module)] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name  # type: ignore[union-attr]
        if id(module) in self._specs:
            module.__spec__ = self._specs.pop(id(module))
            self.adopt(name, module)
        parent, _, last = name.rpartition(".")
        if parent:  # the import system sets it next
            above = sys.modules[parent]
            self._note(above, last)
            held = vars(above).get(last)
            if last in absent.MEMBERS.get(parent, ()) or (callable(held) and not isinstance(held, ModuleType)):
                if type(above) is ModuleType:
                    self._before.append((above, "__class__", ModuleType))
                    above.__class__ = _Keeping
                _Keeping.names.add((above.__name__, last))

    def adopt(self, path: str, module: ModuleType) -> None:
        """Let a module of numtorch's answer by the name that PyTorch has for it."""
        sys.modules[path] = module
        self.set(module, "__getattr__", self._answer(path, module))
        if not hasattr(module, "__path__"):
            self.set(module, "__path__", [])  # a file here that is a package there
        if path in VERSIONS:
            self.set(module, "__version__", VERSIONS[path])

    def set(self, module: ModuleType, name: str, value: Any) -> None:
        """Set an attribute of a module until ``close``."""
        self._note(module, name)
        setattr(module, name, value)

    def _note(self, module: ModuleType, name: str) -> None:
        self._before.append((module, name, vars(module).get(name, _ABSENT)))

    def close(self) -> None:
        """Take the modules out again, and what was set in those of numtorch."""
        for module, name, before in reversed(self._before):
            if before is not _ABSENT:
                setattr(module, name, before)
            elif name in vars(module):
                delattr(module, name)
        for path in [p for p in sys.modules if p.partition(".")[0] in names.ROOTS]:
            del sys.modules[path]

    def _answer(self, path: str, module: ModuleType) -> Callable[[str], Any]:
        """``__getattr__`` of a module that is known as ``path``."""
        before = vars(module).get("__getattr__")

        def __getattr__(name: str) -> Any:
            error = AttributeError(f"module {path!r} has no attribute {name!r}")
            if name.startswith("__"):
                raise error
            if name in ANSWERS:
                return ANSWERS[name]
            if before is not None and name in absent.MEMBERS.get(path, ()):
                return before(name)  # also where a module has the same name
            if self.finds(f"{path}.{name}") and _is_sure(path, name):
                return importlib.import_module(f"{path}.{name}")
            asker = sys._getframe(1)
            if asker.f_code.co_filename.startswith("<frozen importlib"):  # it asks once more
                raise error
            public = names.public_place(path, name)
            if public != path:
                return getattr(importlib.import_module(public), name)
            if before is not None:
                try:
                    return before(name)
                except AttributeError as told:
                    error = told
            if self.lenient and (names.is_name(path, name) or _in_earnest(asker)):
                return placeholder(f"{path}.{name}")
            raise error

        return __getattr__


def _is_sure(path: str, name: str) -> bool:
    """Whether a name below a module is a module, and not only may be one because nothing is known of that module."""
    full = f"{path}.{name}"
    if names.here(full) is not None or names.is_listed(full):
        return True
    return names.here(path) is not None and names.modules().get(path) is not None


_READS = [dis.opmap[name] for name in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM") if name in dis.opmap]
_WITH = dis.opmap["WITH_EXCEPT_START"]


def _in_earnest(frame: FrameType) -> bool:
    """Whether a frame reads a name as one that is sure to be there: not by ``hasattr`` and not in a ``try``, which is
    how programs ask whether PyTorch has a name."""
    at = frame.f_lasti
    if frame.f_code.co_code[at] not in _READS:
        return False
    code: Any = dis.Bytecode(frame.f_code)
    handlers = [entry.target for entry in code.exception_entries if entry.start <= at < entry.end]
    return all(frame.f_code.co_code[handler + 2] == _WITH for handler in handlers)  # the second thing that it does
