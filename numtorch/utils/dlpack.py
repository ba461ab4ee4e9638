"""Tensors given to and taken from other libraries without a copy: ``from_dlpack``, ``to_dlpack``."""

from numtorch.dlpack import DLDeviceType as DLDeviceType
from numtorch.dlpack import from_dlpack as from_dlpack
from numtorch.dlpack import to_dlpack as to_dlpack
