"""Programs written as ONNX models."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numtorch as torch
from numtorch._version import __version__
from numtorch.onnx import elementwise, layers, movement, table
from numtorch.onnx.errors import OnnxExporterError
from numtorch.onnx.graph import NUMBERS, Graph, Value, library
from numtorch.onnx.scalars import body_exporter
from numtorch.onnx.tracing import Call, Size, follow, merged, record, tensors

FAMILIES = (elementwise, movement, layers)  # they fill the table
OPSETS = range(18, 24)
_IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}  # the first that has the operators
_LARGE = 2**31 - 2**20  # bytes of one file, above which tensors stand in a file beside it


class ONNXProgram:
    """A model that has been exported.

    Attributes:
        model_proto: the model, as the package onnx knows it.
    """

    def __init__(self, model_proto: Any):
        self.model_proto = model_proto

    def save(self, destination: Any, *, external_data: bool | None = None) -> None:
        """Write the model to a file.

        Args:
            destination: a path, or a file opened for writing bytes.
            external_data: whether parameters stand in a file beside it, ``<destination>.data``; of models above 2 GB
                unless given.

        >>> program = torch.onnx.export(torch.exp, torch.ones(2))  # doctest: +SKIP
        >>> program.save("exp.onnx")  # doctest: +SKIP
        """
        onnx = library()
        if hasattr(destination, "write"):
            destination.write(self.model_proto.SerializeToString())
            return
        path = Path(destination)
        large = self.model_proto.ByteSize() > _LARGE
        model = type(self.model_proto)()
        model.CopyFrom(self.model_proto)
        beside = path.name + ".data"
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".onnx-") as folder:
            whole = Path(folder) / path.name
            if large if external_data is None else external_data:
                onnx.save_model(model, whole, save_as_external_data=True, location=beside, size_threshold=1024)
                if (data := Path(folder) / beside).exists():
                    os.replace(data, path.parent / beside)
            else:
                onnx.save_model(model, whole)
            os.replace(whole, path)

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        return f"ONNXProgram({len(graph.node)} nodes, {len(graph.initializer)} initializers)"


def export(
    model: Any,
    args: Any = (),
    f: Any = None,
    *,
    kwargs: dict[str, Any] | None = None,
    export_params: bool = True,
    verbose: bool | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_axes: Any = None,
    dynamic_shapes: Any = None,
    keep_initializers_as_inputs: bool = False,
    external_data: bool | None = None,
    dynamo: bool = True,
    training: Any = None,
    do_constant_folding: bool = True,
    **options: Any,
) -> ONNXProgram:
    """A module or a function as an ONNX model: its calls with the given inputs become the nodes of a graph.

    The module is exported as it is in ``eval()``. What the program decides in Python by the values of elements is fixed
    by the given inputs, with a warning. Integers that follow the sizes of dynamic dimensions are found by running the
    program with other sizes; the graph computes them.

    Args:
        model: a module, or a function of tensors.
        args: the inputs: a tensor, or a tuple. A dict at its end holds inputs by name.
        f: a path, or a file opened for writing bytes.
        kwargs: inputs by name.
        export_params: accepted; parameters are always written, by the names of ``state_dict``.
        verbose: print the nodes.
        input_names, output_names: names in the graph; those of the parameters of ``forward``, and ``output``, unless
            given.
        opset_version: the version of ONNX's operators, 18 to 23; 20 unless given.
        dynamic_axes: by the names of inputs and outputs the dimensions whose sizes may be others: ``{0: "batch"}`` or
            a list of numbers.
        dynamic_shapes: the same for inputs in their order, or by the names of the parameters of ``forward``.
        keep_initializers_as_inputs: whether parameters are inputs, too.
        external_data: whether parameters stand in a file of their own beside ``f``; of models above 2 GB unless given.
        dynamo, training, do_constant_folding, **options: accepted; there is one way to export.

    Returns:
        The program; also if it was written to ``f``.

    Raises:
        ModuleNotFoundError: the package onnx is not installed.
        OnnxExporterError: the program cannot be exported. ``UnsupportedOperatorError`` names a function that has no
            form in ONNX here, and the line of the program.

    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    >>> torch.onnx.export(net, torch.ones(1, 3), dynamic_axes={"input": {0: "batch"}})  # doctest: +SKIP
    ONNXProgram(2 nodes, 2 initializers)
    """
    library()
    opset = 20 if opset_version is None else opset_version
    if opset not in OPSETS:
        raise ValueError(f"opset_version must be from {OPSETS[0]} to {OPSETS[-1]}, not {opset_version!r}")
    given, by_name = _arguments(args, kwargs)
    named = _arguments_by_name(model, given, by_name)
    inputs = list(tensors((given, by_name)))
    if len(set(map(id, inputs))) != len(inputs):
        raise OnnxExporterError("an input is given twice; give a copy: x.clone()")
    names = _for_tensors(named, given, by_name, input_names)
    dynamic = _dynamic(model, inputs, names, dynamic_axes, dynamic_shapes)
    was = [(m, m.training) for m in model.modules()] if isinstance(model, torch.nn.Module) else []
    for m, _ in was:
        m.training = False
    try:
        runs, results, sizes = _runs(model, given, by_name, inputs, dynamic)
    finally:
        for m, training_ in was:
            m.training = training_
    graph = Graph(opset)
    graph.names_of = {id(m): name for name, m in model.named_modules()} if was else {}
    written = _write(graph, model, inputs, names, dynamic, runs, results, sizes, output_names, dynamic_axes)
    program = ONNXProgram(_model(graph, model, *written, keep_initializers_as_inputs))
    if verbose:
        print(library().printer.to_text(program.model_proto.graph))
    if f is not None:
        program.save(f, external_data=external_data)
    return program


# --- inputs ---------------------------------------------------------------------------------------------------


def _arguments(args: Any, kwargs: dict[str, Any] | None) -> tuple[tuple, dict[str, Any]]:
    given = args if isinstance(args, tuple) else tuple(args) if isinstance(args, list) else (args,)
    by_name = dict(kwargs or {})
    if given and isinstance(given[-1], dict) and kwargs is None:
        given, by_name = given[:-1], dict(given[-1])
    return given, by_name


def _arguments_by_name(model: Any, given: tuple, by_name: dict[str, Any]) -> list[tuple[str, Any]]:
    """The parameters of ``forward`` that are given, with their arguments."""
    try:
        bound = inspect.signature(getattr(model, "forward", model)).bind(*given, **by_name)
    except (TypeError, ValueError):
        return [(f"input_{i}", value) for i, value in enumerate(given)] + list(by_name.items())
    found: list[tuple[str, Any]] = []
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found += [(f"{name}_{i}" if len(value) > 1 else name, v) for i, v in enumerate(value)]
        elif kind is inspect.Parameter.VAR_KEYWORD:
            found += list(value.items())
        else:
            found.append((name, value))
    return found


def _for_tensors(named: list[tuple[str, Any]], given: tuple, by_name: dict[str, Any], wanted: Any) -> list[str]:
    """A name for each tensor, in the order of the arguments."""
    by_tensor: dict[int, str] = {}
    for name, value in named:
        found = list(tensors(value))
        for i, x in enumerate(found):
            by_tensor[id(x)] = name if len(found) == 1 and isinstance(value, torch.Tensor) else f"{name}_{i}"
    names = [by_tensor[id(x)] for x in tensors((given, by_name))]
    for i, name in enumerate(wanted or ()):
        if i >= len(names):
            raise ValueError(f"input_names has {len(wanted)} names for {len(names)} tensors")
        names[i] = name
    return names


def _axes(said: Any, prefix: str) -> dict[int, str]:
    if said is None:
        return {}
    if isinstance(said, Mapping):
        entries = list(said.items())
    elif isinstance(said, list | tuple) and any(not isinstance(v, int) for v in said):
        entries = list(enumerate(said))
    else:
        entries = [(d, None) for d in said]
    found: dict[int, str] = {}
    for d, name in entries:
        if name is None and isinstance(said, Mapping | tuple) and not isinstance(said, list):
            continue
        if isinstance(name, int):
            continue  # a size that is meant to stay
        text = getattr(name, "__name__", name)
        found[d] = text if isinstance(text, str) and text not in ("AUTO", "DYNAMIC") else f"{prefix}_dim_{d}"
    return found


def _dynamic(
    model: Any, inputs: list[torch.Tensor], names: list[str], dynamic_axes: Any, dynamic_shapes: Any
) -> list[dict[int, str]]:
    """For each input, the names of its dynamic dimensions."""
    found: list[dict[int, str]] = [{} for _ in inputs]
    if dynamic_shapes is not None:
        if isinstance(dynamic_shapes, Mapping):
            parts = [dynamic_shapes.get(name) for name in names]
            unknown = set(dynamic_shapes) - set(names)
            if unknown:
                raise ValueError(f"dynamic_shapes names {sorted(unknown)}; the inputs are {names}")
        else:
            parts = list(dynamic_shapes)
        for i, said in enumerate(parts[: len(inputs)]):
            found[i] |= _axes(said, names[i])
    for name, said in (dynamic_axes or {}).items():
        if name in names:
            found[names.index(name)] |= _axes(said, name)
    for x, axes, name in zip(inputs, found, names, strict=True):
        for d in list(axes):
            if not -x.dim() <= d < x.dim():
                raise ValueError(f"{name} has {x.dim()} dimensions; dimension {d} cannot be dynamic")
            axes[d % x.dim()] = axes.pop(d)
    sizes: dict[str, int] = {}
    for x, axes in zip(inputs, found, strict=True):
        for d, symbol in axes.items():
            if sizes.setdefault(symbol, x.shape[d]) != x.shape[d]:
                raise ValueError(f"the dynamic dimension {symbol!r} has the sizes {sizes[symbol]} and {x.shape[d]}")
    return found


def _resized(x: torch.Tensor, axes: dict[int, str], sizes: dict[str, int]) -> torch.Tensor:
    """An input with other sizes: repeated, or a part of it."""
    for d, symbol in axes.items():
        n, wanted = x.shape[d], sizes[symbol]
        if n < wanted:
            x = torch.cat([x] * -(-wanted // n), d)
        x = torch.narrow(x, d, 0, wanted)
    return x.clone()


def _replaced(value: Any, new: dict[int, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return new[id(value)]
    if isinstance(value, dict):
        return type(value)({k: _replaced(v, new) for k, v in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_replaced(v, new) for v in value])
    if isinstance(value, list | tuple):
        return type(value)(_replaced(v, new) for v in value)
    return value


def _runs(
    model: Any, given: tuple, by_name: dict[str, Any], inputs: list[torch.Tensor], dynamic: list[dict[int, str]]
) -> tuple[list[list[Call]], list[Any], list[dict[str, int]]]:
    """The calls and results of a run with the given inputs, and of two more for each dynamic dimension."""
    held = list(_held(model).values())

    def run(changed: list[torch.Tensor]) -> tuple[list[Call], Any]:
        new = {id(x): y for x, y in zip(inputs, changed, strict=True)}
        return record(model, _replaced(given, new), _replaced(by_name, new), held, lambda name: find(name) is not None)

    base = {s: x.shape[d] for x, axes in zip(inputs, dynamic, strict=True) for d, s in axes.items()}
    calls, result = run(inputs)
    runs, results, sizes = [calls], [result], [base]
    for symbol, n in base.items():
        failed: Exception | None = None
        for others in ((2 * n, 3 * n), (n + 1, n + 2), (n - 1, n - 2), (n // 2, n // 4)):
            if min(others) < 1:
                continue
            found = []
            try:
                for other in others:
                    changed = base | {symbol: other}
                    found.append(
                        (*run([_resized(x, a, changed) for x, a in zip(inputs, dynamic, strict=True)]), changed)
                    )
            except OnnxExporterError:
                raise
            except Exception as e:
                failed = failed or e
                continue
            for c, r, s in found:
                runs.append(c)
                results.append(r)
                sizes.append(s)
            break
        else:
            raise OnnxExporterError(
                f"the program does not run with other sizes of {symbol!r} than {n}: {failed}"
            ) from failed
    for again, s in zip(runs[1:], sizes[1:], strict=True):
        for a, b in zip(calls, again, strict=False):
            if (a.name, a.where) != (b.name, b.where):
                raise OnnxExporterError(
                    f"{a.where}: with the sizes {s} the program calls {b.name} ({b.where}), where it called {a.name} "
                    f"with {base}. A dimension whose size decides what is done cannot be dynamic."
                )
        if len(again) != len(calls):
            raise OnnxExporterError(
                f"with the sizes {s} the program makes {len(again)} calls, with {base} {len(calls)}"
            )
    if len(base) > 1:  # the products of sizes are found where two change at once
        changed = dict(base)
        for row in sizes[1:]:
            changed |= {k: v for k, v in row.items() if v != base[k]}
        try:
            more, result = run([_resized(x, a, changed) for x, a in zip(inputs, dynamic, strict=True)])
        except Exception:
            more = []
        if [c.name for c in more] == [c.name for c in calls]:
            runs.append(more)
            results.append(result)
            sizes.append(changed)
    return runs, results, sizes


def _held(model: Any) -> dict[str, torch.Tensor]:
    """Parameters and buffers by their names."""
    if not isinstance(model, torch.nn.Module):
        return {}
    return dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))


# --- the graph ------------------------------------------------------------------------------------------------


def find(name: str) -> tuple[table.Exporter, bool, bool] | None:
    """As ``table.find``; an op that is not in the table is exported by its scalar body, if it has one."""
    found = table.find(name)
    if found is None and (made := body_exporter(name)) is not None:
        return made, False, False
    return found


class _Writer:
    """Writes calls into a graph.

    Attributes:
        values: by the ``id`` of tensors of the first run.
    """

    def __init__(self, graph: Graph, model: Any):
        self.graph = graph
        self.values: dict[int, Value] = {}
        self.kept: list[torch.Tensor] = []  # whose addresses stand in ``values``
        self.stale: dict[int, str] = {}
        self.following: set[int] = set()  # tensors whose elements follow the inputs, or sizes
        self.parameters = {id(x): name for name, x in reversed(_held(model).items())}

    def bind(self, x: torch.Tensor, value: Value) -> None:
        """Say what a tensor is in the graph."""
        self.values[id(x)] = value
        self.kept.append(x)
        self.stale.pop(id(x), None)

    def value(self, x: torch.Tensor) -> Value:
        """What a tensor is in the graph; an initializer if it is no result of a call."""
        if id(x) in self.stale:
            raise self.graph.fail(
                f"a tensor is read that shares memory with one that was written to at {self.stale[id(x)]}; "
                "write to a clone(), or use the form that writes to nothing"
            )
        found = self.values.get(id(x))
        if found is None:
            if id(x) not in self.parameters and any(self._shares(x, y) for y in self.kept if id(y) in self.following):
                raise self.graph.fail("a tensor is read that was made of others in a way that is not known here")
            found = self.graph.constant(x, name=self.parameters.get(id(x)))
            self.bind(x, found)
        return found

    def given(self, value: Any) -> Any:
        """An argument, with values in place of tensors."""
        if isinstance(value, torch.Tensor):
            return self.value(value)
        if isinstance(value, Size | torch.nn.Module):
            return value
        if isinstance(value, slice):
            return slice(*[self.given(v) for v in (value.start, value.stop, value.step)])
        if isinstance(value, dict):
            return {k: self.given(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            parts = [self.given(v) for v in value]
            return parts if isinstance(value, list) else tuple(parts)
        return value

    def follows(self, value: Any) -> bool:
        """Whether an argument is not the same for all inputs."""
        if isinstance(value, Size):
            return True
        if isinstance(value, torch.Tensor):
            return id(value) in self.following or id(value) in self.parameters
        if isinstance(value, torch.nn.Module):
            return True
        if isinstance(value, slice):
            return any(self.follows(v) for v in (value.start, value.stop, value.step))
        if isinstance(value, dict):
            return any(self.follows(v) for v in value.values())
        return isinstance(value, list | tuple) and any(self.follows(v) for v in value)

    def write(self, call: Call, args: Any, kwargs: Any) -> None:
        """Write a call."""
        g = self.graph
        made = find(call.name)
        assert made is not None
        exporter, exchanged, in_place = made
        g.where, g.called = call.where, call.name.rstrip("_").rpartition(".")[2]
        results = list(tensors(call.result))
        drawn = call.name in ("rand", "randn", "rand_like", "randn_like")
        if not self.follows((args, kwargs)) and not drawn and not in_place:
            return  # its results are constants
        self.following |= {id(x) for x in results}
        kwargs = {
            {"axis": "dim", "keepdims": "keepdim"}.get(k, k): v
            for k, v in kwargs.items()
            if k not in ("out", "inplace")
        }
        written = call.args[0] if in_place or call.kwargs.get("inplace") else None
        target = written if isinstance(written, torch.Tensor) else None
        g.result = target if target is not None else call.result
        values = self.given(args)
        if exchanged:
            values = (values[1], values[0], *values[2:])
        found = exporter(g, *values, **self.given(kwargs))
        if target is not None:
            self._overwritten(target, found, call)
            return
        flat = list(_values(found))
        if len(flat) != len(results):
            raise g.fail(f"{call.name} gives {len(results)} tensors; {len(flat)} were written")
        for x, value in zip(results, flat, strict=True):
            value.shape = tuple(x.shape)
            self.bind(x, value)

    def _overwritten(self, target: torch.Tensor, found: Value, call: Call) -> None:
        g = self.graph
        if target._base is not None and any(self._shares(target, x) and x is not target for x in self.kept):
            raise g.fail(
                f"{call.name} writes to a view of another tensor, which has no form in ONNX that is known here"
            )
        value = g.cast(found, target.dtype)
        if tuple(value.shape) != tuple(target.shape):
            value = g.op("Expand", value, g.ints(target.shape), like=target)
        for x in self.kept:
            if x is not target and self._shares(target, x):
                self.stale[id(x)] = call.where
        self.following.add(id(target))
        self.bind(target, value)
        for x in tensors(call.result):  # the same tensor, as another object at times
            self.following.add(id(x))
            self.bind(x, value)

    @staticmethod
    def _shares(a: torch.Tensor, b: torch.Tensor) -> bool:
        return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _values(found: Any) -> Any:
    if isinstance(found, Value):
        yield found
    elif isinstance(found, list | tuple):
        for part in found:
            yield from _values(part)


def _write(
    graph: Graph,
    model: Any,
    inputs: list[torch.Tensor],
    names: list[str],
    dynamic: list[dict[int, str]],
    runs: list[list[Call]],
    results: list[Any],
    sizes: list[dict[str, int]],
    output_names: Any,
    dynamic_axes: Any,
) -> tuple[list[Any], list[Any]]:
    """Fill the graph; its inputs and outputs."""
    helper = library().helper
    writer = _Writer(graph, model)
    declared = []
    for x, name, axes in zip(inputs, names, dynamic, strict=True):
        value = Value(graph.name(name), x.dtype, x.shape)
        writer.bind(x, value)
        writer.following.add(id(x))
        for d, symbol in axes.items():
            graph.sources.setdefault(symbol, (value, d))
        shape = [axes.get(d, s) for d, s in enumerate(x.shape)]
        declared.append(helper.make_tensor_value_info(value.name, NUMBERS[x.dtype], shape))
    for name in reversed(list(writer.parameters.values())):
        graph.names.discard(name)
    for calls in zip(*runs, strict=True):
        call = calls[0]
        args, kwargs = (merged([getattr(c, what) for c in calls], sizes, call.where) for what in ("args", "kwargs"))
        writer.write(call, args, kwargs)
    outputs = list(tensors(_plain(results[0])))
    if not outputs:
        raise OnnxExporterError("the program gives no tensor")
    others = [list(tensors(_plain(r))) for r in results]
    finished = []
    for i, x in enumerate(outputs):
        wanted = (
            output_names[i]
            if output_names and i < len(output_names)
            else "output"
            if len(outputs) == 1
            else f"output_{i}"
        )
        graph.where = "result"
        value = writer.value(x)
        name = graph.name(wanted)
        graph.nodes.append(helper.make_node("Identity", [value.name], [name], name=graph.name("node_output")))
        sizes_of: list[Any] = []
        for d, s in enumerate(x.shape):
            seen = [o[i].shape[d] for o in others]
            sizes_of.append(s if len(set(seen)) == 1 else _symbol(seen, sizes, name, d))
        finished.append(helper.make_tensor_value_info(name, NUMBERS[x.dtype], sizes_of))
    return declared, finished


def _plain(result: Any) -> Any:
    """A result, with what has attributes like a dict as a dict."""
    return dict(result) if isinstance(result, Mapping) else result


def _symbol(values: list[int], sizes: list[dict[str, int]], name: str, d: int) -> str:
    try:
        size = follow(values, sizes, name)
    except OnnxExporterError:
        return f"{name}_dim_{d}"
    text = "*".join(size.dims)
    if size.factor != 1:
        text = f"{size.factor}*{text}"
    return text + (f" + {size.more}" if size.more > 0 else f" - {-size.more}" if size.more < 0 else "")


def _model(graph: Graph, model: Any, inputs: list[Any], outputs: list[Any], as_inputs: bool) -> Any:
    onnx = library()
    nodes, initializers = _needed(graph, [o.name for o in outputs])
    if as_inputs:
        inputs = [
            *inputs,
            *[onnx.helper.make_tensor_value_info(i.name, i.data_type, list(i.dims)) for i in initializers],
        ]
    made = onnx.helper.make_graph(nodes, "main_graph", inputs, outputs, initializers)
    return onnx.helper.make_model(
        made,
        opset_imports=[onnx.helper.make_opsetid("", graph.opset)],
        ir_version=_IR_VERSIONS[graph.opset],
        producer_name="numtorch",
        producer_version=__version__,
    )


def _needed(graph: Graph, outputs: list[str]) -> tuple[list[Any], list[Any]]:
    """The nodes and initializers that outputs need."""
    needed, kept = set(outputs), []
    for node in reversed(graph.nodes):
        if any(name in needed for name in node.output):
            kept.append(node)
            needed |= set(node.input)
    return kept[::-1], [i for name, i in graph.initializers.items() if name in needed]
