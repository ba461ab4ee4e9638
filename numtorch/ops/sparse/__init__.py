"""Sparse tensors: how they are made, what is computed with them, and which methods they have."""

from numtorch.ops.sparse import functions as functions
from numtorch.ops.sparse import gradients as gradients
from numtorch.ops.sparse import making as making
from numtorch.ops.sparse import methods as methods
from numtorch.ops.sparse import patterns as patterns
from numtorch.ops.sparse import products as products
from numtorch.ops.sparse import rules as rules
