"""The programs of PyTorch's introductions, unchanged but for the import: the same numbers step by step."""

import numpy as np
import pytest
from same_as_torch import assert_same, copy_state, normal, torch

import numtorch as nt


def two_layers(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(784, 128)
            self.fc2 = nn.Linear(128, 10)

        def forward(self, x):
            x = torch.flatten(x, 1)
            x = torch.relu(self.fc1(x))
            return self.fc2(x)

    return Net()


def three_layers(torch):
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(784, 64)
            self.fc2 = nn.Linear(64, 32)
            self.fc3 = nn.Linear(32, 10)

        def forward(self, x):
            x = x.view(-1, 784)
            x = F.relu(self.fc1(x))
            x = F.relu(self.fc2(x))
            return F.log_softmax(self.fc3(x), dim=1).exp().log()

    return Net()


def lenet(torch):
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super(Net, self).__init__()  # noqa: UP008 - as it stands in the tutorial
            self.conv1 = nn.Conv2d(1, 6, 3)
            self.conv2 = nn.Conv2d(6, 16, 3)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
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

    return Net()


def sequential(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * 14 * 14, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 10),
    )  # fmt: skip


@pytest.mark.parametrize("build", [two_layers, three_layers, lenet, sequential])
def test_training_steps_are_torchs(build):
    torch.manual_seed(0)
    ours, theirs = build(nt), build(torch)
    copy_state(ours, theirs)
    assert repr(ours) == repr(theirs)
    x, t = normal(8, 1, 28, 28), np.arange(8) % 10
    losses = []
    for f, net in ((nt, ours), (torch, theirs)):
        optimizer = f.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        criterion = f.nn.CrossEntropyLoss()
        data, target, run = f.from_numpy(x), f.from_numpy(t), []
        for _ in range(4):
            optimizer.zero_grad()
            output = net(data)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            run.append(loss.item())
        losses.append(run)
        with f.no_grad():
            predicted = f.max(net.eval()(data), 1)[1]
        losses.append((predicted == target).sum().item())
    assert losses[1] == losses[3] and losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[0], losses[2], rtol=2e-4)
    for (name, p), (other, q) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert name == other
        assert_same(p, q, 5e-4)
