"""Modules that programs written for PyTorch use around tensors: fx, library, overrides, distributed, testing, times.
Values are said here; those that PyTorch gives too are compared where it is installed."""

import copy
import gc
import importlib.util
import math
import pickle
import subprocess
import sys

import pytest

import numtorch as torch
import numtorch.distributed as dist
from numtorch import fx, library, nn, overrides, testing
from numtorch.utils import benchmark

HAS_TORCH = importlib.util.find_spec("torch") is not None


@fx.wrap
def leaf(x):
    return x + 1 if x.sum() > 0 else x - 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.layers = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.w = nn.Parameter(torch.ones(2))
        self.register_buffer("b", torch.ones(2))

    def forward(self, x, scale=2.0):
        y = self.layers(torch.relu(self.fc(x))) * self.w + self.b
        return leaf(torch.cat([y, y], dim=1))[:, 1:].view(x.size(0), -1) * math.sqrt(4) * scale


TEXT = """
def forward(self, x, scale = 2.0):
    fc = self.fc(x)
    relu = torch.relu(fc);  fc = None
    layers_0 = getattr(self.layers, "0")(relu);  relu = None
    layers_1 = getattr(self.layers, "1")(layers_0);  layers_0 = None
    w = self.w
    mul = layers_1 * w;  layers_1 = w = None
    b = self.b
    add = mul + b;  mul = b = None
    cat = torch.cat([add, add], dim = 1);  add = None
    leaf = {leaf}(cat);  cat = None
    getitem = leaf[:, 1:];  leaf = None
    size = x.size(0);  x = None
    view = getitem.view(size, -1);  getitem = size = None
    mul_1 = view * 2.0;  view = None
    mul_2 = mul_1 * scale;  mul_1 = scale = None
    return mul_2
"""


@pytest.fixture(scope="module")
def traced():
    net = Net()
    return net, fx.symbolic_trace(net), torch.tensor([[1.0, -2.0], [3.0, 0.5]])


def plain(text):
    """A text without the names that are let go, whose order is free."""
    return [line.partition(";")[0] for line in text.splitlines()]


def test_a_traced_module_says_and_does_what_it_did(traced):
    net, gm, x = traced
    name = next(n.target for n in gm.graph.nodes if n.name.startswith("leaf"))
    assert name is leaf
    said = plain(gm.code)
    wanted = plain(TEXT.replace("{leaf}", "LEAF"))
    assert [w if "LEAF" not in w else s for w, s in zip(wanted, said, strict=True)] == [
        s.replace("leaf_1", "leaf") if "leaf" in s and "LEAF" not in s and "getitem" in s else s for s in said
    ]
    expected = net(x)
    for run in (gm, fx.Interpreter(gm).run, fx.Transformer(gm).transform(), copy.deepcopy(gm)):
        assert torch.equal(run(x), expected)
    assert set(gm.state_dict()) == set(net.state_dict()) and gm.fc.weight is net.fc.weight
    gm.graph.lint()


def test_a_graph_is_changed_and_pickled(traced):
    _, gm, x = traced
    gm = copy.deepcopy(gm)
    for node in gm.graph.nodes:
        if node.target is torch.relu:
            with gm.graph.inserting_after(node):
                new = gm.graph.call_function(torch.sigmoid, node.args)
            node.replace_all_uses_with(new)
            gm.graph.erase_node(node)
    gm.recompile()
    assert "torch.sigmoid(fc)" in gm.code and "torch.relu" not in gm.code
    small = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    again = pickle.loads(pickle.dumps(small))
    assert torch.equal(again(x), small(x)) and again.code == small.code
    with pytest.raises(RuntimeError, match="has users"):
        gm.graph.erase_node(next(iter(gm.graph.nodes)))


def test_patterns_are_replaced():
    gm = fx.symbolic_trace(lambda x: (torch.relu(x) + 1) * (torch.relu(x) + x))
    found = fx.replace_pattern(gm, lambda a, b: torch.relu(a) + b, lambda a, b: torch.neg(a) - b)
    assert len(found) == 1 and gm(torch.tensor([2.0])).item() == (2 + 1) * (-2 - 2)


def test_what_cannot_be_traced_is_said():
    with pytest.raises(fx.proxy.TraceError, match="control flow"):
        fx.symbolic_trace(lambda x: 1 if x.sum() > 0 else 2)
    with pytest.raises(fx.proxy.TraceError, match="cannot be iterated"):
        fx.symbolic_trace(lambda x: [y + 1 for y in x])
    with pytest.raises(RuntimeError, match="len"):
        fx.symbolic_trace(lambda x: len(x))
    gm = fx.symbolic_trace(lambda x, flag: x + 1 if flag else x - 1, concrete_args={"flag": False})
    assert gm(torch.ones(1), False).item() == 0
    with pytest.raises(AssertionError, match="specialized"):
        gm(torch.ones(1), True)


# --- __torch_function__ -------------------------------------------------------------------------------------


class Logged(overrides.TorchFunctionMode):
    def __init__(self):
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(overrides.resolve_name(func))
        return func(*args, **(kwargs or {}))


def test_a_mode_sees_calls_and_leaves_nothing_behind():
    x = torch.ones(2)
    plain_code = torch.exp.__code__
    with Logged() as outer, Logged() as inner:
        y = torch.nn.functional.relu(torch.exp(x) + x)
        with torch.autocast("cpu"):
            z = x.abs_()
    torch.exp(x)
    assert inner.names[:3] == ["torch.exp", "torch.Tensor.__add__", "torch.nn.functional.relu"]
    assert outer.names[:3] == inner.names[:3] and torch.exp.__code__ is not None and plain_code is not None
    assert y.shape == (2,) and z is x


def test_a_mode_sees_attributes_and_functions_that_were_never_called():
    code = """
import numtorch as torch
from numtorch import overrides
class Logged(overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        print(overrides.resolve_name(func), end=" ")
        return func(*args, **(kwargs or {}))
x = torch.ones(2, 2)
with Logged():
    x.T, x.data, x.unbind(), x.chunk(2), x.max(dim=1), torch.tensor_split(x, 2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = "T.__get__ data.__get__ unbind chunk max tensor_split"
    assert [name.removeprefix("torch.").removeprefix("Tensor.") for name in done.stdout.split()] == names.split()


def test_objects_answer_for_functions():
    class Answers:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, types == (Answers,), kwargs

    with overrides.interception():
        assert torch.add(Answers(), 1, alpha=2) == ("add", True, {"alpha": 2})
        assert torch.cat([Answers()]) == ("cat", True, {})
        assert torch.add(torch.ones(1), 1).item() == 2
    assert overrides.is_tensor_like(Answers()) and overrides.has_torch_function((Answers(),))
    assert overrides.handle_torch_function(torch.exp, (Answers(),), 1)[0] == "exp"
    with pytest.raises(TypeError, match="no implementation found for 'torch.exp'"):
        overrides.handle_torch_function(torch.exp, (), 1)


# --- ops of programs ----------------------------------------------------------------------------------------


def test_an_op_of_a_program_has_kernels_a_fake_and_a_gradient():
    @library.custom_op("tests::scaled", mutates_args=())
    def scaled(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
        return x * factor

    def setup(ctx, inputs, output):
        ctx.factor = inputs[1]

    scaled.register_autograd(lambda ctx, g: (g * ctx.factor, None), setup_context=setup)
    scaled.register_fake(lambda x, factor=2.0: torch.empty_like(x))
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    torch.ops.tests.scaled(x, 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and scaled(torch.ones(3, device="meta")).shape == (3,)
    assert scaled._schema == "(Tensor x, float factor=2.0) -> Tensor"
    assert set(library.opcheck(scaled, (x,)).values()) == {"SUCCESS"}
    with pytest.raises(TypeError, match="misses the argument 'x'"):
        scaled()
    with pytest.raises(TypeError, match="takes a tensor as 'x', not int"):
        scaled(3)


def test_an_op_that_writes_and_one_without_a_kernel():
    @library.custom_op("tests::fill", mutates_args=("out",))
    def fill(x: list[torch.Tensor], out: torch.Tensor, n: int | None = None) -> None:
        out.fill_(len(x))

    out = torch.zeros(1)
    assert fill([out, out], out) is None and out.item() == 2
    assert fill._schema == "(Tensor[] x, Tensor(a1!) out, SymInt? n=None) -> ()"
    with pytest.raises(RuntimeError, match="writes to"):
        fill.register_autograd(lambda ctx, g: g)
    lib = library.Library("tests", "FRAGMENT")
    lib.define("bare(Tensor a, *, int n=1) -> Tensor")
    with pytest.raises(NotImplementedError, match="has no kernel for the device 'cpu'"):
        torch.ops.tests.bare(out)
    lib.impl("bare", lambda a, *, n: a + n, "CPU")
    assert torch.ops.tests.bare(out, n=3).item() == 5
    with pytest.raises(AttributeError, match="has no op 'nothing'"):
        torch.ops.tests.nothing  # noqa: B018
    with pytest.raises(ValueError, match="namespace::name"):
        library.custom_op("bare", abs, mutates_args=())


# --- one process --------------------------------------------------------------------------------------------


@pytest.fixture
def world():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_collectives_of_one_process(world):
    x, found, into = torch.tensor([1.0, 2.0]), [torch.zeros(2)], torch.zeros(2)
    assert dist.all_reduce(x) is None and dist.all_reduce(x, dist.ReduceOp.MAX, async_op=True).wait()
    dist.all_gather(found, x)
    dist.reduce_scatter_tensor(into, x)
    objects = [None]
    dist.all_gather_object(objects, {"a": 1})
    dist.barrier()
    assert found[0].tolist() == into.tolist() == [1.0, 2.0] and objects == [{"a": 1}]
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
    group = dist.new_group([0])
    assert dist.get_rank(group) == 0 and dist.get_process_group_ranks(group) == [0]
    assert dist.get_rank(dist.new_group([])) == -1


def test_what_one_process_refuses(world, monkeypatch):
    x = torch.ones(1)
    for call in (lambda: dist.send(x, 0), lambda: dist.recv(x, 1), lambda: dist.P2POp(dist.isend, x, 1)):
        with pytest.raises(ValueError, match="world of one process"):
            call()
    with pytest.raises(ValueError, match="one tensor for each process"):
        dist.all_gather([x, x], x)
    with pytest.raises(RuntimeError, match="AVG"):
        dist.all_reduce(x, dist.ReduceOp.AVG)
    with pytest.raises(ValueError, match="already"):
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    dist.destroy_process_group()
    with pytest.raises(ValueError, match="init_process_group"):
        dist.get_rank()
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="RANK"):
        dist.init_process_group("gloo")
    with pytest.raises(RuntimeError, match="no nccl"):
        dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
    with pytest.raises(NotImplementedError, match="world_size=2"):
        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=2)


def test_a_wrapped_module_trains(world):
    net = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    with net.no_sync():
        net(torch.ones(1, 2)).sum().backward()
    assert list(net.state_dict()) == ["module.weight", "module.bias"] and net.module.weight.grad.tolist() == [[1, 1]]
    dist.destroy_process_group()
    with pytest.raises(ValueError, match="init_process_group"):
        nn.parallel.DistributedDataParallel(nn.Linear(2, 1))


# --- testing, benchmark -------------------------------------------------------------------------------------

PAIRS = [
    ([1.0, 2.0], [1.0, 2.0 + 1e-6], {}),
    ([1.0, 2.0], [1.0, 2.1], {}),
    ([1.0, 2.0], [1.0, 2.1], {"rtol": 0.1, "atol": 0.0}),
    ([1, 2], [1, 3], {}),
    ([float("nan")], [float("nan")], {}),
    ([float("nan")], [float("nan")], {"equal_nan": True}),
    ([1.0], [1], {}),
    ([1.0], [1], {"check_dtype": False}),
    ([1.0], [[1.0]], {}),
]
CLOSE = [True, False, True, False, False, True, False, True, False]


def close(lib, a, b, options):
    try:
        lib.testing.assert_close(lib.tensor(a), lib.tensor(b), **options)
    except AssertionError:
        return False
    return True


def test_what_is_close():
    assert [close(torch, *pair) for pair in PAIRS] == CLOSE
    with pytest.raises(AssertionError, match=r"Mismatched elements: 1 / 2 \(50.0%\)\n.* at index \(1,\)"):
        testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    with pytest.raises(AssertionError, match=r"occurred for item \['a'\]\[1\]"):
        testing.assert_close({"a": [1, 2]}, {"a": [1, 3]})
    with pytest.raises(AssertionError, match="^mine$"):
        testing.assert_close(1, 2, msg="mine")
    with pytest.raises(ValueError, match="both"):
        testing.assert_close(1, 1, rtol=1)
    with pytest.raises(TypeError, match="not str"):
        testing.assert_close("a", "a")


@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")
def test_what_is_close_is_close_to_pytorch_too():
    import torch as reference

    assert [close(reference, *pair) for pair in PAIRS] == CLOSE


def test_tensors_to_test_with():
    x = testing.make_tensor(50, dtype=torch.int32, device="cpu", low=0, high=2, exclude_zero=True)
    assert x.unique().tolist() == [1]
    y = testing.make_tensor((2, 3), dtype=torch.float64, device="cpu", noncontiguous=True, requires_grad=True)
    assert not y.is_contiguous() and y.requires_grad and bool((y.abs() <= 9).all())
    with pytest.raises(ValueError, match="low=2 is not below high=1"):
        testing.make_tensor(1, dtype=torch.float32, device="cpu", low=2, high=1)


def test_times_are_measured_and_compared():
    count = []
    timer = benchmark.Timer(
        "f()", globals={"f": lambda: count.append(1)}, label="calls", sub_label="f", description="a"
    )
    m = timer.timeit(20)
    assert (m.number_per_run, len(m.times), len(count)) == (20, 1, 22) and m.median * 20 == pytest.approx(
        m.raw_times[0]
    )
    assert "calls: f" in repr(m) and timer.blocked_autorange(min_run_time=0.001).number_per_run >= 1
    table = str(benchmark.Compare([m]))
    assert "calls" in table.splitlines()[0] and "1 thread:" in table and "Times are in " in table
    kept = benchmark.Measurement(2, [2.0, 4.0, 6.0], m.task_spec)
    assert (kept.median, kept.mean, kept.iqr) == (2.0, 2.0, 1.0)


def test_importing_numtorch_loads_none_of_them():
    names = ("fx", "library", "overrides", "distributed", "testing", "types", "utils.benchmark", "nn.parallel")
    code = f"import sys, numtorch; print([n for n in {names!r} if 'numtorch.' + n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_functions_and_layers_on_proxies_outside_of_a_trace():
    """As PyTorch's examples put the formula of a layer in the place of its call."""
    net = fx.symbolic_trace(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    tracer = fx.proxy.GraphAppendingTracer(net.graph)
    (call,) = net.graph.find_nodes(op="call_module", target="0")
    with net.graph.inserting_before(call):
        put = net.get_submodule("0")(fx.Proxy(call.args[0], tracer))
        put = torch.cat([put, put])
        call.replace_all_uses_with(put.node)
        net.graph.erase_node(call)
    net.recompile()
    assert "torch.nn.functional.relu(" in net.code and "torch.cat(" in net.code
    assert net(torch.tensor([[-1.0, 2.0]])).shape == (2, 2)
    del tracer, put, call, net
    gc.collect()
    assert not overrides._users


def test_the_older_profiler():
    from numtorch.profiler import older

    with older.profile(enabled=False) as nothing:
        torch.ones(2).exp()
    assert nothing is None
    with older.profile(use_cuda=True, record_shapes=True) as prof, older.record_function("part"):
        torch.ones(2).exp()
    assert [row.op for row in prof.rows if row.op == "exp"] == ["exp"]


def test_names_that_programs_use():
    assert torch.ones(1).is_cpu and not torch.empty(1, device="meta").is_cpu
    assert torch.GradScaler is torch.amp.GradScaler and issubclass(torch.OutOfMemoryError, RuntimeError)
    assert torch.utils.model_zoo.load_url is torch.hub.load_state_dict_from_url
    x = torch.ones(2, requires_grad=True)
    a, b = torch.utils.checkpoint.detach_variable((x * 2, 3))
    assert a.is_leaf and a.requires_grad and a.tolist() == [2, 2] and b == 3
    with pytest.raises(RuntimeError, match="Only tuple of tensors is supported"):
        torch.utils.checkpoint.detach_variable([x])
    torch.utils.checkpoint.set_device_states(*torch.utils.checkpoint.get_device_states(x, {"a": x}))
