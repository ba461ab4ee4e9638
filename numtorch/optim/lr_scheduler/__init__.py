"""Learning-rate schedulers: each sets the ``lr`` of the parameter groups after the optimizer's step, once per epoch or
once per batch.

``get_lr`` returns the rates of epoch ``last_epoch``. It computes them from the current rates where it can, so that
several schedulers can act on one optimizer. To add one, write a class like ``StepLR``.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch._tensor import Tensor as Tensor
from numtorch.optim.lr_scheduler.base import LRScheduler as LRScheduler
from numtorch.optim.lr_scheduler.base import _LRScheduler as _LRScheduler
from numtorch.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from numtorch.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from numtorch.optim.lr_scheduler.cycles import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from numtorch.optim.lr_scheduler.cycles import CyclicLR as CyclicLR
from numtorch.optim.lr_scheduler.cycles import OneCycleLR as OneCycleLR
from numtorch.optim.lr_scheduler.factors import ConstantLR as ConstantLR
from numtorch.optim.lr_scheduler.factors import CosineAnnealingLR as CosineAnnealingLR
from numtorch.optim.lr_scheduler.factors import ExponentialLR as ExponentialLR
from numtorch.optim.lr_scheduler.factors import LambdaLR as LambdaLR
from numtorch.optim.lr_scheduler.factors import LinearLR as LinearLR
from numtorch.optim.lr_scheduler.factors import MultiplicativeLR as MultiplicativeLR
from numtorch.optim.lr_scheduler.factors import MultiStepLR as MultiStepLR
from numtorch.optim.lr_scheduler.factors import PolynomialLR as PolynomialLR
from numtorch.optim.lr_scheduler.factors import StepLR as StepLR
from numtorch.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from numtorch.optim.optimizer import Optimizer as Optimizer

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
