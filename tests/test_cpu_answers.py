"""What PyTorch answers on a machine without a GPU, and settings of libraries that are not used here."""

import importlib

import pytest
from against_torch import lines

import numtorch
from numtorch import nn


@pytest.mark.skipif(numtorch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(
    "text",
    lines("""
t.backends.cudnn.benchmark, t.backends.cudnn.deterministic, t.backends.cudnn.enabled, t.backends.cudnn.allow_tf32
t.backends.cudnn.is_available(), t.backends.cudnn.version(), t.backends.mps.is_available(), t.backends.mps.is_built()
t.backends.cuda.matmul.allow_tf32, t.backends.cuda.is_built(), t.backends.cuda.flash_sdp_enabled()
t.backends.cuda.math_sdp_enabled(), t.backends.cuda.mem_efficient_sdp_enabled(), t.backends.cuda.cudnn_sdp_enabled()
t.cuda.max_memory_allocated(), t.cuda.memory_reserved(), t.cuda.max_memory_reserved(), t.cuda.get_rng_state_all()
t.cuda.is_available(), t.cuda.device_count(), t.cuda.get_arch_list(), t.cuda.is_initialized()
t.accelerator.is_available(), t.accelerator.device_count(), t.accelerator.current_accelerator()
t.compiler.is_compiling(), t.compiler.is_exporting(), t.jit.is_scripting(), t.jit.is_tracing()
t.jit.annotate(int, 3), t.jit.is_tracing()
t.version.hip, isinstance(t.version.__version__, str), issubclass(t.cuda.OutOfMemoryError, RuntimeError)
"""),
)
def test_as_in_torch(text):
    torch = pytest.importorskip("torch")
    assert eval(text, {"t": numtorch}) == eval(text, {"t": torch})  # noqa: S307


@pytest.mark.parametrize("name", ["cudnn.benchmark", "cudnn.deterministic", "cuda.matmul.allow_tf32", "mkldnn.enabled"])
def test_settings_stay_set(name):
    *path, last = name.split(".")
    where = numtorch.backends
    for part in path:
        where = getattr(where, part)
    before = getattr(where, last)
    setattr(where, last, not before)
    assert getattr(where, last) is not before
    setattr(where, last, before)


def test_settings_within_a_block():
    cudnn, cuda = numtorch.backends.cudnn, numtorch.backends.cuda
    with cudnn.flags(enabled=False, benchmark=True):
        assert cudnn.benchmark and not cudnn.enabled
    assert not cudnn.benchmark and cudnn.enabled
    cuda.enable_flash_sdp(False)
    with cuda.sdp_kernel(enable_math=False):
        assert cuda.flash_sdp_enabled() and not cuda.math_sdp_enabled()
    assert not cuda.flash_sdp_enabled() and cuda.math_sdp_enabled()
    cuda.enable_flash_sdp(True)


@pytest.mark.parametrize(
    "name", ["accelerator", "backends", "compiler", "jit", "random", "version", "linalg", "fft", "signal", "utils"]
)
def test_modules_are_reached_as_attributes(name):
    assert getattr(numtorch, name) is importlib.import_module(f"numtorch.{name}") and name in dir(numtorch)


def test_what_is_compiled_is_what_it_was():
    net = nn.Linear(2, 2)

    @numtorch.compile(mode="reduce-overhead")
    def f(x):
        return net(x)

    @numtorch.compile
    @numtorch.compiler.disable
    @numtorch.jit.script
    def g(x):
        return net(x)

    x = numtorch.ones(1, 2)
    assert numtorch.compile(net, fullgraph=True) is net
    assert numtorch.equal(f(x), net(x)) and numtorch.equal(g(x), net(x))


def test_scripted_modules_share_tensors_and_are_written_to_files(tmp_path):
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    x = numtorch.ones(1, 2)
    for made in (numtorch.jit.script(net), numtorch.jit.trace(net, x), numtorch.jit.trace_module(net, {"forward": x})):
        assert isinstance(made, numtorch.jit.ScriptModule) and isinstance(made, nn.Sequential)
        assert made[0].weight is net[0].weight and numtorch.equal(made(x), net(x))
        made.eval()
        assert net.training and net[0].training and not made[0].training
    path = tmp_path / "net.pt"
    made.save(path, {"labels": "a b"})
    extra = {"labels": ""}
    again = numtorch.jit.load(path, _extra_files=extra)
    assert numtorch.equal(again(x), net(x)) and not again.training and extra == {"labels": "a b"}
    assert numtorch.jit.freeze(again) is again and numtorch.jit.optimize_for_inference(again) is again
    with pytest.raises(RuntimeError, match="eval mode"):
        numtorch.jit.freeze(numtorch.jit.script(net))
    numtorch.save(net, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="not written by jit.save"):
        numtorch.jit.load(tmp_path / "other.pt")
    with pytest.raises(TypeError, match="a module is saved"):
        numtorch.jit.save(len, path)
    shared = nn.ModuleList([net[0], net[0]])
    twice = numtorch.jit.script(shared)
    assert twice[0] is twice[1]


def test_futures():
    first, second = numtorch.futures.Future(), numtorch.jit.fork(lambda: 2)
    both = numtorch.futures.collect_all([first, second])
    later = first.then(lambda f: f.value() + 1)
    assert not both.done() and second.done()
    first.set_result(3)
    assert later.wait() == 4 and numtorch.futures.wait_all([first, second]) == [3, 2] and both.wait()[0] is first
    with pytest.raises(RuntimeError, match="can only be set once"):
        first.set_result(4)
    failed = numtorch.jit.fork(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        numtorch.jit.wait(failed)
    with pytest.raises(ZeroDivisionError):
        failed.then(lambda f: f.value()).wait()
    assert numtorch.futures.collect_all([]).wait() == []


def test_a_block_with_random_numbers_of_its_own():
    numtorch.manual_seed(3)
    alone = numtorch.rand(3)
    numtorch.random.manual_seed(3)
    with numtorch.random.fork_rng():
        numtorch.rand(100)
    assert numtorch.equal(numtorch.rand(3), alone)
    numtorch.manual_seed(3)
    with numtorch.random.fork_rng(enabled=False):
        first = numtorch.rand(3)
    assert numtorch.equal(first, alone) and not numtorch.equal(numtorch.rand(3), alone)
