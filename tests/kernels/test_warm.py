"""Compiling ahead in several processes: what a rehearsal finds is compiled, and nothing is run."""

import fresh
import numpy as np
import pytest

import numtorch as torch
from numtorch.kernels import cache, packs, recording, warm
from numtorch.kernels.jit import compile_source

pytestmark = pytest.mark.skipif(not warm.possible(), reason="needs fork on Linux, and a compiler")


def kernel(number):
    return compile_source(f"def ahead(x):\n    x[0] = {number}\n", "ahead", {}, f"ahead {number}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, and no packs."""
    monkeypatch.setenv("NUMTORCH_PACKS", packs.OFF)
    packs.usable.cache_clear()
    with cache.use_folder(tmp_path):
        yield tmp_path
    packs.usable.cache_clear()


def test_kernels_are_compiled_and_not_run(folder):
    first, second = kernel(1), kernel(2)
    x = np.zeros(recording.FEW + 1)

    def step():
        first(x)
        first(np.zeros(1, np.float32))
        if second(x) == recording.NOTHING:
            raise ValueError("garbage led the rehearsal astray")
        kernel(3)(x)

    assert warm.compile_ahead(step, 2, progress=False) == 3
    assert len(list(folder.glob("*.nbc"))) == 3
    assert x[0] == 0
    before = dict(cache.stats)
    second(x)
    assert x[0] == 2
    assert (cache.stats["hits"] - before["hits"], cache.stats["misses"] - before["misses"]) == (1, 0)
    assert warm.compile_ahead(lambda: second(x), 2, progress=False) == 0
    assert x[0] == 2


def test_programs_may_act_on_small_results(folder):
    late = kernel(4)

    def step():
        if (torch.tensor([1, 2, 3]) * 2).tolist() == [2, 4, 6]:
            late(np.zeros(1))

    done = torch.kernels.warmup(step, processes=2, progress=False, run=False)
    assert done["loaded"] == 0 and list(folder.glob("ahead-*.nbc"))


def test_a_kernel_that_does_not_compile_is_left_to_the_caller(folder):
    wrong = compile_source("def wrong(x):\n    return x.no_such_attribute\n", "wrong", {}, "wrong")
    assert warm.compile_ahead(lambda: wrong(np.zeros(1)), 2, progress=False) == 0


WARMED = """
import numtorch as torch

layer = torch.nn.Linear(3, 2)
layer.weight.grad = torch.ones(2, 3)
done = torch.kernels.warmup(layer, torch.ones(2, 3), processes=2, progress=False)
print(done["kernels"] + done["loaded"] > 0, layer.weight.grad.tolist(), layer.bias.grad)
"""


def test_warmup_runs_once_and_keeps_gradients(tmp_path):
    out, _ = fresh.run(WARMED, tmp_path)  # other tests may have loaded the kernels here
    assert out.strip() == "True [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]] None"


def test_launches_are_seen_where_plans_are_remembered():
    x = torch.ones(4, 3)
    for _ in range(2):
        with recording.launches() as seen:
            torch.softmax(x, -1)
            x @ x.t()
        assert "softmax_rows" in [launch.kernel.__name__ for launch in seen] and len(seen) >= 2
    with recording.launches() as seen:
        pass
    assert seen == []
