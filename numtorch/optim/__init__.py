"""Optimizers and learning-rate schedulers, with the names of torch.

>>> import numtorch as torch
>>> w = torch.tensor([1.0, -2.0], requires_grad=True)
>>> opt = torch.optim.SGD([w], lr=0.25)
>>> (w * w).sum().backward()
>>> opt.step()
>>> w.detach()
tensor([ 0.5000, -1.0000])

An optimizer holds parameters, options and state. The update itself is an op (``@update``; those of the first optimizers
are in ``numtorch.ops.optimizer``). To add an optimizer, write a file in this folder with its update and a class like
``SGD``, which keeps the state and calls the update for each parameter. No list names it.
"""

from typing import TYPE_CHECKING

from numtorch import absent, exports
from numtorch.optim import lr_scheduler as lr_scheduler
from numtorch.optim import swa_utils as swa_utils
from numtorch.optim.optimizer import Optimizer as Optimizer

if not TYPE_CHECKING:
    globals().update(exports.classes(__name__, __path__, (Optimizer,)))
    __getattr__, __dir__ = absent.answers(__name__)
