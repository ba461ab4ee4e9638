"""What PyTorch's modules are called, and under which names of numtorch they are found.

``PLACES`` is the table of modules that have another name here. ``torch_modules.txt`` lists PyTorch's modules and their
names, with the module where users find each of them: a deep module whose names are all elsewhere needs no entry.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from numtorch import absent

ROOTS = {"torch": "numtorch", "torchvision": "numtorch.vision"}
PLACES = {
    "torch._tensor": "numtorch._tensor",
    "torch._dynamo": "numtorch.compiler",
    "torch.autograd.anomaly_mode": "numtorch.autograd.anomaly",
    "torch.autograd.profiler": "numtorch.profiler.older",
    "torch.autograd.variable": "numtorch.autograd.graph",
    "torch.cpu.amp": "numtorch.amp.cpu",
    "torch.cuda.amp": "numtorch.amp.cuda",
    "torch.distributed.distributed_c10d": "numtorch.distributed",
    "torch.fx.graph": "numtorch.fx.graph",
    "torch.fx.graph_module": "numtorch.fx.graph_module",
    "torch.fx.interpreter": "numtorch.fx.interpreter",
    "torch.fx.node": "numtorch.fx.node",
    "torch.fx.proxy": "numtorch.fx.proxy",
    "torch.nn.modules.activation": "numtorch.nn.activation",
    "torch.nn.modules.batchnorm": "numtorch.nn.normalization",
    "torch.nn.modules.container": "numtorch.nn.container",
    "torch.nn.modules.conv": "numtorch.nn.conv",
    "torch.nn.modules.dropout": "numtorch.nn.dropout",
    "torch.nn.modules.flatten": "numtorch.nn.flatten",
    "torch.nn.modules.linear": "numtorch.nn.linear",
    "torch.nn.modules.loss": "numtorch.nn.loss",
    "torch.nn.modules.module": "numtorch.nn.module",
    "torch.nn.modules.normalization": "numtorch.nn.normalization",
    "torch.nn.modules.pooling": "numtorch.nn.pooling",
    "torch.nn.modules.sparse": "numtorch.nn.sparse",
    "torch.nn.utils.spectral_norm": "numtorch.nn.utils.hooked_norms",
    "torch.nn.utils.weight_norm": "numtorch.nn.utils.hooked_norms",
    "torch.profiler.profiler": "numtorch.profiler",
    "torch.storage": "numtorch.untyped_storage",
    "torch.utils.data.dataloader": "numtorch.utils.data.loader",
    "torch.utils.data.distributed": "numtorch.utils.data.sampler",
    "torch.utils.data._utils.collate": "numtorch.utils.data.collate",
    "torch.utils.data._utils.worker": "numtorch.utils.data.worker",
    "torch.utils.tensorboard.writer": "numtorch.utils.tensorboard",
    "torch.utils.hooks": "numtorch.nn.hooks",
    "torchvision.datasets.cifar": "numtorch.vision.datasets.arrays",
    "torchvision.datasets.utils": "numtorch.vision.datasets.archives",
    "torchvision.datasets.mnist": "numtorch.vision.datasets.mnist",
    "torchvision.io.image": "numtorch.vision.io",
    "torchvision.models.convnext": "numtorch.vision.models.transformers",
    "torchvision.models.efficientnet": "numtorch.vision.models.mobile",
    "torchvision.models.mnasnet": "numtorch.vision.models.mobile",
    "torchvision.models.mobilenet": "numtorch.vision.models.mobile",
    "torchvision.models.mobilenetv2": "numtorch.vision.models.mobile",
    "torchvision.models.mobilenetv3": "numtorch.vision.models.mobile",
    "torchvision.models.squeezenet": "numtorch.vision.models.classic",
    "torchvision.models.vgg": "numtorch.vision.models.classic",
    "torchvision.models.vision_transformer": "numtorch.vision.models.transformers",
    "torchvision.models.resnet": "numtorch.vision.models.resnet",
    "torchvision.ops.misc": "numtorch.vision.ops.layers",
    "torchvision.ops.focal_loss": "numtorch.vision.ops.losses",
    "torchvision.ops.roi_align": "numtorch.vision.ops.regions",
    "torchvision.ops.roi_pool": "numtorch.vision.ops.regions",
    "torchvision.ops.stochastic_depth": "numtorch.vision.ops.layers",
    "torchvision.transforms.autoaugment": "numtorch.vision.transforms.automatic",
    "torchvision.transforms.transforms": "numtorch.vision.transforms",
}
# Modules of numtorch's own that have the name of something else in PyTorch.
OTHERS = ("torch.ops", "torch.engine")
# Modules of torchvision, of which no name is listed.
VISION = (
    "_C _internally_replaced_utils datapoints datasets extension io models ops prototype transforms tv_tensors utils"
)


@cache
def modules() -> dict[str, dict[str, str] | None]:
    """PyTorch's modules: for each its names, and the module where users find the name. None is known of the names in
    some modules, and in those below them."""
    found: dict[str, dict[str, str] | None] = {"torch": dict.fromkeys(absent.names()["torch"], "torch")}
    for line in (Path(__file__).parent / "torch_modules.txt").read_text().splitlines()[1:]:
        head, _, listed = line.partition(":")
        module, _, place = head.partition(" ")
        if place:
            own = found.setdefault(module, {})
            assert own is not None
            own.update(dict.fromkeys(listed.split(), place))
        else:
            found[module.rstrip("/")] = None
    return found | dict.fromkeys([f"torchvision.{name}" for name in VISION.split()])


def is_module(path: str) -> bool:
    """Whether PyTorch or torchvision has a module of this path.

    >>> from numtorch.torch_shim import names
    >>> names.is_module("torch.nn.modules.rnn"), names.is_module("torch.nn.rnn")
    (True, False)
    """
    known = modules()
    if path in known:
        return True
    if path.rpartition(".")[2].lstrip("_")[:1].isupper():  # a class: few modules have capital letters, all are listed
        return False
    while "." in path:
        path = path.rpartition(".")[0]
        if path in known:
            return known[path] is None
    return False


def is_listed(path: str) -> bool:
    """Whether PyTorch has a module of this path for sure: not only because nothing is known of the names around it.

    >>> from numtorch.torch_shim import names
    >>> names.is_listed("torch._C._nn"), names.is_listed("torch._C._log_api_usage_once")
    (True, False)
    """
    return path in modules()


def is_alias(path: str) -> bool:
    """Whether a module of PyTorch's has names that users find elsewhere.

    >>> from numtorch.torch_shim import names
    >>> names.is_alias("torch.nn.modules"), names.is_alias("torch.export")
    (True, False)
    """
    return any(place != path for place in (modules().get(path) or {}).values())


def is_name(module: str, name: str) -> bool:
    """Whether PyTorch has this name in a module, as far as is known."""
    listed = modules().get(module)
    if listed is None:
        return is_module(module)
    return name in listed or name in absent.names().get(module, ()) or f"{module}.{name}" in modules()


def public_place(module: str, name: str) -> str:
    """The module where users find what PyTorch has in a deep one.

    >>> from numtorch.torch_shim import names
    >>> names.public_place("torch.nn.modules.linear", "Linear")
    'torch.nn'
    """
    return (modules().get(module) or {}).get(name, module)


@cache
def _deepest() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for path, listed in modules().items():
        for name, place in (listed or {}).items():
            if place and path.startswith(f"{place}.") and path.count(".") > found.get((place, name), "").count("."):
                found[place, name] = path
    return found


def defined_in(place: str, name: str) -> str:
    """The deepest module of PyTorch's that has a name which users find in another one: there it is defined.

    >>> from numtorch.torch_shim import names
    >>> names.defined_in("torch.nn", "LSTM"), names.defined_in("torch.optim", "Adafactor")
    ('torch.nn.modules.rnn', 'torch.optim')
    """
    return _deepest().get((place, name), place)


@cache
def here(path: str) -> str | None:
    """The module of numtorch that a module of PyTorch's is; None if there is none.

    >>> from numtorch.torch_shim import names
    >>> names.here("torch.nn.modules.batchnorm"), names.here("torch.optim.lr_scheduler"), names.here("torch.nope")
    ('numtorch.nn.normalization', 'numtorch.optim.lr_scheduler', None)
    """
    if path in PLACES:
        return PLACES[path]
    root, _, rest = path.partition(".")
    own = f"{ROOTS[root]}.{rest}".rstrip(".")
    if path.startswith(OTHERS):
        return None
    try:
        return own if importlib.util.find_spec(own) else None
    except ModuleNotFoundError:  # of the package that it would be in
        return None
