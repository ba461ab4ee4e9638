"""Functions of Numba's compiler that take much of its time, replaced by quicker ones with the same results.

Each replaced function is the same in all versions of Numba that the project allows. Imports Numba: loaded with it, by
``toolchain``.
"""

from __future__ import annotations

import functools
from typing import Any

from numba.core import analysis, base, ir, postproc, transforms
from numba.core.targetconfig import ConfigStack, TargetConfig
from numba.core.types.functions import BaseFunction

# --- flags: keys of every look-up of an overload --------------------------------------------------


@functools.cache
def _defaults(cls: Any) -> dict[str, Any]:
    return {name: option.default for name, option in cls.options.items()}


@functools.cache
def _hash(cls: Any) -> int:
    return hash(tuple(sorted(_defaults(cls))))


def values(self: TargetConfig) -> dict[str, Any]:
    """All options, set or not."""
    cls: Any = type(self)
    return {**_defaults(cls), **self._values}


def hashed(self: TargetConfig) -> int:
    """Of the names of the options, as Numba does it."""
    cls: Any = type(self)
    return _hash(cls)


def equal(self: TargetConfig, other: object) -> Any:
    """Whether all options are equal."""
    if not isinstance(other, TargetConfig):
        return NotImplemented
    return self._values == other._values or values(self) == values(other)


# --- the variables of a statement ------------------------------------------------------------------

_LEAVES = frozenset({str, int, float, bool, type(None), ir.Loc, ir.Scope})


def variables(self: ir.Inst, value: Any) -> list[ir.Var]:
    """The variables in a part of a statement."""
    if isinstance(value, ir.Var):
        return [value]
    if isinstance(value, ir.Inst):
        return value.list_vars()
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):  # noqa: UP038 - quicker than a union
        return []
    found: list[ir.Var] = []
    for part in value:
        kind = type(part)
        if kind is ir.Var:
            found.append(part)
        elif kind not in _LEAVES:
            found += variables(self, part)
    return found


# --- which variables live ----------------------------------------------------------------------------

_process = postproc.PostProcessor.run
_entry_vars = ir.FunctionIR.get_block_entry_vars


def process(self: postproc.PostProcessor, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
    """What follows each pass. What lives at the start of a block is found out if somebody asks: almost nobody does."""
    function = self.func_ir
    if function.is_generator:
        _process(self, emit_dels, extend_lifetimes)
        return
    function.blocks = transforms.canonicalize_cfg(function.blocks)
    function.variable_lifetime = postproc.VariableLifetime(function.blocks)
    function.generator_info = None
    if emit_dels:
        self._insert_var_dels(extend_lifetimes=extend_lifetimes)


def entry_vars(self: ir.FunctionIR, block: ir.Block) -> Any:
    """The variables that live at the start of a block."""
    if block not in self.block_entry_vars:
        lifetime = self.variable_lifetime
        live = analysis.compute_live_variables(
            lifetime.cfg, self.blocks, lifetime.usedefs.defmap, lifetime.deadmaps.combined
        )
        self.block_entry_vars.update((each, live[offset]) for offset, each in self.blocks.items())
    return _entry_vars(self, block)


# --- which signature a call has ----------------------------------------------------------------------

_resolve = BaseFunction.get_call_type


def resolve(self: BaseFunction, context: Any, args: tuple, kws: dict) -> Any:
    """The signature of a call with these types: the one found before for the same types and flags, if any."""
    if kws:
        return _resolve(self, context, args, kws)
    callers = context.callstack._stack
    key = context, tuple(args), ConfigStack.top_or_none(), callers[-1].target if callers else None
    known = self.__dict__.setdefault("_numtorch_resolved", {})
    if key in known:
        signature, self._impl_keys[signature.args] = known[key]
        return signature
    signature = _resolve(self, context, args, kws)
    if signature is not None and all(_never_inlined(t) for t in self.templates):
        known[key] = signature, self._impl_keys[signature.args]
    return signature


def _never_inlined(template: Any) -> bool:
    inline = getattr(template, "_inline", None)
    return inline is None or inline.is_never_inline


# --- the size of a type ------------------------------------------------------------------------------

_size = base.BaseContext.get_abi_sizeof
_sizes: dict[tuple[Any, str], int] = {}


def size(self: base.BaseContext, kind: Any) -> int:
    """Bytes of an LLVM type, which LLVM says after it has read a module with a variable of this type."""
    key = type(self), str(kind)
    if "%" in key[1]:  # a type with a name, which says nothing
        return _size(self, kind)
    if key not in _sizes:
        _sizes[key] = _size(self, kind)
    return _sizes[key]


def _install() -> None:
    TargetConfig.values, TargetConfig.__eq__ = values, equal
    TargetConfig.__hash__ = hashed
    ir.Inst._rec_list_vars = variables
    postproc.PostProcessor.run, ir.FunctionIR.get_block_entry_vars = process, entry_vars
    BaseFunction.get_call_type = resolve
    base.BaseContext.get_abi_sizeof = size


_install()
