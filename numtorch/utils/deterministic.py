"""``torch.utils.deterministic``: a setting of PyTorch's that can be set and read, and changes nothing.

>>> import numtorch as torch
>>> torch.utils.deterministic.fill_uninitialized_memory
True
"""

fill_uninitialized_memory = True
