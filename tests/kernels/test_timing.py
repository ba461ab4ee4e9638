"""What ``timing.measure`` counts, and that nothing is counted outside of it."""

import pytest

import numtorch as torch
from numtorch.kernels import timing


def test_calls_bytes_and_time_of_each_kernel():
    x = torch.ones(1000, requires_grad=True)
    with timing.measure() as cost:
        for _ in range(3):
            y = torch.exp(x)
        y.backward(torch.ones(1000))
    row = cost.rows["exp/cpu/generated"]
    assert (row.calls, row.bytes) == (3, 3 * 2 * 4000)
    assert cost.rows["exp.backward/cpu/generated"].calls == 1
    assert 0 < row.seconds < cost.wall
    before = row.calls
    torch.exp(x)
    assert row.calls == before


def test_time_inside_is_counted_once():
    slow = timing.Measurement()
    timing._active = slow
    try:
        inner = timing.wrap("inner", lambda: sum(range(20000)))
        outer = timing.wrap("outer", lambda: (inner(), inner())[0])
    finally:
        timing._active = None
    outer()
    assert (slow.rows["inner"].calls, slow.rows["outer"].calls) == (2, 1)
    assert slow.rows["outer"].seconds < slow.rows["inner"].seconds


def test_operations_make_a_rate():
    a, b = torch.ones(16, 8), torch.ones(8, 4)
    with timing.measure() as cost:
        a @ b
    (row,) = [r for n, r in cost.rows.items() if n.startswith("matmul/cpu") and r.calls]
    assert row.flops == 2 * 16 * 8 * 4
    assert row.rate.endswith(" GFLOP/s")
    assert timing.Row("x", seconds=2.0, bytes=4_000_000_000).rate == "2.0 GB/s"
    assert timing.Row("x").rate == "-"


def test_the_table():
    cost = timing.Measurement({f"k{i}": timing.Row(f"k{i}", i, i / 100, 1000) for i in range(1, 20)}, wall=4.0)
    lines = cost.table(most=3).splitlines()
    assert lines[0].split() == ["kernel", "calls", "ms", "share", "rate"]
    assert [line.split()[0] for line in lines[1:4]] == ["k19", "k18", "k17"]
    assert lines[4].startswith("16 more kernels")
    assert lines[5].startswith("Python outside kernels")
    assert lines[5].split()[-1] == "52.5%"


def test_blocks_do_not_nest():
    with timing.measure(), pytest.raises(RuntimeError, match="do not nest"), timing.measure():
        pass
    with timing.measure() as cost:
        torch.exp(torch.ones(3))
    assert cost.rows["exp/cpu/generated"].calls == 1


def test_an_error_closes_the_block():
    with pytest.raises(ZeroDivisionError), timing.measure():
        1 / 0  # noqa: B018
    assert timing._active is None
