"""torchinfo: the table of a network, with its parameters and operations."""

import torch
from _values import tell
from torchinfo import summary

nn = torch.nn
net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
found = summary(net, (1, 3, 8, 8), verbose=0)
tell(parameters=found.total_params, operations=found.total_mult_adds, text=str(found))
