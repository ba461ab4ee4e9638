"""Libraries that are written for PyTorch, on numtorch: each prints what it prints with PyTorch. See stored.py."""

import importlib.util
import json
import math

import pytest
import stored


def close(a, b):
    if isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5) if isinstance(b, float) else a == b


@pytest.mark.parametrize("program", stored.PROGRAMS)
def test_a_library_gives_pytorchs_values(program):
    name = stored.library(program)
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    theirs = json.loads(stored.VALUES.read_text())[program]["values"]
    ours = stored.printed(program, "-m", "numtorch.run")
    assert ours.keys() == theirs.keys()
    assert {key: ours[key] for key in theirs if not close(ours[key], theirs[key])} == {}


def test_the_table_in_the_docs_is_current():
    assert stored.DOCS.read_text() == stored.documented(), "run python tests/compat/stored.py --table"


def test_every_program_has_values():
    assert sorted(json.loads(stored.VALUES.read_text())) == stored.PROGRAMS
