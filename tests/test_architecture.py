"""Who may import whom. The floors are those of ``numtorch/README.md``; a module imports only from its own floor or from
below, and imports none of them inside a function; no modules import each other in a circle.
"""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import numtorch
from benchmarks.upkeep import circles

PACKAGE = Path(numtorch.__file__).parent
MODULES = {}
for path in sorted(PACKAGE.rglob("*.py")):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    MODULES[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path

# The longest prefix decides.
FLOORS = {
    "numtorch": 9,  # re-exports everything
    "numtorch._version": 0,
    "numtorch.dtype": 0,
    "numtorch.device": 0,
    "numtorch.absent": 0,  # answers for names that are not here
    "numtorch.arguments": 0,  # checks of what users pass
    "numtorch.errors": 0,
    "numtorch.files": 0,  # atomic writes
    "numtorch.downloads": 0,
    "numtorch.notices": 0,  # lines on standard error
    "numtorch.interrupts": 0,
    "numtorch.programs": 0,  # runs one as Python would
    "numtorch.layouts": 0,
    "numtorch.multiprocessing": 0,  # Python's
    "numtorch.settings": 6,
    "numtorch.untyped_storage": 6,
    "numtorch.torch_version": 0,
    "numtorch.version": 0,
    "numtorch.memory": 0,
    "numtorch.display": 0,  # HTML of arrays and text
    "numtorch.engine": 0,  # slots, filled by ops
    "numtorch.exports": 0,  # names under which functions are found
    "numtorch.stubs": 9,
    "numtorch.grad_mode": 0,  # a flag; everything reads it
    "numtorch.kernels": 5,  # explain, list, source: they ask about ops
    "numtorch.kernels.registry": 1,
    "numtorch.kernels.toolchain": 1,
    "numtorch.kernels.threads": 1,
    "numtorch.kernels.pool": 1,
    "numtorch.kernels.cache": 1,
    "numtorch.kernels.images": 1,
    "numtorch.kernels.claims": 1,
    "numtorch.kernels.linker": 1,
    "numtorch.kernels.packs": 1,
    "numtorch.kernels.signature": 1,
    "numtorch.kernels.target": 1,
    "numtorch.kernels.jit": 1,
    "numtorch.kernels.timing": 1,
    "numtorch.kernels.math": 2,
    "numtorch.kernels.special": 2,
    "numtorch.kernels.bessel": 2,
    "numtorch.kernels.sampling": 2,
    "numtorch.kernels.streams": 2,
    "numtorch.kernels.streams_codegen": 2,
    "numtorch.kernels.tables": 2,
    "numtorch.kernels.tables_codegen": 2,
    "numtorch.kernels.tables_cuda": 2,
    "numtorch.kernels.overloads": 2,
    "numtorch.kernels.overloads_complex": 2,
    "numtorch.kernels.overloads_cuda": 2,
    "numtorch.kernels.launch": 2,
    "numtorch.kernels.gemm": 2,
    "numtorch.kernels.codegen": 2,
    "numtorch.storage": 2,
    "numtorch._tensor": 3,
    "numtorch._sparse": 3,  # the class of sparse tensors
    "numtorch.autograd": 3,
    "numtorch.dispatch": 4,
    "numtorch.ops": 5,
    "numtorch.tracebacks": 0,
    "numtorch.tensor": 6,
    "numtorch.methods": 6,
    "numtorch.queries": 6,
    "numtorch.functions": 7,
    "numtorch.values": 6,
    "numtorch.gradients": 6,
    "numtorch.operators": 6,
    "numtorch.tensor_types": 6,
    "numtorch.copying": 6,
    "numtorch.capsules": 6,
    "numtorch.dlpack": 6,
    "numtorch.printing": 6,
    "numtorch.nn": 7,
    "numtorch.nn.attention.flex_attention": 8,  # by vmap; loaded when it is named
    "numtorch.optim": 7,
    "numtorch.linalg": 7,
    "numtorch.fft": 7,
    "numtorch.special": 7,
    "numtorch.signal": 7,
    "numtorch.sparse": 7,
    "numtorch.amp": 7,
    "numtorch.accelerator": 7,
    "numtorch.backends": 7,
    "numtorch.compiler": 7,
    "numtorch.futures": 0,
    "numtorch.jit": 8,  # its files are those of serialization
    "numtorch.random": 7,
    "numtorch.cpu": 7,
    "numtorch.cuda": 7,
    "numtorch.overrides": 7,
    "numtorch.types": 7,
    "numtorch.array_api": 8,
    "numtorch.interop": 8,
    "numtorch.func": 8,
    "numtorch.fx": 8,
    "numtorch.library": 8,
    "numtorch.schemas": 8,
    "numtorch.testing": 8,
    "numtorch.masked": 8,
    "numtorch.utils": 8,
    "numtorch.distributions": 8,
    "numtorch.vision": 8,
    "numtorch.serialization": 8,
    "numtorch.profiler": 8,
    "numtorch.onnx": 8,
    "numtorch.distributed": 7,
    "numtorch.quantization": 8,
    "numtorch.hub": 8,
    "numtorch.kernels.__main__": 9,  # the command line, and the models it knows by name
    "numtorch.kernels.steps": 9,
    "numtorch.kernels.bake": 9,
    "numtorch.collect_env": 9,
    "numtorch.convert": 9,
    "numtorch.demo": 9,
    "numtorch.run": 9,
    "numtorch.torch_shim": 8,
    "numtorch.__future__": 6,  # two flags that modules read
    "numtorch.__main__": 9,
}

OUTSIDE = 8  # from here on code is written as users write it: ``import numtorch as torch``


def floor(module):
    while module not in FLOORS:
        module = module.rpartition(".")[0]
    return FLOORS[module]


class Facts(NamedTuple):
    """What many tests ask about a module; its whole syntax tree would be a thousand times as large."""

    imports: list  # (imported module, whether at import time) of every import statement
    for_types: set  # imported for type checkers alone
    at_import: ast.Module  # the import statements that run
    says: bool  # whether the module opens with a docstring, or is empty
    lines: int


@cache
def facts(module):
    text = MODULES[module].read_text()
    tree = ast.parse(text)
    found, for_types, run = [], set(), []

    def visit(node, lazy, typing):
        for child in ast.iter_child_nodes(node):
            types = typing or _type_checking(child)
            inner = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or types
            if isinstance(child, ast.Import):
                found.extend((a.name, not lazy) for a in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"{module}: relative import"
                names = [f"{child.module}.{a.name}" for a in child.names]
                found.extend((n if n in MODULES else child.module, not lazy) for n in names)
                if types:
                    for_types.update([child.module, *names])
            if isinstance(child, ast.Import | ast.ImportFrom) and not types:
                run.append(child)
            visit(child, inner, types)

    visit(tree, False, False)
    says = not text.strip() or bool(ast.get_docstring(tree))
    return Facts(found, for_types, ast.Module(run, []), says, text.count("\n"))


def imports(module):
    return facts(module).imports


def _type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module):
    wrong = []
    for target, now in imports(module):
        if target.split(".")[0] != "numtorch" or floor(target) <= floor(module):
            continue
        as_users_do = target == "numtorch" and floor(module) >= OUTSIDE
        if target == "numtorch._version" or as_users_do or (not now and _for_types(module, target)):
            continue
        wrong.append(
            f"{'imports' if now else 'imports in a function'} {target} (floor {floor(target)} from {floor(module)})"
        )
    assert wrong == []


def _for_types(module, target):
    """Whether an import is there for type checkers alone."""
    return target in facts(module).for_types


def test_no_modules_import_each_other_in_a_circle():
    assert circles({module: facts(module).at_import for module in MODULES}) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_function_imports_from_the_package(module):
    lazy = [t for t, now in imports(module) if t.startswith("numtorch") and not now and not _for_types(module, t)]
    assert lazy == []


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith(("numtorch.nn", "numtorch.optim"))])
def test_models_and_optimizers_know_no_kernel(module):
    low = [t for t, _ in imports(module) if t.startswith("numtorch.kernels")]
    assert low == []


NUMBA_ALLOWED = ("numtorch.kernels", "numtorch.ops", "numtorch.dispatch")


@pytest.mark.parametrize("module", MODULES)
def test_who_imports_numba(module):
    """Only kernels do, and of what ``import numtorch`` loads, none at import time."""
    found = [(t, now) for t, now in imports(module) if t.split(".")[0] in ("numba", "llvmlite")]
    if not module.startswith(NUMBA_ALLOWED):
        assert found == [], "numba is the kernels' affair"
    if any(now for _, now in found):
        assert module in LOADED_WITH_NUMBA, "imports numba at import time: move it into a function"


# Loaded by ``jit.numba()``, by ``pool`` or by the CUDA shim, when Numba is there already.
LOADED_WITH_NUMBA = {
    "numtorch.kernels.linking",
    "numtorch.kernels.shortcuts",
    "numtorch.kernels.overloads",
    "numtorch.kernels.overloads_complex",
    "numtorch.kernels.overloads_cuda",
    "numtorch.kernels.pool_codegen",
    "numtorch.kernels.gemm.microkernel",
    "numtorch.kernels.gemm.calls",
    "numtorch.ops.conv.pointer_codegen",
    "numtorch.kernels.streams_codegen",
    "numtorch.kernels.tables_codegen",
    "numtorch.kernels.tables_cuda",
    "numtorch.ops.conv.winograd_codegen",
    "numtorch.ops.fourier.butterflies_codegen",
    "numtorch.ops.conv.images_codegen",
    "numtorch.ops.pooling.rows_codegen",
    "numtorch.ops.movement.runs_codegen",
    "numtorch.ops.movement.transposed_tile_codegen",
}


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.startswith("numtorch.kernels.codegen") or m == "numtorch.kernels.registry"]
)
def test_registry_and_codegen_know_no_op(module):
    """No string and no name in them is that of an op, beyond the reductions that codegen itself defines."""
    from numtorch.dispatch.op import OPS

    allowed = {
        "sum",
        "mean",
        "prod",
        "amax",
        "amin",
        "any",
        "all",
        "count_nonzero",  # codegen.reduction's own table
        "sum_squares",
        "move",
        "copy",
        "select",
        "round",
        "abs",
        "slice",
        "max",
        "min",
        "where",
        "index",
        "fill",
        "sign",
    }
    tree = ast.parse(MODULES[module].read_text())
    documented = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    strings = {
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in documented
    }
    assert strings & (set(OPS) - allowed) == set()
    assert not [t for t, _ in imports(module) if t.startswith("numtorch.ops")]


HEAVY = ("numba", "llvmlite", "scipy", "matplotlib", "torch", "PIL", "numba.cuda", "pandas", "tqdm")


def test_importing_is_light():
    code = (
        "import sys, numtorch, numtorch.nn, numtorch.optim, numtorch.utils.data, numtorch.vision\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# Longer files, and why they stay whole.
LONG = {}


@pytest.mark.parametrize("module", MODULES)
def test_files_are_of_a_readable_size(module):
    assert facts(module).lines <= LONG.get(module, (900, ""))[0], "cut it in two, or make it a folder of its own name"


def test_no_file_is_called_after_nothing():
    named = [m for m in MODULES if m.rpartition(".")[2] in ("utils", "helpers", "common", "misc", "util", "tools")]
    # torch has modules called utils; they are folders that only re-export.
    assert [m for m in named if MODULES[m].name != "__init__.py"] == []
    for m in named:
        body = ast.parse(MODULES[m].read_text()).body
        assert not any(
            isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name not in ("__getattr__", "__dir__") for n in body
        )


@pytest.mark.parametrize("module", MODULES)
def test_modules_say_what_they_own(module):
    assert facts(module).says, "opens without a docstring"


# But for what child processes run, where the libraries are installed.
TESTS = sorted(p for p in Path(__file__).parent.rglob("*.py") if p.parent.name != "programs")
OPTIONAL = ("torch", "scipy", "jax", "sklearn", "transformers", "safetensors", "PIL", "tensorboardX", "numba_cuda")


@pytest.mark.parametrize("path", TESTS, ids=[str(p.relative_to(Path(__file__).parent)) for p in TESTS])
def test_tests_start_without_optional_libraries(path):
    """Without them a test is skipped (``pytest.importorskip``); an import at the top of a module would stop the whole
    run."""
    body = ast.parse(path.read_text()).body
    tops = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [a.name for node in tops if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in tops if isinstance(node, ast.ImportFrom) and node.module]
    skipped_before = any("importorskip" in ast.unparse(node) for node in body)
    assert skipped_before or not [n for n in names if n.split(".")[0] in OPTIONAL]
