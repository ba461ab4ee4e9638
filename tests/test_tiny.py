"""The framework in seconds: run this before every commit."""

import numtorch as torch


def test_add():
    assert (torch.tensor([1.0, 2.0]) + torch.tensor([10.0, 20.0])).tolist() == [11.0, 22.0]


def test_broadcast_and_reduce():
    x = torch.arange(6).reshape(2, 3)
    assert (x * torch.tensor([1, 0, 2])).sum(1).tolist() == [4, 13]


def test_backward():
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    (torch.relu(x) * x).sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 6.0]


def test_a_line_is_found():
    torch.manual_seed(0)
    x = torch.randn(64, 2)
    y = x @ torch.tensor([2.0, -3.0]) + 0.5
    w, b = torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)
    for _ in range(100):
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.1 * p.grad
                p.grad = None
    assert loss.item() < 1e-6
    assert torch.allclose(w, torch.tensor([2.0, -3.0]), atol=1e-3)
    assert abs(b.item() - 0.5) < 1e-3
