"""Functions that transform functions: ``grad``, ``vjp``, ``jvp``, ``jacrev``, ``jacfwd``, ``hessian``, ``vmap``.

    transforms.py  derivatives; the passes through the graph are in ``autograd/passes.py``
    mapping.py     vmap: hides a dimension, and takes it out of the results
    calls.py       an op on tensors with a hidden dimension (``autograd/batched.py``): by its rule, or sample by sample
    rules.py       the rules of ops that move, reduce, sort and pick elements
    layers.py      the rules of products, convolutions, pooling and normalization
    samples.py     the methods of such tensors
    functions.py   ``autograd.Function`` under vmap
    modules.py     networks as functions of their parameters

Transforms nest. A function that is differentiated inside ``vmap`` gets tensors with the hidden dimensions of all
levels, so that each sample has its own gradient; the graph records the ops on the tensors behind them. Tangents go
through a graph that has been recorded, all at once: ``jacfwd`` and ``hessian`` compute their function only once.
"""

from typing import TYPE_CHECKING

from numtorch import absent
from numtorch.func import functions as functions
from numtorch.func.mapping import vmap as vmap
from numtorch.func.modules import functional_call as functional_call
from numtorch.func.modules import replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_
from numtorch.func.modules import stack_module_state as stack_module_state
from numtorch.func.transforms import debug_unwrap as debug_unwrap
from numtorch.func.transforms import functionalize as functionalize
from numtorch.func.transforms import grad as grad
from numtorch.func.transforms import grad_and_value as grad_and_value
from numtorch.func.transforms import hessian as hessian
from numtorch.func.transforms import jacfwd as jacfwd
from numtorch.func.transforms import jacrev as jacrev
from numtorch.func.transforms import jvp as jvp
from numtorch.func.transforms import linearize as linearize
from numtorch.func.transforms import vjp as vjp

if not TYPE_CHECKING:
    __getattr__, __dir__ = absent.answers(__name__)
