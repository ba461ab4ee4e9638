"""``torch.autograd.grad_mode``: whether ops record a graph, under PyTorch's name for the module."""

from numtorch.grad_mode import enable_grad as enable_grad
from numtorch.grad_mode import inference_mode as inference_mode
from numtorch.grad_mode import no_grad as no_grad
from numtorch.grad_mode import set_grad_enabled as set_grad_enabled
