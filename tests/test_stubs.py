"""The stubs say what the package has."""

import inspect
import re
from pathlib import Path

import pytest

import numtorch
from numtorch import stubs
from numtorch.nn import functional

ROOT = Path(numtorch.__file__).parent


@pytest.mark.parametrize("path", stubs.texts(), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_stubs_are_up_to_date(path):
    assert path.read_text() == stubs.texts()[path], (
        f"{path.relative_to(ROOT.parent)} is out of date: run python -m numtorch.stubs"
    )


@pytest.mark.parametrize(
    "module, path", [(numtorch, "__init__.pyi"), (functional, "nn/functional.pyi")], ids=["package", "functional"]
)
def test_the_stubs_have_every_public_function_and_no_other(module, path):
    written = {
        a or b for a, b in re.findall(r"^def (\w+)\(|^from .* import \w+ as (\w+)$", (ROOT / path).read_text(), re.M)
    }
    functions = {n for n, f in vars(module).items() if not n.startswith("_") and inspect.isfunction(f)}
    own = {
        "abs",
        "clamp_min",
        "flag",
        "index_select",
        "matmul",
        "ones",
        "overwrite",
        "promote_types",
    }  # what nn.functional is made of
    assert functions - written == (own if module is functional else set())
    assert {n for n in written if not hasattr(module, n)} - {"DType", "Device"} == set()
