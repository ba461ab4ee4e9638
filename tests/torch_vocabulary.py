"""Compares the names of PyTorch's modules with ours, where PyTorch is installed.

python tests/torch_vocabulary.py               how many names each module has, and which of them are missing here
python tests/torch_vocabulary.py torch.optim   of some modules only
"""

import importlib
import sys
import types

from numtorch.torch_shim import checking

MODULES = """
    torch torch.Tensor torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.rnn torch.nn.utils.prune
    torch.nn.utils.parametrize torch.nn.utils.parametrizations torch.nn.attention torch.nn.parallel torch.optim
    torch.optim.lr_scheduler torch.optim.swa_utils torch.autograd torch.autograd.functional torch.autograd.forward_ad
    torch.autograd.graph torch.autograd.profiler torch.linalg torch.fft torch.special torch.sparse torch.signal.windows
    torch.func torch.distributions torch.distributed torch.utils torch.utils.data torch.utils.checkpoint
    torch.utils.benchmark torch.utils.tensorboard torch.utils.dlpack torch.utils._pytree torch.utils.model_zoo
    torch.cuda torch.cuda.amp torch.amp torch.accelerator torch.backends torch.backends.cudnn torch.jit torch.fx
    torch.hub
    torch.profiler torch.random torch.serialization torch.multiprocessing torch.testing torch.overrides torch.library
    torch.masked torch.compiler torch.types
    torchvision.datasets torchvision.io torchvision.models torchvision.ops torchvision.transforms
    torchvision.transforms.functional torchvision.transforms.v2 torchvision.transforms.v2.functional torchvision.utils
"""


def theirs(path):
    """The public names of a module of PyTorch's, or of a class, that are its own."""
    try:
        holder = importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        holder = getattr(importlib.import_module(module), name, None)
    if holder is None:
        raise ImportError("is not installed")
    listed = [name for name in dir(holder) if not name.startswith("_")]
    if not isinstance(holder, types.ModuleType):
        return listed
    said = set(getattr(holder, "__all__", ()))
    own = []
    for name in listed:
        value = getattr(holder, name, None)
        where = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None) or "torch"
        if isinstance(value, types.ModuleType) and where != f"{path}.{name}":
            continue  # imported there for its own use
        if name in said or (where.startswith("torch") and where != "torch._C" and type(value).__module__ != "typing"):
            own.append(name)
    return own


def main(paths):
    for path in paths or MODULES.split():
        try:
            names = theirs(path)
        except (ImportError, RuntimeError) as e:
            print(f"{path}: {e}")
            continue
        missing = [name for name in names if checking.missing(f"{path}.{name}")]
        print(f"{path}: {len(names) - len(missing)} of {len(names)}; missing: {' '.join(missing) or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
