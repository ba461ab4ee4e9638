"""Reads and writes elements by position: ``x[...]``, gather, scatter, and similar ops.

    keys.py        x[...] and index_put
    slices.py      whole slices at positions of a dimension: index_select, index_add ...
    elements.py    single elements along a dimension: gather, scatter, scatter_reduce ...
    masks.py       where a mask is true: nonzero, masked_select ...
    cpu.py, cuda.py    the loops; ``positions.py`` prepares and checks an index for them

Other modules import from this package, not from its files.
"""

from numtorch.ops.indexing.elements import (
    gather,
    gather_along,
    one_hot,
    scatter,
    scatter_add,
    scatter_along,
    scatter_into_zeros,
    scatter_reduce,
    take_along_dim,
)
from numtorch.ops.indexing.keys import getitem, index_fill_, index_put, index_put_, masked_fill_, overwrite, setitem
from numtorch.ops.indexing.masks import argwhere, masked_fill, masked_scatter, masked_select, nonzero
from numtorch.ops.indexing.slices import (
    index_add,
    index_copy,
    index_fill,
    index_reduce,
    index_select,
    put_along_extents,
    put_into_zeros,
    take,
    take_along_extents,
)
from numtorch.ops.indexing.slices import put_flat as put

__all__ = [
    "argwhere",
    "gather",
    "gather_along",
    "getitem",
    "index_add",
    "index_copy",
    "index_fill",
    "index_fill_",
    "index_put",
    "index_put_",
    "index_reduce",
    "index_select",
    "masked_fill",
    "masked_fill_",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "one_hot",
    "overwrite",
    "put",
    "put_along_extents",
    "put_into_zeros",
    "scatter",
    "scatter_add",
    "scatter_along",
    "scatter_into_zeros",
    "scatter_reduce",
    "setitem",
    "take",
    "take_along_dim",
    "take_along_extents",
]
