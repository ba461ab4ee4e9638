"""What a child process finds as ``torch``: it makes this name, and all below it, numtorch's."""

import sys
from pathlib import Path

try:
    from numtorch import torch_shim
except ImportError:  # numtorch is not installed, but was found beside the program that started this process
    sys.path.append(str(Path(__file__).parents[4]))
    from numtorch import torch_shim

torch_shim.install_as_parent()
