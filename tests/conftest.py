"""State that a test may change and must not leave behind: threads, default type, grad mode, registered ops."""

import os

import pytest

import numtorch
from numtorch.autograd.grad_mode import mode
from numtorch.dispatch.op import OPS
from numtorch.kernels import registry, threads

PACKAGE = os.path.dirname(numtorch.__file__)


@pytest.fixture(autouse=True)
def as_it_was():
    count, default, grad = threads.get_num_threads(), numtorch.get_default_dtype(), mode.grad
    yield
    if threads.get_num_threads() != count:
        threads.set_num_threads(count)
    numtorch.set_default_dtype(default)
    assert mode.grad == grad, "the test left another grad mode behind"


@pytest.fixture
def scratch_registry():
    """Ops and kernels registered by the test are taken out again."""
    kernels = {name: list(entry.kernels) for name, entry in registry.ENTRIES.items()}
    yield
    for table in (OPS, registry.ENTRIES):
        for name in set(table) - set(kernels):
            site = table[name].entry.site if table is OPS else table[name].site
            if not site.startswith(PACKAGE):  # an op of the package, imported late, stays
                del table[name]
    for name, before in kernels.items():
        registry.ENTRIES[name].kernels[:] = before
    registry.clear_memos()
