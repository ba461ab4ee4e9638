"""Automatic differentiation: ``backward``, ``grad``, grad modes, ``Function``, checks. See README.md."""

from numtorch.autograd.grad_mode import enable_grad as enable_grad
from numtorch.autograd.grad_mode import inference_mode as inference_mode
from numtorch.autograd.grad_mode import no_grad as no_grad
from numtorch.autograd.grad_mode import set_grad_enabled as set_grad_enabled
