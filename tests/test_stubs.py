"""The stub of the Tensor's methods says what the class has."""

from pathlib import Path

import numtorch
from numtorch import stubs


def test_the_stub_is_up_to_date():
    written = (Path(numtorch.__file__).parent / "_tensor.pyi").read_text()
    assert written == stubs.text(), "numtorch/_tensor.pyi is out of date: run python -m numtorch.stubs"
