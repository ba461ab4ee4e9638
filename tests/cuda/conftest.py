"""Everything here compiles or runs CUDA kernels, with the package that does so."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def numba_cuda():
    pytest.importorskip("numba_cuda")
