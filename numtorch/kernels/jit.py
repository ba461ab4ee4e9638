"""``@jit``: a plain Python function that becomes a compiled kernel on its first call.

Owns how a function is passed to Numba: the compile options, the content key of the cached result, and the plain-Python
mode (``NUMBA_DISABLE_JIT=1``). In this mode every kernel is the original Python function, and a debugger can step
through it.

Nothing here imports Numba before the first call of a kernel. So importing numtorch takes as long as importing NumPy.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import types
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from numtorch import interrupts
from numtorch.kernels import cache as store
from numtorch.kernels import images, signature, target, toolchain
from numtorch.kernels.cache import DiskCache, compiling

# Reassociation lets sums vectorise; NaN and infinity keep their meaning (no nnan, no ninf).
FAST = frozenset({"reassoc", "contract", "arcp", "nsz", "afn"})
# For a function whose sums keep their order: (x - mean) - rest would become x - (mean + rest), which is what rounding
# lost.
ORDERED = FAST - {"reassoc"}

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # the folder of the package
_PROCESS = os.getpid()
prange = range  # the serial meaning; a kernel compiled with parallel=True gets Numba's


def _first_look(at: int) -> bool:
    if os.getpid() != _PROCESS:  # a forked child, as a worker of a DataLoader
        return False
    interrupts.held(lambda: importlib.import_module("numtorch.kernels.beside"))  # which takes the place of this
    return Runner.look_ahead(at)


class Runner:
    """Who runs parallel regions: what ``threads`` says of itself, which knows the pool, and the pool's own entry point
    is compiled here.

    Attributes:
        forked: whether this process is a child without threads.
        configure: start the threads, before the first parallel kernel is loaded or compiled.
        tell_llvm: where its functions are, before Numba compiles or loads a parallel kernel.
        tell_numba: hand their number to Numba's own pool.
        started: whether ``configure`` has nothing left to do.
        look_ahead: called where a kernel must be compiled, with its place in ``claims``: may let other processes
            compile what comes next. True in a process that only finds that out.
    """

    forked: Callable[[], bool]
    configure: Callable[[], None]
    tell_llvm: Callable[[], None]
    tell_numba: Callable[[], None]
    started: Callable[[], bool]
    look_ahead: Callable[[int], bool] = staticmethod(_first_look)


def disabled() -> bool:
    """Whether kernels run as plain Python (environment variable ``NUMBA_DISABLE_JIT``)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


@cache
def numba() -> Any:
    """The Numba module, imported and configured on first use."""
    return toolchain.run(toolchain.import_numba)


class Jit:
    """A kernel function: called as the Python function it wraps, compiled on its first call.

    ``dispatcher`` is the Numba dispatcher (or the Python function when JIT is disabled); ``entry(*args)``
    compiles for the types of ``args`` and returns the raw entry point, which does no type check and is
    for callers that hold their own key.
    """

    def __init__(self, fn: Callable, *, parallel: bool, fastmath: Any, needs: str | None, inline: bool, options: dict):
        self.fn = fn
        self.parallel = parallel
        self.fastmath = fastmath
        self.needs = needs  # module whose import registers the intrinsics that the kernel calls
        self.options: dict[str, Any] = {"inline": "always"} if inline else {}
        # The second entry point that Numba makes, for calls through an address, is a tenth of the time to compile.
        self.options |= {"no_cfunc_wrapper": True} | options
        self.__name__ = fn.__name__
        self.__doc__ = fn.__doc__
        self.__wrapped__ = fn
        self._call: Callable = self._first_call
        self._entries: dict[tuple, Callable] = {}
        self.codes: dict[str | None, Any] = {}  # by the text of its arguments' types; the latest without a text
        self.other: Callable[[], Jit] | None = None  # gives ``twin``, where it is not ``serial``

    def __call__(self, *args):
        return self._call(*args)

    def _first_call(self, *args):
        self._call = self.fn if disabled() else self._by_threads if self.parallel else self._by_types
        return self._call(*args)

    def _by_threads(self, *args):
        # On one thread, too: LLVM may round another way in the serial loops, and results would depend on the threads.
        if Runner.forked():
            return self.serial(*args)
        Runner.tell_numba()
        return self._by_types(*args)

    def _by_types(self, *args):
        key = tuple([_kind(a) for a in args])
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = self.code(args, "python").function
        return entry(*args)

    @property
    def serial(self) -> Jit:
        """The same function compiled for one thread, without what a parallel region costs."""
        if not self.parallel:
            return self
        serial = self._variant("_serial", parallel=False)
        serial.other = lambda: self
        return serial

    @property
    def twin(self) -> Jit | None:
        """The same loops for several threads where this kernel is for one, and the other way round; None where there
        are none."""
        return self.other() if self.other is not None else self.serial if self.parallel else None

    @cached_property
    def _plain(self) -> Callable:
        """The Python function, without NumPy's warnings: as in machine code, ``inf - inf`` is NaN without a word."""
        return np.errstate(all="ignore")(self.fn)

    @property
    def addressable(self) -> Jit:
        """The same function compiled with an entry point of C's calling convention, whose address ``address`` gives."""
        return self._variant("_addressable", no_cfunc_wrapper=False) if self.options["no_cfunc_wrapper"] else self

    @property
    def helper(self) -> Jit:
        """The same function for other kernels: without the entry point for Python, up to half of the time to
        compile."""
        if "inline" in self.options or self.options.get("no_cpython_wrapper"):
            return self
        return self._variant("_helper", no_cpython_wrapper=True)

    def _variant(self, name: str, parallel: bool | None = None, **options: bool) -> Jit:
        """The same function with other options, made once."""
        if name not in self.__dict__:
            parallel = self.parallel if parallel is None else parallel
            self.__dict__[name] = _restored(self.fn, parallel, self.fastmath, self.needs, False, self.options | options)
        return self.__dict__[name]

    def __repr__(self) -> str:
        return f"<kernel function {self.fn.__module__}.{self.__name__}>"

    def __reduce__(self) -> tuple:
        # Without what has been compiled: another process compiles for itself.
        inline, options = "inline" in self.options, {k: v for k, v in self.options.items() if k != "inline"}
        return _restored, (self.fn, self.parallel, self.fastmath, self.needs, inline, options)

    @property
    def key(self) -> str:
        """Hash of everything the compiled code depends on: code, constants, helpers, options, versions."""
        if not hasattr(self, "_key"):
            self._key = _content_key(self)
        return self._key

    @property
    def dispatcher(self) -> Any:
        """Numba's, which compiles."""
        if not hasattr(self, "_dispatcher"):
            toolchain.run(self._have_dispatcher)
        return self._dispatcher

    def _have_dispatcher(self) -> None:
        if not hasattr(self, "_dispatcher"):  # another thread may have made it meanwhile
            self._dispatcher = self._make_dispatcher()

    def _make_dispatcher(self) -> Any:
        nb = numba()
        needed = importlib.import_module(self.needs) if self.needs else None
        if self.parallel:
            Runner.configure()
            Runner.tell_llvm()
        fn = self.fn
        env = dict(fn.__globals__)
        for name in _global_names(fn.__code__):
            value = env.get(name)
            if needed is not None and name not in env and hasattr(needed, name):
                env[name] = getattr(needed, name)
            if isinstance(value, Jit):
                env[name] = value.helper.dispatcher
            elif value is prange and self.parallel:
                env[name] = nb.prange
        # The content hash goes into the function's name, because Numba's symbol names otherwise carry a
        # per-process counter and code cached by two processes could bind the wrong body (numba#10486).
        name = f"{fn.__name__}_{self.key[:12]}"
        clone = types.FunctionType(fn.__code__, env, name, fn.__defaults__)
        clone.__qualname__ = name
        clone.__module__ = __name__  # importable in every process that loads the cached code
        clone.__doc__ = fn.__doc__
        env["__name__"] = __name__
        options = dict(self.options)
        if self.parallel:
            options["parallel"] = True
        dispatcher = nb.njit(fastmath=set(self.fastmath), error_model="numpy", **options)(clone)
        dispatcher._cache = DiskCache(
            fn.__name__, self.key, bool(options.get("no_cpython_wrapper")) or "inline" in options
        )
        linking: Any = importlib.import_module("numtorch.kernels.linking")  # which imports Numba
        # The two ways in which a dispatcher comes to compile: it is told to, or called with types that it has not seen.
        dispatcher.compile = toolchain.on_compiler_thread(compiling.counted(linking.together(dispatcher.compile)))
        dispatcher._compile_for_args = toolchain.on_compiler_thread(dispatcher._compile_for_args)
        return dispatcher

    def entry(self, *args) -> Callable:
        """Compile for the types of ``args``; return the entry point for exactly those types."""
        if disabled():
            return self._plain
        if self.parallel:
            Runner.tell_numba()
        return self.code(args, "python").function

    def address(self, *args, symbol: str = "native") -> int:
        """Where the machine code for the types of ``args`` stands: the kernel's own entry point, or what it defines as
        ``symbol``."""
        return self.code(args, symbol).exports[symbol]

    def code(self, args: tuple, symbol: str) -> Any:
        """The machine code for the types of ``args`` that has this entry point: it is loaded, or else compiled."""
        text = signature.of(args)
        found = self.codes.get(text)
        if found is None or text is None or symbol not in found.exports:
            found = toolchain.run(self._compiled, args, symbol) if text is None else self._kept(args, text, symbol)
            self.codes[text] = found
        return found

    def _kept(self, args: tuple, text: str, symbol: str) -> Any:
        kernel = (self.__name__, self.key, text)
        if self.parallel and not Runner.started():
            if not store.holds(*kernel) and Runner.look_ahead(store.place(*kernel)):
                return self.code(args, symbol)
            Runner.configure()
        if (found := store.load(*kernel, symbol)) is not None:
            return found
        at = store.place(*kernel)
        if Runner.look_ahead(at):
            return self.code(args, symbol)
        with compiling.awaited(at, self.__name__) as waited:
            found = store.load(*kernel, symbol) if waited else None
            return toolchain.run(self._compiled, args, symbol) if found is None else found

    def _compiled(self, args: tuple, symbol: str) -> Compiled | images.Placed:
        try:
            kinds = tuple([numba().typeof(a) for a in args])
        except Exception as e:
            toolchain.marked(e)
            raise
        dispatcher = self.dispatcher
        dispatcher._cache.emit = True
        if kinds not in dispatcher.overloads:
            dispatcher.compile(kinds)
        # In Numba's own process-wide table of symbols a helper may be another kernel's copy, which LLVM rounded another
        # way. In the image it is the kernel's own, here and in every later process.
        text = store.text_of(kinds)
        if (own := store.placed(dispatcher._cache.made.get(text), symbol, "compiled")) is not None:
            return own
        result = dispatcher.overloads[kinds]
        origin = "cache" if text in dispatcher._cache.read else "compiled"
        if symbol == "python":
            return Compiled(result.entry_point, {symbol: 0}, origin)
        name = store.symbols_of(result)["native"] if symbol == "native" else symbol
        return Compiled(result.entry_point, {symbol: result.library.get_pointer_to_function(name)}, origin)


class Compiled(NamedTuple):
    """Machine code that Numba has loaded; what ``images.Placed`` is for the other."""

    function: Callable
    exports: dict[str, int]
    origin: str


def _kind(a: Any) -> Any:
    """What two values share exactly if code for the one takes the other."""
    kind = a.__class__
    if kind is np.ndarray:
        return a.dtype, a.ndim, a.flags.num
    if kind is int:
        return kind if -(1 << 63) <= a < 1 << 63 else "uint64"
    return tuple([_kind(x) for x in a]) if kind is tuple else kind


def _restored(fn: Callable, parallel: bool, fastmath: Any, needs: str | None, inline: bool, options: dict) -> Jit:
    return Jit(fn, parallel=parallel, fastmath=fastmath, needs=needs, inline=inline, options=options)


def jit(
    fn: Callable | None = None,
    *,
    parallel: bool = False,
    fastmath: Any = FAST,
    needs: str | None = None,
    inline: bool = False,
    **options: Any,
) -> Any:
    """Mark a function as a kernel (or as a helper that kernels call).

    Args:
        parallel: compile ``prange`` loops to run on the thread pool. Iterations must be independent.
        fastmath: LLVM fast-math flags; the default keeps NaN and infinity exact.
        needs: module to import before compiling, for kernels that call LLVM intrinsics.
        inline: paste the helper into its callers.

    Example:
        >>> import numpy as np
        >>> from numtorch.kernels.jit import jit
        >>> @jit
        ... def axpy(a, x, y):
        ...     for i in range(y.size):
        ...         y[i] += a * x[i]
        >>> y = np.ones(3)
        >>> axpy(2.0, np.arange(3.0), y)
        >>> y.tolist()
        [1.0, 3.0, 5.0]
    """

    def wrap(f: Callable) -> Jit:
        return Jit(f, parallel=parallel, fastmath=fastmath, needs=needs, inline=inline, options=options)

    return wrap if fn is None else wrap(fn)


def _global_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= _global_names(const)
    return names


def _code_parts(code: types.CodeType) -> tuple:
    consts = tuple(_code_parts(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts)
    return code.co_code, consts, code.co_names, code.co_varnames


@cache
def module_digest(name: str) -> str:
    """Of the text of a module that writes LLVM code, and of those like it from which it imports."""
    spec: Any = importlib.util.find_spec(name)
    with open(spec.origin, "rb") as f:
        text = f.read()
    digest = hashlib.sha256(text)
    for module, listed, line in re.findall(r"^from (numtorch[\w.]*) import (?:\(([^)]*)\)|(.*))", text.decode(), re.M):
        for other in sorted({module, *[f"{module}.{n}" for n in re.findall(r"\w+", listed or line)]}):
            if _writes_llvm(other):
                digest.update(module_digest(other).encode())
    return digest.hexdigest()


@cache
def _writes_llvm(name: str) -> bool:
    try:  # by its path: to ask Python for a name in a module would import that module, and with it Numba
        with open(f"{os.path.join(_ROOT, *name.split('.'))}.py", "rb") as f:
            return b"llvmlite" in f.read()
    except OSError:  # a package, or a name in a module
        return False


def _content_key(kernel: Jit) -> str:
    return hashlib.sha256(content(kernel).encode()).hexdigest()


def content(kernel: Jit) -> str:
    """What the code of a kernel depends on, as a text: the same in all processes, wherever packages are installed."""
    fn = kernel.fn
    parts = [
        target.versions(),
        repr(_code_parts(fn.__code__)),
        repr(fn.__defaults__),
        str(kernel.parallel),
        str(sorted(kernel.fastmath)),
        repr(sorted(kernel.options.items())),
    ]
    if kernel.needs:
        parts.append(module_digest(kernel.needs))
    for name in sorted(_global_names(fn.__code__)):
        value = fn.__globals__.get(name)
        if isinstance(value, Jit):
            parts.append(f"{name}={value.key}")
        elif isinstance(value, np.ndarray):  # a long one's repr leaves elements out
            parts.append(f"{name}={value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}")
        elif isinstance(value, int | float | str | tuple | np.generic):
            parts.append(f"{name}={value!r}")
        elif isinstance(value, types.ModuleType):  # its repr tells where it is installed
            parts.append(f"{name}={value.__name__}")
        elif value is not None:
            parts.append(f"{name}={getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}")
    return "\n".join(parts)


def compile_source(source: str, name: str, env: dict[str, Any], label: str, **options: Any) -> Jit:
    """A kernel from generated source text; ``label`` is what tracebacks and ``inspect`` show as its file."""
    import linecache

    filename = f"<numtorch {label}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    scope = dict(env)
    scope["__name__"] = __name__
    exec(compile(source, filename, "exec"), scope)  # noqa: S102 - the text is ours
    kernel = jit(scope[name], **options)
    kernel.source = source
    return kernel


__all__ = ["FAST", "Jit", "compile_source", "compiling", "disabled", "jit", "prange"]
