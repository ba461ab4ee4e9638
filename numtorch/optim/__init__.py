"""Optimizers and learning-rate schedulers, with the names of torch.

>>> import numtorch as torch
>>> w = torch.tensor([1.0, -2.0], requires_grad=True)
>>> opt = torch.optim.SGD([w], lr=0.25)
>>> (w * w).sum().backward()
>>> opt.step()
>>> w.detach()
tensor([ 0.5000, -1.0000])

An optimizer holds parameters, options and state. The update itself is an op (``numtorch.ops.optimizer``). To add an optimizer, write
its update there, and here a class like ``SGD`` that keeps the state and calls the update for each parameter.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.optim import lr_scheduler as lr_scheduler
from numtorch.optim.adam import Adam as Adam
from numtorch.optim.adamw import AdamW as AdamW
from numtorch.optim.optimizer import Optimizer as Optimizer
from numtorch.optim.rmsprop import RMSprop as RMSprop
from numtorch.optim.sgd import SGD as SGD

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
