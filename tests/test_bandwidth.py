"""The bandwidth sweep: what a call declares to move, the share that follows, and its line in the table. No times."""

from __future__ import annotations

import pytest

import numtorch as torch
from benchmarks import bandwidth, table
from numtorch.profiler import peaks

ROOF = peaks.Machine("cpu", "none", 1, [(1 << 13, 200.0), (1 << 27, 50.0)], [("L1", 1 << 15)], {"float32": 1.0}, 100.0)


@pytest.fixture
def roof(monkeypatch):
    monkeypatch.setattr("numtorch.profiler.machine", lambda: ROOF)
    monkeypatch.setattr(bandwidth, "streams", lambda: {"read": 100.0})


def test_bytes_are_those_of_the_outermost_kernels(roof):
    x, y = torch.randn(64, 32), torch.randn(64, 32)
    # two of three are read
    assert bandwidth.declared(lambda: x + y) == {"bytes": 3 * 4 * 64 * 32, "kernels": 1, "roof_gbps": 150.0}
    assert bandwidth.declared(lambda: torch.relu(x + y))["bytes"] == (3 + 2) * 4 * 64 * 32
    assert bandwidth.declared(lambda: x.mul_(2.0))["roof_gbps"] == 200.0
    assert bandwidth.declared(lambda: x.argmax(1))["bytes"] == bandwidth.declared(lambda: x.max(1))["bytes"]
    assert bandwidth.declared(lambda: torch.softmax(x, 1))["kernels"] == 1


def test_a_row_has_a_share_and_a_mark(roof):
    class Bench:
        def row(self, w):
            return {"name": w, "ours_us": 1.0, "against": {"torch": {"ratio": 0.5}}}

        def worker(self, framework, alone):
            return self

        def ask(self, declare):
            x = torch.randn(50, 50)
            return bandwidth.declared(lambda: torch.relu(x))

    row = bandwidth.measured(Bench(), "bandwidth/relu")
    assert row["gbps"] == 20.0 and row["share"] == 0.1 and "10% **below**" in bandwidth.line(row)
    assert "**below**" not in bandwidth.line(row | {"share": 0.85})
    group = {"machine": "m", "threads": 1, "rows": [row | {"share": s} for s in (0.9, 0.8, 0.95)]}
    assert "The median op reaches 90% of the measured memory bandwidth" in table.summary({"bandwidth": group})
