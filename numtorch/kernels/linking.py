"""How a kernel and the functions that it calls become machine code: as one module, optimised and emitted once.

Numba optimises and emits each function on its own, and then once more in every function that calls it. Only the
outermost one runs. Here a function is left as it is until somebody asks for its address. Then it is optimised
together with all that it calls.

Imports Numba: loaded with it, by ``toolchain``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, codegen, cpu
from numba.core.codegen import JITCodeLibrary
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

_ENVIRONMENT = "_ZN08NumbaEnv"
_EXTERNAL = llvm.Linkage.external


def together(compile: Callable) -> Callable:
    """A dispatcher's ``compile``, which makes a ``Library`` of what it compiles."""

    @functools.wraps(compile)
    def call(*args: Any, **kwargs: Any) -> Any:
        context = cpu_target.target_context
        context.refresh()  # which makes the library of reference counts, as Numba does it
        target = context.codegen()
        before, target._library_class = target._library_class, Library
        try:
            return compile(*args, **kwargs)
        finally:
            target._library_class = before

    return call


class Library(JITCodeLibrary):
    """The code of a function. It is optimised and emitted when its address is asked for; callers link it as it is."""

    _shared_module: llvm.ModuleRef | None

    def add_ir_module(self, ir_module: ir.Module) -> None:
        self._raise_if_finalized()
        module = llvm.parse_assembly(cgutils.normalize_ir_text(str(ir_module)))
        module.name = ir_module.name
        module.data_layout = self._codegen._data_layout
        self._optimize_functions(module)  # without it sums of columns and searches for extremes take 1.2 to 1.4 times
        self._final_module.link_in(module)

    def add_linking_library(self, library: codegen.CodeLibrary) -> None:
        if library is not rtsys.library:  # linked where it is called, see ``_link``
            self._linking_libraries.append(library)

    def _ensure_finalized(self) -> None:
        """Numba asks for this before it links; here that takes no finished library."""

    def _parts(self, found: dict[codegen.CodeLibrary, llvm.ModuleRef]) -> dict:
        """The modules of all that this function calls, and its own as the first."""
        if self._finalized:
            found[self] = self._get_module_for_linking()
        elif self not in found:
            found[self] = self._final_module
            for library in self._linking_libraries:
                if isinstance(library, Library):
                    library._parts(found)
                else:
                    found[library] = library._get_module_for_linking()
        return found

    def _link(self) -> None:
        """Take in all that this function calls."""
        parts = self._parts({})
        parts.pop(self)
        for library, part in parts.items():
            if hasattr(library, "_reload_init"):  # which older versions of Numba do not have
                self._reload_init.update(library._reload_init)
            self._final_module.link_in(_mergeable(part), preserve=True)
        self._linking_libraries.clear()
        if any(f.is_declaration and f.name.startswith("NRT_") for f in self._final_module.functions):
            self._final_module.link_in(rtsys.library._get_module_for_linking(), preserve=True)

    def _get_module_for_linking(self) -> llvm.ModuleRef:
        if self._shared_module is None:
            if not self._finalized:
                self._link()
            self._shared_module = _mergeable(self._final_module)
        return self._shared_module

    @property
    def has_dynamic_globals(self) -> bool:
        if not self._finalized:
            self._link()
            self._dynamic_globals.clear()
            self._finalize_dynamic_globals()
        return bool(self._dynamic_globals)

    def finalize(self) -> None:
        """Optimise and emit the function with all that it calls."""
        self._raise_if_finalized()
        self._link()
        self._shared_module = None
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)
        self._finalize_final_module()
        for variable in self._final_module.global_variables:
            if variable.name.startswith(_ENVIRONMENT) and (found := lookup_environment(variable.name)) is not None:
                self._codegen.set_env(variable.name, found)

    def finish(self) -> None:
        """``finalize``, unless it has been done."""
        if not self._finalized:
            self.finalize()

    def get_pointer_to_function(self, name: str) -> int:
        if not self._finalized:
            if not _defines(self._final_module, name):
                return 0
            function = self._final_module.get_function(name)
            if function.linkage == llvm.Linkage.linkonce_odr:  # from the cache: nobody calls it, and yet it must stay
                function.linkage = "external"
            self.finalize()
        return super().get_pointer_to_function(name)

    def serialize_using_object_code(self) -> tuple:
        if self._finalized:
            return super().serialize_using_object_code()
        return self.name, "bitcode", self._get_module_for_linking().as_bitcode()

    @classmethod
    def _unserialize(cls, codegen: codegen.CPUCodegen, state: tuple) -> Library:
        name, kind, data = state
        if kind != "bitcode":
            return super()._unserialize(codegen, state)
        self = codegen.create_library(name)
        self._final_module = llvm.parse_bitcode(data)
        return self


def _defines(module: llvm.ModuleRef, name: str) -> bool:
    try:
        return not module.get_function(name).is_declaration
    except NameError:
        return False


def _mergeable(module: llvm.ModuleRef) -> llvm.ModuleRef:
    """The module, or a copy, whose functions may also be defined elsewhere, and go where nobody calls them."""
    names = [f.name for f in module.functions if not f.is_declaration and f.linkage == _EXTERNAL]
    if names:
        module = module.clone()
        for name in names:
            module.get_function(name).linkage = "linkonce_odr"
    return module


# --- what Numba does for every function, and only entry points need ------------------------------

_set_env = codegen.JITCPUCodegen.set_env
_python_entry, _c_entry = cpu.CPUContext.create_cpython_wrapper, cpu.CPUContext.create_cfunc_wrapper


def set_env(self: Any, name: str, env: Any) -> None:
    """Hand a function its environment, where it has been emitted."""
    if self._engine.is_symbol_defined(name):
        _set_env(self, name, env)


def create_cpython_wrapper(self: Any, library: codegen.CodeLibrary, fndesc: Any, *args: Any, **kwargs: Any) -> None:
    """The entry point from Python; the body of a parallel loop needs none."""
    if not (isinstance(library, Library) and fndesc.qualname.startswith("__numba_parfor_gufunc")):
        _python_entry(self, library, fndesc, *args, **kwargs)


def create_cfunc_wrapper(self: Any, library: codegen.CodeLibrary, fndesc: Any, *args: Any, **kwargs: Any) -> None:
    """The entry point from C; what stands for a function of Numba or numtorch in compiled code needs none."""
    overloads = fndesc.modname.startswith(("numba.", "numtorch.")) and fndesc.modname != "numtorch.kernels.jit"
    if not (isinstance(library, Library) and overloads):
        _c_entry(self, library, fndesc, *args, **kwargs)


codegen.JITCPUCodegen.set_env = set_env
cpu.CPUContext.create_cpython_wrapper = create_cpython_wrapper
cpu.CPUContext.create_cfunc_wrapper = create_cfunc_wrapper
