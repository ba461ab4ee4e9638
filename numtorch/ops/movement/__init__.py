"""Ops that move elements, or change shape and strides: views, copies, joins, reordering.

    views.py        other shape and strides over the same elements, and their gradients
    shapes.py       dimensions merged, split and moved: compositions of views
    copies.py       clone, casts, devices, and in-place writes; ``copies_cpu.py`` has the loops between layouts
    pieces.py       split and cat, and similar ops
    rearrange.py    repeat, flip, roll: the same elements, repeated or in another order
    padding.py      a constant around the elements
    runs.py         copies several adjacent elements at once; ``runs_codegen.py`` has the vector code
    triangles.py    triangles and diagonals of matrices
    history.py      how an in-place write through a view changes the graph

Other modules import from this package, not from its files.
"""

from numtorch.ops.movement.arguments import shape_args
from numtorch.ops.movement.copies import (
    as_type,
    cast,
    clone,
    contiguous,
    copy,
    copy_,
    fill,
    fill_,
    move,
    resize_,
    set_like,
    to,
    zero_,
)
from numtorch.ops.movement.history import as_strided_scatter, refresh_views, requires_grad_edge, write_history
from numtorch.ops.movement.padding import pad_ends
from numtorch.ops.movement.pieces import (
    cat,
    chunk,
    column_stack,
    diff,
    dsplit,
    dstack,
    hsplit,
    hstack,
    split,
    stack,
    tensor_split,
    unbind,
    vsplit,
    vstack,
)
from numtorch.ops.movement.rearrange import flip, fliplr, flipud, repeat, repeat_interleave, roll, rot90, tile
from numtorch.ops.movement.shapes import adjoint, atleast_1d, atleast_2d, atleast_3d, flatten, movedim, ravel, unflatten
from numtorch.ops.movement.triangles import (
    block_diag,
    diag,
    diag_embed,
    diagflat,
    diagonal_scatter,
    fill_diagonal_,
    select_scatter,
    slice_scatter,
    tril,
    tril_,
    tril_indices,
    triu,
    triu_,
    triu_indices,
)
from numtorch.ops.movement.views import (
    as_strided,
    broadcast_tensors,
    broadcast_to,
    common_shape,
    diagonal,
    expand,
    expand_as,
    expand_to,
    narrow,
    permute,
    reaching,
    reshape,
    select,
    slice,
    squeeze,
    squeeze_,
    swapaxes,
    t,
    t_,
    transpose,
    transpose_,
    unfold,
    unsqueeze,
    unsqueeze_,
    view_as_shape,
    view_bits,
)

__all__ = [
    "adjoint", "as_strided", "as_strided_scatter", "as_type", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_tensors",
    "broadcast_to", "cast", "cat", "chunk", "clone", "column_stack", "common_shape", "contiguous", "copy", "copy_", "diag",
    "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "diff", "dsplit", "dstack", "expand", "expand_as",
    "expand_to", "fill", "fill_", "fill_diagonal_", "flatten", "flip", "fliplr", "flipud", "hsplit", "hstack",
    "move", "movedim", "narrow", "pad_ends", "permute", "ravel", "reaching", "refresh_views", "repeat", "repeat_interleave",
    "requires_grad_edge", "reshape", "resize_", "roll", "rot90", "select", "select_scatter", "set_like",
    "shape_args", "slice", "slice_scatter", "split", "squeeze", "squeeze_", "stack", "swapaxes", "t", "t_", "tensor_split", "tile",
    "to", "transpose", "transpose_", "tril", "tril_", "tril_indices", "triu", "triu_", "triu_indices", "unbind", "unflatten", "unfold",
    "unsqueeze", "unsqueeze_",
    "view_as_shape", "view_bits", "vsplit", "vstack", "write_history", "zero_",
]
