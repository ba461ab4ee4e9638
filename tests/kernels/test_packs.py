"""Kernel packs: what they hold, who may use them, and what becomes of bad ones."""

import os
import stat

import numpy as np
import pytest
from fresh import answer, counts, python, run

from numtorch.kernels import cache, images, jit, packs, recording, signature, target
from numtorch.kernels.linker import Image

pytestmark = pytest.mark.skipif(jit.disabled() or not images.possible(), reason="only Numba loads kernels here")

WORK = """
import sys
import numtorch as torch
from numtorch.kernels import cache
x = torch.arange(6, dtype=torch.float32).reshape(2, 3).requires_grad_()
y = (torch.exp(x) * 2).sum()
y.backward()
z = torch.ones(2_000_000).exp_()
print(y.item(), x.grad.tolist(), float(z[-1]), [], "numba" in sys.modules, cache.stats["hits"], cache.stats["misses"])
"""
# One kernel of it: for tests in which it is compiled again.
ONE = """
import sys
import numtorch as torch
from numtorch.kernels import cache
print(torch.exp(torch.arange(4, dtype=torch.float32)).tolist(), "numba" in sys.modules, cache.stats["hits"], cache.stats["misses"])
"""  # noqa: E501
# Of 20 steps; every digit is printed.
LOSSES = """
import sys
import numtorch as torch
import numtorch.nn.functional as F
from numtorch import nn
from numtorch.kernels import cache, steps

def small():
    "Convolutions, batch norm, pooling; embeddings, layer norm, products."
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 3, padding=1), nn.Flatten(), nn.Linear(16 * 49, 10)
    )
    yield net, torch.randn(4, 1, 14, 14), torch.arange(4)
    net = nn.Sequential(nn.Embedding(65, 32), nn.LayerNorm(32), nn.Linear(32, 48), nn.GELU(), nn.Linear(48, 65))
    characters = torch.randint(0, 65, (4, 33))
    yield net, characters[:, :-1], characters[:, 1:]

def whole():
    for name in ("mlp", "lenet", "gpt", "resnet18"):
        torch.manual_seed(0)
        net, x, t = steps.MODELS[name]()
        yield net, x[:4], t[:4]

for net, x, t in MODELS():
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        y = net(x)
        loss = F.cross_entropy(y.reshape(-1, y.shape[-1]), t.reshape(-1))
        loss.backward()
        optimizer.step()
        print(loss.item().hex())
print([], "numba" in sys.modules, cache.stats["hits"], cache.stats["misses"])
"""


def packed(folder, path, level=None):
    """A pack of what a cache folder holds."""
    found = {}
    for file in folder.glob("*.nbc"):
        key, image, _ = cache.unpack(file.read_bytes())
        found[key] = image
    packs.write(path, level or f"{target.NATIVE}:{target.identity_digest()}", {k: v for k, v in found.items() if v})
    return path


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """A pack of the kernels of ``WORK``, and what the process said that compiled them."""
    folder = tmp_path_factory.mktemp("baked")
    out, _ = run(WORK, folder)
    return packed(folder, folder / "work.ntk"), out


def loaded_numba(out):
    return out.split()[-3] == "True"


def test_a_pack_makes_compiling_and_numba_needless(pack, tmp_path):
    path, first = pack
    out, err = run(WORK, tmp_path, NUMTORCH_PACKS=str(path))
    assert answer(out) == answer(first) and err == ""
    assert counts(out)[1] == 0 and not loaded_numba(out) and loaded_numba(first)
    assert list(tmp_path.glob("*.nbc")) == []
    out, _ = run(WORK, tmp_path, NUMTORCH_PACKS=str(path.parent))  # a folder of packs
    assert counts(out)[1] == 0


def test_the_cache_makes_numba_needless_too(pack):
    out, _ = run(WORK, pack[0].parent)
    assert answer(out) == answer(pack[1]) and counts(out)[1] == 0 and not loaded_numba(out)


def test_a_read_only_pack_serves_several_processes_at_once(pack, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    path = shared / "work.ntk"
    path.write_bytes(pack[0].read_bytes())
    path.chmod(0o444)
    shared.chmod(0o555)
    try:
        started = [python(WORK, tmp_path / "own", NUMTORCH_PACKS=str(path)) for _ in range(4)]
        done = [p.communicate(timeout=120) for p in started]
    finally:
        shared.chmod(0o755)
    assert {(answer(out), counts(out)[1], err) for out, err in done} == {(answer(pack[1]), 0, "")}


@pytest.mark.parametrize(("models", "count"), [("small", 2), pytest.param("whole", 4, marks=pytest.mark.slow)])
def test_losses_from_a_pack_have_the_bits_of_those_where_its_kernels_were_compiled(tmp_path, models, count):
    program = LOSSES.replace("MODELS()", f"{models}()")
    level = next((name for name in sorted(target.LEVELS, reverse=True) if target.runs(name)), None)
    out, _ = run(program, tmp_path, **({"NUMBA_CPU_NAME": level} if level else {}))  # compiled here for the level
    path = packed(tmp_path, tmp_path / "models.ntk", level)
    again, err = run(program, tmp_path / "empty", NUMTORCH_PACKS=str(path))
    assert len(answer(out).split()) == count * 20 + 1
    assert answer(again) == answer(out) and counts(again)[1] == 0 and err == ""
    assert loaded_numba(out) and not loaded_numba(again)


PROFILED = """
import numtorch as torch
from numtorch.profiler import profile
x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
with profile() as prof:
    torch.exp(x)
(row,) = [row for row in prof.rows if row.op == "exp"]
prof.export_html(PAGE)
print(row.source, row.cache, row.compile_ns > 0, row.load_ns > 0, str(prof).splitlines()[-1], end=" ")
print(open(PAGE).read().count(SAID))
"""
FROM = {
    "pack": ("pack hit False True code: 1 from packs", "1 from packs"),
    "cache": ("cache hit False True code: 1 from the cache", "1 from the cache"),
    "compiled": ("compiled miss True False code: 1 compiled", "1 compiled"),
}


@pytest.mark.parametrize("origin", FROM)
def test_a_profile_says_where_code_came_from(pack, tmp_path, origin):
    line, said = FROM[origin]
    code = PROFILED.replace("PAGE", repr(str(tmp_path / "page.html"))).replace("SAID", repr(said))
    folder = pack[0].parent if origin == "cache" else tmp_path
    out, _ = run(code, folder, NUMTORCH_QUIET="1", NUMTORCH_PACKS=str(pack[0]) if origin == "pack" else "0")
    assert out.startswith(line + " ") and int(out.split()[-1]) >= 2  # in the summary, and below the tables


EXPLAINED = """
import numtorch as torch
from numtorch.profiler import peaks
peaks.machine = lambda *a, **k: peaks.Machine("cpu", "a machine", 1, [(1 << 30, 10.0)], [], {"float32": 9.0}, 9.0)
x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
found = torch.profiler.explain(torch.exp, x)
print([f.kernel.__name__ for f in found.functions], found.rows[0].source)
print(found.source == torch.kernels.source(torch.exp, x), "for i in prange(out0.size):" in found.source)
print("; exp_flat" in found.llvm, "# exp_flat" in found.assembly, repr(found.vectorization[0].error))
"""


def test_explain_and_source_know_kernels_from_a_pack(pack, tmp_path):
    out, _ = run(EXPLAINED, tmp_path, NUMTORCH_PACKS=str(pack[0]))
    assert out.splitlines() == ["['exp_flat'] pack", "True True", "True True ''"]


# --- bad packs --------------------------------------------------------------------------------------------


def changed(data, at, value=None):
    at %= len(data)
    return data[:at] + (bytes([data[at] ^ 1]) if value is None else value) + data[at + (len(value) if value else 1) :]


def altered(data):
    """One byte changed in each image."""
    _, _, letters, count, _ = packs._HEAD.unpack_from(data)
    changed = bytearray(data)
    for i in range(count):
        _, at, size, _ = packs._ENTRY.unpack_from(data, packs._HEAD.size + letters + i * packs._ENTRY.size)
        changed[at + size // 2] ^= 1
    return bytes(changed)


BAD = {
    "truncated": (lambda data: data[:-1], "truncated or damaged"),
    "cut off at the head": (lambda data: data[:20], "no kernel pack"),
    "empty": (lambda data: b"", "cannot be read"),
    "an older format": (lambda data: changed(data, 0, b"numtorch pack 0\n"), "no kernel pack"),
    "an altered index": (lambda data: changed(data, 400), "truncated or damaged"),
    "altered kernels": (lambda data: altered(data), "a kernel of the pack"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_pack_is_named_and_the_program_works(pack, tmp_path, kind):
    damage, words = BAD[kind]
    path = tmp_path / "bad.ntk"
    path.write_bytes(damage(pack[0].read_bytes()))
    out, err = run(WORK, pack[0].parent, NUMTORCH_PACKS=str(path))  # what is lacking is in the cache
    assert answer(out) == answer(pack[1])
    assert err.count("\n") == 1 and str(path) in err and words in err


def test_altered_code_is_compiled_again(pack, tmp_path):
    path = tmp_path / "bad.ntk"
    path.write_bytes(altered(pack[0].read_bytes()))
    out, err = run(ONE, tmp_path / "own", NUMTORCH_PACKS=str(path), NUMTORCH_QUIET="1")
    assert answer(out) == answer(run(ONE, pack[0].parent)[0]) and counts(out)[1] == 1 and err.count("\n") == 1


@pytest.mark.parametrize("level", ["x86-64-v9", f"{target.NATIVE}:{'0' * 32}"])
def test_a_pack_for_another_processor_is_not_used(pack, tmp_path, level):
    path = packed(pack[0].parent, tmp_path / "other.ntk", level)
    out, err = run(WORK, pack[0].parent, NUMTORCH_PACKS=str(path))
    assert answer(out) == answer(pack[1]) and "this processor is not" in err and err.count("\n") == 1


def test_a_pack_of_other_versions_is_not_used(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(target, "versions", lambda: "Python 2.7 Numba 0.1")
    path = packed(pack[0].parent, tmp_path / "old.ntk")
    monkeypatch.undo()
    out, err = run(WORK, pack[0].parent, NUMTORCH_PACKS=str(path))
    assert answer(out) == answer(pack[1]) and "other versions (Python 2.7 Numba 0.1" in err


def test_of_two_packs_with_a_kernel_the_first_that_is_whole_gives_it(pack, tmp_path):
    bad = tmp_path / "a.ntk"
    bad.write_bytes(altered(pack[0].read_bytes()))
    for first, second, lines in ((pack[0], bad, 0), (bad, pack[0], 1)):
        out, err = run(WORK, tmp_path / "own", NUMTORCH_PACKS=f"{first}{os.pathsep}{second}")
        assert answer(out) == answer(pack[1]) and counts(out)[1] == 0 and err.count("\n") == lines


def test_a_missing_pack_is_named(pack, tmp_path):
    _, err = run(WORK, pack[0].parent, NUMTORCH_PACKS=str(tmp_path / "none.ntk"))
    assert "none.ntk is not used: it cannot be read" in err and err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="owners and permissions")
def test_only_packs_that_nobody_else_may_write_are_used(pack, tmp_path):
    path = tmp_path / "shared.ntk"
    path.write_bytes(pack[0].read_bytes())
    path.chmod(0o666)
    with pytest.raises(packs.Unusable, match="others may write it"):
        packs.Pack(path)
    status = os.stat_result((stat.S_IFREG | 0o644, 0, 0, 1, 12345, 12345, 0, 0, 0, 0))
    with pytest.raises(packs.Unusable, match="another user"):
        packs._trust(status)


def installed(folder, code=WORK):
    """A program whose package comes with the packs of a folder."""
    return f"from pathlib import Path\nfrom numtorch.kernels import packs\npacks.FOLDER = Path({str(folder)!r})\n{code}"


@pytest.mark.parametrize("kind", ["another processor", "other versions", "a damaged one"])
def test_packs_of_the_package_that_cannot_be_used_are_one_line(pack, tmp_path, monkeypatch, kind):
    (tmp_path / "packs").mkdir()
    with monkeypatch.context() as m:
        if kind == "other versions":
            m.setattr(target, "versions", lambda: "Python 2.7 Numba 0.1")
        for level in ("x86-64-v8", "x86-64-v9"):
            file = packed(pack[0].parent, tmp_path / "packs" / f"{level}.ntk", level)
            if kind != "another processor":
                packs.write(file, f"{target.NATIVE}:{target.identity_digest()}", {})
            if kind == "a damaged one":
                file.write_bytes(file.read_bytes()[:-1])
    words = {"another processor": "is for x86-64-v8", "other versions": "by other versions", "a damaged one": "damaged"}
    out, err = run(installed(tmp_path / "packs", ONE), tmp_path / "cache", NUMTORCH_PACKS="")
    first, *others = err.splitlines()
    file = tmp_path / "packs" / "x86-64-v8.ntk"
    assert first.startswith(f"numtorch: kernels are compiled, because the kernel pack {file} is not used: ")
    assert words[kind] in first and not any("not used" in line for line in others)
    assert "2.718" in answer(out) and counts(out) == (0, 1)


def test_a_pack_of_the_package_for_another_level_is_no_line_where_one_is_used(pack, tmp_path):
    (tmp_path / "packs").mkdir()
    packed(pack[0].parent, tmp_path / "packs" / "x86-64-v9.ntk", "x86-64-v9")
    packed(pack[0].parent, tmp_path / "packs" / "x86-64-v1.ntk")  # the level in the file counts, not its name
    out, err = run(installed(tmp_path / "packs"), tmp_path / "cache", NUMTORCH_PACKS="")
    assert counts(out)[1] == 0 and err == "" and answer(out) == answer(pack[1])


def test_other_options_of_the_compiler_ask_for_other_code(pack, tmp_path):
    out, _ = run(ONE, tmp_path, NUMTORCH_PACKS=str(pack[0]), NUMBA_OPT="1", NUMTORCH_QUIET="1")
    assert counts(out)[1] == 1 and counts(run(ONE, tmp_path, NUMTORCH_PACKS=str(pack[0]))[0])[1] == 0


def test_a_level_is_less_than_what_a_processor_has(monkeypatch):
    monkeypatch.setattr(target, "flags", lambda: target.LEVELS["x86-64-v3"] | {"avx512f"})
    assert target.runs("x86-64-v3") and not target.runs("x86-64-v4") and not target.runs("x86-64-v5")


# --- without Numba ----------------------------------------------------------------------------------------

BLOCKED = """
import importlib.abc, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "numba.core":
            raise ImportError("no compiler here")
sys.meta_path.insert(0, Broken())
"""


def test_without_a_compiler_a_pack_is_enough(pack, tmp_path):
    out, _ = run(BLOCKED + WORK, tmp_path, NUMTORCH_PACKS=str(pack[0]))
    assert answer(out) == answer(pack[1])
    failed = python(BLOCKED + WORK, tmp_path)
    _, err = failed.communicate(timeout=120)
    assert failed.returncode == 1 and "which compiles it, cannot be imported: no compiler here" in err


RAISING = """
import sys
import numpy as np
from numtorch.kernels import cache
from numtorch.kernels.jit import jit
@jit
def pick(x, i):
    if i > 3:
        raise IndexError("no such place")
    return x[i] / 2
print(pick(np.arange(4.0), 2), end=" ")
try:
    pick(np.arange(4.0), 5)
except IndexError as e:
    print(e, end=" ")
for bad in ([1.0], np.arange(4.0, dtype=np.float32)):
    try:
        pick._entries.popitem()[1](bad, 2)
    except (KeyError, TypeError) as e:
        print(type(e).__name__, end=" ")
print([], cache.stats["hits"], cache.stats["misses"])
"""


def test_code_from_the_cache_raises_as_compiled_code_does(tmp_path):
    (tmp_path / "raising.py").write_text(RAISING)
    code = f"import runpy; runpy.run_path({str(tmp_path / 'raising.py')!r}, run_name='__main__')"
    out, again = (run(code, tmp_path)[0] for _ in range(2))
    assert answer(out) == answer(again) and "1.0 no such place" in out
    assert counts(out) == (0, 1) and counts(again) == (1, 0)


def test_where_code_may_not_be_made_numba_loads_kernels(pack, tmp_path):
    forbid = (
        "from numtorch.kernels import images\n"
        "def refuse(start, size): raise OSError('memory cannot be made executable')\n"
        "images._make_executable = refuse\n"
    )
    out, err = run(forbid + ONE, tmp_path, NUMTORCH_PACKS=str(pack[0]))
    assert counts(out)[1] == 1
    again, _ = run(forbid + ONE, tmp_path, NUMTORCH_PACKS=str(pack[0]))
    assert answer(again) == answer(out) and counts(again)[1] == 0 and loaded_numba(again)


def test_numba_can_be_imported_after_its_helpers():
    code = (
        "import numtorch as torch\nfrom numtorch.kernels import images\nassert images.possible()\nimport numba\n"
        "import numpy as np\nassert numba.njit(lambda x: x.sum())(np.ones(3)) == 3\nprint(torch.ones(3).sum().item())"
    )
    assert run(code, cache.folder())[0] == "3.0\n"


# --- bake -------------------------------------------------------------------------------------------------


def bake(*words, **env):
    code = f"import sys\nfrom numtorch.kernels.__main__ import main\nsys.exit(main({['bake', *map(str, words)]!r}))"
    done = python(code, cache.folder(), **env)
    out, err = done.communicate(timeout=300)
    return done.returncode, out, err


@pytest.mark.parametrize("cpu", ["native", "x86-64-v3"])
def test_a_pack_is_baked_of_a_script(tmp_path, cpu):
    if cpu != "native" and not target.runs(cpu):
        pytest.skip(f"this processor is not {cpu}")
    script, path = tmp_path / "work.py", tmp_path / "new folder" / "work.ntk"
    script.write_text(WORK)
    status, out, err = bake("--cpu", cpu, "--workload", f"{script} --epochs 2", "--out", path)
    assert status == 0, err
    assert f"kernels for {cpu}" in out and packs.Pack(path).count > 5
    out, err = run(WORK, tmp_path / "empty", NUMTORCH_PACKS=str(path))
    assert counts(out)[1] == 0 and not loaded_numba(out) and err == ""
    out, _ = run(WORK, tmp_path / "empty", NUMTORCH_PACKS=str(path), NUMTORCH_NUM_THREADS="1")
    assert counts(out)[1] == 0


REHEARSED = """
import sys
from numtorch.kernels import bake, target
target.flags = lambda: target.LEVELS["x86-64-v3"]  # as on a processor that has no more
sys.exit(bake.main(["x86-64-v4", PATH, "1", "0", "silu"]))
"""


def test_a_level_that_the_processor_lacks_is_baked_without_running_anything(tmp_path):
    path = tmp_path / "v4.ntk"
    code = REHEARSED.replace("PATH", repr(str(path)))
    _, err = run(code, tmp_path, NUMBA_CPU_NAME="x86-64-v4", NUMTORCH_QUIET="1")
    assert "rehearsed and not run: this processor lacks avx512bw" in err
    baked = packs.Pack(path)
    found = [images.parse(baked.get(baked.key(i))) for i in range(baked.count)]
    assert baked.level == "x86-64-v4" and [f.name for f in found].count("silu_flat") == 2  # for one thread, for several
    assert any("16 x float" in f.vectors for f in found if f.name == "silu_flat")


def test_programs_that_are_baked_may_define_ops(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "import numtorch as torch\nfrom numtorch import primitive\n"
        "@primitive()\ndef baked_once(x):\n    return x * x + 1\n"
        "y = baked_once(torch.ones(3)).sum()\nassert y.item() == 6\n"
    )
    status, out, err = bake("--workload", script, "--out", tmp_path / "mine.ntk", "--processes", "1")
    assert status == 0 and "Traceback" not in err, err


def test_what_bake_cannot_do_it_says(tmp_path):
    assert bake("--workload", tmp_path / "none.py")[::2] == (2, f"bake: there is no script {tmp_path / 'none.py'}\n")
    (tmp_path / "file").write_text("")
    status, _, err = bake("--models", "--out", tmp_path / "file" / "x.ntk")
    assert status == 2 and err.startswith("bake: ") and "cannot be written" in err
    failing = tmp_path / "failing.py"
    failing.write_text("import numtorch\nraise SystemExit(3)")
    status, _, err = bake("--workload", failing, "--out", tmp_path / "x.ntk")
    assert status == 1 and "failing.py ended with 3" in err and not (tmp_path / "x.ntk").exists()


def test_kernels_compiled_ahead_need_no_numba_later(tmp_path):
    work = "import sys\nimport numtorch as torch\nfrom numtorch import kernels\nx = torch.ones(20, 30)\n"
    run(work + "kernels.warmup(lambda: x @ x.T, processes=2, backward=False, run=False)", tmp_path)
    out, _ = run(work + "x @ x.T\nprint([], 'numba' in sys.modules, kernels.cache.stats['misses'])", tmp_path)
    assert out == "[] False 0\n"


def test_ops_are_called_in_their_common_forms(tmp_path):
    code = (
        "from numtorch.kernels import bake, recording\n"
        "recording.rehearse(lambda: bake.call_ops(*bake.parts_of('silu')), lambda k, t: print(k.__name__, k.parallel))"
    )
    seen = set(run(code, tmp_path, NUMTORCH_NUM_THREADS="2")[0].splitlines())
    forms = {f"silu_{form} {few}" for form in ("flat", "strided") for few in (True, False)}
    assert forms | {f.replace("silu", "silu_backward") for f in forms} <= seen


# --- the parts --------------------------------------------------------------------------------------------


def test_the_text_of_values_is_that_of_numba_s_types():
    a = np.ones((3, 4), np.float32)
    fixed = a.copy()
    fixed.flags.writeable = False
    values = [a, a.T, a[::2, ::2], fixed, a[0], np.zeros(3, bool), np.zeros((), np.float16), np.zeros(2, complex)]
    values += [1, -5, 2**63, 2**40, 1.0, True, 1j, None, np.float32(1), np.int8(3), np.bool_(1), np.complex64(1)]
    values += [(a, a), (a, 1, (2.0, a[0])), ()]
    typeof = jit.numba().typeof
    for v in values:
        text = signature.of([v])
        assert text == signature.of_types([typeof(v)]) and signature.types(text) == (typeof(v),)
    assert signature.types(signature.of(values)) == tuple(map(typeof, values))
    assert signature.types(signature.of([])) == ()


@pytest.mark.parametrize("value", ["text", np.zeros(2, "M8[s]"), np.zeros(2, ">f4"), [1], 2**64, np.ma.ones(2)])
def test_other_values_have_no_text(value):
    assert signature.of([1, value]) is None


def test_an_image_is_the_same_after_it_was_written():
    external = {"memcpy": np.array([30], np.uint32), "expf": np.array([40, 50], np.uint32)}
    exports, internal = {"python": 0, "native": 8}, np.array([1, 20], np.uint32)
    image = Image("f", b"\xc3" * 64, exports, internal, external, {"16 x float": 3})
    data = images.dump(image)
    again = images.parse(data)
    assert (again.name, again.code, again.exports, again.vectors) == ("f", image.code, image.exports, image.vectors)
    assert again.internal.tolist() == [1, 20]
    assert {k: v.tolist() for k, v in again.external.items()} == {"memcpy": [30], "expf": [40, 50]}
    for bad in (data[:-1], data[:10], b"", data + b"x"):
        with pytest.raises(ValueError, match="not a"):
            images.parse(bad)


def test_a_symbol_that_is_nowhere_makes_a_kernel_s_image_useless():
    with pytest.raises(images.Unresolved):
        images.Placed(Image("f", b"\xc3" * 64, {}, np.zeros(0, np.uint32), {"no_such_symbol": np.zeros(1, np.uint32)}))


def test_a_rehearsal_asks_for_no_compiler(pack, tmp_path):
    code = (
        "import sys\nimport numtorch as torch\nfrom numtorch.kernels import recording\nseen = []\n"
        "recording.rehearse(lambda: torch.exp(torch.ones(3)), lambda k, t: seen.append((k.__name__, t)))\n"
        "print(seen, 'numba' in sys.modules)"
    )
    out, _ = run(code, tmp_path)
    assert "('exp_flat', 'float32[1C], float32[1C]')" in out and out.endswith("False\n")


def test_launches_are_seen_of_code_from_packs():
    with recording.launches() as seen:
        np.testing.assert_array_equal(jit_double(np.ones(3)), 2)
    assert [launch.kernel.__name__ for launch in seen] == ["jit_double"]


@jit.jit
def jit_double(x):
    return x.sum() * 2 / x.size
