"""Functions on parameters: clipping, flattening, normalising, pruning, fusing; and sequences of different lengths.

What few programs need is imported when it is named.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.nn.utils import rnn as rnn
from numtorch.nn.utils.clip_grad import clip_grad_norm as clip_grad_norm
from numtorch.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from numtorch.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from numtorch.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from numtorch.nn.utils.clip_grad import get_total_norm as get_total_norm
from numtorch.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from numtorch.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters

if TYPE_CHECKING:
    from numtorch.nn.utils import fusion as fusion
    from numtorch.nn.utils import init as init
    from numtorch.nn.utils import memory_format as memory_format
    from numtorch.nn.utils import parametrizations as parametrizations
    from numtorch.nn.utils import parametrize as parametrize
    from numtorch.nn.utils import prune as prune
    from numtorch.nn.utils import stateless as stateless
    from numtorch.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
    from numtorch.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
    from numtorch.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
    from numtorch.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
    from numtorch.nn.utils.hooked_norms import remove_spectral_norm as remove_spectral_norm
    from numtorch.nn.utils.hooked_norms import remove_weight_norm as remove_weight_norm
    from numtorch.nn.utils.hooked_norms import spectral_norm as spectral_norm
    from numtorch.nn.utils.hooked_norms import weight_norm as weight_norm
    from numtorch.nn.utils.init import skip_init as skip_init
    from numtorch.nn.utils.memory_format import (
        convert_conv2d_weight_memory_format as convert_conv2d_weight_memory_format,
    )
    from numtorch.nn.utils.memory_format import (
        convert_conv3d_weight_memory_format as convert_conv3d_weight_memory_format,
    )
else:
    __getattr__, __dir__ = absent.answers(
        __name__,
        ("fusion", "init", "memory_format", "parametrizations", "parametrize", "prune", "stateless"),
        {
            "fusion": ("fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"),
            "hooked_norms": ("remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"),
            "init": ("skip_init",),
            "memory_format": ("convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"),
        },
    )
