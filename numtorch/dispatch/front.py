"""Fronts: the Python functions that users call. Each is generated for one op, so that a call does only what this op
needs.

The front of ``mul`` begins:

    def mul(input, other, *, out=None):
        t = type(other)
        try:
            entry, kind, storage, recipes = fast[input._k, t if t is float or t is int else other._k]
        except (KeyError, AttributeError, TypeError):
            n = LARGE  # errors of the general path then do not show this exception as their cause
        if n > SMALL:
            return by_shapes(input, other, out)
        ...

``by_shapes`` is a second generated function, for large or broadcast operands and for ``out``. It uses the plan for
their shapes; if there is none, it calls the general path, ``Op.run``.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from textwrap import indent
from typing import Any

import numpy as np

from numtorch._tensor import Tensor, alias, placed
from numtorch.arguments import dimensions, flag, integer, integers, sequence, sizes
from numtorch.autograd.inplace import wrote
from numtorch.autograd.node import Node, watch
from numtorch.dispatch.aliases import OTHER, asked, literal, others, pairs, renamed, shown
from numtorch.dispatch.binding import META, bound_arguments, optional
from numtorch.dispatch.interception import STANDING_BY
from numtorch.dispatch.out import into
from numtorch.dispatch.program import beyond
from numtorch.dispatch.text import compiled
from numtorch.dtype import int8, int16, int32, uint8
from numtorch.grad_mode import mode
from numtorch.kernels import registry
from numtorch.storage import UNSHARED, Kind, Storage, tick

# Inside formulas x, y, w, b are inputs; the public names of these arguments are torch's.
PUBLIC = {"x": "input", "y": "other", "w": "weight", "b": "bias", "t": "target"}

NARROW = (uint8, int8, int16, int32)
OPERANDS = Tensor, bool, int, float, complex, np.generic, np.ndarray  # what operators are not refused for
SMALL = 1 << 15  # elements up to which a result is a plain NumPy buffer and the kernel serial


def _public(names: list[str]) -> list[str]:
    return [PUBLIC.get(n, n) for n in names]


def _defaults(params: list, env: dict) -> list[str]:
    texts = []
    for i, (n, default) in enumerate(params):
        if default is inspect.Parameter.empty:
            texts.append(n)
        else:
            env[f"default{i}"] = default
            texts.append(f"{n}=default{i}")
    return texts


def build(op: Any) -> Callable:
    """The front of an op: written and compiled when it is first called, so that importing costs nothing."""
    call, op.front_env = _blank(op)
    return call


def operator(op: Any, first: Callable | None = None) -> Callable:
    """The front once more, for Python's operator: beside an operand of a foreign class it answers ``NotImplemented``,
    so that this class has its turn. Only the general path looks for one: of an op that is not elementwise
    ``first(tensors, params)``."""

    def run(tensors: tuple, params: tuple, out: Tensor | None) -> Any:
        try:
            return op.run(tensors, params, out)
        except TypeError:
            if isinstance(tensors[1], OPERANDS):
                raise
            return NotImplemented

    call, env = _blank(op)
    env |= {"run": run} if first is None else {"_first": first}
    call.op = op
    return call


def _blank(op: Any) -> tuple[Any, dict[str, Any]]:
    """A function that will be a front, and its globals."""
    env: dict[str, Any] = {}
    call: Any = types.FunctionType(_unwritten.__code__, env, op.name)
    call.__qualname__ = op.name  # what Python's complaints about arguments call it
    env["_write"] = lambda: write(op, call)
    env["_front"] = call
    call.__signature__ = Signature(lambda: _signature(op, call))
    return call, env


class Signature(inspect.Signature):
    """A signature that is found out when it is asked for."""

    __slots__ = ("find",)

    def __init__(self, find: Callable[[], inspect.Signature]):
        self.find = find

    @property
    def _parameters(self) -> Any:
        return self.find().parameters

    @property
    def _return_annotation(self) -> Any:
        return inspect.Signature.empty

    def replace(self, **changed: Any) -> inspect.Signature:  # type: ignore[override]
        """The signature with some of it changed, as Python makes that of a bound method."""
        return self.find().replace(**changed)


def _signature(op: Any, call: Any) -> inspect.Signature:
    """The signature of a front, for which it is written."""
    call = write(op, call)
    plain = types.FunctionType(call.__code__, {}, call.__name__, call.__defaults__)
    plain.__kwdefaults__ = call.__kwdefaults__
    return shown(plain, op.params) if "_renamed" in op.front_env else inspect.signature(plain)


def _unwritten(*args, **kwargs):
    _write()  # noqa: F821 - of the front's own globals
    return _front(*args, **kwargs)  # noqa: F821


def write(op: Any, call: Any = None) -> Callable:
    """Give an op's front its code; the function stays the same object."""
    call = call or op.call
    call = STANDING_BY.get(call, call)
    if call.__code__ is _unwritten.__code__:
        env = call.__globals__
        made: Any = _elementwise(op, env) if op.elementwise else _structured(op, env)
        call.__defaults__, call.__kwdefaults__ = made.__defaults__, made.__kwdefaults__
        call.__code__ = made.__code__
        call.source = made.source
    return call


# What the text of an elementwise front is made of, beside the names of operands and parameters.
_WORDS = (
    "AttributeError KeyError OverflowError Tensor TypeError UNSHARED buf by_shapes empty entry fast float int "
    "kind mode n new op out plan plans recipes record run storage type unfit wrote y"
)
INNER = set(_WORDS.split())


def rewrite(owner: Any) -> None:
    """Have the front of an op written anew at its next call: what it is made of has changed."""
    call: Any = getattr(owner, "call", None)
    call = STANDING_BY.get(call, call)
    if hasattr(call, "source"):
        call.__code__, call.__defaults__, call.__kwdefaults__ = _unwritten.__code__, None, None
        del call.source


def _elementwise(op: Any, env: dict[str, Any]) -> Callable:
    """The front of an elementwise op; where its operands or parameters are called as the text's own names, one around a
    front in which they are called otherwise."""
    names, params = _public(op.tensors), [n for n, _ in op.params]
    texts = _defaults(op.params, env)
    if not any(n in INNER or re.fullmatch(r"[tx]\d*", n) for n in [*names, *params]):
        return _own_path(op, env, names, params, texts)
    inner = _own_path(op, env, [f"{n}_" for n in names], [f"{n}_" for n in params], [f"{n}_" for n in params])
    env["inner_"] = inner
    rest = (["*", "out=None"], ", out=out") if op.out is None else ([], "")
    text = f"def {op.name}({', '.join([*names, *texts, *rest[0]])}):\n"
    text += f"    return inner_({', '.join([*names, *params])}{rest[1]})\n"
    return compiled(op.name, text, env)


def _own_path(op: Any, env: dict[str, Any], names: list[str], params: list[str], texts: list[str]) -> Callable:
    env.setdefault("run", op.run)
    env |= {"fast": op.entry.memo, "mode": mode, "new": object.__new__, "Tensor": Tensor, "empty": np.empty, "op": op}
    signature = names + texts + (["*", "out=None"] if op.out is None else [])
    extra = ", ".join(params) + ("," if len(params) == 1 else "")
    first = names[0]
    lookup = ", ".join([f"{first}._k", *[f"{t} if {_is_number(t)} else {n}._k" for n, t in _types(names)]])
    other = [f"({t} is not float and {t} is not int and {n}.shape != {first}.shape)" for n, t in _types(names)]
    by_shapes = f"by_shapes({', '.join(names + params)}, out)"
    same = f"        if {' or '.join(other)}:\n            return {by_shapes}\n" if other else ""
    operands = _operands(names)
    edge = [
        f"{first}._edge is not None",
        *[f"(not ({_is_number(t)}) and {n}._edge is not None)" for n, t in _types(names)],
    ]
    text = f"def {op.name}({', '.join(signature)}):\n{_type_lines(names)}" + (
        "" if op.out is None else "    out = None\n"
    )
    text += f"""    try:
        entry, kind, storage, recipes = fast[{lookup}]
{same}        x0 = {first}._buf
        n = x0.size
    except (KeyError, AttributeError, TypeError):
        n = {1 << 62}
    if n > {min(SMALL, op.program.limit - 1)} or out is not None:
        return {by_shapes}
    buf = empty(n, storage)
{_launch(op, "entry", [*operands, *params, "buf"], params)}
    y = new(Tensor)
    y._buf = buf
    y.shape = {first}.shape
    y._k = kind
"""
    if op.differentiable and not op.whole:
        text += f"    if ({' or '.join(edge)}) and mode.grad and op.gradient is not None:\n"
        text += f"        record({', '.join(names)}, ({extra}), y, recipes)\n"
    text += "    return y\n"
    env["record"] = lambda *given: _first_record(op, env, "record", specialise_record, given)
    env["record_shapes"] = lambda *given: _first_record(op, env, "record_shapes", _record_shapes, given)
    env |= {"plans": op.plans, "wrote": wrote, "unfit": unfit, "UNSHARED": UNSHARED}
    env["by_shapes"] = compiled("by_shapes", _by_shapes(op, names, params, edge), env)
    return compiled(op.name, text, env)


def _types(names: list[str]) -> list[tuple[str, str]]:
    """(operand, the variable of its class) of those that may be Python numbers: all but the first."""
    return [(n, "t" if len(names) == 2 else f"t{i}") for i, n in enumerate(names[1:], 1)]


def _type_lines(names: list[str]) -> str:
    return "".join(f"    {t} = type({n})\n" for n, t in _types(names))


def _is_number(t: str) -> str:
    return f"{t} is float or {t} is int"


def _operands(names: list[str]) -> list[str]:
    return ["x0", *[f"{n} if {_is_number(t)} else {n}._buf" for n, t in _types(names)]]


def _launch(op: Any, entry: str, arguments: list[str], params: list[str], indent: str = "    ", then: str = "") -> str:
    """The lines that call a kernel. What Numba says of an integer beyond float64 is said in words."""
    lines = [f"{entry}({', '.join(arguments)})"]
    numbers = [a.split(" if ")[0] for a in arguments if " if " in a] + params
    if numbers:
        lines = [
            "try:",
            f"    {lines[0]}",
            "except (TypeError, OverflowError):",
            f"    unfit({op.name!r}, ({', '.join(numbers)},))",
        ]
    if then:
        lines += ["finally:", f"    {then}"] if numbers else [then]
    return "\n".join(indent + line for line in lines)


def unfit(op: str, values: tuple) -> None:
    """Raise what a kernel refused its numbers for."""
    error = beyond(op, values)
    for v in values:
        if not isinstance(v, OPERANDS):
            error = TypeError(f"{op}(): expected a number, got {type(v).__name__}")
    if error is None:
        raise  # noqa: PLE0704 - called where an exception is handled
    raise error from None


def _by_shapes(op: Any, names: list[str], params: list[str], edge: list[str]) -> str:
    """The function that takes what the front's own path does not, large and broadcast operands and ``out``, by the plan
    for their shapes.

    For ``mul`` it reads:

        def by_shapes(input, other, out):
            t = type(other)
            try:
                plan = plans[input._k, input.shape, t if t is float or t is int else other._k,
                    None if t is float or t is int else other.shape]
                x0 = input._buf
            except (KeyError, AttributeError, TypeError):
                plan = None
            if plan is None:
                return run((input, other,), (), out)
            ...
    """
    lookup = [f"{names[0]}._k", f"{names[0]}.shape"]
    for n, t in _types(names):
        lookup += [f"{t} if {_is_number(t)} else {n}._k", f"None if {_is_number(t)} else {n}.shape"]
    general = f"run(({', '.join(names)},), ({''.join(f'{p}, ' for p in params)}), out)"
    operands = _operands(names)
    wanted = f"({' or '.join(edge)})"
    tensors = [names[0], *[f"({_is_number(t)}) is False and {n}" for n, t in _types(names)]]
    shared = (
        f"out is {names[0]} or out._storage is not UNSHARED and ("
        + " or ".join(f"{t}._storage is out._storage" for t in tensors)
        + ")"
    )
    tracked = f" \\\n                or mode.grad and (out._edge is not None or {wanted})" if op.differentiable else ""
    text = f"def by_shapes({', '.join(names + params)}, out):\n{_type_lines(names)}"
    text += f"""    try:
        plan = plans[{", ".join(lookup)}]
        x0 = {names[0]}._buf
    except (KeyError, AttributeError, TypeError):
        plan = None
    if plan is None:
        return {general}
    kind = plan.kinds[0]
    if out is not None:
        if out.__class__ is not Tensor or out._k is not kind or out.shape != plan.shape or {shared}{tracked}:
            return {general}
{_launch(op, "plan.entry", [*operands, *params, "out._buf", "*plan.geometry"], params, "        ", "wrote(out)")}
        return out
    y = new(Tensor)
    y.shape = plan.shape
    y._k = kind
    y._buf = buf = plan.make()
{_launch(op, "plan.entry", [*operands, *params, "buf", "*plan.geometry"], params)}
"""
    if op.differentiable:
        text += f"    if {wanted} and mode.grad and op.gradient is not None:\n"
        text += f"        record_shapes({', '.join(names)}, ({''.join(f'{p}, ' for p in params)}), y, plan.recipes)\n"
    return text + "    return y\n"


def _first_record(op: Any, env: dict[str, Any], name: str, specialise: Callable, given: tuple) -> None:
    env[name] = specialise(op)
    env[name](*given)


def _record_shapes(op: Any) -> Callable:
    """``record`` for operands that are large or broadcast: their node knows their shapes, too, where these differ."""
    return specialise_record(op, op.gradient.recipe_by_shapes, inputs="recipe.inputs")


def specialise_record(op: Any, find: Callable | None = None, **fields: str) -> Callable:
    """Write out ``record`` for operands of one shape, the only ones that the front's own path sees. ``fields`` are
    texts for other fields of the node; ``find`` makes its recipe.

    For ``mul`` it reads:

        def record(x_, y_, params, out, recipes):
            edge_x_ = x_._edge
            edge_y_ = None if (plain_y_ := y_.__class__ is float or y_.__class__ is int) else y_._edge
            needs = (edge_x_ is not None, edge_y_ is not None)
            recipe = recipes.get(needs) or find(recipes, needs, (x_, y_), params, out)
            used = recipe.used
            out._edge = node = new(Node)
            node.op = op
            node.edges = (edge_x_, edge_y_)
            node.saved = [x_ if used[0] else None, y_ if used[1] or plain_y_ else None]
            node.needs = needs
            node.recipe = recipe
            node.seq = tick()
            if mode.watched:
                watch(node)
    """
    gradient, names = op.gradient, [f"{n}_" for n in op.tensors]  # no name of the text's own ends so
    lines = [f"def record({', '.join(names)}, params, out, recipes):"]
    for i, n in enumerate(names):
        get = f"{n}._edge"
        if i:  # the front takes Python numbers in all places but the first
            get = f"None if (plain_{n} := {n}.__class__ is float or {n}.__class__ is int) else {get}"
        lines.append(f"    edge_{n} = {get}")
    needs = "(" + ", ".join(f"edge_{n} is not None" for n in names) + ",)" if len(names) > 1 else "ALONE"
    lines += [
        f"    needs = {needs}",
        f"    recipe = recipes.get(needs) or find(recipes, needs, ({', '.join(names)},), params, out)",
        "    used = recipe.used",
    ]
    saved = []
    for slot, i in enumerate(gradient.saves):
        keep = f"used[{slot}] or plain_{names[i]}" if i else f"used[{slot}]"
        saved.append(f"{names[i]} if {keep} else None")
    if gradient.saves_out:
        lines += [
            f"    if used[{len(gradient.saves)}]:",
            *[f"        {line}" for line in ALIAS],
            "    else:",
            "        kept = None",
        ]
        saved.append("kept")
    lines += [
        f"    {line}"
        for line in _node_lines(
            op, [f"edge_{n}" for n in names], saved, "params", needs="needs", recipe="recipe", **fields
        )
    ]
    env = _node_env(op) | {"find": find or gradient.recipe, "ALONE": (True,)}
    return compiled("record", "\n".join(lines) + "\n", env)


# ``alias(out)`` of a result that nothing else has seen yet: one call less.
ALIAS = [
    "kept = new(Tensor)",
    "kept.shape = out.shape",
    "kept._buf = out._buf",
    "kept._k = out._k",
    "out._storage = kept._storage = storage = new(Storage)",
    "storage.data = out._buf",
]


def _node_lines(op: Any, edges: list[str], saved: list[str], params: str, p: str = "", **fields: str) -> list[str]:
    """``out._edge = Node(...)`` written out: without a call, and without fields that keep their defaults. Names of the
    text's own begin with ``p``."""
    lines = [f"{p}out._edge = {p}node = {p}new({p}Node)", f"{p}node.op = {p}op"]
    lines += [f"{p}node.edges = ({', '.join(edges)},)"]
    lines += [f"{p}node.saved = [{', '.join(saved)}]"] if saved else []
    lines += [f"{p}node.params = {params}"] if op.params else []
    lines += [f"{p}node.{name} = {value}" for name, value in fields.items()]
    return [*lines, f"{p}node.seq = {p}tick()", f"if {p}mode.watched:", f"    {p}watch({p}node)"]


def _node_env(op: Any) -> dict[str, Any]:
    return {
        "Node": Node,
        "Tensor": Tensor,
        "Storage": Storage,
        "alias": alias,
        "op": op,
        "new": object.__new__,
        "tick": tick,
        "mode": mode,
        "watch": watch,
    }


def remember(op: Any, tensors: tuple, params: tuple, result: Tensor) -> None:
    """Let the front call the kernel itself next time: by the kinds of small operands of one shape, else by the shapes
    too."""
    if not result._k.contiguous or result._k.device.type != "cpu" or len(op.entry.kernels) > 1 or not result._buf.size:
        return
    if not all(type(p) in (int, float) for p in params):
        return
    if op.fit is not None and result._k.dtype in NARROW and any(type(t) is int for t in tensors):
        return  # each number is looked at
    kinds: list = []
    shapes: list = []
    for i, t in enumerate(tensors):
        if isinstance(t, Tensor):
            if not t._k.contiguous:
                return
            kinds.append(t._k)
            shapes.append(t.shape)
        elif i and type(t) in (int, float):
            kinds.append(type(t))
            shapes.append(None)
        else:
            return
    key = tuple([part for pair in zip(kinds, shapes, strict=True) for part in pair])
    if key in op.plans:
        return
    plan = op.program.plan((*tensors, *params), None)
    if plan.jit is None:
        return
    if len(op.plans) > 4096:
        op.plans.clear()
    op.plans[key] = plan
    # 0-dim tensors promote differently, and where a gradient must be cast back only the general path's nodes know it.
    same = all(t.shape == result.shape for t in tensors if isinstance(t, Tensor)) and len(result.shape) > 0
    cast = op.gradient is not None and any(
        isinstance(k, Kind) and k.dtype.differentiable and k.dtype is not result._k.dtype for k in kinds
    )
    if op.whole and result._k.dtype.differentiable:
        return
    if same and not cast and result._buf.size <= SMALL and not plan.jit.parallel and not plan.geometry:
        op.entry.memo[kinds[0] if len(kinds) == 1 else tuple(kinds)] = (
            plan.entry,
            plan.kinds[0],
            plan.kinds[0].dtype.storage,
            {},
        )


def _structured(op: Any, env: dict[str, Any]) -> Callable:
    names = _public(op.tensors)
    env.setdefault("_first", op.first)
    env |= {"_memo": op.entry.memo, "_mode": mode, "_op": op}
    texts = _defaults(op.params, env)
    params = [n for n, _ in op.params]
    positional = len(params) - op.keyword_only
    may_lack = optional(op)
    signature = [f"{n}=None" if t in may_lack - op.lacking else n for n, t in zip(names, op.tensors, strict=True)]
    # A tensor that may be absent can follow parameters in torch's order; the op declares it where torch has it.
    texts, required, second = _aliased(op, texts)
    order = _order(op, signature, texts, positional, [f"{n}=..." for n in second])
    values = ", ".join(names) + ("," if len(names) == 1 else "")
    extra = ", ".join(params) + ("," if len(params) == 1 else "")
    kinds = [
        f"None if {n} is None else {n}._k" if t in may_lack else f"{n}._k"
        for n, t in zip(names, op.tensors, strict=True)
    ]
    given = ", ".join(names + params)
    env |= {f"_{f.__name__}": f for f in op.features}
    lookup = ", ".join(kinds + [n for n in params if n in op.select] + [f"_{f.__name__}({given})" for f in op.features])
    if op.by_shape:
        lookup = ", ".join(
            [
                *[
                    f"None if {n} is None else {n}.{what}" if t in may_lack else f"{n}.{what}"
                    for n, t in zip(names, op.tensors, strict=True)
                    for what in _described(op)
                ],
                *[n for n in params if n not in op.varying],
            ]
        )
    edge = " or ".join(
        f"({n} is not None and {n}._edge is not None)" if t in may_lack else f"{n}._edge is not None"
        for n, t in zip(names, op.tensors, strict=True)
    )
    env |= {"_integer": integer, "_integers": integers, "_dimensions": dimensions, "_flag": flag, "_sizes": sizes}
    written, head = "", ""
    if second:
        all_of_them = pairs([*names, *params, *(["out"] if op.out else [])])
        head = (
            f"    if {asked(params, required)}:\n        return _renamed(_op.call, {tuple(required)}, {all_of_them})\n"
        )
        env["_renamed"] = renamed
    if op.out is not None:
        order += ", out=None" if op.keyword_only or second else ", *, out=None"
        named = [f"{n}={n}" for n in params[positional:]]
        passed = ", ".join([*names, *params[:positional], *named])
        written = f"    if out is not None:\n        return _into(out, _op.out, _op.call, {passed})\n"
        env["_into"] = into
    chosen = f"""    try:
        _launch = _memo[{lookup}]
    except (KeyError, AttributeError, TypeError):
        _launch = None
    if _launch is None:
        return _first(({values}), ({extra}))
"""
    ran, recorded, returned = f"    _out = _launch({given})\n", f"({extra})", "_out"
    if op.where is not None:
        x, rest = names[0], "".join(f", {n}" for n in params)
        made = f"_placed({x}, _where({x}.shape, {x}._strides{rest}))"
        ran = f"    _out = {made} if _launch is _body else _launch({given})\n"
        env |= {"_placed": placed, "_where": op.where}
    if op.by_shape:
        chosen = chosen.replace("_launch", "_plan")
        needed = [n for n, t in zip(names, op.tensors, strict=True) if t not in may_lack]
        planned = [n if n in op.varying else f"_plan.params[{i}]" for i, n in enumerate(params)]
        late = [n for n in params if n in op.seeds]
        recorded = f"({', '.join(planned)},)" if op.varying else "_plan.params"
        ran = run_lines(
            "_plan",
            names,
            needed,
            f"*{recorded}" if params else "",
            late,
            ", ".join([*names, *params][i] for i in op.as_written),
        )
        env |= {"_memo": op.plans, "_new": object.__new__, "_Tensor": Tensor}
        if op.returns is not None:
            returned, env["_returns"] = "_returns(_out)", op.returns
    elif op.direct and len(names) == 1:  # its body is all there is to choose
        chosen = f"    if {names[0]}.__class__ is _Plain:\n        _launch = _body\n    else:\n{indent(chosen, '    ')}"
        env |= {"_body": op.body, "_shortcut": Shortcut(env)}
    tail = chosen + ran
    if op.differentiable:
        tail += f"    if ({edge}) and _mode.grad{' and _op.gradient is not None' * (op.gradient is None)}:\n"
        tail += "".join(f"        {line}\n" for line in _recorded(op, names, recorded, env))
    tail += f"    return {returned}\n"
    if op.listed:
        tail, env["_sequence"] = op.tail(names[0], params), sequence
        written += f"    if {names[0]}.__class__ is not list:\n"
        written += f"        {names[0]} = _sequence({names[0]}, {op.name!r}, {names[0]!r})\n"
    name = op.name.replace(".", "_")
    text = f"def {name}({order}):\n{head}{written}{_checks(op, set(params) - set(required) if second else set())}{tail}"
    if op.arguments is not None:
        op.canonical = compiled(name, f"def {name}({given}):\n{tail}", env)
    return compiled(name, text, env)


class Shortcut:
    """The way of a front past the registry, for an op whose body is all there is to choose: closed while somebody
    watches choices."""

    def __init__(self, env: dict[str, Any]):
        self.env = env
        self.clear()
        registry.watch(self)

    def clear(self) -> None:
        """Open or close it: choices are about to be made anew."""
        self.env["_Plain"] = Tensor if registry.decisions is None else None


def run_lines(
    plan: str, names: list[str], required: list[str], params: str, late: list[str], asked: str, indent: str = "    "
) -> str:
    """The lines that run a plan, into ``_out``: one call of machine code where it is of one result, else all that the
    plan does."""
    run = ", ".join([*names, params] if params else names)
    numbers = ", ".join([f"*{plan}.numbers", *late])
    called, called_with_all = (
        f"{plan}.entry({', '.join(f'{n}._buf' for n in some)}, _buf, {numbers})" for some in (required, names)
    )
    if names != required:
        called = f"{called_with_all} if {plan}.every else {called}"
    lines = [
        f"if {plan}.entry is None:",
        f"    if {plan}.again is not None:",
        f"        return {plan}.again({asked})",
        f"    _out = {plan}.run({run})",
        "else:",
        "    _out = _new(_Tensor)",
        f"    _out.shape = {plan}.shape",
        f"    _out._k = {plan}.kind",
        f"    _out._buf = _buf = {plan}.make()",
        f"    _code = {called}",
        "    if _code and _code > 0:",
        f"        {plan}.failed(_code, {run})",
    ]
    return "".join(f"{indent}{line}\n" for line in lines)


def _checks(op: Any, absent: set[str]) -> str:
    """Lines that make integers of the parameters annotated so, before anything is remembered by them: to a dict 2.0,
    True and 2 are one key. Ops that users do not call get what their callers have checked.

    For a parameter ``dim: int`` they read:

        if dim.__class__ is not int:
            dim = _integer(dim, "unsqueeze", "dim")

    Those of two names that may be absent are given their defaults.
    """
    lines: list[str] = []
    for i, (n, default) in enumerate(op.params):
        start = len(lines)
        kind = op.spec.__annotations__.get(n)
        asked = f'({n}, "{op.name}", "{n}")'
        if kind == "Dims":
            lines += [
                f"if {n} is not None and {n}.__class__ is not int:",
                f"    if {n}.__class__ is not tuple:",
                f"        {n} = _dimensions{asked}",
                "    else:",
                *_all_integers(n, f"_integers{asked}", "        "),
            ]
        elif kind in ("Sizes", "Sizes | str"):
            lines += [
                f"if {n}.__class__ is not int{f' and {n}.__class__ is not str' if 'str' in kind else ''}:",
                f"    if {n}.__class__ is not tuple:",
                f"        {n} = _sizes{asked}",
                "    else:",
                *_all_integers(n, f"_sizes{asked}", "        "),
            ]
        elif kind == "bool":
            lines += [f"if {n} is not False and {n} is not True:", f"    {n} = _flag{asked}"]
        elif not op.public:
            pass
        elif kind == "int":
            lines += [f"if {n}.__class__ is not int:", f"    {n} = _integer{asked}"]
        elif kind == "int | None":
            lines += [f"if {n} is not None and {n}.__class__ is not int:", f"    {n} = _integer{asked}"]
        elif kind == "tuple":
            lines += [
                f"if {n}.__class__ is not tuple:",
                f"    {n} = _integers{asked}",
                "else:",
                *_all_integers(n, f"_integers{asked}", "    "),
            ]
        if n in absent and n in OTHER:
            given = lines[start:]
            given[:1] = ["el" + line for line in given[:1]]
            lines[start:] = [f"if {n} is ...:", f"    {n} = {literal(default, f'default{i}')}", *given]
    return "".join(f"    {line}\n" for line in lines)


def _all_integers(name: str, converted: str, indent: str) -> list[str]:
    return [
        f"{indent}{line}"
        for line in (
            f"for _n in {name}:",
            "    if _n.__class__ is not int:",
            f"        {name} = {converted}",
            "        break",
        )
    ]


def _recorded(op: Any, names: list[str], params: str, env: dict[str, Any]) -> list[str]:
    """The lines that add a node for a result, which is ``_out``; for results that are tuples, and where the gradient
    came later than the front, ``Op.record`` does it.

    For ``sum``, whose gradient asks for ``x_shape`` and ``x_kind``:

        if _out.__class__ is tuple:
            _op.record((input,), _plan.params, _out)
        elif _out._k.dtype.differentiable:
            _out._edge = _node = _new(_Node)
            _node.op = _op
            _node.edges = (input._edge,)
            _node.params = _plan.params
            _node.inputs = ((input.shape, input._k),)
            _node.recipe = _recipe
            _node.seq = _tick()
            if _mode.watched:
                _watch(_node)
    """
    gradient = op.gradient
    general = f"_op.record(({', '.join(names)},), {params}, _out)"
    if gradient is None:
        return [general]
    lacks = {n for n, t in zip(names, op.tensors, strict=True) if t in optional(op)}
    edges = [f"None if {n} is None else {n}._edge" if n in lacks else f"{n}._edge" for n in names]
    saved = [names[i] for i in gradient.saves] + (["_alias(_out)"] if gradient.saves_out else [])
    fields = {}
    if gradient.wants_inputs:
        deep = any(n.rpartition("_")[2] in META[2:] for n in gradient.names)
        described = "({0}.shape, {0}._k, {0}.strides, {0}._offset)" if deep else "({0}.shape, {0}._k)"
        parts = [f"None if {n} is None else " * (n in lacks) + described.format(n) for n in names]
        fields["inputs"] = f"({', '.join(parts)},)"
    if gradient.by_shape:
        fields["recipe"], env["_recipe"] = "_recipe", gradient.whole()
    env |= {f"_{name}": value for name, value in _node_env(op).items()}
    # A result whose type can be asked for may be one of integers, and these are in no graph.
    otherwise = "elif _out._k.dtype.differentiable:" if any(n == "dtype" for n, _ in op.params) else "else:"
    lines = [f"    {line}" for line in _node_lines(op, edges, saved, params, "_", **fields)]
    return ["if _out.__class__ is tuple:", f"    {general}", otherwise, *lines]


def planned_pull(gradient: Any) -> Callable:
    """``pull`` of nodes whose gradient has kernels that are planned, written out.

    For ``softmax``, whose gradient reads ``out`` and ``dim``, it reads:

        def pull(node, g):
            saved = node.saved
            s0 = saved[0]
            try:
                key = (g._k, g.shape, s0._k, s0.shape, node.params)
                plan = plans.get(key)
            except (AttributeError, TypeError):
                return slow(node, g, False)
            if plan is None or s0._storage.written > node.seq:
                return first(node, g, key)
            if plan.entry is None:
                ...
            y = new(Tensor)
            y.shape = plan.shape
            y._k = plan.kind
            y._buf = buf = plan.make()
            plan.entry(g._buf, s0._buf, buf, *plan.numbers)
            return (y,)
    """
    op, names = gradient.op, gradient.names
    place = {op.tensors[i]: f"s{n}" for n, i in enumerate(gradient.saves)}
    if gradient.saves_out:
        place["out"] = f"s{len(gradient.saves)}"
    order = [place[n] for n in names if n in place]
    lacking = {place[n] for n in optional(op) if n in place}  # tensors that may be absent
    parts = [(s, what) for s in place.values() for what in _described(op)]
    key = [
        *[f"g.{what}" for what in _described(op)],
        *[f"None if {s} is None else {s}.{what}" if s in lacking else f"{s}.{what}" for s, what in parts],
    ]
    key += ["node.params"] * bool(op.params) + ["node.inputs"] * gradient.wants_inputs
    key += ["node.needs or tuple([e is not None for e in node.edges])"] * ("needs" in names)
    stale = "".join(
        f" or {f'{s} is not None and ' * (s in lacking)}{s}._storage.written > node.seq" for s in place.values()
    )
    grads = "(y,)" if len(op.tensors) == 1 else "plan.before + (y,) + plan.after"
    text = f"""def pull(node, g):
    saved = node.saved
{"".join(f"    {s} = saved[{i}]{chr(10)}" for i, s in enumerate(place.values()))}    try:
        key = ({", ".join(key)})
        plan = plans.get(key)
    except (AttributeError, TypeError):
        return slow(node, g, False)
    if plan is None{stale}:
        return first(node, g, key)
    if plan.entry is None:
        grads = plan.run({", ".join(["g", *bound_arguments(gradient)])})
        return grads if grads.__class__ is tuple or grads.__class__ is list else (grads,)
    y = new(Tensor)
    y.shape = plan.shape
    y._k = plan.kind
    y._buf = buf = plan.make()
    plan.entry({", ".join(f"{n}._buf" for n in ["g", *order])}, buf, *plan.numbers)
    return {grads}
"""
    return compiled(
        "pull",
        text,
        {
            "plans": gradient.pulls,
            "first": gradient.first_pull,
            "slow": op.pull,
            "new": object.__new__,
            "Tensor": Tensor,
        },
    )


def _aliased(op: Any, texts: list[str]) -> tuple[list[str], list[str], list[str]]:
    """For parameters of two names: the texts of all parameters, of which what may be given under the other name has a
    default that says that it is absent, and so has what follows it; the names of those that must be given; and the
    other names."""
    names = [n for n, _ in op.params]
    second = others(names)
    behind = op.spec.__code__.co_varnames[: op.spec.__code__.co_argcount]
    while behind and behind[0] not in OTHER:
        behind = behind[1:]
    if not op.public or not second or set(behind) & set(op.tensors) or hasattr(op.call, "own_names"):
        return texts, [], []
    made, required = [], []
    for (n, default), text in zip(op.params, texts, strict=True):
        if n in behind and default is inspect.Parameter.empty:
            required.append(n)
        made.append(f"{n}=..." if n in OTHER or n in required else text)
    return made, required, second


def _order(op: Any, tensors: list[str], params: list[str], positional: int, second: list[str]) -> str:
    """The public signature: the order of the op's own definition."""
    code = op.spec.__code__
    by_name = dict(zip(op.tensors, tensors, strict=True)) | dict(zip([n for n, _ in op.params], params, strict=True))
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    parts = [by_name[n] for n in names[: code.co_argcount]] + second
    if code.co_kwonlyargcount:
        parts += ["*"] * (not second) + [by_name[n] for n in names[code.co_argcount :]]
    return ", ".join(parts)


def _described(op: Any) -> tuple[str, ...]:
    """What plans depend on of each operand."""
    return ("_k", "shape", "_strides") if op.strided else ("_k", "shape")


def key(op: Any, tensors: tuple, params: tuple) -> Any:
    """The key under which the front looks a launcher or a plan up."""
    if op.listed:
        described = [(t._k, t.shape) for t in tensors[0]]
        alike = bool(described) and described.count(described[0]) == len(described)
        return (len(described), *described[0], *params) if alike else (*described, *params)
    if op.by_shape:
        named = [v for (n, _), v in zip(op.params, params, strict=True) if n not in op.varying]
        return (*[None if t is None else getattr(t, what) for t in tensors for what in _described(op)], *named)
    parts = [None if t is None else t._k for t in tensors]
    parts += [v for (n, _), v in zip(op.params, params, strict=True) if n in op.select]
    parts += [f(*tensors, *params) for f in op.features]
    return parts[0] if len(parts) == 1 else tuple(parts)
