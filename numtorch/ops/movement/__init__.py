"""Where elements lie and how they are brought elsewhere: views, copies, joining, reordering.

    views.py        new geometry over the same elements, and its gradients
    shapes.py       dimensions merged, split and moved: compositions of views
    copies.py       clone, casts, devices, and in-place writes; ``copies_cpu.py`` the loops between layouts
    pieces.py       split and its kin, cat and its kin
    rearrange.py    repeat, flip, roll: the same elements, more often or in another order
    history.py      what an in-place write through a view means for the graph

Other modules import from this package, not from its files.
"""

from numtorch.ops.movement.arguments import shape_args as shape_args
from numtorch.ops.movement.copies import (
    cast as cast,
    clone as clone,
    contiguous as contiguous,
    copy as copy,
    copy_ as copy_,
    fill as fill,
    fill_ as fill_,
    move as move,
    resize_ as resize_,
    set_like as set_like,
    to as to,
    zero_ as zero_,
)
from numtorch.ops.movement.views import (
    as_strided as as_strided,
    broadcast_tensors as broadcast_tensors,
    broadcast_to as broadcast_to,
    diagonal as diagonal,
    expand as expand,
    expand_as as expand_as,
    expand_to as expand_to,
    narrow as narrow,
    permute as permute,
    reshape as reshape,
    select as select,
    slice as slice,
    squeeze as squeeze,
    t as t,
    transpose as transpose,
    unfold as unfold,
    unsqueeze as unsqueeze,
    view_as_shape as view_as_shape,
)
from numtorch.ops.movement.shapes import (
    flatten as flatten,
    movedim as movedim,
    ravel as ravel,
    unflatten as unflatten,
)
from numtorch.ops.movement.pieces import (
    cat as cat,
    chunk as chunk,
    split as split,
    stack as stack,
    unbind as unbind,
)
from numtorch.ops.movement.rearrange import (
    repeat as repeat,
    tile as tile,
)
from numtorch.ops.movement.history import (
    as_strided_scatter as as_strided_scatter,
    refresh_views as refresh_views,
    requires_grad_edge as requires_grad_edge,
    write_history as write_history,
)
