"""Older and lesser names of PyTorch that programs use: classes of tensors, ``Variable``, storages, layouts."""

import copy
import pickle

import numpy as np
import pytest
from against_torch import lines

import numtorch
from numtorch import nn


@pytest.mark.parametrize(
    "text",
    lines("""
t.Tensor(2, 3).shape, t.Tensor([1.0, 2]), t.Tensor([[1], [2]]).dtype, t.Tensor().shape, t.Tensor(t.ones(2))
t.FloatTensor(2, 3).dtype, t.LongTensor([1, 2]), t.ByteTensor([1]), t.BoolTensor([1, 0])
isinstance(t.ones(1), t.FloatTensor), isinstance(t.ones(1), t.LongTensor), isinstance(t.FloatTensor, type)
isinstance(3, t.FloatTensor | None), isinstance(t.ones(1), t.FloatTensor | None), isinstance(None, t.LongTensor | None)
isinstance(t.ones(1), (t.FloatTensor, t.LongTensor)), t.ones(1).type() == "torch.FloatTensor"
t.ones(1).type(t.LongTensor), repr(t.FloatTensor), t.FloatTensor.__name__, t.FloatTensor.dtype
repr(t.cuda.FloatTensor), t.cuda.LongTensor.__name__, t.cuda.HalfTensor.dtype, t.cuda.FloatTensor.is_cuda
t.FloatTensor.is_cuda, isinstance(t.ones(1), t.cuda.FloatTensor), isinstance(None, t.cuda.ByteTensor | None)
isinstance(t.ones(1), t.autograd.Variable), isinstance(t.autograd.Variable, type), isinstance(3, t.autograd.Variable)
t.autograd.Variable(t.ones(2), requires_grad=True).requires_grad, t.autograd.Variable(t.ones(2)).is_leaf
t.autograd.Variable(), t.autograd.Variable(None, True).requires_grad
t.autograd.Variable(t.ones(1), False, False, name="a")
t.zeros(2).layout, t.zeros(2).layout == t.strided, t.zeros(2).layout == t.sparse_coo, t.channels_last, t.preserve_format
[getattr(t.zeros(1), f"is_{n}") for n in "sparse sparse_csr quantized nested mkldnn mps xpu meta cuda".split()]
t.zeros(1).is_pinned(), t.zeros(1).is_shared(), t.zeros(1).get_device(), t.get_default_device()
t.zeros(1, dtype=t.int64).new([1, 2]), t.zeros(1).new(2, 3).shape, t.zeros(1).new(t.Size([2])).shape
t.ones(1).to_dense(), t.zeros(2, 3).is_contiguous(memory_format=t.channels_last)
t.zeros(1, 2, 3, 4).is_contiguous(memory_format=t.channels_last)
t.zeros(2, 4, 5, 3).permute(0, 3, 1, 2).is_contiguous(memory_format=t.channels_last)
t.ones(2).view(dtype=t.int32), t.ones(2).view(t.uint8).shape, t.arange(4).view(size=(2, 2))
t.frombuffer(bytearray(b"abcdefgh"), dtype=t.int16, count=2, offset=2), t.frombuffer(bytearray(8), dtype=t.bfloat16)
t.arange(6).view(2, 3)[1].untyped_storage().nbytes(), t.arange(6)[2:].storage().size()
len(t.arange(6).untyped_storage()), t.arange(3, dtype=t.int16).untyped_storage().tolist()
t.arange(3).storage().tolist(), t.arange(3).storage()[1]
repr(t.arange(3, dtype=t.uint8).untyped_storage()), repr(t.ones(2).storage()), t.UntypedStorage(3).nbytes()
t.arange(9)[3:].storage_offset(), t.arange(9).storage().element_size(), t.ones(3, 4).T.storage().size()
t.ones(2, 3).T.apply_(lambda v: v + 2), t.arange(3).apply_(lambda v: v + 0.7), t.ones(2).bool().apply_(lambda v: not v)
t.ones(2).apply_(np.float32), t.ones(2, dtype=t.int32).apply_(np.int64)
t.ones(2, dtype=t.complex64).apply_(lambda v: 2j)
t.ones(2, 3).map_(t.arange(3.0), lambda a, b: a + b), t.zeros(2, dtype=t.float16).apply_(lambda v: 2049)
t.ones(3).map2_(t.ones(3), t.arange(3.0), lambda a, b, c: a + b * c), t.zeros(0).apply_(lambda v: v)
t.ones(3).set_(t.arange(4.0)), t.ones(3).set_(), t.ones(3).set_(t.arange(4.0).storage(), 1, (2,), (1,))
t.ones(3).set_(t.arange(6.0).untyped_storage(), 1, (2, 2)), t.ones(3).set_(t.arange(6.0), 1, (2, 2), (3, 1))
[t.arange(3).is_set_to(t.arange(3)), *[(lambda x: (x.is_set_to(x[:]), x.is_set_to(x.T)))(t.ones(2, 3))]]
t.range(1, 4), t.range(1, 4, 0.5), t.range(4, 1, -1.5), t.range(0, 3, dtype=t.int64), t.range(0, 1, 0.1)
t.is_storage(t.ones(1).untyped_storage()), t.is_storage(t.ones(1).storage()), t.is_storage(t.ones(1))
t.Storage.__name__
t.LongStorage([1, 2]).tolist(), t.FloatStorage([1.0])[0], len(t.HalfStorage(3)), t.ones(1).storage_type().__name__
isinstance(t.ones(1).storage(), t.FloatStorage), isinstance(t.ones(1).storage(), t.LongStorage)
t.nuclear_norm(t.arange(6.0).view(2, 3)), t.frobenius_norm(t.arange(6.0).view(2, 3), [0, 1])
t.norm_except_dim(t.arange(6.0).view(2, 3), 2, 0), t.norm_except_dim(t.arange(6.0).view(2, 3), 2, 1)
t.norm_except_dim(t.arange(6.0), 2, -1), t.set_flush_denormal(False), t.is_warn_always_enabled()
t.are_deterministic_algorithms_enabled(), t.is_deterministic_algorithms_warn_only_enabled()
"""),
)
@pytest.mark.filterwarnings("ignore:TypedStorage|torch.range|at::")
def test_as_in_torch(text):
    torch = pytest.importorskip("torch")
    theirs, ours = (eval(text, {"t": t, "np": np}) for t in (torch, numtorch))  # noqa: S307
    for a, b in zip(theirs, ours, strict=True) if isinstance(theirs, tuple) else [(theirs, ours)]:
        assert str(b) == str(a) or "storage" in str(a) and str(b).replace("  ", " ") == str(a)


@pytest.mark.parametrize(
    "text", ["dtype=t.float32", "dtype=t.uint8, count=9", "dtype=t.uint8, offset=9", "dtype=t.uint8, count=0"]
)
def test_buffers_that_do_not_fit(text):
    torch = pytest.importorskip("torch")
    said = []
    for t in (torch, numtorch):
        with pytest.raises(ValueError) as info:
            eval(f"t.frombuffer(bytearray(b'abc'), {text})", {"t": t})  # noqa: S307
        said.append(str(info.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "text",
    lines("""
t.ones(2, requires_grad=True).apply_(lambda v: v)
t.arange(3).apply_(lambda v: "a")
t.ones(2).apply_(lambda v: None)
t.arange(3).apply_(lambda v: float("nan"))
t.ones(2, dtype=t.int8).apply_(lambda v: 300)
t.range(0, float("inf"))
t.range(float("nan"), 1)
t.range(1)
t.norm_except_dim(t.ones(2, 3), 2, 5)
t.norm_except_dim(t.tensor(3.0), 2, 0)
t.nuclear_norm(t.ones(3))
t.ones(3).is_set_to(3)
t.ones(3).map_(t.ones(2, 3), lambda a, b: a + b)
t.ones(3).map_(t.ones(3).int(), lambda a, b: a + b)
t.ones(3).map_(2, lambda a, b: a + b)
t.ones(3).set_(t.arange(4))
t.ones(3, requires_grad=True).set_(t.arange(4.0))
t.range(4, 1)
t.range(1, 4, 0)
t.autograd.Variable(1.0)
"""),
)
@pytest.mark.filterwarnings("ignore:torch.range")
def test_refused_as_in_torch(text):
    torch = pytest.importorskip("torch")
    raised = []
    for t in (torch, numtorch):
        with pytest.raises(Exception) as info:  # noqa: PT011
            eval(text, {"t": t})  # noqa: S307
        raised.append(info.type)
    assert raised[0] is raised[1]


def test_what_is_set_shares_its_memory():
    x, y = numtorch.zeros(3), numtorch.arange(4.0)
    x.set_(y)
    y.fill_(5.0)
    assert x.tolist() == [5.0] * 4
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 4"):
        x.set_(y, 1, (9,), (1,))
    with pytest.warns(UserWarning, match="volatile was removed"):
        numtorch.autograd.Variable(y, volatile=True)
    with pytest.raises(ValueError, match="volatile and require_grad at the same time"):
        numtorch.autograd.Variable(y, True, True)


def test_storages_are_the_memory():
    x = numtorch.arange(6, dtype=numtorch.float32).view(2, 3)
    bytes_, elements = x[1].untyped_storage(), x.storage()
    assert bytes_.data_ptr() == x.data_ptr() == elements.data_ptr() and elements.untyped().nbytes() == 24
    elements[4] = 9.0
    assert x[1, 1] == 9
    bytes_[0:4] = np.frombuffer(np.float32(5.0).tobytes(), np.uint8)
    assert x[0, 0] == 5 and bytes_[4:8].data_ptr() == x.data_ptr() + 4
    assert numtorch.zeros(2, 3, device="meta").untyped_storage().nbytes() == 24
    with pytest.raises(RuntimeError, match="slices are only supported in UntypedStorage"):
        elements[3:5]
    with pytest.raises(NotImplementedError, match="the bytes of a storage on meta"):
        numtorch.zeros(2, device="meta").untyped_storage().tolist()


def test_storages_of_files(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(16)))
    kept = numtorch.UntypedStorage.from_file(str(path), False, 16)
    values = numtorch.asarray(np.asarray(kept[4:12])).view(dtype=numtorch.int32)
    assert values.tolist() == np.frombuffer(bytes(range(4, 12)), np.int32).tolist()
    kept[0] = 77
    assert path.read_bytes()[0] == 0
    numtorch.UntypedStorage.from_file(path, True, 16)[0] = 77
    assert path.read_bytes()[0] == 77


def test_a_buffer_is_shared_and_tracked():
    data = bytearray(8)
    x = numtorch.frombuffer(data, dtype=numtorch.float32, requires_grad=True)
    with numtorch.no_grad():
        x.fill_(1)
    assert data[3] == 63 and x.requires_grad


def test_types_and_layouts_pickle():
    for value in (
        numtorch.FloatTensor,
        numtorch.cuda.LongTensor,
        numtorch.strided,
        numtorch.channels_last,
        numtorch.autograd.Variable,
    ):
        assert pickle.loads(pickle.dumps(value)) is value and copy.deepcopy(value) is value


@pytest.mark.skipif(numtorch.cuda.is_available(), reason="there is a GPU")
def test_types_of_a_gpu_that_is_not_there():
    for use in (
        lambda: numtorch.cuda.FloatTensor(2, 3),
        lambda: numtorch.ones(1).type(numtorch.cuda.LongTensor),
        lambda: numtorch.ones(1).type("torch.cuda.FloatTensor"),
        lambda: numtorch.set_default_tensor_type(numtorch.cuda.FloatTensor),
    ):
        with pytest.raises(TypeError, match="Tensor not available: there is no GPU.*is on the CPU"):
            use()


def test_settings():
    numtorch.use_deterministic_algorithms(True, warn_only=True)
    assert numtorch.are_deterministic_algorithms_enabled() and numtorch.is_deterministic_algorithms_warn_only_enabled()
    numtorch.use_deterministic_algorithms(False)
    assert not numtorch.are_deterministic_algorithms_enabled()
    numtorch.set_default_tensor_type("torch.DoubleTensor")
    assert numtorch.ones(1).dtype is numtorch.float64
    numtorch.set_default_tensor_type(numtorch.FloatTensor)
    with pytest.raises(TypeError, match="only floating-point types"):
        numtorch.set_default_tensor_type(numtorch.LongTensor)


# --- attributes of modules by the method --------------------------------------------------------------------------


def test_modules_may_call_or_override_getattr():
    class Tree(nn.Module):
        def __init__(self):
            super().__init__()
            self.left_1 = nn.Linear(2, 2)
            self.register_buffer("seen", numtorch.zeros(1))

        def forward(self, x):
            return self.__getattr__(f"left_{1}")(x) + [self.__getattr__(n) for n in ("seen",)][0]

    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    tree = Tree()
    assert tree(numtorch.ones(1, 2)).shape == (1, 2) and Wrapper(tree).left_1 is tree.left_1
    assert (
        pickle.loads(pickle.dumps(nn.Linear(1, 1))).weight.shape == (1, 1)
        and copy.deepcopy(tree).left_1 is not tree.left_1
    )
    for module in (tree, Wrapper(tree)):
        with pytest.raises(AttributeError, match="object has no attribute 'nothing'"):
            module.nothing  # noqa: B018
    assert not hasattr(nn.Linear, "__getattr__"), "every read of an attribute would be slower"


def test_an_optimizer_that_does_not_call_super():
    class Wrapped(numtorch.optim.Optimizer):
        def __init__(self, inner):
            self.inner, self.param_groups = inner, inner.param_groups

        def step(self, closure=None):
            return self.inner.step(closure)

    w = numtorch.ones(1, requires_grad=True)
    wrapped = Wrapped(numtorch.optim.SGD([w], lr=0.5))
    w.sum().backward()
    seen = []
    wrapped.register_step_pre_hook(lambda *a: seen.append("pre"))
    wrapped.step()
    assert w.item() == 0.5 and seen == ["pre"] and not wrapped._step_post_hooks
    other = numtorch.optim.SGD([w], lr=0.5)
    assert not other._step_pre_hooks and not other._state_hooks
    numtorch.optim.lr_scheduler.StepLR(other, 1)
