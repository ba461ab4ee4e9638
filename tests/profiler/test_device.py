"""Profiles of CUDA kernels, in Numba's simulator: a process of its own, because the choice is made at import."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json
import numtorch as torch
from numtorch.profiler import machine, profile

x = torch.ones(4, 8, device="cuda")
w = torch.ones(8, 2, device="cuda", requires_grad=True)
with profile() as prof:
    for _ in range(2):
        (torch.exp(x) @ w).sum().backward()
found = prof.to_dict()
found["peaks"] = machine("cuda").to_dict()
print(json.dumps(found))
"""


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_kernels_on_a_device(tmp_path):
    env = dict(os.environ, NUMBA_ENABLE_CUDASIM="1", NUMTORCH_CACHE=str(tmp_path), NUMTORCH_QUIET="1")
    env.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, check=True, env=env
    )
    found = json.loads(done.stdout)
    rows = {(r["op"], r["phase"]): r for r in found["rows"] if r["kind"] == "kernel"}
    assert {("exp", "forward"), ("matmul", "forward"), ("matmul", "backward")} <= set(rows)
    product = rows["matmul", "forward"]
    assert (product["device"], product["thread"], product["calls"]) == ("cuda", -1, 2)
    assert product["flops"] == 2 * 2 * 4 * 2 * 8
    assert set(product["launch"]) >= {"grid", "block"}
    assert rows["exp", "forward"]["functions"] == ["exp_flat"]
    wall = sum(r["self_ns"] for r in found["rows"] if r["thread"] == 0)
    assert wall == pytest.approx(found["wall_ns"], rel=0.02)
    assert found["peaks"]["device"] == "cuda"
    assert found["peaks"]["rates"]["float32"] > 0
