"""numtorch: a deep-learning framework with PyTorch's API in which every kernel is a Numba function.

>>> import numtorch as torch
>>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])

This file only re-exports names, and imports some submodules on first use. README.md in this folder describes the
package.
"""

import sys
from typing import TYPE_CHECKING

from numtorch import absent, exports
from numtorch import interrupts as interrupts

if "Tensor" not in globals():  # not when it is reloaded
    interrupts.import_whole(
        "numtorch",
        (
            "numpy",
            "numtorch.ops.matmul_numpy",
            "numtorch.tensor",
            "numtorch.cuda",
            "numtorch.nn",
            "numtorch.optim",
            "numtorch.serialization",
        ),
    )

import numtorch.ops.matmul_numpy  # noqa: F401 - registers a kernel
import numtorch.tensor  # noqa: F401 - binds the Tensor's methods; before the function of that name
from numtorch import amp as amp
from numtorch import autograd as autograd
from numtorch import compiler as compiler
from numtorch import cpu as cpu
from numtorch import cuda as cuda
from numtorch import kernels as kernels
from numtorch._tensor import Tensor as Tensor
from numtorch._version import __version__ as __version__
from numtorch.device import device as device
from numtorch.dispatch import aliases
from numtorch.dispatch.op import op as op
from numtorch.dispatch.op import primitive as primitive
from numtorch.layouts import (
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format,
    jagged as jagged,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    sparse_bsc as sparse_bsc,
    sparse_bsr as sparse_bsr,
    sparse_coo as sparse_coo,
    sparse_csc as sparse_csc,
    sparse_csr as sparse_csr,
    strided as strided,
)
from numtorch import settings as settings
from numtorch.errors import OutOfMemoryError as OutOfMemoryError
from numtorch.amp.grad_scaler import GradScaler as GradScaler
from numtorch.amp.autocast_mode import (
    autocast as autocast,
    autocast_decrement_nesting as autocast_decrement_nesting,
    autocast_increment_nesting as autocast_increment_nesting,
    clear_autocast_cache as clear_autocast_cache,
    get_autocast_cpu_dtype as get_autocast_cpu_dtype,
    get_autocast_dtype as get_autocast_dtype,
    get_autocast_gpu_dtype as get_autocast_gpu_dtype,
    is_autocast_cache_enabled as is_autocast_cache_enabled,
    is_autocast_cpu_enabled as is_autocast_cpu_enabled,
    is_autocast_enabled as is_autocast_enabled,
    set_autocast_cache_enabled as set_autocast_cache_enabled,
    set_autocast_cpu_dtype as set_autocast_cpu_dtype,
    set_autocast_cpu_enabled as set_autocast_cpu_enabled,
    set_autocast_dtype as set_autocast_dtype,
    set_autocast_enabled as set_autocast_enabled,
    set_autocast_gpu_dtype as set_autocast_gpu_dtype,
)
from numtorch.storage import Size as Size
from numtorch.untyped_storage import (
    BFloat16Storage as BFloat16Storage,
    BoolStorage as BoolStorage,
    ByteStorage as ByteStorage,
    CharStorage as CharStorage,
    ComplexDoubleStorage as ComplexDoubleStorage,
    ComplexFloatStorage as ComplexFloatStorage,
    DoubleStorage as DoubleStorage,
    FloatStorage as FloatStorage,
    HalfStorage as HalfStorage,
    IntStorage as IntStorage,
    LongStorage as LongStorage,
    ShortStorage as ShortStorage,
    TypedStorage as TypedStorage,
    UntypedStorage as UntypedStorage,
)
from numtorch.untyped_storage import FloatStorage as Storage
from numtorch.ops.generator import Generator as Generator
from numtorch.ops.generator import default_generator as default_generator
from numtorch.grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from numtorch.kernels.threads import (
    get_num_interop_threads as get_num_interop_threads,
    get_num_threads as get_num_threads,
    set_num_interop_threads as set_num_interop_threads,
    set_num_threads as set_num_threads,
)
from numtorch.printing import set_printoptions as set_printoptions
from numtorch.dtype import (
    bfloat16 as bfloat16,
    bool as bool,
    cdouble as cdouble,
    cfloat as cfloat,
    can_cast as can_cast,
    complex64 as complex64,
    complex128 as complex128,
    double as double,
    dtype as dtype,
    finfo as finfo,
    float as float,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    float8_e4m3fn as float8_e4m3fn,
    float8_e4m3fnuz as float8_e4m3fnuz,
    float8_e5m2 as float8_e5m2,
    float8_e5m2fnuz as float8_e5m2fnuz,
    get_default_dtype as get_default_dtype,
    half as half,
    iinfo as iinfo,
    int as int,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    int8 as int8,
    long as long,
    promote_types as promote_types,
    set_default_dtype as set_default_dtype,
    short as short,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
    uint8 as uint8,
)
from math import e as e, inf as inf, nan as nan, pi as pi
from numpy import newaxis as newaxis
from numtorch import nn as nn
from numtorch import optim as optim
from numtorch import torch_shim as torch_shim
from numtorch import tracebacks
from numtorch.serialization import load as load, save as save
from numtorch.tensor_types import BFloat16Tensor as BFloat16Tensor
from numtorch.tensor_types import BoolTensor as BoolTensor
from numtorch.tensor_types import ByteTensor as ByteTensor
from numtorch.tensor_types import CharTensor as CharTensor
from numtorch.tensor_types import DoubleTensor as DoubleTensor
from numtorch.tensor_types import FloatTensor as FloatTensor
from numtorch.tensor_types import HalfTensor as HalfTensor
from numtorch.tensor_types import IntTensor as IntTensor
from numtorch.tensor_types import LongTensor as LongTensor
from numtorch.tensor_types import ShortTensor as ShortTensor
from numtorch.tensor import is_floating_point as is_floating_point
from numtorch.tensor_types import is_tensor as is_tensor
from numtorch.tensor import numel as numel
from numtorch.torch_shim import load_ipython_extension as load_ipython_extension
from numtorch.torch_shim import unload_ipython_extension as unload_ipython_extension

if TYPE_CHECKING:
    from numtorch import __future__ as __future__
    from numtorch import accelerator as accelerator
    from numtorch import array_api as array_api
    from numtorch import backends as backends
    from numtorch import func as func
    from numtorch.func import vmap as vmap
    from numtorch import fft as fft
    from numtorch import distributed as distributed
    from numtorch import distributions as distributions
    from numtorch import fx as fx
    from numtorch import hub as hub
    from numtorch import futures as futures
    from numtorch import jit as jit
    from numtorch import library as library
    from numtorch import linalg as linalg
    from numtorch import masked as masked
    from numtorch import multiprocessing as multiprocessing
    from numtorch import onnx as onnx
    from numtorch import ops as ops
    from numtorch import overrides as overrides
    from numtorch import profiler as profiler
    from numtorch import random as random
    from numtorch import serialization as serialization
    from numtorch import signal as signal
    from numtorch import sparse as sparse
    from numtorch import special as special
    from numtorch import testing as testing
    from numtorch import torch_version as torch_version
    from numtorch import types as types
    from numtorch import utils as utils
    from numtorch import version as version
    from numtorch import vision as vision
else:
    from numtorch import interop
    from numtorch import functions  # noqa: F401 - it says what torch calls it

    globals().update(exports.PLACES["torch"])
    aliases.publish(globals())  # sum(x, axis=0)
    tracebacks.install()
    interop.watch()  # einops and opt_einsum
    for _module in (amp.cpu, amp.cuda):  # torch.cuda.amp, also after import
        _device = _module.__name__.rpartition(".")[2]
        globals()[_device].amp = sys.modules[f"{__name__}.{_device}.amp"] = _module
    # Modules that few programs need are imported when they are named.
    __getattr__, __dir__ = absent.answers(
        __name__,
        (
            "__future__",
            "accelerator",
            "array_api",
            "backends",
            "collect_env",
            "func",
            "fft",
            "distributed",
            "distributions",
            "fx",
            "futures",
            "hub",
            "jit",
            "library",
            "linalg",
            "masked",
            "onnx",
            "multiprocessing",
            "overrides",
            "profiler",
            "random",
            "signal",
            "sparse",
            "special",
            "testing",
            "torch_version",
            "types",
            "utils",
            "version",
            "vision",
        ),
        {"func": ("vmap",)},
    )
