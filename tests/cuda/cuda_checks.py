"""What is computed on a GPU and on the CPU and must come out the same.

Each check is a function of the device that returns tensors and numbers. Shapes are tiny, so that Numba's
simulator runs them too:  NUMBA_ENABLE_CUDASIM=1 python tests/cuda/cuda_checks.py
"""

from __future__ import annotations

import json
import sys
import traceback

import numpy as np

import numtorch as torch
import numtorch.optim
from numtorch.ops import conv, pooling
from numtorch.ops.dropout import dropout

CHECKS = {}


def check(fn):
    CHECKS[fn.__name__] = fn
    return fn


def values(device, *shape, seed=0, grad=False, dtype=torch.float32):
    """Numbers between -2 and 2, the same on every device."""
    a = np.random.RandomState(seed).uniform(-2, 2, shape)
    return torch.tensor(a, dtype=dtype, device=device, requires_grad=grad)


def differentiated(y, *inputs):
    """The result and the gradients of a weighted sum of it."""
    weights = torch.arange(y.numel(), dtype=y.dtype, device=y.device).reshape(y.shape) * 0.1 + 1
    (y * weights).sum().backward()
    return (y, *[x.grad for x in inputs])


# --- elementwise ----------------------------------------------------------------------------------


@check
def flat(device):
    x = values(device, 6, grad=True)
    y = values(device, 6, seed=1, grad=True)
    return differentiated((x * y + 2).tanh() - x / (y * y + 1), x, y)


@check
def rows_and_columns(device):
    x = values(device, 2, 3, grad=True)
    row, column = values(device, 3, seed=1, grad=True), values(device, 2, 1, seed=2, grad=True)
    return differentiated(x * row + column, x, row, column)


@check
def strided(device):
    x = values(device, 2, 3, 2, grad=True)
    y = values(device, 3, 2, seed=1, grad=True)
    return differentiated(x.transpose(0, 2) * y.t().unsqueeze(2) + x[1].t().unsqueeze(2)[:, ::1, :1], x, y)


@check
def not_a_number(device):
    x = torch.tensor([float("nan"), 1.0, float("inf")], device=device)
    y = torch.nn.functional.max_pool2d(torch.stack([x, x.flip(0)]).reshape(1, 2, 3), 2, 1)
    return torch.maximum(x, torch.zeros(3, device=device)), x.isnan(), x.amax(), x.argmax(), x.relu(), y


@check
def numbers_on_the_cpu(device):
    """0-dim CPU tensors are welcome beside tensors on a GPU, as in torch."""
    x = values(device, 2, 3, grad=True)
    scale = torch.tensor(3.0, requires_grad=True)
    y, gx, gs = differentiated(x * scale + torch.tensor(1), x, scale)
    z = values(device, 3)
    z += torch.tensor(2.0)
    z[1] = torch.tensor(7.0)
    assert y.device == z.device == torch.tensor(0.0, device=device).device
    assert gs.device == torch.device("cpu")
    return y, gx, gs, z


@check
def types(device):
    x = values(device, 4)
    halves = x.half().cumsum(0) * 2, x.bfloat16() + x.bfloat16()
    return *halves, x.to(torch.int32) // 2, x > 0, x.double() * 0.1, (x > 0) & (x < 1)


@check
def in_place(device):
    x = values(device, 2, 3)
    x += 1
    x.mul_(values(device, 3, seed=1))
    x[0].fill_(2.0)
    x[:, 1] = 5.0
    x[1, 2:] -= 1
    before = x.clone()
    x.zero_()
    return before, x


# --- reductions -----------------------------------------------------------------------------------


@check
def extremes(device):
    x = values(device, 3, 4, grad=True)
    top, at = x.max(1)
    return (*differentiated(top + x.amin(1), x), at, x.argmin(0), x.argmax(), x.min(0).indices)


@check
def logic(device):
    x = values(device, 2, 3) > 0
    return x.any(), x.all(1), torch.count_nonzero(x, 0), x.sum()


@check
def long_rows(device):
    """Rows for a block each; whole sums in two stages."""
    x = torch.arange(80, device=device).reshape(2, 40)
    y = torch.arange(1100, dtype=torch.float64, device=device)
    return x.sum(1), x.float().mean(1), x.amax(1), y.sum(), y.argmax()


@check
def long_columns(device):
    x = torch.arange(2100, device=device).reshape(1050, 2)
    return x.sum(0), x.max(0).values, x.max(0).indices


# --- products -------------------------------------------------------------------------------------


@check
def products(device):
    x, y = values(device, 3, 5, grad=True), values(device, 5, 4, seed=1, grad=True)
    return differentiated(x @ y, x, y)


@check
def transposed_products(device):
    x, y = values(device, 5, 3, grad=True), values(device, 4, 5, seed=1, grad=True)
    return differentiated(x.t() @ y.t(), x, y)


@check
def tiles(device):
    """Every tile size, also where the matrix does not fill it."""
    from numtorch.kernels import registry
    from numtorch.ops import matmul_cuda

    chosen, results = matmul_cuda.registers_for, []
    try:
        for registers in matmul_cuda.REGISTERS:
            matmul_cuda.registers_for = lambda *sizes, registers=registers: registers
            registry.clear_memos()
            for ta, tb in ((False, False), (True, True)):
                x, y = values(device, 5, 3), values(device, 3, 3, seed=1)
                results.append((x.t().contiguous().t() if ta else x) @ (y.t().contiguous().t() if tb else y))
    finally:
        matmul_cuda.registers_for = chosen
        registry.clear_memos()
    return results


@check
def vectors(device):
    x, y = values(device, 4), values(device, 4, seed=1)
    return torch.dot(x, y), torch.outer(x, y), torch.mv(values(device, 2, 4), x)


# --- positions ------------------------------------------------------------------------------------


@check
def selected(device):
    x = values(device, 4, 3, grad=True)
    index = torch.tensor([3, 0, 3, -1], device=device)
    return differentiated(x[index] + x[index, torch.tensor([0, 1, 2, 0], device=device)].unsqueeze(1), x)


@check
def masked(device):
    x = values(device, 2, 4, grad=True)
    y = torch.where(x > 0, x, x * 0.1).masked_fill(x > 1, 9.0)
    z = values(device, 2, 4)
    z[z < 0] = 0.5
    z[torch.tensor([1], device=device)] = z[:1]
    return (*differentiated(y, x), x.detach()[x.detach() > 0], z, torch.nonzero(z > 1))


@check
def slices(device):
    x = values(device, 4, 5, grad=True)
    y = x[1:, ::2]
    return (
        *differentiated(torch.cat([y, y[:1]]) * y[0], x),
        x.detach()[2],
        x.detach()[1, 3].item(),
        x.detach()[-1].tolist(),
    )


# --- random numbers -------------------------------------------------------------------------------


@check
def random_numbers(device):
    torch.manual_seed(3)
    return (
        torch.rand(6, device=device),
        torch.randn(6, device=device),
        torch.randn(3, dtype=torch.float64, device=device),
        torch.rand(3, dtype=torch.float64, device=device),
        torch.randint(0, 9, (4,), device=device),
        torch.randperm(5, device=device),
        torch.zeros(3, device=device).normal_(1, 2),
        torch.rand(2, 2, device=device) < 0.5,
    )


@check
def random_numbers_of_intervals(device):
    torch.manual_seed(3)
    drawn = [
        torch.empty(64, dtype=d, device=device) for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    ]
    ends = [x.uniform_(1, 1.25) for x in drawn[:2]] + [x.clone().uniform_(-3, 5) for x in drawn]
    assert all((y < 1.25).all().item() for y in ends[:2])
    return (
        *ends,
        *(x.exponential_(2.0) for x in drawn),
        torch.bernoulli(torch.ones(9, dtype=torch.float16, device=device)),
    )


@check
def dropped(device):
    torch.manual_seed(3)
    x = values(device, 8, grad=True)
    return differentiated(dropout(x, 0.4), x)


# --- tensors --------------------------------------------------------------------------------------


@check
def moved(device):
    x = values("cpu", 2, 3, grad=True)
    y = x.t().to(device) * 2
    assert y.device == torch.device(device, 0) or device == "cpu"
    assert y.is_cuda == (device != "cpu")
    (y.cpu() * 3).sum().backward()
    assert x.grad.device == torch.device("cpu")
    return y, x.grad, y.to(torch.float64), y.to("cpu")


@check
def questions(device):
    """What ``torch.cuda`` says of the device."""
    if device != "cpu":
        cuda = torch.cuda
        assert cuda.is_available() and cuda.device_count() >= 1 and cuda.current_device() == 0
        assert isinstance(cuda.get_device_name(), str) and len(cuda.get_device_capability()) == 2
        assert cuda.get_device_properties(0).name == cuda.get_device_name("cuda:0")
        before = cuda.memory_allocated()
        x = torch.ones(1 << 10, device=device)
        assert cuda.memory_allocated() - before in (0, 4 << 10) and x.is_cuda
        del x
        free, total = cuda.mem_get_info()
        assert 0 <= free <= total
        cuda.empty_cache()
        cuda.set_device(0)
        with cuda.device(0):
            cuda.synchronize()
            assert torch.ones(1, device="cuda").device == torch.ones(1).to(0).device == torch.ones(1).cuda(0).device
        for bad in (cuda.device_count(), "cuda:99"):
            try:
                cuda.set_device(bad)
            except RuntimeError as e:
                assert "invalid device ordinal" in str(e)
            else:
                raise AssertionError(f"set_device({bad}) did not fail")
    return torch.zeros(1, device=device)


@check
def printed(device):
    x = values(device, 3)
    text = repr(x)
    if device != "cpu":
        assert ", device='cuda:0')" in text, text
        text = text.replace(", device='cuda:0'", "")
    assert f"{x[0]:.3f}" == f"{x[0].item():.3f}"
    return [float(n) for n in text.removeprefix("tensor([").removesuffix("])").split(",")]


@check
def copied(device):
    import copy
    import pickle

    x = values(device, 3, grad=True)
    y = copy.deepcopy(x)
    z = pickle.loads(pickle.dumps(x))
    assert y.device == z.device == x.device and y.requires_grad and z.requires_grad
    return y, z, torch.zeros_like(x), x.new_ones(2), torch.empty(0, device=device)


@check
def twice_differentiated(device):
    x = values(device, 3, grad=True)
    (x**3).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    (g * g).sum().backward()
    return g, x.grad


@check
def descended(device):
    """A layer of two inputs trained by hand."""
    torch.manual_seed(0)
    x, target = values(device, 4, 2), values(device, 4, 1, seed=1)
    w, b = values(device, 2, 1, seed=2, grad=True), torch.zeros(1, device=device, requires_grad=True)
    losses = []
    for _ in range(2):
        loss = ((x @ w + b - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.1 * p.grad
                p.grad = None
        losses.append(loss.item())
    return w, b, losses


def steps(device, make, count=2):
    """Parameters and losses of a small classifier after steps of an optimizer."""
    x, target = values(device, 4, 3), torch.tensor([0, 1, 1, 0], device=device)
    w1, w2 = values(device, 3, 4, seed=2, grad=True), values(device, 4, 2, seed=3, grad=True)
    b = torch.zeros(4, device=device, requires_grad=True)
    optimizer = make([w1, w2, b])
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        logits = torch.relu(x @ w1 + b) @ w2
        loss = -torch.gather(torch.log_softmax(logits, 1), 1, target.unsqueeze(1)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return w1, w2, b, losses


@check
def trained_with_sgd(device):
    return steps(device, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01))


@check
def trained_with_adam(device):
    return steps(device, lambda p: torch.optim.Adam(p, lr=0.1))


@check
def trained_with_adamw(device):
    return steps(device, lambda p: torch.optim.AdamW(p, lr=0.1), 1)


@check
def classified(device):
    """Losses with weights, and statistics of batches that are kept."""
    x, w = values(device, 2, 3, 2, grad=True), values(device, 3, seed=1).abs()
    labels = torch.tensor([[1, 0], [-100, 1]], device=device)
    loss = torch.nn.functional.cross_entropy(x, labels, w, label_smoothing=0.1)
    mean, var = torch.zeros(3, device=device), torch.ones(3, device=device)
    y = torch.nn.functional.batch_norm(x, mean, var, w, training=True)
    return (*differentiated(y + loss, x), mean, var)


@check
def convolved(device):
    """A small network of every kind of layer that classifies digits."""
    x, w, b = (
        values(device, 2, 1, 6, 6, grad=True),
        values(device, 2, 1, 3, 3, seed=1, grad=True),
        values(device, 2, seed=2, grad=True),
    )
    y = pooling.max_pool2d(torch.relu(conv.conv2d(x, w, b, padding=1)), 2)
    y = pooling.avg_pool2d(y, 2, padding=1).reshape(2, -1)
    loss = torch.nn.CrossEntropyLoss()(y, torch.tensor([3, 0], device=device))
    loss.backward()
    return y, loss, x.grad, w.grad, b.grad


# --- running them ---------------------------------------------------------------------------------


def as_arrays(results):
    flat = []
    for r in results if isinstance(results, tuple | list) else [results]:
        flat.append(
            np.asarray(r.detach().cpu().float().numpy() if isinstance(r, torch.Tensor) else r, dtype=np.float64)
        )
    return flat


def difference(name, device):
    """What is wrong with a check's results on the device; "" if nothing."""
    want = as_arrays(CHECKS[name]("cpu"))
    got = as_arrays(CHECKS[name](device))
    if len(want) != len(got):
        return f"{len(got)} results instead of {len(want)}"
    for i, (w, g) in enumerate(zip(want, got, strict=True)):
        if w.shape != g.shape or not np.allclose(w, g, rtol=2e-5, atol=1e-6, equal_nan=True):
            return f"result {i} is {g.tolist()}, on the CPU {w.tolist()}"
    return ""


def main(names):
    """Run on 'cuda'; print a JSON object from check to what is wrong with it."""
    found = {}
    for name in names or CHECKS:
        try:
            found[name] = difference(name, "cuda")
        except Exception:
            found[name] = traceback.format_exc()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
