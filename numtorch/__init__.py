"""numtorch: a deep-learning framework with PyTorch's API in which every kernel is a Numba function.

>>> import numtorch as torch
>>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])

This file only re-exports names, and imports some submodules on first use. README.md in this folder describes the package.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch import interrupts as interrupts

if "Tensor" not in globals():  # not when it is reloaded
    interrupts.import_whole("numtorch", ("numpy", "numtorch.ops.linear_numpy", "numtorch.tensor", "numtorch.cuda", "numtorch.nn",
                                         "numtorch.optim", "numtorch.serialization"))

import numtorch.ops.linear_numpy  # noqa: F401 - registers a kernel
import numtorch.tensor  # noqa: F401 - binds the Tensor's methods; before the function of that name
from numtorch import autograd as autograd
from numtorch import cpu as cpu
from numtorch import cuda as cuda
from numtorch import kernels as kernels
from numtorch._tensor import Tensor as Tensor
from numtorch._version import __version__ as __version__
from numtorch.device import device as device
from numtorch.dispatch import aliases
from numtorch.dispatch.op import op as op
from numtorch.dispatch.op import primitive as primitive
from numtorch.storage import Size as Size
from numtorch.ops.creation import (
    arange as arange,
    as_tensor as as_tensor,
    asarray as asarray,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_numpy as from_numpy,
    full as full,
    full_like as full_like,
    linspace as linspace,
    logspace as logspace,
    meshgrid as meshgrid,
    ones as ones,
    ones_like as ones_like,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from numtorch.ops.random import (
    Generator as Generator,
    bernoulli as bernoulli,
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    multinomial as multinomial,
    normal as normal,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
    seed as seed,
    set_rng_state as set_rng_state,
)
from numtorch.ops.arithmetic import (
    abs as abs,
    absolute as absolute,
    add as add,
    addcdiv as addcdiv,
    addcmul as addcmul,
    atan as atan,
    bitwise_and as bitwise_and,
    bitwise_not as bitwise_not,
    bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor,
    ceil as ceil,
    clamp as clamp,
    clamp_max as clamp_max,
    clamp_min as clamp_min,
    clip as clip,
    cos as cos,
    cosh as cosh,
    div as div,
    divide as divide,
    eq as eq,
    erf as erf,
    exp as exp,
    exp2 as exp2,
    expm1 as expm1,
    floor as floor,
    floor_divide as floor_divide,
    fmod as fmod,
    ge as ge,
    greater as greater,
    greater_equal as greater_equal,
    gt as gt,
    isfinite as isfinite,
    isinf as isinf,
    isnan as isnan,
    le as le,
    lerp as lerp,
    less as less,
    less_equal as less_equal,
    log as log,
    log10 as log10,
    log1p as log1p,
    log2 as log2,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    lt as lt,
    maximum as maximum,
    minimum as minimum,
    mul as mul,
    multiply as multiply,
    ne as ne,
    neg as neg,
    negative as negative,
    not_equal as not_equal,
    pow as pow,
    reciprocal as reciprocal,
    remainder as remainder,
    round as round,
    rsqrt as rsqrt,
    rsub as rsub,
    sign as sign,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    sub as sub,
    subtract as subtract,
    tan as tan,
    true_divide as true_divide,
    trunc as trunc,
    where as where,
)
from numtorch.ops.closeness import (
    allclose as allclose,
    equal as equal,
    isclose as isclose,
)
from numtorch.ops.activation import (
    log_softmax as log_softmax,
    relu as relu,
    sigmoid as sigmoid,
    softmax as softmax,
    tanh as tanh,
)
from numtorch.ops.reduction import (
    all as all,
    amax as amax,
    amin as amin,
    any as any,
    argmax as argmax,
    argmin as argmin,
    count_nonzero as count_nonzero,
    max as max,
    mean as mean,
    min as min,
    prod as prod,
    sum as sum,
)
from numtorch.ops.moments import (
    logsumexp as logsumexp,
    norm as norm,
    std as std,
    var as var,
)
from numtorch.ops.movement import (
    adjoint as adjoint,
    as_strided as as_strided,
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    block_diag as block_diag,
    broadcast_tensors as broadcast_tensors,
    broadcast_to as broadcast_to,
    cat as cat,
    cat as concat,
    cat as concatenate,
    chunk as chunk,
    clone as clone,
    column_stack as column_stack,
    diag as diag,
    diag_embed as diag_embed,
    diagflat as diagflat,
    diagonal as diagonal,
    diagonal_scatter as diagonal_scatter,
    diff as diff,
    dsplit as dsplit,
    dstack as dstack,
    flatten as flatten,
    flip as flip,
    fliplr as fliplr,
    flipud as flipud,
    hsplit as hsplit,
    hstack as hstack,
    movedim as movedim,
    movedim as moveaxis,
    narrow as narrow,
    permute as permute,
    ravel as ravel,
    repeat_interleave as repeat_interleave,
    reshape as reshape,
    roll as roll,
    rot90 as rot90,
    select as select,
    select_scatter as select_scatter,
    slice_scatter as slice_scatter,
    split as split,
    squeeze as squeeze,
    stack as stack,
    t as t,
    tensor_split as tensor_split,
    tile as tile,
    swapaxes as swapaxes,
    transpose as swapdims,
    transpose as transpose,
    tril as tril,
    tril_indices as tril_indices,
    triu as triu,
    triu_indices as triu_indices,
    unbind as unbind,
    unflatten as unflatten,
    unsqueeze as unsqueeze,
    vsplit as vsplit,
    vstack as row_stack,
    vstack as vstack,
)
from numtorch.ops.indexing import (
    argwhere as argwhere,
    gather as gather,
    index_add as index_add,
    index_copy as index_copy,
    index_fill as index_fill,
    index_put as index_put,
    index_reduce as index_reduce,
    index_select as index_select,
    masked_fill as masked_fill,
    masked_scatter as masked_scatter,
    masked_select as masked_select,
    nonzero as nonzero,
    put as put,
    scatter as scatter,
    scatter_add as scatter_add,
    scatter_reduce as scatter_reduce,
    take as take,
    take_along_dim as take_along_dim,
)
from numtorch.ops.scan import (
    cummax as cummax,
    cummin as cummin,
    cumprod as cumprod,
    cumsum as cumsum,
    logcumsumexp as logcumsumexp,
)
from numtorch.ops.searching import (
    bincount as bincount,
    bucketize as bucketize,
    mode as mode,
    searchsorted as searchsorted,
    unique as unique,
)
from numtorch.ops.sorting import (
    argsort as argsort,
    kthvalue as kthvalue,
    median as median,
    msort as msort,
    nanmedian as nanmedian,
    sort as sort,
    topk as topk,
)
from numtorch.ops.linear import (
    addmm as addmm,
    bmm as bmm,
    dot as dot,
    matmul as matmul,
    mm as mm,
    mv as mv,
    outer as outer,
)
from numtorch.ops.linear_halves import (
    get_float32_matmul_precision as get_float32_matmul_precision,
    set_float32_matmul_precision as set_float32_matmul_precision,
)
from numtorch.autograd.grad_mode import (
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
from numtorch.printing import (
    set_printoptions as set_printoptions,
)
from numtorch.dtype import (
    bfloat16 as bfloat16,
    bool as bool,
    can_cast as can_cast,
    double as double,
    dtype as dtype,
    finfo as finfo,
    float as float,
    float16 as float16,
    float32 as float32,
    float64 as float64,
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
    uint8 as uint8,
)
from math import (
    e as e,
    inf as inf,
    nan as nan,
    pi as pi,
)
from numpy import newaxis as newaxis
from numtorch import nn as nn
from numtorch import optim as optim
from numtorch import tracebacks
from numtorch.serialization import (
    load as load,
    save as save,
)
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

if TYPE_CHECKING:
    from numtorch import profiler as profiler
    from numtorch import utils as utils
    from numtorch import vision as vision
else:
    aliases.publish(globals())  # sum(x, axis=0)
    tracebacks.install()
    # Modules that few programs need are imported when they are named.
    __getattr__, __dir__ = absent.answers(__name__, ("collect_env", "profiler", "utils", "vision"))
