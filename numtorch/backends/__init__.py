"""Settings of libraries that are not used here: they can be set and read, and change nothing.

>>> import numtorch as torch
>>> torch.backends.cudnn.benchmark = True
>>> torch.backends.mps.is_available()
False
"""

from numtorch.backends import cuda as cuda
from numtorch.backends import cudnn as cudnn
from numtorch.backends import mkl as mkl
from numtorch.backends import mkldnn as mkldnn
from numtorch.backends import mps as mps
from numtorch.backends import openmp as openmp
from numtorch.backends import opt_einsum as opt_einsum
