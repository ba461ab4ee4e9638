"""Functions on many parameters at once."""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from numtorch.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from numtorch.nn.utils.clip_grad import get_total_norm as get_total_norm
from numtorch.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from numtorch.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
