"""Tools for training: ``data`` supplies batches, ``checkpoint`` saves memory, ``tensorboard`` writes event files,
``dlpack`` exchanges tensors with other libraries."""

from typing import TYPE_CHECKING

from numtorch import absent

if TYPE_CHECKING:
    from numtorch.utils import benchmark as benchmark
    from numtorch.utils import checkpoint as checkpoint
    from numtorch.utils import data as data
    from numtorch.utils import deterministic as deterministic
    from numtorch.utils import dlpack as dlpack
    from numtorch.utils import flop_counter as flop_counter
    from numtorch.utils import model_zoo as model_zoo
    from numtorch.utils import tensorboard as tensorboard
    from numtorch.utils.swapping import swap_tensors as swap_tensors
else:  # loaded when first named: importing numtorch must not pay for worker processes and samplers
    __getattr__, __dir__ = absent.answers(
        __name__,
        ("benchmark", "checkpoint", "data", "deterministic", "dlpack", "flop_counter", "model_zoo", "tensorboard"),
        {"swapping": ("swap_tensors",)},
    )
