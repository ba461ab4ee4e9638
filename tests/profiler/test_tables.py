"""Tables: numbers of one row agree with each other, columns add up, and what is shown by default hides nothing
large."""

import re
import subprocess
import sys

import pytest

import numtorch as torch
from numtorch import demo, nn
from numtorch.dispatch.op import OPS
from numtorch.kernels import registry
from numtorch.nn import functional as F
from numtorch.profiler import __main__ as command_line
from numtorch.profiler import explain, profile, table
from numtorch.profiler.peaks import Machine
from numtorch.profiler.rows import Row

from .test_real_runs import gpt

MACHINE = Machine("cpu", "some", 1, [(1 << 10, 10.0)], [], {"float32": 100.0}, 50.0)


def row(**given):
    return Row(**({"kind": "kernel", "op": "x", "kernel": "x/cpu/y", "dtype": "float32", "machine": MACHINE} | given))


@pytest.fixture(scope="module")
def training():
    """Steps of a GPT, and the first call of an op whose code is loaded or compiled then, whatever ran before in this
    process."""

    @torch.primitive()
    def met_first_here(x):
        return x * 0.125 + 3.5

    net, inputs, labels = gpt()
    optimizer = torch.optim.Adam(net.parameters())
    with profile() as prof:
        met_first_here(torch.ones(3))
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(net(inputs), labels).backward()
            optimizer.step()
    yield prof
    for known in (OPS, registry.ENTRIES):
        del known["met_first_here"]
    registry.clear_memos()


def test_time_and_rates_of_a_row_are_of_the_same_calls(training):
    for rows in (training.rows, training.key_averages(), training.key_averages(by=("kernel",))):
        for r in rows:
            timed = r.calls - r.cold_calls
            if r.kind != "kernel" or not timed:
                continue
            assert r.mean_ns * timed == pytest.approx(r.total_ns)
            moved = sum((p.bytes / p.calls) * (p.calls - p.cold_calls) for p in r.parts or (r,) if p.calls)
            # bytes of a call over the time of a call
            assert moved == 0 or r.gbps == pytest.approx(moved / timed / r.mean_ns)
            if r.percent_of_roof:
                assert r.percent_of_roof == pytest.approx(100 * r.roof_ns / timed / r.mean_ns)


def test_rates_of_a_sum_leave_out_the_calls_that_compiled():
    parts = (
        row(calls=2, cold_calls=1, bytes=2000, flops=200, self_ns=100, total_ns=100),
        row(calls=4, bytes=400, self_ns=100, total_ns=100),
    )
    whole = table.merged(parts)
    assert whole.gbps == (1000 + 400) / 200 and whole.gflops == 100 / 200 and whole.mean_ns == 200 / 5


def cells(text, *names):
    """The cells of named columns of a table's lines as numbers; an empty one is 0."""
    head, *lines = re.split(r"^(?:e|roof|code):", text, maxsplit=1, flags=re.M)[0].splitlines()
    ends = {n: re.search(rf"(?<!\S){re.escape(n)}(?!\S)", head).end() for n in names}
    found = []
    for line in lines:
        numbers = {m.end(): float(m[0]) for m in re.finditer(r"(?<=\s)[\d.]+(?=\s|$)", line)}
        if line:
            found.append([numbers.get(ends[n], 0.0) for n in names])
    return found


@pytest.mark.parametrize("group_by", ["kernel", "op", "module", "phase", "rows"])
def test_self_load_and_compile_add_up_to_time_and_time_to_the_wall(group_by, training):
    assert any(r.load_ns or r.compile_ns for r in training.rows) or torch.kernels.jit.disabled()
    text = training.table(
        group_by=group_by, row_limit=-1, columns=("name", "time_ns", "self_ns", "load_ns", "compile_ns")
    )
    *lines, total = cells(text, "time ms", "self ms", "load ms", "compile ms")
    assert len(lines) >= 3
    for time, *parts in (*lines, total):
        assert sum(parts) == pytest.approx(time, abs=0.021)  # four numbers rounded to two digits
    assert sum(time for time, *_ in lines) == pytest.approx(total[0], abs=0.006 * (len(lines) + 1))
    assert total[0] == pytest.approx(training.wall_ns / 1e6, rel=0.02)


def test_the_default_table_has_a_time_column_and_its_parts_where_there_are_any():
    warm, cold = (
        row(calls=3, self_ns=300, total_ns=300, wall_ns=1000),
        row(calls=1, cold_calls=1, load_ns=500, wall_ns=1000),
    )
    assert "time ms" in table.text([warm], 1000).splitlines()[0] and "self ms" not in table.text([warm], 1000)
    head = table.text([warm, cold], 1000).splitlines()[0]
    assert re.search(r"time ms +share +self ms +load ms", head)


def test_time_of_other_threads_is_no_part_of_the_sum():
    mine, theirs = (
        row(self_ns=2_000_000, total_ns=2_000_000),
        row(self_ns=5_000_000, total_ns=5_000_000, compile_ns=1_000_000, thread=1),
    )
    text = table.text([mine, theirs], 3_000_000, columns=("name", "time_ns", "self_ns", "compile_ns"))
    assert cells(text, "time ms", "self ms", "compile ms")[-1] == [3.0, 2.0, 1.0]


def test_the_default_table_sums_up_by_kernel(training):
    kernels = {r.name for r in training.rows if r.kind == "kernel"}
    lines = training.table().splitlines()
    assert len(kernels) < len([r for r in training.rows if r.kind == "kernel"]) / 2
    hidden = [line for line in lines if "more rows" in line]
    share = float(re.search(r"([\d.]+)%", hidden[0])[1]) if hidden else 0.0
    assert share < 5
    assert sum(line.startswith("linear/cpu/fused ") for line in lines) == 1
    every = training.table(group_by="rows", row_limit=-1)
    assert sum(line.startswith("linear/cpu/fused ") for line in every.splitlines()) > 5


def test_sums_by_place_say_what_they_are_of(training):
    for grouped in (training.key_averages(by="module").table(), training.table(group_by="module")):
        title, *lines = grouped.splitlines()
        first = [re.split(r"  +", line)[0] for line in lines]
        assert (
            title.startswith("module")
            and "no module" in first
            and first.count("all") == 1
            and "Python dispatch" in first
        )
    by_phase = training.key_averages(by=("phase",)).table(row_limit=-1)
    phases = [re.split(r"  +", line)[0] for line in by_phase.splitlines()]
    assert phases.count("forward") == phases.count("Python dispatch, forward") == 1
    with pytest.raises(ValueError, match="no column 'place' to sum up by; there are name, kind"):
        training.key_averages(by="place")


def test_the_programs_python_and_numtorchs_are_not_summed_up():
    rows = [
        Row("python", name, phase=phase, self_ns=5, wall_ns=20)
        for name in ("Python dispatch", "your Python")
        for phase in ("", "backward")
    ]
    for by in ("kernel", "op"):
        found = table.Averages(rows, 20, table.GROUPS[by])
        assert {(r.name, r.self_ns) for r in found} == {("Python dispatch", 10), ("your Python", 10)}
    assert len(table.Averages(rows, 20, ("phase",))) == 4


def test_columns_by_which_rows_differ_keep_them_apart(training):
    text = training.table(columns=("name", "shapes", "calls"), row_limit=-1)
    assert sum(line.startswith("linear/cpu/fused ") and "[" in line for line in text.splitlines()) > 1
    with pytest.raises(ValueError, match="cannot group by 'colour'"):
        training.table(group_by="colour")
    assert training.table(group_by=("kernel", "phase")).startswith("kernel")


def test_a_profile_shows_itself_as_text():
    assert "nothing has been recorded" in repr(profile())
    with profile(profile_memory=True) as prof:
        torch.exp(torch.ones(1 << 16))
    assert repr(prof) == str(prof) == prof.table() and "exp/cpu/generated" in repr(prof)
    averages = prof.key_averages()
    assert repr(averages) == averages.table()
    assert repr(prof.compare(prof)).startswith("wall time") and repr(prof.memory) == str(prof.memory)


# --- effective rates ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "part", "shapes"),
    [
        ("winograd", "forward", ((4, 32, 16, 16), (32, 32, 3, 3))),
        ("winograd", "input_grad", ((4, 32, 16, 16), (32, 32, 3, 3))),
        ("winograd", "weight_grad", ((4, 32, 16, 16), (32, 32, 3, 3))),
        ("points", "forward", ((16, 8, 8, 8), (8, 8, 5, 5))),
    ],
)
def test_rates_of_kernels_with_fewer_operations_are_effective(way, part, shapes):
    x, w = (torch.randn(*s).requires_grad_() for s in shapes)
    op = "conv2d" if part == "forward" else f"conv2d_{part}"
    with profile() as prof:
        for _ in range(3):
            F.conv2d(x, w, None, 1, 1).sum().backward()
    (r,) = [r for r in prof.rows if r.op == op]
    results = F.conv2d(x, w, None, 1, 1).numel()
    assert r.kernel == f"{op}/cpu/{way}"
    assert r.flops == 3 * 2 * results * w[0].numel()  # the definition's products and sums
    assert 0.2 < r.executed / r.flops < 0.9 and r.effective
    r.machine = MACHINE
    assert r.roof_ns == pytest.approx(
        (r.calls - r.cold_calls) * max(r.bytes / r.calls / 10.0, r.executed / r.calls / 100.0)
    )
    text = prof.table()
    assert (
        f"e: effective GFLOP/s, those of the definition's operations: {op}/cpu/{way}" in text
        or f"{op}/cpu/{way} executes" in text
    )
    assert re.search(rf"{op}/cpu/{way} .*\d\.\de", text)


def test_explain_says_that_rates_are_effective():
    found = explain(F.conv2d, torch.randn(4, 32, 16, 16), torch.randn(32, 32, 3, 3), None, 1, 1)
    line = next(line for line in found._roofs() if "winograd" in line)
    assert "effective GFLOP/s" in line
    median, kb, rate = (
        float(re.search(pattern, line)[1]) for pattern in (r"([\d.]+) us", r"([\d.]+) kB", r"([\d.]+) GB/s")
    )
    assert rate == pytest.approx(kb / median, rel=0.06, abs=0.06)  # thousands of bytes over microseconds are GB/s


# --- the command line and the demonstration -------------------------------------------------------


def test_the_command_line_groups(tmp_path):
    (tmp_path / "script.py").write_text(
        "import numtorch as torch\nfor n in range(1, 9):\n    torch.exp(torch.ones(n))\n"
    )

    def shown(*words):
        done = subprocess.run(
            [sys.executable, "-m", "numtorch.profiler", "--no-roof", "--no-trace", *words, "script.py"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line.startswith(("exp/", "exp ", "forward"))]

    assert len(shown()) == 1
    assert len(shown("--group-by", "rows")) == 8
    assert any(line.startswith("forward") for line in shown("--group-by", "phase"))


def environment():
    import os
    from pathlib import Path

    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "NUMTORCH_QUIET": "1"}


def test_the_command_line_knows_its_groups(capsys):
    with pytest.raises(SystemExit):
        command_line.main(["--group-by", "beauty", "script.py"])
    assert "invalid choice: 'beauty'" in capsys.readouterr().err


def test_the_demonstration_says_how_near_kernels_come_to_the_roof(capsys):
    net = demo.LeNet(8)
    loader = [(torch.randn(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)) for _ in range(2)]
    demo.profile(net, loader, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters()), "cpu")
    text = capsys.readouterr().out
    head = text.splitlines()[1]
    assert "% roof" in head and "bound" in head
    assert any(percent for (percent,) in cells("\n".join(text.splitlines()[1:]), "% roof"))
