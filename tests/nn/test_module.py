"""Module: members, attribute semantics, iteration, casts, copies, errors; each against torch's where it can differ."""

import copy
import gc
import io
import pickle
import re
import weakref

import numpy as np
import pytest
from same_as_torch import assert_same_run, normal, pair, torch

import numtorch as nt


def net_of(framework):
    nn = framework.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 3)
            self.scale = nn.Parameter(framework.ones(3))
            self.register_buffer("seen", framework.zeros(1))
            self.register_buffer("scratch", framework.zeros(1), persistent=False)

        def forward(self, x):
            return self.fc(x) * self.scale

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Block()
            self.second = Block()
            self.again = self.first
            self.tied = self.second.scale
            self.nothing = None
            self.head = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Identity())

        def forward(self, x):
            return self.head(self.again(self.second(self.first(x))))

    return Net()


class Plain(nt.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nt.nn.Linear(2, 2)
        self.p = nt.nn.Parameter(nt.ones(2))
        self.register_buffer("b", nt.zeros(2))

    def forward(self, x):
        return self.fc(x) * self.p + self.b


def describe(net):
    return {
        "parameters": [(k, tuple(p.shape)) for k, p in net.named_parameters()],
        "all": [k for k, _ in net.named_parameters(remove_duplicate=False)],
        "own": [k for k, _ in net.named_parameters(recurse=False)],
        "prefixed": [k for k, _ in net.named_parameters(prefix="net")],
        "buffers": [k for k, _ in net.named_buffers()],
        "modules": [(k, type(m).__name__) for k, m in net.named_modules()],
        "all modules": [k for k, _ in net.named_modules(remove_duplicate=False)],
        "children": [k for k, _ in net.named_children()],
        "state": list(net.state_dict()),
        "versions": {k: dict(v) for k, v in net.state_dict()._metadata.items()},
        "counts": (
            len(list(net.parameters())),
            len(list(net.buffers())),
            len(list(net.modules())),
            len(list(net.children())),
        ),
        "text": repr(net),
    }


def test_names_and_order_are_torchs():
    assert describe(net_of(nt)) == describe(net_of(torch))


def test_forward_and_gradients_through_shared_modules():
    assert_same_run(*pair(net_of), normal(4, 3))


def outcome(fn):
    try:
        return fn()
    except Exception as e:
        return type(e), str(e).replace("numtorch.nn.linear", "torch.nn.modules.linear")


@pytest.mark.parametrize(
    "act",
    [
        lambda f, m: setattr(m, "p", f.ones(2)),
        lambda f, m: setattr(m, "p", 3),
        lambda f, m: setattr(m, "fc", 3),
        lambda f, m: setattr(m, "fc", f.ones(1)),
        lambda f, m: setattr(m, "b", "text"),
        lambda f, m: setattr(m, "p", f.nn.Linear(1, 1)),
        lambda f, m: m.register_buffer("p", f.ones(1)),
        lambda f, m: m.register_buffer("x", 3),
        lambda f, m: m.register_buffer("a.b", None),
        lambda f, m: m.register_buffer("", None),
        lambda f, m: m.register_buffer(3, None),
        lambda f, m: m.register_parameter("b", None),
        lambda f, m: m.register_parameter("x", f.ones(1)),
        lambda f, m: m.register_parameter("a.b", None),
        lambda f, m: m.register_parameter("", None),
        lambda f, m: m.register_parameter(3, None),
        lambda f, m: m.add_module("p", f.nn.Identity()),
        lambda f, m: m.add_module("x", 3),
        lambda f, m: m.add_module("a.b", None),
        lambda f, m: m.add_module("", None),
        lambda f, m: m.add_module(3, None),
        lambda f, m: m.get_parameter("fc.nope"),
        lambda f, m: m.get_parameter("fc"),
        lambda f, m: m.get_parameter("b"),
        lambda f, m: m.get_buffer("p"),
        lambda f, m: m.get_buffer("nope"),
        lambda f, m: m.get_submodule("fc.weight"),
        lambda f, m: m.get_submodule("fc.x"),
        lambda f, m: m.set_submodule("", m),
        lambda f, m: m.set_submodule("nope", f.nn.Identity(), strict=True),
        lambda f, m: m.set_submodule("p", f.nn.Identity()),
        lambda f, m: m.missing,
        lambda f, m: delattr(m, "missing"),
        lambda f, m: m.train(1),
        lambda f, m: f.nn.Module()(1),
        lambda f, m: f.nn.Module(3),
        lambda f, m: f.nn.Module(a=3),
        lambda f, m: f.nn.Linear(2, 2).to(f.int64),
        lambda f, m: f.nn.Identity.__new__(f.nn.Identity).register_buffer("b", None),
        lambda f, m: setattr(f.nn.Identity.__new__(f.nn.Identity), "fc", f.nn.Identity()),
        lambda f, m: setattr(f.nn.Identity.__new__(f.nn.Identity), "p", f.nn.Parameter(f.ones(1))),
        lambda f, m: f.nn.Sequential(3),
        lambda f, m: f.nn.ModuleList(3),
    ],
)
def test_errors_are_torchs(act):
    def build(f):
        class Plain(f.nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = f.nn.Linear(2, 2)
                self.p = f.nn.Parameter(f.ones(2))
                self.register_buffer("b", f.zeros(2))

        return Plain()

    ours = outcome(lambda: act(nt, build(nt)))
    theirs = outcome(lambda: act(torch, build(torch)))
    assert isinstance(theirs, tuple) and issubclass(theirs[0], Exception)
    assert ours[0] is theirs[0]
    # Ours says more: a tensor's shape, and below or behind it the remedy.
    assert re.sub(r"Tensor of float32, \[\d*\]", "torch.FloatTensor", ours[1]).startswith(theirs[1].removesuffix(")"))


def test_parameter_of_a_computed_tensor_is_refused():
    p = nt.nn.Parameter(nt.ones(1))
    y = p * 2
    y.__class__ = nt.nn.Parameter
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'w'"):
        nt.nn.Module().register_parameter("w", y)


def test_members_and_attributes_stay_together():
    m = Plain()
    new = nt.nn.Linear(2, 2)
    m.fc = new
    assert m._modules["fc"] is new is m.fc and m.__dict__["fc"] is new
    m._modules["fc"] = nt.nn.Identity()  # as code that knows torch's insides writes
    assert isinstance(m.fc, nt.nn.Identity)
    del m._modules["fc"]
    assert not hasattr(m, "fc")
    m.p = None
    assert m.p is None and "p" in m._parameters and not list(m.parameters())
    m.p = nt.nn.Parameter(nt.zeros(1))
    assert m.p is m._parameters["p"]
    del m.p
    assert not hasattr(m, "p") and "p" not in m._parameters
    b = nt.ones(3)
    m.b = b
    assert m._buffers["b"] is b is m.b
    m.b = nt.nn.Parameter(nt.ones(1))  # a buffer becomes a parameter
    assert "b" not in m._buffers and m._parameters["b"] is m.b
    m.b = None
    m._parameters = {"q": nt.nn.Parameter(nt.ones(1))}
    assert m.q is m._parameters["q"] and not hasattr(m, "b")
    m._parameters.update(r=None)
    assert m.r is None
    assert m._parameters.pop("r") is None and m._parameters.pop("r", 5) == 5 and not hasattr(m, "r")
    assert m._parameters.popitem()[0] == "q" and not hasattr(m, "q")
    m._parameters.setdefault("s", None)
    m._parameters |= {"t": None}
    assert m.s is None and m.t is None and m._parameters.copy() == {"s": None, "t": None}
    m._parameters.clear()
    assert not hasattr(m, "s")


def test_plain_attribute_becomes_a_module_and_back():
    m = nt.nn.Module()
    m.x = 3
    m.x = nt.nn.Identity()
    assert list(m._modules) == ["x"]
    m.x = nt.nn.Parameter(nt.ones(1))
    assert not m._modules and list(m._parameters) == ["x"]
    m.y = nt.nn.Buffer(nt.ones(1), persistent=False)
    assert list(m._buffers) == ["y"] and "y" not in m.state_dict() and isinstance(m.y, nt.nn.Buffer)


def test_dir_lists_members():
    m = nt.nn.Sequential(Plain())
    assert "0" not in dir(m) and {"fc", "p", "b", "forward", "training"} <= set(dir(m[0]))


def test_paths():
    net = net_of(nt)
    assert net.get_submodule("") is net and net.get_submodule("head.0") is net.head[0]
    assert net.get_parameter("first.fc.weight") is net.first.fc.weight
    assert net.get_buffer("second.seen") is net.second.seen
    new = nt.nn.Identity()
    net.set_submodule("head.0", new)
    assert net.head[0] is new


def test_train_eval_apply_requires_grad_zero_grad():
    net = net_of(nt)
    assert net.eval() is net and not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Block", "Linear", "Block", "Linear", "Identity", "Sequential", "Net"]
    net(nt.ones(2, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(nt.ones(2, 3)).requires_grad


def test_casts_keep_parameter_objects_and_gradients():
    m = Plain()
    m.register_buffer("count", nt.tensor(3))
    m(nt.ones(1, 2)).sum().backward()
    p, g = m.fc.weight, m.fc.weight.grad
    assert m.double() is m and m.fc.weight is p and p.dtype is nt.float64 and p.grad.dtype is nt.float64
    assert m.b.dtype is nt.float64 and m.count.dtype is nt.int64 and p.requires_grad and type(p) is nt.nn.Parameter
    np.testing.assert_array_equal(p.grad.numpy(), g.numpy())
    m(nt.ones(1, 2, dtype=nt.float64)).sum().backward()
    np.testing.assert_allclose(p.grad.numpy(), 2 * g.numpy(), rtol=1e-6)
    assert m.half().p.dtype is nt.float16 and m.bfloat16().p.dtype is nt.bfloat16 and m.float().p.dtype is nt.float32
    assert m.to(nt.float64).p.dtype is nt.float64 and m.to("cpu", nt.float32).p.dtype is nt.float32
    assert (
        m.to(nt.ones(1, dtype=nt.float64)).p.dtype is nt.float64
        and m.to(dtype=nt.float32, device="cpu").p.dtype is nt.float32
    )
    assert m.type(nt.float64).count.dtype is nt.float64
    assert m.cpu() is m and m.share_memory() is m
    assert m.to_empty(device="meta").p.is_meta and m.p is m._parameters["p"]


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_equal_and_independent(how):
    m = nt.nn.Sequential(Plain(), nt.nn.Linear(2, 2))
    m[1].weight = m[0].fc.weight  # tied weights stay tied
    m.note = [1, 2]
    m.eval()
    other = how(m)
    assert repr(other) == repr(m) and other.note == [1, 2] and other.note is not m.note and not other.training
    assert other[0].fc.weight is other[0].fc._parameters["weight"] is other[1].weight
    assert type(other[0].p) is nt.nn.Parameter and other[0].p.requires_grad and other[0].p.is_leaf
    x = nt.ones(1, 2)
    np.testing.assert_array_equal(other(x).detach().numpy(), m(x).detach().numpy())
    with nt.no_grad():
        other[0].p.fill_(5)
    assert m[0].p.tolist() == [1, 1]
    other[0].fc = nt.nn.Identity()
    assert isinstance(m[0].fc, nt.nn.Linear)


def test_shallow_copy_has_its_own_registries():
    m = Plain()
    other = copy.copy(m)
    assert other.p is m.p
    other.p = nt.nn.Parameter(nt.zeros(1))
    assert m.p.shape == (2,)


def test_pickled_bytes_hold_each_member_once():
    m = nt.nn.Linear(100, 100)
    file = io.BytesIO()
    pickle.dump(m, file)
    assert file.tell() < 100 * 100 * 4 + 3000


def test_a_module_is_freed_at_once():
    m = Plain()
    gone = weakref.ref(m)
    gc.disable()
    try:
        del m
        assert gone() is None
    finally:
        gc.enable()


def test_forward_takes_any_arguments():
    class Several(nt.nn.Module):
        def forward(self, a=1, *rest, k=0):
            return a, rest, k

    m = Several()
    assert m() == (1, (), 0) and m(2) == (2, (), 0) and m(2, 3, k=4) == (2, (3,), 4) and m(a=5, k=6) == (5, (), 6)
    m.forward = lambda x: -x
    assert m(3) == -3


def test_parameter():
    data = nt.tensor([1.0, 2.0])
    p = nt.nn.Parameter(data)
    assert p.requires_grad and p.is_leaf and isinstance(p, nt.Tensor) and type(p * 2) is nt.Tensor
    data.zero_()
    assert p.tolist() == [0, 0]  # shares the elements
    assert repr(p) == repr(torch.nn.Parameter(torch.zeros(2)))
    assert repr(nt.nn.Parameter(nt.zeros(1), requires_grad=False)) == repr(torch.nn.Parameter(torch.zeros(1), False))
    assert not nt.nn.Parameter(nt.tensor([1]), requires_grad=False).requires_grad
    assert nt.nn.Parameter().shape == (0,)
    p.tag = "kept"
    p.grad = nt.ones(2)
    for other in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert (
            type(other) is nt.nn.Parameter and other.requires_grad and other.grad is None and other.tolist() == [0, 0]
        )
    assert pickle.loads(pickle.dumps(p)).tag == "kept"
    with pytest.raises(RuntimeError):
        nt.nn.Parameter(nt.tensor([1]))
    with pytest.raises(TypeError, match="expects a Tensor"):
        nt.nn.Parameter([1.0])


def test_call_super_init():
    class Other:
        def __init__(self, a):
            self.a = a

    class Both(nt.nn.Module, Other):
        call_super_init = True

        def __init__(self):
            super().__init__(7)

    assert Both().a == 7


class Stateful(nt.nn.Module):
    """Says itself what its state is, as modules that hold file handles do."""

    def __init__(self):
        super().__init__()
        self.fc = nt.nn.Linear(2, 2)

    def __getstate__(self):
        return self.__dict__.copy()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_modules_with_their_own_state(how):
    m = Stateful()
    other = how(m)
    assert other.fc is other._modules["fc"] is not m.fc and other.fc.weight.equal(m.fc.weight)
    other.fc = nt.nn.Identity()
    assert isinstance(other._modules["fc"], nt.nn.Identity) and isinstance(m.fc, nt.nn.Linear)


def test_wrappers_that_look_further_in_getattr():
    class Wrapper(nt.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.__dict__["inner"], name)

    assert Wrapper(nt.nn.Linear(2, 3)).out_features == 3


def test_idioms_of_tutorials():
    net = nt.nn.Sequential(nt.nn.Linear(2, 3), nt.nn.ReLU())

    def init_weights(m):
        if isinstance(m, nt.nn.Linear):
            nt.nn.init.xavier_uniform_(m.weight)
            m.bias.data.fill_(0.01)

    assert net.apply(init_weights) is net and net[0].bias.tolist() == pytest.approx([0.01] * 3)
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 9
    net(nt.ones(1, 2)).sum().backward()
    p = net[0].bias
    with nt.no_grad():
        for q in net.parameters():
            q -= 0.5 * q.grad
    assert net[0].bias is p and type(p) is nt.nn.Parameter and p.requires_grad
    net[0].weight.data[0, 0] = 3
    assert net[0].weight[0, 0].item() == 3
    for q in net[0].parameters():
        q.requires_grad = False
    assert not net(nt.ones(1, 2)).requires_grad
