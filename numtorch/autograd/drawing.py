"""Draws the autograd graph of a tensor, from the result down to the leaves."""

from __future__ import annotations

from typing import Any

from numtorch import display
from numtorch.autograd.node import AccumulateGrad

RESULT, NODE, LEAF = "#cfe8ff", "#eeeeee", "#d5f0d0"


class Drawing:
    """A picture that a notebook shows; ``str`` gives the same graph in lines of text.

    Args:
        boxes: (text, colour) of each.
        arrows: (from, to), numbers of boxes.

    Attributes:
        svg: the picture.

    >>> x = torch.ones(2, requires_grad=True)
    >>> picture = torch.autograd.draw((x * x).sum(), {"x": x})
    >>> "MulBackward0" in picture.svg
    True
    """

    def __init__(self, boxes: list[tuple[str, str]], arrows: list[tuple[int, int]]):
        self.svg = display.graph(boxes, arrows)
        self._text = display.graph_text(boxes, arrows)

    def _repr_html_(self) -> str:
        return f'<div style="{display.SCROLLS}">{self.svg}</div>'

    def __repr__(self) -> str:
        return self._text


def draw(tensor: Any, names: dict[str, Any] | None = None, most: int = 80) -> Drawing:
    """Draw the graph of a tensor: the result above, leaves (green) below, one box for each recorded op.

    Args:
        tensor: the result.
        names: what to call leaves, as in ``{"w": w}`` or ``dict(net.named_parameters())``; others show their shapes.
        most: number of boxes after which the rest is left out, with a box that says so.

    Returns:
        A ``Drawing``, which a notebook shows.

    Raises:
        RuntimeError: the tensor has no graph.

    >>> x = torch.ones(2, requires_grad=True)
    >>> print(torch.autograd.draw((x * x).sum(), {"x": x}))
    result scalar
    SumBackward0
    MulBackward0
    ├─ x 2
    └─ x 2
    """
    if tensor.grad_fn is None:
        raise RuntimeError("draw: the tensor has no graph: nothing it was computed from has requires_grad=True")
    called = {id(t): name for name, t in (names or {}).items()}
    boxes = [(f"result {_shape(tensor)}", RESULT)]
    arrows: list[tuple[int, int]] = []
    seen: dict[int, int] = {}
    keep: list[Any] = []  # ids stay unique only while the objects live

    def box(node: Any) -> tuple[int, bool]:
        key = id(node.leaf) if isinstance(node, AccumulateGrad) else id(node)
        if key in seen:
            return seen[key], False
        keep.append(node)
        if isinstance(node, AccumulateGrad):
            leaf = node.variable
            text = "leaf" if leaf is None else f"{called.get(id(leaf), 'leaf')} {_shape(leaf)}"
            boxes.append((text, LEAF))
        else:
            boxes.append((node.name(), NODE))
        seen[key] = len(boxes) - 1
        return seen[key], True

    at, _ = box(tensor.grad_fn)
    arrows.append((0, at))
    queue = [(tensor.grad_fn, at)]
    while queue:
        node, at = queue.pop(0)
        for child, _slot in node.next_functions:
            if child is None:
                continue
            if len(boxes) >= most:
                boxes.append(("... more", NODE))
                arrows.append((at, len(boxes) - 1))
                return Drawing(boxes, arrows)
            to, new = box(child)
            arrows.append((at, to))
            if new:
                queue.append((child, to))
    return Drawing(boxes, arrows)


def _shape(t: Any) -> str:
    return "×".join(map(str, t.shape)) or "scalar"
