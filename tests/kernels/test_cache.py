"""The kernel cache as processes see it: warm, cold, at once, damaged, unwritable, and after a change."""

import os
import re
import stat
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fresh import answer, counts, python, run

import numtorch
from numtorch.kernels import cache, registry, toolchain
from numtorch.kernels import jit as jit_module
from numtorch.kernels.jit import compile_source, disabled, jit

pytestmark = pytest.mark.skipif(disabled(), reason="plain Python compiles nothing")

WORK = """
import numtorch as torch
from numtorch.kernels import cache
x = torch.arange(6, dtype=torch.float32).reshape(2, 3).requires_grad_()
y = (torch.exp(x) * 2).sum()
y.backward()
print(y.item(), x.grad.tolist(), cache.stats["hits"], cache.stats["misses"])
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that one process has filled, and what that process said."""
    folder = tmp_path_factory.mktemp("kernels")
    return folder, *run(WORK, folder)


def launched(folder):
    """The files that a warm process reads: a helper's machine code is in its kernel's file, too, its own is for other
    kernels."""
    return [f for f in sorted(folder.glob("*.nbc")) if not f.name.startswith("sum_fold-")]


def copied(warm, tmp_path):
    for file in warm[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_a_second_process_compiles_nothing(warm):
    folder, out, _ = warm
    hits, misses = counts(out)
    assert (hits, misses) == (0, len(list(folder.glob("*.nbc"))))
    again, err = run(WORK, folder)
    assert answer(again) == answer(out)
    assert counts(again) == (len(launched(folder)), 0)
    assert len(launched(folder)) == misses - 1
    assert err == ""


def test_a_helper_is_not_compiled_again_for_another_kernel(warm, tmp_path):
    folder = copied(warm, tmp_path)
    next(folder.glob("sum_rows-*.nbc")).unlink()
    out, _ = run(WORK, folder)
    assert answer(out) == answer(warm[1])
    assert counts(out) == (len(launched(folder)), 1)  # one file less, and the helper's


def test_nothing_but_kernels_is_left_in_the_folder(warm):
    assert {f.suffix for f in warm[0].iterdir()} == {".nbc"}


def test_files_are_private_to_the_user(tmp_path):
    folder = tmp_path / "new" / "folder"
    run("from numtorch.kernels import cache; cache.folder()", folder)
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


def test_processes_may_start_cold_at_once(warm, tmp_path):
    started = [python(WORK, tmp_path) for _ in range(6)]
    done = [p.communicate(timeout=300) for p in started]
    assert [p.returncode for p in started] == [0] * 6, done
    assert {answer(out) for out, _ in done} == {answer(warm[1])}
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(f.name for f in warm[0].iterdir())
    again, err = run(WORK, tmp_path)
    assert (counts(again)[1], err) == (0, "")


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "cut off at the head": lambda data: data[:10],
    "garbage": lambda data: os.urandom(len(data)),
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda data: b"",
    "one byte changed": lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
    "not a kernel": lambda data: b"import this",
}


@pytest.mark.parametrize("damage", ["truncated", "each its own"])
def test_damaged_files_are_compiled_again(warm, tmp_path, damage):
    folder = copied(warm, tmp_path)
    bad = sorted(folder.glob("*.nbc"))
    damages = [DAMAGE["truncated"]] * len(bad)
    if damage == "each its own":
        damages = [change for name, change in DAMAGE.items() if name != "truncated"]
        bad = launched(folder)[: len(damages)]
    for file, changed in zip(bad, damages, strict=True):
        file.write_bytes(changed(file.read_bytes()))
    out, _ = run(WORK, folder)
    assert answer(out) == answer(warm[1])
    hits, misses = counts(out)
    whole = set(launched(folder)) - set(bad)
    assert misses == len(bad) and hits >= len(whole)  # and perhaps a helper of what is compiled again
    again, err = run(WORK, folder)
    assert (counts(again), err) == ((len(launched(folder)), 0), "")


def test_a_folder_in_the_place_of_a_file_does_no_harm(warm, tmp_path):
    folder = copied(warm, tmp_path)
    file = min(folder.glob("*.nbc"))
    file.unlink()
    file.mkdir()
    out, _ = run(WORK, folder)
    assert (answer(out), counts(out)[1]) == (answer(warm[1]), 1)


def test_an_unreadable_file_is_compiled_again(warm, tmp_path):
    """Reading fails as it does for a file of another user; root may read everything, so the call is replaced."""
    folder = copied(warm, tmp_path)
    name = min(folder.glob("*.nbc")).name
    refuse = (
        "from pathlib import Path\nopened = Path.open\n"
        f"def guarded(self, *a, **k):\n    if self.name == {name!r}: raise PermissionError(13, 'Permission denied', "
        "str(self))\n"
        "    return opened(self, *a, **k)\nPath.open = guarded\n"
    )
    out, _ = run(refuse + WORK, folder)
    assert (answer(out), counts(out)[1]) == (answer(warm[1]), 1)


def test_an_unwritable_folder_is_said_once(warm, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    out, err = run(WORK, blocked / "kernels", TMPDIR=str(tmp_path), NUMTORCH_QUIET="1")
    assert answer(out) == answer(warm[1])
    lines = err.splitlines()
    assert len(lines) == 1
    assert str(blocked) in lines[0]
    assert "NUMTORCH_CACHE" in lines[0]
    made = [p for p in tmp_path.iterdir() if p.is_dir()]
    assert len(made) == 1
    again, err = run(WORK, blocked / "kernels", TMPDIR=str(tmp_path))  # the replacement is a cache like any other
    assert (counts(again)[1], len(err.splitlines())) == (0, 1)


def test_a_read_only_folder_is_read(warm, tmp_path):
    """An installation may come with kernels that users cannot add to."""
    read_only = (
        "from numtorch.kernels import cache\nfrom pathlib import Path\nwritable = cache._writable\n"
        f"cache._writable = lambda path, *a, **k: Path(path) != Path({str(warm[0])!r}) and writable(path, *a, **k)\n"
    )
    out, err = run(read_only + WORK, warm[0], TMPDIR=str(tmp_path))
    assert (answer(out), counts(out)[1]) == (answer(warm[1]), 0)
    assert len(err.splitlines()) == 1


def test_a_full_disk_costs_a_recompilation(tmp_path):
    full = (
        "from numtorch.kernels import cache\ndef refuse(path, data, **options):\n    raise OSError(28, 'No space left "
        "on device')\n"
        "cache.write_atomically = refuse\n"
    )
    out, _ = run(full + WORK, tmp_path)
    assert counts(out)[1] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_whole_files_or_none(tmp_path):
    process = python(WORK, tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.nbc")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    out, _ = run(WORK, tmp_path)
    hits, misses = counts(out)
    assert hits >= 1
    assert hits + misses == len(list(tmp_path.glob("*.nbc")))


COLD = """
import numtorch as torch
x = torch.randn(4, 5)
for f in (torch.exp, torch.sin, torch.tanh, torch.sigmoid, torch.erf, torch.log1p, torch.abs, torch.cos, torch.sqrt, torch.floor,
          torch.ceil, torch.expm1, torch.atan, torch.sinh, torch.cosh, torch.log, torch.neg, torch.square, torch.sign, torch.trunc):
    f(x)
    f(x.double())
"""  # noqa: E501


def test_a_long_cold_run_says_one_line_and_a_warm_one_nothing(tmp_path):
    _, err = run(COLD, tmp_path)
    line = r"numtorch: compiled \d+ kernels for this machine in \d+ s; they are cached for the next run\n"
    assert re.fullmatch(line, err)
    assert run(COLD, tmp_path) == ("", "")


def test_a_cold_run_can_be_quiet(tmp_path):
    code = (
        "import numtorch as torch\nfrom numtorch.kernels import cache\ncache.stats['compile_seconds'] = 2.0\n"
        "torch.exp(torch.ones(3))"
    )
    line = r"numtorch: compiled \d+ kernels for this machine in \d+ s; .*\n"
    assert re.fullmatch(line, run(code, tmp_path / "told")[1])
    assert run(code, tmp_path / "quiet", NUMTORCH_QUIET="1") == ("", "")


# --- keys -----------------------------------------------------------------------------------------

FACTOR = 2


@jit
def helper(x):
    return x + 1


def kernel_of(text, **options):
    return compile_source(text, "f", {"helper": helper, "FACTOR": FACTOR} | options.pop("env", {}), "a test", **options)


BASE = "def f(x, out):\n    for i in range(out.size):\n        out[i] = helper(x[i]) * FACTOR * 3\n"


def test_the_same_source_has_the_same_key():
    assert kernel_of(BASE).key == kernel_of(BASE).key


def test_every_change_of_meaning_changes_the_key():
    @jit
    def other(x):
        return x + 1.5

    changed = [
        kernel_of(BASE.replace("* 3", "* 4")),
        kernel_of(BASE.replace("range(out.size)", "range(1, out.size)")),
        kernel_of(BASE, env={"FACTOR": 5}),
        kernel_of(BASE, env={"FACTOR": 2.0}),
        kernel_of(BASE, env={"helper": other}),
        kernel_of(BASE, parallel=True),
        kernel_of(BASE, fastmath=()),
        kernel_of(BASE, boundscheck=True),
        kernel_of(BASE, needs="numtorch.kernels.gemm.microkernel"),
        kernel_of(BASE.replace("x, out", "x, out, n=3")),
    ]
    keys = [kernel_of(BASE).key, *[k.key for k in changed]]
    assert len(set(keys)) == len(keys)


def test_llvm_code_that_a_module_imports_belongs_to_its_key(monkeypatch):
    whole = jit_module.module_digest("numtorch.ops.conv.images_codegen")
    jit_module.module_digest.cache_clear()
    monkeypatch.setattr(jit_module, "_writes_llvm", lambda name: False)
    try:
        assert jit_module.module_digest("numtorch.ops.conv.images_codegen") != whole
    finally:
        jit_module.module_digest.cache_clear()


def test_a_change_deep_in_a_helper_changes_the_key():
    def outer(amount):
        inner = compile_source(f"def inner(x):\n    return x * {amount}\n", "inner", {}, "inner")
        middle = compile_source("def middle(x):\n    return inner(x) + 1\n", "middle", {"inner": inner}, "middle")
        return compile_source("def f(x):\n    return middle(x)\n", "f", {"middle": middle}, "outer")

    assert outer(2).key == outer(2).key
    assert outer(2).key != outer(3).key


def test_changed_arrays_among_the_globals_change_the_key():
    zeros = np.zeros(2000)
    table = lambda v: compile_source(
        "def f(i):\n    return TABLE[i]\n", "f", {"TABLE": np.concatenate([zeros, [v], zeros])}, "table"
    )
    assert table(2.0).key == table(2.0).key
    assert table(2.0).key != table(3.0).key


def test_a_changed_kernel_is_not_loaded_for_the_old_one(tmp_path):
    code = (
        "import numpy as np\nfrom numtorch.kernels.jit import compile_source\nfrom numtorch.kernels import cache\n"
        "f = compile_source('def f(x):\\n    return x * @\\n', 'f', {}, 'test')\nprint(f(7), cache.stats['hits'])"
    )
    printed = [run(code.replace("@", n), tmp_path)[0].split() for n in ("2", "3", "2")]
    assert printed == [["14", "0"], ["21", "0"], ["14", "1"]]


# --- the folder -----------------------------------------------------------------------------------


def test_where_the_folder_is(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMTORCH_CACHE", str(tmp_path / "here"))
    assert cache.default_folder() == tmp_path / "here"
    monkeypatch.setenv("NUMTORCH_CACHE", "~/kernels")
    assert cache.default_folder() == Path.home() / "kernels"
    monkeypatch.delenv("NUMTORCH_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_folder() == tmp_path / "numtorch" / "kernels"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.default_folder() == Path.home() / "Library/Caches/numtorch/kernels"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache.default_folder() == tmp_path / "numtorch" / "kernels"


def test_entries_and_clear(tmp_path):
    with cache.use_folder(tmp_path):
        kernel = compile_source("def f(x):\n    return x + 40\n", "f", {}, "entries")
        assert kernel(2) == 42
        assert [e.name.split("-")[0] for e in cache.entries()] == ["f"]
        assert cache.clear() == 1
        assert cache.entries() == []
    assert cache.folder() != tmp_path


def test_the_folder_stays_below_its_limit(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMTORCH_CACHE_MB", raising=False)
    assert cache.limit() == 512_000_000
    monkeypatch.setenv("NUMTORCH_CACHE_MB", "0.01")
    with cache.use_folder(tmp_path):
        for i in range(20):
            (tmp_path / f"k{i}.nbc").write_bytes(b"x" * 1000)
            os.utime(tmp_path / f"k{i}.nbc", (1e9, 1e9 + i))
        (tmp_path / "k1.remarks").write_bytes(b"x" * 10)
        os.utime(tmp_path / "k1.remarks", (1e9, 1e9))
        (tmp_path / "mine.txt").write_bytes(b"x" * 100_000)
        cache._read(tmp_path / "k0.nbc")  # used now: the last to go
        assert cache.trim() == 13
        left = sorted(p.name for p in tmp_path.iterdir())
        assert left == sorted(["mine.txt", "k0.nbc", *[f"k{i}.nbc" for i in range(13, 20)]])
        assert cache.size() == 8000
        monkeypatch.setenv("NUMTORCH_CACHE_MB", "0")
        assert cache.limit() is None and cache.trim() == 0


def test_processes_keep_to_the_limit(tmp_path):
    (tmp_path / "old.nbc").write_bytes(b"x" * 300_000)
    os.utime(tmp_path / "old.nbc", (1e9, 1e9))
    (tmp_path / ".old.nbc-0123456789ab").write_bytes(b"x")  # a killed process has left it
    out, _ = run(WORK, tmp_path, NUMTORCH_CACHE_MB="0.2")
    left = {p.name for p in tmp_path.iterdir()}
    assert left and not {"old.nbc", ".old.nbc-0123456789ab"} & left
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 220_000


@pytest.mark.parametrize(
    "stream",
    [
        "sys.stderr = None",
        "sys.stderr.close()",
        "sys.stderr = open('/dev/full', 'w')",
        "sys.stderr = object()",
        "sys.stdout = sys.stderr = None",
    ],
)
def test_without_standard_error(tmp_path, stream):
    if "/dev/full" in stream and not os.path.exists("/dev/full"):
        pytest.skip("no full device here")
    code = (
        "import sys, os\n" + stream + "\nfrom numtorch.kernels import cache\ncache.stats['compile_seconds'] = 2.0\n"
        "import numtorch as torch\nx = torch.ones(3) + torch.ones(3)\ncache.compiling.clear_line()\n"
        "torch.kernels.warmup(lambda: torch.exp(x), run=False)\n"
        f"open({str(tmp_path / 'out')!r}, 'w').write(str(x.tolist()))\nos._exit(0)"
    )
    assert run(code, tmp_path / "kernels")[0] == ""
    assert (tmp_path / "out").read_text() == "[2.0, 2.0, 2.0]"


@pytest.mark.parametrize("lack", [MemoryError, RecursionError, KeyboardInterrupt])
def test_a_lack_of_memory_is_not_remembered_as_a_kernel_that_does_not_compile(monkeypatch, lack):
    def failing(self, *args):
        def fail():
            raise lack

        return toolchain.run(fail)

    registry.clear_memos()
    with monkeypatch.context() as patch, pytest.raises(lack):
        patch.setattr(jit_module.Jit, "entry", failing)
        numtorch.exp(numtorch.zeros(3))
    assert numtorch.exp(numtorch.zeros(3)).tolist() == [1.0] * 3
