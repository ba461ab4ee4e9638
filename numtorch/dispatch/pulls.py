"""Gradients of elementwise nodes, written out for operands of known kinds: what ``graph.py`` calls in place of
``Op.pull``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numtorch import engine
from numtorch._tensor import Tensor
from numtorch.dispatch.text import compiled
from numtorch.storage import allocator


def written_pull(op: Any, ready: tuple, slots: int, saved: list, params: tuple, shaped: Any = None) -> Callable:
    """``pull`` of nodes that the front's own path made: operands, gradient and results contiguous, of one shape.
    For the nodes that ``by_shapes`` made, ``shaped`` has the shape of the result and what the inputs are like; the
    gradients are made like them.

    For ``mul``, where only the first factor wants a gradient, it reads:

        def pull(node, g):
            saved, seq, n = node.saved, node.seq, g._buf.size
            s1 = saved[1]
            if g._k is not kind or s1._k is not kind1 or s1._buf.size != n or s1._storage.written > seq:
                return slow(node, g, False)
            y0 = new(Tensor)
            y0._buf = empty(n, storage0)
            y0.shape = g.shape
            y0._k = kind0
            entry(g._buf, s1._buf, y0._buf)
            return y0, None
    """
    entry, positions, geometry, n, kinds, _, places = ready
    env: dict[str, Any] = {
        "entry": entry,
        "Tensor": Tensor,
        "new": object.__new__,
        "empty": np.empty,
        "slow": op.pull,
        "kind": saved[0],
    }
    lines, checks, operands = ["saved, seq, n = node.saved, node.seq, g._buf.size"], ["g._k is not kind"], []
    make, extent = "empty(n, storage{0})", "{0}._buf.size != n"
    if shaped is not None:
        env |= {"shape": shaped[0], "geometry": geometry, "engine": engine}
        env |= {f"make{i}": allocator(n, k) for i, k in enumerate(kinds)}
        lines = ["saved, seq = node.saved, node.seq"]
        checks.append("g.shape != shape")
        make, extent = "make{0}()", "{0}.shape != shape_{0}"
    for i, s in enumerate(saved[1:]):
        if isinstance(s, Tensor):
            lines.append(f"s{i} = saved[{i}]")
            checks += [f"s{i}._k is not kind_s{i}", extent.format(f"s{i}"), f"s{i}._storage.written > seq"]
            env |= {f"kind_s{i}": s._k, f"shape_s{i}": s.shape}
    for p in positions:
        if p == 0:
            operands.append("g._buf")
        elif p <= slots:
            operands.append(f"s{p - 1}._buf" if isinstance(saved[p], Tensor) else f"saved[{p - 1}]")
        else:
            operands.append(f"node.params[{p - 1 - slots}]")
    lines += [f"if {' or '.join(checks)}:", "    return slow(node, g, False)"]
    for i, k in enumerate(kinds):
        env[f"storage{i}"], env[f"kind{i}"] = k.dtype.storage, k
        lines += [f"y{i} = new(Tensor)", f"y{i}._buf = {make.format(i)}", f"y{i}.shape = g.shape", f"y{i}._k = kind{i}"]
        operands.append(f"y{i}._buf")
    if entry is not None:
        lines.append(f"entry({', '.join(operands + ['*geometry'] * (shaped is not None))})")
    results = {i: "g" if place < 0 else f"y{place}" for i, place in places}
    for i, place in places if shaped is not None else ():
        (shape, inputs), made = shaped, saved[0] if place < 0 else kinds[place]
        env[f"shape{i}"], env[f"dtype{i}"] = inputs[i][0], inputs[i][1].dtype
        if inputs[i][0] != shape:
            results[i] = f"engine.sum_to({results[i]}, shape{i})"
        if inputs[i][1].dtype is not made.dtype:
            results[i] = f"engine.as_type({results[i]}, dtype{i})"
    lines.append("return " + "".join(f"{results.get(i)}, " for i in range(len(op.tensors))).rstrip())
    return compiled("pull", "def pull(node, g):\n" + "".join(f"    {line}\n" for line in lines), env)
