"""Layers, containers, losses and initialisation, with the names of torch.nn.

Each family of layers has one file. ``module.py`` has what all layers share; ``functional.py`` has what they compute. A
new layer is a short class whose ``forward`` calls ops, in any file of this folder: no list names it. Add a row for it
in ``tests/nn``.
"""

from typing import TYPE_CHECKING

from numtorch import absent, exports
from numtorch.nn import functional as functional
from numtorch.nn import init as init
from numtorch.nn import utils as utils
from numtorch.nn.linear_cross_entropy_options import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from numtorch.nn.module import Module as Module
from numtorch.nn.parameter import Buffer as Buffer
from numtorch.nn.parameter import Parameter as Parameter

if TYPE_CHECKING:
    from numtorch.nn import attention as attention
    from numtorch.nn import parallel as parallel
else:
    globals().update(exports.classes(__name__, __path__, (Module, Parameter, Buffer)))
    for _file in ("dropout", "flatten", "linear", "module"):  # so that nn.linear is told to be nn.Linear, not a module
        globals().pop(_file, None)
    __getattr__, __dir__ = absent.answers(__name__, ("attention", "parallel"))
