"""Automatic differentiation: ``backward``, ``grad``, grad modes, ``Function``, gradient checks. See README.md."""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.autograd import forward_ad as forward_ad
from numtorch.autograd import functional as functional
from numtorch.autograd import graph as graph
from numtorch.autograd.anomaly import detect_anomaly as detect_anomaly
from numtorch.autograd.anomaly import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from numtorch.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
from numtorch.autograd.anomaly import set_detect_anomaly as set_detect_anomaly
from numtorch.autograd.drawing import draw as draw
from numtorch.autograd.function import Function as Function
from numtorch.autograd.gradcheck import GradcheckError as GradcheckError
from numtorch.autograd.gradcheck import gradcheck as gradcheck
from numtorch.autograd.gradcheck import gradgradcheck as gradgradcheck
from numtorch.autograd.graph import Variable as Variable
from numtorch.autograd.graph import backward as backward
from numtorch.autograd.graph import grad as grad
from numtorch.grad_mode import enable_grad as enable_grad
from numtorch.grad_mode import inference_mode as inference_mode
from numtorch.grad_mode import is_grad_enabled as is_grad_enabled
from numtorch.grad_mode import is_inference_mode_enabled as is_inference_mode_enabled
from numtorch.grad_mode import no_grad as no_grad
from numtorch.grad_mode import set_grad_enabled as set_grad_enabled

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
