"""torchdiffeq: adaptive and fixed solvers, and gradients by the adjoint method."""

import torch
from _values import fill, norm, numbers, tell
from torchdiffeq import odeint, odeint_adjoint


class Field(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = fill(torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)))

    def forward(self, t, y):
        return self.net(y**3)


field, start, times = Field(), numbers(0, 5, 2), torch.linspace(0, 1, 4)
found = {m: odeint(field, start, times, method=m)[-1] for m in ("dopri5", "rk4", "euler", "dopri8")}
odeint_adjoint(field, start, times)[-1].square().sum().backward()
tell(adjoint=norm(field), **found)
