"""Every public function, class and method says what it computes, what it takes, returns and raises, and shows it in an
example that runs.

A docstring in this package:

    ``log(sum(exp(x)))`` along dimensions, without overflow.

    Args:
        input: (*), floating point.
        dim, keepdim: the dimension or dimensions that are reduced, and whether they stay with extent 1.

    Returns:
        The shape of ``input`` without ``dim``.

    Raises:
        IndexError: ``dim`` is out of range.

    >>> torch.logsumexp(torch.zeros(2, 3), 1)
    tensor([1.0986, 1.0986])

Parameters have the names by which users know them, also where the body of an op calls them otherwise. ``out`` is the
same everywhere and is not repeated. In examples ``torch`` is numtorch. A result that has the shape of the input is said
in words ("element by element"), or not at all by elementwise ops; any other one has its own section. In-place forms
that say ``In-place ``abs``.`` refer to the function of that name.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import textwrap
import types
from enum import Enum
from functools import cache

import pytest

import numtorch
from numtorch import exports

NAMESPACES = [
    "numtorch",
    "numtorch.accelerator",
    "numtorch.amp",
    "numtorch.autograd",
    "numtorch.autograd.forward_ad",
    "numtorch.autograd.functional",
    "numtorch.backends.cpu",
    "numtorch.backends.cuda",
    "numtorch.backends.cudnn",
    "numtorch.backends.mha",
    "numtorch.backends.mkldnn",
    "numtorch.backends.mps",
    "numtorch.backends.opt_einsum",
    "numtorch.compiler",
    "numtorch.cpu",
    "numtorch.cuda",
    "numtorch.func",
    "numtorch.fft",
    "numtorch.distributions",
    "numtorch.distributions.constraints",
    "numtorch.distributions.utils",
    "numtorch.hub",
    "numtorch.jit",
    "numtorch.kernels",
    "numtorch.linalg",
    "numtorch.masked",
    "numtorch.nn",
    "numtorch.nn.attention",
    "numtorch.nn.attention.bias",
    "numtorch.nn.functional",
    "numtorch.nn.init",
    "numtorch.nn.utils",
    "numtorch.nn.utils.parametrizations",
    "numtorch.nn.utils.parametrize",
    "numtorch.nn.utils.prune",
    "numtorch.nn.utils.rnn",
    "numtorch.nn.utils.stateless",
    "numtorch.onnx",
    "numtorch.optim",
    "numtorch.optim.lr_scheduler",
    "numtorch.optim.swa_utils",
    "numtorch.profiler",
    "numtorch.serialization",
    "numtorch.signal.windows",
    "numtorch.special",
    "numtorch.random",
    "numtorch.torch_shim",
    "numtorch.utils.checkpoint",
    "numtorch.utils.data",
    "numtorch.vision.datasets",
    "numtorch.vision.io",
    "numtorch.vision.models",
    "numtorch.vision.ops",
    "numtorch.vision.transforms",
    "numtorch.vision.transforms.functional",
    "numtorch.vision.transforms.v2",
    "numtorch.vision.transforms.v2.functional",
    "numtorch.vision.tv_tensors",
    "numtorch.vision.utils",
]
# Where the parts of a namespace are defined, if it is not a folder.
HOMES = dict.fromkeys(
    (
        "numtorch.vision.transforms.functional",
        "numtorch.vision.transforms.v2",
        "numtorch.vision.transforms.v2.functional",
    ),
    "numtorch.vision.transforms",
) | {"numtorch.vision.utils": "numtorch.vision.drawing"}


ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*):[ \n]", re.M)


def section(doc, title):
    found = re.search(rf"^{title}:\n((?:(?:    .*)?\n)+)", doc + "\n", re.M)
    return found and textwrap.dedent(found[1])


def told(doc, *titles):
    """The names that sections explain: ``dim, keepdim: what they are``."""
    return [n for t in titles for names in ENTRY.findall(section(doc, t) or "") for n in names.split(", ")]


class Public:
    """A function, class, method or property, under all names by which users find it."""

    def __init__(self, what, name, owner=None):
        self.what, self.names, self.owner = what, [name], owner
        got = what.fget if isinstance(what, property) else getattr(what, "__func__", what)
        self.op = getattr(got, "op", None)
        self.function = self.op.spec if self.op is not None else inspect.unwrap(got)
        self.doc = inspect.cleandoc(what.__doc__ or "")

    @property
    def name(self):
        return self.names[0]

    @property
    def parameters(self):
        """The names that users see, without ``self`` and ``out``."""
        if isinstance(self.what, property):
            return []
        if isinstance(self.function, type):
            if self.function.__init__ is object.__init__ and self.function.__new__ is object.__new__:
                return []
            if issubclass(self.function, BaseException | Enum):
                return []
            if self.function.__init__ is numtorch.nn.Module.__init__ and self.function is not numtorch.nn.Module:
                return []
        found = list(inspect.signature(getattr(self.what, "__func__", self.what)).parameters.values())
        if self.owner is not None and not isinstance(self.what, staticmethod):
            found = found[1:]
        return [
            "*" * (p.kind is p.VAR_POSITIONAL) + "**" * (p.kind is p.VAR_KEYWORD) + p.name
            for p in found
            if p.name not in ("self", "out") and not p.name.startswith("_")
        ]

    @property
    def inherits(self):
        """Whether it is the in-place form of a function, or overrides a method that says all there is to say."""
        own = self.name.rpartition(".")[2]
        if isinstance(self.what, type) and own in exports.LOSSES:
            return True  # a class that is made of a function
        of = re.fullmatch(r"In-place ``(\w+)``\.", self.doc)
        if of:
            return f"{of[1]}_" in [n.rpartition(".")[2] for n in self.names]
        if isinstance(self.owner, type):
            if own in ("forward", "extra_repr") and issubclass(self.owner, numtorch.nn.Module):
                return True  # the class says what its layer computes
            for base in self.owner.__mro__[1:]:
                if base.__module__.startswith("numtorch") and own in vars(base):
                    return not self.doc or self.what.__doc__ == vars(base)[own].__doc__
        return False

    @property
    def elementwise(self):
        return bool(self.op is not None and self.op.elementwise)

    def section(self, title):
        """The lines of ``Args:``, ``Attributes:``, ``Returns:`` or ``Raises:``, or None."""
        return section(self.doc, title)


def is_public(value):
    return (
        isinstance(value, types.FunctionType | type)
        and (value.__module__ or "").startswith("numtorch")
        or hasattr(value, "op")
        and callable(value)
    )


@cache
def public():
    """All that is public, by identity."""
    found = {}

    def add(value, name, owner=None):
        key = id(inspect.unwrap(value)) if isinstance(value, types.FunctionType) else id(value)
        if key in found:
            found[key].names.append(name)
        else:
            found[key] = Public(value, name, owner)

    for place, functions in exports.PLACES.items():
        if place != "Tensor":
            for name, value in functions.items():
                add(value, f"{place}.{name}")
    classes = []
    for namespace in NAMESPACES:
        module = importlib.import_module(namespace)
        shown = namespace.replace("numtorch", "torch", 1)
        for name in sorted(set(dir(module)) | set(vars(module))):
            value = getattr(module, name, None)
            if name.startswith("_") or not is_public(value):
                continue
            if not value.__module__.startswith(HOMES.get(namespace, namespace)) and not hasattr(value, "op"):
                continue
            add(value, f"{shown}.{name}".replace("torch.nn.functional", "nn.functional"))
            if isinstance(value, type):
                classes.append((value, f"{shown}.{name}"))
    for cls, shown in dict(classes).items():
        parts = [c for c in cls.__mro__ if c is cls or c.__module__.startswith("numtorch") and c not in dict(classes)]
        for name, value in [member for part in parts for member in vars(part).items()]:
            if name.startswith("_") or isinstance(value, type):
                continue
            if isinstance(value, property | classmethod | staticmethod) or is_public(value):
                if id(inspect.unwrap(value)) in found:
                    continue  # a function, which is a method too
                add(value, f"{'Tensor' if cls is numtorch.Tensor else shown}.{name}", cls)
    return list(found.values())


@cache
def raising(function):
    """Whether a function raises errors of its own, or calls a helper with its name, which raises for it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):
        return False
    name = getattr(function, "__name__", "")
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            return True
        if isinstance(node, ast.Call) and any(isinstance(a, ast.Constant) and a.value == name for a in node.args):
            helper = node.func.id if isinstance(node.func, ast.Name) else None
            called = getattr(function, "__globals__", {}).get(helper)
            if isinstance(called, types.FunctionType) and called is not function and raising(called):
                return True
    return False


def raises(it):
    if isinstance(it.function, type):
        return "__init__" in vars(it.function) and raising(it.function.__init__)
    parts = [it.function]
    if it.op is not None:
        parts += [getattr(it.op, "arguments", None), getattr(it.op, "check", None)]
    return any(raising(f) for f in parts if isinstance(f, types.FunctionType))


def faults(it):
    """What the docstring lacks."""
    doc, wrong = it.doc, []
    if it.inherits:
        return []
    if isinstance(it.what, property) and it.name.rpartition(".")[2] in told(it.owner.__doc__ or "", "Attributes"):
        return []  # the class says what it is
    first = doc.partition("\n\n")[0]
    if not first.rstrip().endswith((".", ":")):
        return ["no first sentence"]
    if isinstance(it.what, property):
        return []
    explained = told(doc, "Args", "Attributes")
    wrong += [f"Args: {n} is missing" for n in it.parameters if n not in explained]
    wrong += [f"Args: there is no {n}" for n in told(doc, "Args") if n not in it.parameters]
    same = it.elementwise or it.name.endswith("_") or "element by element" in doc
    nothing = getattr(it.function, "__annotations__", {}).get("return", "") in ("None", None, "Iterator[None]")
    nothing = nothing and it.op is None
    if not isinstance(it.function, type) and not same and not nothing and it.section("Returns") is None:
        wrong.append("Returns: is missing")
    if raises(it) and it.section("Raises") is None:
        wrong.append("Raises: is missing")
    for error in re.findall(r"^(\S+)", it.section("Raises") or "", re.M):
        if not re.fullmatch(r"[A-Z]\w+(,|:)", error):
            wrong.append(f"Raises: {error} is no error")
    if ">>>" not in doc and it.section("Attributes") is None:
        wrong.append("no example")
    if "import numtorch as torch" in doc:
        wrong.append("imports torch, which examples have")
    return wrong


ALL = public()


@pytest.mark.parametrize("it", ALL, ids=lambda it: it.name)
def test_docstring(it):
    assert faults(it) == []


EXAMPLES = [it for it in ALL if ">>>" in it.doc]


@pytest.mark.plain(but=r"torch\.(kernels|profiler|vision\.models)\b|fft|stft")
@pytest.mark.parametrize("it", EXAMPLES, ids=lambda it: it.name)
def test_example(it, scratch_registry):
    """As users type it: ``torch`` is all that is imported."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    test = doctest.DocTestParser().get_doctest(it.doc, {"torch": numtorch}, it.name, None, 0)
    assert runner.run(test).failed == 0


# What is not in torch, or does otherwise there.
OWN = {
    "Tensor.pin_memory",
    "Tensor.to_device",
    "nn.functional.linear",
    "torch.Generator.take",
    "torch.autograd.GradcheckError",
    "torch.autograd.draw",
    "torch.autograd.is_anomaly_check_nan_enabled",
    "torch.autograd.is_anomaly_enabled",
    "torch.autograd.set_detect_anomaly",
    "torch.backends.mkldnn.is_available",
    "torch.backends.mps.is_macos13_or_newer",
    "torch.backends.mps.is_macos_or_newer",
    "torch.cpu.empty_cache",
    "torch.cpu.memory_stats",
    "torch.is_conj",
    "torch.jit.export_opnames",
    "torch.jit.interface",
    "torch.serialization.save_sharded",
    "torch.utils.data.ConcatDataset.gather_batch",
    "torch.utils.data.DataLoader.load_state_dict",
    "torch.utils.data.DataLoader.state_dict",
    "torch.is_neg",
    "torch.op",
    "torch.primitive",
    "torch.utils.data.DistributedSampler.index_array",
    "torch.utils.data.RandomSampler.index_array",
    "torch.utils.data.SequentialSampler.index_array",
    "torch.utils.data.Subset.gather_batch",
    "torch.utils.data.TensorDataset.gather_batch",
    "torch.utils.data.WorkerInfo",
}


ALONE = re.compile(
    r"from numtorch|torch\.(profiler|kernels|torch_shim)\.|_ipython_extension|set_num_interop_threads"
)  # torch sets that once


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("it", [it for it in EXAMPLES if not ALONE.search(it.doc)], ids=lambda it: it.name)
def test_example_in_torch(it):
    """What is printed is what torch prints, but for what is said above."""
    torch = pytest.importorskip("torch")
    importlib.import_module("torch.nn.utils.prune")  # it does not do so itself
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    test = doctest.DocTestParser().get_doctest(it.doc, {"torch": torch}, it.name, None, 0)
    assert (runner.run(test, out=lambda text: None).failed > 0) == (it.name in OWN)


def test_what_is_public_is_found():
    names = {n for it in ALL for n in it.names}
    assert {"torch.exp", "torch.sum", "torch.tensor", "Tensor.backward", "torch.nn.Linear", "torch.optim.Adam"} <= names
    assert {"torch.nn.CrossEntropyLoss", "nn.functional.relu", "torch.no_grad", "linalg.vector_norm"} <= names
    assert {"torch.nn.Module.state_dict", "torch.utils.data.DataLoader", "torch.profiler.profile"} <= names
    assert len(ALL) > 950


def test_faults_are_found():
    def scaled(x, by, *rest):
        """The product

        Args:
            x: a tensor.
            to: a number.
        """
        if by is None:
            raise ValueError("by")
        return x * by

    assert faults(Public(scaled, "scaled")) == ["no first sentence"]
    scaled.__doc__ = scaled.__doc__.replace("product", "product.")
    assert faults(Public(scaled, "scaled")) == [
        "Args: by is missing",
        "Args: *rest is missing",
        "Args: there is no to",
        "Returns: is missing",
        "Raises: is missing",
        "no example",
    ]
    scaled.__doc__ = "In-place ``scaled``."
    assert faults(Public(scaled, "Tensor.scaled_")) == []
    assert faults(Public(scaled, "Tensor.other_")) != []
