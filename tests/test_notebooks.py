"""Every notebook runs from top to bottom in a fresh kernel, its assertions included, and shows what its text form
says."""

from __future__ import annotations

import ast
import base64
import re

import nbformat
import pytest
from pages import read

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
    asserts = [
        i for i, source in enumerate(code) if any(isinstance(n, ast.Assert) for n in ast.walk(ast.parse(source)))
    ]
    assert asserts, "a notebook ends in an assertion on what was reached"
    exercises = [
        line
        for c in cells
        if c.cell_type == "markdown"
        for line in c.source.splitlines()
        if line.startswith("### Exercise")
    ]
    solutions = [i for i, c in enumerate(cells) if c.source.startswith("<details><summary>Solution")]
    assert 2 <= len(exercises) <= 3 and len(solutions) == len(exercises)
    assert all("assert" in cells[i].source and "### Exercise" in cells[i - 1].source for i in solutions)
    assert not any("# Solution" in source for source in code)  # what is folded is not shown
    written = [c.source for c in notebooks.read(text).cells if notebooks.is_solution(c)]
    assert written == [notebooks._unfolded(cells[i])[1] for i in solutions]


SPEED = re.compile(r"\b(faster|slower|quicker|cheaper|less time|more time|as (fast|slow|long))\b(?!\*)")


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
def test_a_sentence_about_speed_is_followed_by_an_assertion(text):
    cells = notebooks.read(text).cells
    for i, cell in enumerate(cells):
        said = [m[0] for m in SPEED.finditer(cell.source)] if cell.cell_type == "markdown" else []
        if said:
            follows = next((c.source for c in cells[i + 1 :] if c.cell_type == "code"), "")
            asserted = [n for n in ast.walk(ast.parse(follows)) if isinstance(n, ast.Assert)]
            compared = any(isinstance(m, ast.Compare) for n in asserted for m in ast.walk(n))
            assert compared, f"{text.name}: {said} in {cell.source[:80]!r} is not asserted"


@pytest.mark.parametrize("text", TEXTS, ids=lambda p: p.stem)
def test_outputs_can_be_read_on_a_narrow_and_on_a_dark_page(text):
    for cell in nbformat.read(text.with_suffix(".ipynb"), as_version=4).cells:
        for out in cell.get("outputs", []):
            if out.output_type == "stream":
                columns = [line for line in out.text.splitlines() if re.search(r"\S {2,}\S.* {2,}\S", line)]
                assert len(columns) < 3 or max(map(len, columns)) <= 42, (
                    f"a wide table is displayed, and not printed: {out.text}"
                )
                continue
            if "text/html" in out.data:
                for theme in ("light", "dark"):
                    page = read(out.data["text/html"], theme)
                    assert page.complaints == [] and page.proportional == [] and page.wide == []
                assert not re.match(r"<.* object at|<drawing", out.data["text/plain"])
            if "image/png" in out.data:
                width = int.from_bytes(base64.b64decode(out.data["image/png"])[16:20], "big")
                assert width <= 640, f"a picture {width} pixels wide is too small to read on a phone"


def test_every_notebook_has_a_text():
    assert {p.stem for p in notebooks.FOLDER.glob("*.ipynb")} == {p.stem for p in TEXTS}
