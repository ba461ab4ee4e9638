"""Settings of libraries that are not used here: they can be set and read, and change nothing, but for
``cuda.matmul.allow_tf32``, which is a name of ``set_float32_matmul_precision``.

>>> import numtorch as torch
>>> torch.backends.cudnn.benchmark = True
>>> torch.backends.mps.is_available()
False
"""

from numtorch.backends import cpu as cpu
from numtorch.backends import cuda as cuda
from numtorch.backends import cudnn as cudnn
from numtorch.backends import cusparselt as cusparselt
from numtorch.backends import kleidiai as kleidiai
from numtorch.backends import mha as mha
from numtorch.backends import miopen as miopen
from numtorch.backends import mkl as mkl
from numtorch.backends import mkldnn as mkldnn
from numtorch.backends import mps as mps
from numtorch.backends import nnpack as nnpack
from numtorch.backends import openmp as openmp
from numtorch.backends import opt_einsum as opt_einsum
from numtorch.backends import quantized as quantized
from numtorch.backends import xnnpack as xnnpack

fp32_precision = "none"
