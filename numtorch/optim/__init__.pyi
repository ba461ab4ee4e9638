# Written by python -m numtorch.stubs; do not edit.

from numtorch.optim import lr_scheduler as lr_scheduler
from numtorch.optim import swa_utils as swa_utils
from numtorch.optim.optimizer import Optimizer as Optimizer
from numtorch.optim.asgd import ASGD as ASGD
from numtorch.optim.adadelta import Adadelta as Adadelta
from numtorch.optim.adafactor import Adafactor as Adafactor
from numtorch.optim.adagrad import Adagrad as Adagrad
from numtorch.optim.adam import Adam as Adam
from numtorch.optim.adamw import AdamW as AdamW
from numtorch.optim.adamax import Adamax as Adamax
from numtorch.optim.lbfgs import LBFGS as LBFGS
from numtorch.optim.muon import Muon as Muon
from numtorch.optim.nadam import NAdam as NAdam
from numtorch.optim.radam import RAdam as RAdam
from numtorch.optim.rmsprop import RMSprop as RMSprop
from numtorch.optim.rprop import Rprop as Rprop
from numtorch.optim.sgd import SGD as SGD
from numtorch.optim.sparse_adam import SparseAdam as SparseAdam


