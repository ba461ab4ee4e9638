"""Every notebook runs from top to bottom in a fresh kernel, its assertions included, and shows what its text form says."""

from __future__ import annotations

import ast

import nbformat
import pytest

from notebooks import __main__ as notebooks

TEXTS = notebooks.texts()


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
def test_runs(text):
    assert notebooks.execute(text).cells


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
def test_outputs_are_those_of_the_text(text):
    assert notebooks.stale(text) is None


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
def test_is_a_notebook_one_wants_to_open(text):
    path = text.with_suffix(".ipynb")
    assert path.stat().st_size < 1_000_000
    cells = nbformat.read(path, as_version=4).cells
    assert 15 <= len(cells) <= 40
    code = [c.source for c in cells if c.cell_type == "code"]
    asserts = [i for i, source in enumerate(code) if any(isinstance(n, ast.Assert) for n in ast.walk(ast.parse(source)))]
    assert asserts, "a notebook ends in an assertion on what was reached"
    exercises = [line for c in cells if c.cell_type == "markdown" for line in c.source.splitlines() if line.startswith("### Exercise")]
    solutions = [c for c in cells if c.cell_type == "code" and "# Solution" in c.source]
    assert 2 <= len(exercises) <= 3 and len(solutions) == len(exercises)
    assert all("assert" in c.source for c in solutions)


def test_every_notebook_has_a_text():
    assert {p.stem for p in notebooks.FOLDER.glob("*.ipynb")} == {p.stem for p in TEXTS}
