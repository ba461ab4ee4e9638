"""Whole training steps compile for GPUs: forward, loss, backward and optimizer, with nothing in double precision."""

import pytest

import numtorch as torch
from numtorch import nn
from numtorch.kernels import launch
from numtorch.ops import conv, pooling


class LeNet(nn.Module):
    """The usual network for 28 x 28 digits."""

    def __init__(self):
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.rand(6, 1, 5, 5)), nn.Parameter(torch.rand(6))
        self.w2, self.b2 = nn.Parameter(torch.rand(16, 6, 5, 5)), nn.Parameter(torch.rand(16))
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)
        )

    def forward(self, x):
        x = pooling.max_pool2d(torch.relu(conv.conv2d(x, self.w1, self.b1, padding=2)), 2)
        x = pooling.avg_pool2d(torch.relu(conv.conv2d(x, self.w2, self.b2)), 2)
        return self.classify(x)


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.001),
}


def train(make, optimizer):
    """Two steps on a batch of 64, the second as all later ones."""
    model = make().to("cuda")
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    loss_of = nn.CrossEntropyLoss()
    x, y = torch.rand(64, 1, 28, 28, device="cuda"), torch.zeros(64, dtype=torch.int64, device="cuda")
    for _ in range(2):
        optimizer.zero_grad()
        out = model(x)
        loss_of(out, y).backward()
        optimizer.step()
    assert all(p.grad.is_cuda for p in model.parameters())
    return (out.argmax(1) == y).sum().item()


@pytest.mark.parametrize("capability", [(8, 0), (9, 0)], ids=["sm_80", "sm_90"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make, kernels", [(mlp, 15), (LeNet, 25)])
def test_training_step_compiles(make, kernels, optimizer, capability):
    with launch.compiling_for(capability) as compiled:
        train(make, optimizer)
    doubles = [name for (name, signature), text in compiled.ptx.items() if ".f64" in text or "float64" in signature]
    assert not doubles
    names = {name.split()[0] for name, _ in compiled.ptx}
    assert len(compiled.ptx) >= kernels, sorted(names)
    assert any(name.startswith(optimizer) for name in names), sorted(names)
    assert any(name.startswith("matmul_") for name in names)
