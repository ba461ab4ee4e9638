"""The Python array API standard 2025.12 for tensors: names, arguments and type promotion as the standard says.

    import numtorch.array_api as xp
    xp.mean(xp.asarray([[1.0, 2.0]]), axis=1)

Libraries that are written for the standard find it by ``Tensor.__array_namespace__()``. Arrays are tensors: what these
functions return, all of numtorch takes. They are stricter than numtorch's functions of the same names: types of
different kinds are not promoted, and 0-dimensional tensors count as any other. Operators of tensors are PyTorch's.
https://data-apis.org/array-api/2025.12/

    types.py          promotion, kinds of types, conversion of operands
    creation.py       new arrays
    elementwise.py    functions of elements
    manipulation.py   shapes, joins, positions
    statistical.py    reductions, sums along an axis, order, sets
    information.py    what the namespace has
    linalg.py fft.py  the extensions
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from numtorch.array_api import fft as fft
from numtorch.array_api import linalg as linalg
from numtorch.array_api.creation import arange as arange
from numtorch.array_api.creation import asarray as asarray
from numtorch.array_api.creation import empty as empty
from numtorch.array_api.creation import empty_like as empty_like
from numtorch.array_api.creation import eye as eye
from numtorch.array_api.creation import from_dlpack as from_dlpack
from numtorch.array_api.creation import full as full
from numtorch.array_api.creation import full_like as full_like
from numtorch.array_api.creation import linspace as linspace
from numtorch.array_api.creation import meshgrid as meshgrid
from numtorch.array_api.creation import ones as ones
from numtorch.array_api.creation import ones_like as ones_like
from numtorch.array_api.creation import tril as tril
from numtorch.array_api.creation import triu as triu
from numtorch.array_api.creation import zeros as zeros
from numtorch.array_api.creation import zeros_like as zeros_like
from numtorch.array_api.elementwise import FUNCTIONS as _FUNCTIONS
from numtorch.array_api.elementwise import clip as clip
from numtorch.array_api.information import __array_namespace_info__ as __array_namespace_info__
from numtorch.array_api.linalg import matmul as matmul
from numtorch.array_api.linalg import matrix_transpose as matrix_transpose
from numtorch.array_api.linalg import tensordot as tensordot
from numtorch.array_api.linalg import vecdot as vecdot
from numtorch.array_api.manipulation import broadcast_arrays as broadcast_arrays
from numtorch.array_api.manipulation import broadcast_shapes as broadcast_shapes
from numtorch.array_api.manipulation import broadcast_to as broadcast_to
from numtorch.array_api.manipulation import concat as concat
from numtorch.array_api.manipulation import expand_dims as expand_dims
from numtorch.array_api.manipulation import flip as flip
from numtorch.array_api.manipulation import moveaxis as moveaxis
from numtorch.array_api.manipulation import nonzero as nonzero
from numtorch.array_api.manipulation import permute_dims as permute_dims
from numtorch.array_api.manipulation import repeat as repeat
from numtorch.array_api.manipulation import reshape as reshape
from numtorch.array_api.manipulation import roll as roll
from numtorch.array_api.manipulation import searchsorted as searchsorted
from numtorch.array_api.manipulation import squeeze as squeeze
from numtorch.array_api.manipulation import stack as stack
from numtorch.array_api.manipulation import take as take
from numtorch.array_api.manipulation import take_along_axis as take_along_axis
from numtorch.array_api.manipulation import tile as tile
from numtorch.array_api.manipulation import unstack as unstack
from numtorch.array_api.manipulation import where as where
from numtorch.array_api.statistical import all as all
from numtorch.array_api.statistical import any as any
from numtorch.array_api.statistical import argmax as argmax
from numtorch.array_api.statistical import argmin as argmin
from numtorch.array_api.statistical import argsort as argsort
from numtorch.array_api.statistical import count_nonzero as count_nonzero
from numtorch.array_api.statistical import cumulative_prod as cumulative_prod
from numtorch.array_api.statistical import cumulative_sum as cumulative_sum
from numtorch.array_api.statistical import diff as diff
from numtorch.array_api.statistical import isin as isin
from numtorch.array_api.statistical import max as max
from numtorch.array_api.statistical import mean as mean
from numtorch.array_api.statistical import min as min
from numtorch.array_api.statistical import prod as prod
from numtorch.array_api.statistical import sort as sort
from numtorch.array_api.statistical import std as std
from numtorch.array_api.statistical import sum as sum
from numtorch.array_api.statistical import unique_all as unique_all
from numtorch.array_api.statistical import unique_counts as unique_counts
from numtorch.array_api.statistical import unique_inverse as unique_inverse
from numtorch.array_api.statistical import unique_values as unique_values
from numtorch.array_api.statistical import var as var
from numtorch.array_api.types import astype as astype
from numtorch.array_api.types import bool as bool
from numtorch.array_api.types import can_cast as can_cast
from numtorch.array_api.types import complex64 as complex64
from numtorch.array_api.types import complex128 as complex128
from numtorch.array_api.types import finfo as finfo
from numtorch.array_api.types import float32 as float32
from numtorch.array_api.types import float64 as float64
from numtorch.array_api.types import iinfo as iinfo
from numtorch.array_api.types import int8 as int8
from numtorch.array_api.types import int16 as int16
from numtorch.array_api.types import int32 as int32
from numtorch.array_api.types import int64 as int64
from numtorch.array_api.types import isdtype as isdtype
from numtorch.array_api.types import result_type as result_type
from numtorch.array_api.types import uint8 as uint8
from numtorch.array_api.types import uint16 as uint16
from numtorch.array_api.types import uint32 as uint32
from numtorch.array_api.types import uint64 as uint64

globals().update(_FUNCTIONS)  # of elements: one table
newaxis = None
__array_api_version__ = "2025.12"
