"""Memory that a step has freed serves the next one: the system is not asked again."""

import gc
import os
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import numtorch as torch
from numtorch import memory, nn
from numtorch.kernels.jit import disabled

STEPS = """
import resource
import numtorch as torch

def step():
    kept = [torch.empty(1 << k) for k in range(13, 21) for _ in range(3)]
    for t in kept:
        t._buf[:] = 0

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", STEPS], env=clean | variables, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not memory.keep_freed(), reason="only glibc is told what to keep")
def test_freed_memory_is_kept():
    kept, given_back = faults(), faults(MALLOC_TRIM_THRESHOLD_="131072")  # whoever sets glibc's variables decides
    # Compared with each other: how many pages a fault brings in depends on the system.
    assert given_back > 1000 and kept < given_back / 10


MB = 1 << 20


def test_large_blocks_are_reused_when_the_last_view_is_gone():
    pool = memory.Pool(100 * MB)
    a = pool.take(40 * MB)
    where = a.__array_interface__["data"][0]
    assert where % 64 == 0
    assert a.nbytes == 40 * MB
    view = a[5:].view("u1")[7:]
    del a
    assert pool.used == pool.size(40 * MB)  # the view lives
    assert pool.take(40 * MB).__array_interface__["data"][0] != where
    view[:] = 1
    del view
    assert pool.used == 0
    assert pool.kept == 2 * pool.size(40 * MB)
    again = [pool.take(39 * MB + 1), pool.take(40 * MB)]  # of one size class
    assert where in [b.__array_interface__["data"][0] for b in again]
    assert (pool.made, pool.reused, pool.kept) == (2, 2, 0)


def test_what_is_kept_never_makes_the_process_larger():
    """A new block replaces kept ones as soon as used and kept together would pass what was used at the most."""
    pool = memory.Pool(1000 * MB)
    sizes = [33, 64, 47, 120, 33, 90, 64, 200, 33, 47]
    for size in sizes:
        blocks = [pool.take(size * MB), pool.take(size * MB)]
        assert pool.used + pool.kept <= pool.peak
        del blocks
        assert pool.used == 0
    assert pool.peak == 2 * pool.size(200 * MB)
    pool.shrink(0)
    assert (pool.kept, pool.free) == (0, [])


def test_the_limit_holds():
    pool = memory.Pool(100 * MB)
    blocks = [pool.take(40 * MB) for _ in range(4)]
    del blocks
    assert pool.kept == 2 * pool.size(40 * MB)
    none = memory.Pool(0)
    none.take(40 * MB)
    assert none.free == []


def test_threads_share_the_pool():
    pool = memory.Pool(1 << 40)

    def use():
        for i in range(300):
            pool.take((33 + i % 5) * MB)[:10] = i % 7  # untouched pages take no memory

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert pool.used == 0
    assert pool.made + pool.reused == 1200
    assert pool.kept == sum(b.size for b in pool.free)


def test_the_limit_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("NUMTORCH_KEEP_MB", "7")
    assert memory.limit() == 7 * MB
    monkeypatch.setenv("NUMTORCH_KEEP_MB", "-1")
    with pytest.raises(ValueError, match="NUMTORCH_KEEP_MB: expected a number of megabytes, got '-1'"):
        memory.limit()


def test_an_array_keeps_its_tensors_block():
    before = torch.cpu.memory_stats()
    x = torch.empty(9_000_000)
    array = x.numpy()
    array[:] = 0
    del x
    assert torch.cpu.memory_stats()["used"] > before["used"]
    y = torch.empty(9_000_000)
    y.numpy()[:] = 1
    assert not array.any()
    del array, y
    assert torch.cpu.memory_stats()["used"] == before["used"]
    torch.cpu.empty_cache()
    assert torch.cpu.memory_stats()["kept"] == 0


@pytest.mark.skipif(disabled(), reason="minutes of plain Python")
def test_training_keeps_no_memory():
    """Three hundred steps: the bytes that Python's allocators and NumPy hold stay where they were."""
    net = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    opt = torch.optim.Adam(net.parameters())
    x, labels = torch.randn(16, 20), torch.arange(16) % 5

    def steps(n):
        for _ in range(n):
            opt.zero_grad()
            nn.functional.cross_entropy(net(x), labels).backward()
            opt.step()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        steps(20)
        before = steps(1)
        after = steps(300)
    finally:
        tracemalloc.stop()
    assert after - before < 2000  # one small tensor a step would be 40 KB


@pytest.mark.skipif(disabled(), reason="minutes of plain Python")
def test_backward_frees_as_it_goes():
    """At most a few of the forty saved tensors and gradients live at once beside those of the forward pass."""

    def added():
        w = torch.randn(100_000, requires_grad=True)
        y = w
        for _ in range(40):
            y = torch.sin(y) * 1.5
        loss = y.sum()
        del y
        tracemalloc.start()
        try:
            loss.backward()
            return tracemalloc.get_traced_memory()[1] / w.nbytes
        finally:
            tracemalloc.stop()

    added()  # kernels compile
    assert added() < 5


def test_gradients_add_up_in_place():
    w = torch.randn(100, requires_grad=True)
    (w * 2).sum().backward()
    kept, buffer = w.grad, w.grad._buf
    (w * 3).sum().backward()
    assert w.grad is kept
    assert w.grad._buf is buffer
    np.testing.assert_array_equal(w.grad.numpy(), 5)
