"""``python -m numtorch.run``: programs written for PyTorch, as they are; and what their sources lack."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from numtorch import run as line
from numtorch.__main__ import main as console
from numtorch.torch_shim import checking

ROOT = str(Path(__file__).parent.parent)
PLAIN = ("-m", "numtorch.run")


def python(folder, *words, **environment):
    env = {k: v for k, v in os.environ.items() if k != "NUMTORCH_SHIM"} | {"PYTHONPATH": ROOT, "NUMTORCH_QUIET": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=env | environment, capture_output=True, text=True, timeout=300
    )


def told(done):
    """Standard error without the line on another torch."""
    return "".join(x for x in done.stderr.splitlines(True) if "import torch is numtorch here" not in x)


def write(folder, name, text):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text))
    return name


PROGRAM = """
    import sys, os
    {imports}

    def f(x):
        return x.reshape(3)

    main = sys.modules["__main__"]
    print(sys.argv, os.path.relpath(sys.path[0]) if sys.path[0] else "", __name__, __package__, type(__spec__))
    print(main.f is f)
    print(globals().get("__file__"))
    try:
        f(torch.ones(2, 2))
    except RuntimeError as e:
        raise ValueError("wrong") from e
"""


def test_a_program_runs_as_python_runs_it(tmp_path):
    """The same names, arguments, exit status and traceback as the program with numtorch's own name in it."""
    for kind, name in (("", "plain.py"), ("-m", "package.inner"), ("-m", "package"), ("", "folder")):
        file = {"package.inner": "package/inner.py", "package": "package/__main__.py", "folder": "folder/__main__.py"}
        seen = []
        for imports, runner in (("import numtorch as torch", ()), ("import torch", PLAIN)):
            write(tmp_path, file.get(name, name), PROGRAM.format(imports=imports))
            write(tmp_path, "package/__init__.py", "")
            done = python(tmp_path, *runner, *filter(None, [kind]), name, "--epochs", "-m")
            lines = [x for x in told(done).splitlines(True) if "runpy" not in x and " import " not in x]
            seen.append((done.returncode, done.stdout, "".join(lines)))
        assert seen[0][0] == 1 and "ValueError: wrong" in seen[0][2] and "--epochs" in seen[0][1]
        assert seen[1] == seen[0], name


@pytest.mark.parametrize(
    "text, status, said",
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("raise SystemExit('stopped')", 1, "stopped\n"),
        ("import torch; print(torch.ones(2).sum().item())", 0, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -2, "KeyboardInterrupt\n"),
        ("def f(:", 1, "SyntaxError: invalid syntax\n"),
    ],
)
def test_code_ends_as_it_would(tmp_path, text, status, said):
    done = python(tmp_path, *PLAIN, "-c", text)
    assert done.returncode == status and told(done).endswith(said) and "numtorch" not in told(done)


CHILDREN = """
    import importlib.metadata, importlib.util, multiprocessing, subprocess, sys
    import torch
    from torch.utils.data import DataLoader, Dataset

    ASK = (
        "import importlib.metadata as m, torch.nn, torchvision; "
        "print(torch.__version__, m.version('torch'), torch.nn.Linear.__module__, torchvision.__version__)"
    )

    class Squares(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            import torch
            return torch.tensor(i * i), torch.__version__

    def child(queue):
        import torch.nn as nn
        queue.put((nn.Linear is torch.nn.Linear, importlib.metadata.version("torch"), torch.ones(1) + 1))

    if __name__ == "__main__":
        assert importlib.util.find_spec("torch") and importlib.util.find_spec("torch.nn.functional")
        for method in ("spawn", "forkserver", "fork"):
            context = multiprocessing.get_context(method)
            queue = context.Queue()
            process = context.Process(target=child, args=(queue,))
            process.start()
            print(method, *queue.get(timeout=100))
            process.join()
        print(subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout.strip())
        for method in ("spawn", "fork"):
            for x, version in DataLoader(Squares(), 4, num_workers=1, multiprocessing_context=method):
                print(method, x, set(version))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows spawn alone")
def test_child_processes_of_every_kind(tmp_path):
    """The user's own sitecustomize is run in each, once."""
    write(tmp_path, "site/sitecustomize.py", "import sys; sys.user_was_here = True")
    done = python(tmp_path, *PLAIN, write(tmp_path, "family.py", CHILDREN), PYTHONPATH=f"{ROOT}{os.pathsep}site")
    assert done.returncode == 0, done.stderr
    *processes, asked, spawned, forked = done.stdout.splitlines()
    assert processes == [f"{m} True 2.13.0+numtorch tensor([2.])" for m in ("spawn", "forkserver", "fork")]
    assert asked == "2.13.0+numtorch 2.13.0+numtorch numtorch.nn.linear 0.28.0+numtorch"
    assert (spawned, forked) == tuple(f"{m} tensor([0, 1, 4, 9]) {{'2.13.0+numtorch'}}" for m in ("spawn", "fork"))


SPAWNED = """
    import os, sys, time
    import torch.multiprocessing as mp
    import torch

    def work(rank, queue, how):
        if rank == 0:
            queue.put(torch.ones(2) * 3)
            time.sleep(0 if how == "well" else 100)
        elif how == "raises":
            raise ValueError("wrong")
        elif how == "exits":
            os._exit(7)

    if __name__ == "__main__":
        for how in ("well", "raises", "exits"):
            queue = mp.get_context("spawn").SimpleQueue()
            try:
                mp.spawn(work, args=(queue, how), nprocs=2)
            except mp.ProcessException as e:
                print(type(e).__name__, e.error_index, str(e).strip().splitlines()[0], str(e).strip().splitlines()[-1])
            else:
                print(queue.get())
"""


def test_processes_that_are_spawned(tmp_path):
    done = python(tmp_path, *PLAIN, write(tmp_path, "spawned.py", SPAWNED))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "tensor([3., 3.])",
        "ProcessRaisedException 1 -- Process 1 terminated with the following error: ValueError: wrong",
        "ProcessExitedException 1 process 1 terminated with exit code 7 process 1 terminated with exit code 7",
    ]


def test_missing_names_fail_where_they_are_used(tmp_path):
    write(
        tmp_path,
        "model.py",
        """
        import torch
        from torch.export import ExportedProgram as Tracer, register_dataclass as wrap

        class Mine(Tracer):
            pass

        @wrap
        def f(x: Tracer | None) -> "Tracer":
            return x

        print(f(3), torch.xpu.is_available(), isinstance(3, Tracer), bool(Tracer))
        Mine()
        """,
    )
    done = python(tmp_path, *PLAIN, "model.py")
    assert done.returncode == 1 and done.stdout == "3 False False True\n"
    assert "NotImplementedError: torch.export.ExportedProgram is not in numtorch (needed at model.py:13)" in done.stderr
    assert "line 13, in <module>\n    Mine()\n" in done.stderr and "run.py" not in done.stderr
    assert "2 x torch.export.ExportedProgram, used first at model.py:3" in done.stderr
    done = python(tmp_path, *PLAIN, "--strict", "model.py")
    assert done.returncode == 1 and "No module named 'torch.export'" in done.stderr and not done.stdout


def test_the_report_and_the_profile_come_at_the_end(tmp_path):
    text = "import torch\ntorch.export.Constraint\nprint((torch.ones(3) + 1).sum().item())"
    done = python(tmp_path, *PLAIN, "--report", "--profile", "-c", text)
    assert done.returncode == 0 and done.stdout.startswith("6.0\n\n") and "add/cpu/" in done.stdout
    assert (
        told(done).startswith("numtorch: names of PyTorch that are not here")
        and "torch.export.Constraint" in done.stderr
    )


def test_what_cannot_run_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for argv, said in (
        (["missing.py"], "missing.py cannot be read: No such file"),
        (["-m", "no_such_package"], "no module is called no_such_package"),
        ([], "which script?"),
    ):
        with pytest.raises(SystemExit) as info:
            line.main(argv)
        assert info.value.code == 2 and said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        console(["run", "missing.py"])
    assert "numtorch run: error: missing.py cannot be read" in capsys.readouterr().err


# --- sources ------------------------------------------------------------------------------------------------

SOURCE = """
import torch, torch.nn as net, torch.nn.functional as F
from torch import optim, export
from torch.utils.data import DataLoader
from torch.optim.lr_scheduler import *
import torchvision.transforms.transforms as T
layers = torch.nn; optim = optim.SGD([layers.Linear], 1); (optim.nope, export.nope)
layers.Linear(2, 3); layers.Lineer
F.relu(torch.ones(2), inplace=True).nothing
def f(F, y: net.Nothing):
    optim = F.nothing
    return optim.nope, F.xyzzy
StepLR(3)
T.ToTensor
export.export(net.modules.batchnorm.BatchNorm1d)
torch.Tensor.nothing
"""


def test_sources_are_read_and_not_run():
    found = [(n, line) for line, n in checking.uses(SOURCE)]
    gone = {(checking.missing(name), at) for name, at in found} - {("", at) for _, at in found}
    assert ("torch.optim.lr_scheduler.StepLR", 13) in found and (
        "torchvision.transforms.transforms.ToTensor",
        14,
    ) in found
    assert gone == {
        ("torch.export", 3),
        ("torch.nn.Lineer", 8),
        ("torch.nn.Nothing", 10),
        ("torch.export.nope", 7),
        ("torch.export.export", 15),
        ("torch.Tensor.nothing", 16),
    }


def test_check(tmp_path, capsys):
    write(tmp_path, "src/a.py", "import torch\nprint(torch.ones(1), torch.nn.Conv2D)\nexit(9)")
    write(tmp_path, "src/b.py", "print 3")
    assert line.main(["--check", str(tmp_path / "src"), str(tmp_path / "none.py")]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{tmp_path}/src/a.py:2: torch.nn.Conv2D; nearest: 'Conv2d'"
    assert "b.py: cannot be read: Missing parentheses" in out[1] and "none.py: cannot be read: " in out[2]
    assert out[3] == "1 of 3 names are missing, in 1 of 3 files"
    write(tmp_path, "good.py", "from torch import nn\nnn.Linear(1, 2)")
    assert line.main(["--check", str(tmp_path / "good.py")]) == 0
    assert capsys.readouterr().out == "0 of 2 names are missing, in 0 of 1 files\n"


def test_names_that_programs_use_are_found_more_and_more():
    """The number only rises: who adds a name raises it."""
    lines = (Path(__file__).parent / "demanded_names.txt").read_text().splitlines()[1:]
    names = [f"{line.partition(': ')[0]}.{name}" for line in lines for name in line.partition(": ")[2].split()]
    assert sum(not checking.missing(name) for name in names) >= FOUND


FOUND = 278  # of 342
