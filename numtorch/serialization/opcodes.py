"""Reads pickles and runs nothing: an interpreter of pickle's opcodes that makes inert records.

A pickle is a program for a stack machine. Here the machine looks up no name and calls nothing. Where a pickle names a
class or a function, it puts a ``Global`` on the stack; where it calls one, a ``Call``. What becomes of a record is
decided by those who read it (``archive.py``).

    numbers, strings, bytes, None, lists and tuples    themselves
    dicts                                              ``Pairs``
    classes and functions, by name                     ``Global``
    calls and new objects                              ``Call``, with the state and items that they get
    references to what lies outside the pickle         ``Persistent``

Protocols 2 to 5 are read; see https://github.com/python/cpython/blob/main/Lib/pickletools.py for the opcodes.
"""

from __future__ import annotations

import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from typing import Any

MAX_OPCODES = 1 << 28
MAX_DEPTH = 400  # of containers and calls in each other
_AT_ONCE = 1 << 16  # bytes that are read without a look at how many there are


class Broken(ValueError):
    """The bytes are no sound pickle, or describe no sound object; the message says what is wrong."""


class Global:
    """A class or function by its name."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        # Protocol 2 has the names of Python 2.
        self.module, self.name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Call:
    """``function(*arguments)``, or a new object of a class; and what is done with the result.

    Attributes:
        function: a ``Global``, if the pickle is sound.
        arguments: a tuple, if it is.
        new: whether an object is made without its constructor.
        state: what the result's ``__setstate__`` would get.
        items: what is appended to the result, and ``pairs`` what is put into it.
    """

    __slots__ = ("arguments", "function", "items", "new", "pairs", "state")

    def __init__(self, function: Any, arguments: Any, new: bool = False):
        self.function, self.arguments, self.new = function, arguments, new
        self.state: Any = None
        self.items: list = []
        self.pairs: list = []


class Pairs:
    """A dict: its keys and values, of which nobody knows yet whether they can be keys."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list = []


class Persistent:
    """A reference to something outside the pickle."""

    __slots__ = ("id",)

    def __init__(self, found: Any):
        self.id = found


_ACTIONS: list[Any] = [None] * 256


def _opcode(*codes: bytes) -> Callable:
    def register(action: Callable) -> Callable:
        for code in codes:
            _ACTIONS[code[0]] = action
        return action

    return register


class Machine:
    """Runs one pickle.

    Args:
        file: positioned at the pickle.
        size: of the file, so that no length in it is believed beyond that.
    """

    def __init__(self, file: Any, size: int):
        self.file, self.size = file, size
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # stacks below the marks
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The record that the pickle describes; Broken if it is not sound."""
        read = self.file.read
        try:
            for _ in range(MAX_OPCODES):
                code = read(1)
                if code == b".":
                    return self.stack.pop()
                if not code:
                    raise Broken("the pickle ends before its STOP")
                action = _ACTIONS[code[0]]
                if action is None:
                    raise Broken(f"the opcode {code!r} is not one that saved objects need")
                action(self)
        except (IndexError, KeyError):
            raise Broken("the pickle takes something from an empty stack or memo") from None
        except (struct.error, UnicodeDecodeError) as e:
            raise Broken(f"the pickle cannot be read ({e})") from None
        raise Broken(f"the pickle has more than {MAX_OPCODES} opcodes")

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        if n > _AT_ONCE and n > self.size - self.file.tell():
            raise Broken(f"something of {n} bytes is longer than the file")
        data = self.file.read(n)
        if len(data) != n:
            raise Broken("the pickle ends within an opcode")
        return data

    def line(self) -> str:
        """The text up to the end of the line."""
        text = self.file.readline(_AT_ONCE)
        if text[-1:] != b"\n":
            raise Broken("a name does not end")
        return text[:-1].decode()

    def marked(self) -> list[Any]:
        """What lies above the last mark, which is removed."""
        above, self.stack = self.stack, self.below.pop()
        return above


# --- constants ------------------------------------------------------------------------------------


@_opcode(b"\x80")
def _proto(m: Machine) -> None:
    version = m.take(1)[0]
    if not 2 <= version <= 5:
        raise Broken(f"the pickle has protocol {version}; 2 to 5 are read")


@_opcode(b"\x95")
def _frame(m: Machine) -> None:
    m.take(8)  # frames only tell unpicklers how much to read at once


def _constant(code: bytes, value: Any) -> None:
    _opcode(code)(lambda m: m.stack.append(value))


for _code, _value in ((b"N", None), (b"\x88", True), (b"\x89", False), (b")", ())):
    _constant(_code, _value)


def _number(code: bytes, form: str) -> None:
    read, size = struct.Struct(form).unpack, struct.calcsize(form)
    _opcode(code)(lambda m: m.stack.append(read(m.take(size))[0]))


for _code, _form in ((b"K", "<B"), (b"M", "<H"), (b"J", "<i"), (b"G", ">d")):
    _number(_code, _form)


def _sized(code: bytes, form: str, made: Callable[[bytes], Any]) -> None:
    """A value after its length."""
    read, size = struct.Struct(form).unpack, struct.calcsize(form)
    _opcode(code)(lambda m: m.stack.append(made(m.take(max(read(m.take(size))[0], 0)))))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


for _code, _form, _made in (
    (b"\x8a", "<B", _integer),
    (b"\x8b", "<i", _integer),
    (b"X", "<I", _text),
    (b"\x8c", "<B", _text),
    (b"\x8d", "<Q", _text),
    (b"U", "<B", lambda data: data.decode("latin1")),  # str of Python 2
    (b"T", "<i", lambda data: data.decode("latin1")),
    (b"C", "<B", bytes),
    (b"B", "<I", bytes),
    (b"\x8e", "<Q", bytes),
    (b"\x96", "<Q", bytearray),
):
    _sized(_code, _form, _made)


# --- containers -----------------------------------------------------------------------------------


@_opcode(b"(")
def _mark(m: Machine) -> None:
    if len(m.below) > MAX_DEPTH:
        raise Broken("the pickle is nested too deeply")
    m.below.append(m.stack)
    m.stack = []


@_opcode(b"]")
def _empty_list(m: Machine) -> None:
    m.stack.append([])


@_opcode(b"}")
def _empty_dict(m: Machine) -> None:
    m.stack.append(Pairs())


@_opcode(b"\x8f")
def _empty_set(m: Machine) -> None:
    m.stack.append(Call(Global("builtins", "set"), ([],)))


@_opcode(b"t")
def _tuple(m: Machine) -> None:
    items = m.marked()
    m.stack.append(tuple(items))


@_opcode(b"\x91")
def _frozenset(m: Machine) -> None:
    items = m.marked()
    m.stack.append(Call(Global("builtins", "frozenset"), (items,)))


def _last(n: int) -> Callable[[Machine], None]:
    def action(m: Machine) -> None:
        if len(m.stack) < n:
            raise IndexError
        m.stack[-n:] = [tuple(m.stack[-n:])]

    return action


for _n, _code in enumerate((b"\x85", b"\x86", b"\x87"), 1):
    _opcode(_code)(_last(_n))


def _extend(m: Machine, items: list) -> None:
    into = m.stack[-1]
    if isinstance(into, Call):
        into = into.items
    if not isinstance(into, list):
        raise Broken("something is appended to what is no list")
    into.extend(items)


@_opcode(b"a")
def _append(m: Machine) -> None:
    item = m.stack.pop()
    _extend(m, [item])


@_opcode(b"e")
def _appends(m: Machine) -> None:
    items = m.marked()
    _extend(m, items)


@_opcode(b"\x90")
def _add_items(m: Machine) -> None:
    items = m.marked()
    into = m.stack[-1]
    if not isinstance(into, Call) or str(into.function) != "builtins.set":
        raise Broken("something is added to what is no set")
    into.arguments[0].extend(items)


def _put_items(m: Machine, items: list) -> None:
    into = m.stack[-1]
    if not isinstance(into, Pairs | Call) or len(items) % 2:
        raise Broken("a key and a value are put into what is no dict")
    into.pairs.extend(zip(items[::2], items[1::2], strict=True))


@_opcode(b"s")
def _set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _put_items(m, [key, value])


@_opcode(b"u")
def _set_items(m: Machine) -> None:
    items = m.marked()
    _put_items(m, items)


# --- names, calls, and what lies outside ----------------------------------------------------------


@_opcode(b"c")
def _global(m: Machine) -> None:
    module = m.line()
    m.stack.append(Global(module, m.line()))


@_opcode(b"\x93")
def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise Broken("a name is no text")
    m.stack.append(Global(module, name))


@_opcode(b"R")
def _reduce(m: Machine) -> None:
    arguments, function = m.stack.pop(), m.stack.pop()
    m.stack.append(Call(function, arguments))


@_opcode(b"\x81")
def _new_object(m: Machine) -> None:
    arguments, cls = m.stack.pop(), m.stack.pop()
    m.stack.append(Call(cls, arguments, True))


@_opcode(b"b")
def _build(m: Machine) -> None:
    state, into = m.stack.pop(), m.stack[-1]
    if not isinstance(into, Call) or into.state is not None:
        raise Broken("something that is no new object is given a state")
    into.state = state


@_opcode(b"Q")
def _persistent(m: Machine) -> None:
    found = m.stack.pop()
    if isinstance(found, tuple) and len(found) == 4 and found[0] == "module" and isinstance(found[1], Global):
        m.stack.append(found[1])  # before 1.6 PyTorch referred to the classes of modules so, with their source
    else:
        m.stack.append(Persistent(found))


# --- the memo and the stack -----------------------------------------------------------------------


def _memo(put: bytes, get: bytes, form: str) -> None:
    read, size = struct.Struct(form).unpack, struct.calcsize(form)

    def store(m: Machine) -> None:
        m.memo[read(m.take(size))[0]] = m.stack[-1]

    _opcode(put)(store)
    _opcode(get)(lambda m: m.stack.append(m.memo[read(m.take(size))[0]]))


_memo(b"q", b"h", "<B")
_memo(b"r", b"j", "<I")


@_opcode(b"\x94")
def _memoize(m: Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


@_opcode(b"0")
def _pop(m: Machine) -> None:
    m.stack.pop()


@_opcode(b"1")
def _pop_mark(m: Machine) -> None:
    m.marked()
