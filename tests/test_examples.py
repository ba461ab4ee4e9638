"""The introductory PyTorch programs, as they stand in tutorials, with only the import changed."""

from __future__ import annotations

import numpy as np
import pytest

import numtorch as torch
import numtorch.nn as nn
import numtorch.nn.functional as F
import numtorch.optim as optim
from numtorch.utils.data import DataLoader
from numtorch.vision import datasets, transforms
from numtorch.vision.datasets import idx


def test_first_tensor():
    x = torch.tensor([1.0, 2.0, 3.0])
    y = x + 1
    assert repr(y) == "tensor([2., 3., 4.])"
    assert x.requires_grad is False
    x.requires_grad = True
    y = x * x
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        y.backward()
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_blitz_autograd():
    assert torch.empty(5, 3).size() == torch.Size([5, 3])
    x = torch.ones(2, 2, requires_grad=True)
    y = x + 2
    assert str(y.grad_fn).startswith("<AddBackward0 object at 0x")
    z = y * y * 3
    out = z.mean()
    assert repr(z) == "tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>)"
    assert repr(out) == "tensor(27., grad_fn=<MeanBackward0>)"
    out.backward()
    assert repr(x.grad) == "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])"


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        return self.fc2(x)


class ThreeLayers(nn.Module):
    def __init__(self):
        super(ThreeLayers, self).__init__()  # noqa: UP008 - as the tutorials write it
        self.fc1 = nn.Linear(28 * 28, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        x = x.view(-1, 28 * 28)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class LeNet(nn.Module):
    def __init__(self):
        super(LeNet, self).__init__()  # noqa: UP008
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(16 * 6 * 6, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


def test_print_net():
    assert (
        repr(LeNet())
        == """LeNet(
  (conv1): Conv2d(1, 6, kernel_size=(3, 3), stride=(1, 1))
  (conv2): Conv2d(6, 16, kernel_size=(3, 3), stride=(1, 1))
  (fc1): Linear(in_features=576, out_features=120, bias=True)
  (fc2): Linear(in_features=120, out_features=84, bias=True)
  (fc3): Linear(in_features=84, out_features=10, bias=True)
)"""
    )


def test_blitz_network():
    torch.manual_seed(0)
    net = LeNet()
    assert [tuple(p.size()) for p in net.parameters()][:2] == [(6, 1, 3, 3), (6,)]
    input = torch.randn(1, 1, 32, 32)
    out = net(input)
    net.zero_grad()
    out.backward(torch.randn(1, 10))
    target = torch.randn(10).view(1, -1)
    output = net(input)
    loss = nn.MSELoss()(output, target)
    assert loss.grad_fn.next_functions[0][0] is not None
    net.zero_grad()
    loss.backward()
    assert net.conv1.bias.grad.shape == (6,)
    for f in net.parameters():
        f.data.sub_(f.grad.data * 0.01)
    assert nn.MSELoss()(net(input), target).item() < loss.item()


@pytest.mark.parametrize("model", [TwoLayers, ThreeLayers])
def test_training_loop_learns(model):
    torch.manual_seed(0)
    labels = torch.randint(0, 10, (256,))
    images = torch.randn(10, 1, 28, 28)[labels] + 0.5 * torch.randn(256, 1, 28, 28)  # ten kinds that can be told apart
    train_loader = DataLoader([(images[i], int(labels[i])) for i in range(256)], batch_size=64, shuffle=True)
    net = model()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    first = last = None
    for _ in range(12):
        running_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, targets.type(torch.LongTensor))
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        first = running_loss if first is None else first
        last = running_loss
    assert last < 0.5 * first
    correct = total = 0
    with torch.no_grad():
        for inputs, targets in train_loader:
            outputs = net(inputs)
            _, predicted = torch.max(outputs.data, 1)
            total += targets.size(0)
            correct += (predicted == targets).sum().item()
    assert total == 256 and correct > 180


def test_mnist_pipeline(tmp_path):
    rng = np.random.default_rng(0)
    for name, values in {
        "train-images-idx3-ubyte": rng.integers(0, 256, (200, 28, 28), np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 200, np.uint8),
    }.items():
        (tmp_path / name).write_bytes(idx.encode(values))
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    trainset = datasets.MNIST(root=str(tmp_path), train=True, download=False, transform=transform)
    images, labels = next(iter(DataLoader(trainset, batch_size=64, shuffle=True)))
    assert images.shape == (64, 1, 28, 28) and labels.dtype is torch.int64
    again = transforms.Normalize((0.5,), (0.5,))(images)
    np.testing.assert_allclose(again.numpy(), (images.numpy() - 0.5) / 0.5, rtol=1e-6)


def test_linear_and_logistic_regression():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    line = nn.Linear(1, 1)
    optimizer = optim.Adam(line.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(line(x), 3 * x + 1).backward()
        optimizer.step()
    assert abs(line.weight.item() - 3) < 1e-2 and abs(line.bias.item() - 1) < 1e-2
    side = (x > 0.2).float()
    logistic = nn.Linear(1, 1)
    optimizer = optim.SGD(logistic.parameters(), lr=1.0)
    for _ in range(400):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(logistic(x), side).backward()
        optimizer.step()
    assert ((logistic(x) > 0).float() == side).float().mean().item() > 0.95


def test_embedding_and_attention_block():
    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.position = nn.Embedding(17, 32), nn.Embedding(8, 32)
            self.norm1, self.norm2 = nn.LayerNorm(32), nn.LayerNorm(32)
            self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)
            self.mlp = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))
            self.head = nn.Linear(32, 17)

        def forward(self, idx):
            b, t = idx.shape
            x = self.token(idx) + self.position(torch.arange(t))
            q, k, v = (u.view(b, t, 4, 8).transpose(1, 2) for u in self.qkv(self.norm1(x)).split(32, dim=2))
            att = (q @ k.transpose(-2, -1)) * (1.0 / 8**0.5)
            att = att.masked_fill(torch.tril(torch.ones(t, t)) == 0, float("-inf"))
            y = F.softmax(att, dim=-1) @ v
            x = x + self.out(y.transpose(1, 2).contiguous().view(b, t, 32))
            return self.head(x + self.mlp(self.norm2(x)))

    net = Block()
    optimizer = optim.AdamW(net.parameters(), lr=3e-3)
    idx = torch.randint(0, 17, (16, 9))
    losses = []
    for _ in range(60):
        logits = net(idx[:, :-1])
        loss = F.cross_entropy(logits.view(-1, 17), idx[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
