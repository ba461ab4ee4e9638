"""A kernel and its helpers are one module; the quicker ways through Numba's compiler give what Numba gives."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys

import numpy as np
import pytest

from numtorch.kernels.jit import disabled, jit, numba

pytestmark = pytest.mark.skipif(disabled(), reason="nothing is compiled")


@jit
def twice(x, i):
    return x[i] + x[i]


@jit
def add_twice(x, out):
    for i in range(out.size):
        out[i] = twice(x, i)


@jit(fastmath=frozenset())
def ordered_sum(x):
    total = x.dtype.type(0)
    for i in range(x.size):
        total += max(x[i], x.dtype.type(0))
    return total


@jit
def quick_sum(x):
    total = x.dtype.type(0)
    for i in range(x.size):
        total += max(x[i], x.dtype.type(0))
    return total


def library(kernel, *args):
    """The library of a kernel that is compiled anew, whatever a cache holds."""
    dispatcher, kinds = kernel.dispatcher, tuple(numba().typeof(a) for a in args)
    cache, dispatcher._cache = dispatcher._cache, numba().core.caching.NullCache()
    try:
        dispatcher.compile(kinds)
    finally:
        dispatcher._cache = cache
    return dispatcher.overloads[kinds].library


def test_a_helper_is_emitted_only_in_its_caller():
    x, out = np.arange(5.0), np.empty(5)
    code = library(add_twice, x, out)
    add_twice.entry(x, out)(x, out)
    assert out.tolist() == (x + x).tolist()
    helper = next(iter(twice.helper.dispatcher.overloads.values())).library
    assert code._finalized and not helper._finalized


def test_a_kernel_with_an_entry_point_also_has_an_address():
    @jit
    def halved(x):
        return x / 2

    assert halved(3.0) == 1.5
    place = halved.addressable.address(1.0)
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(place)(5.0) == 2.5
    assert halved(4.0) == 2.0


def test_flags_of_one_kernel_do_not_reach_another():
    """What a call resolves to is remembered for its types and flags, not for its types alone."""
    x = np.arange(-8.0, 8.0)
    quick, ordered = str(library(quick_sum, x)._final_module), str(library(ordered_sum, x)._final_module)
    assert "reassoc" in quick
    assert "reassoc" not in ordered


def test_functions_of_a_program_compile_beside_kernels():
    nb = numba()
    x, out = np.arange(6.0), np.empty(6)
    add_twice(x, out)

    @nb.njit(cache=False)
    def largest(x):
        return max(x.max(), min(x[0], x[1]))

    @nb.cfunc("float64(float64)")
    def third(x):
        return x / 3

    assert largest(x) == 5.0
    assert third.ctypes(6.0) == 2.0
    add_twice(x.astype(np.float32), out.astype(np.float32))


def test_garbage_is_collected_again_after_a_compilation():
    @jit
    def shifted(x):
        return x + 3

    assert gc.isenabled()
    assert shifted(1) == 4
    assert gc.isenabled()
    gc.disable()
    try:
        assert shifted(1.0) == 4.0
        assert not gc.isenabled()
    finally:
        gc.enable()


STEP = """
import numtorch as torch
from numtorch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(20, 33), nn.GELU(), nn.Linear(33, 7))
for _ in range(2):
    loss = nn.functional.cross_entropy(net(torch.randn(300, 20)), torch.randint(0, 7, (300,)))
    loss.backward()
print(loss.item().hex(), [p.grad.sum().item().hex() for p in net.parameters()])
"""


def test_a_cached_kernel_gives_the_same_bits(tmp_path):
    """Compiled, then loaded; then with what the cache holds of helpers, after the kernels are gone."""

    def run():
        env = os.environ | {"NUMTORCH_CACHE": str(tmp_path), "NUMTORCH_PACKS": "0", "NUMTORCH_QUIET": "1"}
        return subprocess.run([sys.executable, "-c", STEP], env=env, check=True, capture_output=True, text=True).stdout

    compiled = run()
    assert compiled.strip()
    assert run() == compiled
    for file in tmp_path.glob("multiply_*.nbc"):
        file.unlink()
    assert run() == compiled


def test_flags_compare_as_numba_compares_them():
    from numba.core.compiler import Flags

    plain, same, other = Flags(), Flags(), Flags()
    same.nrt = Flags.options["nrt"].default
    other.nrt = not same.nrt
    assert plain == same and hash(plain) == hash(same) == hash(other)
    assert plain != other
    assert plain.values() == {name: getattr(plain, name) for name in Flags.options}
    assert plain != 3


def test_variables_of_a_statement_are_those_that_numba_lists():
    nb = numba()
    from numba.core import ir
    from numba.core.compiler import run_frontend

    def program(x, n):
        total = 0
        for i in range(n):
            total += x[i] * (1.0, n)[0]
        return {"a": total}, total

    def listed(value):
        if isinstance(value, ir.Var):
            return [value]
        if isinstance(value, ir.Inst):
            return value.list_vars()
        if isinstance(value, (list, tuple, dict)):
            return [v for part in (value.values() if isinstance(value, dict) else value) for v in listed(part)]
        return []

    assert nb is not None
    for block in run_frontend(program).blocks.values():
        for statement in block.body:
            assert statement.list_vars() == listed(statement.__dict__)
