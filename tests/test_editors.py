"""What mypy and pyright say of programs: nothing of the examples, the right thing of mistakes, and the types of
results.

Pyright comes as ``basedpyright``, which brings the Node.js that it runs on: ``pip install -e ".[editors]"``.
"""

from __future__ import annotations

import ast
import doctest
import fcntl
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What these have to say is about the program's own variables, not about the package.
MYPY_OFF = ["no-redef"]
PYRIGHT_OFF = [
    "reportPossiblyUnboundVariable",
    "reportRedeclaration",
    "reportOptionalSubscript",
    "reportMissingImports",
]
# Lines of examples, or messages, that have other reasons than the package's types.
ELSEWHERE = {
    "key=": "dict.get as a key: its type allows None",
    "plt.Rectangle": "matplotlib does not say that pyplot exports it",
    "ax.text(": "matplotlib's annotation takes no number as a text",
    "W -= 0.5 * W.grad": "mypy believes `W.grad = None` beyond the call of backward",
    "byte_table(": "it may be None, and the example says when",
    "Unbound": "a value that a with statement binds",
    'variable "e"': "mypy takes the name away after a handler that binds it",
}

RESULTS = {
    "torch.zeros(2)": "Tensor",
    "torch.tensor([1.0]).sum()": "Tensor",
    "torch.sum(x, dim=0)": "Tensor",
    "torch.sum(x, axis=0, keepdims=True)": "Tensor",
    "x.cumsum(axis=0)": "Tensor",
    "x.max(axis=0)": "ReturnType",
    "torch.relu(x) + 1": "Tensor",
    "1 - x": "Tensor",
    "1j - x / (2 + 1j)": "Tensor",
    "torch.full((2,), 1j).imag": "Tensor",
    "torch.add(x, x, alpha=2j)": "Tensor",
    "torch.zeros(2, dtype=complex)": "Tensor",
    "torch.where(x == 1j, x, 1j)": "Tensor",
    "complex(x[0])": "complex",
    "x > 0": "Tensor",
    "x == x": "Tensor",
    "x @ x": "Tensor",
    "x[0]": "Tensor",
    "x.T": "Tensor",
    "x.shape": "Size",
    "x.size()": "Size",
    "x.size(0)": "int",
    "x.shape[0]": "int",
    "x.ndim": "int",
    "x.dtype": "dtype",
    "x.device": "device",
    "x.requires_grad": "bool",
    "x.tolist()": "list[Any]",
    "x.max()": "Tensor",
    "x.max(0)": "ReturnType",
    "x.max(0).values": "Tensor",
    "torch.max(x, x)": "Tensor",
    "x.sort()": "ReturnType",
    "torch.topk(x, 1)": "ReturnType",
    "x.add_(1)": "Tensor",
    "x.split(1)": "tuple[Tensor, ...]",
    "x.nonzero()": "Tensor",
    "x.nonzero(as_tuple=True)": "tuple[Tensor, ...]",
    "torch.unique(x, return_counts=True)": "tuple[Tensor, Tensor]",
    "torch.where(x > 0, x, 0.0)": "Tensor",
    "torch.equal(x, x)": "bool",
    "x.type()": "str",
    "x.float()": "Tensor",
    "torch.float32": "dtype",
    "torch.device('cpu')": "device",
    "torch.manual_seed(0)": "Generator",
    "F.cross_entropy(x, x)": "Tensor",
    "F.max_pool2d(x, 2)": "Tensor",
    "nn.Linear(2, 3)(x)": "Tensor",
    "nn.Sequential(nn.Flatten(), nn.Linear(2, 3))(x)": "Tensor",
    "nn.CrossEntropyLoss()(x, x)": "Tensor",
    "nn.Linear(2, 3).weight": "Parameter",
    "Net()(x, twice=True)": "Tensor",
    "optim.Adam(Net().parameters(), lr=0.1)": "Adam",
    "swish(x)": "Tensor",
    "tall(x, 2)": "Tensor",
    "halved(x)": "Tensor",
    "shifted(x, by=1)": "Tensor",
    "torch.utils.data.TensorDataset(x, x)": "TensorDataset",
}

MISTAKES = [
    "torch.zeross(2)",
    "torch.sum(x, dimm=0)",
    "torch.zeros('2')",
    "torch.zeros(2, dtype='float32')",
    "torch.cat(x, x)",
    "torch.add(x, [1, 2])",
    "x.summ()",
    "x.sum(dimm=0)",
    "x.cumsum()",
    "x.cumsum(0, axis=0)",
    "x.max(axes=0)",
    "x.relu_(1, 2)",
    "x.scatter_(0, x, x, redduce='add')",
    "x.max(0).vals",
    "x.shape.first",
    "nn.Liner(2, 2)",
    "nn.Linear(2, 2, biass=False)",
    "nn.Linear(2, 2)(x).summ()",
    "nn.Linear(2, 2)(x, x)",
    "Net()(x, twce=True)",
    "F.cros_entropy(x, x)",
    "F.cross_entropy(x, x, reduce_to='mean')",
    "F.max_pool2d(x, kernel=2)",
    "optim.Adamm(Net().parameters())",
    "optim.Adam(Net().parameters(), learning_rate=0.1)",
    "optim.SGD(Net().parameters(), lr=0.1).stepp()",
    "DataLoader([1, 2], batchsize=2)",
    "torch.utils.data.DataLoadr([1, 2])",
    "torch.no_grd()",
    "torch.no_grad(mode=False)",
    "halved(x, 2)",
    "shifted(x, bye=1)",
    "swish(x).summ()",
    "torch.primitve()",
]

PREAMBLE = """\
from typing import Any, assert_type

import numpy as np

import numtorch as torch
import numtorch.nn.functional as F
from numtorch import Generator, Size, Tensor, device, dtype, nn, optim
from numtorch._tensor import ReturnType
from numtorch.nn import Parameter
from numtorch.optim import Adam
from numtorch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def forward(self, x: Tensor, twice: bool = False) -> Tensor:
        return x + x if twice else x


@torch.primitive()
def swish(x):
    return x


@torch.op
def tall(x, n: int) -> Tensor:
    return x.reshape(n, -1)


@torch.no_grad()
def halved(x: Tensor) -> Tensor:
    return x / 2


@torch.inference_mode()
def shifted(x: Tensor, *, by: int) -> Tensor:
    return x + by


x = torch.ones(2, 2)
"""


def blocks(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.S)


def examples() -> dict[str, str]:
    """Programs by the names of the files that they are written to."""
    made = {f"readme_{i}.py": text for i, text in enumerate(blocks(ROOT / "README.md"))}
    for path in sorted((ROOT / "numtorch").rglob("README.md")):
        if blocks(path):
            made[f"design_{path.parent.name}.py"] = "\n\n".join(blocks(path))
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.py")):
        made[f"notebook_{path.name}"] = path.read_text()
    for path in sorted((ROOT / "numtorch").rglob("*.py")):
        made["_".join(("docstrings", *path.relative_to(ROOT / "numtorch").parts))] = docstrings(path)
    return {name: each_its_own(text) for name, text in made.items() if text}


# Lines that use what only a run can tell: attributes registered by name, results that may be None or of two classes.
UNTOLD = re.compile(
    r"net\.act|layer\.(mean|weight|running)|event\.of|torch\.LongTensor\)|gather_batch\(|on_values\(|images\b"
)


def docstrings(path: Path) -> str:
    """The examples of a module, each as a function; ``torch`` is numtorch, as where they run."""
    made: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        doc = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) else None
        found = doctest.DocTestParser().get_examples(doc or "")
        text = "".join("pass\n" if e.exc_msg is not None or UNTOLD.search(e.source) else e.source for e in found)
        if text:
            made.append(f"def example_{len(made)}():\n{textwrap.indent(text, '    ')}")
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return "\n\n".join(["import numtorch as torch", f"from {module} import *", *made]) if made else ""


def each_its_own(text: str) -> str:
    """``_`` is what nobody reads; what a program calls so has more than one type."""
    numbers = iter(range(10**6))
    text = re.sub(r"^(\s*)_ = ", r"\1", text, flags=re.M)
    return re.sub(r"\bdef _\(|\bfor _ in\b", lambda m: m[0].replace("_", f"_{next(numbers)}"), text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("programs")
    for name, text in examples().items():
        (where / name).write_text(text)
    (where / "results.py").write_text(PREAMBLE + "".join(f"assert_type({e}, {t})\n" for e, t in RESULTS.items()))
    (where / "mistakes.py").write_text(PREAMBLE + "".join(f"{m}\n" for m in MISTAKES))
    return where


def installed() -> importlib.metadata.Distribution | None:
    """What pip has installed of this checkout, if it has: then checkers must find it without help."""
    for d in importlib.metadata.distributions(name="numtorch"):
        if json.loads(d.read_text("direct_url.json") or "{}").get("url") == ROOT.as_uri():
            return d
    return None


def by_mypy(folder):
    """For each file the (line, message) pairs of what mypy finds wrong."""
    pytest.importorskip("mypy")
    found = [] if installed() else [f"mypy_path = {ROOT}"]
    (folder / "mypy.ini").write_text(
        "\n".join(
            [
                "[mypy]",
                "check_untyped_defs = True",
                "ignore_missing_imports = True",
                *found,
                f"disable_error_code = {', '.join(MYPY_OFF)}",
                "[mypy-numtorch.*]",
                "follow_imports = silent",
            ]
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--output=json", "."], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said: dict[str, list] = {}
    for message in map(json.loads, done.stdout.splitlines()):
        if message["severity"] == "error":
            said.setdefault(message["file"], []).append((message["line"], message["message"]))
    return said


def by_pyright(folder):
    """The same of pyright."""
    if importlib.util.find_spec("basedpyright") is None:
        pytest.skip("basedpyright is not installed")
    settings = {"typeCheckingMode": "standard", "include": ["."], **dict.fromkeys(PYRIGHT_OFF, "none")}
    if not installed():
        settings["extraPaths"] = [str(ROOT)]
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said: dict[str, list] = {}
    for message in json.loads(done.stdout)["generalDiagnostics"]:
        if message["severity"] == "error":
            said.setdefault(Path(message["file"]).name, []).append(
                (message["range"]["start"]["line"] + 1, message["message"])
            )
    return said


@pytest.fixture(scope="module", params=[by_mypy, by_pyright], ids=["mypy", "pyright"])
def said(request, folder, tmp_path_factory):
    """What a checker says, which it is asked once, however many processes run the tests."""
    base = tmp_path_factory.getbasetemp()
    answer = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"{request.param.__name__}.json"
    with answer.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            answer.write_text(json.dumps(request.param(folder)))
        return defaultdict(list, json.loads(answer.read_text()))


@pytest.mark.parametrize("name", examples())
def test_examples_have_no_faults(name, said, folder):
    lines = (folder / name).read_text().splitlines()
    assert [
        (lines[n - 1], text)
        for n, text in said[name]
        if not any(words in f"{lines[n - 1]} {text}" for words in ELSEWHERE)
    ] == []


def of_line(said, name, number):
    start = PREAMBLE.count("\n") + 1
    return [text for n, text in said[name] if n == start + number]


@pytest.mark.parametrize("number", range(len(RESULTS)), ids=list(RESULTS))
def test_results_have_types(number, said):
    assert of_line(said, "results.py", number) == []


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=MISTAKES)
def test_mistakes_are_flagged(number, said):
    assert of_line(said, "mistakes.py", number) != []


def test_what_stands_before_the_examples_has_no_faults(said):
    assert [m for name in ("results.py", "mistakes.py") for m in said[name] if m[0] <= PREAMBLE.count("\n")] == []


@pytest.mark.skipif(not installed(), reason="this checkout is not installed")
def test_an_installed_checkout_is_found_without_an_import_hook():
    written = [Path(str(f.locate())) for f in installed().files]
    paths = [p for p in written if p.suffix == ".pth"]
    assert [p.read_text().strip() for p in paths] == [str(ROOT)]
    assert not [p for p in written if "finder" in p.name]
