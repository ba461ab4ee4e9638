"""Functions as users find them: under every name that they say, with a signature and an example, and as objects that
pickle."""

import inspect
import subprocess
import sys

import pytest

import numtorch
from numtorch import exports, fft, linalg, signal, special
from numtorch.nn import functional

WHERE = {
    "torch": numtorch,
    "Tensor": numtorch.Tensor,
    "nn.functional": functional,
    "linalg": linalg,
    "special": special,
    "fft": fft,
    "signal.windows": signal.windows,
}
NAMES = [(place, name) for place in exports.PLACES for name in sorted(exports.PLACES[place])]


@pytest.mark.parametrize("place", WHERE)
def test_every_name_is_where_it_says(place):
    for name, fn in exports.PLACES[place].items():
        found = getattr(WHERE[place], name)
        assert getattr(found, "__wrapped__", found) is getattr(fn, "__wrapped__", fn), name


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="torch has a abs already"):
        exports.exported("torch", name="abs")(lambda x: x)


SHOWN = """
import inspect, pickle, types
import numtorch, numtorch.nn.functional as F
wrong = []
for place in (numtorch, numtorch.Tensor, F):
    for name in dir(place):
        f = getattr(place, name, None)
        if isinstance(f, types.FunctionType) and not name.startswith("_"):
            try:
                kept = pickle.loads(pickle.dumps(f)) is f
            except (pickle.PicklingError, AttributeError):
                kept = False
            written = "<lambda>" in f.__name__ or str(inspect.signature(f)) == "(*args, **kwargs)"
            if not kept or written:
                wrong.append(f"{place.__name__}.{name}: {'no signature' if written else 'does not pickle'}")
print(wrong)
"""


def test_functions_have_signatures_and_pickle_before_they_are_called():
    done = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_signatures_are_torchs():
    assert str(inspect.signature(numtorch.softmax)) == "(input, dim, dtype=None, *, out=None)"
    assert str(inspect.signature(numtorch.sum)) == "(input, dim=None, keepdim=False, *, dtype=None, out=None)"
    assert str(inspect.signature(numtorch.Tensor.lerp_)) == "(self, end, weight)"


def test_tensors_have_no_method_that_torchs_have_not():
    torch = pytest.importorskip("torch")
    public = {n for n in vars(numtorch.Tensor) if not n.startswith("_") and hasattr(numtorch.Tensor, n)}
    # A field, of which torch's ``stride()`` is made, and what the array API standard wants arrays to have.
    assert public - set(dir(torch.Tensor)) <= {"strides", "to_device"}
