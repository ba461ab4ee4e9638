"""A model by its modules: shapes, parameters, operations, bytes of results, and time of forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numtorch as torch
from numtorch import display
from numtorch.profiler.session import profile


@dataclass
class Layer:
    """One module of a summary. Figures are for one call of the model and include the modules inside.

    Attributes:
        name: path in the model; ``depth``: how deep it lies; ``kind``: its class.
        inputs, outputs: shapes of the tensors it took and gave.
        parameters: numbers it learns; ``own_parameters`` without those of modules inside.
        flops: operations of the forward pass, as the kernels declare them.
        activations: bytes of the results.
        forward_ns, backward_ns: time in kernels, the mean over passes.
    """

    name: str
    depth: int
    kind: str
    inputs: list[tuple[int, ...]]
    outputs: list[tuple[int, ...]]
    parameters: int
    own_parameters: int
    activations: int
    flops: int = 0
    forward_ns: float = 0.0
    backward_ns: float = 0.0


class Summary:
    """What ``summary`` found; ``str`` and notebooks show a table.

    Args:
        layers: a ``Layer`` for each module.

    >>> torch.profiler.summary(torch.nn.Linear(4, 3), torch.ones(2, 4)).layers[0].parameters
    15
    """

    HEAD = ["module", "class", "in", "out", "parameters", "MFLOP", "activations KB", "forward us", "backward us"]

    def __init__(self, layers: list[Layer]):
        self.layers = layers

    def _lines(self) -> list[list[str]]:
        return [
            [
                "  " * r.depth + (r.name.rpartition(".")[2] or "(model)"),
                r.kind,
                _shapes(r.inputs),
                _shapes(r.outputs),
                f"{r.parameters:,}",
                f"{r.flops / 1e6:.2f}",
                f"{r.activations / 1024:,.1f}",
                f"{r.forward_ns / 1e3:,.0f}",
                f"{r.backward_ns / 1e3:,.0f}",
            ]
            for r in self.layers
        ]

    def __str__(self) -> str:
        lines = [self.HEAD, *self._lines()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.HEAD))]
        padded = [
            [t.ljust(w) if i < 4 else t.rjust(w) for i, (t, w) in enumerate(zip(line, widths, strict=True))]
            for line in lines
        ]
        return "\n".join("  ".join(line).rstrip() for line in padded)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return display.table(
            self.HEAD, self._lines(), f"{self.layers[0].kind}: {self.layers[0].parameters:,} parameters"
        )

    def to_dict(self) -> dict[str, Any]:
        """The layers, as JSON can hold them.

        Returns:
            A dict of a list of dicts.

        >>> torch.profiler.summary(torch.nn.Linear(4, 3), torch.ones(2, 4)).to_dict()["layers"][0]["kind"]
        'Linear'
        """
        return {"layers": [vars(r) for r in self.layers]}


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("×".join(map(str, s)) or "scalar" for s in shapes)


def summary(model: Any, *inputs: Any, repeats: int = 5) -> Summary:
    """Run a model forward and backward, and say what each of its modules is and costs.

    Modes, parameters and gradients are left as they were; buffers that a training-mode forward pass updates are
    restored.

    Args:
        model: a module.
        *inputs: what it is called with.
        repeats: measured passes; times are means over them. Kernels are compiled before.

    Returns:
        A ``Summary``: in ``layers`` shapes, parameters, operations, bytes and times of each module.

    Raises:
        TypeError: ``model`` is not a module.

    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    >>> report = torch.profiler.summary(net, torch.ones(2, 4))
    >>> [(layer.kind, layer.outputs, layer.parameters) for layer in report.layers]
    [('Sequential', [(2, 3)], 15), ('Linear', [(2, 3)], 15), ('ReLU', [(2, 3)], 0)]
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"summary: expected a Module, got {type(model).__name__}")
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    gradients = [(p, p.grad) for p in model.parameters()]
    state = torch.get_rng_state()
    try:
        layers = _shapes_of(model, inputs)
        with profile() as prof:
            for _ in range(repeats):
                _pass(model, inputs)
    finally:
        for name, b in model.named_buffers():
            b.copy_(buffers[name])
        for p, g in gradients:
            p.grad = g
        torch.set_rng_state(state)
    _add_costs(layers, prof, type(model).__name__, repeats)
    return Summary(list(layers.values()))


def _pass(model: Any, inputs: tuple) -> None:
    for p in model.parameters():
        p.grad = None
    out = model(*inputs)
    total = None
    for t in _tensors(out):
        if t.requires_grad:
            total = t.sum() if total is None else total + t.sum()
    if total is not None:
        total.backward()


def _tensors(value: Any) -> list:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [t for v in value for t in _tensors(v)]
    return [t for v in value.values() for t in _tensors(v)] if isinstance(value, dict) else []


def _shapes_of(model: Any, inputs: tuple) -> dict[str, Layer]:
    """Every module in order, with the shapes of its first call; also compiles what the passes need."""
    layers: dict[str, Layer] = {}
    handles = []
    for name, module in model.named_modules():
        own = sum(p.numel() for p in module._parameters.values() if p is not None)
        everything = sum(p.numel() for p in module.parameters())
        layers[name] = Layer(
            name, name.count(".") + 1 if name else 0, type(module).__name__, [], [], everything, own, 0
        )

        def note(module: Any, args: tuple, out: Any, at: Layer = layers[name]) -> None:
            if not at.outputs:
                at.inputs, at.outputs = (
                    [tuple(t.shape) for t in _tensors(args)],
                    [tuple(t.shape) for t in _tensors(out)],
                )
                at.activations = sum(t.numel() * t.dtype.itemsize for t in _tensors(out))

        handles.append(module.register_forward_hook(note))
    try:
        _pass(model, inputs)
    finally:
        for h in handles:
            h.remove()
    return layers


def _add_costs(layers: dict[str, Layer], prof: profile, root: str, repeats: int) -> None:
    """Kernels of a module and of those inside it, by the paths that the profile gave them."""
    for r in prof.rows:
        if r.kind != "kernel" or not (r.module == root or r.module.startswith(root + ".")):
            continue
        path = r.module[len(root) + 1 :]
        while True:
            layer = layers.get(path)
            if layer is not None:
                if r.phase == "backward":
                    layer.backward_ns += r.self_ns / repeats
                else:
                    layer.forward_ns += r.self_ns / repeats
                    layer.flops += r.flops // repeats
            if not path:
                break
            path = path.rpartition(".")[0]
