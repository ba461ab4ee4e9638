"""What users pass as arguments becomes plain Python, or is refused with torch's kind of error."""

import numpy as np
import pytest

import numtorch
from numtorch import arguments
from numtorch.dtype import ALL, INTEGERS, finfo, iinfo
from numtorch.dtype import bool as boolean


@pytest.mark.parametrize("value", [3, np.int32(3), numtorch.tensor(3)])
def test_integers_of_every_kind(value):
    made = arguments.integer(value, "f", "n")
    assert made == 3 and type(made) is int
    assert arguments.integers([value], "f", "size") == (3,)


@pytest.mark.parametrize("value", [3.0, True, np.float32(3), np.bool_(True), "3", None])
def test_nothing_else_passes_as_an_integer(value):
    with pytest.raises(TypeError, match="must be int"):
        arguments.integer(value, "f", "n")
    with pytest.raises(TypeError, match="at pos 1"):
        arguments.integers((1, value), "f", "size")


@pytest.mark.parametrize("d", INTEGERS)
def test_integer_elements_stay_in_range(d):
    info = iinfo(d)
    assert arguments.element(info.max, d) == info.max and arguments.element(info.min, d) == info.min
    for beyond in (info.max + 1, info.min - 1, float("nan"), float("inf"), 10**400):
        with pytest.raises(RuntimeError, match="without overflow"):
            arguments.element(beyond, d)


@pytest.mark.parametrize("d", [d for d in ALL if d.is_floating_point])
def test_floating_elements(d):
    largest = finfo(d).max
    assert arguments.element(largest, d) == largest and arguments.element(1, d) == 1.0
    assert arguments.element(float("inf"), d) == float("inf") and np.isnan(arguments.element(float("nan"), d))
    with pytest.raises(RuntimeError, match="without overflow"):
        arguments.element(10**400, d)


def test_bool_elements():
    assert arguments.element(2, boolean) is True and arguments.element(0.0, boolean) is False
