"""``axis=`` and ``keepdims=``: NumPy's names for ``dim=`` and ``keepdim=``, which torch accepts too.

A call that does not use these names pays almost nothing. They are extra parameters behind the positional ones, so
Python needs no dict for them, and one comparison finds that they are unused.

    def argmax(input, dim=..., keepdim=..., axis=..., keepdims=..., out=None):
        if axis is not ... or keepdims is not ...:
            return renamed(argmax, (), (("input", input), ("dim", dim), ...))
        try:
            return body(input, None if dim is ... else dim, False if keepdim is ... else keepdim, out)
        except AttributeError as error:
            raise refused(error, "argmax", input=input) from None

The fronts of ops contain the same lines. Keyword-only parameters, here ``out``, come after them: a call that passes
``out`` by position would also pass both ``dim`` and ``axis``, which is an error. (Python binds real keyword-only
parameters more slowly.)
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar

from numtorch._tensor import Tensor
from numtorch.arguments import refused
from numtorch.dispatch.interception import STANDING_BY
from numtorch.dispatch.text import compiled

F = TypeVar("F", bound=Callable[..., Any])
OTHER = {"dim": "axis", "keepdim": "keepdims"}


ABSENT = ...  # stands for an argument that was not given: a constant of the language, which costs no lookup


def literal(default: Any, name: str) -> str:
    """The text of a default: itself if it is a constant, else the name that it has in the function's globals."""
    return repr(default) if default is None or type(default) in (bool, int) else name


def renamed(body: Callable, required: tuple, given: tuple) -> Any:
    """Call ``body`` with (name, value) pairs under its own names; TypeError if an argument is given under both of its
    names, or if one of the required ones is not given at all."""
    arguments = {n: v for n, v in given if v is not ABSENT}
    to_own(body.__name__, arguments)
    missing = [f"'{n}'" for n in required if n not in arguments]
    if missing:
        raise TypeError(
            f"{body.__name__}() missing {len(missing)} required positional argument{'s' * (len(missing) > 1)}: "
            + " and ".join(missing)
        )
    return body(**arguments)


def to_own(function: str, arguments: dict[str, Any]) -> None:
    """Give arguments that came under their other names the parameters' own."""
    for name, other in OTHER.items():
        if other in arguments:
            if name in arguments:
                raise TypeError(
                    f"{function}() got two values for '{name}', of which '{other}' is another name, or too many "
                    "arguments by position"
                )
            arguments[name] = arguments.pop(other)


def others(names: list[str]) -> list[str]:
    """The other names that parameters have, but for those that are parameters of their own."""
    return [OTHER[n] for n in names if n in OTHER and OTHER[n] not in names]


def asked(names: list[str], required: list[str]) -> str:
    """The condition under which a call goes by ``renamed``: for the other names, and for what is missing."""
    return " or ".join([f"{n} is not ..." for n in others(names)] + [f"{n} is ..." for n in required])


def pairs(names: list[str]) -> str:
    """What ``renamed`` takes as ``given``, as text."""
    return "(" + "".join(f"({n!r}, {n}), " for n in [*names, *others(names)]) + ")"


def positional(fn: Callable) -> Callable:
    """``fn`` with its keyword-only parameters also positional, which makes calls cheaper."""
    code = fn.__code__
    if not code.co_kwonlyargcount:
        return fn
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = tuple((fn.__kwdefaults__ or {})[n] for n in names)
    code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    return types.FunctionType(code, fn.__globals__, fn.__name__, (fn.__defaults__ or ()) + defaults, fn.__closure__)


def shown(call: Callable, parameters: list) -> inspect.Signature:
    """The signature of a written function without the other names and with the defaults that the (name, default)
    parameters have."""
    defaults = dict(parameters)
    kept = []
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for p in inspect.signature(call).parameters.values():
        if p.name in OTHER.values() and p.default is ABSENT:
            kind = p.KEYWORD_ONLY  # what stands behind
            continue
        kept.append(p.replace(default=defaults.get(p.name, p.empty) if p.default is ABSENT else p.default, kind=kind))
    return inspect.Signature(kept)


def _unwritten(*args, **kwargs):
    _write()  # noqa: F821 - of the function's own globals
    return _call(*args, **kwargs)  # noqa: F821


def own_names(fn: F) -> F:
    """Mark a function that torch has in Python, where it knows no other names."""
    fn.own_names = True  # type: ignore[attr-defined]
    return fn


_public: dict[Callable, Callable] = {}


def public(fn: Callable, module: str, name: str) -> Callable:
    """``fn`` as users call it: also with the other names of its parameters. Ops and functions without such parameters
    as they are.

    Users, and pickles, find it in ``module`` under ``name``.
    """
    code = getattr(fn, "__code__", None)
    if (
        code is None
        or hasattr(fn, "op")
        or hasattr(fn, "own_names")
        or not others([*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]])
    ):
        return fn
    made = _public.get(fn)
    if made is None:
        env: dict[str, Any] = {}
        made = types.FunctionType(_unwritten.__code__, env, fn.__name__)
        call: Any = made
        env |= {"_call": made, "_write": lambda: write(call)}
        call.__dict__.update(fn.__dict__)
        call.__doc__, call.__wrapped__ = fn.__doc__, fn
        call.__annotations__ = fn.__annotations__
        _public[fn] = made
        made.__module__, made.__qualname__ = module, name
    return made


def publish(scope: dict[str, Any]) -> None:
    """Put in place of a module's functions what users call."""
    for name, value in scope.items():
        if value.__class__ is types.FunctionType:
            call = scope[name] = public(value, scope["__name__"], name)
            if call is not value and scope.get(value.__name__) in (value, call):  # and not only a method
                call.__module__, call.__qualname__ = scope["__name__"], value.__name__


def write(call: Any) -> Callable:
    """Give a public function its code; it is written when it is first called."""
    call = STANDING_BY.get(call, call)
    if call.__code__ is not _unwritten.__code__:
        return call
    fn = call.__wrapped__
    parameters = list(inspect.signature(fn).parameters.values())
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    operands = [p.name for p in parameters if p.annotation in ("Tensor", Tensor) and p.default is p.empty]
    first = next(i for i, n in enumerate(names) if n in OTHER)  # from here on parameters have defaults
    env = call.__globals__ | {
        "renamed": renamed,
        "refused": refused,
        "fn": fn,
        "body": positional(fn),
        "__name__": fn.__module__,
    }
    ahead: list[str] = []
    behind: list[str] = []
    required, passed = [], []
    for i, p in enumerate(parameters):
        text, value = p.name, p.name
        if p.kind is p.VAR_POSITIONAL:
            text = value = f"*{p.name}"
        elif p.kind is p.KEYWORD_ONLY or i >= first:
            needed = p.default is p.empty
            if needed:
                required.append(p.name)
            elif p.name in OTHER:
                value = f"{literal(p.default, f'default{i}')} if {p.name} is ... else {p.name}"
            if not needed:
                env[f"default{i}"] = p.default
            text += "=..." if needed or p.name in OTHER else f"=default{i}"
        elif p.default is not p.empty:
            env[f"default{i}"] = p.default
            text += f"=default{i}"
        (behind if p.kind is p.KEYWORD_ONLY else ahead).append(text)
        passed.append(value)
    signature = [*ahead, *[f"{n}=..." for n in others(names)], *behind]
    text = f"""def {fn.__name__}({", ".join(signature)}):
    if {asked(names, required)}:
        return renamed(fn, {tuple(required)}, {pairs(names)})
    try:
        return body({", ".join(passed)})
    except AttributeError as error:
        raise refused(error, {fn.__name__!r}, {", ".join(f"{n}={n}" for n in operands)}) from None
"""
    written: Any = compiled(fn.__name__, text, env)
    call.__globals__.update(env)
    call.__defaults__, call.__kwdefaults__ = written.__defaults__, written.__kwdefaults__
    call.__code__ = written.__code__
    return call
