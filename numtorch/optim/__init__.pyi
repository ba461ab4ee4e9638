# Written by python -m numtorch.stubs; do not edit.

from numtorch.optim import lr_scheduler as lr_scheduler
from numtorch.optim.optimizer import Optimizer as Optimizer
from numtorch.optim.adagrad import Adagrad as Adagrad
from numtorch.optim.adam import Adam as Adam
from numtorch.optim.adamw import AdamW as AdamW
from numtorch.optim.rmsprop import RMSprop as RMSprop
from numtorch.optim.sgd import SGD as SGD


