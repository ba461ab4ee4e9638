"""``python -m numtorch.profiler``, ``python -m numtorch.kernels`` and ``python -m numtorch.collect_env``."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from numtorch import collect_env
from numtorch.kernels import __main__ as kernels_line
from numtorch.kernels import cache
from numtorch.profiler import __main__ as profiler_line

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = """
import sys
import beside
import numtorch as torch

def work(n):
    return torch.ones(n) + torch.ones(n + beside.MORE)

print(sys.argv, __name__, __file__)
work(3)
"""


def run(folder, *words):
    env = os.environ | {"PYTHONPATH": ROOT, "NUMTORCH_QUIET": "1"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def test_a_script_is_profiled(folder):
    (folder / "beside.py").write_text("MORE = 0")
    done = run(folder, "-m", "numtorch.profiler", "--no-roof", "script.py", "--epochs", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"['script.py', '--epochs', '2'] __main__ {folder / 'script.py'}"
    assert "add/cpu/generated" in done.stdout and done.stdout.splitlines()[-1] == "time line: script.trace.json.gz"
    names = {
        e["name"] for e in json.loads(gzip.decompress((folder / "script.trace.json.gz").read_bytes()))["traceEvents"]
    }
    assert any("add" in n for n in names)


def test_a_script_that_fails_fails_as_alone(folder):
    (folder / "beside.py").write_text("MORE = 1")
    alone = run(folder, "script.py")
    done = run(folder, "-m", "numtorch.profiler", "--no-roof", "--no-trace", "script.py")
    assert (done.returncode, done.stderr) == (alone.returncode, alone.stderr) and alone.returncode == 1
    assert "in work" in alone.stderr and "Python" in done.stdout  # the table of what had run


def ended(monkeypatch, capsys, *argv):
    """(exit status, printed, written to stderr) of the command line in this process."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    try:
        status = profiler_line.main(argv)
    except SystemExit as e:
        status = e.code
    return status, *capsys.readouterr()


@pytest.mark.parametrize(
    "text, status", [("raise SystemExit('stopped')", "stopped"), ("import sys; sys.exit(7)", 7), ("pass", 0)]
)
def test_a_script_that_exits(tmp_path, monkeypatch, capsys, text, status):
    (tmp_path / "short.py").write_text(text)
    assert ended(monkeypatch, capsys, "--no-trace", "--no-roof", str(tmp_path / "short.py"))[0] == status


def test_what_cannot_work_is_said_before_the_run(folder, monkeypatch, capsys):
    script = str(folder / "script.py")
    for argv, said in (
        (("-o", "/nowhere/t.json", script), "cannot be written to '/nowhere/t.json'"),
        (("missing.py",), "missing.py cannot be read"),
        (("--sort", "beauty", script), "no column is called 'beauty'"),
        (("-m", "no_such_package"), "no module is called"),
        (("ops", "--filter", "no such op"), "no op's name contains 'no such op'"),
    ):
        status, out, err = ended(monkeypatch, capsys, *argv)
        assert status == 2 and said in err and out == ""
    (folder / "wrong.py").write_text("def f(:")
    status, out, err = ended(monkeypatch, capsys, "--no-trace", str(folder / "wrong.py"))
    assert status == 1 and "SyntaxError" in err and "Traceback" not in err


def test_ops(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(profiler_line, "ELEMENTWISE", [(10,)])
    csv = tmp_path / "rows.csv"
    quick = ("--against", "numpy", "--rounds", "3", "--seconds", "1e-4")
    status, out, _ = ended(monkeypatch, capsys, "ops", "--filter", "relu", *quick, "--csv", str(csv))
    assert status == 0 and "relu: medians" in out and "leaky_relu: medians" in out
    assert csv.read_text().count("\n") >= 3 and csv.read_text().startswith("shape,size,label")


def test_kernels(tmp_path, capsys):
    assert kernels_line.main(["list", "softmax"]) == 0
    assert "softmax.backward  rows" in capsys.readouterr().out
    assert kernels_line.main(["explain", "softmax", "4x3", "dim=-1"]) == 0
    assert "-> rows (cpu, generated): chosen" in capsys.readouterr().out
    for argv, said in (
        (["explain", "softmaz", "4x3"], "did you mean softmax"),
        (["explain", "relu", "3:nothing"], "no dtype is called 'nothing'"),
        (["list", "no such op"], "no op's name contains"),
    ):
        assert kernels_line.main(argv) == 2
        assert said in capsys.readouterr().err
    with cache.use_folder(tmp_path):
        (tmp_path / "relu-0.nbc").write_bytes(bytes(2_000_000))
        assert kernels_line.main(["clear"]) == 0
        assert capsys.readouterr().out == f"1 kernels deleted from {tmp_path}, 2.0 MB\n" and not list(
            tmp_path.iterdir()
        )


def test_collect_env(capsys, monkeypatch):
    monkeypatch.setenv("NUMTORCH_EXAMPLE", os.path.expanduser("~/kernels"))
    monkeypatch.setenv("SECRET_TOKEN", "12345")
    assert collect_env.main(["--json"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert found["environment"]["NUMTORCH_EXAMPLE"] == "~/kernels" and "12345" not in text
    assert found["packages"]["numpy"] and found["threads"]["threads"] >= 1 and found["cache"]["kernels"] >= 0
    assert collect_env.main([]) == 0
    assert "\n  numba: " in capsys.readouterr().out
