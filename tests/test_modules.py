"""``import numtorch as torch`` reaches every module, whether or not it has been imported by its name before."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATHS = [
    "utils.data.DataLoader",
    "vision.datasets.Digits",
    "profiler.profile",
    "nn.utils.clip_grad_norm_",
    "collect_env.main",
    "nn.functional.relu",
    "optim.lr_scheduler.StepLR",
    "autograd.functional.jacobian",
    "cuda.is_available",
    "kernels.list",
]


@pytest.fixture(scope="module")
def reached():
    """In one fresh process each: what the path leads to, and whether Tab would have shown every part of it."""
    code = """
import importlib, sys
import numtorch as torch
for path in sys.argv[1:]:
    for name in [m for m in sys.modules if m.startswith("numtorch.") and m.split(".")[1] in ("utils", "vision", "profiler", "collect_env")]:
        del sys.modules[name]
        vars(torch).pop(name.split(".")[1], None)
    at, seen = torch, True
    for part in path.split("."):
        seen &= part in dir(at)
        at = getattr(at, part)
    print(path, callable(at), seen)
"""  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code, *PATHS], capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("path", PATHS)
def test_paths_lead_somewhere_at_the_first_try(reached, path):
    assert reached[path] == "True True"
