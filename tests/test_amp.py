"""``torch.amp``: ops compute in PyTorch's types within a block, and the scaler scales as PyTorch's."""

import threading

import pytest

import numtorch
from numtorch import nn, torch_shim
from numtorch.amp import autocast_mode
from numtorch.dispatch import interception
from numtorch.torch_shim import placeholders

without_gpu = pytest.mark.skipif(numtorch.cuda.is_available(), reason="there is a GPU")


@without_gpu
def test_without_a_gpu_it_is_off():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        context = numtorch.autocast("cuda", dtype=numtorch.float16)
    with context:
        assert (numtorch.ones(2, 2) @ numtorch.ones(2, 2)).dtype is numtorch.float32
    with pytest.warns(UserWarning, match="enabled, but CUDA is not available"):
        scaler = numtorch.amp.GradScaler("cuda")
    x = numtorch.ones(1)
    assert scaler.scale(x) is x and scaler.get_scale() == 1.0 and scaler.state_dict() == {} and not scaler.is_enabled()


def dtypes(t):
    """Of the results of functions within a block, by what stands for each."""
    F = t.nn.functional
    x, w = t.ones(2, 3), t.ones(4, 3, requires_grad=True)
    half, image = x.bfloat16(), t.ones(1, 1, 4, 4)
    with t.autocast("cpu", dtype=t.bfloat16):
        found = {
            "@": x @ w.t(),
            "matmul": t.matmul(x, w.t()),
            "mm": x.mm(w.t()),
            "bmm": t.bmm(x[None], w.t()[None]),
            "addmm": t.addmm(t.zeros(4), x, w.t()),
            "einsum": t.einsum("ij,kj->ik", x, w),
            "linear": F.linear(x, w),
            "conv1d": F.conv1d(image[:, 0, :1], t.ones(1, 1, 3)),
            "conv2d": F.conv2d(image, image),
            "prelu": F.prelu(x, t.ones(1)),
            "attention": F.scaled_dot_product_attention(image, image, image),
            "double": x.double() @ w.t().double(),
            "+": x + half,
            "softmax of a half": F.softmax(half, -1),
            "layer_norm": F.layer_norm(x, (3,)),
            "mse_loss": F.mse_loss(half, half),
            "cross_entropy": F.cross_entropy(half, t.tensor([0, 1])),
            "prod": t.prod(half),
            "cat": t.cat([x, half]),
            "stack": t.stack([half, half]),
            "layers": t.nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)(t.ones(1, 2, 6)),
            "cell": t.nn.LSTMCell(3, 4)(x)[0],
        }
        with t.autocast("cpu", enabled=False):
            found["off"] = x @ w.t()
        found["on again"] = x @ w.t()
    return {name: str(y.dtype) for name, y in {**found, "after": x @ w.t()}.items()}


HALF, WIDE = "torch.bfloat16", "torch.float32"
DTYPES = {
    **dict.fromkeys(["@", "matmul", "mm", "bmm", "addmm", "einsum", "linear", "conv1d", "conv2d", "prelu"], HALF),
    **dict.fromkeys(["attention", "softmax of a half", "stack", "on again"], HALF),
    **dict.fromkeys(["+", "layer_norm", "mse_loss", "cross_entropy", "prod", "cat", "layers", "cell"], WIDE),
    **dict.fromkeys(["off", "after"], WIDE),
    "double": "torch.float64",
}


@pytest.mark.plain
def test_types_within_a_block():
    assert dtypes(numtorch) == DTYPES


def test_types_are_those_of_torch():
    assert dtypes(pytest.importorskip("torch")) == DTYPES


def test_a_parameter_is_cast_once_and_its_gradient_is_whole():
    w, x = numtorch.ones(4, 3, requires_grad=True), numtorch.ones(2, 3)
    seen = []
    with numtorch.autocast("cpu"):
        for _ in range(2):
            y = nn.functional.linear(x, w)
            seen.append(y.grad_fn.next_functions[1][0])
            y.sum().backward()
        with numtorch.no_grad():
            w += 1  # another version, another cast
        assert nn.functional.linear(x, w)[0, 0].item() == 6
    assert seen[0] is seen[1]
    assert w.grad.dtype is numtorch.float32 and w.grad.tolist() == [[4.0] * 3] * 4


def test_backward_within_the_block_computes_in_the_types_of_forward():
    x = numtorch.ones(3, 3, requires_grad=True)
    with numtorch.autocast("cpu", enabled=False):
        y = x @ x
    with numtorch.autocast("cpu"):
        (g,) = numtorch.autograd.grad(y.sum(), x, create_graph=True)
    assert g.dtype is numtorch.float32


def test_another_thread_is_not_concerned():
    found = []
    x = numtorch.ones(2, 2)
    with numtorch.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((x @ x).dtype))
        thread.start()
        thread.join()
        assert (x @ x).dtype is numtorch.bfloat16
    assert found == [numtorch.float32]


def test_other_threads_call_the_functions_while_they_are_exchanged():
    x, failures, over = numtorch.ones(2, 2), [], threading.Event()

    def work():
        while not over.is_set():
            try:
                assert numtorch.nn.functional.linear(x, x).dtype is numtorch.float32
                assert numtorch.prod(x).dtype is numtorch.float32
                assert numtorch.cat([x, x]).shape == (4, 2)
            except Exception as error:  # noqa: BLE001 - any is a failure
                failures.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        with numtorch.autocast("cpu"):
            pass
    over.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_functions_are_as_before_when_the_block_ends():
    codes = {f: (f.__code__, f.__defaults__, f.__kwdefaults__) for f in autocast_mode._functions()}
    x = numtorch.ones(2, 2)
    with pytest.raises(ZeroDivisionError), numtorch.autocast("cpu"):
        numtorch.softmax(x, 0)
        with numtorch.kernels.use("matmul", "widened"):  # which has fronts written anew
            assert (x @ x).dtype is numtorch.bfloat16
        (x @ x).fill_(1 / 0)
    assert (x @ x).dtype is numtorch.float32 and not numtorch.is_autocast_enabled("cpu")
    known = [f for f, c in codes.items() if c == (f.__code__, f.__defaults__, f.__kwdefaults__)]
    assert len(known) > len(codes) - 12  # all but those whose code was first written within
    assert not interception.STANDING_BY


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_network_learns_in_a_half_type(name):
    numtorch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer, scaler = numtorch.optim.Adam(net.parameters(), lr=0.02), numtorch.amp.GradScaler("cpu")
    x = numtorch.randn(64, 4)
    target = x.sum(1, keepdim=True)
    losses = []
    for _ in range(60):
        with numtorch.autocast("cpu", dtype=getattr(numtorch, name)):
            loss = nn.functional.mse_loss(net(x), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert loss.dtype is numtorch.float32 and losses[-1] < losses[0] / 10


def test_functions_of_the_users_own():
    class Twice(numtorch.autograd.Function):
        @staticmethod
        @numtorch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x @ x

        @staticmethod
        @numtorch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            seen.append((ctx.saved_tensors[0] @ g.float()).dtype)
            return g @ ctx.saved_tensors[0].T

    seen = []
    x = numtorch.ones(2, 2, requires_grad=True)
    with numtorch.autocast("cpu"):
        y = Twice.apply(x)
    y.float().sum().backward()
    assert y.dtype is numtorch.bfloat16 and seen == [numtorch.bfloat16]

    @numtorch.autocast("cpu")
    def decorated(x):
        return x @ x

    assert decorated(x).dtype is numtorch.bfloat16


def test_mistakes():
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'tpu'"):
        numtorch.autocast("tpu")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class 'numtorch"):
        numtorch.autocast(numtorch.device("cpu"))
    with pytest.warns(UserWarning, match="target dtype torch.float64 is not supported. Disabling"):
        block = numtorch.autocast("cpu", dtype=numtorch.float64)
    with block:
        assert not numtorch.is_autocast_enabled("cpu")


def test_the_older_names(monkeypatch):
    monkeypatch.setattr(placeholders, "ASKED", {})
    monkeypatch.setenv(torch_shim.VARIABLE, "lenient:")
    with torch_shim.install():
        import torch
        from torch.amp.grad_scaler import GradScaler
        from torch.cuda.amp import GradScaler as Older
        from torch.cuda.amp import autocast

        assert issubclass(Older, GradScaler) and issubclass(autocast, torch.autocast)
        assert torch.cuda.amp.autocast is autocast
        with autocast(enabled=False):
            assert not Older(enabled=False).is_enabled()


def test_steps_as_in_torch():
    """Also with infinite gradients, with growth, and with gradients that are clipped in between."""
    torch = pytest.importorskip("torch")
    said = []
    for t in (torch, numtorch):
        scaler = t.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
        w = t.ones(2, requires_grad=True)
        opt = t.optim.SGD([w], lr=0.1)
        seen = []
        for i in range(7):
            opt.zero_grad()
            factor = float("inf") if i == 3 else float("nan") if i == 5 else float(i)
            scaler.scale((w * w * factor).sum()).backward()
            if i % 2:
                scaler.unscale_(opt)
                t.nn.utils.clip_grad_norm_([w], 1.0)
            scaler.step(opt)
            scaler.update()
            seen += [scaler.get_scale(), [round(v, 5) for v in w.tolist()]]
        other = t.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        assert other.state_dict() == scaler.state_dict()
        with pytest.raises(RuntimeError, match="already been called"):
            scaler.unscale_(opt)
            scaler.unscale_(opt)
        said.append((seen, scaler.state_dict()))
    assert said[0] == said[1]
