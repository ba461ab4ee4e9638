"""``torch.signal``: the windows of signal processing."""

from numtorch import absent
from numtorch.signal import windows as windows

__getattr__, __dir__ = absent.answers(__name__)
